//! Owns the face of `forget`; the desk erases.

use std::process::ExitCode;

use serde_json::json;

use crate::cli::open::{Open, archive, forget_key};
use crate::cli::output::Output;
use crate::config::Settings;
use crate::desk::deeds::{self, Mandate};
use crate::desk::forget::{Forgotten, Places, forget, plan};
use crate::domain::deed::DeedKind;

/// Erase a member for good: the person, the orders, what was planned and said
///
/// Shows first what would be erased. What waits is cancelled. Keyed hashes of the id and the addresses stay, so that no
/// import brings the member back. What the shop, relays, receivers and backups hold is not in our hands.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Example:\n  replenish forget --member 00038317 --because 'ticket 4711'")]
pub struct ForgetArgs {
    /// The member, by the shop's id
    #[arg(long, value_name = "ID")]
    member: String,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// Who asked, and why: it stays on record, so name nobody
    #[arg(long, value_name = "TEXT", default_value = "recorded on the command line")]
    because: String,
}

impl ForgetArgs {
    /// Shows what would be erased, asks, erases.
    ///
    /// # Errors
    /// When nobody has the id, or the ledger or a file cannot be written.
    pub async fn run(self, desk: &Open, out: &Output) -> anyhow::Result<ExitCode> {
        let member = self.member.as_str().into();
        let planned = plan(&desk.store, &member).await?;
        if !out.is_json() {
            tell(&planned, *out)?;
        }
        if !self.yes {
            match out.ask(format_args!("Erase member {member} for good?"))? {
                Some(true) => {}
                Some(false) => return Ok(ExitCode::SUCCESS),
                None => {
                    out.note("nothing was erased: there is no terminal to ask on, so say --yes to go on")?;
                    return Ok(ExitCode::from(crate::cli::USAGE));
                }
            }
        }
        let store = desk.store.clone().with_forget_key(forget_key(&desk.settings)?);
        let done = forget(&store, &places(&desk.settings), &member, &self.because, desk.now).await?;
        let mandate = Mandate::of(&desk.who).because(Some(self.because));
        deeds::record(&desk.store, desk.now, &mandate, DeedKind::Forget, json!({}), &done).await?;
        if out.is_json() {
            out.json(&done)?;
        } else {
            out.say(format_args!(
                "Erased, with {} rejected rows, {} archived jobs and {} messages in the outbox.",
                done.rejects, done.archived, done.outbox
            ))?;
        }
        if !done.wiped {
            out.note("the ledger is in use: free room in its files may hold what was erased until they are written anew; the same command again does that")?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Where the files lie that may speak of a member.
fn places(settings: &Settings) -> Places {
    let data = &settings.folders.data;
    let inbox = settings.intake.inbox.iter();
    let put_away = inbox.flat_map(|inbox| ["done", "refused"].map(|place| inbox.join(place)));
    Places {
        rejects: std::iter::once(data.join("rejects")).chain(put_away).collect(),
        outbox: data.join("outbox"),
        archive: archive(settings),
    }
}

fn tell(planned: &Forgotten, out: Output) -> anyhow::Result<()> {
    let of = &planned.erased;
    if planned.again {
        return out.say("This member was forgotten before; the files are gone through again.");
    }
    out.facts(&[
        ("orders", format!("{} lines in {} orders", of.order_lines, of.orders)),
        ("occasions", of.occasions.to_string()),
        ("jobs", format!("{}, {} of them waiting, {} under way", of.jobs, of.cancelled, of.sending)),
        ("opt-outs", of.suppressions.to_string()),
        ("addresses", of.addresses.to_string()),
    ])?;
    if of.shared_addresses > 0 {
        out.note(format_args!(
            "{} of the addresses are another member's, too: they may still be imported for that one",
            of.shared_addresses
        ))?;
    }
    Ok(())
}
