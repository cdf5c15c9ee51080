//! Text as rows: where each begins, its fields, its raw form. Recovers from rows that are broken.
//!
//! The dialect itself (quotes, delimiters, line ends) is that of csv-core. What is added here: exact line
//! numbers, a limit for each row, and a way back: after a broken row, reading goes on at its second line, so a
//! stray quote costs the row it stands in and not the rest of the file. Rows without a quotation mark, which are
//! nearly all, are only searched for their delimiters and stay where they are; a property holds the two ways to
//! one result.

use std::io::{self, Read};
use std::ops::Range;

use csv_core::ReadRecordResult as Step;

/// A longer row is broken: no article is described in 64 KiB.
pub const MAX_ROW: usize = 64 * 1024;
/// A point of sale with more columns has another kind of file.
pub const MAX_COLUMNS: usize = 512;

const READ: usize = 64 * 1024;

/// Why a row has no fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    #[error(
        "a quoted value is not closed; the file may have been cut off, or a quotation mark stands where it should not"
    )]
    Unclosed,
    #[error("the row is longer than {MAX_ROW} bytes; is a quotation mark missing?")]
    TooLong,
    #[error("the row has more than {MAX_COLUMNS} columns; is the delimiter right?")]
    TooWide,
}

/// A row that was found; its fields and raw text are asked of [`Records`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Line of the file on which it begins, from 1.
    pub line: u64,
    pub columns: usize,
    /// It ends with a line break, and not with the file.
    pub ended: bool,
    pub broken: Option<Broken>,
}

/// See the module.
pub struct Records<R> {
    input: R,
    core: csv_core::Reader,
    delimiter: u8,
    /// Text that was read; the present row begins at `start` and what comes after it at `next`.
    window: Vec<u8>,
    start: usize,
    next: usize,
    at_end: bool,
    /// Line of `window[start]`, and whether the byte before it was a carriage return.
    line: u64,
    after_return: bool,
    /// The present row was given up before the end of its line.
    within_line: bool,
    /// The present row has no quotation marks: its fields lie in the window, with a delimiter after each.
    plain: bool,
    /// The fields of a row with quotation marks, unquoted, one after the other.
    fields: Vec<u8>,
    written: usize,
    /// Where each field ends, in its row or in `fields`.
    ends: Vec<usize>,
    /// Leaves every row to csv-core, for the test that compares.
    #[cfg(test)]
    pub(super) only_carefully: bool,
}

impl<R: Read> Records<R> {
    pub fn new(input: R, delimiter: u8) -> Self {
        Self {
            input,
            core: csv_core::ReaderBuilder::new().delimiter(delimiter).build(),
            delimiter,
            window: Vec::with_capacity(2 * READ),
            start: 0,
            next: 0,
            at_end: false,
            line: 1,
            after_return: false,
            within_line: false,
            plain: false,
            fields: vec![0; MAX_ROW],
            written: 0,
            ends: vec![0; MAX_COLUMNS],
            #[cfg(test)]
            only_carefully: false,
        }
    }

    pub const fn input(&self) -> &R {
        &self.input
    }

    /// All fields of the present row, in which [`Records::place`] finds each.
    pub fn text(&self) -> &[u8] {
        if self.plain { &self.window[self.start..self.next] } else { &self.fields[..self.written] }
    }

    /// Where a field of the present row lies in [`Records::text`].
    pub fn place(&self, at: usize) -> Range<usize> {
        let gap = usize::from(self.plain);
        let from = if at == 0 { 0 } else { self.ends.get(at - 1).map_or(0, |end| end + gap) };
        from..self.ends.get(at).copied().unwrap_or(from)
    }

    /// A field of the present row.
    pub fn field(&self, at: usize) -> &[u8] {
        self.text().get(self.place(at)).unwrap_or_default()
    }

    /// The present row as it was read; the first line only, when it is broken.
    pub fn raw(&self) -> &[u8] {
        let raw = &self.window[self.start..self.next];
        let end = raw.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
        &raw[..end]
    }

    /// The next row; none at the end of the file.
    pub fn advance(&mut self) -> io::Result<Option<Row>> {
        self.step_over(self.next);
        if std::mem::take(&mut self.within_line) {
            self.skip_line()?;
        }
        if !self.skip_breaks()? {
            return Ok(None);
        }
        if let Some(row) = self.plain_row() {
            return Ok(Some(row));
        }
        self.quoted_row()
    }

    /// The next row, if it lies in the window as a whole and has no quotation mark.
    fn plain_row(&mut self) -> Option<Row> {
        #[cfg(test)]
        if self.only_carefully {
            return None;
        }
        let text = &self.window[self.start..];
        let length = memchr::memchr3(b'\n', b'\r', b'"', text)?;
        // A row that begins with a byte order mark is csv-core's to judge, and so is one that is too long.
        if text[length] == b'"' || length > MAX_ROW || text.starts_with(&[0xEF, 0xBB, 0xBF]) {
            return None;
        }
        let mut columns = 0;
        for end in memchr::memchr_iter(self.delimiter, &text[..length]).chain([length]) {
            *self.ends.get_mut(columns)? = end;
            columns += 1;
        }
        self.plain = true;
        self.next = self.start + length + 1;
        Some(Row { line: self.line, columns, ended: true, broken: None })
    }

    fn quoted_row(&mut self) -> io::Result<Option<Row>> {
        self.plain = false;
        self.core.reset();
        let (mut written, mut columns) = (0, 0);
        loop {
            if self.next == self.window.len() && !self.at_end {
                if self.next - self.start > MAX_ROW {
                    return Ok(Some(self.broken(Broken::TooLong)));
                }
                self.fill()?;
            }
            let at_end = self.at_end && self.next == self.window.len();
            // At the end a line break is put in: it closes a row, but not a quoted value.
            let text: &[u8] = if at_end { b"\n" } else { &self.window[self.next..] };
            let (step, read, wrote, ended) =
                self.core.read_record(text, &mut self.fields[written..], &mut self.ends[columns..]);
            if !at_end {
                self.next += read;
            }
            written += wrote;
            columns += ended;
            match step {
                Step::Record if !well_quoted(&self.window[self.start..self.next], self.delimiter) => {
                    return Ok(Some(self.broken(Broken::Unclosed)));
                }
                Step::Record => {
                    self.written = written;
                    return Ok(Some(Row { line: self.line, columns, ended: !at_end, broken: None }));
                }
                Step::InputEmpty if !at_end => {}
                Step::InputEmpty | Step::End => return Ok(Some(self.broken(Broken::Unclosed))),
                Step::OutputFull => return Ok(Some(self.broken(Broken::TooLong))),
                Step::OutputEndsFull => return Ok(Some(self.broken(Broken::TooWide))),
            }
        }
    }

    /// Takes the present row for its first line only: what follows is read as rows of its own.
    pub fn keep_first_line_only(&mut self) {
        let raw = &self.window[self.start..self.next];
        if let Some(length) = raw.iter().position(|byte| matches!(byte, b'\r' | b'\n')) {
            self.next = self.start + length;
        }
    }

    fn broken(&mut self, why: Broken) -> Row {
        self.keep_first_line_only();
        self.within_line =
            !self.window[self.next..].starts_with(b"\n") && !self.window[self.next..].starts_with(b"\r");
        Row { line: self.line, columns: 0, ended: true, broken: Some(why) }
    }

    /// Moves the start of the window, counting lines.
    fn step_over(&mut self, to: usize) {
        if std::mem::take(&mut self.plain) && to > self.start {
            // No line break in it but the one at its end, if that belongs to it.
            let last = self.window[to - 1];
            self.line += u64::from(matches!(last, b'\n' | b'\r'));
            self.after_return = last == b'\r';
            (self.start, self.next) = (to, to);
            return;
        }
        for &byte in &self.window[self.start..to] {
            match byte {
                b'\n' if self.after_return => {}
                b'\n' | b'\r' => self.line += 1,
                _ => {}
            }
            self.after_return = byte == b'\r';
        }
        (self.start, self.next) = (to, to);
    }

    /// Moves to the end of the line, or of the file.
    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let rest = &self.window[self.start..];
            let end = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
            self.step_over(self.start + end.unwrap_or(rest.len()));
            if end.is_some() || self.at_end {
                return Ok(());
            }
            self.fill()?;
        }
    }

    /// Moves to the first byte that is no line break; false at the end of the file.
    fn skip_breaks(&mut self) -> io::Result<bool> {
        loop {
            let rest = &self.window[self.start..];
            let breaks = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            self.step_over(self.start + breaks);
            if self.start < self.window.len() {
                return Ok(true);
            }
            if self.at_end {
                return Ok(false);
            }
            self.fill()?;
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        if self.start > 0 {
            self.window.drain(..self.start);
            self.next -= self.start;
            self.start = 0;
        }
        let length = self.window.len();
        self.window.resize(length + READ, 0);
        let read = self.input.read(&mut self.window[length..]).inspect_err(|_| self.at_end = true);
        self.window.truncate(length + *read.as_ref().unwrap_or(&0));
        self.at_end |= read? == 0;
        Ok(())
    }
}

/// A row over several lines has its line breaks inside quotes. Where such a quote ends before anything but a
/// delimiter or a line end, it is the beginning of another value, and the first one was never closed: csv-core
/// would join the two, and swallow the rows between.
fn well_quoted(raw: &[u8], delimiter: u8) -> bool {
    let text = raw.trim_ascii_end();
    if !text.iter().any(|byte| matches!(byte, b'\r' | b'\n')) {
        return true;
    }
    let (mut quoted, mut at_start) = (false, true);
    let mut bytes = text.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' if quoted => match bytes.peek() {
                Some(b'"') => {
                    bytes.next();
                }
                None | Some(b'\r' | b'\n') => quoted = false,
                Some(next) if *next == delimiter => quoted = false,
                Some(_) => return false,
            },
            b'"' if at_start => quoted = true,
            _ => {}
        }
        at_start = !quoted && byte == delimiter;
    }
    !quoted
}
