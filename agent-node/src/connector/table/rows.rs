//! One row as an item, or why not. Pure.

use std::borrow::Cow;
use std::ops::Range;

use messages::agent::RejectedItem;
use messages::item::{Item, ItemField};
use messages::mapping::{Prepared, Value};
use messages::quantity::Decimal;
use messages::run::Reject;

use super::header::Header;

/// What is wrong with one value.
struct Fault {
    field: ItemField,
    /// The column that is to blame, where it is known.
    column: Option<usize>,
    reason: String,
}

/// What a row is.
pub enum Read {
    Item(Item),
    Rejected(RejectedItem),
    /// The job's filter does not want it.
    LeftOut,
}

/// Reads the row's values. `text` holds all its fields, and `place` says where each lies in it.
pub fn read(
    line: u64,
    header: &Header,
    decimal_mark: char,
    text: &[u8],
    place: impl Fn(usize) -> Range<usize>,
    raw: &[u8],
) -> Read {
    let values = Values { header, sound: sound(text), text, place, decimal_mark };
    let column = |at: Option<usize>| at.and_then(|at| header.names.get(at)).cloned();
    match values.counts() {
        Ok(true) => {}
        Ok(false) => return Read::LeftOut,
        Err((at, reason)) => {
            return Read::Rejected(RejectedItem { column: column(Some(at)), ..reject(line, reason, raw) });
        }
    }
    match values.item() {
        Ok(item) => Read::Item(item),
        Err(fault) => Read::Rejected(RejectedItem {
            row: line,
            column: column(fault.column.or_else(|| header.column(fault.field))),
            field: Some(fault.field),
            reason: fault.reason,
            raw: cut(raw),
        }),
    }
}

/// Does the filter leave out a row that has a value which is none, in this column?
pub(super) fn leaves_out(
    header: &Header,
    decimal_mark: char,
    text: &[u8],
    place: impl Fn(usize) -> Range<usize>,
    refused: usize,
) -> bool {
    let Some(mapping) = header.mapping() else { return false };
    // What cannot be read cannot be judged by it.
    let values = Values { header, sound: sound(text), text, place, decimal_mark };
    !mapping.asked().any(|column| column == refused) && values.counts() == Ok(false)
}

/// A rejection of the row as a whole.
#[must_use]
pub fn reject(line: u64, reason: impl Into<String>, raw: &[u8]) -> RejectedItem {
    RejectedItem { row: line, column: None, field: None, reason: reason.into(), raw: cut(raw) }
}

/// The row as it was read, as far as it is kept.
pub(in crate::connector) fn cut(raw: &[u8]) -> String {
    // Four bytes are the most a character can have.
    let enough = raw.get(..Reject::MAX_RAW * 4).unwrap_or(raw);
    String::from_utf8_lossy(enough).chars().take(Reject::MAX_RAW).collect()
}

/// A row at once: most have nothing in them that any field could be refused for, and need one look and not ten.
fn sound(text: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(text).ok()?;
    (!text.bytes().any(is_control) && (text.is_ascii() || !text.contains(UNREADABLE))).then_some(text)
}

/// What a decoder puts in the place of what it cannot read.
const UNREADABLE: char = '\u{FFFD}';

const fn is_control(byte: u8) -> bool {
    byte < 0x20 && !matches!(byte, b'\t' | b'\r' | b'\n')
}

struct Values<'a, F> {
    header: &'a Header,
    text: &'a [u8],
    /// The same, when nothing in it can be refused.
    sound: Option<&'a str>,
    place: F,
    decimal_mark: char,
}

impl<'a, F: Fn(usize) -> Range<usize>> Values<'a, F> {
    /// Does the job want this row? The error names a column that decides it and cannot be read.
    fn counts(&self) -> Result<bool, (usize, &'static str)> {
        let Some(mapping) = self.header.mapping() else { return Ok(true) };
        for column in mapping.asked() {
            self.column(column).map_err(|reason| (column, reason))?;
        }
        Ok(mapping.counts(|column| self.column(column).unwrap_or_default()))
    }

    fn item(&self) -> Result<Item, Fault> {
        use ItemField as F;
        let owned = |text: Option<Cow<'_, str>>| text.map(Cow::into_owned);
        let item = Item {
            sku: self.required(F::Sku)?.into_owned(),
            name: self.required(F::Name)?.into_owned(),
            barcode: owned(self.text(F::Barcode)?),
            price: self.number(F::Price)?.ok_or_else(|| missing(F::Price))?,
            tax_rate: self.number(F::TaxRate)?,
            stock: self.number(F::Stock)?,
            unit: owned(self.text(F::Unit)?),
            category: owned(self.text(F::Category)?),
            description: owned(self.text(F::Description)?),
        };
        item.check().map_err(|fault| Fault { field: fault.field, column: None, reason: fault.detail })?;
        Ok(item)
    }

    /// A value without surrounding blanks; none when it is empty or its column is not there.
    fn text(&self, field: ItemField) -> Result<Option<Cow<'a, str>>, Fault> {
        if let Some(mapping) = self.rule(field) {
            let text = self.made(mapping, field)?.map(Value::into_text);
            return Ok(text.map(|text| Cow::Owned(text.trim().to_owned())));
        }
        Ok(self.plain(field)?.map(Cow::Borrowed))
    }

    fn number(&self, field: ItemField) -> Result<Option<Decimal>, Fault> {
        if let Some(mapping) = self.rule(field) {
            return match self.made(mapping, field)? {
                Some(Value::Text(text)) => self.decimal(field, &text).map(Some),
                Some(value) => value.into_number(self.decimal_mark).map(Some).map_err(|error| Fault {
                    field,
                    column: None,
                    reason: error.to_string(),
                }),
                None => Ok(None),
            };
        }
        self.plain(field)?.map(|text| self.decimal(field, text)).transpose()
    }

    fn required(&self, field: ItemField) -> Result<Cow<'a, str>, Fault> {
        self.text(field)?.ok_or_else(|| missing(field))
    }

    fn rule(&self, field: ItemField) -> Option<&'a Prepared> {
        self.header.mapping().filter(|mapping| mapping.has(field))
    }

    /// What the mapping makes of the row for a field.
    fn made(&self, mapping: &Prepared, field: ItemField) -> Result<Option<Value>, Fault> {
        for column in mapping.columns(field) {
            let fault = |reason: &str| Fault { field, column: Some(column), reason: reason.to_owned() };
            self.column(column).map_err(fault)?;
        }
        match mapping.value(field, |column| self.column(column).unwrap_or_default()) {
            Some(made) => made.map_err(|fault| Fault { field, column: fault.column, reason: fault.reason }),
            None => Ok(None),
        }
    }

    /// A value as it stands in its own column.
    fn plain(&self, field: ItemField) -> Result<Option<&'a str>, Fault> {
        let Some(column) = self.header.place(field) else { return Ok(None) };
        let text = self.column(column).map_err(|reason| Fault {
            field,
            column: Some(column),
            reason: reason.to_owned(),
        })?;
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    /// The text of a column, without surrounding blanks, or why there is none.
    fn column(&self, column: usize) -> Result<&'a str, &'static str> {
        let place = (self.place)(column);
        // Fields of a broken encoding may be sound together only: then the cut is within a character.
        match self.sound.and_then(|text| text.get(place.clone())) {
            Some(text) => Ok(text.trim()),
            None => judged(self.text.get(place).unwrap_or_default()),
        }
    }

    fn decimal(&self, field: ItemField, text: &str) -> Result<Decimal, Fault> {
        Decimal::parse_with(text, self.decimal_mark).map_err(|error| {
            let other = if self.decimal_mark == ',' { '.' } else { ',' };
            let hint = if text.contains(other) {
                format!("; the decimal mark is set to \"{}\"", self.decimal_mark)
            } else {
                String::new()
            };
            Fault { field, column: None, reason: format!("{error}{hint}") }
        })
    }
}

fn missing(field: ItemField) -> Fault {
    Fault { field, column: None, reason: "is missing".to_owned() }
}

/// The text of a field in which something may be wrong.
fn judged(bytes: &[u8]) -> Result<&str, &'static str> {
    const UNREADABLE_TEXT: &str = "holds characters that cannot be read; is the encoding right?";
    let text = std::str::from_utf8(bytes).map_err(|_| UNREADABLE_TEXT)?.trim();
    if text.contains(UNREADABLE) {
        return Err(UNREADABLE_TEXT);
    }
    if text.bytes().any(is_control) {
        return Err("holds control characters; the file may be damaged");
    }
    Ok(text)
}
