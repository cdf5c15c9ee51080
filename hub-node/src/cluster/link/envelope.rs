//! What travels on a link, in bytes. Pure.
//!
//! MessagePack with named fields, so that a later version may add some. Every message begins with its protocol version;
//! one that is newer than ours is refused by name, never guessed at. Sample bytes of each version stay in the tests.
//! Times are "so many milliseconds left", because the clocks of two nodes may differ.

use std::time::Duration;

use bytes::Bytes;
use messages::ids::BootId;
use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::api::{AskError, Refusal, Trace};

/// The version we write, and the newest that we read.
pub(super) const PROTOCOL: u16 = 1;
/// The oldest that we read.
pub(super) const OLDEST: u16 = 1;
/// Largest body of a question or a tell: a mebibyte of a store edge's events, and what they are wrapped in. Long bodies
/// hold up everything behind them on the same connection.
pub(super) const MAX_BODY: usize = 2 << 20;
/// Largest answer: a page of a busy retailer must fit.
pub(super) const MAX_ANSWER: usize = 4 << 20;
/// Largest frame that is read; a larger one ends the connection. Above every body with its envelope.
pub(super) const MAX_FRAME: u64 = 8 << 20;
/// A refusal's text is for a log line.
const MAX_TEXT: usize = 300;

/// A question or a tell.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Envelope<'a> {
    pub(super) protocol: u16,
    pub(super) from: BootId,
    /// Number of the connection at the sender: what is counted starts anew with each.
    pub(super) life: u64,
    /// Number of the message on that connection, for logs.
    pub(super) msg_id: u64,
    /// Time left for an answer; zero for a tell.
    pub(super) left_ms: u64,
    /// Tells that were dropped on this connection so far.
    pub(super) dropped: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) trace: Option<Trace>,
    #[serde(borrow)]
    pub(super) body: Raw<'a>,
}

/// Is somebody there? Also confirms, because links keep order, all that was sent before it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ping {
    pub(super) protocol: u16,
    pub(super) from: BootId,
    pub(super) life: u64,
    pub(super) dropped: u64,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pong {
    pub(super) protocol: u16,
    pub(super) boot: BootId,
}

/// Bytes that MessagePack writes as such, borrowed when read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Raw<'a>(pub(super) &'a [u8]);

impl Serialize for Raw<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Raw<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrowed;
        impl<'de> Visitor<'de> for Borrowed {
            type Value = Raw<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }
            fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<Raw<'de>, E> {
                Ok(Raw(bytes))
            }
        }
        deserializer.deserialize_bytes(Borrowed)
    }
}

/// How an answer begins; what it cannot name travels as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Code {
    Done,
    Busy,
    /// The time was over.
    Late,
    /// Whoever was to answer has failed.
    Failed,
    Garbage,
    UnsupportedProtocol,
    AnswerTooLarge,
}

const CODES: [(Code, &str); 7] = [
    (Code::Done, "done"),
    (Code::Busy, "busy"),
    (Code::Late, "late"),
    (Code::Failed, "failed"),
    (Code::Garbage, "garbage"),
    (Code::UnsupportedProtocol, "unsupported_protocol"),
    (Code::AnswerTooLarge, "answer_too_large"),
];

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Answer<'a> {
    protocol: u16,
    #[serde(borrow)]
    code: std::borrow::Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    body: Option<Raw<'a>>,
}

/// What becomes of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    Done(Bytes),
    Busy,
    Late,
    Failed,
    Refused(Refusal),
}

/// A message that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unreadable {
    Protocol(u16),
    Garbage(String),
}

impl From<Unreadable> for Refusal {
    fn from(wrong: Unreadable) -> Self {
        match wrong {
            Unreadable::Protocol(theirs) => Self::UnsupportedProtocol(format!(
                "version {theirs} came, versions {OLDEST} to {PROTOCOL} are understood"
            )),
            Unreadable::Garbage(what) => Self::Garbage(what),
        }
    }
}

pub(super) fn write<T: Serialize>(message: &T) -> Result<Vec<u8>, Refusal> {
    rmp_serde::to_vec_named(message).map_err(|error| Refusal::Garbage(format!("cannot be written: {error}")))
}

/// Reads a message after its version has been looked at by itself: a newer one may be shaped otherwise.
pub(super) fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Unreadable> {
    #[derive(Deserialize)]
    struct Head {
        protocol: u16,
    }
    let garbage = |error: rmp_serde::decode::Error| Unreadable::Garbage(short(&error.to_string()));
    let head: Head = rmp_serde::from_slice(bytes).map_err(garbage)?;
    if !(OLDEST..=PROTOCOL).contains(&head.protocol) {
        return Err(Unreadable::Protocol(head.protocol));
    }
    rmp_serde::from_slice(bytes).map_err(garbage)
}

/// Where `part`, borrowed from `whole` by [`read`], lies in it: the bytes are shared, not copied.
pub(super) fn share(whole: &Bytes, part: Raw<'_>) -> Bytes {
    if part.0.is_empty() { Bytes::new() } else { whole.slice_ref(part.0) }
}

pub(super) fn write_outcome(outcome: &Outcome) -> Vec<u8> {
    let (code, text, body) = match outcome {
        Outcome::Done(body) => (Code::Done, None, Some(Raw(body))),
        Outcome::Busy => (Code::Busy, None, None),
        Outcome::Late => (Code::Late, None, None),
        Outcome::Failed => (Code::Failed, None, None),
        Outcome::Refused(refusal) => {
            let (code, text) = match refusal {
                Refusal::UnsupportedProtocol(text) => (Code::UnsupportedProtocol, text.clone()),
                Refusal::AnswerTooLarge(text) => (Code::AnswerTooLarge, text.clone()),
                Refusal::Garbage(text) | Refusal::Other(text) => (Code::Garbage, text.clone()),
                Refusal::TooLarge { .. } => (Code::Garbage, refusal.to_string()),
            };
            (code, Some(short(&text)), None)
        }
    };
    let code = CODES.iter().find(|(known, _)| *known == code).map_or("failed", |(_, name)| name);
    let answer = Answer { protocol: PROTOCOL, code: code.into(), text, body };
    // Nothing in it can fail to be written; an empty answer would be read as garbage.
    rmp_serde::to_vec_named(&answer).unwrap_or_default()
}

pub(super) fn read_outcome(bytes: Bytes) -> Outcome {
    let answer: Answer<'_> = match read(&bytes) {
        Ok(answer) => answer,
        Err(wrong) => return Outcome::Refused(wrong.into()),
    };
    let text = answer.text.as_deref().map(short).unwrap_or_default();
    match CODES.iter().find(|(_, name)| *name == answer.code).map(|(code, _)| *code) {
        Some(Code::Done) => Outcome::Done(answer.body.map(|body| share(&bytes, body)).unwrap_or_default()),
        Some(Code::Busy) => Outcome::Busy,
        Some(Code::Late) => Outcome::Late,
        Some(Code::Failed) => Outcome::Failed,
        Some(Code::Garbage) => Outcome::Refused(Refusal::Garbage(text)),
        Some(Code::UnsupportedProtocol) => Outcome::Refused(Refusal::UnsupportedProtocol(text)),
        Some(Code::AnswerTooLarge) => Outcome::Refused(Refusal::AnswerTooLarge(text)),
        None => Outcome::Refused(Refusal::Other(short(&format!("{}: {text}", answer.code)))),
    }
}

impl Outcome {
    pub(super) fn into_result(self) -> Result<Bytes, AskError> {
        match self {
            Self::Done(body) => Ok(body),
            Self::Busy => Err(AskError::Busy),
            Self::Late => Err(AskError::Deadline),
            Self::Failed => Err(AskError::Unknown),
            Self::Refused(refusal) => Err(refusal.into()),
        }
    }
}

/// Milliseconds, rounded up: a question with any time left does not arrive as one without.
pub(super) fn millis(left: Duration) -> u64 {
    u64::try_from(left.as_micros().div_ceil(1000)).unwrap_or(u64::MAX)
}

fn short(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}

#[cfg(test)]
mod tests;
