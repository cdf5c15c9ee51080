//! Rows that come one after the other on a line, as batches of a stream, or the first of them to be looked at.

use std::cell::Cell;

use messages::inspect::Sample;
use tokio::sync::mpsc;

use crate::connector::table::{Header, Row, Tally};
use crate::connector::{Batch, Failure, Looked};

/// See the module.
pub(in crate::connector) struct Outflow {
    header: Header,
    /// The row that is being filled.
    pub(in crate::connector) row: Row,
    number: u64,
    bytes: u64,
    to: To,
}

enum To {
    Batches(Box<Tally>, mpsc::Sender<Result<Batch, Failure>>),
    Sample(Sample),
}

impl Outflow {
    pub(in crate::connector) fn new(
        header: Header,
        mark: char,
        to: mpsc::Sender<Result<Batch, Failure>>,
    ) -> Self {
        Self::onto(header, To::Batches(Box::new(Tally::new(false, mark)), to))
    }

    /// Only the first rows are wanted, as they are.
    pub(in crate::connector) fn looking(header: Header) -> Self {
        Self::onto(header, To::Sample(Sample::default()))
    }

    fn onto(header: Header, to: To) -> Self {
        Self { header, row: Row::default(), number: 0, bytes: 0, to }
    }

    /// Begins the next row.
    pub(in crate::connector) fn start(&mut self) {
        self.number += 1;
        self.row.start(self.number);
    }

    /// Something a technician should know.
    pub(in crate::connector) fn note(&mut self, note: String) {
        if let To::Batches(tally, _) = &mut self.to {
            tally.note(note);
        }
    }

    /// The row is filled; false when nobody wants more.
    pub(in crate::connector) async fn take(&mut self) -> bool {
        self.bytes += self.row.text().len() as u64;
        match &mut self.to {
            To::Sample(sample) => {
                let row = &self.row;
                sample.take((0..self.header.names.len()).map(|at| row.value(at)))
            }
            To::Batches(tally, to) => {
                let full = Cell::new(None);
                tally.take(&self.header, &self.row, self.bytes, &|batch| {
                    full.set(Some(batch));
                    true
                });
                match full.into_inner() {
                    Some(batch) => to.send(Ok(batch)).await.is_ok(),
                    None => true,
                }
            }
        }
    }

    /// Hands over what is left.
    pub(in crate::connector) async fn finish(self) {
        let To::Batches(mut tally, to) = self.to else { return };
        tally.end_of_part(self.bytes);
        let rest = Cell::new(None);
        tally.finish(&|batch| {
            rest.set(Some(batch));
            true
        });
        if let Some(batch) = rest.into_inner() {
            // Nobody listens when the run is over, and then nobody misses it.
            let _ignored = to.send(Ok(batch)).await;
        }
    }

    /// What was seen; nothing where rows went elsewhere.
    pub(in crate::connector) fn looked(self, place: String) -> Looked {
        let sample = match self.to {
            To::Sample(sample) => sample,
            To::Batches(..) => Sample::default(),
        };
        Looked { place, columns: self.header.names, sample }
    }
}
