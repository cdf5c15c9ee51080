//! Rows as batches of items, one after the other, over as many files or pages as there are.

use messages::agent::RejectedItem;
use messages::export::Survey;
use messages::item::ItemField;

use super::judge::{Judge, Verdict, repeated};
use super::rows::Read;
use super::{Header, Row, rows};
use crate::connector::{BATCH_ROWS, Batch, Numbered};

/// Takes a batch; false when nobody wants more.
pub type HandOver<'h> = dyn Fn(Batch) -> bool + 'h;

/// See the module.
pub struct Tally {
    judge: Judge,
    mark: char,
    batch: Batch,
    /// Of the files before the present one.
    bytes: u64,
    /// Named in what is told, where there are several files or pages.
    place: Option<String>,
    told_raw: usize,
}

impl Tally {
    pub(in crate::connector) fn new(several: bool, mark: char) -> Self {
        let mut batch = Batch::default();
        batch.rows.reserve(BATCH_ROWS);
        Self { judge: Judge::new(several), mark, batch, bytes: 0, place: None, told_raw: 0 }
    }

    /// What comes now stands there: a file among several, a page of an answer.
    pub(in crate::connector) fn at(&mut self, place: Option<String>) {
        self.place = place;
    }

    pub(in crate::connector) const fn is_of_several(&self) -> bool {
        self.judge.is_of_several()
    }

    pub(in crate::connector) fn note(&mut self, note: String) {
        self.batch.notes.push(note);
    }

    /// A row, of which so many bytes of the present file have been read; false when nobody wants more.
    pub(in crate::connector) fn take(
        &mut self,
        header: &Header,
        row: &Row,
        bytes: u64,
        hand_over: &HandOver<'_>,
    ) -> bool {
        if let Some(mut read) = self.read(header, row) {
            if let (Err(reject), Some(place)) = (&mut read, &self.place) {
                reject.reason = format!("{place}: {}", reject.reason);
            }
            self.batch.rows.push(read);
        }
        if self.batch.rows.len() < BATCH_ROWS {
            return true;
        }
        self.batch.bytes_read = self.bytes + bytes;
        let full = std::mem::take(&mut self.batch);
        self.batch.rows.reserve(BATCH_ROWS);
        hand_over(full)
    }

    /// The item of a row, or why not; nothing for a row without values, for one that the job's filter leaves out and for
    /// one that a newer file has.
    fn read(&mut self, header: &Header, row: &Row) -> Option<Result<Numbered, RejectedItem>> {
        let number = row.number;
        if let Some(reason) = row.broken() {
            return Some(Err(rows::reject(number, reason, row.raw().as_bytes())));
        }
        let text = row.text().as_bytes();
        if let Some((column, reason)) = row.refused() {
            if rows::leaves_out(header, self.mark, text, |at| row.place(at), column) {
                self.batch.left_out += 1;
                return None;
            }
            let mut reject = rows::reject(number, reason, row.raw().as_bytes());
            reject.field = header.field(column);
            reject.column = header.names.get(column).cloned();
            return Some(Err(reject));
        }
        if row.is_blank() {
            return None;
        }
        let item = match rows::read(number, header, self.mark, text, |at| row.place(at), &[]) {
            Read::Item(item) => item,
            Read::LeftOut => {
                self.batch.left_out += 1;
                return None;
            }
            // The raw form is put together for those that need it only.
            Read::Rejected(reject) => {
                return Some(Err(RejectedItem { raw: rows::cut(row.raw().as_bytes()), ..reject }));
            }
        };
        match self.judge.judge(&item.sku, &mut self.batch.notes) {
            Verdict::Keep => {
                if self.told_raw < Survey::MAX_PREVIEW {
                    self.told_raw += 1;
                    self.batch.raws.push((number, rows::cut(row.raw().as_bytes())));
                }
                Some(Ok(Numbered { row: number, item }))
            }
            Verdict::Superseded => None,
            Verdict::Repeated => {
                let mut reject = rows::reject(number, repeated(&item.sku), row.raw().as_bytes());
                reject.field = Some(ItemField::Sku);
                reject.column = header.name(ItemField::Sku).map(str::to_owned);
                Some(Err(reject))
            }
        }
    }

    /// The present file is read to its end and had so many bytes.
    pub(in crate::connector) fn end_of_file(&mut self, bytes: u64) {
        self.bytes += bytes;
        self.judge.next_file();
    }

    /// The present page is read to its end and had so many bytes; what comes next belongs to the same whole.
    pub(in crate::connector) const fn end_of_part(&mut self, bytes: u64) {
        self.bytes += bytes;
    }

    /// Hands over what is left.
    pub(in crate::connector) fn finish(mut self, hand_over: &HandOver<'_>) {
        self.batch.notes.extend(self.judge.closing_note());
        self.batch.bytes_read = self.bytes;
        hand_over(self.batch);
    }
}
