//! Plugins: programs of other people that speak the Singer protocol (JSON lines SCHEMA, RECORD, STATE), as sources
//! (taps) and destinations (targets). They lie in a folder of the machine, each with a manifest.
//!
//! `manifest`, `schema`, `message` and `catalog` are pure; `folder` finds what is there; `start` writes its settings down and
//! starts it as any other [program](super::process); `state` keeps where a tap stood. `source` and `sink` are the
//! connectors.
//! ADR 0030 says what was decided.

mod catalog;
mod folder;
mod manifest;
mod message;
mod schema;
mod sink;
mod source;
mod start;
mod state;
mod tap;

pub use folder::{Discovery, discover};
pub use sink::SingerTarget;
pub use source::SingerTap;
