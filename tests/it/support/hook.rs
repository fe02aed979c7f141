//! An HTTP endpoint on a free port that answers, breaks off or falls silent as a test asks.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// One request, as it came.
#[derive(Debug, Clone)]
pub struct Request {
    /// The request line.
    pub line: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

/// What the endpoint does with a request.
#[derive(Debug, Clone)]
pub enum Answer {
    /// A status line's rest (`200 OK`), header lines each ending in CRLF, a body.
    Say(&'static str, String, String),
    /// This status, and then a body without an end.
    Endless(&'static str),
    /// A status line, and then headers without an end, a drop at a time.
    Trickle,
    /// Nothing, with the connection kept open.
    Hang,
    /// Closes the connection.
    Drop,
}

impl Answer {
    /// A status and nothing else.
    pub fn status(status: &'static str) -> Self {
        Answer::Say(status, String::new(), String::new())
    }
}

/// The endpoint.
pub struct Hook {
    /// Its URL.
    pub url: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    answer: Box<dyn Fn(&Request) -> Answer + Send + Sync>,
    seen: Option<Mutex<Vec<Request>>>,
    connections: AtomicUsize,
}

impl Hook {
    /// An endpoint that asks `answer` for each request and remembers them.
    pub async fn start(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        Self::with(answer, Some(Mutex::default())).await
    }

    /// An endpoint for many requests: it remembers none.
    pub async fn fast() -> Self {
        Self::with(|_| Answer::status("204 No Content"), None).await
    }

    async fn with(
        answer: impl Fn(&Request) -> Answer + Send + Sync + 'static,
        seen: Option<Mutex<Vec<Request>>>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let shared = Arc::new(Shared { answer: Box::new(answer), seen, connections: AtomicUsize::new(0) });
        let task = tokio::spawn(accept(listener, shared.clone()));
        Self { url, shared, task }
    }

    /// The requests so far.
    pub fn seen(&self) -> Vec<Request> {
        self.shared.seen.as_ref().map(|seen| seen.lock().unwrap().clone()).unwrap_or_default()
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        shared.connections.fetch_add(1, Ordering::SeqCst);
        tokio::spawn(talk(stream, shared.clone()));
    }
}

async fn talk(mut stream: TcpStream, shared: Arc<Shared>) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut buffer = Vec::with_capacity(8192);
    loop {
        let request = read(&mut stream, &mut buffer).await?;
        let answer = (shared.answer)(&request);
        if let Some(seen) = &shared.seen {
            seen.lock().unwrap().push(request);
        }
        match answer {
            Answer::Say(status, headers, body) => {
                let length = match status.starts_with("204") {
                    true => String::new(),
                    false => format!("content-length: {}\r\n", body.len()),
                };
                let whole = format!("HTTP/1.1 {status}\r\n{length}{headers}\r\n{body}");
                stream.write_all(whole.as_bytes()).await.ok()?;
            }
            Answer::Endless(status) => {
                stream.write_all(format!("HTTP/1.1 {status}\r\n\r\n").as_bytes()).await.ok()?;
                while stream.write_all(b"and on ").await.is_ok() {
                    tokio::task::yield_now().await;
                }
                return None;
            }
            Answer::Trickle => {
                stream.write_all(b"HTTP/1.1 200 OK\r\n").await.ok()?;
                let mut drops = tokio::time::interval(std::time::Duration::from_millis(20));
                // each drop comes well before any pause between two bytes would count as silence
                while stream.write_all(b"x-a: b\r\n").await.is_ok() {
                    drops.tick().await;
                }
                return None;
            }
            Answer::Hang => return stream.read_to_end(&mut buffer).await.ok().and(None),
            Answer::Drop => return None,
        }
    }
}

async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Request> {
    let head = loop {
        match buffer.windows(4).position(|w| w == b"\r\n\r\n") {
            Some(at) => break String::from_utf8(buffer.drain(..at + 4).collect()).ok()?,
            None => (stream.read_buf(buffer).await.ok()? > 0).then_some(())?,
        }
    };
    let mut lines = head.lines();
    let line = lines.next()?.to_owned();
    let headers: HeaderMap = lines
        .filter_map(|l| l.split_once(": "))
        .map(|(n, v)| (HeaderName::from_bytes(n.as_bytes()).unwrap(), HeaderValue::from_str(v).unwrap()))
        .collect();
    let length = headers.get("content-length").map_or(0, |v| v.to_str().unwrap().parse().unwrap());
    while buffer.len() < length {
        (stream.read_buf(buffer).await.ok()? > 0).then_some(())?;
    }
    Some(Request { line, headers, body: buffer.drain(..length).collect() })
}
