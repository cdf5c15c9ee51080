//! One row as text, whatever it was before. The same memory serves row after row.
//! Pure: no I/O.

use std::ops::Range;

/// See the module.
#[derive(Debug, Default)]
pub struct Row {
    /// As people count: the line, the row of the sheet, the item of the answer.
    pub number: u64,
    text: String,
    ends: Vec<usize>,
    /// A column whose value cannot be one, and why.
    refused: Option<(usize, String)>,
    /// Why the row as a whole cannot be read.
    broken: Option<String>,
}

/// A raw row is shown as far as this.
const MOST_RAW: usize = 4_096;

impl Row {
    /// Begins the next row.
    pub fn start(&mut self, number: u64) {
        self.number = number;
        self.text.clear();
        self.ends.clear();
        self.refused = None;
        self.broken = None;
    }

    /// The value of the next column.
    pub fn push(&mut self, value: &str) {
        self.text.push_str(value);
        self.ends.push(self.text.len());
    }

    /// A number with a point in it, as the job's decimal mark wants it.
    pub fn push_number(&mut self, value: &str, mark: char) {
        if mark == '.' {
            return self.push(value);
        }
        self.text.extend(value.chars().map(|c| if c == '.' { mark } else { c }));
        self.ends.push(self.text.len());
    }

    /// The next column has a value that is none.
    pub fn push_refused(&mut self, value: &str, reason: impl Into<String>) {
        self.refused.get_or_insert((self.ends.len(), reason.into()));
        self.push(value);
    }

    /// More columns without values, up to so many in all.
    pub fn fill(&mut self, columns: usize) {
        self.ends.resize(columns.max(self.ends.len()), self.text.len());
    }

    pub fn break_off(&mut self, reason: impl Into<String>) {
        self.broken = Some(reason.into());
    }

    #[must_use]
    pub fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    #[must_use]
    pub fn refused(&self) -> Option<(usize, &str)> {
        self.refused.as_ref().map(|(column, reason)| (*column, reason.as_str()))
    }

    #[must_use]
    pub const fn columns(&self) -> usize {
        self.ends.len()
    }

    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where a column's value lies in [`Row::text`].
    #[must_use]
    pub fn place(&self, at: usize) -> Range<usize> {
        let from = if at == 0 { 0 } else { self.ends.get(at - 1).copied().unwrap_or(self.text.len()) };
        from..self.ends.get(at).copied().unwrap_or(from)
    }

    #[must_use]
    pub fn value(&self, at: usize) -> &str {
        self.text.get(self.place(at)).unwrap_or_default()
    }

    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }

    /// As it is shown to people: the values with semicolons between them.
    #[must_use]
    pub fn raw(&self) -> String {
        let mut raw = String::new();
        for at in 0..self.columns() {
            if at > 0 {
                raw.push(';');
            }
            raw.push_str(self.value(at));
            if raw.len() > MOST_RAW {
                break;
            }
        }
        raw
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_again() {
        let mut row = Row::default();
        row.start(7);
        row.push("old");
        row.start(8);
        row.push("1001");
        row.push("");
        row.push_number("1.29", ',');
        row.fill(5);
        assert_eq!((0..5).map(|at| row.value(at)).collect::<Vec<_>>(), ["1001", "", "1,29", "", ""]);
        assert_eq!((row.number, row.raw().as_str(), row.value(9)), (8, "1001;;1,29;;", ""));
        assert!(!row.is_blank() && row.refused().is_none());
        row.push_refused("{}", "is an object");
        assert_eq!(row.refused(), Some((5, "is an object")));
    }
}
