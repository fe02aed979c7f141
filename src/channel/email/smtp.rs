//! Owns the talk with one mail server, step by step, so that it is known whether a message may have been taken.
//!
//! lettre's own pool cannot tell: it parks a connection whose send was dropped by a time-out, and the next message then
//! reads the answers of the one before.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail as MailFrom, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::Severity;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::super::reply::redacted;
use super::Tls;
use super::mail::Mail;
use crate::domain::job::{Delivery, Outcome};
use crate::domain::reason::Reason;

/// One mail server, with the connections that wait for the next message.
pub(super) struct Smtp {
    host: String,
    port: u16,
    security: Security,
    credentials: Option<Credentials>,
    hello: ClientId,
    timeout: Duration,
    parked: Mutex<Vec<AsyncSmtpConnection>>,
}

enum Security {
    None,
    Starttls(TlsParameters),
    Implicit(TlsParameters),
}

/// Why a message was not handed over.
pub(super) enum Refusal {
    /// No connection that takes messages: nothing is said about this one.
    NotReady(String, Option<String>),
    /// The server took the connection and refuses this message.
    Message(SmtpError),
    /// The server cannot carry this message.
    NotCarried,
}

impl Smtp {
    pub fn new(
        host: String,
        port: u16,
        tls: Tls,
        credentials: Option<(String, String)>,
        timeout: Duration,
    ) -> Result<Self, SmtpError> {
        let security = match tls {
            Tls::None => Security::None,
            Tls::Starttls => Security::Starttls(TlsParameters::new(host.clone())?),
            Tls::Implicit => Security::Implicit(TlsParameters::new(host.clone())?),
        };
        let credentials = credentials.map(Credentials::from);
        let (hello, parked) = (ClientId::default(), Mutex::default());
        Ok(Self { host, port, security, credentials, hello, timeout, parked })
    }

    /// Sends the mail. Until the server has asked for the text, nothing was handed over; after that only its answer
    /// tells whether it took it.
    pub async fn send(&self, mail: &Mail) -> Outcome {
        let mut connection = match timeout(self.timeout, self.offer(mail)).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(refusal)) => return refusal.outcome(),
            Err(_) => {
                self.parked().clear();
                return not_ready(format!("not ready for a message within {:?}", self.timeout), None);
            }
        };
        match timeout(self.timeout, connection.message(&mail.bytes)).await {
            Ok(Ok(answer)) if answer.code().severity == Severity::PositiveCompletion => {
                self.park(connection);
                let words = answer.message().collect::<Vec<_>>().join(" ");
                let delivered = Outcome::new(Delivery::Delivered, None);
                Outcome { code: Some(answer.code().to_string()), reply: Some(redacted(&words)), ..delivered }
            }
            Ok(Err(error)) if error.status().is_some() => {
                self.park(connection);
                answered(&error)
            }
            Ok(Ok(answer)) => silent(format!("a strange answer to the message: {}", answer.code())),
            Ok(Err(error)) => {
                silent(format!("the connection broke after the message was handed over: {error}"))
            }
            Err(_) => silent(format!("no answer to the message within {:?}", self.timeout)),
        }
    }

    /// A connection on which the server has said that it wants the message's text.
    async fn offer(&self, mail: &Mail) -> Result<AsyncSmtpConnection, Refusal> {
        let mut connection = self.connection().await?;
        let to = mail.envelope.to().first().ok_or(Refusal::NotCarried)?;
        let options = options(&connection, mail)?;
        let from = MailFrom::new(mail.envelope.from().cloned(), options);
        let asked = async {
            connection.command(from).await?;
            connection.command(Rcpt::new(to.clone(), Vec::new())).await?;
            connection.command(Data).await
        };
        match asked.await {
            Ok(_) => Ok(connection),
            Err(error) if error.status().is_some() => {
                self.park(connection);
                Err(Refusal::Message(error))
            }
            Err(error) => Err(not_connected(error)),
        }
    }

    /// The connection that was parked last, or a new one. RSET shows that it lives, and forgets a refused message.
    async fn connection(&self) -> Result<AsyncSmtpConnection, Refusal> {
        let last = self.parked().pop();
        if let Some(mut connection) = last {
            if connection.command(Rset).await.is_ok() {
                return Ok(connection);
            }
            // the last one parked was the likeliest to live
            self.parked().clear();
        }
        self.connect().await
    }

    /// How long each part of a talk may take.
    pub fn patience(&self) -> Duration {
        self.timeout
    }

    /// How it is reached, in words.
    pub fn way(&self) -> String {
        let way = match &self.security {
            Security::None => "not encrypted",
            Security::Starttls(_) => "encrypted by STARTTLS",
            Security::Implicit(_) => "encrypted",
        };
        let login = if self.credentials.is_some() { ", logged in" } else { "" };
        format!("{way}{login}")
    }

    /// A new connection, ready for a message.
    pub async fn connect(&self) -> Result<AsyncSmtpConnection, Refusal> {
        let server = (self.host.as_str(), self.port);
        let tls = match &self.security {
            Security::Implicit(tls) => {
                let connected =
                    AsyncSmtpConnection::connect_tokio1(server, None, &self.hello, Some(tls.clone()), None);
                return self.log_in(connected.await.map_err(not_connected)?).await;
            }
            Security::Starttls(tls) => Some(tls),
            Security::None => None,
        };
        let stream = TcpStream::connect(server).await.map_err(no_stream)?;
        // lettre writes the final dot by itself: Nagle would hold it back for 40 ms
        stream.set_nodelay(true).map_err(no_stream)?;
        let connected = AsyncSmtpConnection::connect_with_transport(Box::new(stream), &self.hello);
        let mut connection = connected.await.map_err(not_connected)?;
        if let Some(tls) = tls {
            connection.starttls(tls.clone(), &self.hello).await.map_err(not_connected)?;
        }
        self.log_in(connection).await
    }

    async fn log_in(&self, mut connection: AsyncSmtpConnection) -> Result<AsyncSmtpConnection, Refusal> {
        if let Some(credentials) = &self.credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials).await.map_err(not_connected)?;
        }
        Ok(connection)
    }

    fn park(&self, connection: AsyncSmtpConnection) {
        if !connection.has_broken() {
            self.parked().push(connection);
        }
    }

    fn parked(&self) -> MutexGuard<'_, Vec<AsyncSmtpConnection>> {
        self.parked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Refusal {
    pub fn outcome(self) -> Outcome {
        match self {
            Refusal::NotReady(why, code) => not_ready(why, code),
            Refusal::Message(error) => answered(&error),
            Refusal::NotCarried => Outcome {
                reply: Some("the address is not ASCII, and the relay does not speak SMTPUTF8".to_owned()),
                ..Outcome::new(Delivery::Permanent, Some(Reason::Refused))
            },
        }
    }
}

fn options(connection: &AsyncSmtpConnection, mail: &Mail) -> Result<Vec<MailParameter>, Refusal> {
    if mail.bytes.is_ascii() {
        return Ok(Vec::new());
    }
    let speaks = |extension| connection.server_info().supports_feature(extension);
    if !speaks(Extension::SmtpUtfEight) || !speaks(Extension::EightBitMime) {
        return Err(Refusal::NotCarried);
    }
    Ok(vec![MailParameter::SmtpUtfEight, MailParameter::Body(MailBodyParameter::EightBitMime)])
}

/// A greeting or login refused for now is a deferral like any other; one refused for good (a wrong password) says
/// nothing about the message, which waits until someone mends the relay.
fn not_connected(error: SmtpError) -> Refusal {
    match error.status() {
        Some(code) if code.severity == Severity::TransientNegativeCompletion => Refusal::Message(error),
        code => Refusal::NotReady(error.to_string(), code.map(|c| c.to_string())),
    }
}

fn no_stream(error: io::Error) -> Refusal {
    Refusal::NotReady(format!("no connection: {error}"), None)
}

fn not_ready(why: String, code: Option<String>) -> Outcome {
    let unreachable = Outcome::new(Delivery::Unreachable, Some(Reason::Unreachable));
    Outcome { code, reply: Some(redacted(&why)), ..unreachable }
}

fn silent(what: String) -> Outcome {
    let uncertain = Outcome::new(Delivery::Uncertain, Some(Reason::NoAnswer));
    Outcome { reply: Some(redacted(&what)), ..uncertain }
}

/// The server's own refusal: 4xx for now, 5xx for good.
fn answered(error: &SmtpError) -> Outcome {
    let (result, reason) = match error.is_permanent() {
        true => (Delivery::Permanent, Reason::Refused),
        false => (Delivery::Transient, Reason::Deferred),
    };
    let words = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    let code = error.status().map(|c| c.to_string());
    Outcome { code, reply: Some(redacted(&words)), ..Outcome::new(result, Some(reason)) }
}
