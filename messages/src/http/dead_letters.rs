//! Dead letters: events of store edges that could not be applied, to look at, mend, try again or discard.

use serde::{Deserialize, Serialize};

use crate::edge::ingest::MAX_EVENT_BYTES;
use crate::validate::{Check, Validate};
use crate::{DeviceId, EdgeId, ErrorCode, EventId, StoreId, StreamId, Timestamp, Version};

/// What has become of an event that was set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum LetterState {
    /// Somebody has to decide.
    Open,
    /// Tried again with success: its effects are there.
    Applied,
    /// Decided not to count.
    Discarded,
}

impl LetterState {
    pub const ALL: [Self; 3] = [Self::Open, Self::Applied, Self::Discarded];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Applied => "applied",
            Self::Discarded => "discarded",
        }
    }
}

/// One event that was set aside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LetterView {
    pub event_id: EventId,
    /// Counts the changes of this letter; its ETag.
    pub rev: Version,
    pub state: LetterState,
    pub store_id: StoreId,
    pub edge_id: EdgeId,
    pub device_id: DeviceId,
    pub stream_id: StreamId,
    pub seq: u64,
    #[serde(rename = "type")]
    pub kind: String,
    pub version: u16,
    pub occurred_at: Timestamp,
    pub received_at: Timestamp,
    /// Why it was set aside, as of the latest attempt.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub code: ErrorCode,
    pub detail: String,
    /// Attempts after the first.
    pub retries: u32,
    /// The event, or what somebody has made of it. Text that is no JSON comes as a string.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub data: serde_json::Value,
    /// Somebody has changed `data`.
    pub edited: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<String>,
}

/// `PUT …/dead-letters/{event}`: the event as it should have been.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LetterEdit {
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub data: serde_json::Value,
}

impl Validate for LetterEdit {
    fn check(&self, check: &mut Check) {
        check.ensure(self.data.is_object(), "data", "must be a JSON object");
        let fits = self.data.to_string().len() <= MAX_EVENT_BYTES;
        check.ensure(fits, "data", "must have at most 256 KiB");
    }
}

/// Which letters are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[serde(default)]
pub struct LetterQuery {
    /// Open ones unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(inline))]
    pub state: Option<LetterState>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(value_type = Option<String>))]
    pub store_id: Option<StoreId>,
    /// `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Entries a page, 1 to 50; 20 unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

impl LetterQuery {
    /// Each may have a quarter of a mebibyte; usual ones have one kilobyte.
    pub const MAX_LIMIT: u32 = 50;

    #[must_use]
    pub fn page_size(&self) -> usize {
        self.limit.unwrap_or(20).clamp(1, Self::MAX_LIMIT) as usize
    }
}
