//! The accept loop: sockets, TLS, time limits, a limit of connections, and a drain with an end. Knows nothing of paths.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use warp::filters::BoxedFilter;
use warp::reply::Response;

/// Fifty tills with a handful of sockets each, and a page or two.
pub const MAX_CONNECTIONS: usize = 512;
/// For the head of a connection's next request, from the answer before it. Longer than tills keep idle connections
/// (mostly 60 to 90 seconds), so that none sends a sale into one that is being closed.
const IDLE: Duration = Duration::from_secs(120);
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Out of file descriptors, say: let some go before trying again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Header block of a request; ours have less than a kilobyte.
const MAX_HEADERS: usize = 16 * 1024;

/// A bound socket.
pub struct Server {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
}

impl Server {
    pub async fn bind(address: SocketAddr, tls: Option<Arc<ServerConfig>>) -> io::Result<Self> {
        Ok(Self { listener: TcpListener::bind(address).await?, tls: tls.map(TlsAcceptor::from) })
    }

    /// Where it listens, with the real port.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop`, then lets requests under way finish for as long as `drain`.
    pub async fn serve(self, app: BoxedFilter<(Response,)>, stop: CancellationToken, drain: Duration) {
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let graceful = GracefulShutdown::new();
        let cut = CancellationToken::new();
        let builder = builder();
        loop {
            let (stream, peer) = tokio::select! {
                () = stop.cancelled() => break,
                accepted = self.listener.accept() => match accepted {
                    Ok(accepted) => accepted,
                    Err(failure) => {
                        tracing::warn!(%failure, "a connection could not be accepted");
                        sleep(ACCEPT_PAUSE).await;
                        continue;
                    }
                },
            };
            // Closed at once rather than left in the queue: the till notices and comes back.
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                tracing::warn!(%peer, limit = MAX_CONNECTIONS, "a connection was refused: too many are open");
                continue;
            };
            let serving = one(builder.clone(), self.tls.clone(), stream, app.clone(), graceful.watcher());
            let cut = cut.clone();
            tokio::spawn(async move {
                let _place = place;
                tokio::select! {
                    () = cut.cancelled() => {}
                    () = serving => {}
                }
            });
        }
        drop(self.listener);
        if timeout(drain, graceful.shutdown()).await.is_err() {
            tracing::warn!("connections were cut because their requests did not end in time");
        }
        cut.cancel();
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(IDLE).max_buf_size(MAX_HEADERS);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(64).max_header_list_size(16 * 1024);
    builder
}

async fn one(
    builder: Builder<TokioExecutor>,
    tls: Option<TlsAcceptor>,
    stream: TcpStream,
    app: BoxedFilter<(Response,)>,
    watcher: Watcher,
) {
    // Answers are small and somebody waits for each.
    let _best_effort = stream.set_nodelay(true);
    let Some(acceptor) = tls else { return requests(builder, stream, app, watcher).await };
    match timeout(HANDSHAKE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => requests(builder, stream, app, watcher).await,
        Ok(Err(failure)) => tracing::debug!(%failure, "a TLS handshake failed"),
        Err(_) => tracing::debug!("a TLS handshake took too long"),
    }
}

async fn requests<T>(builder: Builder<TokioExecutor>, io: T, app: BoxedFilter<(Response,)>, watcher: Watcher)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = TowerToHyperService::new(warp::service(app));
    let connection = builder.serve_connection(TokioIo::new(io), service).into_owned();
    if let Err(failure) = watcher.watch(connection).await {
        tracing::debug!(%failure, "a connection ended with an error");
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use warp::Filter as _;

    use super::*;

    #[tokio::test]
    async fn an_idle_connection_is_kept_for_longer_than_tills_keep_theirs() {
        let server = Server::bind(([127, 0, 0, 1], 0).into(), None).await.unwrap();
        let address = server.address().unwrap();
        let app = warp::any().map(|| Response::new("yes".into())).boxed();
        tokio::spawn(server.serve(app, CancellationToken::new(), Duration::ZERO));
        let mut till = TcpStream::connect(address).await.unwrap();
        let mut answer = vec![0; 1_024];
        for idle in [Duration::from_secs(90), Duration::ZERO] {
            till.write_all(b"GET / HTTP/1.1\r\nhost: edge\r\n\r\n").await.unwrap();
            let read = timeout(Duration::from_secs(10), till.read(&mut answer)).await.unwrap().unwrap();
            let answer = String::from_utf8_lossy(&answer[..read]);
            assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("yes"), "{answer}");
            tokio::time::pause();
            tokio::time::advance(idle).await;
            tokio::time::resume();
        }
    }
}
