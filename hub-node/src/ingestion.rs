//! Where store edges come in: enrolment and batches of events over HTTP, and the same events as a gRPC stream.
//!
//! ```text
//! batch      pure: what was sent → what the retailer's ingestion is asked
//! door       who it is, how much of them is under way, and the question itself: one code path for both ways
//! post       POST /v1/edges/enrol, POST /v1/ingestion/events
//! stream     grocerysync.v1.SyncService/StreamEvents
//! ```
//!
//! Limits: the body, the batches of one device under way, failed attempts of one address; what waits at a retailer is
//! bounded where it is admitted.

mod batch;
mod door;
mod post;
mod stream;

pub use door::Door;
pub(crate) use post::filter;
pub use stream::Streams;
