//! A mail server on a free port that answers, breaks off or falls silent as a test asks.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Where in the talk something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// The connection is there.
    Greeting,
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
    /// Answers with this line instead.
    Say(&'static str),
    /// Closes the connection.
    Drop,
    /// Says nothing more.
    Hang,
}

/// The server.
pub struct Smtp {
    /// Its port on 127.0.0.1.
    pub port: u16,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    script: Box<dyn Fn(At, usize) -> Act + Send + Sync>,
    mails: Mutex<Vec<Vec<u8>>>,
    connections: AtomicUsize,
    extensions: &'static str,
}

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
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (mails, connections) = (Mutex::default(), AtomicUsize::new(0));
        let shared = Arc::new(Shared { script: Box::new(script), mails, connections, extensions });
        let task = tokio::spawn(accept(listener, shared.clone()));
        Self { port, shared, task }
    }

    /// Its address as a relay's URL.
    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    /// The texts it took, without the dots that stood for dots.
    pub fn mails(&self) -> Vec<Vec<u8>> {
        self.shared.mails.lock().unwrap().clone()
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

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(talk(stream, shared.clone()));
    }
}

/// `None` ends the connection, at whichever step.
async fn talk(stream: TcpStream, shared: Arc<Shared>) -> Option<()> {
    let nth = shared.connections.fetch_add(1, Ordering::SeqCst) + 1;
    stream.set_nodelay(true).ok()?;
    let mut stream = BufReader::new(stream);
    step(&mut stream, &shared, At::Greeting, nth, "220 sink").await?;
    loop {
        let line = line(&mut stream).await?;
        match line.split([' ', ':', '\r']).next()? {
            "EHLO" => say(&mut stream, &format!("250-sink\r\n{}250 8BITMIME", shared.extensions)).await?,
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

async fn take_text(stream: &mut BufReader<TcpStream>, shared: &Shared, nth: usize) -> Option<()> {
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
        shared.mails.lock().unwrap().push(text);
    }
    Some(())
}

/// True when the step went well.
async fn step(
    stream: &mut BufReader<TcpStream>,
    shared: &Shared,
    at: At,
    nth: usize,
    well: &str,
) -> Option<bool> {
    match (shared.script)(at, nth) {
        Act::Well => say(stream, well).await.map(|()| true),
        Act::Say(words) => say(stream, words).await.map(|()| false),
        Act::Drop => None,
        Act::Hang => {
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).await.ok()?;
            None
        }
    }
}

async fn line(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    (stream.read_line(&mut line).await.ok()? > 0).then_some(line)
}

async fn say(stream: &mut BufReader<TcpStream>, words: &str) -> Option<()> {
    stream.get_mut().write_all(format!("{words}\r\n").as_bytes()).await.ok()
}
