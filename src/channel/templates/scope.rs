//! Owns what a template can ask for; knows nothing of how templates are rendered.

use chrono::{DateTime, Datelike as _, NaiveDate, TimeZone as _};
use chrono_tz::Tz;
use minijinja::value::{Serde, Value};
use serde::Serialize;

use super::samples::SAMPLE_DAY;
use super::speech::Tongue;
use crate::channel::letter::plain_number;
use crate::domain::ids::{MemberId, RuleId};
use crate::domain::job::{Content, ItemFacts};
use crate::domain::lifecycle::Stage;

/// The shop, as its mails present it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shop {
    /// Its name.
    pub name: Option<String>,
    /// Its front page.
    pub url: Option<String>,
    /// Its postal address, which some laws ask for.
    pub address: Option<String>,
    /// The ISO code of the currency that its prices are in, as `TWD`.
    pub currency: Option<String>,
}

impl Shop {
    /// An imagined one, of which everything is known.
    pub fn sample() -> Self {
        let known = |text: &str| Some(text.to_owned());
        Self {
            name: known("Shop"),
            url: known("https://shop.example"),
            address: known("1 Main Street"),
            currency: known("TWD"),
        }
    }
}

/// What a template can ask for, of one message to one member.
#[derive(Debug, Clone)]
pub struct Scope {
    value: Value,
    tongue: Tongue,
    locale: String,
}

impl Scope {
    /// The scope of a message; `now` in the zone in which its dates are meant.
    pub fn new(
        content: &Content,
        rule: &RuleId,
        step: u16,
        unsubscribe_url: &str,
        shop: &Shop,
        now: DateTime<Tz>,
    ) -> Self {
        let value = Value::from(Serde(Whole {
            member: MemberFacts::of(content),
            items: content.items.iter().map(Item::of).collect(),
            reason: &content.reason,
            cautions: &content.cautions,
            shop: ShopFacts::of(shop),
            unsubscribe_url: safe(Some(unsubscribe_url)),
            rule,
            step,
            now: now.to_rfc3339(),
        }));
        let tongue = Tongue::new(&content.locale, now.year(), shop.currency.clone());
        Self { value, tongue, locale: content.locale.clone() }
    }

    /// The locale that the message is written in.
    pub fn locale(&self) -> &str {
        &self.locale
    }

    pub(super) fn value(&self) -> Value {
        self.value.clone()
    }

    pub(super) fn tongue(&self) -> Tongue {
        self.tongue.clone()
    }

    /// The scope of an imagined message, read on the day that it is about.
    pub(super) fn sample(content: &Content) -> Self {
        let now = chrono_tz::UTC.from_utc_datetime(&SAMPLE_DAY.and_time(chrono::NaiveTime::MIN));
        let stop = "https://shop.example/u/sample";
        Self::new(content, &"sample".into(), 1, stop, &Shop::sample(), now)
    }
}

#[derive(Serialize)]
struct Whole<'a> {
    member: MemberFacts<'a>,
    items: Vec<Item<'a>>,
    reason: &'a str,
    cautions: &'a [String],
    shop: ShopFacts<'a>,
    unsubscribe_url: Option<&'a str>,
    rule: &'a RuleId,
    step: u16,
    now: String,
}

#[derive(Serialize)]
struct MemberFacts<'a> {
    id: &'a MemberId,
    name: Option<&'a str>,
    locale: &'a str,
    stage: Stage,
    tags: &'a [String],
    region: Option<&'a str>,
}

#[derive(Serialize)]
struct ShopFacts<'a> {
    name: Option<&'a str>,
    url: Option<&'a str>,
    address: Option<&'a str>,
    currency: Option<&'a str>,
}

/// Numbers are whole where a person would say them so.
#[derive(Serialize)]
struct Item<'a> {
    id: &'a str,
    name: &'a str,
    url: Option<&'a str>,
    #[serde(serialize_with = "plain_number")]
    quantity: f64,
    last_purchase: NaiveDate,
    need_date: Option<NaiveDate>,
    p10: Option<NaiveDate>,
    p90: Option<NaiveDate>,
    interval_days: Option<i64>,
    usage_tip: Option<&'a str>,
}

impl<'a> MemberFacts<'a> {
    fn of(content: &'a Content) -> Self {
        Self {
            id: &content.member,
            name: content.name.as_deref(),
            locale: &content.locale,
            stage: content.stage,
            tags: &content.tags,
            region: content.region.as_deref(),
        }
    }
}

impl<'a> ShopFacts<'a> {
    fn of(shop: &'a Shop) -> Self {
        let url = safe(shop.url.as_deref());
        let (address, currency) = (shop.address.as_deref(), shop.currency.as_deref());
        Self { name: shop.name.as_deref(), url, address, currency }
    }
}

impl<'a> Item<'a> {
    fn of(facts: &'a ItemFacts) -> Self {
        Self {
            id: &facts.id,
            name: &facts.name,
            url: safe(facts.url.as_deref()),
            quantity: facts.quantity,
            last_purchase: facts.last_purchase,
            need_date: facts.need_date,
            p10: facts.p10,
            p90: facts.p90,
            interval_days: facts.interval_days.map(|days| days.round() as i64),
            usage_tip: facts.usage_tip.as_deref(),
        }
    }
}

/// A URL that may stand in a link: no `javascript:`, nothing that breaks out of a line.
fn safe(url: Option<&str>) -> Option<&str> {
    let url = url?;
    let lower = url.to_ascii_lowercase();
    let web = lower.starts_with("https://") || lower.starts_with("http://");
    (web && !url.contains(|c: char| c.is_whitespace() || c.is_control())).then_some(url)
}
