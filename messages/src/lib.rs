//! What crosses a process boundary, and nothing else.
//!
//! | who speaks | to whom | in |
//! |---|---|---|
//! | console, scripts | hub | [`http`] bodies under `/api/v1`, [`live`] frames on `/ws/live` |
//! | till | store edge | [`edge::checkout`] bodies under `/v1` |
//! | store edge | hub | [`edge::ingest`] batches of events |
//! | agent | hub | [`agent`] frames on `/ws/agent`, [`http::agents`] bodies to enrol |
//! | agent | programs beside it that hold foreign drivers | [`reader`] lines over pipes |
//! | everyone | everyone | [`error_code`] and [`problem`] when something was refused |
//!
//! This crate has no tokio, no ractor and no database, and builds for wasm: the console links it.
//! Stored documents and actor messages are other types, converted where they meet these.

pub mod agent;
pub mod connector;
pub mod edge;
pub mod error_code;
pub mod export;
pub mod http;
pub mod ids;
pub mod inspect;
pub mod item;
pub mod live;
pub mod mapping;
pub mod permission;
pub mod plugin;
pub mod problem;
pub mod quantity;
pub mod reader;
pub mod run;
pub mod schedule;
pub mod secret;
pub mod time;
pub mod validate;
pub mod version;

pub use error_code::ErrorCode;
pub use ids::{
    AgentId, CommandId, ConnId, DestinationId, DeviceId, EdgeId, EventId, FeedId, JobId, MsgId, PaymentId,
    RetailerId, RunId, SessionId, StoreId, StreamId, TransactionId, UserId,
};
pub use problem::{FieldError, Problem};
pub use secret::Secret;
pub use time::Timestamp;
pub use version::{PROTOCOL, Version};
