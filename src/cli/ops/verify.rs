//! Owns the face of `verify`: the ledger as it stands, read only; the desk finds what is amiss.

use std::path::Path;
use std::process::ExitCode;

use crate::cli::open::{load, look_into_store, spoken};
use crate::cli::output::{Output, quiet, strong};
use crate::config::Loaded;
use crate::daemon::real_time;
use crate::desk::verify::{Finding, Verified, verify};
use crate::domain::reason::Language;

/// Prove that the ledger is sound: what must never be, is not
///
/// Reads the ledger, beside a running daemon too, and writes nothing. States each invariant, how often it is violated,
/// and by what. Exit code 0: all of them hold; 1: not. A ledger whose daemon was killed has leases that only the daemon
/// takes back: start it, then look again.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Example:\n  replenish verify --json")]
pub struct VerifyArgs {}

impl VerifyArgs {
    /// Checks and tells.
    ///
    /// # Errors
    /// [`crate::cli::open::Invalid`] for bad settings or rules; when there is no ledger, or it fails.
    pub async fn run(self, config: &Path, out: &Output) -> anyhow::Result<ExitCode> {
        let Loaded { settings, rules } = load(config, None)?;
        let Some(store) = look_into_store(&settings).await else {
            anyhow::bail!("there is no ledger yet: import orders first, or look at `url` under [store]")
        };
        let language = spoken();
        let verified = verify(&store, &rules, real_time(), language).await?;
        if out.is_json() {
            out.json(&verified)?;
        } else {
            tell(&verified, language, *out)?;
        }
        Ok(if verified.sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn tell(verified: &Verified, language: Language, out: Output) -> anyhow::Result<()> {
    for finding in &verified.invariants {
        out.say(line(finding))?;
        for example in &finding.examples {
            out.say(format_args!("      {example}"))?;
        }
    }
    let (held, n) = (verified.invariants.iter().filter(|f| f.violations == 0).count(), verified.violations);
    let all = verified.invariants.len();
    out.say(strong(match language {
        Language::English => format!("{held} of {all} hold; {n} violations"),
        Language::Chinese => format!("{all} 項中 {held} 項成立；違反 {n} 處"),
    }))
}

fn line(finding: &Finding) -> String {
    let id = quiet(finding.id);
    match finding.violations {
        0 => format!("  ok  {}  {id}", finding.sentence),
        n => strong(format_args!("{n:>4}  {}", finding.sentence)) + &format!("  {id}"),
    }
}
