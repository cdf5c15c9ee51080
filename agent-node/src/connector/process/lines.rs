//! Lines of a program, one after the other, in bounded memory whatever it writes.

use std::io;

use tokio::io::{AsyncBufRead as _, AsyncBufReadExt as _, AsyncRead, BufReader};

/// See the module.
pub(in crate::connector) struct Lines<R> {
    from: BufReader<R>,
    line: Vec<u8>,
    number: u64,
    most: usize,
    /// The rest of a line that is too long is skipped; otherwise it ends the reading.
    cut: bool,
}

/// What came next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::connector) enum Next {
    Line,
    /// A line of which only the beginning is there.
    TooLong,
    End,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    /// Lines of so many bytes at most.
    pub(in crate::connector) fn new(from: R, most: usize) -> Self {
        Self {
            from: BufReader::with_capacity(64 * 1024, from),
            line: Vec::new(),
            number: 0,
            most,
            cut: false,
        }
    }

    /// Lines of which what is beyond so many bytes is skipped.
    pub(in crate::connector) fn cut(from: R, most: usize) -> Self {
        Self { cut: true, ..Self::new(from, most) }
    }

    pub(in crate::connector) async fn advance(&mut self) -> io::Result<Next> {
        self.line.clear();
        let (mut any, mut whole) = (false, true);
        loop {
            let buffer = self.from.fill_buf().await?;
            if buffer.is_empty() {
                if !any {
                    return Ok(Next::End);
                }
                break;
            }
            any = true;
            let end = memchr::memchr(b'\n', buffer);
            let taken = end.unwrap_or(buffer.len());
            let room = self.most - self.line.len();
            self.line.extend_from_slice(&buffer[..taken.min(room)]);
            whole &= taken <= room;
            let used = taken + usize::from(end.is_some());
            std::pin::Pin::new(&mut self.from).consume(used);
            if end.is_some() || (!whole && !self.cut) {
                break;
            }
        }
        self.number += 1;
        Ok(if whole { Next::Line } else { Next::TooLong })
    }

    /// The present line, without its end.
    pub(in crate::connector) fn line(&self) -> &[u8] {
        self.line.strip_suffix(b"\r").unwrap_or(&self.line)
    }

    /// Of the present line, counted from 1.
    pub(in crate::connector) const fn number(&self) -> u64 {
        self.number
    }

    pub(in crate::connector) fn into_inner(self) -> BufReader<R> {
        self.from
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(mut lines: Lines<&[u8]>) -> Vec<(String, Next)> {
        let mut all = Vec::new();
        loop {
            let next = lines.advance().await.unwrap();
            if next == Next::End {
                return all;
            }
            all.push((String::from_utf8(lines.line().to_vec()).unwrap(), next));
            if next == Next::TooLong && !lines.cut {
                return all;
            }
        }
    }

    #[tokio::test]
    async fn lines_end_where_they_should() {
        let told = all(Lines::new(&b"one\r\n\ntwo\nlast"[..], 10)).await;
        let words: Vec<_> = told.iter().map(|(line, _)| line.as_str()).collect();
        assert_eq!(words, ["one", "", "two", "last"]);
    }

    #[tokio::test]
    async fn a_line_without_an_end_takes_no_more_memory() {
        let flood = "x".repeat(1_000_000) + "\nnext\n";
        let told = all(Lines::new(flood.as_bytes(), 100)).await;
        assert_eq!(told, [("x".repeat(100), Next::TooLong)]);
        let told = all(Lines::cut(flood.as_bytes(), 100)).await;
        assert_eq!(told, [("x".repeat(100), Next::TooLong), ("next".to_owned(), Next::Line)]);
    }
}
