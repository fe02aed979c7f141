//! Owns the letter as an e-mail: headers, parts, envelope; knows nothing of relays.

use std::time::SystemTime;

use lettre::address::Envelope;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::{Address, Message};

use super::super::reply::one_line;
use super::super::{Letter, Rendered};
use crate::domain::job::{Delivery, Outcome};
use crate::domain::reason::Reason;

/// An e-mail, ready to go.
pub(super) struct Mail {
    /// The job's id.
    pub job: String,
    /// Who sends to whom.
    pub envelope: Envelope,
    /// Headers and body, as they go over the wire.
    pub bytes: Vec<u8>,
}

impl Mail {
    /// The letter from `from`; the outcome when it cannot be written.
    pub fn write(from: &Mailbox, letter: &Letter) -> Result<Self, Outcome> {
        let to = address(letter)?;
        let Some(rendered) = &letter.rendered else {
            return Err(impossible(
                Reason::TemplateError,
                "an e-mail needs a template: name one in the rule",
            ));
        };
        let message = compose(from, to, letter, rendered);
        let message = message.map_err(|e| impossible(Reason::Refused, &format!("cannot be written: {e}")))?;
        let (envelope, bytes) = (message.envelope().clone(), message.formatted());
        Ok(Self { job: letter.job.to_string(), envelope, bytes })
    }
}

fn address(letter: &Letter) -> Result<Mailbox, Outcome> {
    let address = letter.email.as_deref().map(str::trim).filter(|a| !a.is_empty());
    let address = address.ok_or_else(|| Outcome::new(Delivery::Permanent, Some(Reason::NoAddress)))?;
    let address: Result<Address, _> = address.parse();
    let address = address
        .map_err(|_| impossible(Reason::NoAddress, "the member's address is not an e-mail address"))?;
    let name = letter.content.name.as_deref().map(one_line).filter(|n| !n.is_empty());
    Ok(Mailbox::new(name, address))
}

fn compose(
    from: &Mailbox,
    to: Mailbox,
    letter: &Letter,
    rendered: &Rendered,
) -> Result<Message, lettre::error::Error> {
    let link = &letter.unsubscribe_url;
    let mut builder = Message::builder()
        .from(from.clone())
        .to(to)
        .subject(one_line(&rendered.subject))
        .date(SystemTime::from(letter.sent_at))
        .message_id(Some(format!("<{}@{}>", letter.job, from.email.domain())))
        .raw_header(raw("Auto-Submitted", "auto-generated".to_owned()))
        .raw_header(raw("List-Unsubscribe", format!("<{}>", one_line(link))));
    // RFC 8058 asks for https: a mail client must not post an opt-out in the clear
    if link.starts_with("https://") {
        builder = builder.raw_header(raw("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()));
    }
    match &rendered.html {
        Some(html) => {
            builder.multipart(MultiPart::alternative_plain_html(rendered.text.clone(), html.clone()))
        }
        None => builder.singlepart(SinglePart::plain(rendered.text.clone())),
    }
}

/// A header that is ASCII on one line by construction. Folding would break a long URL.
fn raw(name: &'static str, value: String) -> HeaderValue {
    HeaderValue::dangerous_new_pre_encoded(HeaderName::new_from_ascii_str(name), value.clone(), value)
}

fn impossible(reason: Reason, why: &str) -> Outcome {
    Outcome { reply: Some(why.to_owned()), ..Outcome::new(Delivery::Permanent, Some(reason)) }
}
