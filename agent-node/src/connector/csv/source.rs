//! The CSV connector: opens the file, reads it on a thread of its own, hands over batches.
//!
//! A file that is still being written is not read: its size and time must stand still before, and be the
//! same after, the reading.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::time::{Duration, SystemTime};

use futures_util::{FutureExt as _, StreamExt as _};
use messages::ErrorCode;
use messages::connector::{CsvSource, TextEncoding};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::header::Header;
use super::records::{Records, Row};
use super::rows;
use super::seen::{Known, MAX_SEEN, Seen};
use super::text::{self, TextReader};
use crate::connector::{Answer, BATCH_ROWS, Batch, Failure, FoundColumn, PosConnector, Reading};

/// Batches under way between the reading thread and the run.
const BATCHES_AHEAD: usize = 3;
/// A file that was changed more recently may still be being written.
const FRESH: Duration = Duration::from_secs(2);
/// How long such a file is watched.
const WATCH: Duration = Duration::from_secs(1);

/// See the module.
pub struct CsvConnector {
    config: CsvSource,
}

/// A file that is open and whose header has been read.
struct Opened {
    records: Records<TextReader<File>>,
    header: Header,
    stamp: Stamp,
}

/// Size and time of a file, to be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    size: u64,
    changed: Option<SystemTime>,
}

impl From<&Metadata> for Stamp {
    fn from(metadata: &Metadata) -> Self {
        Self { size: metadata.len(), changed: metadata.modified().ok() }
    }
}

impl CsvConnector {
    #[must_use]
    pub const fn new(config: CsvSource) -> Self {
        Self { config }
    }

    /// Waits until the file stands still, then opens it.
    async fn opened(&self) -> Result<Opened, Failure> {
        let before = self.on_thread(|config| stamp(&config)).await?;
        if is_fresh(before.changed) {
            sleep(WATCH).await;
            if self.on_thread(|config| stamp(&config)).await? != before {
                return Err(changing(&self.config));
            }
        }
        self.on_thread(move |config| open(&config, before)).await
    }

    async fn on_thread<T, F>(&self, work: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: FnOnce(CsvSource) -> Result<T, Failure> + Send + 'static,
    {
        let config = self.config.clone();
        let done = tokio::task::spawn_blocking(move || work(config)).await;
        done.unwrap_or_else(|error| {
            Err(Failure::new(ErrorCode::Internal, format!("reading broke off: {error}")))
        })
    }
}

impl PosConnector for CsvConnector {
    fn check(&self) -> Answer<'_, String> {
        async move {
            let opened = self.opened().await?;
            let columns = opened.header.names.len();
            Ok(format!("{} has {} bytes and {columns} columns", self.config.path, opened.stamp.size))
        }
        .boxed()
    }

    fn discover(&self) -> Answer<'_, Vec<FoundColumn>> {
        async move {
            let header = self.opened().await?.header;
            let names = header.names.iter().enumerate();
            Ok(names
                .map(|(at, name)| FoundColumn { header: name.clone(), field: header.field(at) })
                .collect())
        }
        .boxed()
    }

    fn open(&self) -> Answer<'_, Reading> {
        async move {
            let opened = self.opened().await?;
            let bytes_total = opened.stamp.size;
            let (hand_over, batches) = mpsc::channel(BATCHES_AHEAD);
            let config = self.config.clone();
            tokio::task::spawn_blocking(move || {
                let failed = Reader { config: &config, opened, seen: Seen::default(), unchecked: false }
                    .run(|batch| hand_over.blocking_send(Ok(batch)).is_ok());
                if let Err(failure) = failed {
                    // Nobody listens when the run is over, and then nobody misses it.
                    let _ignored = hand_over.blocking_send(Err(failure));
                }
            });
            let batches = futures_util::stream::unfold(batches, |mut batches| async move {
                batches.recv().await.map(|batch| (batch, batches))
            });
            Ok(Reading { bytes_total, batches: batches.boxed() })
        }
        .boxed()
    }
}

struct Reader<'c> {
    config: &'c CsvSource,
    opened: Opened,
    seen: Seen,
    unchecked: bool,
}

impl Reader<'_> {
    /// Reads to the end; stops early when `hand_over` says that nobody wants more.
    fn run(mut self, hand_over: impl Fn(Batch) -> bool) -> Result<(), Failure> {
        let mut batch = Batch::default();
        batch.rows.reserve(BATCH_ROWS);
        while let Some(row) =
            self.opened.records.advance().map_err(|error| unreadable(self.config, &error))?
        {
            if let Some(read) = self.read(row, &mut batch.notes) {
                batch.rows.push(read);
            }
            if batch.rows.len() >= BATCH_ROWS {
                batch.bytes_read = self.opened.records.input().bytes_read();
                if !hand_over(std::mem::take(&mut batch)) {
                    return Ok(());
                }
                batch.rows.reserve(BATCH_ROWS);
            }
        }
        let read = self.opened.records.input().bytes_read();
        let now = stamp(self.config)?;
        if now != self.opened.stamp || read != now.size {
            return Err(changing(self.config));
        }
        if !matches!(self.opened.records.input().last_byte(), None | Some(b'\n' | b'\r')) {
            batch.notes.push(
                "the file does not end with a line break; if it was cut off, its last row may be wrong"
                    .to_owned(),
            );
        }
        batch.bytes_read = read;
        hand_over(batch);
        Ok(())
    }

    /// The item of a row, or why not; nothing for a row of empty fields, which spreadsheets leave at the end.
    fn read(
        &mut self,
        row: Row,
        notes: &mut Vec<String>,
    ) -> Option<Result<messages::item::Item, messages::agent::RejectedItem>> {
        let columns = self.opened.header.names.len();
        let records = &mut self.opened.records;
        if let Some(broken) = row.broken {
            return Some(Err(rows::reject(row.line, broken.to_string(), records.raw())));
        }
        if (0..row.columns).all(|at| records.field(at).trim_ascii().is_empty()) {
            return None;
        }
        if row.columns != columns {
            // A row over several lines with a wrong number of columns has a stray quote in its first line.
            records.keep_first_line_only();
            let cut = if row.ended { "" } else { "; it is the last one and may have been cut off" };
            let reason = format!("the row has {} columns, the first line {columns}{cut}", row.columns);
            return Some(Err(rows::reject(row.line, reason, records.raw())));
        }
        let mark = self.config.decimal_mark.as_char();
        let read = rows::read(
            row.line,
            &self.opened.header,
            mark,
            records.text(),
            |at| records.place(at),
            records.raw(),
        );
        let item = match read {
            Ok(item) => item,
            rejected => return Some(rejected),
        };
        match self.seen.note(&item.sku) {
            Known::New => Some(Ok(item)),
            Known::Repeated => {
                let mut reject = rows::reject(row.line, "", records.raw());
                reject.reason =
                    format!("\"{}\" stands in an earlier row already; that one is kept", item.sku);
                reject.field = Some(messages::item::ItemField::Sku);
                reject.column = self.opened.header.name(messages::item::ItemField::Sku).map(str::to_owned);
                Some(Err(reject))
            }
            Known::Unchecked => {
                if !self.unchecked {
                    self.unchecked = true;
                    notes.push(format!("repeated articles are looked for among the first {MAX_SEEN} only"));
                }
                Some(Ok(item))
            }
        }
    }
}

fn stamp(config: &CsvSource) -> Result<Stamp, Failure> {
    let metadata = std::fs::metadata(&config.path).map_err(|error| unreadable(config, &error))?;
    if metadata.is_file() {
        Ok(Stamp::from(&metadata))
    } else {
        Err(Failure::new(ErrorCode::SourceUnreadable, format!("{} is not a file", config.path)))
    }
}

fn is_fresh(changed: Option<SystemTime>) -> bool {
    // A time in the future says nothing, and is watched as well.
    changed.is_none_or(|changed| changed.elapsed().is_ok_and(|age| age < FRESH) || changed.elapsed().is_err())
}

fn open(config: &CsvSource, stamp: Stamp) -> Result<Opened, Failure> {
    let malformed =
        |what: String| Failure::new(ErrorCode::SourceMalformed, format!("{}: {what}", config.path));
    let delimiter = config
        .delimiter_byte()
        .ok_or_else(|| malformed("the delimiter must be one ASCII character".to_owned()))?;
    let mut file = File::open(&config.path).map_err(|error| unreadable(config, &error))?;
    let mut start = [0; 3];
    let length = io::Read::by_ref(&mut file)
        .take(3)
        .read(&mut start)
        .and_then(|length| io::Seek::rewind(&mut file).map(|()| length))
        .map_err(|error| unreadable(config, &error))?;
    if let Some(marked) = text::contradicting_mark(&start[..length], config.encoding) {
        let (set, marked) = (text::name(config.encoding), text::name(marked));
        return Err(malformed(format!("the encoding is set to {set}, but the file is marked as {marked}")));
    }
    let mut records = Records::new(TextReader::new(file, config.encoding), delimiter);
    let Some(row) = records.advance().map_err(|error| unreadable(config, &error))? else {
        return Err(malformed(
            "the file is empty; a first line with the names of the columns is expected".to_owned(),
        ));
    };
    if let Some(broken) = row.broken {
        return Err(malformed(format!("the first line cannot be read: {broken}")));
    }
    let mut names = Vec::with_capacity(row.columns);
    for at in 0..row.columns {
        let name = std::str::from_utf8(records.field(at)).map_err(|_| {
            malformed(format!(
                "the first line is not {}; set the encoding of the file",
                text::name(TextEncoding::Utf8)
            ))
        })?;
        names.push(name.trim().to_owned());
    }
    let header = Header::find(names, &config.columns).map_err(malformed)?;
    Ok(Opened { records, header, stamp })
}

fn changing(config: &CsvSource) -> Failure {
    let detail = format!("{} is still being written; run the job when the export is done", config.path);
    Failure::new(ErrorCode::SourceChanging, detail)
}

fn unreadable(config: &CsvSource, error: &io::Error) -> Failure {
    let path = &config.path;
    // The writer of a file on Windows may have locked others out.
    const SHARING_VIOLATION: i32 = 32;
    if error.kind() == io::ErrorKind::NotFound {
        Failure::new(
            ErrorCode::SourceMissing,
            format!("there is no file {path}; has the export run, and is the path right?"),
        )
    } else if cfg!(windows) && error.raw_os_error() == Some(SHARING_VIOLATION) {
        changing(config)
    } else {
        Failure::new(ErrorCode::SourceUnreadable, format!("{path} could not be read: {error}"))
    }
}
