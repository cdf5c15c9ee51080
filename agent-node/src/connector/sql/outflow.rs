//! Rows that come one after the other on a line, as batches of a stream.

use std::cell::Cell;

use tokio::sync::mpsc;

use crate::connector::table::{Header, Row, Tally};
use crate::connector::{Batch, Failure};

/// See the module.
pub(super) struct Outflow {
    tally: Tally,
    header: Header,
    /// The row that is being filled.
    pub(super) row: Row,
    number: u64,
    bytes: u64,
    to: mpsc::Sender<Result<Batch, Failure>>,
}

impl Outflow {
    pub(super) fn new(header: Header, mark: char, to: mpsc::Sender<Result<Batch, Failure>>) -> Self {
        Self { tally: Tally::new(false, mark), header, row: Row::default(), number: 0, bytes: 0, to }
    }

    /// Begins the next row.
    pub(super) fn start(&mut self) {
        self.number += 1;
        self.row.start(self.number);
    }

    /// The row is filled; false when nobody wants more.
    pub(super) async fn take(&mut self) -> bool {
        self.bytes += self.row.text().len() as u64;
        let full = Cell::new(None);
        self.tally.take(&self.header, &self.row, self.bytes, &|batch| {
            full.set(Some(batch));
            true
        });
        match full.into_inner() {
            Some(batch) => self.to.send(Ok(batch)).await.is_ok(),
            None => true,
        }
    }

    /// Hands over what is left.
    pub(super) async fn finish(mut self) {
        self.tally.end_of_part(self.bytes);
        let rest = Cell::new(None);
        self.tally.finish(&|batch| {
            rest.set(Some(batch));
            true
        });
        if let Some(batch) = rest.into_inner() {
            // Nobody listens when the run is over, and then nobody misses it.
            let _ignored = self.to.send(Ok(batch)).await;
        }
    }
}
