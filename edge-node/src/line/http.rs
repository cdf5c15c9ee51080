//! Requests one after another over one kept connection.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use messages::Problem;
use messages::edge::status::OfflineCause;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::{Address, Dialer, LineFault};

/// Answers to batches are small; receipts of 500 lines are the largest.
const MAX_ANSWER: usize = 1024 * 1024;
/// An idle connection is not used again after this. Hubs, and balancers before them, close it after a minute or more: a
/// sale is not sent into one that is being closed.
const KEPT: Duration = Duration::from_secs(50);

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub body: Bytes,
}

impl Answer {
    /// The other side's own words for a refusal, or something that says the status when nobody of ours answered.
    pub fn problem(&self) -> Result<Problem, StatusCode> {
        serde_json::from_slice(&self.body).map_err(|_| self.status)
    }
}

/// A connection that is kept between requests and made again when it is gone. One request at a time.
pub struct HttpLine {
    dialer: Dialer,
    to: Address,
    patience: Duration,
    open: Mutex<Option<Open>>,
}

struct Open {
    sender: SendRequest<Full<Bytes>>,
    /// When its latest answer had come.
    idle_since: Instant,
}

impl HttpLine {
    /// `patience` is for one whole answer.
    #[must_use]
    pub fn new(dialer: Dialer, to: Address, patience: Duration) -> Self {
        Self { dialer, to, patience, open: Mutex::default() }
    }

    #[must_use]
    pub const fn to(&self) -> &Address {
        &self.to
    }

    /// Sends a request and reads the whole answer. After a fault it is not known whether the request arrived.
    pub async fn send(&self, mut request: Request<Full<Bytes>>) -> Result<Answer, LineFault> {
        let mut open = self.open.lock().await;
        let down = |what: String| {
            LineFault::new(OfflineCause::HubDown, format!("{} did not answer as expected: {what}", self.to))
        };
        let host = HeaderValue::try_from(self.to.authority()).map_err(|error| down(error.to_string()))?;
        request.headers_mut().insert(header::HOST, host);
        let fresh = |kept: &Open| kept.idle_since.elapsed() < KEPT && !kept.sender.is_closed();
        let mut kept = open.take().filter(fresh).map(|kept| kept.sender);
        // One that the other side has closed meanwhile is noticed here.
        if let Some(sender) = &mut kept
            && sender.ready().await.is_err()
        {
            kept = None;
        }
        let mut sender = match kept {
            Some(sender) => sender,
            None => {
                let stream = self.dialer.dial(&self.to, false).await?;
                let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
                    .await
                    .map_err(|error| down(error.to_string()))?;
                tokio::spawn(connection);
                sender
            }
        };
        let asked = async {
            let response = sender.send_request(request).await.map_err(|error| down(error.to_string()))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), MAX_ANSWER)
                .collect()
                .await
                .map_err(|error| down(error.to_string()))?;
            Ok(Answer { status, body: body.to_bytes() })
        };
        let answer = timeout(self.patience, asked)
            .await
            .unwrap_or_else(|_| Err(down("no answer in time".to_owned())))?;
        *open = Some(Open { sender, idle_since: Instant::now() });
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_connection_is_used_again_unless_it_was_idle_for_long() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let hub = Address::parse(&format!("http://{}", listener.local_addr().unwrap()), true).unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(async move {
                    while stream.read(&mut [0; 1_024]).await.is_ok_and(|read| read > 0) {
                        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
                    }
                });
            }
        });
        let _already = rustls::crypto::ring::default_provider().install_default();
        let line = HttpLine::new(Dialer::new(None).unwrap(), hub, Duration::from_secs(10));
        for (idle, expected) in [(0, 1), (40, 1), (60, 2), (1, 2)] {
            tokio::time::pause();
            tokio::time::advance(Duration::from_secs(idle)).await;
            tokio::time::resume();
            line.send(Request::get("/").body(Full::default()).unwrap()).await.unwrap();
            assert_eq!(connections.load(Ordering::Relaxed), expected, "after {idle} s");
        }
    }
}
