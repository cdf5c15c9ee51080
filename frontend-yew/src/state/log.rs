//! The log of a run as the page holds it: live lines and older pages in one order, and what of them is shown.
//! Pure.

use std::collections::BTreeMap;
use std::rc::Rc;

use messages::run::{LogLevel, LogLine};

/// Lines held at once. Older ones stay at the hub and can be downloaded.
pub const MAX_HELD: usize = 20_000;
/// Lines drawn at once: more than anybody scrolls through, few enough to draw fast.
pub const MAX_DRAWN: usize = 1_500;

/// What the reader wants to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFilter {
    /// This level and above.
    pub level: LogLevel,
    pub text: String,
}

impl Default for LogFilter {
    fn default() -> Self {
        Self { level: LogLevel::Debug, text: String::new() }
    }
}

impl LogFilter {
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.level == LogLevel::Debug && self.text.trim().is_empty()
    }

    fn admits(&self, line: &LogLine, needle: &str) -> bool {
        line.level >= self.level && (needle.is_empty() || line.text.to_lowercase().contains(needle))
    }
}

/// All lines at hand, in the agent's order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LogBook {
    lines: BTreeMap<u64, Rc<LogLine>>,
}

impl LogBook {
    /// Adds lines; those that are there already stay as they are. Tells whether any was new.
    pub fn add(&mut self, lines: impl IntoIterator<Item = Rc<LogLine>>) -> bool {
        let before = self.lines.len();
        for line in lines {
            self.lines.entry(line.seq).or_insert(line);
        }
        let any = self.lines.len() > before;
        while self.lines.len() > MAX_HELD {
            self.lines.pop_first();
        }
        any
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Is one of these at hand already?
    #[must_use]
    pub fn has_any(&self, lines: &[Rc<LogLine>]) -> bool {
        lines.iter().any(|line| self.lines.contains_key(&line.seq))
    }

    /// The newest lines that pass, oldest first, and how many pass in all.
    #[must_use]
    pub fn shown(&self, filter: &LogFilter) -> (Vec<Rc<LogLine>>, usize) {
        let needle = filter.text.trim().to_lowercase();
        let mut total = 0;
        let mut lines = Vec::new();
        for line in self.lines.values().rev().filter(|line| filter.admits(line, &needle)) {
            total += 1;
            if lines.len() < MAX_DRAWN {
                lines.push(line.clone());
            }
        }
        lines.reverse();
        (lines, total)
    }

    /// Everything that passes, as a text file.
    #[must_use]
    pub fn as_text(&self, filter: &LogFilter) -> String {
        let needle = filter.text.trim().to_lowercase();
        let mut text = String::new();
        for line in self.lines.values().filter(|line| filter.admits(line, &needle)) {
            text.push_str(&format!("{} {:5} {}\n", line.at, line.level.as_str(), line.text));
        }
        text
    }
}

/// The level named, or all of them.
#[must_use]
pub fn level_of(text: &str) -> LogLevel {
    match text {
        "error" => LogLevel::Error,
        "warn" => LogLevel::Warn,
        "info" => LogLevel::Info,
        _ => LogLevel::Debug,
    }
}

#[cfg(test)]
mod tests {
    use messages::Timestamp;

    use super::*;

    fn line(seq: u64, level: LogLevel, text: &str) -> Rc<LogLine> {
        let run_id = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
        Rc::new(LogLine { run_id, seq, at: Timestamp(0), level, text: text.into() })
    }

    fn book() -> LogBook {
        let mut book = LogBook::default();
        book.add([line(2, LogLevel::Warn, "Row 7 rejected"), line(1, LogLevel::Info, "started")]);
        book
    }

    #[test]
    fn lines_come_in_order_once_each() {
        let mut book = book();
        assert!(!book.add([line(1, LogLevel::Info, "started")]));
        assert!(book.has_any(&[line(9, LogLevel::Info, ""), line(2, LogLevel::Info, "")]));
        assert!(!book.has_any(&[line(9, LogLevel::Info, "")]));
        assert!(book.add([line(0, LogLevel::Debug, "older"), line(3, LogLevel::Error, "end")]));
        let (lines, total) = book.shown(&LogFilter::default());
        assert_eq!(lines.iter().map(|l| l.seq).collect::<Vec<_>>(), [0, 1, 2, 3]);
        assert_eq!(total, 4);
    }

    #[test]
    fn level_and_text_narrow_without_regard_to_case() {
        let of = |level, text: &str| book().shown(&LogFilter { level, text: text.into() }).1;
        assert_eq!(of(LogLevel::Debug, ""), 2);
        assert_eq!(of(LogLevel::Warn, ""), 1);
        assert_eq!(of(LogLevel::Debug, " ROW "), 1);
        assert_eq!(of(LogLevel::Error, "row"), 0);
    }

    #[test]
    fn only_the_newest_are_drawn_but_all_are_counted() {
        let mut book = LogBook::default();
        book.add((0..MAX_DRAWN as u64 + 5).map(|seq| line(seq, LogLevel::Info, "x")));
        let (lines, total) = book.shown(&LogFilter::default());
        assert_eq!((lines.len(), lines[0].seq, total), (MAX_DRAWN, 5, MAX_DRAWN + 5));
    }

    #[test]
    fn what_is_held_is_bounded() {
        let mut book = LogBook::default();
        book.add((0..MAX_HELD as u64 + 5).map(|seq| line(seq, LogLevel::Info, "x")));
        assert_eq!(book.len(), MAX_HELD);
    }

    #[test]
    fn the_file_holds_what_is_shown() {
        let text = book().as_text(&LogFilter { level: LogLevel::Warn, text: String::new() });
        assert_eq!(text, "1970-01-01T00:00:00.000Z warn  Row 7 rejected\n");
    }
}
