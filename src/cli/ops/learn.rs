//! `replenish learn`: the whole history into priors, now.

use std::path::Path;
use std::process::ExitCode;

use serde_json::json;

use super::moved::tell_moved;
use crate::cli::moment::AtTime;
use crate::cli::open::Open;
use crate::cli::output::Output;
use crate::daemon::learn;

/// Learn from the whole history when members need things again.
///
/// The daemon does this by itself once a day; run it after a large import to have the new figures at once.
#[derive(Debug, clap::Args)]
pub struct Learn {
    #[command(flatten)]
    at: AtTime,
}

impl Learn {
    /// Learns, stores, and says from how much.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn run(self, config: &Path, out: &Output) -> anyhow::Result<ExitCode> {
        let open = Open::of(config, None).await?;
        // Only orders made until then count.
        let now = self.at.of(&open);
        let started = std::time::Instant::now();
        let working = out.progress("learning from the history", None);
        let learnt = learn(&open.store, &open.knowledge.rules, open.knowledge.zone, now).await?;
        working.finish_and_clear();
        let seconds = started.elapsed().as_secs_f64();
        if out.is_json() {
            out.json(&json!({
                "lines": learnt.lines, "pairs": learnt.pairs, "items": learnt.items, "intervals": learnt.intervals,
                "version": learnt.priors.version, "moved": learnt.moved, "seconds": seconds,
            }))?;
        } else {
            out.say(format_args!(
                "learnt from {} order lines: {} pairs of member and item, {} items, {} completed intervals ({seconds:.1} s)",
                learnt.lines, learnt.pairs, learnt.items, learnt.intervals
            ))?;
            tell_moved(&learnt.moved, *out)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
