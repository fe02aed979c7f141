//! Owns how members, products, occasions and jobs lie in rows; knows nothing of when they are read or written.

use std::collections::HashMap;

use super::StoreError;
use super::value::{Flaw, Row, Statement, Value, json, values};
use crate::domain::catalog::{Catalog, Item, Level, Product};
use crate::domain::ids::{Cycle, Day, LabelKey, ProductKey, Timestamp};
use crate::domain::job::{Content, Delivery, Job, JobState};
use crate::domain::lifecycle::Stage;
use crate::domain::member::{Member, Purpose, Suppression};
use crate::domain::occasion::{Occasion, OccasionKey, OccasionState};
use crate::domain::reason::Reason;

// ---- members

/// What [`member`] reads after the key.
pub(super) const MEMBER: &str = "id, email, name, locale, zone, region, tags, consent, contacts, joined_at, \
    membership_expires_at, subscribed_items";

pub(super) fn member(row: &mut Row) -> Result<Member, Flaw> {
    Ok(Member {
        id: row.text()?.into(),
        // one that was cleared is kept as an empty text, so that the next order does not bring it back
        email: row.opt_text()?.filter(|email| !email.is_empty()),
        name: row.opt_text()?,
        locale: row.opt_text()?,
        zone: row.opt_word(|w| w.parse().ok())?,
        region: row.opt_text()?,
        tags: row.json()?,
        consent: row.opt_json()?,
        contacts: row.json()?,
        joined_at: row.opt_time()?,
        membership_expires_at: row.opt_time()?,
        subscribed_items: row.json()?,
    })
}

/// Writes what is known of a member, new or not, and wakes it.
pub(super) fn put_member(member: &Member) -> Result<Statement, StoreError> {
    let values = values![
        member.id.as_str(),
        member.email.as_deref(),
        member.email.as_deref().map(address),
        member.name.as_deref(),
        member.locale.as_deref(),
        member.zone.map(|z| z.name()),
        member.region.as_deref(),
        json(&member.tags)?,
        member.consent.as_ref().map(json).transpose()?,
        json(&member.contacts)?,
        member.joined_at,
        member.membership_expires_at,
        json(&member.subscribed_items)?,
    ];
    Ok(Statement::new(
        "INSERT INTO member (id, email, address, name, locale, zone, region, tags, consent, contacts, joined_at, \
            membership_expires_at, subscribed_items, wake_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 0) \
         ON CONFLICT (id) DO UPDATE SET email = COALESCE(excluded.email, SUBSTR(member.email, 1, 0)), \
            address = excluded.address, name = excluded.name, locale = excluded.locale, zone = excluded.zone, region = excluded.region, tags = excluded.tags, \
            consent = excluded.consent, contacts = excluded.contacts, joined_at = excluded.joined_at, \
            membership_expires_at = excluded.membership_expires_at, subscribed_items = excluded.subscribed_items, \
            wake_at = 0",
        values,
    ))
}

/// How addresses are compared.
pub(super) fn address(email: &str) -> String {
    email.trim().to_lowercase()
}

// ---- the catalog

/// Everything sold: products, the parts of kits, labels.
pub(super) const CATALOG: [&str; 3] = [
    "SELECT key, id, name, category_key, group_key, tags, days_supply, url, in_stock, replenishable, usage_tip, caution \
     FROM product",
    "SELECT kit, part, pieces FROM part ORDER BY kit, part",
    "SELECT key, text FROM label",
];

/// The catalog from the answers to [`CATALOG`].
pub(super) fn catalog(answers: Vec<Vec<Row>>) -> Result<Catalog, StoreError> {
    let [products, parts, labels]: [Vec<Row>; 3] = three(answers)?;
    let mut by_key = HashMap::with_capacity(products.len());
    for row in products {
        let (key, product) = row.keyed("product", product)?;
        by_key.insert(ProductKey(key), product);
    }
    for row in parts {
        let (kit, part) = row.keyed("part", |r| Ok((ProductKey(r.int()?), r.real()?)))?;
        if let Some(kit) = by_key.get_mut(&ProductKey(kit)) {
            kit.contains.push(part);
        }
    }
    let mut texts = HashMap::with_capacity(labels.len());
    for row in labels {
        let (key, text) = row.keyed("label", Row::text)?;
        texts.insert(LabelKey(key), text);
    }
    Ok(Catalog::new(by_key, texts))
}

fn three(answers: Vec<Vec<Row>>) -> Result<[Vec<Row>; 3], StoreError> {
    answers.try_into().map_err(|_| StoreError::corrupt("product", "*", "three answers make a catalog"))
}

fn product(row: &mut Row) -> Result<Product, Flaw> {
    Ok(Product {
        id: row.text()?.into(),
        name: row.opt_text()?,
        category: row.opt_int()?.map(LabelKey),
        group: row.opt_int()?.map(LabelKey),
        tags: row.json()?,
        days_supply: row.opt_real()?,
        contains: Vec::new(),
        url: row.opt_text()?,
        in_stock: row.bool()?,
        replenishable: row.bool()?,
        usage_tip: row.opt_text()?,
        caution: row.opt_text()?,
    })
}

// ---- occasions

/// What [`occasion`] reads after the member's key, but for the evidence; `o` is the occasion, `j` its job, if any. A job that was moved
/// out is still the one that served it.
pub(super) const OCCASION: &str = "o.rule, o.step, o.item, o.cycle, o.anchor_day, o.due_at, o.valid_until, \
    o.held_until, o.held_for, o.state, coalesce(j.id, (SELECT w.id FROM moved w WHERE w.job = o.job)), o.reason";

pub(super) fn occasion(row: &mut Row) -> Result<Occasion, Flaw> {
    let mut occasion = Occasion {
        key: OccasionKey {
            rule: row.text()?.into(),
            step: step(row)?,
            item: Item::from(row.int()?),
            cycle: Cycle::from(row.text()?),
        },
        anchor_day: Day(small(row.int()?)?),
        due_at: row.time()?,
        valid_until: row.time()?,
        held_until: row.opt_time()?,
        held_for: row.opt_word(Reason::parse)?,
        evidence: None,
        state: OccasionState::Open,
    };
    let (state, job, reason) = (row.text()?, row.opt_text()?, row.opt_word(Reason::parse)?);
    occasion.state = match (state.as_str(), job, reason) {
        ("open", ..) => OccasionState::Open,
        ("served", Some(job), _) => OccasionState::Served(job.into()),
        ("closed", _, Some(reason)) => OccasionState::Closed(reason),
        (state, ..) => return Err(format!("an occasion cannot be `{state}` without saying by what")),
    };
    occasion.evidence = row.opt_json()?;
    Ok(occasion)
}

/// `$1` to `$5`: the columns that make an occasion the same.
pub(super) fn key_values(member: i64, key: &OccasionKey) -> Vec<Value> {
    values![member, key.rule.as_str(), i64::from(key.step), i64::from(key.item), key.cycle.as_str()]
}

// ---- jobs

/// What [`job`] reads after the key, but for the content; `j` is the job.
pub(super) const JOB: &str = "j.id, j.state, j.rule, j.step, j.purpose, j.channel, j.priority, j.due_at, j.not_before, \
    j.valid_until, j.assembled_at, j.handed_over_at, j.attempts, j.tries, j.handovers, j.reason, j.pinned, j.shadow, j.rules_hash";

/// True of jobs that are not over.
pub(super) const UNFINISHED: &str = "j.state IN ('scheduled', 'queued', 'sending')";

pub(super) fn job(row: &mut Row) -> Result<Job, Flaw> {
    Ok(Job {
        id: row.text()?.into(),
        state: row.word(JobState::parse)?,
        rule: row.text()?.into(),
        step: step(row)?,
        purpose: row.word(purpose)?,
        channel: row.text()?.into(),
        priority: small(row.int()?)?,
        due_at: row.time()?,
        not_before: row.opt_time()?,
        valid_until: row.time()?,
        assembled_at: row.time()?,
        handed_over_at: row.opt_time()?,
        attempts: small(row.int()?)?,
        tries: small(row.int()?)?,
        handovers: small(row.int()?)?,
        reason: row.opt_word(Reason::parse)?,
        pinned: row.bool()?,
        shadow: row.bool()?,
        rules_hash: row.text()?,
        content: row.opt_json()?,
    })
}

/// True of jobs that are over: the words of the index `job_finished`.
pub(super) const FINISHED: &str = "j.state IN ('delivered', 'failed', 'uncertain', 'skipped', 'cancelled')";

/// Inserts a job that no one knows yet.
pub(super) fn new_job(member: i64, job: &Job, now: Timestamp) -> Result<Statement, StoreError> {
    let values = values![
        job.id.as_str(),
        member,
        job.state.as_str(),
        job.rule.as_str(),
        i64::from(job.step),
        job.purpose.as_str(),
        job.channel.as_str(),
        i64::from(job.priority),
        job.due_at,
        job.not_before,
        job.valid_until,
        job.assembled_at,
        job.handed_over_at,
        i64::from(job.attempts),
        i64::from(job.tries),
        job.reason.map(Reason::as_str),
        job.pinned,
        job.shadow,
        job.rules_hash.as_str(),
        content(job.content.as_ref())?,
        now,
    ];
    Ok(Statement::new(
        "INSERT INTO job (id, member, state, rule, step, purpose, channel, priority, due_at, not_before, valid_until, \
            assembled_at, handed_over_at, attempts, tries, reason, pinned, shadow, rules_hash, content, changed_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21) \
         ON CONFLICT (id) DO NOTHING",
        values,
    ))
}

/// The cell of a job's content.
pub(super) fn content(content: Option<&Content>) -> Result<Option<String>, StoreError> {
    content.map(json).transpose()
}

// ---- words

/// `purpose`, `item`, `until` and `again`.
pub(super) fn suppression(row: &mut Row) -> Result<Suppression, Flaw> {
    let (purpose, item) = (row.opt_word(purpose)?, row.opt_text()?);
    Ok(Suppression { purpose, item, until: row.opt_time()?, again: row.opt_time()? })
}

pub(super) fn purpose(word: &str) -> Option<Purpose> {
    [Purpose::Reminder, Purpose::Care].into_iter().find(|p| p.as_str() == word)
}

pub(super) fn stage(word: &str) -> Option<Stage> {
    Stage::ALL.into_iter().find(|stage| stage.as_str() == word)
}

pub(super) fn level(word: &str) -> Option<Level> {
    Level::ALL.into_iter().find(|l| l.as_str() == word)
}

pub(super) fn delivery(word: &str) -> Option<Delivery> {
    use Delivery::{Delivered, Permanent, Transient, Uncertain, Unreachable};
    [Delivered, Transient, Unreachable, Permanent, Uncertain].into_iter().find(|d| d.as_str() == word)
}

fn step(row: &mut Row) -> Result<u16, Flaw> {
    small(row.int()?)
}

fn small<T: TryFrom<i64>>(value: i64) -> Result<T, Flaw> {
    T::try_from(value).map_err(|_| format!("{value} is out of range"))
}
