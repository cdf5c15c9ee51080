//! Batches of events and their answers: `POST /v1/ingestion/events`.

use serde::{Deserialize, Serialize};

use super::event::Event;
use crate::{DeviceId, ErrorCode, EventId, StreamId};

/// Where batches go at a hub.
pub const PATH: &str = "/v1/ingestion/events";
/// The version of the batch this build writes.
pub const BATCH_VERSION: u16 = 1;
/// Events in one batch: a hub applies them in one transaction, and half a second of a slow line carries them.
pub const MAX_EVENTS: usize = 50;
/// One event's `data`. The largest basket has 500 lines of about 300 bytes.
pub const MAX_EVENT_BYTES: usize = 256 * 1024;
/// A batch on the wire. The device closes a batch early rather than pass this.
pub const MAX_BATCH_BYTES: usize = 1024 * 1024;
/// Batches under way on one gRPC stream.
pub const MAX_UNDER_WAY: usize = 4;

/// What a device sends.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EventBatch {
    pub v: u16,
    pub device_id: DeviceId,
    /// One life of the device's outbox; sequence numbers count within it.
    pub stream_id: StreamId,
    /// The lowest sequence number that the device still holds: what a hub misses below it is lost and not waited for.
    pub oldest_seq: u64,
    /// In the order of their sequence numbers, without gaps.
    pub events: Vec<Event>,
}

/// What became of a batch. Every event in it is in one of the three lists, or lies behind the gap.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct IngestAnswer {
    /// Applied now.
    pub accepted: Vec<EventId>,
    /// Had been applied before.
    pub duplicates: Vec<EventId>,
    /// Set aside with the reason; the sequence goes on behind them.
    pub errors: Vec<EventError>,
    /// Every event of the stream up to here is settled: applied or set aside.
    pub settled_seq: u64,
    /// Events are missing: send from this one on. Nothing from the gap on was applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_seq: Option<u64>,
}

/// An event that was set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EventError {
    pub event_id: EventId,
    pub seq: u64,
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub code: ErrorCode,
    pub detail: String,
}
