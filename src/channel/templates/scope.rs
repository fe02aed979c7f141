//! Owns what a template can ask for; knows nothing of how templates are rendered.

use chrono::{DateTime, Datelike as _, Days, NaiveDate, TimeZone as _};
use chrono_tz::Tz;
use minijinja::value::{Serde, Value};
use serde::Serialize;

use super::speech::Tongue;
use crate::channel::body::plain_number;
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
}

/// What a template can ask for, of one message to one member.
#[derive(Debug, Clone)]
pub struct Scope {
    value: Value,
    locale: String,
    today: NaiveDate,
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
        Self { value, locale: content.locale.clone(), today: now.date_naive() }
    }

    /// The locale that the message is written in.
    pub fn locale(&self) -> &str {
        &self.locale
    }

    pub(super) fn value(&self) -> Value {
        self.value.clone()
    }

    pub(super) fn tongue(&self) -> Tongue {
        Tongue::new(&self.locale, self.today.year())
    }

    pub(super) fn sample(content: &Content) -> Self {
        let shop = |text: &str| Some(text.to_owned());
        let shop =
            Shop { name: shop("Shop"), url: shop("https://shop.example"), address: shop("1 Main Street") };
        let now = chrono_tz::UTC.from_utc_datetime(&SAMPLE_DAY.and_time(chrono::NaiveTime::MIN));
        Self::new(content, &"sample".into(), 1, "https://shop.example/u/sample", &shop, now)
    }
}

const SAMPLE_DAY: NaiveDate = match NaiveDate::from_ymd_opt(2026, 3, 2) {
    Some(day) => day,
    None => NaiveDate::MIN,
};

/// An imagined member of whom everything is known: what templates are checked with, and previewed for nobody in
/// particular.
pub fn sample(locale: &str) -> Content {
    let text = |text: &str| Some(text.to_owned());
    let day = |days| SAMPLE_DAY.checked_add_days(Days::new(days));
    let item = |id: &str, name: &str| ItemFacts {
        id: id.to_owned(),
        name: name.to_owned(),
        url: Some(format!("https://shop.example/p/{id}")),
        quantity: 2.0,
        last_purchase: SAMPLE_DAY - Days::new(27),
        need_date: day(5),
        p10: day(1),
        p90: day(14),
        interval_days: Some(32.0),
        usage_tip: text("Keep it cool and dry."),
    };
    Content {
        member: "sample".into(),
        name: text("王小明"),
        locale: locale.to_owned(),
        stage: Stage::Regular,
        tags: vec!["sample".to_owned()],
        region: text("Taipei"),
        items: vec![item("A1", "Coffee beans <dark>"), item("B2", "Filter paper")],
        reason: "You usually buy this every 32 days.".to_owned(),
        cautions: vec!["Contains caffeine.".to_owned()],
        guards: Vec::new(),
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
        Self { name: shop.name.as_deref(), url, address: shop.address.as_deref() }
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
