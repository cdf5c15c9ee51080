//! What each job's destination has, on the agent's disk: so that an export can send changes only, tell what has
//! vanished, and stop before it does harm.
//!
//! ```text
//! <job>.state     what the destination has, as of the last delivery that was finished
//! <job>.pending   what it will have; there while a delivery is under way, or after one that broke off
//! .<job>.….part   of the run at work
//! ```
//!
//! `pending` is on the disk before the first item leaves. A delivery that broke off has changed some articles and
//! not others, so where the two differ, nobody knows what the destination has: such articles are *in doubt*, and sent
//! again. One run of a job is at work at a time (`journal::entry::to_begin`), so nothing here is locked.
//!
//! Everything here blocks; `runner::comparison` calls it from beside the runtime. Knows no sources and destinations.

pub mod compare;
pub mod file;
pub mod record;
pub mod sort;
pub mod unread;

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use messages::export::{HarmGuard, ItemChange, Survey};
use messages::{JobId, RunId};

use crate::connector::Numbered;
use crate::disk;
use compare::{Found, Tally, walk};
use file::{Header, Look, Records, Sound, Writer};
use record::{Entry, IN_DOUBT, Record};
use sort::{Merged, Sorter};
use unread::Unread;

/// A job that has not run for half a year sends everything again; its state is not worth the shop's disk.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(180 * 86_400);
/// Article numbers that a destination did not take. With more of them, nothing is kept: the next run sends everything.
const MOST_REFUSED: usize = 200_000;

/// What the destination had before this run.
#[derive(Debug)]
enum Known {
    Nothing,
    /// In this file.
    All(PathBuf, Sound),
}

/// The state of one job during one run.
pub struct Book {
    folder: PathBuf,
    header: Header,
    known: Known,
    /// Why nothing is known, or why what is known is no ground for sending changes only.
    pub note: Option<String>,
    /// Names of this attempt's files begin with it.
    part: String,
    /// Somebody else has delivered since the record was made.
    overtaken: bool,
    /// `known` was put together from state and pending, and must take their place before pending is written anew.
    mended: bool,
    sorter: Sorter,
    places: u64,
    room: Vec<u8>,
    refused: HashSet<String>,
}

/// What a comparison found.
pub struct Compared {
    pub tally: Tally,
    /// Places of the items that the destination has not, or not so.
    pub differing: Places,
    /// How the first items stand.
    pub firsts: [Option<ItemChange>; Survey::MAX_PREVIEW],
    /// Articles that are not in the source any more; none unless they were asked for.
    pub gone: Option<(PathBuf, Sound)>,
    /// Articles that may stand in rows that could not be read.
    pub unread: u64,
}

/// A set of places: one bit each.
#[derive(Debug, Default)]
pub struct Places(Vec<u64>);

impl Places {
    fn insert(&mut self, place: u64) {
        let Ok(word) = usize::try_from(place / 64) else { return };
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (place % 64);
    }

    #[must_use]
    pub fn contains(&self, place: u64) -> bool {
        usize::try_from(place / 64)
            .is_ok_and(|word| self.0.get(word).is_some_and(|bits| bits & (1 << (place % 64)) != 0))
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Book {
    /// Opens the state of a job, and clears away what earlier runs of it left. `attempt` names this run's files.
    pub fn open(
        folder: &Path,
        job_id: JobId,
        run: RunId,
        attempt: &str,
        place: String,
        settings: String,
        after: Option<RunId>,
    ) -> io::Result<Self> {
        disk::create_private_dir(folder)?;
        clear(folder, job_id)?;
        let part = format!(".{job_id}.{attempt}");
        let header = Header::new(job_id, place, settings);
        let sorter = Sorter::create(folder.join(format!("{part}.read.part")))?;
        let mut book = Self {
            folder: folder.to_owned(),
            header,
            known: Known::Nothing,
            note: None,
            part,
            overtaken: false,
            mended: false,
            sorter,
            places: 0,
            room: Vec::new(),
            refused: HashSet::new(),
        };
        let runs = book.find()?;
        let ours = |after: &RunId| *after == run || runs.contains(after);
        if matches!(book.known, Known::All(..)) && after.as_ref().is_some_and(|after| !ours(after)) {
            book.overtaken = true;
            book.say("another agent, or an older build of this one, has delivered since");
        }
        book.header.runs = Header::followed_by(runs, run);
        Ok(book)
    }

    fn state(&self) -> PathBuf {
        self.folder.join(format!("{}.state", self.header.job_id))
    }

    fn pending(&self) -> PathBuf {
        self.folder.join(format!("{}.pending", self.header.job_id))
    }

    fn part(&self, what: &str) -> PathBuf {
        self.folder.join(format!("{}.{what}.part", self.part))
    }

    /// Finds out what is known; gives the runs that have delivered it.
    fn find(&mut self) -> io::Result<Vec<RunId>> {
        let state = match file::look(&self.state())? {
            Look::Damaged => {
                self.say("the agent's record of what was delivered is damaged on its disk");
                return Ok(Vec::new());
            }
            Look::Sound(sound) if sound.header.place != self.header.place => {
                self.say("the job delivers to another place than before");
                return Ok(Vec::new());
            }
            Look::Sound(sound) => Some(sound),
            Look::Missing => None,
        };
        let pending = match file::look(&self.pending())? {
            Look::Damaged => {
                self.say("the agent's record of a delivery that broke off is damaged on its disk");
                return Ok(Vec::new());
            }
            Look::Sound(sound) => Some(sound).filter(|sound| sound.header.place == self.header.place),
            Look::Missing => None,
        };
        let settings = state.as_ref().or(pending.as_ref()).map(|sound| &sound.header.settings);
        match settings {
            None => self.say("nothing has been delivered by this job from here before"),
            Some(settings) if *settings != self.header.settings => {
                self.say("the settings of source or destination have changed");
            }
            Some(_) => {}
        }
        let runs = pending.as_ref().or(state.as_ref()).map(|sound| sound.header.runs.clone());
        self.known = match (state, pending) {
            (None, None) => Known::Nothing,
            (Some(state), None) => Known::All(self.state(), state),
            (state, Some(pending)) => self.mend(state, &pending)?,
        };
        Ok(runs.unwrap_or_default())
    }

    fn say(&mut self, note: &str) {
        self.note = Some(note.to_owned());
    }

    /// What a delivery that broke off has left: what both sides have alike is there, the rest is in doubt.
    fn mend(&mut self, state: Option<Sound>, pending: &Sound) -> io::Result<Known> {
        let path = self.part("mended");
        let settings = &state.as_ref().unwrap_or(pending).header.settings;
        let mut header = pending.header.clone();
        header.settings.clone_from(settings);
        let mut writer = Writer::create(&path, &header)?;
        let old = state.as_ref().map(|state| Records::open(&self.state(), state)).transpose()?;
        let new = Records::open(&self.pending(), pending)?
            .map(|record| record.map(|record| Entry { record, place: 0 }));
        walk(old.into_iter().flatten(), new, |found| match &found {
            Found::Both { old, .. } if found.is_unchanged() => writer.push(old),
            Found::Both { old: record, .. }
            | Found::New { new: record, .. }
            | Found::Vanished { old: record } => {
                writer.push(&Record { print: IN_DOUBT, ..Record::clone(record) })
            }
        })?;
        writer.finish()?;
        self.mended = true;
        let Look::Sound(mended) = file::look(&path)? else {
            return Err(io::Error::other("what was written cannot be read again"));
        };
        Ok(Known::All(path, mended))
    }

    /// How many articles the destination has; none when that is not known.
    #[must_use]
    pub const fn known(&self) -> Option<u64> {
        match &self.known {
            Known::Nothing => None,
            Known::All(_, sound) => Some(sound.count),
        }
    }

    /// May items be left out because the destination has them?
    #[must_use]
    pub fn can_send_changes(&self) -> bool {
        let same =
            matches!(&self.known, Known::All(_, sound) if sound.header.settings == self.header.settings);
        same && !self.overtaken
    }

    /// Items that were read, in their order.
    pub fn add(&mut self, rows: &[Numbered]) -> io::Result<()> {
        for row in rows {
            let record = Record::of(&row.item, &mut self.room)?;
            self.sorter.push(Entry { record, place: self.places })?;
            self.places += 1;
        }
        Ok(())
    }

    /// Compares, once everything was read. With `zeroing`, vanished articles are put together to be sent, and those that
    /// may stand in an unread row are kept for another time.
    pub fn compare(&mut self, guard: &HarmGuard, unread: &Unread, zeroing: bool) -> io::Result<Compared> {
        let mut compared = Compared {
            tally: Tally::default(),
            differing: Places::default(),
            firsts: [None; Survey::MAX_PREVIEW],
            gone: None,
            unread: 0,
        };
        let gone = self.part("gone");
        let mut goners = if zeroing { Some(Writer::create(&gone, &self.header)?) } else { None };
        let mut next = Writer::create(&self.part("next"), &self.header)?;
        let read: Merged = self.sorter.merged()?;
        let old = match &self.known {
            Known::Nothing => None,
            Known::All(path, sound) => Some(Records::open(path, sound)?),
        };
        walk(old.into_iter().flatten(), read, |found| {
            if let (Found::Vanished { old }, Some(goners)) = (&found, &mut goners) {
                if unread.may_hold(&old.sku) {
                    compared.unread += 1;
                    return next.push(old);
                }
                goners.push(old)?;
            }
            compared.tally.count(&found, guard);
            let (record, places, change) = match &found {
                Found::Vanished { .. } => return Ok(()),
                Found::New { new, places } => (new, *places, ItemChange::New),
                Found::Both { new, places, .. } if found.is_unchanged() => {
                    (new, *places, ItemChange::Unchanged)
                }
                Found::Both { new, places, .. } => (new, *places, ItemChange::Changed),
            };
            for place in places {
                if change != ItemChange::Unchanged {
                    compared.differing.insert(*place);
                }
                let first = usize::try_from(*place).ok().and_then(|place| compared.firsts.get_mut(place));
                if let Some(first) = first {
                    *first = Some(change);
                }
            }
            next.push(record)
        })?;
        next.finish()?;
        if let Some(goners) = goners {
            goners.finish()?;
            if let Look::Sound(sound) = file::look(&gone)? {
                compared.gone = Some((gone, sound));
            }
        }
        Ok(compared)
    }

    /// From here on the destination changes. What it will have is on the disk when this returns.
    pub fn begin_delivery(&mut self) -> io::Result<()> {
        if self.mended {
            fs::rename(self.part("mended"), self.state())?;
            disk::sync_dir(&self.folder)?;
            self.mended = false;
        }
        fs::rename(self.part("next"), self.pending())?;
        disk::sync_dir(&self.folder)
    }

    /// Articles that the destination did not take: it has them not, or not so.
    pub fn refused(&mut self, skus: impl IntoIterator<Item = String>) {
        for sku in skus {
            if self.refused.len() <= MOST_REFUSED {
                self.refused.insert(sku);
            }
        }
    }

    /// Everything has arrived but what was refused.
    pub fn delivered(&mut self) -> io::Result<()> {
        let (state, pending) = (self.state(), self.pending());
        if self.refused.len() > MOST_REFUSED {
            disk::remove_if_there(&state)?;
            disk::remove_if_there(&pending)?;
        } else if self.refused.is_empty() {
            fs::rename(&pending, &state)?;
        } else if let Look::Sound(sound) = file::look(&pending)? {
            let taken = self.part("taken");
            self.without_refused(&taken, &sound)?;
            fs::rename(&taken, &state)?;
            disk::sync_dir(&self.folder)?;
            disk::remove_if_there(&pending)?;
        }
        disk::sync_dir(&self.folder)
    }

    /// What was refused and had not been there is not there; what had been there is, but not as it was read.
    fn without_refused(&self, path: &Path, pending: &Sound) -> io::Result<()> {
        let mut writer = Writer::create(path, &self.header)?;
        let old = match &self.known {
            Known::Nothing => None,
            // Wherever it was put together, it is the state since the delivery began.
            Known::All(_, sound) => Some(Records::open(&self.state(), sound)?),
        };
        let new = Records::open(&self.pending(), pending)?
            .map(|record| record.map(|record| Entry { record, place: 0 }));
        walk(old.into_iter().flatten(), new, |found| match &found {
            Found::New { new, .. } | Found::Both { new, .. } if !self.refused.contains(&*new.sku) => {
                writer.push(new)
            }
            Found::Both { old, .. } => writer.push(&Record { print: IN_DOUBT, ..Record::clone(old) }),
            Found::New { .. } | Found::Vanished { .. } => Ok(()),
        })?;
        writer.finish()
    }
}

impl Drop for Book {
    fn drop(&mut self) {
        for what in ["mended", "next", "gone", "taken"] {
            // What is left over, the next run of the job takes away.
            let _ignored = disk::remove_if_there(&self.part(what));
        }
    }
}

/// Forgets what a job has delivered: a run that does not keep the record is about to make it wrong.
pub fn forget(folder: &Path, job_id: JobId) -> io::Result<()> {
    for kind in ["state", "pending"] {
        disk::remove_if_there(&folder.join(format!("{job_id}.{kind}")))?;
    }
    Ok(())
}

/// Takes away what earlier runs of this job left, and what belongs to jobs that are long gone.
fn clear(folder: &Path, job_id: JobId) -> io::Result<()> {
    let (mine, now) = (format!(".{job_id}."), SystemTime::now());
    for found in fs::read_dir(folder)? {
        let found = found?;
        let changed = found.metadata().and_then(|metadata| metadata.modified()).ok();
        let age = changed.and_then(|changed| now.duration_since(changed).ok());
        let left = found.file_name().to_string_lossy().starts_with(&mine);
        if left || age.is_some_and(|age| age > FORGOTTEN_AFTER) {
            // Where a file that is open cannot be removed: a run that was stopped may still be at it.
            let _ignored = disk::remove_if_there(&found.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
