//! The DBF connector: what is particular to it among the sources that lie in files.

use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use messages::ErrorCode;
use messages::connector::{DbfSource, FileSet, TextEncoding};

use super::layout::{self, HEAD, Layout, Value};
use super::memo::Memos;
use crate::connector::file_source::{FileConnector, FileKind, OpenFile, Rows, columns, read_all, sample};
use crate::connector::files::{self, Found};
use crate::connector::table::header::Want;
use crate::connector::table::tally::HandOver;
use crate::connector::table::{Header, Row, Tally};
use crate::connector::text::decoded;
use crate::connector::{Failure, FoundColumn, Looked};

/// See the module.
pub type DbfConnector = FileConnector<Dbf>;

/// A table of these settings.
#[derive(Debug, Clone)]
pub struct Dbf(pub DbfSource);

/// Records as they are read.
struct Records {
    input: BufReader<File>,
    layout: Layout,
    header: Header,
    encoding: TextEncoding,
    memos: Option<Memos>,
    mark: char,
    /// Number of the record that was read last.
    at: u32,
    record: Vec<u8>,
    notes: Vec<String>,
    path: std::path::PathBuf,
    size: u64,
}

impl FileKind for Dbf {
    type Opened = OpenFile;

    fn files(&self) -> FileSet<'_> {
        self.0.files()
    }

    fn open(&self, file: Found, want: Want<'_>) -> Result<OpenFile, Failure> {
        let records = open(&self.0, &file, want)?;
        Ok(OpenFile { file, rows: Box::new(records) })
    }

    fn found(OpenFile { file, rows }: &OpenFile) -> String {
        let (path, columns) = (file.path.display(), rows.header().names.len());
        format!("{path} has {} records and {columns} columns", rows.count().unwrap_or(0))
    }

    fn columns(&self, opened: OpenFile) -> Result<Vec<FoundColumn>, Failure> {
        Ok(columns(opened.rows.header()))
    }

    fn sample(&self, opened: OpenFile) -> Result<Looked, Failure> {
        sample(opened)
    }

    fn read(
        &self,
        several: bool,
        files: &mut dyn Iterator<Item = Result<OpenFile, Failure>>,
        hand_over: &HandOver<'_>,
    ) -> Result<(), Failure> {
        read_all(Tally::new(several, self.0.decimal_mark.as_char()), files, hand_over)
    }
}

fn open(config: &DbfSource, found: &Found, want: Want<'_>) -> Result<Records, Failure> {
    let path = found.path.clone();
    let unreadable = |error: std::io::Error| files::unreadable(&path, &error);
    let malformed = |what: String| malformed(&path, &what);
    let mut input = BufReader::with_capacity(64 * 1024, File::open(&path).map_err(unreadable)?);
    let mut head = [0; HEAD];
    if found.stamp.size < HEAD as u64 {
        return Err(malformed("it is too short for a DBF table".to_owned()));
    }
    input.read_exact(&mut head).map_err(unreadable)?;
    let mut whole = head.to_vec();
    let rest = layout::head_length(&head).saturating_sub(HEAD) as u64;
    (&mut input).take(rest).read_to_end(&mut whole).map_err(unreadable)?;
    let layout = layout::read(&whole).map_err(malformed)?;
    let mut notes = Vec::new();
    let encoding = match config.encoding {
        Some(set) => set,
        None => layout::encoding(layout.language).map_err(malformed)?.unwrap_or_else(|| {
            notes.push("the table does not say its encoding; Windows-1252 is taken".to_owned());
            TextEncoding::Windows1252
        }),
    };
    let names = layout.columns.iter().map(|column| decoded(column.name.as_bytes(), encoding).into_owned());
    let mark = config.decimal_mark.as_char();
    let header =
        Header::find("the table", names.collect(), &config.columns, want, mark).map_err(malformed)?;
    let memos = if layout.has_memos() { memos(&path, layout.version)? } else { None };
    input.seek(SeekFrom::Start(layout.start)).map_err(unreadable)?;
    let (size, record) = (found.stamp.size, vec![0; layout.record]);
    Ok(Records { input, layout, header, encoding, memos, mark, at: 0, record, notes, path, size })
}

fn memos(table: &Path, version: u8) -> Result<Option<Memos>, Failure> {
    Memos::beside(table, version).map_err(|error| {
        let detail = format!("the file of memos beside {} could not be read: {error}", table.display());
        Failure::new(ErrorCode::SourceUnreadable, detail)
    })
}

fn malformed(path: &Path, what: &str) -> Failure {
    Failure::new(ErrorCode::SourceMalformed, format!("{}: {what}", path.display()))
}

impl Records {
    /// Reads the next record; false when the file ends before it does.
    fn fill(&mut self) -> Result<bool, Failure> {
        match self.input.read_exact(&mut self.record) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(files::unreadable(&self.path, &error)),
        }
    }

    fn values(&mut self, row: &mut Row) {
        for (at, column) in self.layout.columns.iter().enumerate() {
            let wanted = self.header.is_read(at);
            match self.layout.value(column, &self.record, self.encoding) {
                Value::Text(text) => row.push(&text),
                Value::Number(number) => row.push_number(&number, self.mark),
                Value::Refused(reason) if wanted => row.push_refused("", reason),
                Value::Memo(block) if wanted && block > 0 => match &mut self.memos {
                    None => row.push_refused("", "its text lies in a file of memos, which is not there"),
                    Some(memos) => match memos.read(block) {
                        Ok(text) => row.push(&decoded(&text, self.encoding)),
                        Err(reason) => row.push_refused("", reason),
                    },
                },
                Value::Refused(_) | Value::Memo(_) => row.push(""),
            }
        }
    }
}

impl Rows for Records {
    fn header(&self) -> &Header {
        &self.header
    }

    fn advance(&mut self, row: &mut Row) -> Result<bool, Failure> {
        loop {
            if self.at >= self.layout.records {
                return Ok(false);
            }
            self.at += 1;
            row.start(self.at.into());
            if !self.fill()? {
                row.break_off(format!(
                    "the file ends here, but the table says that it has {} records; was it cut off?",
                    self.layout.records
                ));
                self.at = self.layout.records;
                return Ok(true);
            }
            match self.record.first() {
                Some(b'*') => {}
                Some(0x1A) => {
                    row.break_off("the end of the table stands here, before its last record");
                    self.at = self.layout.records;
                    return Ok(true);
                }
                _ => {
                    self.values(row);
                    return Ok(true);
                }
            }
        }
    }

    fn bytes_read(&self) -> u64 {
        (self.layout.start + u64::from(self.at) * self.layout.record as u64).min(self.size)
    }

    fn notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    fn count(&self) -> Option<u64> {
        Some(self.layout.records.into())
    }
}
