//! The journal: each run that was accepted, on the disk from before `accepted` until long after its end.
//!
//! One file for each run, readable by the owner only, for it holds the credentials of the destination. When
//! the run is over, the file is replaced by a stub without command and credentials, and the stubs of the
//! latest [`MAX_OVER`] runs answer repetitions. Blocks; one owner at a time.

pub mod entry;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use messages::RunId;
use messages::version::Epoch;

use crate::disk;
pub use entry::{Entry, Stage};

/// A hub repeats a command for as long as it is unanswered; a thousand runs later it has other worries.
pub const MAX_OVER: usize = 1_000;

const EPOCH: &str = "epoch";

/// See the module.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    entries: BTreeMap<RunId, Entry>,
    epoch: Epoch,
    next_order: u64,
}

impl Journal {
    pub fn open(folder: impl Into<PathBuf>) -> io::Result<Self> {
        let folder = folder.into();
        disk::create_private_dir(&folder)?;
        let mut entries = BTreeMap::new();
        for file in fs::read_dir(&folder)? {
            let path = file?.path();
            if path.extension().is_some_and(|ending| ending == "tmp") {
                // The rest of a write that was cut off, with credentials in it perhaps.
                fs::remove_file(path)?;
                continue;
            }
            if let Some(run_id) = run_of(&path) {
                let entry = serde_json::from_slice(&fs::read(&path)?).unwrap_or_else(|error| {
                    tracing::error!(%run_id, %error, "the journal of this run is damaged; it is reported as failed");
                    Entry::damaged(run_id)
                });
                entries.insert(run_id, entry);
            }
        }
        let epoch = disk::read_if_there(&folder.join(EPOCH))?
            .and_then(|bytes| String::from_utf8(bytes).ok()?.trim().parse().ok())
            .map_or(Epoch(0), Epoch);
        let next_order = entries.values().map(|entry| entry.order + 1).max().unwrap_or(0);
        Ok(Self { folder, entries, epoch, next_order })
    }

    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Remembers the highest epoch seen.
    pub fn raise_epoch(&mut self, epoch: Epoch) -> io::Result<()> {
        if epoch > self.epoch {
            disk::replace(&self.folder.join(EPOCH), epoch.to_string().as_bytes())?;
            self.epoch = epoch;
        }
        Ok(())
    }

    #[must_use]
    pub fn get(&self, run_id: RunId) -> Option<&Entry> {
        self.entries.get(&run_id)
    }

    /// All entries in the order in which they were accepted.
    #[must_use]
    pub fn in_order(&self) -> Vec<&Entry> {
        let mut entries: Vec<_> = self.entries.values().collect();
        entries.sort_unstable_by_key(|entry| entry.order);
        entries
    }

    /// The order of the next entry to be made.
    #[must_use]
    pub const fn next_order(&self) -> u64 {
        self.next_order
    }

    /// On the disk when this returns. When it fails, disk and memory stay as they were.
    pub fn put(&mut self, entry: Entry) -> io::Result<()> {
        disk::replace(&self.path(entry.run_id), &serde_json::to_vec(&entry)?)?;
        self.remember(entry);
        self.forget_oldest()
    }

    /// Like [`Journal::put`] for an end that must count although the disk takes nothing: until the next
    /// start, memory knows better, and then the spool does.
    pub fn remember(&mut self, entry: Entry) {
        self.next_order = self.next_order.max(entry.order + 1);
        self.entries.insert(entry.run_id, entry);
    }

    fn forget_oldest(&mut self) -> io::Result<()> {
        let mut over: Vec<_> =
            self.entries.values().filter(|entry| entry.is_settled()).map(|e| (e.order, e.run_id)).collect();
        let surplus = over.len().saturating_sub(MAX_OVER);
        if surplus > 0 {
            over.sort_unstable();
        }
        for (_, run_id) in over.into_iter().take(surplus) {
            disk::remove_if_there(&self.path(run_id))?;
            self.entries.remove(&run_id);
        }
        Ok(())
    }

    fn path(&self, run_id: RunId) -> PathBuf {
        self.folder.join(format!("{run_id}.json"))
    }
}

fn run_of(path: &Path) -> Option<RunId> {
    path.file_name()?.to_str()?.strip_suffix(".json")?.parse().ok()
}

#[cfg(test)]
mod tests;
