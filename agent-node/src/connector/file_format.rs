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
    buffer: Vec<u8>,
}

impl ItemWriter {
    /// The header, where the format has one, is in the buffer at once.
    #[must_use]
    pub fn new(format: FileFormat) -> Self {
        let mut writer = Self { format, buffer: Vec::new() };
        if format == FileFormat::Csv {
            for name in ItemField::ALL.map(ItemField::as_str) {
                writer.field(name);
            }
            writer.end_line();
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
        // In the order of `ItemField::ALL`; `let` names every field, so that a new one is not forgotten.
        let Item { sku, name, barcode, price, tax_rate, stock, unit, category, description } = item;
        self.field(sku);
        self.field(name);
        self.field(barcode.as_deref().unwrap_or_default());
        self.number(Some(*price));
        self.number(*tax_rate);
        self.number(*stock);
        for text in [unit, category, description] {
            self.field(text.as_deref().unwrap_or_default());
        }
        self.end_line();
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
        std::mem::take(&mut self.buffer)
    }

    /// Goes on behind these bytes, in their buffer: a used one costs no new memory.
    pub fn go_on_in(&mut self, buffer: Vec<u8>) {
        self.buffer = buffer;
    }

    /// Each field leaves its delimiter behind; that of the last one becomes the end of the line.
    fn end_line(&mut self) {
        if let Some(last) = self.buffer.last_mut() {
            *last = b'\n';
        }
    }

    fn number(&mut self, number: Option<Decimal>) {
        if let Some(number) = number {
            number.append_to(&mut self.buffer);
        }
        self.buffer.push(b',');
    }

    fn field(&mut self, field: &str) {
        // Without an early end, so that the compiler looks at many bytes at once.
        let quoted = field.bytes().fold(false, |quoted, byte| quoted | needs_quotes(byte));
        if quoted {
            self.quoted(field);
        } else {
            self.buffer.extend_from_slice(field.as_bytes());
        }
        self.buffer.push(b',');
    }

    fn quoted(&mut self, field: &str) {
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

const fn needs_quotes(byte: u8) -> bool {
    matches!(byte, b',' | b'"' | b'\r' | b'\n')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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

    proptest! {
        #[test]
        fn whatever_is_written_reads_back(texts in prop::array::uniform5("[a-z,\"\r\n ü]{0,12}")) {
            let [sku, name, barcode, category, description] = texts;
            let mut written = item();
            (written.sku, written.name, written.barcode) = (sku.clone(), name.clone(), Some(barcode.clone()));
            (written.category, written.description) = (Some(category.clone()), Some(description.clone()));
            let mut writer = ItemWriter::new(FileFormat::Csv);
            writer.push(&written).unwrap();
            let line = writer.take();
            let line = &line[line.iter().position(|byte| *byte == b'\n').unwrap() + 1..];
            let (mut fields, mut ends) = ([0; 1_000], [0; 20]);
            let (done, _, _, count) = csv_core::Reader::new().read_record(line, &mut fields, &mut ends);
            prop_assert_eq!((done, count), (csv_core::ReadRecordResult::Record, 9));
            let field = |at: usize| String::from_utf8_lossy(&fields[if at == 0 { 0 } else { ends[at - 1] }..ends[at]]).into_owned();
            prop_assert_eq!([field(0), field(1), field(2), field(7), field(8)], [sku, name, barcode, category, description]);
            prop_assert_eq!([field(3), field(4), field(5), field(6)], ["1.290", "", "-3.5", "l"]);
        }
    }
}
