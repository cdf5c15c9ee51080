//! The monotonic clock of the acting code. It is tokio's, so that it stands still together with the timers when a
//! test pauses them; what decides gets its instants from here as plain values.

use std::time::Instant;

/// Now.
#[must_use]
pub fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
