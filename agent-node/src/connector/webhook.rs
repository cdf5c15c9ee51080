//! Destination: signed JSON, posted in batches to an address of the receiver's choice.
//!
//! `sign` makes the signature, `body` the batch and the reading of its answer; `sink` sends. What a receiver must
//! know stands in `docs/protocol.md`.

mod body;
pub mod sign;
mod sink;

pub use sink::WebhookConnector;
