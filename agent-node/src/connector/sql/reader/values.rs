//! A row as a reader tells it, as a row of text. Pure: values in, values out.

use messages::connector::TextEncoding;
use messages::reader::{Column, Row as Told};

use crate::connector::table::{Header, Row, number};
use crate::connector::text;

/// What is known of the columns.
pub(super) struct Values {
    numbers: Vec<bool>,
    mark: char,
    /// Of texts whose encoding the database does not know.
    encoding: Option<TextEncoding>,
}

impl Values {
    pub(super) fn new(columns: &[Column], mark: char, encoding: Option<TextEncoding>) -> Self {
        Self { numbers: columns.iter().map(|column| column.number).collect(), mark, encoding }
    }

    /// Fills the row that has been begun. What no field needs is not asked whether it can be read.
    pub(super) fn fill(&self, told: &Told, header: &Header, row: &mut Row) {
        for (at, number) in self.numbers.iter().enumerate() {
            let why = told.refused.iter().find(|(column, _)| *column == at);
            let bytes = told.bytes.iter().find(|(column, _)| *column == at);
            match (why, bytes) {
                (Some((_, why)), _) if header.is_read(at) => row.push_refused("", why.as_str()),
                (Some(_), _) => row.push(""),
                (None, Some((_, digits))) => self.push_bytes(digits, header.is_read(at), row),
                (None, None) => {
                    let value = told.values.get(at).and_then(Option::as_deref).unwrap_or_default();
                    if *number {
                        row.push_number(&number::plain(value), self.mark);
                    } else {
                        row.push(value);
                    }
                }
            }
        }
    }

    fn push_bytes(&self, digits: &str, is_read: bool, row: &mut Row) {
        match (self.encoding, of_digits(digits)) {
            (Some(encoding), Some(bytes)) => row.push(&text::decoded(&bytes, encoding)),
            _ if is_read => row.push_refused(
                "",
                "is text in no encoding that the database knows; say in the source which one it is",
            ),
            _ => row.push(""),
        }
    }
}

/// Bytes of hexadecimal digits.
fn of_digits(digits: &str) -> Option<Vec<u8>> {
    let digits = digits.as_bytes();
    let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    digits.chunks(2).map(|pair| Some(value(*pair.first()?)? << 4 | value(*pair.get(1)?)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> Vec<Column> {
        let column = |name: &str, number| Column { name: name.into(), number };
        vec![column("sku", false), column("price", true), column("name", false), column("picture", false)]
    }

    fn filled(values: &Values, told: &Told, header: &Header) -> (Vec<String>, Option<String>) {
        let mut row = Row::default();
        row.start(1);
        values.fill(told, header, &mut row);
        let texts = (0..row.columns()).map(|at| row.value(at).to_owned()).collect();
        (texts, row.refused().map(|(at, why)| format!("{at} {why}")))
    }

    #[test]
    fn numbers_have_the_jobs_mark_and_nothing_is_empty() {
        let header = Header::raw(columns().into_iter().map(|column| column.name).collect());
        let values = Values::new(&columns(), ',', None);
        let told =
            Told { values: vec![Some("1.5".into()), Some("1.5E-1".into()), None, None], ..Told::default() };
        assert_eq!(filled(&values, &told, &header).0, ["1.5", "0,15", "", ""]);
        let short = Told { values: vec![Some("x".into())], ..Told::default() };
        assert_eq!(filled(&values, &short, &header).0, ["x", "", "", ""]);
    }

    #[test]
    fn what_cannot_be_given_is_a_fault_of_the_row_only_where_it_is_read() {
        let names = || columns().into_iter().map(|column| column.name).collect::<Vec<_>>();
        let told = Told {
            values: vec![Some("A".into()), Some("1".into()), Some("x".into()), Some(String::new())],
            refused: vec![(3, "holds binary data".into())],
            bytes: Vec::new(),
        };
        let values = Values::new(&columns(), '.', None);
        let wanted = Header::find(
            "the result",
            names(),
            &[],
            crate::connector::table::header::Want::Items(&messages::mapping::Mapping::default()),
            '.',
        )
        .unwrap();
        assert_eq!(filled(&values, &told, &wanted).1, None);
        let all = Header::raw(names());
        assert_eq!(filled(&values, &told, &all).1.unwrap(), "3 holds binary data");
    }

    #[test]
    fn bytes_are_read_in_the_encoding_that_the_job_says() {
        let header = Header::raw(columns().into_iter().map(|column| column.name).collect());
        let told = Told {
            values: vec![Some("A".into()), None, None, None],
            refused: Vec::new(),
            bytes: vec![(2, "4be47365".into())],
        };
        let western = Values::new(&columns(), '.', Some(TextEncoding::Windows1252));
        assert_eq!(filled(&western, &told, &header).0[2], "Käse");
        let unknown = Values::new(&columns(), '.', None);
        assert!(filled(&unknown, &told, &header).1.unwrap().contains("which one it is"));
        assert_eq!(of_digits("0aFF"), Some(vec![10, 255]));
        assert_eq!(of_digits("0"), None);
        assert_eq!(of_digits("zz"), None);
    }
}
