//! Owns the way from a webhook's settings to its options: secrets, headers, bodies of its own; posts nothing.

use std::collections::HashMap;
use std::path::PathBuf;

use super::open::{Invalid, relative};
use crate::channel::{HeaderText, OwnTemplate, WebhookBody, WebhookOptions};
use crate::config::{self, Header, Settings};
use crate::domain::ids::ChannelName;
use crate::domain::problem::Problem;
use crate::domain::shop::Reach;

fn webhooks(settings: &Settings) -> impl Iterator<Item = (&ChannelName, &config::Webhook)> {
    settings.channels.iter().filter_map(|(name, channel)| match channel {
        config::Channel::Webhook(webhook) => Some((name, webhook)),
        config::Channel::Email(_) => None,
    })
}

/// The contact points that channels need of a member.
pub fn reach(settings: &Settings) -> Reach {
    webhooks(settings).filter_map(|(name, webhook)| Some((name.clone(), webhook.contact.clone()?))).collect()
}

/// What each webhook is posted.
///
/// # Errors
/// [`Invalid`]: all problems of all templates.
pub fn bodies(settings: &Settings) -> Result<HashMap<ChannelName, WebhookBody>, Invalid> {
    let (mut bodies, mut problems) = (HashMap::new(), Vec::new());
    for (name, webhook) in webhooks(settings) {
        let contact = webhook.contact.clone();
        match webhook.body.as_deref().map(OwnTemplate::json).transpose() {
            Ok(template) => {
                bodies.insert(name.clone(), WebhookBody { template, contact });
            }
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() { Ok(bodies) } else { Err(Invalid(relative(problems))) }
}

/// Every problem of these templates of bodies.
pub fn body_problems(files: &[PathBuf]) -> Vec<Problem> {
    let mut problems: Vec<Problem> =
        files.iter().filter_map(|file| OwnTemplate::json(file).err()).flatten().collect();
    problems.sort();
    // two channels may share a body
    problems.dedup();
    relative(problems)
}

/// All that one webhook is made with.
///
/// # Errors
/// When the time-out is no span of time.
pub fn options(
    webhook: &config::Webhook,
    body: WebhookBody,
    concurrency: usize,
) -> anyhow::Result<WebhookOptions> {
    let header = |header: &Header| {
        let value = header.value.expose().to_owned();
        let text = if header.is_template { HeaderText::Template(value) } else { HeaderText::Secret(value) };
        (header.name.clone(), text)
    };
    Ok(WebhookOptions {
        url: webhook.url.to_string(),
        secrets: webhook.secrets.iter().map(|secret| secret.expose().to_owned()).collect(),
        headers: webhook.headers.iter().map(header).collect(),
        body,
        delivered: webhook.delivered.clone(),
        allow_private_network: webhook.allow_private_network,
        timeout: webhook.timeout.to_std()?,
        concurrency: webhook.concurrency.unwrap_or(concurrency),
        rate: webhook.rate,
    })
}
