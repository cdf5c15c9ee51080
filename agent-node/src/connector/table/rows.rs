//! One row as an item, or why not. Pure.

use std::ops::Range;

use messages::agent::RejectedItem;
use messages::item::{Item, ItemField};
use messages::quantity::Decimal;
use messages::run::Reject;

use super::header::Header;

/// What is wrong with one value.
struct Fault {
    field: ItemField,
    reason: String,
}

/// Reads the row's values. `text` holds all its fields, and `place` says where each lies in it.
pub fn read(
    line: u64,
    header: &Header,
    decimal_mark: char,
    text: &[u8],
    place: impl Fn(usize) -> Range<usize>,
    raw: &[u8],
) -> Result<Item, RejectedItem> {
    let values = Values { header, sound: sound(text), text, place, decimal_mark };
    values.item().map_err(|fault| RejectedItem {
        row: line,
        column: header.name(fault.field).map(str::to_owned),
        field: Some(fault.field),
        reason: fault.reason,
        raw: cut(raw),
    })
}

/// A rejection of the row as a whole.
#[must_use]
pub fn reject(line: u64, reason: impl Into<String>, raw: &[u8]) -> RejectedItem {
    RejectedItem { row: line, column: None, field: None, reason: reason.into(), raw: cut(raw) }
}

/// The row as it was read, as far as it is kept.
pub(super) fn cut(raw: &[u8]) -> String {
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
    fn item(&self) -> Result<Item, Fault> {
        use ItemField as F;
        let item = Item {
            sku: self.required(F::Sku)?.to_owned(),
            name: self.required(F::Name)?.to_owned(),
            barcode: self.text(F::Barcode)?.map(str::to_owned),
            price: self.decimal(F::Price, self.required(F::Price)?)?,
            tax_rate: self.number(F::TaxRate)?,
            stock: self.number(F::Stock)?,
            unit: self.text(F::Unit)?.map(str::to_owned),
            category: self.text(F::Category)?.map(str::to_owned),
            description: self.text(F::Description)?.map(str::to_owned),
        };
        item.check().map_err(|fault| Fault { field: fault.field, reason: fault.detail })?;
        Ok(item)
    }

    /// A value without surrounding blanks; none when it is empty or its column is not there.
    fn text(&self, field: ItemField) -> Result<Option<&'a str>, Fault> {
        let Some(column) = self.header.column(field) else { return Ok(None) };
        let place = (self.place)(column);
        // Fields of a broken encoding may be sound together only: then the cut is within a character.
        let text = match self.sound.and_then(|text| text.get(place.clone())) {
            Some(text) => text,
            None => Self::judged(field, self.text.get(place).unwrap_or_default())?,
        };
        Ok(Some(text.trim()).filter(|text| !text.is_empty()))
    }

    /// The text of a field in which something may be wrong.
    fn judged(field: ItemField, bytes: &'a [u8]) -> Result<&'a str, Fault> {
        let fault = |reason: &str| Fault { field, reason: reason.to_owned() };
        let unreadable = "holds characters that cannot be read; is the encoding right?";
        let text = std::str::from_utf8(bytes).map_err(|_| fault(unreadable))?.trim();
        if text.contains(UNREADABLE) {
            return Err(fault(unreadable));
        }
        if text.bytes().any(is_control) {
            return Err(fault("holds control characters; the file may be damaged"));
        }
        Ok(text)
    }

    fn required(&self, field: ItemField) -> Result<&'a str, Fault> {
        self.text(field)?.ok_or_else(|| Fault { field, reason: "is missing".to_owned() })
    }

    fn number(&self, field: ItemField) -> Result<Option<Decimal>, Fault> {
        self.text(field)?.map(|text| self.decimal(field, text)).transpose()
    }

    fn decimal(&self, field: ItemField, text: &str) -> Result<Decimal, Fault> {
        Decimal::parse_with(text, self.decimal_mark).map_err(|error| {
            let other = if self.decimal_mark == ',' { '.' } else { ',' };
            let hint = if text.contains(other) {
                format!("; the decimal mark is set to \"{}\"", self.decimal_mark)
            } else {
                String::new()
            };
            Fault { field, reason: format!("{error}{hint}") }
        })
    }
}
