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
use tokio::time::timeout;

use super::{Address, Dialer, LineFault};

/// Answers to batches are small; receipts of 500 lines are the largest.
const MAX_ANSWER: usize = 1024 * 1024;

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
    open: Mutex<Option<SendRequest<Full<Bytes>>>>,
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
        let mut kept = open.take().filter(|sender| !sender.is_closed());
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
        *open = Some(sender);
        Ok(answer)
    }
}
