//! A line to the hub: what carries the frames of a session. A WebSocket, or HTTPS where that is blocked.
//!
//! The session's logic sees frames and signs of life and nothing else, so there is one of it.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use messages::agent::{Frame, FromAgent, ToAgent};
use messages::http::agents::TransportKind;
use messages::{CommandId, PROTOCOL};
use serde::Deserialize;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Bytes, Message, Utf8Bytes};

use super::fallback::Evidence;
use super::https::Https;
use super::session::Ending;
use crate::net::Stage;
use crate::net::websocket::{Socket, UpgradeError};

/// A frame that takes longer to hand over than this meets a dead line.
const WRITE_DEADLINE: Duration = Duration::from_secs(30);
/// For the goodbye. The line may be the very reason for the end.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

pub(crate) enum Line {
    Socket(Box<Socket>),
    Https(Https),
}

/// What comes in.
#[derive(Debug)]
pub(super) enum Heard {
    Frame(Box<ToAgent>),
    /// A run whose source, destination or rule this agent does not know: a newer hub has more of them.
    Unsupported {
        command_id: CommandId,
        detail: String,
    },
    /// A sign of life: a pong, an empty answer to a poll.
    Sign,
}

impl Line {
    pub(super) const fn kind(&self) -> TransportKind {
        match self {
            Self::Socket(_) => TransportKind::Websocket,
            Self::Https(_) => TransportKind::Https,
        }
    }

    /// The next thing that comes. May be given up and called again: nothing is lost.
    pub(super) async fn receive(&mut self) -> Result<Heard, Ending> {
        match self {
            Self::Socket(socket) => heard(socket.next().await),
            Self::Https(https) => https.receive().await,
        }
    }

    pub(super) async fn send(&mut self, body: &FromAgent) -> Result<(), Ending> {
        let text = serde_json::to_string(&Frame::new(body))
            .map_err(|error| Ending::Own(format!("a frame could not be written: {error}")))?;
        match self {
            Self::Socket(socket) => write(socket, Message::Text(text.into())).await,
            Self::Https(https) => match timeout(WRITE_DEADLINE, https.send(text)).await {
                Ok(sent) => sent,
                Err(_) => Err(jammed()),
            },
        }
    }

    /// Asks for a sign of life. A poll is one by itself.
    pub(super) async fn ping(&mut self) -> Result<(), Ending> {
        match self {
            Self::Socket(socket) => write(socket, Message::Ping(Bytes::new())).await,
            Self::Https(_) => Ok(()),
        }
    }

    /// Says goodbye.
    pub(crate) async fn close(self, stopping: bool) {
        let closed = match self {
            Self::Socket(mut socket) => {
                let (code, reason) =
                    if stopping { (CloseCode::Away, "stopping") } else { (CloseCode::Normal, "") };
                let close = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
                timeout(CLOSE_WITHIN, socket.as_mut().close(Some(close))).await.map(drop)
            }
            Self::Https(https) => timeout(CLOSE_WITHIN, https.close()).await,
        };
        if closed.is_err() {
            tracing::debug!("the goodbye did not get through in time");
        }
    }
}

async fn write(socket: &mut Socket, message: Message) -> Result<(), Ending> {
    match timeout(WRITE_DEADLINE, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(Ending::Lost(error.to_string())),
        Err(_) => Err(jammed()),
    }
}

fn jammed() -> Ending {
    Ending::Lost("the line takes nothing any more".to_owned())
}

type Received = Option<Result<Message, tokio_tungstenite::tungstenite::Error>>;

fn heard(received: Received) -> Result<Heard, Ending> {
    match received {
        None => Err(Ending::Lost("the hub closed the connection".to_owned())),
        Some(Err(error)) => Err(Ending::Lost(error.to_string())),
        Some(Ok(Message::Text(text))) => parse(&text),
        Some(Ok(Message::Close(close))) => {
            let why = close.map_or_else(String::new, |close| format!(": {close}"));
            Err(Ending::Lost(format!("the hub closed the connection{why}")))
        }
        Some(Ok(_)) => Ok(Heard::Sign),
    }
}

/// The version alone, read first: a frame of another version may have any shape.
#[derive(Deserialize)]
struct Versioned {
    v: u16,
}

/// What is read of a run that cannot be read whole.
#[derive(Deserialize)]
struct Named {
    t: String,
    command_id: CommandId,
}

/// Reads a frame from the hub.
pub(super) fn parse(text: &str) -> Result<Heard, Ending> {
    let unreadable =
        |error: serde_json::Error| Ending::Lost(format!("the hub sent an unreadable frame: {error}"));
    let version = serde_json::from_str::<Versioned>(text).map_err(unreadable)?.v;
    if version != PROTOCOL {
        return Err(Ending::Lost(format!(
            "the hub speaks protocol {version}, this agent {PROTOCOL}; update the agent"
        )));
    }
    let error = match serde_json::from_str::<Frame<ToAgent>>(text) {
        Ok(frame) => return Ok(Heard::Frame(Box::new(frame.body))),
        Err(error) => error,
    };
    match serde_json::from_str::<Named>(text) {
        Ok(Named { t, command_id }) if t == "run" => {
            // Serde names what it expected; what it found may be a secret and is left out.
            let what = error.to_string();
            let what = what.split(" at line ").next().unwrap_or_default();
            let what = if what.starts_with("unknown variant") { what } else { "a field cannot be read" };
            let detail = format!("this agent cannot carry out the run: {what}; update the agent");
            Ok(Heard::Unsupported { command_id, detail })
        }
        _ => Err(unreadable(error)),
    }
}

/// What a failed attempt says about the way.
#[must_use]
pub fn evidence(error: &UpgradeError) -> Evidence<'_> {
    match error {
        UpgradeError::Net(error) => match error.stage {
            Stage::Name | Stage::Connect | Stage::Proxy | Stage::Tls => Evidence::Unreachable,
            Stage::Http => Evidence::Broke,
            Stage::Silence => Evidence::Silent,
        },
        UpgradeError::Refused(problem) => Evidence::Refused(problem),
        UpgradeError::Status(status) => Evidence::Answered(*status),
        UpgradeError::Broke(_) => Evidence::Broke,
        UpgradeError::Silent => Evidence::Silent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "01932f6e-2b1c-7a40-8f3a-5d0c9e7b1a0b";

    fn run(source: &str) -> String {
        format!(
            r#"{{"v":1,"t":"run","command_id":"{ID}","epoch":3,"run_id":"{ID}","job_id":"{ID}","job_name":"x","source":{source},"destination":{{"kind":"local_file","path":"/x","format":"csv"}},"credentials":{{"kind":"password","password":"hunter2"}},"reject_rule":{{"rule":"continue"}},"timeout_s":600}}"#
        )
    }

    #[test]
    fn a_run_with_an_unknown_connector_is_told_apart_from_garbage() {
        let csv = r#"{"kind":"csv","path":"/x","delimiter":",","encoding":"utf8","decimal_mark":"point","columns":[]}"#;
        assert!(matches!(parse(&run(csv)), Ok(Heard::Frame(_))));
        let Ok(Heard::Unsupported { command_id, detail }) = parse(&run(r#"{"kind":"tape","reel":7}"#)) else {
            panic!("a tape is read");
        };
        assert_eq!(command_id.to_string(), ID);
        assert!(detail.contains("tape") && detail.contains("update the agent"), "{detail}");
        let Ok(Heard::Unsupported { detail, .. }) = parse(&run(r#""hunter2""#)) else { panic!("no source") };
        assert!(!detail.contains("hunter2"), "{detail}");
        for garbage in [
            "nonsense".to_owned(),
            format!(r#"{{"v":1,"t":"dance","command_id":"{ID}"}}"#),
            format!(r#"{{"v":1,"t":"cancel","command_id":"{ID}"}}"#),
            r#"{"v":1,"t":"run"}"#.to_owned(),
            r#"{"v":9,"t":"welcome"}"#.to_owned(),
        ] {
            assert!(matches!(parse(&garbage), Err(Ending::Lost(_))), "{garbage}");
        }
    }
}
