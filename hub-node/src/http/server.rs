//! The accept loop: sockets, TLS, time limits, a limit of connections, and a drain with an end.
//!
//! Runs one warp filter for every request. Knows nothing of paths.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{FutureExt as _, TryFutureExt as _};
use http::header::CONNECTION;
use http::{HeaderValue, StatusCode, Version};
use hyper::body::Incoming;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use crate::ingestion::Streams;

/// Ten thousand agents and a thousand consoles on three nodes, with one node down, and half as many again. A
/// connection costs 6 to 60 KiB, so this is well below a gibibyte.
pub(crate) const MAX_CONNECTIONS: usize = 16_384;
/// For the head of a connection's next request, from the answer before it. Longer than clients and balancers keep idle
/// connections (60 to 90 seconds), so that none sends a request into one that is being closed.
const IDLE: Duration = Duration::from_secs(120);
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Out of file descriptors, say: let some go before trying again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Header block of a request; ours have less than two kilobytes.
const MAX_HEADERS: usize = 64 * 1024;

/// The other end of the connection a request came by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// How to serve.
#[derive(Clone)]
pub struct ServerSettings {
    /// Plain HTTP when absent.
    pub tls: Option<Arc<ServerConfig>>,
    /// Time that requests under way get when the node stops.
    pub drain: Duration,
    pub max_connections: usize,
    /// For a request's head, and between two requests.
    pub idle: Duration,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self { tls: None, drain: Duration::from_secs(10), max_connections: MAX_CONNECTIONS, idle: IDLE }
    }
}

/// A bound socket.
pub struct Server {
    listener: TcpListener,
    settings: ServerSettings,
    streams: Option<Streams>,
    parting: CancellationToken,
}

/// How serving ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// All requests under way were answered in time; otherwise some were cut.
    pub finished: bool,
}

impl Server {
    pub async fn bind(address: SocketAddr, settings: ServerSettings) -> io::Result<Self> {
        Ok(Self {
            listener: TcpListener::bind(address).await?,
            settings,
            streams: None,
            parting: CancellationToken::new(),
        })
    }

    /// Serves gRPC beside everything else. Asked before the filter is: its answers end with trailers, which the filter's
    /// bodies do not have.
    #[must_use]
    pub fn with_streams(self, streams: Streams) -> Self {
        Self { streams: Some(streams), ..self }
    }

    /// From `parting` on each answer over HTTP/1.1 is the last of its connection and says so: whoever is served here goes
    /// elsewhere between two requests, and none is sent into a connection that is being closed. (HTTP/2 has a frame for it.)
    #[must_use]
    pub fn with_parting(self, parting: CancellationToken) -> Self {
        Self { parting, ..self }
    }

    /// Where it listens, with the real port.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop`, then lets requests under way finish. Sockets that were upgraded are not waited for:
    /// whoever upgraded them closes them.
    pub async fn serve(self, app: BoxedFilter<(Response,)>, stop: CancellationToken) -> Drained {
        let Self { listener, settings, streams, parting } = self;
        let places = Arc::new(Semaphore::new(settings.max_connections));
        let edge = Edge {
            app,
            streams,
            parting,
            builder: Arc::new(builder(settings.idle)),
            tls: settings.tls.map(TlsAcceptor::from),
        };
        let graceful = GracefulShutdown::new();
        let cut = CancellationToken::new();
        loop {
            let (stream, peer) = tokio::select! {
                () = stop.cancelled() => break,
                accepted = listener.accept() => match accepted {
                    Ok(accepted) => accepted,
                    Err(failure) => {
                        tracing::warn!(%failure, "a connection could not be accepted");
                        sleep(ACCEPT_PAUSE).await;
                        continue;
                    }
                },
            };
            // Closed at once rather than left in the queue: the client notices and comes back later.
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                tracing::warn!(%peer, limit = settings.max_connections, "a connection was refused: too many are open");
                continue;
            };
            let serving = edge.clone().serve(stream, peer, place, graceful.watcher());
            let cut = cut.clone();
            tokio::spawn(async move {
                tokio::select! {
                    () = cut.cancelled() => {}
                    () = serving => {}
                }
            });
        }
        drop(listener);
        let open = graceful.count();
        let finished = timeout(settings.drain, graceful.shutdown()).await.is_ok();
        cut.cancel();
        if !finished {
            tracing::warn!(open, "connections were cut because their requests did not end in time");
        }
        Drained { finished }
    }
}

fn builder(idle: Duration) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(idle).max_buf_size(MAX_HEADERS);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(20))
        .max_concurrent_streams(128)
        .max_header_list_size(64 * 1024);
    builder
}

/// What all connections share.
#[derive(Clone)]
struct Edge {
    app: BoxedFilter<(Response,)>,
    streams: Option<Streams>,
    parting: CancellationToken,
    builder: Arc<Builder<TokioExecutor>>,
    tls: Option<TlsAcceptor>,
}

impl Edge {
    async fn serve(self, stream: TcpStream, peer: SocketAddr, place: OwnedSemaphorePermit, watcher: Watcher) {
        if let Err(failure) = stream.set_nodelay(true) {
            tracing::debug!(%failure, %peer, "TCP_NODELAY could not be set");
        }
        let Some(acceptor) = self.tls.clone() else {
            return self.serve_requests(Held { io: stream, _place: place }, peer, watcher).await;
        };
        match timeout(HANDSHAKE, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => self.serve_requests(Held { io: stream, _place: place }, peer, watcher).await,
            Ok(Err(failure)) => tracing::debug!(%failure, %peer, "a TLS handshake failed"),
            Err(_) => tracing::debug!(%peer, "a TLS handshake took too long"),
        }
    }

    async fn serve_requests<T>(self, io: Held<T>, peer: SocketAddr, watcher: Watcher)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let warp = TowerToHyperService::new(warp::service(self.app));
        let (streams, parting) = (self.streams, self.parting);
        let service = service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(Peer(peer));
            match &streams {
                Some(streams) if Streams::is_for(request.uri().path()) => streams.clone().call(request),
                _ => {
                    let (parting, one) = (parting.clone(), request.version() == Version::HTTP_11);
                    let last = move || one && parting.is_cancelled();
                    warp.call(request).map_ok(move |answer| said_last(answer, last()).map(Body::new)).boxed()
                }
            }
        });
        let connection = self.builder.serve_connection_with_upgrades(TokioIo::new(io), service).into_owned();
        if let Err(failure) = watcher.watch(connection).await {
            tracing::debug!(%failure, %peer, "a connection ended with an error");
        }
    }
}

/// The answer, and that no other follows on its connection if it is the last.
fn said_last(mut answer: Response, last: bool) -> Response {
    if last && answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

/// A socket with its place among the open ones, which it keeps when it becomes a WebSocket.
struct Held<T> {
    io: T,
    _place: OwnedSemaphorePermit,
}

impl<T: AsyncRead + Unpin> AsyncRead for Held<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Held<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
