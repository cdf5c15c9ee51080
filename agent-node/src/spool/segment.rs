//! One file of the spool: appended to while it is the last, then only read, thinned out or removed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use messages::agent::{Fact, Report};
use messages::run::LogLevel;

use super::frame::{self, Record};
use super::plan::Weight;
use crate::disk;

/// A segment as the store knows it.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub(super) index: u64,
    pub(super) facts: u64,
    pub(super) weight: Weight,
    pub(super) path: PathBuf,
}

/// What a walk through a segment came to.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) segment: Segment,
    /// Highest number that was noted as acknowledged.
    pub(super) acked: u64,
    /// Bytes from the start that are sound.
    pub(super) sound: u64,
    /// Does the file end with something else?
    pub(super) torn: bool,
}

pub(super) fn path_of(folder: &Path, index: u64) -> PathBuf {
    folder.join(format!("{index:012}.seg"))
}

/// Indexes of the segments in a folder, in order. Rests of writes that were cut off are removed.
pub(super) fn list(folder: &Path) -> io::Result<Vec<u64>> {
    let mut indexes = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if entry.path().extension().is_some_and(|ending| ending == "tmp") {
            fs::remove_file(entry.path())?;
        }
        let stem = name.to_str().and_then(|name| name.strip_suffix(".seg"));
        indexes.extend(stem.and_then(|stem| stem.parse::<u64>().ok()));
    }
    indexes.sort_unstable();
    Ok(indexes)
}

impl Segment {
    pub(super) fn create(folder: &Path, index: u64) -> io::Result<(Self, File)> {
        let path = path_of(folder, index);
        let file = disk::create_private(&path)?;
        disk::sync_dir(folder)?;
        Ok((Self { index, facts: 0, weight: Weight::default(), path }, file))
    }

    pub(super) fn reopen(&self, sound: u64) -> io::Result<File> {
        let mut file = OpenOptions::new().write(true).open(&self.path)?;
        file.set_len(sound)?;
        file.seek(SeekFrom::End(0))?;
        file.sync_all()?;
        Ok(file)
    }

    pub(super) fn count(&mut self, report: &Report, bytes: u64) {
        self.facts += 1;
        self.weight.all += bytes;
        match &report.fact {
            Fact::Log { level: LogLevel::Debug, .. } => self.weight.debug += bytes,
            Fact::Log { level: LogLevel::Info, .. } => self.weight.info += bytes,
            _ => {}
        }
    }

    /// Reads the file from `from`, at most about `most` bytes.
    pub(super) fn read(&self, from: u64, most: u64) -> io::Result<Vec<u8>> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Rewrites the segment without log lines up to `level`; each run is told how many of its lines went.
    pub(super) fn thin(&mut self, level: LogLevel) -> io::Result<()> {
        let bytes = fs::read(&self.path)?;
        let mut gone: Vec<(usize, Report, u64)> = Vec::new();
        let mut kept: Vec<Report> = Vec::new();
        let mut acked = 0;
        for record in records(&bytes) {
            let report = match record {
                Record::Fact(json) => serde_json::from_slice::<Report>(json)?,
                Record::Acked(through) => {
                    acked = acked.max(through);
                    continue;
                }
            };
            if !matches!(&report.fact, Fact::Log { level: of_line, .. } if *of_line <= level) {
                kept.push(report);
            } else if let Some((_, _, lines)) =
                gone.iter_mut().find(|(_, first, _)| first.run_id == report.run_id)
            {
                *lines += 1;
            } else {
                gone.push((kept.len(), report, 1));
            }
        }
        // Back to front, so that the places noted stay right.
        for (place, first, lines) in gone.into_iter().rev() {
            kept.insert(place, Report { fact: Fact::Dropped { lines }, ..first });
        }
        let mut thinned = Self { facts: 0, weight: Weight::default(), ..self.clone() };
        let mut out = Vec::new();
        for report in &kept {
            let before = out.len();
            encode(&mut out, report)?;
            thinned.count(report, (out.len() - before) as u64);
        }
        if acked > 0 {
            let before = out.len();
            frame::write(&mut out, Record::Acked(acked));
            thinned.weight.all += (out.len() - before) as u64;
        }
        disk::replace(&self.path, &out)?;
        *self = thinned;
        Ok(())
    }
}

/// Walks a segment once; its facts are handed to `each`.
pub(super) fn scan(folder: &Path, index: u64, mut each: impl FnMut(&Report)) -> io::Result<Scan> {
    let path = path_of(folder, index);
    let bytes = fs::read(&path)?;
    let mut segment = Segment { index, facts: 0, weight: Weight::default(), path };
    let (mut at, mut acked) = (0, 0);
    while let Some((record, length)) = bytes.get(at..).and_then(frame::read) {
        match record {
            Record::Fact(json) => {
                let Ok(report) = serde_json::from_slice::<Report>(json) else { break };
                segment.count(&report, length as u64);
                each(&report);
            }
            Record::Acked(through) => {
                acked = acked.max(through);
                segment.weight.all += length as u64;
            }
        }
        at += length;
    }
    Ok(Scan { segment, acked, sound: at as u64, torn: at < bytes.len() })
}

/// The sound records at the start of `bytes`.
fn records(bytes: &[u8]) -> impl Iterator<Item = Record<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let (record, length) = frame::read(bytes.get(at..)?)?;
        at += length;
        Some(record)
    })
}

/// Appends a report's record.
pub(super) fn encode(out: &mut Vec<u8>, report: &Report) -> io::Result<()> {
    let json = serde_json::to_vec(report)?;
    if frame::write(out, Record::Fact(&json)) {
        Ok(())
    } else {
        Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("a fact of {} bytes is too large to keep", json.len()),
        ))
    }
}

/// Appends to an open segment; a write that fails half way is taken back.
pub(super) fn append(file: &mut File, bytes: &[u8], length_before: u64) -> io::Result<()> {
    file.write_all(bytes).inspect_err(|_| {
        // If this fails as well, the rest is cut off as a torn end when the spool is opened next.
        let _ignored = file.set_len(length_before).and_then(|()| file.seek(SeekFrom::End(0)).map(drop));
    })
}
