//! Owns the letter as an e-mail: headers, parts, envelope, signatures; knows nothing of relays.

use std::sync::Arc;

use lettre::Address;
use lettre::address::Envelope;
use lettre::message::{Mailbox, MultiPart, SinglePart};

use super::super::{ChannelError, Letter, Rendered};
use super::dkim::{self, Dkim};
use super::{EmailOptions, header};
use crate::domain::ids::Timestamp;
use crate::domain::job::{Delivery, Outcome};
use crate::domain::reason::Reason;

/// The longest line that a mail server must take.
const LINE: usize = 998;

/// An e-mail, ready to go.
pub(super) struct Mail {
    /// The job's id.
    pub job: String,
    /// Who sends to whom.
    pub envelope: Envelope,
    /// Headers and body, as they go over the wire.
    pub bytes: Vec<u8>,
}

/// Who writes, and what all their mails say.
pub(super) struct Sender {
    from: Mailbox,
    reply_to: Option<Mailbox>,
    unsubscribe: Option<Address>,
    keys: Arc<[Dkim]>,
}

impl Sender {
    /// The sender of the settings.
    pub fn new(options: &EmailOptions) -> Result<Self, ChannelError> {
        let from = options.from.parse().map_err(ChannelError::From)?;
        let reply_to = options.reply_to.as_ref().map(|mailbox| mailbox.parse()).transpose();
        let unsubscribe = options.unsubscribe_mailbox.as_ref().map(|address| address.parse()).transpose();
        Ok(Self {
            from,
            reply_to: reply_to.map_err(ChannelError::ReplyTo)?,
            unsubscribe: unsubscribe.map_err(ChannelError::UnsubscribeMailbox)?,
            keys: options.dkim.clone().into(),
        })
    }

    /// The letter as a signed mail; the outcome when it cannot be written.
    pub async fn write(&self, letter: &Letter) -> Result<Mail, Outcome> {
        let Mail { job, envelope, bytes } = self.compose(letter)?;
        let bytes = self.signed(bytes, letter.sent_at).await?;
        Ok(Mail { job, envelope, bytes })
    }

    fn compose(&self, letter: &Letter) -> Result<Mail, Outcome> {
        let to = recipient(letter)?;
        let Some(rendered) = &letter.rendered else {
            let why = "an e-mail needs a template: name one in the rule";
            return Err(impossible(Reason::TemplateError, why));
        };
        let envelope = Envelope::new(Some(self.from.email.clone()), vec![to.email.clone()])
            .map_err(|e| impossible(Reason::Refused, &format!("cannot be written: {e}")))?;
        let mut bytes = self.headers(letter, &to, &rendered.subject)?.into_bytes();
        bytes.extend_from_slice(&body(rendered));
        Ok(Mail { job: letter.job.to_string(), envelope, bytes })
    }

    /// Every header but those of the body. Nothing in it is folded that a reader may not unfold: URIs are not.
    fn headers(&self, letter: &Letter, to: &Mailbox, subject: &str) -> Result<String, Outcome> {
        let mut headers = vec![("From", header::mailbox(&self.from))];
        headers.extend(self.reply_to.as_ref().map(|mailbox| ("Reply-To", header::mailbox(mailbox))));
        headers.extend([
            ("To", header::mailbox(to)),
            ("Subject", header::unstructured(&header::visible(subject))),
            ("Date", letter.sent_at.to_rfc2822()),
            ("Message-ID", format!("<{}@{}>", letter.job, self.from.email.domain())),
            ("Auto-Submitted", "auto-generated".to_owned()),
            ("List-Unsubscribe", self.ways_out(&letter.unsubscribe_url)?),
        ]);
        // RFC 8058 asks for https: a mail client must not post an opt-out in the clear
        if letter.unsubscribe_url.starts_with("https://") {
            headers.push(("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()));
        }
        headers.push(("MIME-Version", "1.0".to_owned()));
        Ok(headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect())
    }

    /// The link, and the mailbox that takes its token as a subject where one line holds both.
    fn ways_out(&self, link: &str) -> Result<String, Outcome> {
        let token = link.rsplit('/').next().unwrap_or_default();
        let link = header::uri(link);
        let both = self.unsubscribe.as_ref().map(|to| format!("{link}, {}", header::mailto(to, token)));
        let fits = |ways: &String| "List-Unsubscribe: ".len() + ways.len() <= LINE;
        let too_long = || impossible(Reason::Refused, "the unsubscribe link is too long for a mail");
        both.into_iter().chain([link]).find(fits).ok_or_else(too_long)
    }

    async fn signed(&self, bytes: Vec<u8>, at: Timestamp) -> Result<Vec<u8>, Outcome> {
        let unsigned = |why: String| Outcome {
            reply: Some(format!("the mail cannot be signed: {why}")),
            ..Outcome::new(Delivery::Unreachable, Some(Reason::Unreachable))
        };
        if self.keys.is_empty() {
            return Ok(bytes);
        }
        let keys = Arc::clone(&self.keys);
        let is_slow = keys.iter().any(|dkim| dkim.key.is_slow());
        let sign = move || dkim::sign(&keys, &bytes, at);
        let signed = if is_slow {
            tokio::task::spawn_blocking(sign).await.map_err(|e| unsigned(e.to_string()))?
        } else {
            sign()
        };
        signed.map_err(|_| unsigned("a DKIM key does not work".to_owned()))
    }
}

fn recipient(letter: &Letter) -> Result<Mailbox, Outcome> {
    let address = letter.email.as_deref().filter(|address| !address.trim().is_empty());
    let address = address.ok_or_else(|| Outcome::new(Delivery::Permanent, Some(Reason::NoAddress)))?;
    let address = header::address(address).ok_or_else(|| {
        impossible(Reason::NoAddress, "the member's address is not an e-mail address that can be written to")
    })?;
    Ok(Mailbox::new(letter.content.name.clone(), address))
}

/// The parts with their own headers; the most compact encoding is taken for each.
fn body(rendered: &Rendered) -> Vec<u8> {
    let text = printable(&rendered.text);
    match &rendered.html {
        Some(html) => MultiPart::alternative_plain_html(text, printable(html)).formatted(),
        None => SinglePart::plain(text).formatted(),
    }
}

/// Lines end as mail's do (lettre takes ages over a long text that it must end itself), and of other control characters
/// only the tab stays. Verifiers of signatures do not agree on a body of nothing but white space: it becomes an empty one.
fn printable(text: &str) -> String {
    let lines = text.replace("\r\n", "\n").replace('\r', "\n");
    let lines: String = lines.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
    if lines.trim().is_empty() { String::new() } else { lines.replace('\n', "\r\n") }
}

fn impossible(reason: Reason, why: &str) -> Outcome {
    Outcome { reply: Some(why.to_owned()), ..Outcome::new(Delivery::Permanent, Some(reason)) }
}
