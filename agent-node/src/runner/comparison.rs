//! A run that knows what its destination has: what it compares, what it holds back, and what it says of it.
//!
//! Stands between the pipeline and [`crate::delivered`], which blocks and is called from here beside the runtime. Where
//! only changes are sent, items are staged until all were read; where everything is sent, they go on to the
//! destination as they come, and only their records stay here.

use messages::ErrorCode;
use messages::agent::RunCommand;
use messages::connector::{DestinationConfig, FileFormat};
use messages::export::{Alarm, ExportOrder, ItemChange, PreviewRow, RunMode, Scope, Survey, VanishedRule};
use messages::item::Item;
use messages::run::LogLevel;
use sha2::{Digest as _, Sha256};

use super::reporter::cut;
use crate::connector::changes_file::{for_changes, is_file};
use crate::connector::file_format::ItemWriter;
use crate::connector::stage::{self, Room, Stage};
use crate::connector::{BATCH_ROWS, Failure, ForRun, Means, Numbered};
use crate::delivered::compare::{told, unapproved};
use crate::delivered::file::{Records, Sound};
use crate::delivered::unread::Unread;
use crate::delivered::{self, Book, Compared};
use crate::disk;

/// Of what is staged until it is known what of it is sent.
const STAGED: &str = "read";
/// Of a staged batch; an item has a few hundred bytes.
const ROOM: Room = Room { items: BATCH_ROWS, bytes: 1024 * 1024 };

/// See the module.
pub(super) struct Comparison {
    book: Option<Book>,
    order: ExportOrder,
    /// Everything is sent, and why that is not what the job says.
    full: bool,
    note: Option<String>,
    /// Vanished articles are sent with a stock of zero.
    zeroing: bool,
    destination: DestinationConfig,
    unread: Unread,
    stage: Option<Stage>,
    /// The first items, for a preview.
    firsts: Vec<Numbered>,
    /// The same as they stand in the source.
    raws: Vec<(u64, String)>,
    compared: Option<Compared>,
    /// Place of the next staged item.
    place: u64,
    gone: Option<Gone>,
}

/// Vanished articles on their way to the destination.
struct Gone {
    records: Option<Records>,
    count: u64,
}

impl Comparison {
    /// None for a run that is to know nothing.
    pub(super) async fn open(
        command: &RunCommand,
        run: &ForRun,
        attempt: u32,
        means: &Means,
    ) -> Result<Option<Self>, Failure> {
        let RunCommand { destination, job_id, run_id, .. } = command;
        let (folder, job_id, run_id) = (means.delivered.clone(), *job_id, *run_id);
        let Some(order) = command.export.as_deref().copied().filter(|order| !order.is_plain()) else {
            let forgotten = disk::off_thread(move || delivered::forget(&folder, job_id)).await;
            return forgotten.map(|()| None).map_err(|error| failed(&error));
        };
        let place = match destination {
            // Only the plugin knows which of its settings say where that is.
            DestinationConfig::Singer(to) => digest(to)?,
            other => digest(&(other.kind(), other.summary()))?,
        };
        let settings = digest(&settings_of(command)?)?;
        let (attempt, after) = (format!("{run_id}-{attempt}"), order.after);
        let opened =
            disk::off_thread(move || Book::open(&folder, job_id, run_id, &attempt, place, settings, after))
                .await;
        let book = opened.map_err(|error| failed(&error))?;
        let full =
            order.rules.scope == Scope::Full || order.mode == RunMode::Full || !book.can_send_changes();
        let whole_file = full && is_file(destination);
        let zeroing = order.rules.vanished == VanishedRule::ZeroStock && !whole_file;
        let stage = if full || order.mode == RunMode::Dry {
            None
        } else {
            Some(Stage::create(&means.scratch, run, STAGED).await?)
        };
        let destination = if full { destination.clone() } else { for_changes(destination, run_id) };
        Ok(Some(Self {
            note: book.note.clone(),
            book: Some(book),
            order,
            full,
            zeroing,
            destination,
            unread: Unread::default(),
            stage,
            firsts: Vec::new(),
            raws: Vec::new(),
            compared: None,
            place: 0,
            gone: None,
        }))
    }

    /// Is nothing to be sent, whatever is found?
    pub(super) fn is_dry(&self) -> bool {
        self.order.mode == RunMode::Dry
    }

    /// Where this run's items go.
    pub(super) const fn destination(&self) -> &DestinationConfig {
        &self.destination
    }

    /// Are items kept here until all were read?
    pub(super) fn holds_back(&self) -> bool {
        self.stage.is_some() || self.is_dry()
    }

    /// What to say at the beginning.
    pub(super) fn opening_words(&self) -> Vec<(LogLevel, String)> {
        let mut words = Vec::new();
        let incremental = self.order.rules.scope == Scope::Incremental;
        let Some(note) = &self.note else {
            if incremental && self.order.mode == RunMode::Full {
                words.push((LogLevel::Info, "everything is sent, as it was asked for".to_owned()));
            }
            return words;
        };
        if incremental {
            words.push((LogLevel::Warn, format!("everything is sent: {note}")));
        }
        if self.order.rules.guard.is_on() && self.book.as_ref().is_some_and(|book| book.known().is_none()) {
            let text = format!("the guard has nothing to compare with and lets this run pass: {note}");
            words.push((LogLevel::Warn, text));
        }
        words
    }

    /// Rows as they stand in the source, for a preview.
    pub(super) fn seen(&mut self, raws: Vec<(u64, String)>) {
        if self.is_dry() {
            self.raws.extend(raws);
        }
    }

    /// Items that were read; gives them back.
    pub(super) async fn take(&mut self, items: Vec<Numbered>) -> Result<Vec<Numbered>, Failure> {
        if self.is_dry() {
            let wanted = Survey::MAX_PREVIEW.saturating_sub(self.firsts.len());
            self.firsts.extend(items.iter().take(wanted).cloned());
        }
        if let Some(stage) = &mut self.stage {
            stage.append(&items).await?;
        }
        self.work(move |book| book.add(&items).map(|()| items)).await
    }

    /// A row that could not be read.
    pub(super) fn unread(&mut self, raw: &str) {
        if self.zeroing {
            self.unread.note(raw);
        }
    }

    /// Compares, once everything was read.
    pub(super) async fn survey(&mut self, rejected: u64) -> Result<Survey, Failure> {
        let (guard, zeroing) = (self.order.rules.guard, self.zeroing);
        let unread = std::mem::take(&mut self.unread);
        let known = self.book.as_ref().and_then(Book::known);
        let mut compared = self.work(move |book| book.compare(&guard, &unread, zeroing)).await?;
        let alarms = if known.is_some() { compared.tally.alarms(&guard) } else { Vec::new() };
        let mut samples = std::mem::take(&mut compared.tally.samples);
        samples.retain(|sample| alarms.iter().any(|alarm| alarm.kind == sample.kind));
        let survey = Survey {
            known,
            note: self.note.clone(),
            full: self.full,
            new: compared.tally.new,
            changed: compared.tally.changed,
            unchanged: compared.tally.unchanged,
            rejected,
            harm: compared.tally.harm,
            alarms,
            samples,
            preview: self.preview(&compared)?,
        };
        if let Some((path, sound)) = compared.gone.take() {
            self.gone = Some(Gone::open(path, sound).await?);
        }
        self.compared = Some(compared);
        Ok(survey.bounded())
    }

    fn preview(&self, compared: &Compared) -> Result<Vec<PreviewRow>, Failure> {
        let rows = self.firsts.iter().zip(&compared.firsts);
        let shown = rows.map(|(Numbered { row, item }, change)| {
            let raw = self.raws.iter().find(|(number, _)| number == row).map(|(_, raw)| raw.clone());
            Ok(PreviewRow {
                row: *row,
                raw: cut(raw.unwrap_or_default(), Survey::MAX_SENT),
                item: item.clone(),
                sent: cut(as_sent(&self.destination, item)?, Survey::MAX_SENT),
                change: change.unwrap_or(ItemChange::New),
            })
        });
        shown.collect::<Result<_, serde_json::Error>>().map_err(|error| failed(&error.into()))
    }

    /// What was found, in a line of the log.
    pub(super) fn findings(&self, survey: &Survey) -> Vec<(LogLevel, String)> {
        let Survey { known, new, changed, unchanged, harm, .. } = survey;
        let mut words = Vec::new();
        if let Some(known) = known {
            let text = format!(
                "compared with the {known} articles delivered before: {new} new, {changed} changed, {unchanged} \
                 unchanged, {} vanished",
                harm.vanished
            );
            words.push((LogLevel::Info, text));
        }
        if let Some(unread @ 1..) = self.compared.as_ref().map(|compared| compared.unread) {
            let text = format!(
                "{unread} articles may stand in rows that could not be read; they are left as they are until those \
                 rows are sound"
            );
            words.push((LogLevel::Warn, text));
        }
        if let Some(Gone { count: count @ 1.., .. }) = &self.gone
            && !self.is_dry()
        {
            let text =
                format!("{count} articles have vanished from the source and are sent with a stock of zero");
            words.push((LogLevel::Info, text));
        }
        words
    }

    /// Stops a run that would do harm which nobody has approved. A dry run only tells.
    pub(super) fn judge(&self, alarms: &[Alarm]) -> Result<(), Failure> {
        let alarms = unapproved(alarms, self.order.approved);
        if alarms.is_empty() || self.is_dry() {
            return Ok(());
        }
        let detail = match self.order.approved {
            Some(_) => format!("more harm than was approved: {}", told(&alarms)),
            None => told(&alarms),
        };
        Err(Failure::new(ErrorCode::NeedsApproval, detail))
    }

    /// Is there nothing that the destination does not have?
    pub(super) fn has_nothing_to_send(&self) -> bool {
        let same = self.compared.as_ref().is_some_and(|compared| compared.differing.is_empty());
        !self.full && same && self.gone.as_ref().is_none_or(|gone| gone.count == 0)
    }

    /// The next items that are to be sent and have not been given to the destination; none at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Numbered>>, Failure> {
        if let (Some(stage), Some(compared)) = (&mut self.stage, &self.compared) {
            let (rows, last) = stage.next(ROOM).await?;
            if last {
                self.stage = None;
            }
            let first = self.place;
            self.place += rows.len() as u64;
            let wanted = (first..).zip(rows).filter(|(place, _)| compared.differing.contains(*place));
            return Ok(Some(wanted.map(|(_, row)| row).collect()));
        }
        match &mut self.gone {
            Some(gone) => gone.next().await,
            None => Ok(None),
        }
    }

    /// From here on the destination changes.
    pub(super) async fn begin_delivery(&mut self) -> Result<(), Failure> {
        self.work(Book::begin_delivery).await
    }

    /// Articles that the destination did not take.
    pub(super) fn refused(&mut self, skus: Vec<String>) {
        if let Some(book) = &mut self.book {
            book.refused(skus);
        }
    }

    /// Everything has arrived.
    pub(super) async fn delivered(&mut self) -> Result<(), Failure> {
        self.work(Book::delivered).await
    }

    /// Lends the book to a thread. A run that is stopped meanwhile does not come back for it.
    async fn work<T, F>(&mut self, work: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: FnOnce(&mut Book) -> std::io::Result<T> + Send + 'static,
    {
        let Some(mut book) = self.book.take() else {
            return Err(Failure::new(ErrorCode::Internal, "the record of what was delivered is lost"));
        };
        let done = disk::off_thread(move || {
            let result = work(&mut book);
            Ok((book, result))
        });
        let (book, result) = done.await.map_err(|error| failed(&error))?;
        self.book = Some(book);
        result.map_err(|error| failed(&error))
    }
}

impl Gone {
    async fn open(path: std::path::PathBuf, sound: Sound) -> Result<Self, Failure> {
        let count = sound.count;
        let records = disk::off_thread(move || Records::open(&path, &sound)).await;
        Ok(Self { records: Some(records.map_err(|error| failed(&error))?), count })
    }

    async fn next(&mut self) -> Result<Option<Vec<Numbered>>, Failure> {
        let Some(mut records) = self.records.take() else { return Ok(None) };
        let read = disk::off_thread(move || {
            let mut rows = Vec::new();
            for record in records.by_ref().take(BATCH_ROWS) {
                // They stand in no row of the source.
                rows.push(Numbered { row: 0, item: record?.without_stock() });
            }
            Ok((records, rows))
        });
        let (records, rows) = read.await.map_err(|error| failed(&error))?;
        if rows.is_empty() {
            return Ok(None);
        }
        self.records = Some(records);
        Ok(Some(rows))
    }
}

/// An item as the destination gets it: the line of a file, or JSON.
fn as_sent(to: &DestinationConfig, item: &Item) -> Result<String, serde_json::Error> {
    let format = match to {
        DestinationConfig::Sftp(to) => to.format,
        DestinationConfig::LocalFile(to) => to.format,
        _ => FileFormat::Jsonl,
    };
    let mut writer = ItemWriter::new(format);
    let header = writer.len();
    writer.push(item)?;
    let text = writer.take();
    Ok(String::from_utf8_lossy(&text[header..]).trim_end().to_owned())
}

/// Everything in a command that decides how an item arrives, also what later builds put there: all of it but what is
/// only this run's, and what does not touch items.
fn settings_of(command: &RunCommand) -> Result<serde_json::Value, Failure> {
    let mut settings = serde_json::to_value(command).map_err(|error| failed(&error.into()))?;
    if let Some(fields) = settings.as_object_mut() {
        for other in [
            "command_id",
            "epoch",
            "run_id",
            "job_id",
            "job_name",
            "credentials",
            "source_credentials",
            "reject_rule",
            "timeout_s",
            "export",
            // What it makes of an item is compared with what the destination has, item by item.
            "mapping",
        ] {
            fields.remove(other);
        }
    }
    Ok(settings)
}

fn digest(of: &impl serde::Serialize) -> Result<String, Failure> {
    let text = serde_json::to_vec(of).map_err(|error| failed(&error.into()))?;
    Ok(Sha256::digest(text).iter().take(16).map(|byte| format!("{byte:02x}")).collect())
}

fn failed(error: &std::io::Error) -> Failure {
    if disk::is_full(error) {
        return stage::failed(error);
    }
    let detail = format!("the agent's record of what was delivered cannot be read or written: {error}");
    Failure::new(ErrorCode::Internal, detail)
}
