//! Owns the answer to "when will this member need what": one line an item; knows nothing of rules that would speak.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use serde::Serialize;

use super::{DeskError, lookup};
use crate::domain::catalog::{Item, Level};
use crate::domain::ids::{Day, MemberId, Timestamp};
use crate::domain::order::PurchaseDay;
use crate::domain::plan::need_evidence;
use crate::domain::reason::Language;
use crate::domain::rules::Rules;
use crate::domain::shop::{Knowledge, Person, Shop};
use crate::domain::wording::{Bought, need_sentence};
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
    /// All that in one sentence, without the name that stands beside it.
    pub sentence: String,
    /// Our key of the item.
    #[serde(skip)]
    pub about: Item,
}

/// What this member will need, and when; narrowest items first. Sentences are in `language`.
///
/// # Errors
/// When nobody has this id, or the ledger fails.
pub async fn forecast(
    store: &Store,
    knowledge: &Knowledge,
    now: Timestamp,
    member: &MemberId,
    language: Language,
) -> Result<Vec<ItemForecast>, DeskError> {
    let key = lookup::member(store, member).await?;
    let unknown = || DeskError::UnknownMember(member.clone());
    let view = store.view(key, now, knowledge.caps_since(now)).await?.ok_or_else(unknown)?;
    let catalog = store.catalog().await?;
    let shop = knowledge.shop(&catalog);
    let person = Person::at_levels(&view, &shop, levels(shop.rules));
    Ok(items(&person, &shop, now, language))
}

/// The levels that rules forecast at, groups and categories always; the member's own rhythm, which stages rest on, too.
pub(super) fn levels(rules: &Rules) -> BTreeSet<Level> {
    rules.levels().into_iter().chain([Level::Group, Level::Category, Level::Member]).collect()
}

/// One line an item that the member still owns a purchase of. `person` was gathered at [`levels`].
pub(super) fn items(
    person: &Person<'_>,
    shop: &Shop<'_>,
    now: Timestamp,
    language: Language,
) -> Vec<ItemForecast> {
    let today = Day::of(now, shop.zone);
    let asked = levels(shop.rules).into_iter().filter(|level| *level != Level::Member);
    let lines = asked.flat_map(|level| person.items(level).map(move |(item, days)| (level, item, days)));
    // A product without a group is its own: one line is enough.
    let mut told = BTreeSet::new();
    let lines = lines.filter(|(_, item, _)| told.insert(*item));
    lines.filter_map(|bought| line(person, shop, today, language, bought)).collect()
}

fn line(
    person: &Person<'_>,
    shop: &Shop<'_>,
    today: Day,
    language: Language,
    (level, item, days): (Level, Item, &[PurchaseDay]),
) -> Option<ItemForecast> {
    // What was bought today is known today: the forecast stands at the start of tomorrow.
    let forecast = person.forecast(level, item, today.plus(1))?;
    let last = days.last()?;
    let need = need_evidence(&forecast, last, days.len(), forecast.chance(forecast.as_of()));
    let bought = Bought { last: last.day.date(), quantity: last.quantity };
    Some(ItemForecast {
        member: person.view.member.id.clone(),
        item: shop.catalog.item_id(item),
        name: shop.catalog.item_name(item),
        level,
        purchases: days.len(),
        last_purchase: bought.last,
        p10: need.p10,
        p50: need.p50,
        p90: need.p90,
        interval_days: need.interval_days,
        still_buying: need.still_buying,
        within_30d: forecast.within(30),
        sentence: need_sentence(language, None, bought, &need, today.date()),
        about: item,
    })
}
