//! The Excel connector: what is particular to it among the sources that lie in files.

use std::path::{Path, PathBuf};

use messages::ErrorCode;
use messages::connector::{ExcelSource, FileSet};

use super::book::{self, Shown};
use super::cells::{Cell, Cells, Line};
use super::parts::{Part, Parts};
use super::strings::{Fault, Strings};
use crate::connector::file_source::{FileConnector, FileKind, OpenFile, Rows, columns, read_all, sample};
use crate::connector::files::{self, Found};
use crate::connector::table::header::{Want, listed};
use crate::connector::table::tally::HandOver;
use crate::connector::table::{Header, Row, Tally};
use crate::connector::{Failure, FoundColumn, Looked};

/// See the module.
pub type ExcelConnector = FileConnector<Excel>;

/// Workbooks of these settings, and the folder in which their texts are kept while they are read.
#[derive(Debug, Clone)]
pub struct Excel {
    pub config: ExcelSource,
    pub scratch: PathBuf,
}

struct Sheet {
    cells: Cells<Part>,
    header: Header,
    strings: Strings,
    shown: Vec<Shown>,
    mark: char,
    line: Line,
    path: PathBuf,
    size: u64,
}

impl FileKind for Excel {
    type Opened = OpenFile;

    fn files(&self) -> FileSet<'_> {
        self.config.files()
    }

    fn open(&self, file: Found, want: Want<'_>) -> Result<OpenFile, Failure> {
        let sheet = open(self, &file, want)?;
        Ok(OpenFile { file, rows: Box::new(sheet) })
    }

    fn found(OpenFile { file, rows }: &OpenFile) -> String {
        let (path, size, columns) = (file.path.display(), file.stamp.size, rows.header().names.len());
        format!("{path} has {size} bytes and {columns} columns")
    }

    fn columns(&self, opened: OpenFile) -> Result<Vec<FoundColumn>, Failure> {
        let found = columns(opened.rows.header()).into_iter();
        Ok(found.filter(|column| !column.header.is_empty()).collect())
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
        read_all(Tally::new(several, self.config.decimal_mark.as_char()), files, hand_over)
    }
}

fn malformed(path: &Path, what: &str) -> Failure {
    Failure::new(ErrorCode::SourceMalformed, format!("{}: {what}", path.display()))
}

fn open(Excel { config, scratch }: &Excel, found: &Found, want: Want<'_>) -> Result<Sheet, Failure> {
    let path = found.path.clone();
    let wrong = |what: String| malformed(&path, &what);
    let parts = Parts::open(&path).map_err(wrong)?;
    let mut parts = parts.map_err(|error| files::unreadable(&path, &error))?;
    let relations = parts.whole("xl/_rels/workbook.xml.rels").map_err(wrong)?;
    let sheets = book::sheets(&parts.whole("xl/workbook.xml").map_err(wrong)?, &relations).map_err(wrong)?;
    let name = config.sheet.trim();
    let chosen = if name.is_empty() {
        sheets.first()
    } else {
        sheets.iter().find(|sheet| sheet.name.to_lowercase() == name.to_lowercase())
    };
    let chosen = chosen.ok_or_else(|| {
        let names: Vec<_> = sheets.iter().map(|sheet| sheet.name.clone()).collect();
        wrong(format!("it has no sheet \"{name}\"; its sheets are {}", listed(&names)))
    })?;
    let shown = match book::part_of(&relations, "styles").map_err(wrong)?.filter(|part| parts.has(part)) {
        Some(part) => book::styles(&parts.whole(&part).map_err(wrong)?).map_err(wrong)?,
        None => Vec::new(),
    };
    let strings =
        match book::part_of(&relations, "sharedStrings").map_err(wrong)?.filter(|part| parts.has(part)) {
            Some(part) => {
                let texts = parts.part(&path, &part).map_err(wrong)?;
                Strings::read(texts, scratch).map_err(|fault| match fault {
                    Fault::Disk(failure) => failure,
                    Fault::Form(what) => wrong(what),
                })?
            }
            None => Strings::none(),
        };
    let cells = Cells::new(parts.part(&path, &chosen.part).map_err(wrong)?);
    let header = Header::raw(Vec::new());
    let (mark, size) = (config.decimal_mark.as_char(), found.stamp.size);
    let mut sheet = Sheet { cells, header, strings, shown, mark, line: Line::default(), path, size };
    sheet.header = sheet.read_header(config, want)?;
    Ok(sheet)
}

impl Sheet {
    fn next_line(&mut self) -> Result<bool, Failure> {
        self.cells.advance(&self.shown, &mut self.line).map_err(|what| malformed(&self.path, &what))
    }

    /// Goes to the row that has the names of the columns.
    fn read_header(&mut self, config: &ExcelSource, want: Want<'_>) -> Result<Header, Failure> {
        let wanted = u64::from(config.header_row);
        while self.next_line()? {
            if self.line.number < wanted {
                continue;
            }
            if self.line.number > wanted {
                break;
            }
            let mut names = Vec::new();
            for (column, cell) in std::mem::take(&mut self.line.cells) {
                names.resize(names.len().max(column), String::new());
                names.push(match cell {
                    Cell::Text(text) | Cell::Number(text) => text.trim().to_owned(),
                    Cell::Shared(at) => self.strings.get(at)?.unwrap_or_default().trim().to_owned(),
                    Cell::Refused(_) => String::new(),
                });
            }
            return Header::find(&format!("row {wanted}"), names, &config.columns, want, self.mark)
                .map_err(|what| malformed(&self.path, &what));
        }
        let what = format!("row {wanted}, in which the names of the columns should stand, is empty");
        Err(malformed(&self.path, &what))
    }
}

impl Rows for Sheet {
    fn header(&self) -> &Header {
        &self.header
    }

    fn advance(&mut self, row: &mut Row) -> Result<bool, Failure> {
        if !self.next_line()? {
            return Ok(false);
        }
        row.start(self.line.number);
        for (column, cell) in &self.line.cells {
            if *column >= self.header.names.len() || *column < row.columns() {
                continue;
            }
            row.fill(*column);
            match cell {
                Cell::Text(text) => row.push(text),
                Cell::Number(number) => row.push_number(number, self.mark),
                Cell::Refused(why) if self.header.is_read(*column) => row.push_refused("", why.clone()),
                Cell::Refused(_) => row.push(""),
                Cell::Shared(at) => match self.strings.get(*at)? {
                    Some(text) => row.push(text),
                    None => row.push_refused("", "refers to a text that the workbook does not have"),
                },
            }
        }
        row.fill(self.header.names.len());
        Ok(true)
    }

    fn bytes_read(&self) -> u64 {
        self.size.saturating_sub(self.cells.input().left())
    }
}
