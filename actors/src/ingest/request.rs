//! What can be asked of a retailer's ingestion, from this node or another.

use std::sync::Arc;

use messages::edge::ingest::IngestAnswer;
use messages::edge::pulse::EdgePulse;
use messages::http::dead_letters::LetterView;
use messages::live::LedgerMark;
use messages::run::Presence;
use messages::{DeviceId, EdgeId, EventId, StoreId, StreamId, Timestamp, Version};
use serde::{Deserialize, Serialize};

use crate::domain::SecretHash;
use crate::retailer::request::Author;

/// A question or a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum EdgeRequest {
    /// Make a place for a device of a store, with a token to take it. Answer: [`EdgeReply::Done`].
    Make {
        edge: EdgeId,
        store: StoreId,
        name: String,
        token: SecretHash,
        expires_at: Timestamp,
        author: Author,
    },
    /// Another token for a place that is there. Answer: [`EdgeReply::Done`].
    Offer { edge: EdgeId, token: SecretHash, expires_at: Timestamp, author: Author },
    /// Swap the token for a credential. Answer: [`EdgeReply::Enrolled`].
    Enrol { edge: EdgeId, token: SecretHash, credential: SecretHash, device: Device },
    /// Void token and credential. Answer: [`EdgeReply::Done`].
    Revoke { edge: EdgeId, author: Author },
    /// Forget a place that has no credential. What it brought stays. Answer: [`EdgeReply::Done`].
    Remove { edge: EdgeId, author: Author },
    /// Is this credential valid? Answer: [`EdgeReply::Done`].
    Admit { edge: EdgeId, credential: SecretHash },
    /// Apply events. Answer: [`EdgeReply::Ingested`] after the commit.
    Batch(Arc<Parcel>),
    /// A device tells of itself. Answered from memory, and gone with it: [`EdgeReply::Done`].
    Pulse { edge: EdgeId, credential: SecretHash, pulse: EdgePulse },
    /// Which devices are heard of? Answer: [`EdgeReply::Heard`].
    Heard,
    /// How far is the ledger? Answer: [`EdgeReply::Mark`].
    Mark,
    /// Decide on an event that was set aside. Answer: [`EdgeReply::Letter`].
    Letter { event: EventId, expected: Version, act: LetterAct, author: Author },
}

impl EdgeRequest {
    /// May it be asked again when its outcome is not known? A letter's revision has moved on after the first time, which
    /// the second would call a conflict.
    #[must_use]
    pub const fn is_repeatable(&self) -> bool {
        !matches!(self, Self::Letter { .. })
    }
}

/// The device that takes a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    pub id: DeviceId,
    pub name: String,
    pub version: String,
}

/// A batch, of a form that has been checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parcel {
    pub edge: EdgeId,
    pub credential: SecretHash,
    pub device: DeviceId,
    pub stream: StreamId,
    pub oldest_seq: u64,
    /// In the order of their numbers, without gaps; at least one.
    pub events: Vec<Sent>,
}

/// One event as it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    pub event_id: EventId,
    pub seq: u64,
    pub kind: String,
    pub version: u16,
    pub occurred_at: Timestamp,
    /// JSON text.
    pub data: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LetterAct {
    /// Keep this text in the event's place.
    Edit { data: String },
    /// Apply it now.
    Retry,
    /// It shall not count.
    Discard,
}

/// What a request was answered with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum EdgeReply {
    Done,
    Enrolled { store: StoreId },
    Ingested(IngestAnswer),
    Letter(Box<LetterView>),
    Heard(Vec<Heard>),
    Mark(LedgerMark),
}

/// What is known of a device beside its events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    pub edge: EdgeId,
    pub presence: Presence,
    pub last_seen_at: Option<Timestamp>,
    pub pulse: Option<EdgePulse>,
}
