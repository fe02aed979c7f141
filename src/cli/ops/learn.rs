//! `replenish learn`: the whole history into priors, now.

use std::path::Path;
use std::process::ExitCode;

use serde_json::json;

use crate::cli::open::Open;
use crate::cli::output::Output;
use crate::daemon::learn;
use crate::domain::ids::Timestamp;

/// Learn from the whole history when members need things again.
///
/// The daemon does this by itself once a day; run it after a large import to have the new figures at once.
#[derive(Debug, clap::Args)]
pub struct Learn {
    /// Learn as if it were this time: only orders made until then count
    #[arg(long, value_name = "TIME")]
    now: Option<Timestamp>,
}

impl Learn {
    /// Learns, stores, and says from how much.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn run(self, config: &Path, out: &Output) -> anyhow::Result<ExitCode> {
        let open = Open::of(config, self.now, None).await?;
        let started = std::time::Instant::now();
        let working = out.progress("learning from the history", None);
        let learnt = learn(&open.store, &open.knowledge.rules, open.knowledge.zone, open.now).await?;
        working.finish_and_clear();
        let seconds = started.elapsed().as_secs_f64();
        if out.is_json() {
            out.json(&json!({
                "lines": learnt.lines, "pairs": learnt.pairs, "items": learnt.items, "intervals": learnt.intervals,
                "version": learnt.priors.version, "seconds": seconds,
            }))?;
        } else {
            out.say(format_args!(
                "learnt from {} order lines: {} pairs of member and item, {} items, {} completed intervals ({seconds:.1} s)",
                learnt.lines, learnt.pairs, learnt.items, learnt.intervals
            ))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
