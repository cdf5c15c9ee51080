//! Items as the bytes of a file: CSV with a header, or one JSON object a line. Pure; shared by all file destinations.
//!
//! Lines end with `\n`. Values go out as they came in: a name that begins with `=` is not altered, for these files
//! are read by shop platforms; who opens one in a spreadsheet should import it as text.

use messages::connector::FileFormat;
use messages::item::{Item, ItemField};
use messages::quantity::Decimal;

/// Writes items into a buffer that the caller empties.
pub struct ItemWriter {
    format: FileFormat,
    quoting: csv_core::Writer,
    buffer: Vec<u8>,
}

impl ItemWriter {
    /// The header, where the format has one, is in the buffer at once.
    #[must_use]
    pub fn new(format: FileFormat) -> Self {
        let quoting = csv_core::WriterBuilder::new().build();
        let mut writer = Self { format, quoting, buffer: Vec::new() };
        if format == FileFormat::Csv {
            writer.line(ItemField::ALL.map(ItemField::as_str));
        }
        writer
    }

    /// Appends an item; the error is that of the JSON writer.
    pub fn push(&mut self, item: &Item) -> Result<(), serde_json::Error> {
        if self.format == FileFormat::Jsonl {
            serde_json::to_writer(&mut self.buffer, item)?;
            self.buffer.push(b'\n');
            return Ok(());
        }
        let number = |value: Option<Decimal>| value.map(|value| value.to_string()).unwrap_or_default();
        let text = |value: &'_ Option<String>| -> String { value.clone().unwrap_or_default() };
        let (price, tax, stock) = (item.price.to_string(), number(item.tax_rate), number(item.stock));
        let (barcode, unit) = (text(&item.barcode), text(&item.unit));
        self.line([
            &item.sku,
            &item.name,
            &barcode,
            &price,
            &tax,
            &stock,
            &unit,
            item.category.as_deref().unwrap_or_default(),
            item.description.as_deref().unwrap_or_default(),
        ]);
        Ok(())
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Takes what is in the buffer.
    pub fn take(&mut self) -> Vec<u8> {
        let capacity = self.buffer.capacity();
        std::mem::replace(&mut self.buffer, Vec::with_capacity(capacity))
    }

    fn line(&mut self, fields: [&str; 9]) {
        for (at, field) in fields.into_iter().enumerate() {
            if at > 0 {
                self.buffer.push(b',');
            }
            self.field(field);
        }
        self.buffer.push(b'\n');
    }

    fn field(&mut self, field: &str) {
        if !self.quoting.should_quote(field.as_bytes()) {
            self.buffer.extend_from_slice(field.as_bytes());
            return;
        }
        self.buffer.push(b'"');
        for part in field.split_inclusive('"') {
            self.buffer.extend_from_slice(part.as_bytes());
            if part.ends_with('"') {
                self.buffer.push(b'"');
            }
        }
        self.buffer.push(b'"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item() -> Item {
        Item {
            sku: "1001".into(),
            name: "Milk, \"fresh\"".into(),
            barcode: Some("4006381333931".into()),
            price: "1.290".parse().unwrap(),
            tax_rate: None,
            stock: Some("-3.5".parse().unwrap()),
            unit: Some("l".into()),
            category: Some("=SUM(A1)".into()),
            description: Some("two\nlines".into()),
        }
    }

    fn written(format: FileFormat) -> String {
        let mut writer = ItemWriter::new(format);
        writer.push(&item()).unwrap();
        String::from_utf8(writer.take()).unwrap()
    }

    #[test]
    fn csv_has_a_header_quotes_where_needed_and_keeps_every_digit() {
        assert_eq!(
            written(FileFormat::Csv),
            "sku,name,barcode,price,tax_rate,stock,unit,category,description\n\
             1001,\"Milk, \"\"fresh\"\"\",4006381333931,1.290,,-3.5,l,=SUM(A1),\"two\nlines\"\n"
        );
    }

    #[test]
    fn a_line_of_json_reads_back_as_the_item() {
        let text = written(FileFormat::Jsonl);
        assert_eq!(text.matches('\n').count(), 1);
        assert_eq!(serde_json::from_str::<Item>(&text).unwrap(), item());
    }
}
