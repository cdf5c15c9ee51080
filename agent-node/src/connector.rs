//! Connectors: what reads a point of sale and what writes to a shop platform, behind two small traits.
//!
//! Each connector has a folder with the same files: `source.rs` or `sink.rs`, `tests.rs`, and pure files for what
//! it decides. Its configuration lives in `messages::connector`, for the console draws it. [`registry`] is the only
//! place that knows them all, [`conformance`] what all of them must hold to.
//!
//! A connector never shows half a result: a sink writes aside and commits in one step.

pub mod conformance;
pub mod csv;
pub mod file_format;
mod file_sink;
pub mod leftovers;
pub mod local_file;
pub mod registry;
pub mod sftp;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use messages::ErrorCode;
use messages::agent::RejectedItem;
use messages::item::{Item, ItemField};
use messages::run::RunFailure;

pub use leftovers::ForRun;

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

/// Some rows of a source, in order.
#[derive(Debug, Default)]
pub struct Batch {
    pub rows: Vec<Result<Item, RejectedItem>>,
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
}

/// A column that was found, and the field it is read into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundColumn {
    pub header: String,
    pub field: Option<ItemField>,
}

/// Reads a point of sale.
pub trait PosConnector: Send + Sync {
    /// Can it be read? Says in one line what was found.
    fn check(&self) -> Answer<'_, String>;

    /// The columns there are.
    fn discover(&self) -> Answer<'_, Vec<FoundColumn>>;

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

/// A destination that is being written. Nothing is visible there before [`ItemSink::finish`].
pub trait ItemSink: Send {
    /// Takes these items; returns the bytes written so far.
    fn write<'a>(&'a mut self, items: &'a [Item]) -> Answer<'a, u64>;

    /// Makes everything visible in one step.
    fn finish(&mut self) -> Answer<'_, Receipt>;

    /// Leaves no trace, as far as the line still allows it. May be called after a call that failed or was dropped.
    fn abort(&mut self) -> BoxFuture<'_, ()>;
}
