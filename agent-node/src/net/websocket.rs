//! The upgrade to a WebSocket at `/ws/agent`. A refusal keeps the hub's own words.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http::{Request, StatusCode, header};
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use messages::agent::MAX_FRAME;
use messages::{Problem, Secret};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::{client::generate_key, derive_accept_key};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::dial::{NetError, Stage};
use super::request;
use super::{Dialer, HubAddress};

pub type Socket = WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>;

/// Why there is no socket.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum UpgradeError {
    #[error(transparent)]
    Net(#[from] NetError),
    #[error("the hub refuses: {}", .0.detail)]
    Refused(Box<Problem>),
    #[error(
        "something between here and the hub answers with status {0}; is the address right, and does the proxy let WebSockets through?"
    )]
    Status(StatusCode),
    #[error("the upgrade to a WebSocket is answered, and then the line breaks: {0}")]
    Broke(String),
    #[error("the upgrade to a WebSocket is answered, and then nothing comes")]
    Silent,
}

impl UpgradeError {
    /// Did the hub itself speak?
    #[must_use]
    pub const fn is_the_hubs(&self) -> bool {
        matches!(self, Self::Refused(_))
    }
}

/// For a pong; a hub answers at once.
const PROOF_WITHIN: Duration = Duration::from_secs(10);

/// Connects, and proves that frames get through both ways, without taking anybody's place.
pub async fn prove(dialer: &Dialer, hub: &HubAddress, credential: &Secret) -> Result<Socket, UpgradeError> {
    let mut socket = connect(dialer, hub, credential).await?;
    let ponged = async {
        socket.send(Message::Ping(Bytes::new())).await?;
        while let Some(message) = socket.next().await {
            if matches!(message?, Message::Pong(_)) {
                return Ok(true);
            }
        }
        Ok::<_, tokio_tungstenite::tungstenite::Error>(false)
    };
    match timeout(PROOF_WITHIN, ponged).await {
        Ok(Ok(true)) => Ok(socket),
        Ok(Ok(false)) => Err(UpgradeError::Broke("it was closed".to_owned())),
        Ok(Err(error)) => Err(UpgradeError::Broke(error.to_string())),
        Err(_) => Err(UpgradeError::Silent),
    }
}

/// Connects and upgrades.
pub async fn connect(dialer: &Dialer, hub: &HubAddress, credential: &Secret) -> Result<Socket, UpgradeError> {
    let stream = dialer.dial(hub).await?;
    let key = generate_key();
    let request = Request::get("/ws/agent")
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_VERSION, "13")
        .header(header::SEC_WEBSOCKET_KEY, &key)
        .header(header::AUTHORIZATION, format!("Bearer {}", credential.expose()))
        .body(Full::<Bytes>::default())
        .map_err(|error| NetError::new(Stage::Http, format!("the credential cannot be sent: {error}")))?;
    let response = request::open(stream, hub, request).await?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        let status = response.status();
        // A page too long to be read is not the hub's either.
        let Ok(answer) = request::read(response).await else { return Err(UpgradeError::Status(status)) };
        return Err(match answer.problem() {
            Ok(problem) => UpgradeError::Refused(Box::new(problem)),
            Err(status) => UpgradeError::Status(status),
        });
    }
    let expected = derive_accept_key(key.as_bytes());
    let accepted = response.headers().get(header::SEC_WEBSOCKET_ACCEPT);
    if accepted.is_none_or(|value| value.as_bytes() != expected.as_bytes()) {
        return Err(UpgradeError::Status(response.status()));
    }
    let upgraded =
        hyper::upgrade::on(response).await.map_err(|error| UpgradeError::Broke(error.to_string()))?;
    Ok(WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Client, Some(limits())).await)
}

/// The defaults keep 256 KiB of buffers for each socket; an idle agent needs none of it.
fn limits() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(4 * 1024)
        .write_buffer_size(0)
        .max_write_buffer_size(2 * MAX_FRAME)
        .max_message_size(Some(MAX_FRAME))
        .max_frame_size(Some(MAX_FRAME))
}
