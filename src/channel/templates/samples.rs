//! Owns the imagined messages that templates are checked with and previewed for; knows nothing of how they are rendered.

use chrono::{Days, NaiveDate};

use crate::domain::job::{Content, ItemFacts};
use crate::domain::lifecycle::Stage;
use crate::domain::reason::Language;

/// The day on which the imagined messages are read.
pub(super) const SAMPLE_DAY: NaiveDate = match NaiveDate::from_ymd_opt(2026, 3, 2) {
    Some(day) => day,
    None => NaiveDate::MIN,
};

/// How much an imagined message knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sample {
    /// Two items, everything known of them and of the member.
    Rich,
    /// A dozen items.
    Many,
    /// A member without a name, one item of which no more is known than that it was bought.
    Sparse,
    /// About the member alone: no items.
    NoItems,
}

impl Sample {
    /// The message, in a locale.
    pub fn content(self, locale: &str) -> Content {
        let rich = sample(locale);
        match self {
            Sample::Rich => rich,
            Sample::Many => {
                let items = (1..=12).map(|n| ItemFacts { id: format!("N{n}"), ..rich.items[n % 2].clone() });
                Content { items: items.collect(), ..rich }
            }
            Sample::Sparse => Content {
                name: None,
                region: None,
                tags: Vec::new(),
                items: rich.items.into_iter().take(1).map(bare).collect(),
                cautions: Vec::new(),
                ..rich
            },
            Sample::NoItems => Content { items: Vec::new(), cautions: Vec::new(), ..rich },
        }
    }
}

/// An imagined message of which everything is known.
pub fn sample(locale: &str) -> Content {
    let said = |english: &str, chinese: &str| match Language::of(locale) {
        Language::English => english.to_owned(),
        Language::Chinese => chinese.to_owned(),
    };
    Content {
        member: "sample".into(),
        name: Some(said("Amy Wang", "王小明")),
        locale: locale.to_owned(),
        stage: Stage::Regular,
        tags: vec!["sample".to_owned()],
        region: Some("Taipei".to_owned()),
        items: vec![
            item(
                "A1",
                said("Coffee beans <dark>", "咖啡豆 <深焙>"),
                said("Keep it cool and dry.", "請放在陰涼乾燥處。"),
            ),
            item(
                "B2",
                said("Filter paper", "濾紙"),
                said("Rinse it before brewing.", "沖煮前先用熱水淋濕。"),
            ),
        ],
        reason: said("You usually buy this every 32 days.", "這項商品你通常每 32 天回購一次。"),
        cautions: vec![said("Contains caffeine.", "含咖啡因。")],
        guards: Vec::new(),
    }
}

fn item(id: &str, name: String, tip: String) -> ItemFacts {
    let day = |days| SAMPLE_DAY.checked_add_days(Days::new(days));
    ItemFacts {
        id: id.to_owned(),
        name,
        url: Some(format!("https://shop.example/p/{id}")),
        quantity: 2.0,
        last_purchase: SAMPLE_DAY - Days::new(27),
        need_date: day(5),
        p10: day(1),
        p90: day(14),
        interval_days: Some(32.0),
        usage_tip: Some(tip),
    }
}

/// The item as a care message knows it: bought, and nothing more.
fn bare(item: ItemFacts) -> ItemFacts {
    ItemFacts {
        url: None,
        need_date: None,
        p10: None,
        p90: None,
        interval_days: None,
        usage_tip: None,
        ..item
    }
}
