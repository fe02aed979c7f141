//! Owns the connections that wait for the next message, and their end; knows nothing of messages.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::talk::Talk;

/// Connections that wait. Dropped, it closes them all.
pub(super) struct Pool {
    shelf: Arc<Mutex<Shelf>>,
    idle: Duration,
}

/// The longest parked comes first.
#[derive(Default)]
struct Shelf {
    parked: Vec<(Instant, Talk)>,
    /// Someone will come and close what has waited too long.
    watched: bool,
}

impl Pool {
    /// A pool that closes a connection after `idle`.
    pub fn new(idle: Duration) -> Self {
        Self { shelf: Arc::default(), idle }
    }

    /// The connection that was parked last: the likeliest to live.
    pub fn take(&self) -> Option<Talk> {
        let mut shelf = lock(&self.shelf);
        let (until, talk) = shelf.parked.pop()?;
        (until > Instant::now()).then_some(talk)
    }

    /// Keeps a connection for the next message, if it is good for one.
    pub fn park(&self, talk: Talk) {
        if !talk.is_fit() {
            return;
        }
        if talk.is_worn() {
            tokio::spawn(talk.quit());
            return;
        }
        let mut shelf = lock(&self.shelf);
        shelf.parked.push((Instant::now() + self.idle, talk));
        if !std::mem::replace(&mut shelf.watched, true) {
            tokio::spawn(watch(Arc::downgrade(&self.shelf)));
        }
    }

    /// Closes every connection that waits.
    pub fn clear(&self) {
        lock(&self.shelf).parked.clear();
    }
}

/// Closes what has waited too long, until nothing waits.
async fn watch(shelf: Weak<Mutex<Shelf>>) {
    while let Some(next) = shelf.upgrade().and_then(|shelf| close_old(&mut lock(&shelf))) {
        sleep_until(next).await;
    }
}

/// When to come again.
fn close_old(shelf: &mut Shelf) -> Option<Instant> {
    let now = Instant::now();
    let old = shelf.parked.iter().take_while(|(until, _)| *until <= now).count();
    for (_, talk) in shelf.parked.drain(..old) {
        tokio::spawn(talk.quit());
    }
    let next = shelf.parked.first().map(|(until, _)| *until);
    shelf.watched = next.is_some();
    next
}

fn lock(shelf: &Mutex<Shelf>) -> MutexGuard<'_, Shelf> {
    shelf.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use lettre::transport::smtp::extension::ClientId;
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
    use tokio::net::TcpListener;
    use tokio::time::timeout;

    use super::super::talk::Server;
    use super::super::tls::Security;
    use super::*;

    /// A server that greets, answers everything well, and keeps the lines that it heard.
    async fn listening() -> (Server, tokio::sync::mpsc::UnboundedReceiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (heard, hears) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mut stream = BufReader::new(stream);
                stream.get_mut().write_all(b"220 here\r\n").await.unwrap();
                let mut line = String::new();
                while stream.read_line(&mut line).await.is_ok_and(|n| n > 0) {
                    heard.send(std::mem::take(&mut line)).unwrap();
                    stream.get_mut().write_all(b"250 well\r\n").await.unwrap();
                }
                heard.send("closed".to_owned()).unwrap();
            }
        });
        let (host, hello) = ("127.0.0.1".to_owned(), ClientId::Domain("we".to_owned()));
        (Server { host, port, security: Security::None, credentials: None, hello }, hears)
    }

    async fn talk(server: &Server) -> Talk {
        Talk::open(server).await.map_err(|_| ()).unwrap()
    }

    async fn heard(hears: &mut tokio::sync::mpsc::UnboundedReceiver<String>, what: &str) {
        let waiting = async { while hears.recv().await.unwrap() != what {} };
        timeout(Duration::from_secs(10), waiting).await.unwrap();
    }

    #[tokio::test]
    async fn what_waits_too_long_is_closed_with_a_farewell() {
        let (server, mut hears) = listening().await;
        let pool = Pool::new(Duration::from_millis(50));
        pool.park(talk(&server).await);
        heard(&mut hears, "QUIT\r\n").await;
        heard(&mut hears, "closed").await;
        assert!(pool.take().is_none() && !lock(&pool.shelf).watched);
        // and again
        pool.park(talk(&server).await);
        heard(&mut hears, "QUIT\r\n").await;
    }

    #[tokio::test]
    async fn what_waits_is_taken_again_and_nothing_outlives_the_pool() {
        let (server, mut hears) = listening().await;
        let pool = Pool::new(Duration::from_secs(60));
        pool.park(talk(&server).await);
        let taken = pool.take().unwrap();
        assert!(pool.take().is_none());
        pool.park(taken);
        drop(pool);
        heard(&mut hears, "closed").await;
    }
}
