//! Owns what a member can stop by the link in a message, and what stopping does; knows nothing of pages or tokens.

use chrono::{NaiveDate, NaiveTime};

use super::{DeskError, suppress};
use crate::channel::Link;
use crate::domain::calendar::instant;
use crate::domain::feedback::{Feedback, FeedbackKind};
use crate::domain::ids::{Day, Timestamp};
use crate::domain::member::{MemberView, Purpose, Suppression};
use crate::domain::reason::Language;
use crate::domain::shop::Knowledge;
use crate::store::{JobRecord, Store, StoreError, Whom};

/// "Remind me again" means after so many days.
pub const AGAIN_AFTER: i32 = 30;

/// What a member asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// No more messages about the items of this one.
    Items,
    /// No more reminders.
    Reminders,
    /// No more messages.
    All,
    /// No reminder of these items now, but one in [`AGAIN_AFTER`] days.
    Later,
}

/// What a member may choose from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choices {
    /// The member's, or the shop's.
    pub language: Language,
    /// The names of what the message was about; none where it is not known, or about the member alone.
    pub items: Vec<String>,
    /// What the message was for; none where it is not known.
    pub purpose: Option<Purpose>,
    /// What is stopped already.
    pub stopped: Stopped,
    /// The day of reading, in the shop's calendar.
    pub today: NaiveDate,
}

/// What is stopped already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stopped {
    /// Every message about these items.
    pub items: bool,
    /// Reminders of any item.
    pub reminders: bool,
    /// Every message.
    pub all: bool,
    /// Reminders of these items until this day, for which the member asked to be reminded again.
    pub until: Option<NaiveDate>,
}

/// What can be offered while the ledger does not answer, in the shop's language.
pub fn usual(knowledge: &Knowledge, now: Timestamp) -> Choices {
    Choices {
        language: Language::of(&knowledge.locale),
        items: Vec::new(),
        purpose: None,
        stopped: Stopped::default(),
        today: Day::of(now, knowledge.zone).date(),
    }
}

/// What the member of this link may choose from. A member or message that the ledger does not know yet, or any more,
/// gets the usual choices; for one who was forgotten everything is stopped.
///
/// # Errors
/// When the ledger fails.
pub async fn choices(
    store: &Store,
    knowledge: &Knowledge,
    now: Timestamp,
    link: &Link,
) -> Result<Choices, DeskError> {
    let usual = usual(knowledge, now);
    if store.is_forgotten(&Whom::Member(link.member.clone())).await? {
        return Ok(Choices { stopped: Stopped { reminders: true, all: true, ..usual.stopped }, ..usual });
    }
    let Some(key) = store.member_by_id(&link.member).await? else { return Ok(usual) };
    let Some(view) = readable(store.view(key, now, now).await)?.flatten() else { return Ok(usual) };
    let record = record(store, link).await?;
    let items = items(store, record.as_ref()).await?;
    Ok(Choices {
        language: view.member.locale.as_deref().map_or(usual.language, Language::of),
        stopped: stopped(&view, &items, knowledge, now),
        items: items.into_iter().map(|(_, name)| name).collect(),
        purpose: record.map(|record| record.job.purpose),
        ..usual
    })
}

/// Nobody's id: the member whom the links of test messages name. Their page looks like any other and stops nothing.
pub const NOBODY: &str = "";

/// Records the member's choice, and skips at once what waits and is covered by it; the same choice again changes
/// nothing more. About a message that the ledger does not know, it is the wider choice: all reminders, for ever or until
/// then.
///
/// # Errors
/// When the ledger fails; part of the choice may be recorded, and making it again completes it.
pub async fn stop(
    store: &Store,
    knowledge: &Knowledge,
    now: Timestamp,
    link: &Link,
    choice: Choice,
) -> Result<(), DeskError> {
    if link.member.as_str() == NOBODY {
        return Ok(());
    }
    let record = record(store, link).await?;
    let items: Vec<String> = items(store, record.as_ref()).await?.into_iter().map(|(id, _)| id).collect();
    let because = format!("unsubscribe link ({})", link.job);
    for what in opt_outs(choice, items, knowledge, now) {
        let whom = Whom::Member(link.member.clone());
        suppress::add(store, knowledge, now, whom, what, &because).await?;
    }
    match record {
        Some(record) if choice != Choice::Later => {
            store.record(&opt_out(link, now), Some(record.key)).await?;
        }
        _ => {}
    }
    Ok(())
}

/// The same message opts out once, however often its link is used.
fn opt_out(link: &Link, now: Timestamp) -> Feedback {
    Feedback {
        kind: FeedbackKind::OptOut,
        job: Some(link.job.clone()),
        member: Some(link.member.clone()),
        address: None,
        purpose: None,
        at: now,
        detail: "unsubscribe link".to_owned(),
        id: Some("unsubscribe link".to_owned()),
    }
}

fn opt_outs(choice: Choice, items: Vec<String>, knowledge: &Knowledge, now: Timestamp) -> Vec<Suppression> {
    let one = |purpose, item| Suppression { purpose, item, until: None, again: None };
    let reminders = Some(Purpose::Reminder);
    let day = Day::of(now, knowledge.zone).plus(AGAIN_AFTER);
    let until = Some(instant(knowledge.zone, day.date(), NaiveTime::MIN));
    match choice {
        Choice::All => vec![one(None, None)],
        Choice::Items if !items.is_empty() => items.into_iter().map(|item| one(None, Some(item))).collect(),
        Choice::Items | Choice::Reminders => vec![one(reminders, None)],
        Choice::Later if items.is_empty() => vec![Suppression { until, ..one(reminders, None) }],
        Choice::Later => {
            let later = |item| Suppression { until, again: Some(now), ..one(reminders, Some(item)) };
            items.into_iter().map(later).collect()
        }
    }
}

/// The message, if it is this member's.
async fn record(store: &Store, link: &Link) -> Result<Option<JobRecord>, DeskError> {
    let record = readable(store.job(&link.job).await)?.flatten();
    Ok(record.filter(|record| record.member == link.member))
}

/// What a damaged row would tell counts as unknown: an opt-out holds whatever else is amiss.
fn readable<T>(found: Result<T, StoreError>) -> Result<Option<T>, DeskError> {
    match found {
        Err(error) if error.is_damage() => Ok(None),
        found => Ok(Some(found?)),
    }
}

/// What a message said it was about, or will say: ids and names.
async fn items(store: &Store, record: Option<&JobRecord>) -> Result<Vec<(String, String)>, DeskError> {
    let Some(record) = record else { return Ok(Vec::new()) };
    if let Some(content) = &record.job.content {
        return Ok(content.items.iter().map(|item| (item.id.clone(), item.name.clone())).collect());
    }
    let catalog = store.catalog().await?;
    let about = record.occasions.iter().map(|o| o.key.item);
    let about = about.filter(|item| *item != crate::domain::catalog::Item::Anything);
    Ok(about.map(|item| (catalog.item_id(item), catalog.item_name(item))).collect())
}

fn stopped(view: &MemberView, items: &[(String, String)], knowledge: &Knowledge, now: Timestamp) -> Stopped {
    let standing = || view.suppressions.iter().filter(|s| s.holds(now));
    let whole = |purpose| {
        standing().any(|s| s.item.is_none() && s.again.is_none() && s.purpose.is_none_or(|p| p == purpose))
    };
    let (reminders, care) = (whole(Purpose::Reminder), whole(Purpose::Care));
    let each = |is_it: fn(&Suppression) -> bool| {
        let of = |id: &str| standing().any(|s| s.item.as_deref() == Some(id) && is_it(s));
        !items.is_empty() && items.iter().all(|(id, _)| of(id))
    };
    let is_ours = |s: &&Suppression| items.iter().any(|(id, _)| s.item.as_ref() == Some(id));
    let wishes = standing().filter(is_ours).filter(|s| s.again.is_some());
    let until = wishes.filter_map(|s| s.until).max().filter(|_| each(|s| s.again.is_some()));
    Stopped {
        items: each(|s| s.purpose.is_none()),
        reminders,
        all: reminders && care,
        until: until.map(|until| Day::of(until, knowledge.zone).date()),
    }
}
