//! Owns how the rows of many members become their views; knows nothing of what is decided from them.

use std::collections::{BTreeMap, HashMap};

use super::value::{Dialect, Flaw, Row, Statement, Value};
use super::{MemberKey, StoreError, importing, pauses, rows};
use crate::domain::ids::{Day, OrderId, ProductKey, Timestamp};
use crate::domain::member::MemberView;
use crate::domain::order::Line;
use crate::domain::pause::PauseScope;

/// Members whose views are loaded together.
pub(super) const BATCH: usize = 500;

/// Members in key order, each with its view, or with the row that cannot be read.
pub(super) type Views = Vec<(MemberKey, Result<MemberView, StoreError>)>;

/// What to ask for the views of these members, as of `now`; [`views`] reads the answers.
pub(super) fn questions(
    dialect: Dialect,
    members: &[MemberKey],
    now: Timestamp,
    caps_since: Timestamp,
) -> Vec<Statement> {
    asked(dialect, members, now, caps_since, false)
}

/// The same for a decision, which writes.
pub(super) fn questions_to_decide(
    dialect: Dialect,
    members: &[MemberKey],
    now: Timestamp,
    caps_since: Timestamp,
) -> Vec<Statement> {
    asked(dialect, members, now, caps_since, true)
}

fn asked(
    dialect: Dialect,
    members: &[MemberKey],
    now: Timestamp,
    caps_since: Timestamp,
    decides: bool,
) -> Vec<Statement> {
    let any = dialect.any("$1");
    let ask = |sql: String, also: Option<Timestamp>| {
        let mut values: Vec<Value> = vec![members.iter().map(|m| m.0).collect()];
        values.extend(also.map(Value::from));
        Statement::new(sql, values)
    };
    vec![
        ask(
            format!(
                "SELECT key, planned_with, stage, stage_since, {} FROM member WHERE key {any} ORDER BY key",
                rows::MEMBER
            ),
            None,
        ),
        ask(lines_of(&any), None),
        ask(suppressions_of(&any), Some(now)),
        ask(occasions_of(&any), None),
        ask(jobs_of(&any), Some(caps_since)),
        ask(format!("SELECT member, level, multiplier FROM dropout WHERE member {any}"), None),
        pauses::scopes(dialect, decides),
        // after the lines: whoever sees a chunk of them sees that it is under way
        importing::is_under_way(dialect),
    ]
}

fn lines_of(any: &str) -> String {
    format!(
        "SELECT l.member, l.at, o.id, l.product, l.quantity, l.counted, l.gift, l.delivered_at \
         FROM line l JOIN orders o ON o.key = l.order_key WHERE l.member {any} \
         ORDER BY l.member, l.at, l.order_key, l.line"
    )
}

/// Those of the member, and those of the address that the member has now; `$2` is now. A wish to be reminded again
/// counts beyond its end.
fn suppressions_of(any: &str) -> String {
    let of = |own: &str| {
        format!(
            "SELECT m.key, s.purpose, s.item, s.until, s.again, s.key AS n FROM member m JOIN suppression s ON {own} \
             WHERE m.key {any} AND (s.until IS NULL OR s.until > $2 OR s.again IS NOT NULL)"
        )
    };
    format!("{} UNION ALL {} ORDER BY n", of("s.member = m.key"), of("s.address = m.address"))
}

/// All of them; the evidence of those that are not over.
fn occasions_of(any: &str) -> String {
    let (occasion, unfinished) = (rows::OCCASION, rows::UNFINISHED);
    format!(
        "SELECT o.member, {occasion}, \
            CASE WHEN o.state = 'open' OR (o.state = 'served' AND {unfinished}) THEN o.evidence END \
         FROM occasion o LEFT JOIN job j ON j.key = o.job WHERE o.member {any} \
         ORDER BY o.member, o.rule, o.step, o.item, o.cycle"
    )
}

/// Those that are not over, with their content, and those that count as contacts since `$2`.
fn jobs_of(any: &str) -> String {
    let (job, unfinished) = (rows::JOB, rows::UNFINISHED);
    format!(
        "SELECT j.member, {job}, CASE WHEN {unfinished} THEN j.content END FROM job j WHERE j.member {any} \
         AND ({unfinished} OR (NOT j.shadow AND coalesce(j.handed_over_at, j.assembled_at) >= $2)) ORDER BY j.key"
    )
}

/// The views from the answers to [`questions`], in key order. A row that cannot be read damages its member's view; only a
/// pause that cannot be read, which concerns everyone, fails them all.
pub(super) fn views(answers: Vec<Vec<Row>>, now: Timestamp) -> Result<Views, StoreError> {
    let [members, lines, suppressions, occasions, jobs, dropout, pauses, importing]: [Vec<Row>; 8] =
        answers.try_into().map_err(|_| StoreError::corrupt("member", "*", "eight answers make a view"))?;
    let paused = pauses.into_iter().map(|mut row| pauses::scope(&mut row));
    let mut paused =
        paused.collect::<Result<Vec<_>, Flaw>>().map_err(|why| StoreError::corrupt("pause", "*", why))?;
    // In order; a person and an endpoint may have paused the same.
    paused.dedup();
    let mut gathered = Gathered::of(members, &paused, !importing.is_empty())?;
    let mut last_order: Option<OrderId> = None;
    gathered.each("line", lines, |view, row| add_line(view, row, &mut last_order, now))?;
    gathered.each("suppression", suppressions, |view, row| {
        view.suppressions.push(rows::suppression(row)?);
        Ok(())
    })?;
    gathered.each("occasion", occasions, |view, row| {
        view.occasions.push(rows::occasion(row)?);
        Ok(())
    })?;
    gathered.each("job", jobs, |view, row| {
        view.jobs.push(rows::job(row)?);
        Ok(())
    })?;
    gathered.each("dropout", dropout, |view, row| {
        view.dropout.insert(row.word(rows::level)?, row.real()?);
        Ok(())
    })?;
    Ok(gathered.views)
}

/// Views under way, and where each member's is.
struct Gathered {
    views: Views,
    place: HashMap<i64, usize>,
}

impl Gathered {
    fn of(members: Vec<Row>, paused: &[PauseScope], importing: bool) -> Result<Self, StoreError> {
        let mut gathered =
            Self { views: Vec::with_capacity(members.len()), place: HashMap::with_capacity(members.len()) };
        for mut row in members {
            let key = row.key("member")?;
            let of_all = |view| MemberView { pauses: paused.to_vec(), import_under_way: importing, ..view };
            let view = bare(&mut row).map(of_all);
            gathered.place.insert(key, gathered.views.len());
            gathered
                .views
                .push((MemberKey(key), view.map_err(|why| StoreError::corrupt("member", key, why))));
        }
        Ok(gathered)
    }

    /// Hands each row to the view of the member whose key opens it.
    fn each(
        &mut self,
        table: &'static str,
        rows: Vec<Row>,
        mut add: impl FnMut(&mut MemberView, &mut Row) -> Result<(), Flaw>,
    ) -> Result<(), StoreError> {
        for mut row in rows {
            let key = row.key(table)?;
            let Some((_, slot)) = self.place.get(&key).and_then(|&i| self.views.get_mut(i)) else { continue };
            let Ok(view) = slot else { continue };
            if let Err(why) = add(view, &mut row) {
                *slot = Err(StoreError::corrupt(table, format!("of member {}", view.member.id), why));
            }
        }
        Ok(())
    }
}

fn bare(row: &mut Row) -> Result<MemberView, Flaw> {
    let planned_with = row.opt_text()?;
    let stage = row.opt_word(rows::stage)?.zip(row.opt_int()?.map(|day| Day(day as i32)));
    Ok(MemberView {
        stage,
        member: rows::member(row)?,
        lines: Vec::new(),
        next_line_at: None,
        suppressions: Vec::new(),
        occasions: Vec::new(),
        jobs: Vec::new(),
        dropout: BTreeMap::new(),
        pauses: Vec::new(),
        import_under_way: false,
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
