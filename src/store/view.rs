//! Owns how the rows of many members become their views; knows nothing of what is decided from them.

use std::collections::{BTreeMap, HashMap};

use super::value::{Dialect, Flaw, Row, Statement, Value};
use super::{MemberKey, StoreError, rows};
use crate::domain::ids::{OrderId, ProductKey, Timestamp};
use crate::domain::member::{MemberView, Suppression};
use crate::domain::order::Line;

/// Members whose views are loaded together.
pub(super) const BATCH: usize = 500;

/// What to ask for the views of these members, as of `now`; [`views`] reads the answers.
pub(super) fn questions(
    dialect: Dialect,
    members: &[MemberKey],
    now: Timestamp,
    caps_since: Timestamp,
) -> Vec<Statement> {
    let keys: Value = members.iter().map(|m| m.0).collect();
    let only = |sql: String| Statement::new(sql, vec![keys.clone()]);
    let since = |sql: String, at: Timestamp| Statement::new(sql, vec![keys.clone(), at.into()]);
    let [member, line, suppression, occasion, job, dropout] = selects(&dialect.any("$1"));
    vec![
        only(member),
        only(line),
        since(suppression, now),
        only(occasion),
        since(job, caps_since),
        only(dropout),
    ]
}

/// What is asked of each table, the members' keys being `any` of the first value.
fn selects(any: &str) -> [String; 6] {
    let (member, occasion, job, unfinished) = (rows::MEMBER, rows::OCCASION, rows::JOB, rows::UNFINISHED);
    [
        format!("SELECT key, planned_with, {member} FROM member WHERE key {any} ORDER BY key"),
        format!(
            "SELECT l.member, l.at, o.id, l.product, l.quantity, l.counted, l.gift, l.delivered_at \
             FROM line l JOIN orders o ON o.key = l.order_key WHERE l.member {any} \
             ORDER BY l.member, l.at, l.order_key, l.line"
        ),
        format!(
            "SELECT m.key, s.purpose, s.item, s.until, s.key AS n FROM member m JOIN suppression s ON s.member = m.key \
             WHERE m.key {any} AND (s.until IS NULL OR s.until > $2) \
             UNION ALL \
             SELECT m.key, s.purpose, s.item, s.until, s.key AS n FROM member m JOIN suppression s ON s.address = m.address \
             WHERE m.key {any} AND (s.until IS NULL OR s.until > $2) ORDER BY n"
        ),
        format!(
            "SELECT o.member, {occasion}, \
                CASE WHEN o.state = 'open' OR (o.state = 'served' AND {unfinished}) THEN o.evidence END \
             FROM occasion o LEFT JOIN job j ON j.key = o.job WHERE o.member {any} \
             ORDER BY o.member, o.rule, o.step, o.item, o.cycle"
        ),
        format!(
            "SELECT j.member, {job}, CASE WHEN {unfinished} THEN j.content END FROM job j WHERE j.member {any} \
             AND ({unfinished} OR (NOT j.shadow AND coalesce(j.handed_over_at, j.assembled_at) >= $2)) ORDER BY j.key"
        ),
        format!("SELECT member, level, multiplier FROM dropout WHERE member {any}"),
    ]
}

/// The views from the answers to [`questions`], in key order.
pub(super) fn views(
    answers: Vec<Vec<Row>>,
    now: Timestamp,
) -> Result<Vec<(MemberKey, MemberView)>, StoreError> {
    let [members, lines, suppressions, occasions, jobs, dropout]: [Vec<Row>; 6] =
        answers.try_into().map_err(|_| StoreError::corrupt("member", "*", "six answers make a view"))?;
    let mut views = Vec::with_capacity(members.len());
    let mut place = HashMap::with_capacity(members.len());
    for row in members {
        let (key, view) = row.keyed("member", bare)?;
        place.insert(key, views.len());
        views.push((MemberKey(key), view));
    }
    let mut each = |rows: Vec<Row>,
                    table: &'static str,
                    add: &mut dyn FnMut(&mut MemberView, &mut Row) -> Result<(), Flaw>| {
        rows.into_iter().try_for_each(|row| fill(&mut views, &place, row, table, add))
    };
    let mut last_order: Option<OrderId> = None;
    each(lines, "line", &mut |view, row| add_line(view, row, &mut last_order, now))?;
    each(suppressions, "suppression", &mut |view, row| {
        view.suppressions.push(suppression(row)?);
        Ok(())
    })?;
    each(occasions, "occasion", &mut |view, row| {
        view.occasions.push(rows::occasion(row)?);
        Ok(())
    })?;
    each(jobs, "job", &mut |view, row| {
        view.jobs.push(rows::job(row)?);
        Ok(())
    })?;
    each(dropout, "dropout", &mut |view, row| {
        view.dropout.insert(row.word(rows::level)?, row.real()?);
        Ok(())
    })?;
    Ok(views)
}

/// Hands a row to the view of the member that opens it.
fn fill(
    views: &mut [(MemberKey, MemberView)],
    place: &HashMap<i64, usize>,
    row: Row,
    table: &'static str,
    add: &mut dyn FnMut(&mut MemberView, &mut Row) -> Result<(), Flaw>,
) -> Result<(), StoreError> {
    let mut row = row;
    let key = row.int().map_err(|why| StoreError::corrupt(table, "?", why))?;
    let Some((_, view)) = place.get(&key).and_then(|&i| views.get_mut(i)) else { return Ok(()) };
    add(view, &mut row)
        .map_err(|why| StoreError::corrupt(table, format!("of member {key} ({})", view.member.id), why))
}

fn bare(row: &mut Row) -> Result<MemberView, Flaw> {
    let planned_with = row.opt_text()?;
    Ok(MemberView {
        member: rows::member(row)?,
        lines: Vec::new(),
        next_line_at: None,
        suppressions: Vec::new(),
        occasions: Vec::new(),
        jobs: Vec::new(),
        dropout: BTreeMap::new(),
        planned_with,
    })
}

/// Lines come in time order: the first beyond `now` is when the clock alone will change the view.
fn add_line(
    view: &mut MemberView,
    row: &mut Row,
    last: &mut Option<OrderId>,
    now: Timestamp,
) -> Result<(), Flaw> {
    let at = row.time()?;
    if at > now {
        view.next_line_at.get_or_insert(at);
        return Ok(());
    }
    let id = row.text()?;
    let order = match last {
        Some(order) if order.as_str() == id => order.clone(),
        _ => last.insert(id.into()).clone(),
    };
    let (product, quantity, counted, gift) = (ProductKey(row.int()?), row.real()?, row.bool()?, row.bool()?);
    view.lines.push(Line { order, product, at, quantity, counted, gift, delivered_at: row.opt_time()? });
    Ok(())
}

fn suppression(row: &mut Row) -> Result<Suppression, Flaw> {
    Ok(Suppression { purpose: row.opt_word(rows::purpose)?, item: row.opt_text()?, until: row.opt_time()? })
}
