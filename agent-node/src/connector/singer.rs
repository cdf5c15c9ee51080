//! Plugins: programs of other people that speak the Singer protocol (JSON lines SCHEMA, RECORD, STATE), as sources
//! (taps) and destinations (targets). They lie in a folder of the machine, each with a manifest.
//!
//! `manifest`, `schema`, `message`, `catalog` and `ear` are pure; `folder` finds what is there; `process` starts one with an
//! empty environment, limits and a group of its own, and ends the whole group whatever happens; `place` holds its
//! settings while it runs; `state` keeps where a tap stood. `source` and `sink` are the connectors.
//! ADR 0030 says what was decided.

mod catalog;
mod ear;
mod folder;
mod group;
mod lines;
mod manifest;
mod message;
mod place;
mod process;
mod schema;
mod sink;
mod source;
mod start;
mod state;
mod tap;

pub use folder::{Discovery, discover};
pub use place::sweep;
pub use sink::SingerTarget;
pub use source::SingerTap;
