//! One WebSocket to a node: opening it, a frame each way, and what to make of a refusal. Buffers are small: thousands of
//! these are open at once.

use std::time::Duration;

use anyhow::{Context as _, Result};
use futures_util::{SinkExt as _, StreamExt as _};
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::wave::Member;

/// Connecting and switching to a WebSocket.
const OPEN_WITHIN: Duration = Duration::from_secs(20);
/// Nothing for so long, not even a ping: the hub is gone.
const SILENCE: Duration = Duration::from_secs(45);
/// How agents wait: a random time below a ceiling that doubles.
const FIRST_CEILING: Duration = Duration::from_millis(500);
const LAST_CEILING: Duration = Duration::from_secs(60);
/// After a session this long the ceiling starts over.
const GOOD_SESSION: Duration = Duration::from_secs(30);

/// A node's address.
pub(crate) struct Place {
    authority: String,
}

impl Place {
    pub(crate) fn parse(hub: &str) -> Result<Self> {
        let authority =
            hub.strip_prefix("http://").with_context(|| format!("{hub} is no http:// address"))?;
        Ok(Self { authority: authority.trim_end_matches('/').to_owned() })
    }
}

/// How a session ended.
pub(crate) enum End {
    /// We broke it ourselves.
    Cut,
    Lost {
        why: String,
        wait: Duration,
    },
}

impl End {
    pub(crate) fn lost(why: impl Into<String>) -> Self {
        Self::Lost { why: why.into(), wait: Duration::ZERO }
    }
}

/// What is read of each frame from the hub.
#[derive(Deserialize)]
pub(crate) struct Head<'a> {
    #[serde(borrow)]
    pub(crate) t: &'a str,
    pub(crate) code: Option<&'a str>,
    pub(crate) retry_after_ms: Option<u64>,
    pub(crate) heartbeat_s: Option<u64>,
}

impl Head<'_> {
    /// Of a `bye`, or of any other frame that must not come now.
    pub(crate) fn end(&self) -> End {
        let why = format!("{} {}", self.t, self.code.unwrap_or_default());
        End::Lost { why, wait: Duration::from_millis(self.retry_after_ms.unwrap_or(0)) }
    }
}

/// An open socket.
pub(crate) struct Line {
    socket: WebSocketStream<TcpStream>,
}

impl Line {
    pub(crate) async fn open(place: &Place, path: &str, credential: Option<&str>) -> Result<Self, End> {
        match timeout(OPEN_WITHIN, connect(place, path, credential)).await {
            Ok(opened) => opened,
            Err(_) => Err(End::lost("not opened in time")),
        }
    }

    pub(crate) async fn say(&mut self, text: &str) -> Result<(), End> {
        let sent = timeout(OPEN_WITHIN, self.socket.send(Message::text(text))).await;
        sent.map_err(|_| End::lost("not written in time"))?.map_err(|failure| told(&failure))
    }

    /// The next frame; pings are answered on the way.
    pub(crate) async fn next(&mut self) -> Result<String, End> {
        loop {
            match timeout(SILENCE, self.socket.next()).await {
                Ok(Some(Ok(Message::Text(text)))) => return Ok(text.as_str().to_owned()),
                Ok(Some(Ok(Message::Close(_))) | None) => return Err(End::lost("closed by the hub")),
                Ok(Some(Ok(_))) => {}
                Ok(Some(Err(failure))) => return Err(told(&failure)),
                Err(_) => return Err(End::lost("45 silent seconds")),
            }
        }
    }
}

async fn connect(place: &Place, path: &str, credential: Option<&str>) -> Result<Line, End> {
    let stream = TcpStream::connect(&place.authority)
        .await
        .map_err(|failure| End::lost(format!("connect: {failure}")))?;
    stream.set_nodelay(true).map_err(|failure| End::lost(failure.to_string()))?;
    let mut request =
        format!("ws://{}{path}", place.authority).into_client_request().map_err(|failure| told(&failure))?;
    if let Some(credential) = credential {
        let value = HeaderValue::from_str(&format!("Bearer {credential}"))
            .map_err(|failure| End::lost(failure.to_string()))?;
        request.headers_mut().insert("authorization", value);
    }
    let config = WebSocketConfig::default().read_buffer_size(4 * 1024).write_buffer_size(0);
    match client_async_with_config(request, stream, Some(config)).await {
        Ok((socket, _)) => Ok(Line { socket }),
        Err(Error::Http(refused)) => {
            let body = refused.body().as_deref().unwrap_or_default();
            let problem = serde_json::from_slice::<serde_json::Value>(body).unwrap_or_default();
            let code = problem["code"].as_str().unwrap_or_default();
            let why = format!("upgrade refused: {} {code}", refused.status().as_u16());
            Err(End::Lost { why, wait: Duration::from_secs(problem["retry_after_s"].as_u64().unwrap_or(0)) })
        }
        Err(failure) => Err(told(&failure)),
    }
}

/// Without what differs from socket to socket: these are counted by their text.
fn told(failure: &Error) -> End {
    match failure {
        Error::Io(failure) => End::lost(format!("broken: {:?}", failure.kind())),
        other => End::lost(format!("broken: {other}")),
    }
}

/// An agent's waits between its sessions.
pub(crate) struct Waits {
    ceiling: Duration,
    least: Duration,
    opened: Instant,
}

impl Waits {
    pub(crate) fn new() -> Self {
        Self { ceiling: FIRST_CEILING, least: Duration::ZERO, opened: Instant::now() }
    }

    /// Before each session.
    pub(crate) async fn wait(&mut self) {
        sleep(self.least.max(self.ceiling.mul_f64(rand::random()))).await;
        self.opened = Instant::now();
    }

    /// After each.
    pub(crate) async fn ended(&mut self, end: End, member: &Member) {
        let good = self.opened.elapsed() >= GOOD_SESSION;
        let doubled = if good { FIRST_CEILING } else { self.ceiling * 2 };
        (self.ceiling, self.least) = match end {
            End::Cut => (FIRST_CEILING, Duration::ZERO),
            End::Lost { why, wait } => {
                member.trouble(why).await;
                (doubled.min(LAST_CEILING), wait)
            }
        };
    }
}
