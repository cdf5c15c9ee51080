//! How much room each column gets, and how many rows are fetched at once: in bounded memory, whatever a driver says of its
//! columns.
//! Pure: descriptions in, sizes out.

use messages::reader::MOST_VALUE;
use odbc_api::DataType;

/// What becomes of a column's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Text,
    Number,
    /// A yes or a no, as drivers say it: 1 or 0.
    Flag,
    /// Nothing that could be an article's.
    Binary,
}

/// One column's room, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    pub(crate) form: Form,
    pub(crate) most: usize,
}

/// Drivers say 255 of texts that have no length, and some nothing at all.
const LEAST_TEXT: usize = 4_000;
/// A number, a date: the longest have some forty signs.
const SHORT: usize = 128;
/// It is only asked whether there is something.
const GLIMPSE: usize = 4;

/// Of all values that are fetched at once. UTF-16 has two bytes for a character.
const MOST_BYTES: usize = 4 * 1024 * 1024;
const MOST_ROWS: usize = 512;

pub(crate) fn room(kind: DataType, display: Option<usize>) -> Room {
    let form = form(kind);
    let most = match form {
        Form::Number | Form::Flag => SHORT,
        Form::Binary => GLIMPSE,
        Form::Text => match kind {
            DataType::Date | DataType::Time { .. } | DataType::Timestamp { .. } => SHORT,
            _ => display.unwrap_or(0).clamp(LEAST_TEXT, MOST_VALUE),
        },
    };
    Room { form, most }
}

const fn form(kind: DataType) -> Form {
    match kind {
        DataType::Numeric { .. }
        | DataType::Decimal { .. }
        | DataType::Integer
        | DataType::SmallInt
        | DataType::Float { .. }
        | DataType::Real
        | DataType::Double
        | DataType::BigInt
        | DataType::TinyInt => Form::Number,
        DataType::Bit => Form::Flag,
        DataType::LongVarbinary { .. } | DataType::Varbinary { .. } | DataType::Binary { .. } => Form::Binary,
        _ => Form::Text,
    }
}

/// Rows that are fetched at once.
pub(crate) fn rows(rooms: &[Room]) -> usize {
    // One more for the end, and a length beside each.
    let row: usize = rooms.iter().map(|room| (room.most + 2) * 2 + 8).sum();
    (MOST_BYTES / row.max(1)).clamp(1, MOST_ROWS)
}

/// A value as it is told.
pub(crate) fn value(form: Form, text: String) -> String {
    match form {
        Form::Flag => match text.trim() {
            "1" => "true".to_owned(),
            "0" => "false".to_owned(),
            _ => text,
        },
        // Microsoft's drivers leave out the zero.
        Form::Number => match text.trim() {
            short if short.starts_with('.') => format!("0{short}"),
            short if short.starts_with("-.") => format!("-0{}", &short[1..]),
            short if short.len() < text.len() => short.to_owned(),
            _ => text,
        },
        Form::Text | Form::Binary => text,
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;

    #[test]
    fn room_is_never_too_small_for_what_a_driver_says_nor_without_a_bound() {
        let varchar = |length| DataType::Varchar { length: NonZeroUsize::new(length) };
        for (kind, display, form, most) in [
            (varchar(20), Some(20), Form::Text, LEAST_TEXT),
            (varchar(8_000), Some(8_000), Form::Text, 8_000),
            (DataType::LongVarchar { length: None }, Some(2_147_483_647), Form::Text, MOST_VALUE),
            (DataType::WLongVarchar { length: None }, None, Form::Text, LEAST_TEXT),
            (DataType::Numeric { precision: 18, scale: 2 }, Some(20), Form::Number, SHORT),
            (DataType::Timestamp { precision: 3 }, Some(23), Form::Text, SHORT),
            (DataType::Bit, Some(1), Form::Flag, SHORT),
            (DataType::Varbinary { length: None }, Some(2_147_483_647), Form::Binary, GLIMPSE),
            (DataType::Unknown, None, Form::Text, LEAST_TEXT),
        ] {
            assert_eq!(room(kind, display), Room { form, most }, "{kind:?}");
        }
    }

    #[test]
    fn what_is_fetched_at_once_is_bounded_and_never_nothing() {
        let wide = Room { form: Form::Text, most: MOST_VALUE };
        let short = Room { form: Form::Number, most: SHORT };
        assert_eq!(rows(&[short]), MOST_ROWS);
        assert_eq!(rows(&[]), MOST_ROWS);
        assert_eq!(rows(&vec![wide; 1_000]), 1);
        assert!(rows(&[wide, wide]) >= 30);
    }

    #[test]
    fn numbers_and_flags_are_told_as_other_databases_do() {
        for (form, text, told) in [
            (Form::Number, ".50", "0.50"),
            (Form::Number, "-.05", "-0.05"),
            (Form::Number, " 7 ", "7"),
            (Form::Number, "90071992547409.93", "90071992547409.93"),
            (Form::Flag, "1", "true"),
            (Form::Flag, "0", "false"),
            (Form::Text, ".5", ".5"),
        ] {
            assert_eq!(value(form, text.to_owned()), told);
        }
    }
}
