//! Conversion of single values: identifiers, instants, counts, texts of closed sets.

use actors::domain::{SecretHash, Stamp};
use actors::ports::StoreError;
use bson::spec::BinarySubtype;
use bson::{Binary, DateTime};
use messages::ids::{BootId, SpoolId};
use messages::{
    AgentId, CommandId, DestinationId, DeviceId, EdgeId, EventId, FeedId, JobId, PaymentId, RetailerId,
    RunId, SessionId, StoreId, StreamId, Timestamp, TransactionId, UserId, Version,
};
use serde::{Deserialize, Serialize};

/// A stored document does not make sense; says which part.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unreadable(pub(crate) String);

impl From<Unreadable> for StoreError {
    fn from(error: Unreadable) -> Self {
        Self::Corrupt(error.0)
    }
}

/// An identifier as it is stored: binary UUID, whose order is the order of making.
pub(crate) trait StoredId: Copy {
    fn stored(self) -> bson::Uuid;
    fn read(stored: bson::Uuid) -> Self;
}

macro_rules! stored_ids {
    ($($name:ident)*) => {$(
        impl StoredId for $name {
            fn stored(self) -> bson::Uuid {
                bson::Uuid::from_bytes(self.as_uuid().into_bytes())
            }

            fn read(stored: bson::Uuid) -> Self {
                Self::from_uuid(uuid::Uuid::from_bytes(stored.bytes()))
            }
        }
    )*};
}

stored_ids! {
    RetailerId StoreId AgentId DestinationId JobId RunId UserId SessionId CommandId SpoolId BootId
    EdgeId DeviceId StreamId EventId TransactionId PaymentId FeedId
}

pub(crate) const fn date(at: Timestamp) -> DateTime {
    DateTime::from_millis(at.0)
}

pub(crate) const fn time(stored: DateTime) -> Timestamp {
    Timestamp(stored.timestamp_millis())
}

/// BSON has no unsigned numbers. Nothing we count comes near the limit; a count from outside is cut there.
pub(crate) fn long(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

pub(crate) fn count(stored: i64, what: &str) -> Result<u64, Unreadable> {
    u64::try_from(stored).map_err(|_| Unreadable(format!("{what} is below zero: {stored}")))
}

pub(crate) fn small(stored: i64, what: &str) -> Result<u32, Unreadable> {
    u32::try_from(stored).map_err(|_| Unreadable(format!("{what} is out of range: {stored}")))
}

pub(crate) const fn bytes(bytes: Vec<u8>) -> Binary {
    Binary { subtype: BinarySubtype::Generic, bytes }
}

pub(crate) fn hash(hash: &SecretHash) -> Binary {
    bytes(hash.0.to_vec())
}

pub(crate) fn read_hash(stored: &Binary) -> Result<SecretHash, Unreadable> {
    let bytes = stored.bytes.as_slice().try_into();
    bytes.map(SecretHash).map_err(|_| Unreadable("a secret's hash does not have 32 bytes".to_owned()))
}

/// The key under which names are compared: two names that differ in case only are the same name.
pub(crate) fn fold(name: &str) -> String {
    name.trim().to_lowercase()
}

/// [`Stamp`] as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StampDoc {
    pub(crate) rev: i64,
    pub(crate) created_at: DateTime,
    pub(crate) updated_at: DateTime,
}

impl From<Stamp> for StampDoc {
    fn from(stamp: Stamp) -> Self {
        Self {
            rev: long(stamp.rev.0),
            created_at: date(stamp.created_at),
            updated_at: date(stamp.updated_at),
        }
    }
}

impl TryFrom<StampDoc> for Stamp {
    type Error = Unreadable;

    fn try_from(stored: StampDoc) -> Result<Self, Unreadable> {
        Ok(Self {
            rev: Version(count(stored.rev, "rev")?),
            created_at: time(stored.created_at),
            updated_at: time(stored.updated_at),
        })
    }
}
