//! Owns rule tests as brands type them, in `*.test.toml` beside the rules: a member, a history, a now, and what is
//! expected; runs nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use chrono_tz::Tz;

use super::parse::read_file;
use super::reader::{Kind, Section, did_you_mean};
use super::tree::Problems;
use super::{absolute, shown, values};
use crate::domain::calendar::instant;
use crate::domain::catalog::ProductRecord;
use crate::domain::ids::{Day, MemberId, ProductId, Timestamp};
use crate::domain::member::{MemberRecord, Purpose};
use crate::domain::order::{LineIdentity, OrderLine};
use crate::domain::problem::Problem;
use crate::domain::reason::Reason;
use crate::domain::rules::Rules;

/// One `[[test]]`.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The file as people know it.
    pub file: String,
    /// The line of the test.
    pub line: u32,
    /// What it is called.
    pub name: String,
    /// Everything bought before this day is known; from this instant on messages may go.
    pub now: Timestamp,
    /// Who.
    pub member: MemberRecord,
    /// What is sold, as far as it matters.
    pub products: Vec<ProductRecord>,
    /// What was bought.
    pub bought: Vec<OrderLine>,
    /// All of this must come true.
    pub expect: Vec<Expectation>,
}

/// What is expected of one rule.
#[derive(Debug, Clone, PartialEq)]
pub enum Expectation {
    /// A message, should nothing more be bought.
    Message {
        /// The rule.
        rule: String,
        /// Its step, from 1.
        step: u16,
        /// The first and the last of the days on which it may go.
        on: Option<(Day, Day)>,
        /// What it is about, as the shop writes it; anything when empty.
        items: BTreeSet<String>,
        /// A caution goes along that holds this text.
        caution: Option<String>,
    },
    /// Silence, for this reason among others.
    Silence {
        /// The rule.
        rule: String,
        /// Why.
        reason: Reason,
    },
}

/// Every rule test at `path`, the folder of the rules or one file of them.
///
/// # Errors
/// All problems of all files, sorted by file, line and column.
pub fn trials(path: &Path, rules: &Rules, zone: Tz) -> Result<Vec<Trial>, Vec<Problem>> {
    let problems = Problems::default();
    let mut trials = Vec::new();
    for file in files(&absolute(path)) {
        let Some(tree) = read_file(&file, &shown(&file), &problems) else { continue };
        let of_file = Section::document(&tree, &problems, |s| {
            let test = |s: &mut Section<'_>| trial(s, rules, zone);
            s.required_by("test", "…", |s| s.sections("test", test))
        });
        trials.extend(of_file.into_iter().flatten());
    }
    let problems = problems.sorted();
    if problems.is_empty() { Ok(trials) } else { Err(problems) }
}

/// In order; none where the folder cannot be read, which reading the rules has told.
fn files(path: &Path) -> BTreeSet<std::path::PathBuf> {
    if path.is_file() {
        return BTreeSet::from([path.to_owned()]);
    }
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten().map(|e| e.path());
    entries.filter(|path| path.to_string_lossy().ends_with(".test.toml")).collect()
}

fn trial(s: &mut Section<'_>, rules: &Rules, zone: Tz) -> Option<Trial> {
    let at = s.place("name");
    let name = s.required("name", values::text("a name", "silent after one purchase"));
    let now = s.required("now", moment(zone));
    let member = s.section("member", |s| member(s, zone));
    let products = s.sections("product", product).into_iter().flatten().collect();
    let bought = s.sections("bought", |s| bought(s, zone)).into_iter().flatten();
    let mut lines: Vec<OrderLine> = bought.flatten().collect();
    lines.sort_by_key(|line| line.ordered_at);
    for (n, line) in lines.iter_mut().enumerate() {
        line.order = format!("o{}", n + 1).into();
    }
    let expect = s.required_by("expect", "[{ rule = \"refill\", on = \"2026-04-03\" }]", |s| {
        s.sections("expect", |s| expectation(s, rules))
    });
    let expect = expect.into_iter().flatten().collect();
    let (file, line) = (at.file.to_string(), at.line);
    Some(Trial { file, line, name: name?, now: now?, member, products, bought: lines, expect })
}

/// A day, or a time of the shop's clock.
fn moment(zone: Tz) -> Kind<'static, Timestamp> {
    Kind::text("a day or a time", "2026-04-01 09:00", move |text| {
        let day = text.parse::<NaiveDate>().map(|day| day.and_time(NaiveTime::MIN));
        let time = day.or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M"));
        time.map(|time| instant(zone, time.date(), time.time()))
            .map_err(|_| "write 2026-04-01 or 2026-04-01 09:00".to_owned())
    })
}

/// Reachable and willing unless said otherwise.
fn member(s: &mut Section<'_>, zone: Tz) -> MemberRecord {
    let purposes = [("reminder", Purpose::Reminder), ("care", Purpose::Care)];
    let consent = s.list("consent", values::one_of(&purposes));
    let both = || purposes.iter().map(|(_, purpose)| *purpose).collect();
    let email = s.get("email", values::switch()).unwrap_or(true);
    MemberRecord {
        id: MemberId::from("member"),
        email: email.then(|| "member@shop.invalid".to_owned()),
        name: None,
        locale: s.get("locale", values::locale()),
        zone: s.get("timezone", values::zone()).map(Some),
        region: s.get("region", values::text("a region", "north")),
        tags: Some(s.list("tags", values::text("a tag", "vip")).into_iter().flatten().collect()),
        consent: Some(consent.map_or_else(both, |list| list.into_iter().collect())),
        contacts: Some(BTreeMap::new()),
        phone: None,
        joined_at: s.get("joined", moment(zone)).map(Some),
        membership_expires_at: s.get("membership_expires", moment(zone)).map(Some),
        subscribed_items: Some(
            s.list("subscribed_items", values::text("an item", "A-100")).into_iter().flatten().collect(),
        ),
    }
}

fn product(s: &mut Section<'_>) -> Option<ProductRecord> {
    let text = |s: &mut Section<'_>, key| s.get(key, values::text("a text", "coffee"));
    Some(ProductRecord {
        id: ProductId::from(s.required("id", values::text("a product id", "A-100"))?),
        name: text(s, "name"),
        category: text(s, "category"),
        group: text(s, "group"),
        tags: Some(s.list("tags", values::text("a tag", "fresh")).unwrap_or_default()),
        days_supply: s.get("days_supply", values::whole(1..=3650, "30")).map(|days| Some(days as f64)),
        contains: None,
        url: None,
        in_stock: s.get("in_stock", values::switch()),
        replenishable: s.get("replenishable", values::switch()),
        usage_tip: text(s, "usage_tip"),
        caution: text(s, "caution"),
    })
}

/// One purchase, or as many as `times` says, `every` so many days.
fn bought(s: &mut Section<'_>, zone: Tz) -> Option<Vec<OrderLine>> {
    let product = s.required("product", values::text("a product id", "A-100"));
    let on = s.required("on", moment(zone));
    let quantity = s.get("quantity", values::whole(1..=10_000, "1")).unwrap_or(1) as f64;
    let category = s.get("category", values::text("a category", "coffee"));
    let delivered_at = s.get("delivered", moment(zone));
    let every = s.get("every", values::days("30d"));
    let times = s.get("times", values::whole(1..=1000, "4")).unwrap_or(1);
    if every.is_none() && times > 1 {
        s.problem("times", "`times` does not say how often", "write `every = \"30d\"` beside it");
    }
    let (product, on) = product.zip(on)?;
    let line = |n: i64| OrderLine {
        order: "".into(),
        line: LineIdentity::Nth(0),
        member: MemberId::from("member"),
        product: ProductId::from(product.as_str()),
        category: category.as_deref().map(Into::into),
        ordered_at: on + chrono::TimeDelta::days(n * i64::from(every.unwrap_or(0))),
        quantity,
        unit_price: None,
        status: None,
        counted: true,
        delivered_at,
        gift: false,
        email: None,
    };
    Some((0..times).map(line).collect())
}

fn expectation(s: &mut Section<'_>, rules: &Rules) -> Option<Expectation> {
    let known = |text: &str| {
        let ids = || rules.all().iter().map(|rule| rule.id.as_str());
        match ids().any(|id| id == text) {
            true => Ok(text.to_owned()),
            false => Err(format!(
                "{}the rules that speak are {}",
                did_you_mean(text, ids()),
                ids().collect::<Vec<_>>().join(", ")
            )),
        }
    };
    let rule = s.required("rule", Kind::text("a rule", "refill", known));
    let words: Vec<(&'static str, Reason)> = Reason::ALL.iter().map(|r| (r.as_str(), *r)).collect();
    let reason = s.get("silent", values::one_of(&words));
    if s.node("silent").is_some() {
        return rule.zip(reason).map(|(rule, reason)| Expectation::Silence { rule, reason });
    }
    let step = s.get("step", values::whole(1..=100, "1")).unwrap_or(1) as u16;
    let on = s.get("on", days());
    let items = s.list("items", values::text("an item", "A-100")).into_iter().flatten().collect();
    let caution = s.get("caution", values::text("a part of the text", "懷孕"));
    rule.map(|rule| Expectation::Message { rule, step, on, items, caution })
}

/// A day, or two with dots between.
fn days() -> Kind<'static, (Day, Day)> {
    Kind::text("a day or two", "2026-04-01..2026-04-09", |text| {
        let day = |text: &str| text.trim().parse::<NaiveDate>().map(Day::from);
        let (from, until) = text.split_once("..").unwrap_or((text, text));
        match (day(from), day(until)) {
            (Ok(from), Ok(until)) if from <= until => Ok((from, until)),
            _ => Err("write 2026-04-01, or 2026-04-01..2026-04-09".to_owned()),
        }
    })
}
