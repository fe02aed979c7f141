//! A mail server on a free port that answers, breaks off, dawdles or falls silent as a test asks.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// Where in the talk something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// The connection is there.
    Greeting,
    /// STARTTLS was read.
    Starttls,
    /// AUTH was read.
    Auth,
    /// MAIL was read.
    Mail,
    /// RCPT was read.
    Rcpt,
    /// DATA was read.
    Data,
    /// The first line of the text was read.
    FirstLine,
    /// The final dot was read.
    Dot,
    /// RSET was read.
    Rset,
}

/// What the server then does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// What a server in good health does.
    Well,
    /// The same after a while.
    Late(Duration),
    /// Answers with this line instead.
    Say(&'static str),
    /// Answers with this line, one byte a second.
    Trickle(&'static str),
    /// Answers with so many bytes and no end of line.
    Flood(usize),
    /// Closes the connection.
    Drop,
    /// Says nothing more.
    Hang,
}

/// When the server changes to TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// Never.
    None,
    /// When asked, which it offers.
    Starttls,
    /// At once.
    Implicit,
}

/// The server.
pub struct Smtp {
    /// Its port on 127.0.0.1.
    pub port: u16,
    /// Its own certificate, for `localhost`, in PEM; empty without TLS.
    pub certificate: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    script: Box<dyn Fn(At, usize) -> Act + Send + Sync>,
    mails: Mutex<Vec<(Instant, Vec<u8>)>>,
    connections: AtomicUsize,
    extensions: &'static str,
    tls: Tls,
    acceptor: Option<TlsAcceptor>,
}

trait Bytes: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Bytes for T {}

type Stream = BufReader<Box<dyn Bytes>>;

impl Smtp {
    /// A server that does `act` at `at`, and well otherwise.
    pub async fn doing(at: At, act: Act) -> Self {
        Self::start("", move |here, _| if here == at { act } else { Act::Well }).await
    }

    /// A server that asks `script` at each step, on which connection (from 1); `extensions` go into its EHLO answer.
    pub async fn start(
        extensions: &'static str,
        script: impl Fn(At, usize) -> Act + Send + Sync + 'static,
    ) -> Self {
        Self::sealed(Tls::None, extensions, script).await
    }

    /// The same, under TLS.
    pub async fn sealed(
        tls: Tls,
        extensions: &'static str,
        script: impl Fn(At, usize) -> Act + Send + Sync + 'static,
    ) -> Self {
        Self::listening(listener(0), tls, extensions, script)
    }

    /// A server in good health at this port.
    pub async fn at(port: u16) -> Self {
        Self::listening(listener(port), Tls::None, "250-PIPELINING\r\n", |_, _| Act::Well)
    }

    fn listening(
        listener: TcpListener,
        tls: Tls,
        extensions: &'static str,
        script: impl Fn(At, usize) -> Act + Send + Sync + 'static,
    ) -> Self {
        let port = listener.local_addr().unwrap().port();
        let (mails, connections) = (Mutex::default(), AtomicUsize::new(0));
        let (acceptor, certificate) = (tls != Tls::None).then(acceptor).unzip();
        let shared = Shared { script: Box::new(script), mails, connections, extensions, tls, acceptor };
        let shared = Arc::new(shared);
        let task = tokio::spawn(accept(listener, shared.clone()));
        Self { port, certificate: certificate.unwrap_or_default(), shared, task }
    }

    /// Its address as a relay's URL.
    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    /// The texts it took, without the dots that stood for dots.
    pub fn mails(&self) -> Vec<Vec<u8>> {
        self.shared.mails.lock().unwrap().iter().map(|(_, text)| text.clone()).collect()
    }

    /// When each text was there.
    pub fn arrivals(&self) -> Vec<Instant> {
        self.shared.mails.lock().unwrap().iter().map(|(at, _)| *at).collect()
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Smtp {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// With a small buffer: what a server does not read is soon felt at the other end.
fn listener(port: u16) -> TcpListener {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16 * 1024).unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(([127, 0, 0, 1], port).into()).unwrap();
    socket.listen(1024).unwrap()
}

fn acceptor() -> (TlsAcceptor, String) {
    let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(ring).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![own.cert.der().clone()], key).unwrap();
    (TlsAcceptor::from(Arc::new(config)), own.cert.pem())
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(talk(stream, shared.clone()));
    }
}

/// `None` ends the connection, at whichever step.
async fn talk(stream: TcpStream, shared: Arc<Shared>) -> Option<()> {
    let nth = shared.connections.fetch_add(1, Ordering::SeqCst) + 1;
    stream.set_nodelay(true).ok()?;
    let mut stream: Stream = BufReader::new(Box::new(stream));
    if shared.tls == Tls::Implicit {
        stream = seal(stream, &shared).await?;
    }
    step(&mut stream, &shared, At::Greeting, nth, "220 sink").await?;
    let offer = if shared.tls == Tls::Starttls { "250-STARTTLS\r\n" } else { "" };
    loop {
        let line = line(&mut stream).await?;
        match line.split([' ', ':', '\r']).next()? {
            "EHLO" => {
                let told = format!("250-sink\r\n{offer}{}250 8BITMIME", shared.extensions);
                say(&mut stream, &told).await?;
            }
            "STARTTLS" => {
                step(&mut stream, &shared, At::Starttls, nth, "220 go on").await?;
                stream = seal(stream, &shared).await?;
            }
            "AUTH" => drop(step(&mut stream, &shared, At::Auth, nth, "235 welcome").await?),
            "MAIL" => drop(step(&mut stream, &shared, At::Mail, nth, "250 go on").await?),
            "RCPT" => drop(step(&mut stream, &shared, At::Rcpt, nth, "250 go on").await?),
            "RSET" => drop(step(&mut stream, &shared, At::Rset, nth, "250 forgotten").await?),
            "DATA" => {
                if step(&mut stream, &shared, At::Data, nth, "354 go on").await? {
                    take_text(&mut stream, &shared, nth).await?;
                }
            }
            "QUIT" => return say(&mut stream, "221 bye").await,
            _ => say(&mut stream, "500 what?").await?,
        }
    }
}

async fn seal(stream: Stream, shared: &Shared) -> Option<Stream> {
    let sealed = shared.acceptor.as_ref()?.accept(stream.into_inner()).await.ok()?;
    Some(BufReader::new(Box::new(sealed)))
}

async fn take_text(stream: &mut Stream, shared: &Shared, nth: usize) -> Option<()> {
    let mut text = Vec::new();
    loop {
        let line = line(stream).await?;
        if text.is_empty() && (shared.script)(At::FirstLine, nth) != Act::Well {
            step(stream, shared, At::FirstLine, nth, "").await?;
        }
        if line == ".\r\n" {
            break;
        }
        text.extend_from_slice(line.strip_prefix('.').unwrap_or(&line).as_bytes());
    }
    if step(stream, shared, At::Dot, nth, "250 2.0.0 queued for you@example.org as 4711").await? {
        shared.mails.lock().unwrap().push((Instant::now(), text));
    }
    Some(())
}

/// True when the step went well.
async fn step(stream: &mut Stream, shared: &Shared, at: At, nth: usize, well: &str) -> Option<bool> {
    match (shared.script)(at, nth) {
        Act::Well => say(stream, well).await.map(|()| true),
        Act::Late(pause) => {
            tokio::time::sleep(pause).await;
            say(stream, well).await.map(|()| true)
        }
        Act::Say(words) => say(stream, words).await.map(|()| false),
        Act::Trickle(words) => {
            for byte in format!("{words}\r\n").bytes() {
                stream.get_mut().write_all(&[byte]).await.ok()?;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            Some(false)
        }
        Act::Flood(bytes) => stream.get_mut().write_all(&vec![b'2'; bytes]).await.ok().map(|()| false),
        Act::Drop => None,
        Act::Hang => {
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).await.ok()?;
            None
        }
    }
}

async fn line(stream: &mut Stream) -> Option<String> {
    let mut line = String::new();
    (stream.read_line(&mut line).await.ok()? > 0).then_some(line)
}

async fn say(stream: &mut Stream, words: &str) -> Option<()> {
    let stream = stream.get_mut();
    stream.write_all(format!("{words}\r\n").as_bytes()).await.ok()?;
    stream.flush().await.ok()
}
