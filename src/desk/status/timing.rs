//! Owns whether reminders came on time, by what was bought in the week after them; as `simulate` judges it.

use chrono::TimeDelta;
use serde::Serialize;

use crate::desk::{DeskError, PAGE};
use crate::domain::catalog::Catalog;
use crate::domain::ids::{Day, Timestamp};
use crate::domain::order::PurchaseHistory;
use crate::domain::shop::Knowledge;
use crate::store::{Reminded, Store};

/// Days after a reminder within which a purchase says that it was on time.
const ON_TIME: i32 = 7;

/// How reminded items turned out that were old enough to judge: delivered in the stretch asked, a week before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Timing {
    /// All of them.
    pub judged: u64,
    /// Of these, bought on the day or within the week after it.
    pub on_time: u64,
    /// `on_time` of `judged`; none of none.
    pub on_time_share: Option<f64>,
}

/// Of the reminders delivered from a week before `since` until a week before `now`.
pub(super) async fn timing(
    store: &Store,
    knowledge: &Knowledge,
    since: Timestamp,
    now: Timestamp,
) -> Result<Timing, DeskError> {
    let week = TimeDelta::days(i64::from(ON_TIME));
    let reminded = store.reminded(since - week, now - week).await?;
    let catalog = store.catalog().await?;
    let mut members: Vec<_> = reminded.iter().map(|one| one.member).collect();
    members.dedup();
    let mut on_time = 0;
    for page in members.chunks(PAGE) {
        for (member, view) in store.views_of(page, now).await? {
            let history = PurchaseHistory::fold(&view.lines, &catalog, knowledge.zone);
            let from = reminded.partition_point(|one| one.member < member);
            let mine = reminded[from..].iter().take_while(|one| one.member == member);
            on_time += mine.filter(|one| was_needed(one, &history, &catalog, knowledge)).count() as u64;
        }
    }
    let judged = reminded.len() as u64;
    let on_time_share = (judged > 0).then(|| on_time as f64 / judged as f64);
    Ok(Timing { judged, on_time, on_time_share })
}

fn was_needed(one: &Reminded, history: &PurchaseHistory, catalog: &Catalog, knowledge: &Knowledge) -> bool {
    let day = Day::of(one.at, knowledge.zone);
    let mut bought = history.purchases().iter().filter(|p| catalog.contains(one.item, p.product));
    bought.any(|p| (0..=ON_TIME).contains(&p.day.since(day)))
}
