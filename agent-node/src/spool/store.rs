//! The spool on the disk: append, hand out in order, acknowledge, thin out. Blocks; one owner at a time.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use messages::RunId;
use messages::agent::{Fact, MAX_REPORTS, Report};
use messages::ids::SpoolId;
use messages::run::LogLevel;

use super::cursor::{Anchor, Cursor};
use super::frame::{self, Record};
use super::segment::{self, Segment};
use super::{WINDOW, plan};
use crate::disk;

/// Bytes of reports in one frame: well under the frame limit, so that a slow line still breathes between frames.
const MAX_BATCH_BYTES: usize = 64 * 1024;

/// As many as the journal remembers.
const MAX_FINISHED: usize = 1_000;

/// How large the spool may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub bytes: u64,
}

impl Limits {
    /// A day offline with some runs an hour stays far below.
    pub const DEFAULT_BYTES: u64 = 64 * 1024 * 1024;

    /// Small enough that the oldest can be thinned out or removed often, large enough that files stay few.
    const fn segment(self) -> u64 {
        let share = self.bytes / 64;
        if share > 1024 * 1024 { 1024 * 1024 } else { share }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: Self::DEFAULT_BYTES }
    }
}

/// Why facts could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    #[error("the spool holds {0} bytes that the hub has not taken yet, and there is nothing left to give up")]
    Full(u64),
    #[error("the spool could not be written: {0}")]
    Io(#[from] io::Error),
}

impl SpoolError {
    /// Is there no room, rather than something broken?
    #[must_use]
    pub fn is_full(&self) -> bool {
        match self {
            Self::Full(_) => true,
            Self::Io(error) => disk::is_full(error),
        }
    }
}

/// A place between two records, and the number of the last fact before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    segment: u64,
    offset: u64,
    seq: u64,
}

/// See the module. Between two calls all fields agree with the files.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    limits: Limits,
    cursor: Cursor,
    /// Never empty; the last one is being written.
    segments: VecDeque<Segment>,
    active: File,
    unsynced: bool,
    last_seq: u64,
    acked: u64,
    /// A place before the first unacknowledged fact.
    acked_place: Place,
    reading: Place,
    /// Ends of what was handed out and is not acknowledged.
    handed: VecDeque<Place>,
    /// The latest progress of each run, to be numbered when everything before has been handed out.
    progress: BTreeMap<RunId, Report>,
    /// Runs whose end is in the spool or was lately; at most [`MAX_FINISHED`].
    finished: VecDeque<RunId>,
}

impl Store {
    /// Opens the spool in this folder, or makes it.
    pub fn open(folder: impl Into<PathBuf>, limits: Limits) -> io::Result<Self> {
        let folder = folder.into();
        disk::create_private_dir(&folder)?;
        let Anchor { cursor, mut damaged } = Cursor::find(&folder)?;
        let life = cursor.life(&folder);
        let (mut scans, mut finished) = (Vec::<segment::Scan>::new(), Vec::new());
        for index in segment::list(&life)? {
            if index < cursor.first_segment {
                disk::remove_if_there(&segment::path_of(&life, index))?;
                continue;
            }
            damaged |= scans.last().is_some_and(|scan| scan.torn);
            scans.push(segment::scan(&life, index, |report| {
                if matches!(report.fact, Fact::Finished { .. }) {
                    finished.push(report.run_id);
                }
            })?);
        }
        let before = cursor.first_seq - 1;
        // After damage the numbers are not what they were: rather send twice than never.
        let noted = scans.iter().map(|scan| scan.acked).max().filter(|_| !damaged);
        let acked = noted.unwrap_or(0).max(before);
        let (segments, active) = Self::last_for_writing(&life, scans, cursor.first_segment)?;
        let start = Place { segment: segments[0].index, offset: 0, seq: before };
        let last_seq = before + segments.iter().map(|segment| segment.facts).sum::<u64>();
        let mut store = Self {
            folder,
            limits,
            cursor,
            segments,
            active,
            unsynced: false,
            last_seq,
            acked: acked.min(last_seq),
            acked_place: start,
            reading: start,
            handed: VecDeque::new(),
            progress: BTreeMap::new(),
            finished: VecDeque::from(finished),
        };
        if acked > last_seq || damaged {
            tracing::warn!("the spool was damaged; what can be read of it is sent as a new spool");
            store.begin_anew()?;
        }
        Ok(store)
    }

    /// The segments, and the last of them open at its sound end.
    fn last_for_writing(
        life: &Path,
        scans: Vec<segment::Scan>,
        first: u64,
    ) -> io::Result<(VecDeque<Segment>, File)> {
        let sound_end = scans.last().map(|scan| scan.sound);
        let mut segments: VecDeque<_> = scans.into_iter().map(|scan| scan.segment).collect();
        let active = match (segments.back(), sound_end) {
            (Some(last), Some(sound)) => last.reopen(sound)?,
            _ => {
                let (segment, file) = Segment::create(life, first)?;
                segments.push_back(segment);
                file
            }
        };
        Ok((segments, active))
    }

    #[must_use]
    pub const fn id(&self) -> SpoolId {
        self.cursor.spool_id
    }

    /// Number of the oldest unacknowledged fact, or of the next one to be made.
    #[must_use]
    pub const fn next_unacked(&self) -> u64 {
        self.acked + 1
    }

    /// Facts that are not acknowledged.
    #[must_use]
    pub const fn waiting(&self) -> u64 {
        self.last_seq - self.acked
    }

    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.weight.all).sum()
    }

    /// Is the end of this run in the spool, acknowledged or not?
    #[must_use]
    pub fn has_finished(&self, run: RunId) -> bool {
        self.finished.contains(&run)
    }

    /// Keeps these facts in order; all of them, or none when this fails.
    /// The start and the end of a run and its rejected items are on the disk when this returns.
    pub fn append(&mut self, reports: &[Report]) -> Result<(), SpoolError> {
        let mut out = Vec::new();
        let mut lengths = Vec::with_capacity(reports.len());
        for report in reports {
            let before = out.len();
            segment::encode(&mut out, report)?;
            lengths.push((out.len() - before) as u64);
        }
        let ends_only = reports.iter().all(|report| matches!(report.fact, Fact::Finished { .. }));
        self.make_room(out.len() as u64, ends_only)?;
        self.write(&out)?;
        for (report, length) in reports.iter().zip(lengths) {
            self.last_seq += 1;
            self.last_segment().count(report, length);
        }
        if reports.iter().any(|report| must_survive(&report.fact)) {
            self.sync()?;
        }
        for report in reports {
            if matches!(report.fact, Fact::Finished { .. }) {
                self.progress.remove(&report.run_id);
                self.finished.push_back(report.run_id);
            }
        }
        while self.finished.len() > MAX_FINISHED {
            self.finished.pop_front();
        }
        self.rotate_if_large()?;
        Ok(())
    }

    /// Notes how far a run has come; only the latest note of a run is sent.
    pub fn note_progress(&mut self, report: Report) {
        if !self.has_finished(report.run_id) {
            self.progress.insert(report.run_id, report);
        }
    }

    /// The next reports to send, synced before they are handed out; empty when there are none.
    pub fn hand_out(&mut self) -> Result<Vec<Report>, SpoolError> {
        if self.reading.seq == self.last_seq && !self.progress.is_empty() {
            let latest: Vec<_> = std::mem::take(&mut self.progress).into_values().collect();
            self.append(&latest)?;
        }
        if self.unsynced {
            self.sync()?;
        }
        let mut reports = Vec::new();
        let mut room = MAX_BATCH_BYTES;
        while reports.len() < MAX_REPORTS && room > 0 && self.reading.seq < self.last_seq {
            let Some(at) = self.segments.iter().position(|segment| segment.index == self.reading.segment)
            else {
                break;
            };
            let bytes = self.segments[at].read(self.reading.offset, (room + frame::MAX_PAYLOAD) as u64)?;
            let before = self.reading.offset;
            room = self.collect(&bytes, room, &mut reports)?;
            if room > 0 && self.reading.offset == before {
                if self.reading.seq != self.last_of(at) {
                    tracing::warn!(
                        "a segment of the spool became unreadable; the rest is sent as a new spool"
                    );
                    self.begin_anew()?;
                    return Ok(Vec::new());
                }
                let Some(next) = self.segments.get(at + 1) else { break };
                self.reading = Place { segment: next.index, offset: 0, ..self.reading };
            }
        }
        if !reports.is_empty() {
            self.handed.push_back(self.reading);
        }
        Ok(reports)
    }

    /// Number of the last fact of the segment at this place.
    fn last_of(&self, at: usize) -> u64 {
        self.cursor.first_seq - 1 + self.segments.range(..=at).map(|segment| segment.facts).sum::<u64>()
    }

    /// Takes facts from `bytes`, which begin at the reading place; returns the room that is left.
    fn collect(&mut self, bytes: &[u8], mut room: usize, reports: &mut Vec<Report>) -> io::Result<usize> {
        let mut at = 0;
        while let Some((record, length)) = bytes.get(at..).and_then(frame::read) {
            if let Record::Fact(json) = record {
                let seq = self.reading.seq + 1;
                if seq > self.acked {
                    if reports.len() == MAX_REPORTS || (length > room && !reports.is_empty()) {
                        return Ok(0);
                    }
                    reports.push(Report { seq, ..serde_json::from_slice(json)? });
                    room = room.saturating_sub(length);
                }
                self.reading.seq = seq;
            }
            at += length;
            self.reading.offset += length as u64;
        }
        Ok(room)
    }

    /// The hub has everything up to this number.
    pub fn acknowledge(&mut self, spool: SpoolId, through: u64) -> Result<(), SpoolError> {
        if spool != self.cursor.spool_id || through <= self.acked {
            return Ok(());
        }
        if through > self.last_seq {
            // The hub has reports that this disk does not know: it was set back to an older state. New facts
            // under those numbers would be taken for repetitions.
            tracing::warn!(
                through,
                last = self.last_seq,
                "the spool was set back; it is sent as a new spool"
            );
            self.acked = self.last_seq;
            return Ok(self.begin_anew()?);
        }
        self.acked = through;
        while let Some(end) = self.handed.front().filter(|end| end.seq <= through) {
            self.acked_place = *end;
            self.handed.pop_front();
        }
        let mut out = Vec::new();
        frame::write(&mut out, Record::Acked(through));
        self.write(&out)?;
        self.last_segment().weight.all += out.len() as u64;
        self.remove_acknowledged()?;
        Ok(())
    }

    /// Hands out again what was not acknowledged: the socket it was sent on is gone.
    pub fn rewind(&mut self) {
        self.reading = self.acked_place;
        self.handed.clear();
    }

    /// Makes everything durable.
    pub fn sync(&mut self) -> io::Result<()> {
        self.active.sync_data()?;
        self.unsynced = false;
        Ok(())
    }

    fn last_segment(&mut self) -> &mut Segment {
        let last = self.segments.len() - 1;
        &mut self.segments[last]
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let length = self.segments.back().map_or(0, |segment| segment.weight.all);
        segment::append(&mut self.active, bytes, length)?;
        self.unsynced = true;
        Ok(())
    }

    fn make_room(&mut self, wanted: u64, ends_only: bool) -> Result<(), SpoolError> {
        if self.bytes() + wanted <= self.limits.bytes {
            return Ok(());
        }
        let (held, free_from) = self.beyond_the_window();
        let free: Vec<_> =
            self.segments.range(free_from..self.segments.len() - 1).map(|segment| segment.weight).collect();
        for thin in plan::thin_out(&free, held, wanted, self.limits.bytes) {
            self.segments[free_from + thin.at].thin(thin.level)?;
            let level: LogLevel = thin.level;
            tracing::warn!(level = level.as_str(), "the spool is full; log lines were given up");
        }
        let facts: u64 = self.segments.iter().map(|segment| segment.facts).sum();
        self.last_seq = self.cursor.first_seq - 1 + facts;
        // The end of a run is a few hundred bytes and must get through.
        if ends_only || self.bytes() + wanted <= self.limits.bytes {
            Ok(())
        } else {
            Err(SpoolError::Full(self.bytes()))
        }
    }

    /// Bytes of the segments that may not be thinned out, and the place of the first that may.
    fn beyond_the_window(&self) -> (u64, usize) {
        let sent = (self.acked + WINDOW).max(self.reading.seq);
        let mut seq = self.cursor.first_seq - 1;
        let mut free_from = 0;
        for segment in self.segments.iter().take(self.segments.len() - 1) {
            if seq >= sent {
                break;
            }
            seq += segment.facts;
            free_from += 1;
        }
        let writing = self.segments.back().map_or(0, |segment| segment.weight.all);
        let sending: u64 = self.segments.range(..free_from).map(|segment| segment.weight.all).sum();
        (sending + writing, free_from)
    }

    fn rotate_if_large(&mut self) -> io::Result<()> {
        let Some(last) = self.segments.back().filter(|last| last.weight.all >= self.limits.segment()) else {
            return Ok(());
        };
        let next = last.index + 1;
        self.sync()?;
        let (segment, file) = Segment::create(&self.cursor.life(&self.folder), next)?;
        self.segments.push_back(segment);
        self.active = file;
        Ok(())
    }

    /// Removes segments of which every fact is acknowledged; the one being written stays.
    fn remove_acknowledged(&mut self) -> io::Result<()> {
        self.rotate_if_large()?;
        while self.segments.len() > 1 {
            let end = self.cursor.first_seq - 1 + self.segments[0].facts;
            if end > self.acked {
                break;
            }
            self.sync()?;
            let next = self.segments[1].index;
            let cursor = Cursor { first_segment: next, first_seq: end + 1, ..self.cursor };
            cursor.save(&self.folder)?;
            self.cursor = cursor;
            let start = Place { segment: next, offset: 0, seq: end };
            for place in [&mut self.acked_place, &mut self.reading] {
                if place.segment < next {
                    *place = start;
                }
            }
            if let Some(gone) = self.segments.pop_front() {
                disk::remove_if_there(&gone.path)?;
            }
        }
        Ok(())
    }

    /// Copies what is not acknowledged into a new life of the spool, numbered from 1.
    fn begin_anew(&mut self) -> io::Result<()> {
        let cursor = Cursor::fresh();
        let (old_life, life) = (self.cursor.life(&self.folder), cursor.life(&self.folder));
        disk::create_private_dir(&life)?;
        let (segment, mut active) = Segment::create(&life, 0)?;
        let mut fresh = VecDeque::from([segment]);
        let mut seq = self.cursor.first_seq - 1;
        for old in &self.segments {
            let mut kept = Vec::new();
            segment::scan(&old_life, old.index, |report| {
                seq += 1;
                if seq > self.acked {
                    kept.push(report.clone());
                }
            })?;
            let (mut bytes, last) = (Vec::new(), fresh.len() - 1);
            for report in &kept {
                let before = bytes.len();
                segment::encode(&mut bytes, report)?;
                fresh[last].count(report, (bytes.len() - before) as u64);
            }
            segment::append(&mut active, &bytes, 0)?;
            active.sync_all()?;
            if fresh[last].weight.all >= self.limits.segment() {
                let (segment, file) = Segment::create(&life, fresh[last].index + 1)?;
                fresh.push_back(segment);
                active = file;
            }
        }
        // With this the new life counts; a crash before it leaves the old one, and the copy is removed.
        cursor.save(&self.folder)?;
        fs::remove_dir_all(old_life)?;
        let start = Place { segment: 0, offset: 0, seq: 0 };
        self.last_seq = fresh.iter().map(|segment| segment.facts).sum();
        (self.cursor, self.segments, self.active) = (cursor, fresh, active);
        (self.acked, self.acked_place, self.reading) = (0, start, start);
        self.handed.clear();
        self.unsynced = false;
        Ok(())
    }
}

/// Losing one of these would leave a run without its start, its end or one of its rejected items.
const fn must_survive(fact: &Fact) -> bool {
    matches!(
        fact,
        Fact::Started { .. } | Fact::Finished { .. } | Fact::Rejected { .. } | Fact::Surveyed { .. }
    )
}
