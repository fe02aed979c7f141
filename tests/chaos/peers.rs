//! Owns the two peers, a webhook receiver and a mail server, and the log of all they took: what is in it has reached a
//! member, whether or not the answer got through.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::diary::Watch;
use crate::receiver::SECRET;

/// How long a peer thinks before it answers, in milliseconds.
const THINKS: std::ops::Range<u64> = 5..60;

/// One message that a peer took.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Taken {
    /// Since the run began.
    pub at: Duration,
    pub channel: &'static str,
    /// Its `webhook-id`, or the left part of its Message-ID.
    pub job: String,
}

/// The peers; they listen as long as this lives.
pub struct Peers {
    pub hook: u16,
    pub mail: u16,
    log: Arc<Log>,
    tasks: [JoinHandle<()>; 2],
}

#[derive(Default)]
struct Log {
    taken: Mutex<Vec<(Instant, &'static str, String)>>,
    unsigned: AtomicUsize,
}

impl Peers {
    pub async fn start() -> Self {
        let (hook, mail) = (listener().await, listener().await);
        let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
        let ports = (port(&hook), port(&mail));
        let log = Arc::<Log>::default();
        let tasks = [tokio::spawn(receive(hook, log.clone())), tokio::spawn(take_mail(mail, log.clone()))];
        Self { hook: ports.0, mail: ports.1, log, tasks }
    }

    /// How many messages were taken so far.
    pub fn count(&self) -> usize {
        self.log.taken.lock().unwrap().len()
    }

    /// All that was taken so far, in order.
    pub fn taken(&self, watch: Watch) -> Vec<Taken> {
        let taken = self.log.taken.lock().unwrap().clone();
        taken.into_iter().map(|(at, channel, job)| Taken { at: watch.at(at), channel, job }).collect()
    }

    /// Posts without a good signature.
    pub fn unsigned(&self) -> usize {
        self.log.unsigned.load(Ordering::SeqCst)
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Log {
    /// On record before the answer: the sender may be gone by then.
    async fn take(&self, channel: &'static str, job: String) {
        self.taken.lock().unwrap().push((Instant::now(), channel, job));
        tokio::time::sleep(Duration::from_millis(fastrand::u64(THINKS))).await;
    }
}

async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

async fn receive(listener: TcpListener, log: Arc<Log>) {
    let verifier = Arc::new(standardwebhooks::Webhook::new(SECRET).unwrap());
    let take = move |headers: HeaderMap, body: Bytes| {
        let (log, verifier) = (log.clone(), verifier.clone());
        async move {
            if verifier.verify(&body, &headers).is_err() {
                log.unsigned.fetch_add(1, Ordering::SeqCst);
                return StatusCode::UNAUTHORIZED;
            }
            log.take("crm", headers["webhook-id"].to_str().unwrap().to_owned()).await;
            StatusCode::NO_CONTENT
        }
    };
    axum::serve(listener, Router::new().route("/hook", post(take))).await.unwrap();
}

async fn take_mail(listener: TcpListener, log: Arc<Log>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(talk(stream, log.clone()));
    }
}

/// `None` ends the connection.
async fn talk(stream: TcpStream, log: Arc<Log>) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut stream = BufReader::new(stream);
    say(&mut stream, "220 sink").await?;
    loop {
        let line = line(&mut stream).await?;
        match line.split([' ', ':', '\r']).next()? {
            "EHLO" => say(&mut stream, "250-sink\r\n250-PIPELINING\r\n250 8BITMIME").await?,
            "DATA" => {
                say(&mut stream, "354 go on").await?;
                let job = text(&mut stream).await?;
                log.take("email", job).await;
                say(&mut stream, "250 2.0.0 taken").await?;
            }
            "QUIT" => return say(&mut stream, "221 bye").await,
            _ => say(&mut stream, "250 go on").await?,
        }
    }
}

/// Reads to the final dot; the job that the Message-ID names.
async fn text(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut job = None;
    loop {
        let line = line(stream).await?;
        if line == ".\r\n" {
            return job;
        }
        let id = line.strip_prefix("Message-ID: <").and_then(|id| id.split_once('@'));
        job = job.or(id.map(|(job, _)| job.to_owned()));
    }
}

async fn line(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    (stream.read_line(&mut line).await.ok()? > 0).then_some(line)
}

async fn say(stream: &mut BufReader<TcpStream>, words: &str) -> Option<()> {
    stream.get_mut().write_all(format!("{words}\r\n").as_bytes()).await.ok()
}
