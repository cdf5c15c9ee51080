//! One task a socket: frames in to the actor, frames out from its queue, pings in between.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout};
use tokio_tungstenite::tungstenite::protocol::frame::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::MOST_A_SECOND;
use super::upgrade::Socket;

/// Keeps what lies between from forgetting the connection, and finds out that the other end is gone.
const PING_EVERY: Duration = Duration::from_secs(20);
const SECOND: Duration = Duration::from_secs(1);
/// A frame that cannot be written for this long never will be.
const WRITE_WITHIN: Duration = Duration::from_secs(20);

/// What one end of a socket says to the other, as text.
pub(super) enum Inbound {
    Text(String),
    /// Binary, where text is spoken.
    Binary,
    /// Larger than allowed.
    TooLarge,
}

/// Runs a socket until either side ends it: the peer by closing, the actor by dropping its sender.
pub(super) async fn run<T: Send + 'static>(
    mut socket: Socket,
    mut outbound: mpsc::Receiver<T>,
    mut encode: impl FnMut(T) -> Option<String> + Send,
    receive: impl Fn(Inbound) -> bool + Send,
) {
    let mut pings = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut pace = Pace::new();
    let close = loop {
        tokio::select! {
            frame = outbound.recv() => match frame {
                Some(frame) => {
                    let Some(text) = encode(frame) else { continue };
                    if !write(&mut socket, Message::text(text)).await {
                        return;
                    }
                }
                None => break CloseCode::Away,
            },
            () = sleep_until(pace.next_second()), if pace.is_spent() => pace = Pace::new(),
            message = socket.next(), if !pace.is_spent() => match message {
                Some(Ok(message)) => {
                    if !take(message, &receive) {
                        break CloseCode::Normal;
                    }
                    pace.frame();
                }
                Some(Err(Error::Capacity(_))) => {
                    receive(Inbound::TooLarge);
                    break CloseCode::Size;
                }
                Some(Err(_)) | None => return,
            },
            _ = pings.tick() => {
                if !write(&mut socket, Message::Ping(bytes::Bytes::new())).await {
                    return;
                }
            }
        }
    };
    // What the actor has queued goes out before the close: its goodbye is among it.
    while let Ok(frame) = outbound.try_recv() {
        if let Some(text) = encode(frame)
            && !write(&mut socket, Message::text(text)).await
        {
            return;
        }
    }
    let frame = CloseFrame { code: close, reason: "".into() };
    if let Ok(Err(failure)) = timeout(WRITE_WITHIN, socket.close(Some(frame))).await {
        tracing::trace!(%failure, "the peer was gone before the close");
    }
}

/// False: the peer has closed.
fn take(message: Message, receive: &impl Fn(Inbound) -> bool) -> bool {
    match message {
        Message::Text(text) => receive(Inbound::Text(text.as_str().to_owned())),
        Message::Binary(_) => receive(Inbound::Binary),
        Message::Close(_) => false,
        Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => true,
    }
}

async fn write(socket: &mut Socket, message: Message) -> bool {
    matches!(timeout(WRITE_WITHIN, socket.send(message)).await, Ok(Ok(())))
}

/// Reads no faster than [`MOST_A_SECOND`]: what is beyond waits in the peer's own buffers, while writing goes on.
pub(super) struct Pace {
    second: Instant,
    frames: u32,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self { second: Instant::now(), frames: 0 }
    }

    pub(super) const fn is_spent(&self) -> bool {
        self.frames >= MOST_A_SECOND
    }

    pub(super) fn next_second(&self) -> Instant {
        self.second + SECOND
    }

    pub(super) fn frame(&mut self) {
        if self.second.elapsed() >= SECOND {
            *self = Self::new();
        }
        self.frames += 1;
    }
}
