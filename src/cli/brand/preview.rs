//! Owns the face of `preview`: how it is asked, and how a message is shown; the desk answers.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use chrono::SubsecRound;
use chrono_tz::Tz;

use crate::cli::hook::bodies;
use crate::cli::moment::AtTime;
use crate::cli::open::{Open, load_templates, shop_card};
use crate::cli::output::{Output, local, quiet, strong};
use crate::desk::preview::{Desk, Preview, Wish, preview};
use crate::domain::reason::Language;

/// A rule's message as the member would see it: subject, text, HTML, webhook body
///
/// For a member, it is the message that the rule would send next, due or not; without one, a made-up message of which
/// everything is known, in each locale that the template has. Nothing is written to the ledger or sent, and the link to
/// opt out leads nowhere.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:
  replenish preview --rule refill
  replenish preview --rule refill --member 00038317 --html refill.html")]
pub struct PreviewArgs {
    /// The rule's id
    #[arg(long, value_name = "ID")]
    rule: String,
    /// The member's id, as the shop writes it; a made-up member without it
    #[arg(long, value_name = "ID")]
    member: Option<String>,
    /// Write in this locale, as zh-TW
    #[arg(long, value_name = "LOCALE", conflicts_with = "all_locales")]
    locale: Option<String>,
    /// Write in each locale that the template has
    #[arg(long)]
    all_locales: bool,
    /// Keep the HTML in this file; of several locales, each in its own (refill.zh-TW.html)
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    #[command(flatten)]
    at: AtTime,
}

impl PreviewArgs {
    /// Prints one message a locale.
    ///
    /// # Errors
    /// When there is no such rule or member, or no message for it; when a template or a file is in the way.
    pub async fn run(self, open: &Open, out: &Output) -> anyhow::Result<ExitCode> {
        let templates = load_templates(&open.settings)?;
        let desk = Desk {
            knowledge: &open.knowledge,
            templates: &templates,
            bodies: &bodies(&open.settings)?,
            shop: &shop_card(&open.settings),
            public_url: &open.settings.http.public_url,
            now: self.at.of(open).trunc_subsecs(0),
            language: open.language,
        };
        let wish = Wish {
            rule: self.rule.into(),
            member: self.member.map(Into::into),
            locale: self.locale,
            every_locale: self.all_locales,
        };
        let previews = preview(&open.store, &desk, &wish).await?;
        let page = Page { html: self.html, alone: previews.len() == 1, zone: open.knowledge.zone, out: *out };
        for (n, one) in previews.iter().enumerate() {
            if n > 0 && !out.is_json() {
                out.say("")?;
            }
            page.tell(one, open.language)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// How previews are shown.
struct Page {
    html: Option<PathBuf>,
    alone: bool,
    zone: Tz,
    out: Output,
}

impl Page {
    fn tell(&self, one: &Preview, language: Language) -> anyhow::Result<()> {
        let kept = self.keep(one)?;
        if self.out.is_json() {
            return self.out.json(one);
        }
        let title = format!("{} by {}", one.rule, one.channel);
        let about = format!("for {} in {}", one.member, one.locale);
        self.out.say(format_args!("{}  {}", strong(title), quiet(about)))?;
        self.when(one, language)?;
        if let (Some(subject), Some(text)) = (&one.subject, &one.text) {
            self.out.say(format_args!(
                "\n{} {}\n\n{}",
                quiet("Subject:"),
                strong(subject),
                text.trim_end()
            ))?;
        }
        if let Some(body) = &one.body {
            self.out.heading("Webhook body")?;
            self.out.say(format_args!("{body:#}"))?;
        }
        match kept {
            Some(path) => self.out.say(format_args!("\n{} {}", quiet("HTML:"), path.display())),
            None => Ok(()),
        }
    }

    /// When it would go, and what keeps it.
    fn when(&self, one: &Preview, language: Language) -> anyhow::Result<()> {
        if let Some(due) = one.due_at {
            self.out.say(format_args!("due {}", local(due, self.zone)))?;
        }
        let Some(reason) = one.held_for else { return Ok(()) };
        let until = one.held_until.map_or_else(
            || "it would not go".to_owned(),
            |until| format!("held until {}", local(until, self.zone)),
        );
        self.out.say(format_args!("{}: {reason}: {}", strong(until), reason.sentence(language)))
    }

    /// Where the HTML was written: into the file asked for, for people else into a fresh one.
    fn keep(&self, one: &Preview) -> anyhow::Result<Option<PathBuf>> {
        let Some(html) = &one.html else { return Ok(None) };
        match &self.html {
            Some(file) => {
                let file = if self.alone { file.clone() } else { in_locale(file, &one.locale) };
                std::fs::write(&file, html).with_context(|| format!("cannot write {}", file.display()))?;
                Ok(Some(file))
            }
            None if self.out.is_json() => Ok(None),
            None => {
                let name = format!("replenish-{}-{}-", one.rule, one.locale);
                let fresh = tempfile::Builder::new().prefix(&name).suffix(".html").tempfile();
                let mut fresh = fresh.context("no temporary file can be made")?;
                fresh.write_all(html.as_bytes()).context("the temporary file cannot be written")?;
                Ok(Some(fresh.keep()?.1))
            }
        }
    }
}

/// `refill.html` in zh-TW: `refill.zh-TW.html`.
fn in_locale(file: &Path, locale: &str) -> PathBuf {
    let ending = file.extension().map_or_else(String::new, |e| format!(".{}", e.to_string_lossy()));
    file.with_extension(format!("{locale}{ending}"))
}
