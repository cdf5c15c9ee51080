//! The sign of life of a store edge: `POST /v1/edges/pulse`, every few seconds while its line is up.

use serde::{Deserialize, Serialize};

use crate::validate::{Check, Validate};
use crate::{StreamId, Timestamp};

/// Where pulses go at a hub.
pub const PATH: &str = "/v1/edges/pulse";

/// Beyond it numbers could not be written as JSON by every client.
const MOST: u64 = 1 << 53;
/// Of what a device says of itself.
const LONGEST: usize = 120;

/// What a device tells of itself, beside its events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EdgePulse {
    pub stream_id: StreamId,
    /// Events that wait to be sent.
    pub unsent: u64,
    /// When the first of them happened, by the device's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_unsent_at: Option<Timestamp>,
    /// Of its program.
    pub version: String,
}

impl Validate for EdgePulse {
    fn check(&self, check: &mut Check) {
        check.text("version", &self.version, LONGEST);
        check.ensure(self.unsent <= MOST, "unsent", "must be at most 2^53");
    }
}
