//! Owns the bytes between us and a mail server: what was written for sure, and how much it may say; knows no SMTP.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// Bytes that a server may say before we speak again.
const LONGEST_REPLY: usize = 64 * 1024;
/// The command behind which the two ends change to TLS.
const STARTTLS: &[u8] = b"STARTTLS\r\n";

/// A TCP connection, below TLS where there is any.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    /// Bytes read since we wrote last.
    heard: usize,
    /// What the server says in the clear is read byte by byte, so that nothing of it is left over to be taken for
    /// something said under TLS.
    by_bytes: bool,
    trace: Arc<Trace>,
}

/// How the writing of a text ended.
#[derive(Debug, Default)]
pub(super) struct Trace {
    reading: AtomicBool,
    cut: AtomicBool,
}

impl Trace {
    /// A text begins.
    pub fn begin(&self) {
        self.reading.store(false, Ordering::Relaxed);
        self.cut.store(false, Ordering::Relaxed);
    }

    /// True when the connection broke before all that was written since [`Trace::begin`] had been handed to it.
    pub fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Relaxed)
    }

    fn reads(&self) {
        self.reading.store(true, Ordering::Relaxed);
    }

    /// What is written while reading (an alert of TLS) says nothing about the text.
    fn fails_to_write(&self) {
        if !self.reading.load(Ordering::Relaxed) {
            self.cut.store(true, Ordering::Relaxed);
        }
    }
}

impl Wire {
    /// The connection, and what tells how writing went.
    pub fn new(stream: TcpStream) -> (Self, Arc<Trace>) {
        let trace = Arc::new(Trace::default());
        (Self { stream, heard: 0, by_bytes: false, trace: trace.clone() }, trace)
    }

    /// A server that has closed its end takes nothing more, though the kernel would: better to know before the final dot
    /// than to wonder after it.
    fn write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.stream.poll_peek(cx, &mut ReadBuf::new(&mut [0])) {
            Poll::Ready(Ok(0)) => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(_)) | Poll::Pending => Pin::new(&mut self.stream).poll_write(cx, bytes),
        }
    }

    fn read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.by_bytes {
            return Pin::new(&mut self.stream).poll_read(cx, into);
        }
        let mut byte = [0];
        let mut one = ReadBuf::new(&mut byte);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut one))?;
        into.put_slice(one.filled());
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.trace.reads();
        let before = into.filled().len();
        ready!(this.read(cx, into))?;
        this.heard += into.filled().len() - before;
        match this.heard <= LONGEST_REPLY {
            true => Poll::Ready(Ok(())),
            false => Poll::Ready(Err(io::Error::other("the reply is too long"))),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(this.write(cx, bytes));
        this.heard = 0;
        this.by_bytes = bytes == STARTTLS;
        if written.is_err() {
            this.trace.fails_to_write();
        }
        Poll::Ready(written)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

impl AsyncTokioStream for Wire {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }
}

/// A connection under TLS from its first byte.
#[derive(Debug)]
pub(super) struct Sealed(pub TlsStream<Wire>);

impl AsyncRead for Sealed {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_read(cx, into)
    }
}

impl AsyncWrite for Sealed {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(cx)
    }
}

impl AsyncTokioStream for Sealed {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.get_ref().0.peer_addr()
    }
}
