//! Owns the talk with one mail server over one connection, step by step; knows nothing of what an answer means.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream};
use lettre::transport::smtp::commands::{Data, Ehlo, Mail as MailFrom, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::{Response, Severity};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::mail::Mail;
use super::status::Step;
use super::tls::Security;
use super::wire::{Sealed, Trace, Wire};

/// Relays close a connection after some number of messages: let go of it first.
const MOST_MESSAGES: u32 = 100;
/// A farewell takes no longer, nor do the last words of a server that breaks off.
const FAREWELL: Duration = Duration::from_secs(2);

/// A mail server, and how to come in.
pub(super) struct Server {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is encrypted.
    pub security: Security,
    /// User and password, if it wants them.
    pub credentials: Option<Credentials>,
    /// How we call ourselves.
    pub hello: ClientId,
}

impl Server {
    /// How it is reached, in words.
    pub fn way(&self) -> String {
        let way = match &self.security {
            Security::None => "not encrypted",
            Security::Starttls(_) => "encrypted by STARTTLS",
            Security::Implicit(..) => "encrypted",
        };
        let login = if self.credentials.is_some() { ", logged in" } else { "" };
        format!("{way}{login}")
    }
}

/// One connection, after the login.
pub(super) struct Talk {
    connection: AsyncSmtpConnection,
    trace: Arc<Trace>,
    pipelines: bool,
    /// Messages so far.
    served: u32,
    /// The last message was refused: the server may still remember parts of it.
    refused: bool,
    /// Nothing more can be said over it.
    broken: bool,
    /// All of the text was written; what is left is the final dot.
    at_the_dot: bool,
    /// The certificate (DER) that the server showed, where TLS was there from the first byte.
    shown: Option<Vec<u8>>,
}

/// Why a message was not handed over.
pub(super) enum Refusal {
    /// The server answered so.
    Answered(Step, SmtpError),
    /// The connection broke, or never was one.
    Lost(String),
    /// The server cannot carry this message.
    NotCarried,
}

impl Refusal {
    /// True when it is the connection that came to its end.
    pub fn is_end(&self) -> bool {
        match self {
            Refusal::Answered(step, error) => *step == Step::Connect || closes(error),
            Refusal::Lost(_) => true,
            Refusal::NotCarried => false,
        }
    }
}

impl Talk {
    /// Connects, encrypts, logs in.
    pub async fn open(server: &Server) -> Result<Self, Refusal> {
        let stream = TcpStream::connect((server.host.as_str(), server.port)).await.map_err(no_stream)?;
        // lettre writes the final dot by itself: Nagle would hold it back for 40 ms
        stream.set_nodelay(true).map_err(no_stream)?;
        let (wire, trace) = Wire::new(stream);
        let mut shown = None;
        let stream: Box<dyn AsyncTokioStream> = match &server.security {
            Security::Implicit(tls, name) => {
                let sealed = tls.connect(name.clone(), wire).await.map_err(not_sealed)?;
                shown =
                    sealed.get_ref().1.peer_certificates().and_then(|chain| Some(chain.first()?.to_vec()));
                Box::new(Sealed(sealed))
            }
            Security::Starttls(_) | Security::None => Box::new(wire),
        };
        let connected = AsyncSmtpConnection::connect_with_transport(stream, &server.hello);
        let mut connection = connected.await.map_err(not_welcome)?;
        if let Security::Starttls(tls) = &server.security {
            if !connection.can_starttls() {
                return Err(Refusal::Lost(NO_STARTTLS.to_owned()));
            }
            connection.starttls(tls.clone(), &server.hello).await.map_err(not_welcome)?;
        }
        let pipelines = pipelines(&mut connection, &server.hello).await.map_err(not_welcome)?;
        if let Some(credentials) = &server.credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials).await.map_err(not_welcome)?;
        }
        let (served, refused, broken, at_the_dot) = (0, false, false, false);
        Ok(Self { connection, trace, pipelines, served, refused, broken, at_the_dot, shown })
    }

    /// How the server calls itself.
    pub fn name(&self) -> &str {
        self.connection.server_info().name()
    }

    /// The certificate (DER) that the server showed; none where the connection is not encrypted.
    pub fn certificate(&self) -> Option<Vec<u8>> {
        self.shown.clone().or_else(|| self.connection.peer_certificate().ok())
    }

    /// Asks whether the server wants the mail's text: all at once where it knows pipelining (RFC 2920).
    pub async fn ask(&mut self, mail: &Mail) -> Result<(), Refusal> {
        let commands = self.commands(mail)?;
        let mut refusal = None;
        let mut wants_text = false;
        for (nth, (step, command)) in commands.iter().enumerate() {
            let answer = match (self.pipelines, nth) {
                (true, 0) => self.connection.command(Batch(&commands)).await,
                (true, _) => self.connection.read_response().await,
                (false, _) => self.connection.command(command).await,
            };
            match answer {
                Ok(answer) => wants_text = answer.code().severity == Severity::PositiveIntermediate,
                Err(error) if error.status().is_some() => {
                    self.broken |= *step == Step::Connect || closes(&error);
                    wants_text = false;
                    refusal.get_or_insert(Refusal::Answered(*step, error));
                    if !self.pipelines || self.broken {
                        break;
                    }
                }
                Err(error) => {
                    self.broken = true;
                    return Err(refusal.unwrap_or_else(|| lost(&error)));
                }
            }
        }
        // One that refuses the recipient and wants a text all the same gets none: there is nothing to say to it.
        self.broken |= wants_text == refusal.is_some();
        self.refused = refusal.is_some();
        match refusal {
            Some(refusal) => Err(refusal),
            None if wants_text => Ok(()),
            None => Err(Refusal::Lost("a strange answer to DATA".to_owned())),
        }
    }

    /// Hands over the text that was asked for. When that fails, [`Talk::may_have_taken`] says whether it may have arrived.
    pub async fn hand_over(&mut self, text: &[u8]) -> Result<Response, SmtpError> {
        self.trace.begin();
        self.served += 1;
        // Unless it ends well.
        self.broken = true;
        let at_the_dot = &mut self.at_the_dot;
        let mut text = Some(text);
        let parts = std::iter::from_fn(|| {
            let next = text.take();
            *at_the_dot = next.is_none();
            next
        });
        let answer = self.connection.message_iter(parts).await;
        if !self.at_the_dot {
            // One that does not want the whole of it may have said why before it hung up.
            return match timeout(FAREWELL, self.connection.read_response()).await {
                Ok(Err(told)) if told.status().is_some() => Err(told),
                _ => answer,
            };
        }
        self.refused = answer.is_err();
        self.broken = answer.as_ref().is_err_and(|error| error.status().is_none() || closes(error));
        answer
    }

    /// True when the server may have the whole of the text that was handed over without an answer.
    ///
    /// Without the final dot a server must forget what it has (RFC 5321, 4.1.1.4). lettre asks for the next part of a text
    /// when the part before was written and flushed, and writes the dot when there is none: before it has asked for more,
    /// no dot was written. Where it has, the dot's own write may have failed, which [`Wire`] sees on the socket: under TLS
    /// too, for there the dot is in the last record, and a record that is not whole cannot be read. A write that was given
    /// up half-way by a time-out is in doubt, and so is a dot that the kernel took, whatever became of it.
    pub fn may_have_taken(&self) -> bool {
        self.at_the_dot && !self.trace.is_cut()
    }

    /// True when it can serve another message.
    pub fn is_fit(&self) -> bool {
        !self.broken
    }

    /// True when it has served its time.
    pub fn is_worn(&self) -> bool {
        self.served >= MOST_MESSAGES
    }

    /// Takes leave, and does not wait long for the answer.
    pub async fn quit(mut self) {
        // Whatever comes back, or nothing: the connection is closed.
        let _ = timeout(FAREWELL, self.connection.quit()).await;
    }

    /// What is said up to DATA, with what each line is about.
    fn commands(&self, mail: &Mail) -> Result<Vec<(Step, String)>, Refusal> {
        let to = mail.envelope.to().first().ok_or(Refusal::NotCarried)?;
        let from = MailFrom::new(mail.envelope.from().cloned(), self.options(mail)?);
        let rset = self.refused.then(|| (Step::Connect, Rset.to_string()));
        let rest = [
            (Step::Mail, from.to_string()),
            (Step::Rcpt, Rcpt::new(to.clone(), Vec::new()).to_string()),
            (Step::Data, Data.to_string()),
        ];
        Ok(rset.into_iter().chain(rest).collect())
    }

    fn options(&self, mail: &Mail) -> Result<Vec<MailParameter>, Refusal> {
        if mail.bytes.is_ascii() {
            return Ok(Vec::new());
        }
        let speaks = |extension| self.connection.server_info().supports_feature(extension);
        if !speaks(Extension::SmtpUtfEight) || !speaks(Extension::EightBitMime) {
            return Err(Refusal::NotCarried);
        }
        Ok(vec![MailParameter::SmtpUtfEight, MailParameter::Body(MailBodyParameter::EightBitMime)])
    }
}

/// True when the server takes several commands at once, which lettre does not look for.
async fn pipelines(connection: &mut AsyncSmtpConnection, hello: &ClientId) -> Result<bool, SmtpError> {
    let told = connection.command(Ehlo::new(hello.clone())).await?;
    Ok(told.message().any(|line| line.trim().eq_ignore_ascii_case("PIPELINING")))
}

/// Several commands in one write.
struct Batch<'a>(&'a [(Step, String)]);

impl fmt::Display for Batch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(_, command)| f.write_str(command))
    }
}

const NO_STARTTLS: &str = "the relay offers no STARTTLS: write its url as smtps://, or, to send without encryption, as \
                           smtp:// with `allow_plaintext = true`";

/// The answer after which the server hangs up.
fn closes(error: &SmtpError) -> bool {
    error.status().is_some_and(|code| u16::from(code) == 421)
}

fn lost(error: &SmtpError) -> Refusal {
    Refusal::Lost(error.to_string())
}

fn not_welcome(error: SmtpError) -> Refusal {
    match error.status() {
        Some(_) => Refusal::Answered(Step::Connect, error),
        None => lost(&error),
    }
}

fn no_stream(error: io::Error) -> Refusal {
    Refusal::Lost(format!("no connection: {error}"))
}

fn not_sealed(error: io::Error) -> Refusal {
    Refusal::Lost(format!("no connection under TLS: {error}"))
}
