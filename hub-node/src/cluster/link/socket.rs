//! Options of a link's socket, and the stream that `ractor_cluster` is given: buffered, and with a way to cut it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use ractor_cluster::{BoxRead, BoxWrite, ClusterBidiStream};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, BufReader, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// What was sent must be confirmed by the other machine within this time, else the connection is over: the kernel's
/// own patience is a quarter of an hour.
const UNCONFIRMED: Duration = Duration::from_secs(5);
/// An idle line is probed after two seconds, each second, three times.
const IDLE: Duration = Duration::from_secs(2);
const PROBE: Duration = Duration::from_secs(1);
const PROBES: u32 = 3;
/// `ractor_cluster` reads two small pieces for each message: measured 480 times fewer system calls with this.
const READ_BUFFER: usize = 64 << 10;

/// Sets the options of a fresh connection.
pub(super) fn tune(tcp: &TcpStream) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    let socket = SockRef::from(tcp);
    let keepalive = TcpKeepalive::new().with_time(IDLE).with_interval(PROBE);
    #[cfg(not(windows))]
    let keepalive = keepalive.with_retries(PROBES);
    socket.set_tcp_keepalive(&keepalive)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(UNCONFIRMED))?;
    Ok(())
}

/// An encrypted, greeted connection on its way into `ractor_cluster`.
pub(super) struct Stream {
    pub(super) tls: Box<TlsStream<TcpStream>>,
    /// Number of the connection in the keeper's book; the events of its session carry it.
    pub(super) conn: u64,
    /// Ends the connection however busy the session is, and whatever becomes of its actors.
    pub(super) cut: CancellationToken,
}

impl ClusterBidiStream for Stream {
    fn split(self: Box<Self>) -> (BoxRead, BoxWrite) {
        let (read, write) = tokio::io::split(*self.tls);
        let read = BufReader::with_capacity(READ_BUFFER, read);
        let cut = || Box::pin(self.cut.clone().cancelled_owned());
        (Box::new(Cuttable { inner: read, cut: cut() }), Box::new(Cuttable { inner: write, cut: cut() }))
    }

    fn peer_label(&self) -> Option<String> {
        Some(label(self.conn))
    }
}

/// How a session's events name its connection.
pub(super) fn label(conn: u64) -> String {
    format!("link#{conn}")
}

pub(super) fn of_label(label: &str) -> Option<u64> {
    label.strip_prefix("link#")?.parse().ok()
}

struct Cuttable<S> {
    inner: S,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl<S> Cuttable<S> {
    fn is_cut(&mut self, context: &mut Context<'_>) -> bool {
        self.cut.as_mut().poll(context).is_ready()
    }
}

fn was_cut() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the link was cut")
}

impl<S: AsyncRead + Unpin> AsyncRead for Cuttable<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_cut(context) {
            // The end of the stream, which is the quiet way for a session to end.
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Cuttable<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.is_cut(context) {
            return Poll::Ready(Err(was_cut()));
        }
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_cut(context) {
            return Poll::Ready(Err(was_cut()));
        }
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
