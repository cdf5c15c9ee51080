//! Where store edges come in: enrolment, batches of events and what comes down to them, over HTTP and as gRPC streams.
//!
//! ```text
//! batch      pure: what was sent → what the retailer's ingestion is asked
//! door       who it is, how much of them is under way, and the question itself: one code path for both ways
//! feed       what a device gets that asks, and how long it waits; bells wakes it
//! post       POST /v1/edges/enrol, POST /v1/ingestion/events, POST /v1/catalogue/changes
//! stream     grocerysync.v1.SyncService/StreamEvents, StreamChanges
//! ```
//!
//! Limits: the body, the batches and questions of one device under way, failed attempts of one address; what waits at a retailer is
//! bounded where it is admitted.

mod batch;
pub mod bells;
mod door;
mod feed;
mod post;
mod stream;

pub use door::Door;
pub use feed::Feeds;
pub(crate) use post::filter;
pub use stream::Streams;
