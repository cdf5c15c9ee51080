//! The switch from HTTP to WebSocket.

use std::net::IpAddr;

use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, UPGRADE};
use http::{HeaderMap, HeaderValue, StatusCode};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use messages::{ErrorCode, MsgId, Problem};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use warp::Filter;
use warp::reply::Response;

use crate::http::{Peer, refusal};

/// A request for a socket.
pub(super) struct Asked {
    pub(super) headers: HeaderMap,
    pub(super) peer: Option<IpAddr>,
    upgrade: Option<OnUpgrade>,
}

pub(super) type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// What is needed to become a socket, or to say why not.
pub(super) fn asked() -> impl Filter<Extract = (Asked,), Error = std::convert::Infallible> + Clone {
    warp::header::headers_cloned()
        .and(warp::ext::optional::<Peer>())
        .and(warp::ext::optional::<OnUpgrade>())
        .map(|headers, peer: Option<Peer>, upgrade| Asked {
            headers,
            peer: peer.map(|peer| peer.0.ip()),
            upgrade,
        })
}

/// An accepted request: the answer to send, and the socket that follows it.
pub(super) struct Accepted {
    pub(super) response: Response,
    on_upgrade: OnUpgrade,
    limit: usize,
}

impl Asked {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Accepts, with `limit` bytes for the largest frame.
    pub(super) fn accept(self, limit: usize) -> Result<Accepted, Problem> {
        let wants = |name: &str, value: &str| {
            self.header(name).is_some_and(|found| found.to_ascii_lowercase().contains(value))
        };
        let key = self.header("sec-websocket-key").map(str::to_owned);
        let (Some(on_upgrade), Some(key), true, true) = (
            self.upgrade.clone(),
            key,
            wants("upgrade", "websocket"),
            self.header("sec-websocket-version") == Some("13"),
        ) else {
            let detail = "this address speaks WebSocket version 13 only; connect with a WebSocket client";
            return Err(Problem::new(ErrorCode::UnsupportedProtocol, detail));
        };
        let mut response = Response::new(bytes::Bytes::new().into());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        if let Ok(accept) = HeaderValue::from_str(&derive_accept_key(key.as_bytes())) {
            headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        }
        Ok(Accepted { response, on_upgrade, limit })
    }
}

impl Accepted {
    /// The answer, and the socket once the answer is out.
    pub(super) fn split(self) -> (Response, impl Future<Output = Option<Socket>> + Send) {
        let Self { response, on_upgrade, limit } = self;
        let socket = async move {
            match on_upgrade.await {
                Ok(upgraded) => {
                    let config = WebSocketConfig::default()
                        .read_buffer_size(4 * 1024)
                        .write_buffer_size(4 * 1024)
                        .max_write_buffer_size(8 * 1024 * 1024)
                        .max_message_size(Some(limit))
                        .max_frame_size(Some(limit));
                    let io = TokioIo::new(upgraded);
                    Some(WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await)
                }
                Err(failure) => {
                    tracing::debug!(%failure, "a socket broke before it was one");
                    None
                }
            }
        };
        (response, socket)
    }
}

/// A refused request for a socket.
pub(super) fn refused(problem: Problem) -> Response {
    let id = MsgId::new().to_string();
    tracing::debug!(id, %problem, "a socket was refused");
    let mut response = refusal(problem, &id);
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", id);
    }
    response
}
