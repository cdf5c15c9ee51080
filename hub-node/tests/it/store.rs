//! The store and the ownership protocol.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test says what is wrong by panicking; clippy exempts test functions, but not what they call"
)]

mod fence;
mod golden;
mod isolation;
mod ledger;
mod ownership;
mod process;
mod reads;
mod round_trip;
mod scans;
