//! Connectors: what reads a point of sale and what writes to a shop platform, behind two small traits.
//!
//! Each connector has a folder with the same files: `source.rs` or `sink.rs`, `tests.rs`, and pure files for what
//! it decides. Its configuration lives in `messages::connector`, for the console draws it. [`registry`] is the only
//! place that knows them all, [`conformance`] what all of them must hold to.
//!
//! Destinations are of two sorts. A file destination never shows half a result: it writes aside and commits in one
//! step. A platform takes items a portion at a time, so there everything is staged on the agent's disk first, and
//! sent only when the whole source was read and found good: the job's rules come before the first item is sent.

pub mod changes_file;
pub mod conformance;
pub mod csv;
pub mod dbf;
pub mod excel;
pub mod file_format;
mod file_sink;
pub mod file_source;
pub mod files;
pub mod http;
pub mod http_json;
pub mod leftovers;
pub mod local_file;
pub mod means;
pub mod process;
pub mod registry;
mod scratch;
pub mod sftp;
pub mod shop;
pub mod shopify;
pub mod singer;
pub mod sql;
pub(crate) mod stage;
mod staged_sink;
pub mod table;
pub mod text;
pub mod webhook;
pub mod woocommerce;
pub mod xml;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use messages::ErrorCode;
use messages::agent::RejectedItem;
use messages::inspect::Sample;
use messages::item::{Item, ItemField};
use messages::run::RunFailure;
use serde::{Deserialize, Serialize};

pub use leftovers::ForRun;
pub use means::Means;

/// Why a connector could not go on: the code tells programs, the detail people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Failure {
    pub code: ErrorCode,
    pub detail: String,
}

impl Failure {
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}

impl From<Failure> for RunFailure {
    fn from(failure: Failure) -> Self {
        Self { code: failure.code, detail: failure.detail }
    }
}

pub type Answer<'a, T> = BoxFuture<'a, Result<T, Failure>>;

/// Rows of a batch: enough to make a hand-over cheap, few enough that some batches under way stay small.
pub const BATCH_ROWS: usize = 512;

/// An item, and the row of the source it stands in: whoever rejects it later must be able to say which it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Numbered {
    pub row: u64,
    pub item: Item,
}

impl Numbered {
    /// A rejection of this item by the destination.
    pub fn rejected(&self, reason: impl Into<String>) -> RejectedItem {
        let raw = format!("{};{};{}", self.item.sku, self.item.name, self.item.price);
        RejectedItem { row: self.row, column: None, field: None, reason: reason.into(), raw }
    }
}

/// Some rows of a source, in order.
#[derive(Debug, Default)]
pub struct Batch {
    pub rows: Vec<Result<Numbered, RejectedItem>>,
    /// Rows that the job's filter left out.
    pub left_out: u64,
    /// The first items' rows as they stand in the source, by their numbers: for a preview.
    pub raws: Vec<(u64, String)>,
    /// Bytes taken from the source so far.
    pub bytes_read: u64,
    /// What a technician should know of the source, beyond its rows.
    pub notes: Vec<String>,
}

/// A source that is being read. The stream ends after the last batch or after a failure.
pub struct Reading {
    /// Zero where it is not known.
    pub bytes_total: u64,
    pub batches: BoxStream<'static, Result<Batch, Failure>>,
    /// What is to be done with the source once everything it held has arrived.
    pub afterwards: Option<Box<dyn Afterwards>>,
}

/// Work at a source after a run that succeeded. It says what the technician should know, and cannot fail the run.
pub trait Afterwards: Send {
    fn succeeded(self: Box<Self>) -> BoxFuture<'static, Vec<String>>;
}

/// A column that was found, and the field it is read into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundColumn {
    pub header: String,
    pub field: Option<ItemField>,
}

/// What stands at a source, as it is.
#[derive(Debug)]
pub struct Looked {
    /// The file, database or address, for people.
    pub place: String,
    pub columns: Vec<String>,
    pub sample: Sample,
}

/// Reads a point of sale.
pub trait PosConnector: Send + Sync {
    /// Can it be read? Says in one line what was found.
    fn check(&self) -> Answer<'_, String>;

    /// The columns there are.
    fn discover(&self) -> Answer<'_, Vec<FoundColumn>>;

    /// The columns and the first rows as they stand there, whatever the job makes of them.
    fn look(&self) -> Answer<'_, Looked> {
        let detail = "this kind of source cannot be looked into; try it with a dry run";
        Box::pin(std::future::ready(Err(Failure::new(ErrorCode::Unsupported, detail))))
    }

    /// Begins to read. Dropping the stream stops the reading.
    fn open(&self) -> Answer<'_, Reading>;
}

/// Writes to a shop platform.
pub trait DestinationConnector: Send + Sync {
    /// Could it be written to? Says in one line what was found, and changes nothing.
    fn check(&self) -> Answer<'_, String>;

    /// Begins to write for this run, taking away what earlier attempts and earlier runs left behind.
    fn open<'a>(&'a self, run: &'a ForRun) -> Answer<'a, Box<dyn ItemSink>>;
}

/// What a finished sink says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    pub bytes: u64,
    /// Where the items are now, in words.
    pub place: String,
}

/// A portion that was sent, or what kept it from being sent for now.
#[derive(Debug, Default)]
pub struct Delivered {
    /// Items that the destination took.
    pub sent: u64,
    /// Bytes sent so far, in all.
    pub bytes: u64,
    /// Items that it did not take.
    pub rejects: Vec<RejectedItem>,
    /// Their article numbers.
    pub refused: Vec<String>,
    pub notes: Vec<String>,
}

/// A destination that is being written. Nothing is visible there before [`ItemSink::deliver`] or, where nothing is
/// held back, [`ItemSink::finish`].
pub trait ItemSink: Send {
    /// Takes these items; returns the bytes written so far.
    fn write<'a>(&'a mut self, rows: &'a [Numbered]) -> Answer<'a, u64>;

    /// Does it keep everything back until the whole source was read?
    fn holds_back(&self) -> bool {
        false
    }

    /// Sends the next portion of what was held back; none when everything is there. May be dropped at any time.
    fn deliver(&mut self) -> Answer<'_, Option<Delivered>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Makes visible in one step what is not yet.
    fn finish(&mut self) -> Answer<'_, Receipt>;

    /// Leaves no trace, as far as the line still allows it. May be called after a call that failed or was dropped.
    fn abort(&mut self) -> BoxFuture<'_, ()>;
}
