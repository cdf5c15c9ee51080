//! Rows of one or several files as batches of items. Where an article stands in several files, the newest one counts,
//! and that is read first.

use std::fs::File;

use messages::agent::RejectedItem;
use messages::connector::CsvSource;
use messages::export::Survey;
use messages::item::ItemField;

use super::records::{Records, Row};
use super::source::Opened;
use crate::connector::table::judge::{Judge, Verdict, repeated};
use crate::connector::table::rows::{self, Read};
use crate::connector::table::tally::HandOver;
use crate::connector::text::TextReader;
use crate::connector::{BATCH_ROWS, Batch, Failure, Numbered, files};

/// See the module.
pub(super) struct Reader<'c> {
    config: &'c CsvSource,
    judge: Judge,
    batch: Batch,
    /// Of the files before the present one.
    bytes: u64,
    told_raw: usize,
}

impl<'c> Reader<'c> {
    pub(super) fn new(config: &'c CsvSource, several: bool) -> Self {
        let mut batch = Batch::default();
        batch.rows.reserve(BATCH_ROWS);
        Self { config, judge: Judge::new(several), batch, bytes: 0, told_raw: 0 }
    }

    /// Reads to the end; stops early when `hand_over` says that nobody wants more.
    pub(super) fn run(
        mut self,
        files: &mut dyn Iterator<Item = Result<Opened, Failure>>,
        hand_over: &HandOver<'_>,
    ) -> Result<(), Failure> {
        for opened in files {
            if !self.file(opened?, hand_over)? {
                return Ok(());
            }
        }
        self.batch.notes.extend(self.judge.closing_note());
        self.batch.bytes_read = self.bytes;
        hand_over(self.batch);
        Ok(())
    }

    /// One file to its end; false when nobody wants more.
    fn file(&mut self, mut opened: Opened, hand_over: &HandOver<'_>) -> Result<bool, Failure> {
        let path = opened.file.path.clone();
        let name = self.judge.is_of_several().then(|| opened.file.name());
        while let Some(row) = opened.records.advance().map_err(|error| files::unreadable(&path, &error))? {
            if let Some(mut read) = self.row(row, &mut opened) {
                if let (Err(reject), Some(name)) = (&mut read, &name) {
                    reject.reason = format!("{name}: {}", reject.reason);
                }
                self.batch.rows.push(read);
            }
            if self.batch.rows.len() >= BATCH_ROWS {
                self.batch.bytes_read = self.bytes + opened.records.input().bytes_read();
                if !hand_over(std::mem::take(&mut self.batch)) {
                    return Ok(false);
                }
                self.batch.rows.reserve(BATCH_ROWS);
            }
        }
        let read = opened.records.input().bytes_read();
        if files::look(&path)? != opened.file || read != opened.file.stamp.size {
            return Err(files::changing(&path));
        }
        self.bytes += read;
        if !matches!(opened.records.input().last_byte(), None | Some(b'\n' | b'\r')) {
            let which = name.as_deref().unwrap_or("the file");
            let note = format!(
                "{which} does not end with a line break; if it was cut off, its last row may be wrong"
            );
            self.batch.notes.push(note);
        }
        self.judge.next_file();
        Ok(true)
    }

    /// The item of a row, or why not; nothing for a row of empty fields, which spreadsheets leave at the end, for one
    /// that the job's filter leaves out, and for one that a newer file has as well.
    fn row(&mut self, row: Row, opened: &mut Opened) -> Option<Result<Numbered, RejectedItem>> {
        let Opened { records, header, .. } = opened;
        let columns = header.names.len();
        if let Some(broken) = row.broken {
            return Some(Err(rows::reject(row.line, broken.to_string(), records.raw())));
        }
        if (0..row.columns).all(|at| records.field(at).trim_ascii().is_empty()) {
            return None;
        }
        if row.columns != columns {
            return Some(Err(wrong_width(row, columns, records)));
        }
        let mark = self.config.decimal_mark.as_char();
        let read = rows::read(row.line, header, mark, records.text(), |at| records.place(at), records.raw());
        let item = match read {
            Read::Item(item) => item,
            Read::Rejected(rejected) => return Some(Err(rejected)),
            Read::LeftOut => {
                self.batch.left_out += 1;
                return None;
            }
        };
        match self.judge.judge(&item.sku, &mut self.batch.notes) {
            Verdict::Keep => {
                if self.told_raw < Survey::MAX_PREVIEW {
                    self.told_raw += 1;
                    self.batch.raws.push((row.line, rows::cut(records.raw())));
                }
                Some(Ok(Numbered { row: row.line, item }))
            }
            Verdict::Superseded => None,
            Verdict::Repeated => {
                let mut reject = rows::reject(row.line, repeated(&item.sku), records.raw());
                reject.field = Some(ItemField::Sku);
                reject.column = header.name(ItemField::Sku).map(str::to_owned);
                Some(Err(reject))
            }
        }
    }
}

/// A row over several lines with a wrong number of columns has a stray quote in its first line.
fn wrong_width(row: Row, columns: usize, records: &mut Records<TextReader<File>>) -> RejectedItem {
    records.keep_first_line_only();
    let cut = if row.ended { "" } else { "; it is the last one and may have been cut off" };
    let reason = format!("the row has {} columns, the first line {columns}{cut}", row.columns);
    rows::reject(row.line, reason, records.raw())
}
