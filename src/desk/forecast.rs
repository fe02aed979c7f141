//! Owns the answer to "when will this member need what": one line an item; knows nothing of rules that would speak.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use serde::Serialize;

use super::{DeskError, lookup};
use crate::domain::catalog::{Item, Level};
use crate::domain::ids::{Day, MemberId, Timestamp};
use crate::domain::order::PurchaseDay;
use crate::domain::rules::Rules;
use crate::domain::shop::{Knowledge, Person, Shop};
use crate::store::Store;

/// The need of one item, as known at the end of the day of asking.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ItemForecast {
    /// Who.
    pub member: MemberId,
    /// The item as the shop writes it: a product's id, or the text of a group or category.
    pub item: String,
    /// Its name for people.
    pub name: String,
    /// How its purchases were gathered.
    pub level: Level,
    /// Days on which it was bought.
    pub purchases: usize,
    /// The last of them.
    pub last_purchase: NaiveDate,
    /// One in ten needs it before this day.
    pub p10: NaiveDate,
    /// The median need date.
    pub p50: NaiveDate,
    /// Nine in ten need it before this day.
    pub p90: NaiveDate,
    /// The usual interval of this member and item, in days.
    pub interval_days: f64,
    /// The probability that the member ever buys it again.
    pub still_buying: f64,
    /// The probability that the member buys it within thirty days.
    pub within_30d: f64,
    /// Our key of the item.
    #[serde(skip)]
    pub about: Item,
}

/// What this member will need, and when; narrowest items first.
///
/// # Errors
/// When nobody has this id, or the ledger fails.
pub async fn forecast(
    store: &Store,
    knowledge: &Knowledge,
    now: Timestamp,
    member: &MemberId,
) -> Result<Vec<ItemForecast>, DeskError> {
    let key = lookup::member(store, member).await?;
    let unknown = || DeskError::UnknownMember(member.clone());
    let view = store.view(key, now, knowledge.caps_since(now)).await?.ok_or_else(unknown)?;
    let catalog = store.catalog().await?;
    let shop = knowledge.shop(&catalog);
    let person = Person::at_levels(&view, &shop, levels(shop.rules));
    Ok(items(&person, &shop, now))
}

/// The levels that rules forecast at, groups and categories always; the member's own rhythm, which stages rest on, too.
pub(super) fn levels(rules: &Rules) -> BTreeSet<Level> {
    rules.levels().into_iter().chain([Level::Group, Level::Category, Level::Member]).collect()
}

/// One line an item that the member still owns a purchase of. `person` was gathered at [`levels`].
pub(super) fn items(person: &Person<'_>, shop: &Shop<'_>, now: Timestamp) -> Vec<ItemForecast> {
    // What was bought today is known today: the forecast stands at the start of tomorrow.
    let as_of = Day::of(now, shop.zone).plus(1);
    let asked = levels(shop.rules).into_iter().filter(|level| *level != Level::Member);
    let lines = asked.flat_map(|level| person.items(level).map(move |(item, days)| (level, item, days)));
    // A product without a group is its own: one line is enough.
    let mut told = BTreeSet::new();
    let lines = lines.filter(|(_, item, _)| told.insert(*item));
    lines.filter_map(|(level, item, days)| line(person, shop, as_of, level, item, days)).collect()
}

fn line(
    person: &Person<'_>,
    shop: &Shop<'_>,
    as_of: Day,
    level: Level,
    item: Item,
    days: &[PurchaseDay],
) -> Option<ItemForecast> {
    let forecast = person.forecast(level, item, as_of)?;
    Some(ItemForecast {
        member: person.view.member.id.clone(),
        item: shop.catalog.item_id(item),
        name: shop.catalog.item_name(item),
        level,
        purchases: days.len(),
        last_purchase: days.last()?.day.date(),
        p10: forecast.quantile(0.1).date(),
        p50: forecast.quantile(0.5).date(),
        p90: forecast.quantile(0.9).date(),
        interval_days: forecast.interval_days(),
        still_buying: forecast.still_buying(),
        within_30d: forecast.within(30),
        about: item,
    })
}
