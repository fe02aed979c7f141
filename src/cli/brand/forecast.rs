//! Owns the face of `forecast`; the desk answers.

use std::process::ExitCode;

use crate::cli::moment::AtTime;
use crate::cli::open::Open;
use crate::cli::output::{Output, percent, strong};
use crate::cli::support::{parse_language, word};
use crate::desk;
use crate::desk::forecast::ItemForecast;
use crate::domain::reason::Language;
use crate::domain::wording::round_days;

/// When a member will need what, item by item
///
/// An item is a product, a group of interchangeable products, or a category. Of members like this one, one in ten
/// needs it before p10, half of them before p50, nine in ten before p90.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Example:\n  replenish forecast --member 00038317")]
pub struct ForecastArgs {
    /// The member's id, as the shop writes it
    #[arg(long, value_name = "ID")]
    member: String,
    /// The language of sentences: en or zh-TW; the system's without it
    #[arg(long, value_name = "LANG", value_parser = parse_language)]
    lang: Option<Language>,
    #[command(flatten)]
    at: AtTime,
}

impl ForecastArgs {
    /// Prints a line an item, then what each line means.
    ///
    /// # Errors
    /// When nobody has this id, or the ledger fails.
    pub async fn run(self, desk: &Open, out: &Output) -> anyhow::Result<ExitCode> {
        let member = self.member.into();
        let language = self.lang.unwrap_or(desk.language);
        let now = self.at.of(desk);
        let items = desk::forecast::forecast(&desk.store, &desk.knowledge, now, &member, language).await?;
        if out.is_json() {
            out.json_lines(&items)?;
        } else if items.is_empty() {
            out.note(format_args!("member {member} has bought nothing that was kept"))?;
        } else {
            tell_needs(&items.iter().collect::<Vec<_>>(), language, *out)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A table with a line an item, then a sentence an item.
///
/// # Errors
/// When nothing can be written.
pub fn tell_needs(items: &[&ItemForecast], language: Language, out: Output) -> anyhow::Result<()> {
    let header =
        ["item", "level", "bought", "last", "p10", "p50", "p90", "every", "still buying", "in 30 days"]
            .map(|name| word(language, name));
    let figures = [header[2], header[7], header[8], header[9]];
    out.table(&header, &figures, items.iter().map(|item| row(item, language)).collect())?;
    out.say("")?;
    items.iter().try_for_each(|item| out.say(format_args!("{}\n  {}", strong(&item.name), item.sentence)))
}

fn row(item: &ItemForecast, language: Language) -> Vec<String> {
    vec![
        item.name.clone(),
        word(language, item.level.as_str()).to_owned(),
        item.purchases.to_string(),
        item.last_purchase.to_string(),
        item.p10.to_string(),
        item.p50.to_string(),
        item.p90.to_string(),
        format!("{} {}", round_days(item.interval_days), word(language, "d")),
        percent(item.still_buying),
        percent(item.within_30d),
    ]
}
