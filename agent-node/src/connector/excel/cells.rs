//! Through the XML of a sheet, row by row.
//! Pure: reads from what it is given.

use std::borrow::Cow;
use std::io::{BufReader, Read};

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use super::book::Shown;
use crate::connector::table::number;
use crate::connector::xml::Guarded;

/// An article has no more properties; Excel itself allows 16,384 columns.
pub(super) const MOST_COLUMNS: usize = 1_024;

/// What a cell holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cell {
    Text(String),
    /// Number of a text among those of the workbook.
    Shared(usize),
    /// As its user sees it, with a point.
    Number(String),
    /// Nothing can be made of it, for this reason.
    Refused(String),
}

/// A row that was read: its number, and its cells by column.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) number: u64,
    pub(super) cells: Vec<(usize, Cell)>,
}

/// See the module.
pub(super) struct Cells<R: Read> {
    reader: Reader<BufReader<Guarded<R>>>,
    buffer: Vec<u8>,
    /// Number of the row that was read last.
    row: u64,
}

/// A cell that has begun.
#[derive(Default)]
struct Begun {
    column: usize,
    kind: String,
    style: usize,
    value: Option<String>,
    inline: String,
    formula: bool,
}

/// Where in a cell the text belongs that comes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Nothing,
    Value,
    Inline,
}

impl<R: Read> Cells<R> {
    pub(super) fn new(input: R) -> Self {
        Self { reader: Reader::from_reader(BufReader::new(Guarded::new(input))), buffer: Vec::new(), row: 0 }
    }

    pub(super) fn input(&self) -> &R {
        self.reader.get_ref().get_ref().input()
    }

    /// The next row that has cells; false at the end of the sheet. The error is for people.
    pub(super) fn advance(&mut self, shown: &[Shown], line: &mut Line) -> Result<bool, String> {
        line.cells.clear();
        let (mut cell, mut within, mut column) = (Begun::default(), Within::Nothing, 0);
        let mut buffer = std::mem::take(&mut self.buffer);
        loop {
            buffer.clear();
            let event = self.reader.read_event_into(&mut buffer);
            let event =
                event.map_err(|error| format!("the sheet breaks off after row {}: {error}", self.row))?;
            match event {
                Event::Start(tag) => match tag.local_name().as_ref() {
                    "row" => {
                        self.row =
                            attribute(&tag, "r").and_then(|text| text.parse().ok()).unwrap_or(self.row + 1);
                        column = 0;
                    }
                    "c" => {
                        cell = begun(&tag, column);
                        column = cell.column + 1;
                    }
                    "v" => within = Within::Value,
                    "t" => within = Within::Inline,
                    "f" => cell.formula = true,
                    _ => {}
                },
                Event::Empty(tag) => match tag.local_name().as_ref() {
                    "row" => {
                        self.row =
                            attribute(&tag, "r").and_then(|text| text.parse().ok()).unwrap_or(self.row + 1);
                    }
                    "c" => column = begun(&tag, column).column + 1,
                    "f" => cell.formula = true,
                    _ => {}
                },
                Event::Text(text) => cell.take(within, &text.xml10_content()),
                Event::CData(text) => cell.take(within, &text.xml10_content()),
                Event::GeneralRef(name) => {
                    cell.take(within, super::book::resolved(&name).encode_utf8(&mut [0; 4]))
                }
                Event::End(tag) => match tag.local_name().as_ref() {
                    "v" | "t" => within = Within::Nothing,
                    "c" => {
                        let done = std::mem::take(&mut cell);
                        if done.column < MOST_COLUMNS
                            && let Some(value) = done.value(shown)
                        {
                            line.cells.push(value);
                        }
                    }
                    "row" if !line.cells.is_empty() => {
                        line.number = self.row;
                        self.buffer = buffer;
                        return Ok(true);
                    }
                    "sheetData" => return Ok(false),
                    _ => {}
                },
                Event::Eof => return Err(format!("the sheet ends in the middle, after row {}", self.row)),
                _ => {}
            }
            self.reader.get_mut().get_mut().token_came();
        }
    }
}

impl Begun {
    fn take(&mut self, within: Within, text: &str) {
        match within {
            Within::Value => self.value.get_or_insert_default().push_str(text),
            Within::Inline => self.inline.push_str(text),
            Within::Nothing => {}
        }
    }

    fn value(self, shown: &[Shown]) -> Option<(usize, Cell)> {
        let Self { column, kind, style, value, inline, formula } = self;
        let value = value.unwrap_or_default();
        let cell = match kind.as_str() {
            "inlineStr" => Cell::Text(inline),
            "str" | "d" => Cell::Text(value),
            "s" => match value.trim().parse() {
                Ok(at) => Cell::Shared(at),
                Err(_) => Cell::Refused("refers to a text that the workbook does not have".to_owned()),
            },
            "b" => Cell::Text(if value.trim() == "1" { "true" } else { "false" }.to_owned()),
            "e" => Cell::Refused(format!("holds the error {}", value.trim())),
            _ if value.trim().is_empty() && formula => Cell::Refused(
                "holds a formula without its result; open and save the file once in a spreadsheet program"
                    .to_owned(),
            ),
            _ if value.trim().is_empty() => return None,
            _ => Cell::Number(as_shown(value.trim(), shown.get(style).copied().unwrap_or_default())),
        };
        Some((column, cell))
    }
}

/// A number as its user sees it, as far as that is more than decoration.
fn as_shown(value: &str, shown: Shown) -> String {
    let plain = match shown {
        // Shares are kept as parts of one: 5 % is 0.05.
        Shown::Percent => number::of_a_sheet(&times_hundred(value)).into_owned(),
        Shown::General | Shown::Zeros(_) => number::of_a_sheet(value).into_owned(),
    };
    match shown {
        Shown::Zeros(width) if plain.bytes().all(|byte| byte.is_ascii_digit()) => format!("{plain:0>width$}"),
        _ => plain,
    }
}

fn times_hundred(value: &str) -> Cow<'_, str> {
    match value.split_once(['e', 'E']) {
        None => Cow::Owned(format!("{value}e2")),
        Some((digits, exponent)) => match exponent.parse::<i32>() {
            Ok(exponent) => Cow::Owned(format!("{digits}e{}", exponent.saturating_add(2))),
            Err(_) => Cow::Borrowed(value),
        },
    }
}

fn begun(tag: &BytesStart<'_>, next: usize) -> Begun {
    let column = attribute(tag, "r").and_then(|place| column_of(&place)).unwrap_or(next);
    let kind = attribute(tag, "t").unwrap_or_default();
    let style = attribute(tag, "s").and_then(|text| text.parse().ok()).unwrap_or(0);
    Begun { column, kind, style, ..Begun::default() }
}

/// `C7` is column 2.
fn column_of(place: &str) -> Option<usize> {
    let letters = place.bytes().take_while(u8::is_ascii_alphabetic).take(4);
    let number =
        letters.fold(0, |number, letter| number * 26 + usize::from(letter.to_ascii_uppercase() - b'A') + 1);
    number.checked_sub(1)
}

/// An attribute of a tag, by its name without a prefix.
pub(super) fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = tag.attributes().flatten().find(|attribute| attribute.key.local_name().as_ref() == name)?;
    found.normalized_value(XmlVersion::Implicit1_0).ok().map(Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(sheet: &str, shown: &[Shown]) -> Result<Vec<Line>, String> {
        let (mut cells, mut all) = (Cells::new(sheet.as_bytes()), Vec::new());
        loop {
            let mut line = Line::default();
            if !cells.advance(shown, &mut line)? {
                return Ok(all);
            }
            all.push(line);
        }
    }

    #[test]
    fn cells_lie_where_they_say() {
        let sheet = r#"<worksheet><cols/><sheetData><row r="2"/><row r="3" spans="1:3"><c r="A3" t="s"><v>12</v></c>
            <c r="C3"><v>4.3499999999999996</v></c><c r="AB3" t="inlineStr"><is><t>A &amp; </t><r><t>B</t></r></is></c></row>
            <row><c><v>1E-3</v></c><c t="str"><f>A1</f><v>x</v></c><c s="3"/><c t="b"><v>1</v></c></row>
            <row r="9"><c r="A9"><f>A1*2</f></c><c r="B9" t="e"><v>#N/A</v></c><c r="C9"><f>1</f><v>2</v></c></row>
            </sheetData><mergeCells/></worksheet>"#;
        let lines = read(sheet, &[]).unwrap();
        assert_eq!(lines.iter().map(|line| line.number).collect::<Vec<_>>(), [3, 4, 9]);
        let text = |text: &str| Cell::Text(text.to_owned());
        let number = |text: &str| Cell::Number(text.to_owned());
        assert_eq!(lines[0].cells, [(0, Cell::Shared(12)), (2, number("4.35")), (27, text("A & B"))]);
        assert_eq!(lines[1].cells, [(0, number("0.001")), (1, text("x")), (3, text("true"))]);
        assert!(matches!(&lines[2].cells[0].1, Cell::Refused(why) if why.contains("without its result")));
        assert!(matches!(&lines[2].cells[1].1, Cell::Refused(why) if why == "holds the error #N/A"));
        assert_eq!(lines[2].cells[2], (2, number("2")));
    }

    #[test]
    fn numbers_are_what_their_user_sees() {
        for (value, shown, expected) in [
            ("1.29", Shown::General, "1.29"),
            ("0.05", Shown::Percent, "5"),
            ("0.070000000000000007", Shown::Percent, "7"),
            ("1.9E-2", Shown::Percent, "1.9"),
            ("12", Shown::Zeros(5), "00012"),
            ("4006381333931", Shown::Zeros(5), "4006381333931"),
            ("1.5", Shown::Zeros(5), "1.5"),
        ] {
            assert_eq!(as_shown(value, shown), expected, "{value} {shown:?}");
        }
    }

    #[test]
    fn half_a_sheet_is_none() {
        assert!(
            read("<worksheet><sheetData><row><c><v>1</v></c></row>", &[])
                .unwrap_err()
                .contains("in the middle")
        );
        assert!(read("<worksheet><sheetData><row></c>", &[]).unwrap_err().contains("breaks off"));
    }

    #[test]
    fn columns_have_letters() {
        for (place, column) in
            [("A1", Some(0)), ("Z99", Some(25)), ("AA1", Some(26)), ("XFD1", Some(16_383)), ("7", None)]
        {
            assert_eq!(column_of(place), column, "{place}");
        }
    }
}
