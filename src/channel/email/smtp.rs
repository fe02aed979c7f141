//! Owns one mail server as the channel sees it: a mail goes in, an outcome comes out; knows nothing of other relays.
//!
//! lettre's own pool cannot tell whether a message may have been taken: it parks a connection whose send was dropped by a
//! time-out, and the next message then reads the answers of the one before.

use std::time::Duration;

use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::{Response, Severity};
use tokio::time::timeout;

use super::super::reply::redacted;
use super::mail::Mail;
use super::pool::Pool;
use super::status::{self, Step};
use super::talk::{Refusal, Server, Talk};
use super::tls::Security;
use crate::domain::job::{Delivery, Outcome};
use crate::domain::reason::Reason;

/// Many relays close a connection after a minute: let go of it first.
const IDLE: Duration = Duration::from_secs(30);

/// One mail server, with the connections that wait for the next message.
pub(super) struct Smtp {
    server: Server,
    timeout: Duration,
    pool: Pool,
}

impl Smtp {
    /// `timeout` is for the server to be ready for a message, and again to answer for it.
    pub fn new(
        (host, port): (String, u16),
        security: Security,
        credentials: Option<(String, String)>,
        timeout: Duration,
    ) -> Self {
        let (credentials, hello) = (credentials.map(Credentials::from), ClientId::default());
        Self { server: Server { host, port, security, credentials, hello }, timeout, pool: Pool::new(IDLE) }
    }

    /// Comes in and goes again: how the server calls itself and is reached, with its certificate (DER); else what keeps us
    /// out.
    pub async fn look_in(&self) -> (Result<String, String>, Option<Vec<u8>>) {
        let talk = match timeout(self.timeout, Talk::open(&self.server)).await {
            Ok(Ok(talk)) => talk,
            Ok(Err(refusal)) => {
                let Outcome { code, reply, .. } = refused(refusal);
                let words: Vec<String> = code.into_iter().chain(reply).collect();
                return (Err(words.join(" ")), None);
            }
            Err(_) => return (Err(format!("does not answer within {:?}", self.timeout)), None),
        };
        let (says, certificate) = (format!("{}, {}", talk.name(), self.server.way()), talk.certificate());
        talk.quit().await;
        (Ok(says), certificate)
    }

    /// Sends the mail. Until the server has asked for the text, nothing was handed over; when all of it was, only the
    /// server's answer tells whether it took it.
    pub async fn send(&self, mail: &Mail) -> Outcome {
        let mut talk = match timeout(self.timeout, self.offer(mail)).await {
            Ok(Ok(talk)) => talk,
            Ok(Err(refusal)) => return refused(refusal),
            Err(_) => {
                self.pool.clear();
                return unreachable(format!("not ready for a message within {:?}", self.timeout));
            }
        };
        let answer = timeout(self.timeout, talk.hand_over(&mail.bytes)).await;
        let broken = match answer {
            Ok(Ok(answer)) if answer.code().severity == Severity::PositiveCompletion => {
                self.pool.park(talk);
                return taken(&answer);
            }
            Ok(Err(error)) if error.status().is_some() => {
                self.pool.park(talk);
                return answered(Step::Text, &error);
            }
            Ok(Ok(answer)) => format!("a strange answer to the message: {}", answer.code()),
            Ok(Err(error)) => format!("the connection broke: {error}"),
            Err(_) => format!("no answer to the message within {:?}", self.timeout),
        };
        if talk.may_have_taken() { silent(broken) } else { unreachable(broken) }
    }

    /// A connection on which the server has said that it wants the message's text.
    async fn offer(&self, mail: &Mail) -> Result<Talk, Refusal> {
        if let Some(talk) = self.pool.take() {
            match self.ask(talk, mail).await {
                // It died while it waited, and so did those that have waited longer.
                Err(refusal) if refusal.is_end() => self.pool.clear(),
                ended => return ended,
            }
        }
        self.ask(Talk::open(&self.server).await?, mail).await
    }

    async fn ask(&self, mut talk: Talk, mail: &Mail) -> Result<Talk, Refusal> {
        match talk.ask(mail).await {
            Ok(()) => Ok(talk),
            Err(refusal) => {
                self.pool.park(talk);
                Err(refusal)
            }
        }
    }
}

fn taken(answer: &Response) -> Outcome {
    let words = answer.message().collect::<Vec<_>>().join(" ");
    let delivered = Outcome::new(Delivery::Delivered, None);
    Outcome { code: Some(answer.code().to_string()), reply: Some(redacted(&words)), ..delivered }
}

fn refused(refusal: Refusal) -> Outcome {
    match refusal {
        Refusal::Answered(step, error) => answered(step, &error),
        Refusal::Lost(why) => unreachable(why),
        Refusal::NotCarried => Outcome {
            reply: Some("the address is not ASCII, and the relay does not speak SMTPUTF8".to_owned()),
            ..Outcome::new(Delivery::Permanent, Some(Reason::Refused))
        },
    }
}

/// The server's own refusal.
fn answered(step: Step, error: &SmtpError) -> Outcome {
    let words = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    let code = error.status();
    let (result, reason) = status::meaning(step, code.map_or(0, u16::from), &words);
    let outcome = Outcome::new(result, Some(reason));
    Outcome { code: code.map(|c| c.to_string()), reply: Some(redacted(&words)), ..outcome }
}

fn unreachable(why: String) -> Outcome {
    let unreachable = Outcome::new(Delivery::Unreachable, Some(Reason::Unreachable));
    Outcome { reply: Some(redacted(&why)), ..unreachable }
}

fn silent(what: String) -> Outcome {
    let uncertain = Outcome::new(Delivery::Uncertain, Some(Reason::NoAnswer));
    Outcome { reply: Some(redacted(&format!("after the message was handed over: {what}"))), ..uncertain }
}
