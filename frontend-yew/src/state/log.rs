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
    fn admits(&self, line: &LogLine, needle: &str) -> bool {
        line.level >= self.level && (needle.is_empty() || line.text.to_lowercase().contains(needle))
    }
}

/// The lines at hand, in the agent's order: always one stretch without a hole, up to the newest line that is known.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LogBook {
    lines: BTreeMap<u64, Rc<LogLine>>,
    stretch: u32,
}

impl LogBook {
    /// Adds what is new at the end: the lines of the topic, oldest first, which are one stretch themselves. Where they
    /// do not reach back to those at hand, lines between are missing; then what was at hand gives way, and a new
    /// stretch begins.
    pub fn follow(&mut self, lines: impl IntoIterator<Item = Rc<LogLine>>) {
        let mut lines = lines.into_iter().peekable();
        let begins = lines.peek().map(|line| line.seq);
        let ends = self.lines.last_key_value().map(|(seq, _)| *seq);
        if begins.zip(ends).is_some_and(|(begins, ends)| begins > ends) {
            self.lines.clear();
            self.stretch = self.stretch.wrapping_add(1);
        }
        self.add(lines);
    }

    /// Adds a page of older lines, got by going back from the newest. Tells whether it reached beyond those at hand;
    /// if not, the page after it may.
    pub fn look_back(&mut self, lines: impl IntoIterator<Item = Rc<LogLine>>) -> bool {
        let began = self.begins();
        self.add(lines);
        began.is_none() || self.begins() < began || self.is_full()
    }

    fn add(&mut self, lines: impl IntoIterator<Item = Rc<LogLine>>) {
        for line in lines {
            self.lines.entry(line.seq).or_insert(line);
        }
        while self.lines.len() > MAX_HELD {
            self.lines.pop_first();
        }
    }

    fn begins(&self) -> Option<u64> {
        self.lines.first_key_value().map(|(seq, _)| *seq)
    }

    /// Changes when lines at hand gave way to a new stretch. How far back the reader had gone is void then.
    #[must_use]
    pub fn stretch(&self) -> u32 {
        self.stretch
    }

    /// No older line has room.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.lines.len() >= MAX_HELD
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
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
        book.follow([line(1, LogLevel::Info, "started"), line(2, LogLevel::Warn, "Row 7 rejected")]);
        book
    }

    #[test]
    fn lines_come_in_order_once_each() {
        let mut book = book();
        book.follow([line(1, LogLevel::Info, "started again"), line(3, LogLevel::Error, "end")]);
        assert!(book.look_back([line(1, LogLevel::Info, "started"), line(0, LogLevel::Debug, "older")]));
        let (lines, total) = book.shown(&LogFilter::default());
        assert_eq!(lines.iter().map(|l| l.seq).collect::<Vec<_>>(), [0, 1, 2, 3]);
        assert_eq!(total, 4);
        assert_eq!(lines[1].text, "started", "a line that is there stays as it is");
    }

    fn held(book: &LogBook) -> Vec<u64> {
        book.lines.keys().copied().collect()
    }

    fn lines(numbers: impl IntoIterator<Item = u64>) -> Vec<Rc<LogLine>> {
        numbers.into_iter().map(|seq| line(seq, LogLevel::Info, "x")).collect()
    }

    #[test]
    fn there_is_never_a_hole() {
        let mut book = LogBook::default();
        book.follow(lines([5, 7, 9]));
        book.follow(lines([9, 12]));
        assert_eq!((held(&book), book.stretch()), (vec![5, 7, 9, 12], 0));
        // The topic has moved on so far that it begins after all that is at hand.
        book.follow(lines([20, 21]));
        assert_eq!((held(&book), book.stretch()), (vec![20, 21], 1));
        book.follow(lines([]));
        assert_eq!((held(&book), book.stretch()), (vec![20, 21], 1));
    }

    #[test]
    fn looking_back_goes_on_until_something_older_is_there() {
        let mut book = LogBook::default();
        book.follow(lines([5, 6, 7]));
        assert!(!book.look_back(lines([8, 7, 6])), "new at the end, but nothing older");
        assert!(book.look_back(lines([5, 4])));
        assert_eq!(held(&book), [4, 5, 6, 7, 8]);
        assert!(LogBook::default().look_back(lines([])), "there is nothing to reach beyond");
        let mut full = LogBook::default();
        full.follow(lines(10..MAX_HELD as u64 + 10));
        assert!(full.is_full() && full.look_back(lines([3])), "a full book must not be filled for ever");
        assert_eq!(held(&full)[0], 10);
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
        book.follow((0..MAX_DRAWN as u64 + 5).map(|seq| line(seq, LogLevel::Info, "x")));
        let (lines, total) = book.shown(&LogFilter::default());
        assert_eq!((lines.len(), lines[0].seq, total), (MAX_DRAWN, 5, MAX_DRAWN + 5));
    }

    #[test]
    fn what_is_held_is_bounded() {
        let mut book = LogBook::default();
        book.follow((0..MAX_HELD as u64 + 5).map(|seq| line(seq, LogLevel::Info, "x")));
        assert_eq!(book.len(), MAX_HELD);
    }

    #[test]
    fn the_file_holds_what_is_shown() {
        let text = book().as_text(&LogFilter { level: LogLevel::Warn, text: String::new() });
        assert_eq!(text, "1970-01-01T00:00:00.000Z warn  Row 7 rejected\n");
    }
}
