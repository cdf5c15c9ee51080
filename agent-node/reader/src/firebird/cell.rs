//! One value as it is told. Pure: bytes in, a value out.

use std::fmt::Write as _;

use messages::reader::{MOST_VALUE, Row};

use crate::wrap::Kind;

/// A float is written with sixteen digits, of which the last ones are zeros; of a price they are left out.
const LONG_FRACTION: usize = 10;

/// Adds the text of a column to the row.
pub(crate) fn push(row: &mut Row, kind: Kind, bytes: &[u8], most_of_a_blob: usize) {
    let at = row.values.len();
    let most = if kind == Kind::Blob { most_of_a_blob } else { MOST_VALUE };
    if kind == Kind::Blob && is_binary(bytes) {
        return refuse(row, at, "holds binary data".to_owned());
    }
    match std::str::from_utf8(bytes) {
        Ok(text) if text.chars().count() > most => {
            refuse(row, at, format!("has more than {most} characters"))
        }
        Ok(text) if kind == Kind::Number => row.values.push(Some(shortened(text.trim()).to_owned())),
        Ok(text) => row.values.push(Some(text.to_owned())),
        Err(_) if bytes.len() > most => refuse(row, at, format!("has more than {most} characters")),
        Err(_) => {
            row.values.push(None);
            row.bytes.push((at, digits(bytes)));
        }
    }
}

fn refuse(row: &mut Row, at: usize, why: String) {
    row.values.push(None);
    row.refused.push((at, why));
}

/// No text has these, in whatever encoding with one byte for a sign.
fn is_binary(bytes: &[u8]) -> bool {
    bytes.iter().any(|byte| *byte < 0x20 && !matches!(byte, b'\t' | b'\r' | b'\n'))
}

fn digits(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut digits, byte| {
        let _infallible = write!(digits, "{byte:02x}");
        digits
    })
}

/// The same number without the zeros that a float ends with.
fn shortened(number: &str) -> &str {
    match number.split_once('.') {
        Some((_, fraction))
            if fraction.len() > LONG_FRACTION && fraction.bytes().all(|b| b.is_ascii_digit()) =>
        {
            number.trim_end_matches('0').trim_end_matches('.')
        }
        _ => number,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(kind: Kind, bytes: &[u8]) -> Row {
        let mut row = Row::default();
        push(&mut row, kind, bytes, 4);
        row
    }

    #[test]
    fn numbers_keep_their_digits_and_floats_lose_their_zeros() {
        for (text, number) in [
            ("90071992547409.93", "90071992547409.93"),
            ("0.10", "0.10"),
            ("-0.05", "-0.05"),
            ("0.1000000000000000", "0.1"),
            ("4.350000000000000", "4.35"),
            ("100.00000000000000", "100"),
            ("1.000000000000000e+20", "1.000000000000000e+20"),
            ("7", "7"),
        ] {
            assert_eq!(told(Kind::Number, text.as_bytes()).values, [Some(number.to_owned())]);
        }
    }

    #[test]
    fn what_is_no_text_of_the_databases_is_told_as_bytes_and_what_is_none_at_all_is_refused() {
        assert_eq!(told(Kind::Text, "Sữa".as_bytes()).values, [Some("Sữa".to_owned())]);
        let raw = told(Kind::Text, b"K\xe4se");
        assert_eq!((raw.values.as_slice(), raw.bytes), (&[None][..], vec![(0, "4be47365".to_owned())]));
        for bytes in [&b"\x00\xff"[..], b"a\x00b"] {
            assert_eq!(told(Kind::Blob, bytes).refused, [(0, "holds binary data".to_owned())]);
        }
        assert_eq!(told(Kind::Blob, "äöüß".as_bytes()).values, [Some("äöüß".to_owned())]);
        for bytes in ["abcde".as_bytes(), b"\xe4bcde"] {
            assert_eq!(told(Kind::Blob, bytes).refused, [(0, "has more than 4 characters".to_owned())]);
        }
    }
}
