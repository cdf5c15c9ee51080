//! Items on the agent's disk between reading and sending: one JSON line each, in order, read once from the front.
//!
//! A platform that takes items a portion at a time cannot take them back, so nothing is sent before the whole source
//! was read. Memory stays that of a portion, whatever the source holds.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::leftovers::ForRun;
use super::{Failure, Numbered};
use crate::disk;
use crate::held::Held;
use messages::ErrorCode;

/// Ten million articles; more are a source gone wrong, and not worth the shop's disk.
const MAX_BYTES: u64 = 4 * 1024 * 1024 * 1024;

/// See the module.
pub(crate) struct Stage(Held<Inner>);

struct Inner {
    path: PathBuf,
    at: At,
    bytes: u64,
}

enum At {
    Writing(BufWriter<File>),
    Reading(BufReader<File>),
    End,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.at = At::End;
        // What is left over, the next run takes away.
        let _ignored = fs::remove_file(&self.path);
    }
}

/// What fits into one portion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    pub(crate) items: usize,
    /// Of their JSON lines.
    pub(crate) bytes: usize,
}

impl Stage {
    /// An empty stage for this run, of this name. What runs that are over left behind is removed.
    pub(crate) async fn create(folder: &Path, run: &ForRun, name: &'static str) -> Result<Self, Failure> {
        let path = folder.join(run.temp_name(name));
        let (folder, run) = (folder.to_owned(), run.clone());
        let opened = disk::off_thread(move || {
            disk::create_private_dir(&folder)?;
            for entry in fs::read_dir(&folder)? {
                let entry = entry?;
                let changed = entry.metadata().and_then(|metadata| metadata.modified()).ok();
                let found = entry.file_name().to_string_lossy().into_owned();
                if run.is_left_over(&found, name, changed, SystemTime::now()) {
                    fs::remove_file(entry.path())?;
                }
            }
            let file = disk::create_private(&path)?;
            Ok(Inner { path, at: At::Writing(BufWriter::new(file)), bytes: 0 })
        });
        let inner = opened.await.map_err(|error| failed(&error))?;
        Ok(Self(Held::new(inner)))
    }

    pub(crate) async fn append(&mut self, rows: &[Numbered]) -> Result<(), Failure> {
        let mut lines = Vec::with_capacity(rows.len() * 256);
        for row in rows {
            serde_json::to_writer(&mut lines, row).map_err(|error| failed(&error.into()))?;
            lines.push(b'\n');
        }
        self.work(move |inner| inner.append(&lines)).await
    }

    /// The next rows, as many as fit, at least one; and whether they are the last. None at the end.
    pub(crate) async fn next(&mut self, room: Room) -> Result<(Vec<Numbered>, bool), Failure> {
        self.work(move |inner| inner.next(room)).await
    }

    async fn work<T, F>(&mut self, work: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: FnOnce(&mut Inner) -> io::Result<T> + Send + 'static,
    {
        let done = self.0.work(work).await;
        done.map_err(|lost| Failure::new(ErrorCode::Internal, format!("staging items: {lost}")))?
            .map_err(|error| failed(&error))
    }
}

impl Inner {
    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let At::Writing(file) = &mut self.at else {
            return Err(io::Error::other("the stage is being read already"));
        };
        self.bytes += lines.len() as u64;
        if self.bytes > MAX_BYTES {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                "the source holds more than 4 GiB of items",
            ));
        }
        file.write_all(lines)
    }

    fn next(&mut self, room: Room) -> io::Result<(Vec<Numbered>, bool)> {
        if let At::Writing(file) = &mut self.at {
            file.flush()?;
            self.at = At::Reading(BufReader::new(File::open(&self.path)?));
        }
        let At::Reading(file) = &mut self.at else { return Ok((Vec::new(), true)) };
        let (mut rows, mut bytes, mut line) = (Vec::new(), 0, Vec::new());
        while rows.len() < room.items.max(1) && (rows.is_empty() || bytes < room.bytes) {
            line.clear();
            if file.read_until(b'\n', &mut line)? == 0 {
                break;
            }
            bytes += line.len();
            rows.push(serde_json::from_slice(&line)?);
        }
        let last = file.fill_buf()?.is_empty();
        if last {
            self.at = At::End;
        }
        Ok((rows, last))
    }
}

pub(crate) fn failed(error: &io::Error) -> Failure {
    if disk::is_full(error) {
        let detail = "the disk of the agent's machine has no room to stage the items; make room there";
        return Failure::new(ErrorCode::DiskFull, detail);
    }
    Failure::new(ErrorCode::Internal, format!("the items could not be staged on the agent's disk: {error}"))
}

#[cfg(test)]
mod tests {
    use messages::RunId;
    use messages::item::Item;

    use super::*;

    const NAME: &str = "items";

    fn row(number: u64) -> Numbered {
        let item = Item {
            sku: number.to_string(),
            name: "Milk \n \"fresh\"".into(),
            barcode: None,
            price: "1.290".parse().unwrap(),
            tax_rate: None,
            stock: Some("-0.5".parse().unwrap()),
            unit: None,
            category: None,
            description: Some("x".repeat(100)),
        };
        Numbered { row: number, item }
    }

    #[tokio::test]
    async fn what_goes_in_comes_out_in_portions_and_nothing_stays() {
        let folder = tempfile::tempdir().unwrap();
        let scratch = folder.path().join("stage");
        let run = ForRun::alone(RunId::new());
        let mut stage = Stage::create(&scratch, &run, NAME).await.unwrap();
        let rows: Vec<_> = (0..250).map(row).collect();
        stage.append(&rows[..100]).await.unwrap();
        stage.append(&rows[100..]).await.unwrap();
        let mut read = Vec::new();
        loop {
            let (portion, last) = stage.next(Room { items: 100, bytes: 1_000_000 }).await.unwrap();
            assert!(portion.len() <= 100);
            read.extend(portion);
            assert_eq!(last, read.len() == 250);
            if last {
                break;
            }
        }
        assert_eq!(read, rows, "exact to the digit");
        assert_eq!(fs::read_dir(&scratch).unwrap().count(), 1);
        drop(stage);
        assert_eq!(fs::read_dir(&scratch).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_portion_is_bounded_in_bytes_and_never_empty() {
        let folder = tempfile::tempdir().unwrap();
        let mut stage = Stage::create(folder.path(), &ForRun::alone(RunId::new()), NAME).await.unwrap();
        stage.append(&[row(1), row(2), row(3)]).await.unwrap();
        for (bytes, rows, last) in [(1, 1, false), (300, 2, true), (300, 0, true), (300, 0, true)] {
            let portion = stage.next(Room { items: 10, bytes }).await.unwrap();
            assert_eq!((portion.0.len(), portion.1), (rows, last));
        }
    }

    #[tokio::test]
    async fn what_a_killed_run_left_is_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        let over = RunId::new();
        fs::write(folder.path().join(ForRun::alone(over).temp_name(NAME)), "x").unwrap();
        let run = ForRun { run_id: RunId::new(), over: vec![over] };
        let stage = Stage::create(folder.path(), &run, NAME).await.unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        drop(stage);
    }
}
