//! One HTTP request to the hub on a connection of its own: enrolment and the checks need no more.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use messages::Problem;
use tokio::time::timeout;

use super::dial::{BoxStream, NetError, Stage};
use super::{Dialer, HubAddress};

/// The hub may have to wait for its store.
const ANSWER_DEADLINE: Duration = Duration::from_secs(30);
/// Grants and problems are far smaller.
const MAX_ANSWER: usize = 64 * 1024;

/// The hub's answer.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub body: Bytes,
}

impl Answer {
    /// The hub's own words for a refusal, or the bare status when something else answered.
    pub fn problem(&self) -> Result<Problem, StatusCode> {
        serde_json::from_slice(&self.body).map_err(|_| self.status)
    }
}

/// Sends a request and reads the whole answer.
pub async fn send(
    dialer: &Dialer,
    hub: &HubAddress,
    request: Request<Full<Bytes>>,
) -> Result<Answer, NetError> {
    let stream = dialer.dial(hub).await?;
    let response = open(stream, hub, request).await?;
    read(response).await
}

/// Sends a request; the answer's body or upgrade is still to come.
pub(super) async fn open(
    stream: BoxStream,
    hub: &HubAddress,
    mut request: Request<Full<Bytes>>,
) -> Result<http::Response<Incoming>, NetError> {
    let fail =
        |error: String| NetError::new(Stage::Http, format!("{hub} did not answer as a hub does: {error}"));
    let host = hub.authority().parse().map_err(|_| fail("its name is no header value".to_owned()))?;
    request.headers_mut().insert(header::HOST, host);
    let asked = async {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection.with_upgrades());
        sender.send_request(request).await
    };
    match timeout(ANSWER_DEADLINE, asked).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(error)) => Err(fail(error.to_string())),
        Err(_) => Err(NetError::new(Stage::Silence, format!("{hub} gives no answer in time"))),
    }
}

pub(super) async fn read(response: http::Response<Incoming>) -> Result<Answer, NetError> {
    read_at_most(response, MAX_ANSWER).await
}

pub(super) async fn read_at_most(
    response: http::Response<Incoming>,
    most: usize,
) -> Result<Answer, NetError> {
    let status = response.status();
    match timeout(ANSWER_DEADLINE, Limited::new(response.into_body(), most).collect()).await {
        Ok(Ok(body)) => Ok(Answer { status, body: body.to_bytes() }),
        Ok(Err(error)) => Err(NetError::new(Stage::Http, format!("the answer broke off: {error}"))),
        Err(_) => Err(NetError::new(Stage::Http, "the answer did not end in time")),
    }
}
