//! The CSV connector: what is particular to it among the sources that lie in files.
//!
//! A file that is still being written is not read: its size and time must stand still before, and be the
//! same after, the reading.

use std::fs::File;
use std::io::{self, Read};

use messages::ErrorCode;
use messages::connector::{CsvSource, FileSet, TextEncoding};
use messages::inspect::Sample;

use super::reading::Reader;
use super::records::Records;
use crate::connector::file_source::{FileConnector, FileKind, MOST_LOOKED_AT, columns, named};
use crate::connector::files::{self, Found};
use crate::connector::table::Header;
use crate::connector::table::header::Want;
use crate::connector::table::tally::HandOver;
use crate::connector::text::{self, TextReader};
use crate::connector::{Failure, FoundColumn, Looked};

/// See the module.
pub type CsvConnector = FileConnector<CsvSource>;

/// A file that is open and whose header has been read.
pub struct Opened {
    pub(super) records: Records<TextReader<File>>,
    pub(super) header: Header,
    pub(super) file: Found,
}

impl FileKind for CsvSource {
    type Opened = Opened;

    fn files(&self) -> FileSet<'_> {
        self.files()
    }

    fn open(&self, found: Found, want: Want<'_>) -> Result<Opened, Failure> {
        open(self, found, want)
    }

    fn found(Opened { header, file, .. }: &Opened) -> String {
        let (path, size, columns) = (file.path.display(), file.stamp.size, header.names.len());
        format!("{path} has {size} bytes and {columns} columns")
    }

    fn columns(&self, opened: Opened) -> Result<Vec<FoundColumn>, Failure> {
        Ok(columns(&opened.header))
    }

    fn sample(&self, opened: Opened) -> Result<Looked, Failure> {
        let Opened { mut records, header, file } = opened;
        let (named, columns) = named(&header.names);
        let mut sample = Sample::default();
        for _ in 0..MOST_LOOKED_AT {
            let row = records.advance().map_err(|error| files::unreadable(&file.path, &error))?;
            let Some(row) = row else { break };
            if row.broken.is_some() || row.columns != header.names.len() {
                continue;
            }
            let values = named.iter().map(|at| String::from_utf8_lossy(records.field(*at)));
            let values: Vec<_> = values.collect();
            let blank = values.iter().all(|value| value.trim().is_empty());
            if !blank && !sample.take(values.iter().map(AsRef::as_ref)) {
                break;
            }
        }
        Ok(Looked { place: file.path.display().to_string(), columns, sample })
    }

    fn read(
        &self,
        several: bool,
        files: &mut dyn Iterator<Item = Result<Opened, Failure>>,
        hand_over: &HandOver<'_>,
    ) -> Result<(), Failure> {
        Reader::new(self, several).run(files, hand_over)
    }
}

fn open(config: &CsvSource, found: Found, want: Want<'_>) -> Result<Opened, Failure> {
    let malformed =
        |what: String| Failure::new(ErrorCode::SourceMalformed, format!("{}: {what}", found.path.display()));
    let delimiter = config
        .delimiter_byte()
        .ok_or_else(|| malformed("the delimiter must be one ASCII character".to_owned()))?;
    let mut file = File::open(&found.path).map_err(|error| files::unreadable(&found.path, &error))?;
    let mut start = [0; 3];
    let length = io::Read::by_ref(&mut file)
        .take(3)
        .read(&mut start)
        .and_then(|length| io::Seek::rewind(&mut file).map(|()| length))
        .map_err(|error| files::unreadable(&found.path, &error))?;
    if let Some(marked) = text::contradicting_mark(&start[..length], config.encoding) {
        let (set, marked) = (text::name(config.encoding), text::name(marked));
        return Err(malformed(format!("the encoding is set to {set}, but the file is marked as {marked}")));
    }
    let mut records = Records::new(TextReader::new(file, config.encoding), delimiter);
    let Some(row) = records.advance().map_err(|error| files::unreadable(&found.path, &error))? else {
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
    let header = Header::find("the first line", names, &config.columns, want, config.decimal_mark.as_char())
        .map_err(malformed)?;
    Ok(Opened { records, header, file: found })
}
