//! Which columns go into which fields, and how the lines between them run on the board. Pure.

use messages::connector::ColumnName;
use messages::item::ItemField;
use messages::mapping::Origin;

use super::{Draft, From};

/// A line from a column to a field, by their places in the lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    pub column: usize,
    pub field: usize,
    /// Drawn by somebody; otherwise the field is found by its name.
    pub drawn: bool,
}

/// Height of a row of either list, in units of the board's picture.
pub const ROW: u32 = 44;
/// Where the column list ends and the field list begins, of [`WIDTH`].
const LEFT: u32 = 400;
const RIGHT: u32 = 600;
pub const WIDTH: u32 = 1_000;

fn same(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

/// The columns that a field comes from, by name, and whether somebody said so.
#[must_use]
pub fn columns_of(draft: &Draft, named: &[ColumnName], field: ItemField) -> (Vec<String>, bool) {
    if let Some(rule) = draft.rule(field) {
        let origin = match rule.from {
            From::Column => Origin::Column { column: rule.text.clone() },
            From::Constant => Origin::Constant { text: rule.text.clone() },
            From::Template => Origin::Template { template: rule.text.clone() },
        };
        return (origin.columns(), true);
    }
    let asked = named.iter().find(|column| column.field == field);
    (vec![asked.map_or(field.as_str(), |column| column.header.trim()).to_owned()], false)
}

/// All lines between these columns and the fields.
#[must_use]
pub fn lines(draft: &Draft, named: &[ColumnName], columns: &[String]) -> Vec<Line> {
    let mut lines = Vec::new();
    for (at, field) in ItemField::ALL.into_iter().enumerate() {
        let (names, drawn) = columns_of(draft, named, field);
        for name in names {
            let exact = columns.iter().position(|column| *column == name);
            let found = exact.or_else(|| columns.iter().position(|column| same(column, &name)));
            if let Some(column) = found {
                lines.push(Line { column, field: at, drawn });
            }
        }
    }
    lines
}

/// Columns that are known before anybody has looked: those that the mapping and the source name.
#[must_use]
pub fn known_columns(draft: &Draft, named: &[ColumnName]) -> Vec<String> {
    let of_rules = draft.rules.iter().flat_map(|rule| columns_of(draft, named, rule.field).0);
    let of_filter = draft.conditions.iter().map(|condition| condition.column.clone());
    let of_source = named.iter().map(|column| column.header.clone());
    let mut names: Vec<String> = Vec::new();
    for name in of_source.chain(of_rules).chain(of_filter) {
        if !name.trim().is_empty() && !names.iter().any(|known| same(known, &name)) {
            names.push(name);
        }
    }
    names
}

fn middle(row: usize) -> u32 {
    u32::try_from(row).unwrap_or(u32::MAX / ROW / 2) * ROW + ROW / 2
}

/// The path of a line in the board's picture.
#[must_use]
pub fn path(line: Line) -> String {
    curve(middle(line.column), RIGHT, middle(line.field))
}

/// The path of a line that is being drawn: to this place of the board, in shares of its width and height.
#[must_use]
pub fn loose(column: usize, (x, y): (f64, f64), rows: usize) -> String {
    let height = f64::from(u32::try_from(rows).unwrap_or(u32::MAX / ROW) * ROW);
    // Pixels: nobody sees a fraction of one.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the board")]
    let place = |share: f64, whole: f64| (share.clamp(0.0, 1.0) * whole) as u32;
    curve(middle(column), place(x, f64::from(WIDTH)), place(y, height))
}

fn curve(from: u32, to_x: u32, to: u32) -> String {
    let bend = u32::midpoint(LEFT, to_x);
    format!("M{LEFT},{from} C{bend},{from} {bend},{to} {to_x},{to}")
}
