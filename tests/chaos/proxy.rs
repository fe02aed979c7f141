//! Owns a TCP proxy that cuts, stalls and refuses on command; knows nothing of what it carries.

use std::path::PathBuf;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Where the other end listens.
#[derive(Debug, Clone)]
pub enum Place {
    Tcp(u16),
    Unix(PathBuf),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    Open,
    /// Bytes are kept back.
    Stalled,
    /// Nobody listens, as on a machine whose server is down.
    Shut,
}

/// What every connection goes by, at every moment.
#[derive(Debug, Clone)]
struct Orders {
    door: Door,
    cuts: usize,
    to: Place,
}

/// A way to one server.
pub struct Proxy {
    /// The port on 127.0.0.1 that leads there.
    pub port: u16,
    orders: watch::Sender<Orders>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Must be called within a runtime.
    pub fn to(place: Place) -> Self {
        // bound for good but never listening: keeps the port while nobody listens there
        let reserved = bound(0);
        let port = reserved.local_addr().unwrap().port();
        let (orders, heard) = watch::channel(Orders { door: Door::Open, cuts: 0, to: place });
        let task = tokio::spawn(async move {
            let _reserved = reserved;
            answer(port, heard).await;
        });
        Self { port, orders, task }
    }

    /// Breaks every connection off.
    pub fn cut(&self) {
        self.orders.send_modify(|orders| orders.cuts += 1);
    }

    /// Keeps back what is sent from now on, in both directions.
    pub fn stall(&self) {
        self.order(Door::Stalled);
    }

    /// Breaks every connection off, and refuses new ones.
    pub fn shut(&self) {
        self.order(Door::Shut);
    }

    /// Carries again.
    pub fn open(&self) {
        self.order(Door::Open);
    }

    /// New connections lead there.
    pub fn lead_to(&self, place: Place) {
        self.orders.send_modify(|orders| orders.to = place);
    }

    fn order(&self, door: Door) {
        self.orders.send_modify(|orders| orders.door = door);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
        // connections that are under way end too
        self.shut();
    }
}

fn bound(port: u16) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(([127, 0, 0, 1], port).into()).unwrap();
    socket
}

/// Listens unless shut.
async fn answer(port: u16, mut orders: watch::Receiver<Orders>) {
    while orders.wait_for(|orders| orders.door != Door::Shut).await.is_ok() {
        let listener = bound(port).listen(1024).unwrap();
        tokio::select! {
            () = accept(&listener, &orders) => {}
            _ = shut(orders.clone()) => {}
        }
    }
}

async fn shut(mut orders: watch::Receiver<Orders>) {
    let _ = orders.wait_for(|orders| orders.door == Door::Shut).await;
}

async fn accept(listener: &TcpListener, orders: &watch::Receiver<Orders>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(carry(stream, orders.clone()));
    }
}

async fn carry(near: TcpStream, mut orders: watch::Receiver<Orders>) -> std::io::Result<()> {
    let Orders { cuts, to, .. } = orders.borrow().clone();
    near.set_nodelay(true)?;
    let (near_reads, near_writes) = near.into_split();
    let (far_reads, far_writes) = connect(&to).await?;
    tokio::select! {
        () = pass(near_reads, far_writes, orders.clone()) => {}
        () = pass(far_reads, near_writes, orders.clone()) => {}
        _ = orders.wait_for(|orders| orders.cuts != cuts || orders.door == Door::Shut) => {}
    }
    Ok(())
}

type Reads = Box<dyn AsyncRead + Unpin + Send>;
type Writes = Box<dyn AsyncWrite + Unpin + Send>;

async fn connect(to: &Place) -> std::io::Result<(Reads, Writes)> {
    Ok(match to {
        Place::Tcp(port) => {
            let stream = TcpStream::connect(("127.0.0.1", *port)).await?;
            stream.set_nodelay(true)?;
            let (reads, writes) = stream.into_split();
            (Box::new(reads), Box::new(writes))
        }
        Place::Unix(path) => {
            let (reads, writes) = UnixStream::connect(path).await?.into_split();
            (Box::new(reads), Box::new(writes))
        }
    })
}

/// One direction, until its sender has no more to say.
async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut orders: watch::Receiver<Orders>,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let goes_on = orders.wait_for(|orders| orders.door != Door::Stalled).await.is_ok();
        if !goes_on || to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
