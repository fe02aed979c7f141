//! Owns the face of `bounces`: where reports lie, and what becomes of them there; the desk acts on them.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use serde::Serialize;

use crate::channel::UnsubscribeLinks;
use crate::cli::FAILED;
use crate::cli::open::{Open, unsubscribe_links};
use crate::cli::output::Output;
use crate::desk::feedback::{Received, receive};
use crate::desk::unsubscribe::{self, Choice};
use crate::domain::feedback::Feedback;
use crate::intake::{BadEvent, Events, read_report, unsubscribe_token};

/// A report says what it has to say within so many bytes; what it returns may be longer.
const LONGEST_MAIL: u64 = 16 * 1024 * 1024;

/// Take in bounces and complaints: mail that came back, or a provider's events
///
/// A hard bounce stops mail to that address, a complaint stops all messages to the member; soft bounces count, see
/// `[bounces]` in the settings. Reports are matched by the Message-ID of the message they return. The same report again
/// changes nothing; mail that is no report is passed over. A mail to the unsubscribe mailbox stops all messages to the
/// member whose link its subject names.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  replenish bounces < mail.eml
  replenish bounces --maildir /var/mail/bounces
  replenish bounces --events events.jsonl
In /etc/aliases (the mail server tries again later when this fails):
  bounces: \"|/usr/local/bin/replenish --config /etc/replenish/replenish.toml bounces || exit 75\"")]
pub struct Bounces {
    /// Mails, one a file, or - for standard input, which is read when nothing else is named
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Take in what is new in this Maildir, and mark it as seen
    #[arg(long, value_name = "DIR")]
    maildir: Option<PathBuf>,
    /// Take in events as JSON, as `POST /v1/events` does; - for standard input
    #[arg(long, value_name = "FILE")]
    events: Vec<PathBuf>,
}

/// What was done, all of it together.
#[derive(Debug, Default, Serialize)]
struct Done {
    #[serde(flatten)]
    received: Received,
    /// Mails that asked for no more messages.
    opted_out: u64,
    /// Mails that report nothing of ours.
    ignored: u64,
    /// Events that are none.
    rejected: Vec<BadEvent>,
    /// What could not be read, and why.
    unreadable: Vec<Unreadable>,
}

#[derive(Debug, Serialize)]
struct Unreadable {
    file: String,
    problem: String,
}

impl Bounces {
    /// Takes everything in; exit 1 when something could not be read.
    ///
    /// # Errors
    /// When the ledger fails, or a Maildir is none. What was not recorded stays where it lies.
    pub async fn run(self, desk: &Open, out: &Output) -> anyhow::Result<ExitCode> {
        let links = unsubscribe_links(&desk.settings)?;
        let mut take = Take { desk, links, done: Done::default() };
        let mut mails = self.files;
        if mails.is_empty() && self.maildir.is_none() && self.events.is_empty() {
            mails.push("-".into());
        }
        for file in &mails {
            take.mail(file).await?;
        }
        for file in &self.events {
            take.events(file).await?;
        }
        if let Some(folder) = &self.maildir {
            take.maildir(folder).await?;
        }
        tell(&take.done, *out)?;
        let well = take.done.unreadable.is_empty() && take.done.rejected.is_empty();
        Ok(if well { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
    }
}

struct Take<'a> {
    desk: &'a Open,
    links: UnsubscribeLinks,
    done: Done,
}

impl Take<'_> {
    /// True when the mail was understood, be it of no concern.
    async fn mail(&mut self, file: &Path) -> anyhow::Result<bool> {
        let read = bytes(file).map_err(|error| error.to_string());
        let no_mail = || "it is no mail: no headers begin it".to_owned();
        let reports = read.and_then(|raw| Ok((read_report(&raw, self.desk.now).ok_or_else(no_mail)?, raw)));
        match reports {
            Err(problem) => {
                self.done.unreadable.push(Unreadable { file: file.display().to_string(), problem });
                return Ok(false);
            }
            Ok((reports, raw)) if reports.is_empty() => self.no_report(&raw).await?,
            Ok((reports, _)) => self.receive(reports).await?,
        }
        Ok(true)
    }

    /// Whoever holds a link may also send it by mail.
    async fn no_report(&mut self, raw: &[u8]) -> anyhow::Result<()> {
        let link = unsubscribe_token(raw).and_then(|token| self.links.read(&token));
        let Some(link) = link else {
            self.done.ignored += 1;
            return Ok(());
        };
        let Open { store, knowledge, now, .. } = self.desk;
        unsubscribe::stop(store, knowledge, *now, &link, Choice::All).await?;
        self.done.opted_out += 1;
        Ok(())
    }

    async fn events(&mut self, file: &Path) -> anyhow::Result<()> {
        match bytes(file) {
            Err(error) => {
                let (file, problem) = (file.display().to_string(), error.to_string());
                self.done.unreadable.push(Unreadable { file, problem });
            }
            Ok(raw) => {
                let Events { reports, rejected } = Events::read(&raw, self.desk.now);
                self.done.rejected.extend(rejected);
                self.receive(reports).await?;
            }
        }
        Ok(())
    }

    /// Each mail leaves `new/` only once it is recorded: whatever stops this, the next call finds the rest.
    async fn maildir(&mut self, folder: &Path) -> anyhow::Result<()> {
        let (new, cur) = (folder.join("new"), folder.join("cur"));
        let list = || format!("{} cannot be listed: is {} a Maildir?", new.display(), folder.display());
        let mut mails = Vec::new();
        for entry in fs::read_dir(&new).with_context(list)? {
            let entry = entry.with_context(list)?;
            if !entry.file_name().as_encoded_bytes().starts_with(b".") && !entry.path().is_dir() {
                mails.push(entry.file_name());
            }
        }
        mails.sort();
        fs::create_dir_all(&cur).with_context(|| format!("the folder {} cannot be made", cur.display()))?;
        for name in mails {
            let file = new.join(&name);
            if self.mail(&file).await? {
                let mut seen = name;
                if !seen.to_string_lossy().contains(":2,") {
                    seen.push(":2,S");
                }
                fs::rename(&file, cur.join(&seen))
                    .with_context(|| format!("{} is recorded and cannot be moved to cur", file.display()))?;
            }
        }
        Ok(())
    }

    async fn receive(&mut self, reports: Vec<Feedback>) -> anyhow::Result<()> {
        let Open { store, knowledge, now, settings, .. } = self.desk;
        let received = receive(store, knowledge, &settings.bounces, *now, reports).await?;
        self.done.received.add(&received);
        Ok(())
    }
}

fn bytes(file: &Path) -> std::io::Result<Vec<u8>> {
    let mut raw = Vec::new();
    if file == Path::new("-") {
        std::io::stdin().lock().take(LONGEST_MAIL).read_to_end(&mut raw)?;
    } else {
        fs::File::open(file)?.take(LONGEST_MAIL).read_to_end(&mut raw)?;
    }
    Ok(raw)
}

fn tell(done: &Done, out: Output) -> anyhow::Result<()> {
    for Unreadable { file, problem } in &done.unreadable {
        out.note(format_args!("{file} cannot be read: {problem}"))?;
    }
    for BadEvent { line, reason } in &done.rejected {
        out.note(format_args!("event {line}: {reason}"))?;
    }
    if out.is_json() {
        return out.json(done);
    }
    let received = &done.received;
    let mut facts = vec![
        ("reports", received.read),
        ("recorded", received.recorded),
        ("known already", received.duplicate),
        ("about nobody known", received.unmatched),
        ("opted out", done.opted_out),
        ("of no concern", done.ignored),
        ("rejected", done.rejected.len() as u64),
        ("unreadable", done.unreadable.len() as u64),
        ("suppressions", received.suppressed),
        ("messages skipped", received.cancelled),
    ];
    facts.extend(received.kinds.iter().map(|(kind, count)| (kind.as_str(), *count)));
    out.table(
        &["what", "count"],
        &["count"],
        facts.iter().map(|(k, n)| vec![(*k).to_owned(), n.to_string()]).collect(),
    )
}
