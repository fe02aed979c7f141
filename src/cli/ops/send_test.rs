//! `replenish send-test`: one message through a channel, to see whether it arrives; the ledger does not hear of it.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};

use crate::channel::{Pace, Rendered, Scope, sample};
use crate::cli::FAILED;
use crate::cli::open::{load, load_templates, open_channels, shop_card, spoken, unsubscribe_links};
use crate::cli::output::Output;
use crate::config::{self, Settings};
use crate::daemon::real_time;
use crate::desk::send_test::{Sent, TestMessage, send_test};
use crate::desk::unsubscribe::NOBODY;
use crate::domain::ids::{ChannelName, JobId, Timestamp};

/// Send one test message through a channel, and say what its peer answered
///
/// It goes as every message goes: the same relays, signatures, rates and time-outs. Neither the ledger nor the queue is
/// needed, nothing is recorded, and no opt-out is asked: mind whom you write to.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:
  replenish send-test --channel email --to you@example.org
  replenish send-test --channel email --to you@example.org --template refill --locale zh-TW
  replenish send-test --channel crm --to test-member")]
pub struct SendTest {
    /// The channel, as the settings name it
    #[arg(long, value_name = "NAME")]
    channel: String,
    /// An e-mail address; for a webhook, the contact point that the message names
    #[arg(long, value_name = "ADDRESS")]
    to: String,
    /// Write with this template, about a made-up member; the product's own words without it
    #[arg(long, value_name = "NAME")]
    template: Option<String>,
    /// In this locale, as zh-TW; the shop's without it
    #[arg(long, value_name = "LOCALE")]
    locale: Option<String>,
}

impl SendTest {
    /// Sends it; exit 1 when it was not delivered.
    ///
    /// # Errors
    /// When there is no such channel or template, or the settings are not valid.
    pub async fn run(self, config: &Path, out: &Output) -> anyhow::Result<ExitCode> {
        let settings = load(config, None)?.settings;
        let channels = open_channels(&settings, &Pace::local())?;
        let name = ChannelName::from(self.channel.as_str());
        let Some(channel) = channels.get(&name) else {
            let known: Vec<&str> = settings.channels.keys().map(ChannelName::as_str).collect();
            bail!("there is no channel `{name}`: the settings have {}", known.join(", "));
        };
        let sent = send_test(channel, self.message(&settings, name, real_time())?).await;
        tell(&sent, out)?;
        Ok(if sent.delivered { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
    }

    fn message(
        self,
        settings: &Settings,
        channel: ChannelName,
        now: Timestamp,
    ) -> anyhow::Result<TestMessage> {
        let locale = self.locale.clone().unwrap_or_else(|| settings.locale.clone());
        let job = JobId::from(format!("test-{:x}-{:04x}", now.timestamp_millis(), fastrand::u16(..)));
        let unsubscribe_url = unsubscribe_links(settings)?.url(&NOBODY.into(), &job);
        let rendered = self
            .template
            .as_deref()
            .map(|template| rendered(settings, template, &locale, &unsubscribe_url, now));
        let rendered = rendered.transpose()?;
        let contact = match settings.channels.get(&channel) {
            Some(config::Channel::Webhook(webhook)) => webhook.contact.clone(),
            _ => None,
        };
        let contact = contact.unwrap_or_else(|| channel.to_string());
        Ok(TestMessage { channel, to: self.to, contact, locale, unsubscribe_url, job, rendered, now })
    }
}

fn rendered(
    settings: &Settings,
    template: &str,
    locale: &str,
    unsubscribe_url: &str,
    now: Timestamp,
) -> anyhow::Result<Rendered> {
    let (templates, shop) = (load_templates(settings)?, shop_card(settings));
    let now = now.with_timezone(&settings.timezone);
    let content = sample(locale);
    let scope = Scope::new(&content, &"send-test".into(), 1, unsubscribe_url, &shop, now);
    templates.render(template, &scope).context("the template cannot be rendered")
}

fn tell(sent: &Sent, out: &Output) -> anyhow::Result<()> {
    if out.is_json() {
        return out.json(sent);
    }
    let mut facts = vec![("result", sent.result.to_owned())];
    if let Some(reason) = sent.reason {
        facts.push(("reason", format!("{reason}: {}", reason.sentence(spoken()))));
        facts.push(("what to do", reason.advice(spoken()).to_owned()));
    }
    let answer = [sent.code.as_deref(), sent.reply.as_deref()].into_iter().flatten();
    let answer = answer.collect::<Vec<_>>().join(" ");
    facts.extend(sent.relay.clone().map(|relay| ("peer", relay)));
    facts.extend((!answer.is_empty()).then_some(("answer", answer)));
    facts.push(("id", sent.id.to_string()));
    out.facts(&facts)
}
