//! The head of a DBF table, and what the bytes of its records mean.
//! Pure: no I/O.

use std::borrow::Cow;

use messages::connector::TextEncoding;

use crate::connector::table::number;
use crate::connector::text::decoded;

/// Up to the first column.
pub(super) const HEAD: usize = 32;
const COLUMN: usize = 32;
/// More than any program that writes them allows.
const MOST_COLUMNS: usize = 2_048;

/// A table as its head describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) version: u8,
    pub(super) records: u32,
    /// Where the first record begins.
    pub(super) start: u64,
    /// Bytes of a record, its mark of deletion included.
    pub(super) record: usize,
    pub(super) columns: Vec<Column>,
    /// What the table says of its characters; 0 says nothing.
    pub(super) language: u8,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: u8,
    /// Within the record.
    pub(super) from: usize,
    pub(super) length: usize,
}

/// What stands in a field.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Value<'r> {
    Text(Cow<'r, str>),
    /// With a point, if any.
    Number(String),
    /// Number of a block in the file of memos.
    Memo(u32),
    Refused(String),
}

/// Bytes of the whole head, as its beginning says.
pub(super) fn head_length(head: &[u8; HEAD]) -> usize {
    usize::from(u16::from_le_bytes([head[8], head[9]]))
}

/// Reads the whole head.
pub(super) fn read(head: &[u8]) -> Result<Layout, String> {
    let wrong = || "it does not begin like a DBF table".to_owned();
    let fixed: &[u8; HEAD] = head.first_chunk().ok_or_else(wrong)?;
    let version = fixed[0];
    // Kinds of programs, with and without a file of memos.
    if !matches!(version & 0x07, 2..=5) && !matches!(version, 0x30..=0x32 | 0xF5 | 0xFB) {
        return Err(wrong());
    }
    let records = u32::from_le_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]);
    let record = usize::from(u16::from_le_bytes([fixed[10], fixed[11]]));
    let (mut columns, mut from) = (Vec::new(), 1);
    for bytes in head[HEAD..].chunks_exact(COLUMN) {
        if matches!(bytes[0], 0x0D | 0) {
            break;
        }
        let name: Vec<u8> = bytes[..11].iter().copied().take_while(|byte| *byte != 0).collect();
        let kind = bytes[11].to_ascii_uppercase();
        // Clipper keeps the upper half of long texts where others keep decimals.
        let more = if kind == b'C' { usize::from(bytes[17]) * 256 } else { 0 };
        let length = usize::from(bytes[16]) + more;
        let name = String::from_utf8_lossy(&name).trim().to_owned();
        columns.push(Column { name, kind, from, length });
        from += length;
        if columns.len() > MOST_COLUMNS {
            return Err(wrong());
        }
    }
    if columns.is_empty() || from > record {
        return Err("its columns do not fit its records; the file is damaged".to_owned());
    }
    let start = head_length(fixed) as u64;
    Ok(Layout { version, records, start, record, columns, language: fixed[29] })
}

/// The encoding that the table names. None where it names none, an error where it names one not known here.
pub(super) fn encoding(language: u8) -> Result<Option<TextEncoding>, String> {
    Ok(Some(match language {
        0 => return Ok(None),
        0x01 | 0x09 | 0x0B | 0x0D | 0x0F | 0x11 | 0x15 | 0x18 | 0x19 | 0x1B => TextEncoding::Cp437,
        0x02 | 0x0A | 0x0E | 0x10 | 0x12 | 0x14 | 0x16 | 0x1A | 0x1D | 0x25 | 0x37 => TextEncoding::Cp850,
        0x03 | 0x57..=0x59 => TextEncoding::Windows1252,
        0x1F | 0x22 | 0x23 | 0x40 | 0x64 | 0x87 => TextEncoding::Cp852,
        0x26 | 0x65 => TextEncoding::Cp866,
        0xC8 => TextEncoding::Windows1250,
        0xC9 => TextEncoding::Windows1251,
        other => {
            return Err(format!(
                "it names its encoding by the mark 0x{other:02X}, which is not known here; set the encoding"
            ));
        }
    }))
}

impl Layout {
    /// Does it keep long texts in a file beside it?
    pub(super) fn has_memos(&self) -> bool {
        self.columns.iter().any(|column| column.kind == b'M')
    }

    const fn is_visual(&self) -> bool {
        matches!(self.version, 0x30..=0x32)
    }

    /// The value of a column in a record.
    pub(super) fn value<'r>(&self, column: &Column, record: &'r [u8], encoding: TextEncoding) -> Value<'r> {
        let bytes = record.get(column.from..column.from + column.length).unwrap_or_default();
        let of_four = || bytes.first_chunk().map(|bytes| i32::from_le_bytes(*bytes));
        let of_eight = || bytes.first_chunk::<8>();
        match column.kind {
            b'N' | b'F' => digits(bytes),
            b'D' => date(bytes),
            b'L' => Value::Text(match bytes.first() {
                Some(b'T' | b't' | b'Y' | b'y') => "true".into(),
                Some(b'F' | b'f' | b'N' | b'n') => "false".into(),
                _ => "".into(),
            }),
            b'I' | b'+' => of_four().map_or(empty(), |whole| Value::Number(whole.to_string())),
            b'Y' => of_eight().map_or(empty(), |bytes| Value::Number(money(i64::from_le_bytes(*bytes)))),
            b'B' if self.is_visual() => {
                of_eight().map_or(empty(), |bytes| double(f64::from_le_bytes(*bytes)))
            }
            b'O' => of_eight().map_or(empty(), |bytes| double(f64::from_le_bytes(*bytes))),
            b'M' if column.length == 4 => {
                let block = bytes.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
                Value::Memo(block)
            }
            b'M' => Value::Memo(String::from_utf8_lossy(bytes).trim().parse().unwrap_or(0)),
            b'C' | b'V' => Value::Text(trimmed(decoded(bytes, encoding))),
            other => Value::Refused(format!(
                "is of the type \"{}\", which holds neither text nor number",
                char::from(other).escape_default()
            )),
        }
    }
}

const fn empty() -> Value<'static> {
    Value::Text(Cow::Borrowed(""))
}

/// Tables fill their texts up with blanks, some with zero bytes.
fn trimmed(text: Cow<'_, str>) -> Cow<'_, str> {
    let filler = |c: char| c == ' ' || c == '\0';
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim_end_matches(filler)),
        Cow::Owned(text) => Cow::Owned(text.trim_end_matches(filler).to_owned()),
    }
}

fn digits(bytes: &[u8]) -> Value<'_> {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_matches([' ', '\0']);
    if text.starts_with('*') {
        return Value::Refused(
            "was too large for its column; the program that wrote it kept asterisks only".into(),
        );
    }
    Value::Number(number::plain(text).into_owned())
}

fn date(bytes: &[u8]) -> Value<'_> {
    match bytes {
        [y @ .., m1, m2, d1, d2] if y.len() == 4 && bytes.iter().all(u8::is_ascii_digit) => {
            let text = |part: &[u8]| String::from_utf8_lossy(part).into_owned();
            Value::Text(format!("{}-{}-{}", text(y), text(&[*m1, *m2]), text(&[*d1, *d2])).into())
        }
        _ => empty(),
    }
}

/// Whole ten-thousandths.
fn money(units: i64) -> String {
    let (sign, units) = (if units < 0 { "-" } else { "" }, units.unsigned_abs());
    format!("{sign}{}.{:04}", units / 10_000, units % 10_000)
}

fn double(value: f64) -> Value<'static> {
    Value::Number(number::of_a_double(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(kind: u8, length: usize) -> Column {
        Column { name: "X".into(), kind, from: 1, length }
    }

    fn value(version: u8, kind: u8, bytes: &[u8]) -> String {
        let layout =
            Layout { version, records: 1, start: 0, record: 1 + bytes.len(), columns: vec![], language: 0 };
        let record = [b" ".as_slice(), bytes].concat();
        match layout.value(&column(kind, bytes.len()), &record, TextEncoding::Cp850) {
            Value::Text(text) => text.into_owned(),
            Value::Number(number) => format!("#{number}"),
            Value::Memo(block) => format!("memo {block}"),
            Value::Refused(reason) => reason,
        }
    }

    #[test]
    fn each_type_has_its_value() {
        for (version, kind, bytes, expected) in [
            (3, b'C', b"K\x84se   ".as_slice(), "Käse"),
            (3, b'N', b"   12.90", "#12.90"),
            (3, b'N', b"        ", "#"),
            (3, b'F', b" 1.5E-02", "#0.015"),
            (3, b'L', b"T", "true"),
            (3, b'L', b"?", ""),
            (3, b'D', b"20261121", "2026-11-21"),
            (3, b'D', b"        ", ""),
            (0x30, b'I', &(-7_i32).to_le_bytes(), "#-7"),
            (0x30, b'Y', &12_345_i64.to_le_bytes(), "#1.2345"),
            (0x30, b'Y', &(-5_i64).to_le_bytes(), "#-0.0005"),
            (0x30, b'B', &1.29_f64.to_le_bytes(), "#1.29"),
            (3, b'M', b"        12", "memo 12"),
            (3, b'M', b"          ", "memo 0"),
            (0x30, b'M', &9_u32.to_le_bytes(), "memo 9"),
        ] {
            assert_eq!(value(version, kind, bytes), expected, "{}", char::from(kind));
        }
        assert!(value(3, b'N', b"********").contains("asterisks"));
        assert!(value(3, b'G', b"x").contains("neither text nor number"));
    }

    #[test]
    fn what_is_no_table_is_told() {
        assert!(read(b"PK\x03\x04").is_err());
        assert!(read(&[b'P'; 64]).is_err());
        let mut head = [0_u8; 65];
        (head[0], head[8], head[10], head[32], head[43], head[48], head[64]) =
            (3, 65, 5, b'A', b'C', 9, 0x0D);
        assert!(read(&head).unwrap_err().contains("damaged"), "a column of nine bytes in a record of five");
        head[10] = 10;
        assert_eq!(read(&head).unwrap().columns[0].name, "A");
    }
}
