//! Rows that come one after the other on a line, as batches of a stream.

use std::cell::Cell;

use tokio::sync::mpsc;

use crate::connector::table::{Header, Row, Tally};
use crate::connector::{Batch, Failure};

/// See the module.
pub(in crate::connector) struct Outflow {
    tally: Tally,
    header: Header,
    /// The row that is being filled.
    pub(in crate::connector) row: Row,
    number: u64,
    bytes: u64,
    to: mpsc::Sender<Result<Batch, Failure>>,
}

impl Outflow {
    pub(in crate::connector) fn new(
        header: Header,
        mark: char,
        to: mpsc::Sender<Result<Batch, Failure>>,
    ) -> Self {
        Self { tally: Tally::new(false, mark), header, row: Row::default(), number: 0, bytes: 0, to }
    }

    /// Begins the next row.
    pub(in crate::connector) fn start(&mut self) {
        self.number += 1;
        self.row.start(self.number);
    }

    /// Something a technician should know.
    pub(in crate::connector) fn note(&mut self, note: String) {
        self.tally.note(note);
    }

    /// The row is filled; false when nobody wants more.
    pub(in crate::connector) async fn take(&mut self) -> bool {
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
    pub(in crate::connector) async fn finish(mut self) {
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
