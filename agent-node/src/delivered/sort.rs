//! Entries in the order of their article numbers, however many there are: sorted in pieces that fit into memory, put
//! aside in one file, and merged when all are there.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Take, Write as _};
use std::path::PathBuf;

use super::record::Entry;
use crate::disk;

/// Entries of a piece: about 5 MiB of memory, and 31 pieces for a million articles.
const PIECE: usize = 32_768;
/// For each piece while all are merged.
const READ_AHEAD: usize = 8 * 1024;

/// Takes entries in any order.
pub struct Sorter {
    path: PathBuf,
    file: BufWriter<File>,
    /// Where the pieces that were put aside end.
    ends: Vec<u64>,
    written: u64,
    piece: Vec<Entry>,
    most: usize,
}

impl Sorter {
    /// `path` is written to, and removed when all of it is done with.
    pub fn create(path: PathBuf) -> io::Result<Self> {
        Self::with_pieces(path, PIECE)
    }

    fn with_pieces(path: PathBuf, most: usize) -> io::Result<Self> {
        let file = BufWriter::new(disk::create_private(&path)?);
        Ok(Self { path, file, ends: Vec::new(), written: 0, piece: Vec::new(), most })
    }

    pub fn push(&mut self, entry: Entry) -> io::Result<()> {
        self.piece.push(entry);
        if self.piece.len() >= self.most { self.put_aside() } else { Ok(()) }
    }

    fn put_aside(&mut self) -> io::Result<()> {
        self.piece.sort_unstable_by(order);
        let mut bytes = Vec::new();
        for entry in self.piece.drain(..) {
            bytes.clear();
            entry.write(&mut bytes)?;
            self.file.write_all(&bytes)?;
            self.written += bytes.len() as u64;
        }
        self.ends.push(self.written);
        Ok(())
    }

    /// All entries in order; those of one article in the order in which they came.
    pub fn merged(&mut self) -> io::Result<Merged> {
        if !self.piece.is_empty() {
            self.put_aside()?;
        }
        self.piece = Vec::new();
        self.file.flush()?;
        let (mut pieces, mut start) = (Vec::new(), 0);
        for end in &self.ends {
            let mut file = File::open(&self.path)?;
            file.seek(SeekFrom::Start(start))?;
            pieces.push(BufReader::with_capacity(READ_AHEAD, file.take(end - start)));
            start = *end;
        }
        let mut merged = Merged { pieces, heads: BinaryHeap::new() };
        for piece in 0..merged.pieces.len() {
            merged.refill(piece)?;
        }
        Ok(merged)
    }
}

impl Drop for Sorter {
    fn drop(&mut self) {
        // What is left over, the next run of the job takes away.
        let _ignored = std::fs::remove_file(&self.path);
    }
}

fn order(a: &Entry, b: &Entry) -> Ordering {
    (&a.record.sku, a.place).cmp(&(&b.record.sku, b.place))
}

/// See [`Sorter::merged`].
pub struct Merged {
    pieces: Vec<BufReader<Take<File>>>,
    heads: BinaryHeap<Head>,
}

/// The next entry of a piece. The heap gives the greatest first, so the order is turned round.
struct Head {
    entry: Entry,
    piece: usize,
}

impl Merged {
    fn refill(&mut self, piece: usize) -> io::Result<()> {
        if let Some(entry) = Entry::read(&mut self.pieces[piece])? {
            self.heads.push(Head { entry, piece });
        }
        Ok(())
    }
}

impl Iterator for Merged {
    type Item = io::Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        let Head { entry, piece } = self.heads.pop()?;
        Some(self.refill(piece).map(|()| entry))
    }
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        order(&other.entry, &self.entry)
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Head {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::record::{Record, sample};
    use super::*;

    proptest! {
        #[test]
        fn all_come_back_in_order(skus in prop::collection::vec(0_u8..40, 0..200), most in 1_usize..50) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("sorted");
            let mut sorter = Sorter::with_pieces(path.clone(), most).unwrap();
            let mut expected = Vec::new();
            for (place, sku) in (0..).zip(&skus) {
                let record = Record::of(&sample(&sku.to_string(), "1", None), &mut Vec::new()).unwrap();
                let entry = Entry { record, place };
                expected.push(entry.clone());
                sorter.push(entry).unwrap();
            }
            expected.sort_by(order);
            let merged: Vec<_> = sorter.merged().unwrap().map(Result::unwrap).collect();
            prop_assert_eq!(merged, expected);
            drop(sorter);
            prop_assert!(!path.exists());
        }
    }
}
