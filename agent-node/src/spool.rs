//! The spool: what runs report, on the disk until the hub has acknowledged it.
//!
//! `actor` owns the one [`store::Store`]; `segment` is a file of it, `frame` a record of a file, and `plan`
//! decides what to give up when it is full.
//!
//! A report's number is its place: facts are counted on from the first one of the oldest segment. Numbers
//! bind once a report has been sent, and nothing is sent that is not synced, so a number never changes its
//! meaning, whatever crashes. At most [`WINDOW`] reports are on their way; only what lies beyond may be thinned out.

pub mod actor;
mod cursor;
pub mod frame;
pub mod plan;
mod segment;
pub mod store;

pub use actor::{SpoolActor, SpoolArguments, SpoolMsg};
pub use store::{Limits, SpoolError, Store};

/// Report frames that may be unacknowledged: enough to keep a slow line busy.
pub const MAX_UNACKED_FRAMES: usize = 4;
/// Reports that may be on their way.
pub const WINDOW: u64 = (MAX_UNACKED_FRAMES * messages::agent::MAX_REPORTS) as u64;

#[cfg(test)]
mod tests;
