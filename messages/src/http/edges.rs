//! Store edges as people at the hub see them: a place for one device of a store, and how its events come in.

use serde::{Deserialize, Serialize};

use super::agents::Enrolment;
use crate::run::Presence;
use crate::validate::{Check, Validate};
use crate::{DeviceId, EdgeId, RetailerId, Secret, StoreId, StreamId, Timestamp};

/// `POST …/stores/{store}/edges`: makes a place for a device, and the token with which the device takes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EdgeSpec {
    /// For people, such as "Checkout server".
    pub name: String,
}

impl Validate for EdgeSpec {
    fn check(&self, check: &mut Check) {
        check.text("name", &self.name, 120);
    }
}

/// A one-time token for a store edge. Shown once, never again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EdgeToken {
    pub edge_id: EdgeId,
    pub token: Secret,
    pub expires_at: Timestamp,
    /// The command to run in the store, with the token in it.
    pub command: Secret,
}

/// A store edge, and how far its events are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EdgeView {
    pub id: EdgeId,
    pub retailer_id: RetailerId,
    pub store_id: StoreId,
    pub name: String,
    pub enrolment: Enrolment,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_expires_at: Option<Timestamp>,
    /// The device that took the place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_id: Option<DeviceId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrolled_at: Option<Timestamp>,
    /// Its latest stream; absent before the first event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<StreamView>,
    /// How far it is with the catalogue; absent before it has asked for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalogue: Option<FollowView>,
    /// Whether it is heard of. Absent from a hub that does not say.
    #[serde(default = "unheard")]
    pub presence: Presence,
    /// When it was heard of last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen_at: Option<Timestamp>,
    /// Events that waited there when it told so last; absent until it tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backlog: Option<u64>,
    /// When the first of them happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_unsent_at: Option<Timestamp>,
    /// Events that were set aside and wait for somebody.
    pub dead_letters: u64,
    pub created_at: Timestamp,
}

/// How far the hub is with one stream of a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StreamView {
    pub stream_id: StreamId,
    pub settled_seq: u64,
    /// Events that the device no longer had when the hub missed them.
    pub lost: u64,
    /// By the device's clock, of the latest event.
    pub last_event_at: Timestamp,
    /// When the hub settled it.
    pub last_batch_at: Timestamp,
    /// By the device's clock, of the latest sale or refund.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_sale_at: Option<Timestamp>,
}

const fn unheard() -> Presence {
    Presence::Unknown
}

impl StreamView {
    /// From the moment something happened in the store to the moment it was settled here; nothing, when the device's
    /// clock is ahead of the hub's.
    #[must_use]
    pub fn latency(&self) -> std::time::Duration {
        self.last_batch_at.since(self.last_event_at)
    }
}

/// How far a device is with what comes down to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FollowView {
    /// It has everything up to this change, as far as is noted: some seconds may pass before it is.
    pub cursor: u64,
    /// The latest change there is.
    pub head: u64,
    /// It is taking over a whole catalogue, and sells from the one before.
    pub loading: bool,
    pub asked_at: Timestamp,
}
