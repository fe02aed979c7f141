//! Owns the face of `forecast`; the desk answers.

use std::process::ExitCode;

use crate::cli::moment::AtTime;
use crate::cli::open::Open;
use crate::cli::output::{Output, percent};
use crate::desk;
use crate::desk::forecast::ItemForecast;

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
    #[command(flatten)]
    at: AtTime,
}

impl ForecastArgs {
    /// Prints a line an item.
    ///
    /// # Errors
    /// When nobody has this id, or the ledger fails.
    pub async fn run(self, desk: &Open, out: &Output) -> anyhow::Result<ExitCode> {
        let member = self.member.into();
        let items = desk::forecast::forecast(&desk.store, &desk.knowledge, self.at.of(desk), &member).await?;
        if out.is_json() {
            out.json_lines(&items)?;
        } else if items.is_empty() {
            out.note(format_args!("member {member} has bought nothing that was kept"))?;
        } else {
            let header = [
                "item",
                "level",
                "bought",
                "last",
                "p10",
                "p50",
                "p90",
                "every",
                "still buying",
                "in 30 days",
            ];
            let figures = ["bought", "every", "still buying", "in 30 days"];
            out.table(&header, &figures, items.iter().map(row).collect())?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn row(item: &ItemForecast) -> Vec<String> {
    vec![
        item.name.clone(),
        item.level.as_str().to_owned(),
        item.purchases.to_string(),
        item.last_purchase.to_string(),
        item.p10.to_string(),
        item.p50.to_string(),
        item.p90.to_string(),
        format!("{:.0} d", item.interval_days),
        percent(item.still_buying),
        percent(item.within_30d),
    ]
}
