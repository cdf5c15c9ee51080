//! How a store edge stands: what tills show in their corner, and support looks at first.

use serde::{Deserialize, Serialize};

use super::{CashierId, TerminalId};
use crate::{DeviceId, EventId, FeedId, StreamId, Timestamp};

/// Whether head office can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    /// Not tried often enough to say.
    Unknown,
    Online,
    Offline,
    /// No hub is configured: the store works for itself.
    Standalone,
}

/// Why it cannot, in the order in which one would look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum OfflineCause {
    /// This machine has no way out: cable, router, provider.
    NoLink,
    /// The hub's name cannot be resolved.
    Dns,
    /// The hub's certificate is not trusted, or something else answers.
    Tls,
    /// The machine is there and does not take the connection, or the hub answers with an error.
    HubDown,
    /// The hub does not know this device, or does not want it.
    Refused,
}

/// The line to head office.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Connectivity {
    pub state: LinkState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<OfflineCause>,
    /// A sentence for whoever has to do something about it; empty when all is well.
    pub detail: String,
    /// Of the present state.
    pub since: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_contact: Option<Timestamp>,
}

/// What waits to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Outbox {
    pub stream_id: StreamId,
    pub unsent: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_unsent_at: Option<Timestamp>,
    /// Events that were set aside and want somebody's attention.
    pub parked: u64,
    /// The last sequence number that was given.
    pub last_seq: u64,
    /// The last that the hub has settled.
    pub settled_seq: u64,
    /// `http` or `grpc`, as used at present.
    pub transport: String,
    /// Attempts in a row that failed.
    pub attempts: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_sent_at: Option<Timestamp>,
}

/// How far what comes down from the hub is: at `cursor` of `head`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct CatalogueStatus {
    /// Absent: the store has a catalogue of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feed_id: Option<FeedId>,
    /// The latest change that tills see.
    pub cursor: u64,
    /// The latest change that the hub is known to have.
    pub head: u64,
    /// A whole catalogue is on its way: so far, of that many. Tills sell from the one before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loading: Option<CatalogueLoad>,
    /// When the last change took effect here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<Timestamp>,
    /// When the hub was last heard to have nothing newer: prices may be as old as that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmed_at: Option<Timestamp>,
    /// Changes that this version does not understand and has left out.
    pub left_out: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CatalogueLoad {
    pub cursor: u64,
    pub until: u64,
}

/// A till that was heard of since the edge started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TerminalSeen {
    pub terminal_id: TerminalId,
    pub cashier_id: CashierId,
    pub seen_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EdgeStatus {
    pub version: String,
    pub store_name: String,
    pub device_id: DeviceId,
    pub connectivity: Connectivity,
    pub outbox: Outbox,
    /// Articles that can be sold.
    pub articles: u64,
    #[serde(default)]
    pub catalogue: CatalogueStatus,
    pub receipt_series: String,
    /// Finished sales and refunds.
    pub receipts: u64,
    pub open_transactions: u64,
    pub terminals: Vec<TerminalSeen>,
}

/// An event that was set aside, as somebody decides about it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ParkedEvent {
    pub event_id: EventId,
    pub seq: u64,
    #[serde(rename = "type")]
    pub kind: String,
    pub occurred_at: Timestamp,
    pub parked_at: Timestamp,
    pub code: String,
    pub detail: String,
    /// The hub has it among its dead letters too; otherwise only this device has it.
    pub at_hub: bool,
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub data: Box<serde_json::value::RawValue>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ParkedList {
    /// Oldest first, at most 200.
    pub items: Vec<ParkedEvent>,
    pub total: u64,
}
