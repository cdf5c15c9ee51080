//! What the tool shows a person: one line per step, with its time and how it ended.
//! On a terminal a long quiet step shows a running clock; elsewhere it says a plain line now and then.
//! The only file of the tool that prints; the rest hands its words to it.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "printing is what this file is for")]

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use anyhow::Result;

/// How often a step that is still running says so where no clock can tick in place.
const PLAIN_REMINDER: Duration = Duration::from_secs(30);

/// Longest remark shown beside a running clock, so that the line does not wrap and stays in place.
const REMARK_WIDTH: usize = 60;

/// A plain line.
pub(crate) fn say(text: &str) {
    println!("{text}");
}

/// A heading above what follows.
pub(crate) fn heading(text: &str) {
    println!("\n── {text}");
}

/// Why the tool failed, each cause on a line of its own; without a backtrace, which tells a person nothing.
pub(crate) fn complain(failure: &anyhow::Error) {
    let causes: Vec<String> = failure.chain().map(ToString::to_string).collect();
    eprintln!("\nerror: {}", causes.join("\n  because: "));
}

/// Runs one named piece of work and says how long it took and whether it worked.
pub(crate) fn step<T>(name: &str, work: impl FnOnce(&mut Step) -> Result<T>) -> Result<T> {
    let mut step = Step::begin(name);
    let outcome = work(&mut step);
    step.end(outcome.is_ok());
    outcome
}

/// A piece of work that is under way.
pub(crate) struct Step {
    name: String,
    begun: Instant,
    spoke: Instant,
    in_place: bool,
    clock_shown: bool,
    result: Option<String>,
}

impl Step {
    fn begin(name: &str) -> Self {
        let now = Instant::now();
        Self {
            name: name.to_owned(),
            begun: now,
            spoke: now,
            in_place: std::io::stdout().is_terminal(),
            clock_shown: false,
            result: None,
        }
    }

    /// Shows that the step is alive; cheap enough to call several times a second.
    pub(crate) fn tick(&mut self, remark: &str) {
        let remark: String = remark.trim().chars().take(REMARK_WIDTH).collect();
        if self.in_place {
            print!("\r\x1b[2K… {}  {}  {remark}", self.name, short_time(self.begun.elapsed()));
            let _flushed = std::io::stdout().flush();
            self.clock_shown = true;
        } else if self.spoke.elapsed() >= PLAIN_REMINDER {
            println!("… {}  {}  {remark}", self.name, short_time(self.begun.elapsed()));
            self.spoke = Instant::now();
        }
    }

    /// What the closing line shall say beside the name.
    pub(crate) fn result(&mut self, text: impl Into<String>) {
        self.result = Some(text.into());
    }

    fn end(self, worked: bool) {
        let erase = if self.clock_shown { "\r\x1b[2K" } else { "" };
        let mark = if worked { "✓" } else { "✗" };
        let result = self.result.map(|text| format!("  {text}")).unwrap_or_default();
        println!("{erase}{mark} {}  {}{result}", self.name, short_time(self.begun.elapsed()));
    }
}

/// `0.46 ms`, `850 ms`, `12.3 s`, `4 min 05 s`: as exact as a person needs it.
pub(crate) fn short_time(time: Duration) -> String {
    let seconds = time.as_secs();
    if time.as_millis() < 10 {
        format!("{}.{:02} ms", time.as_millis(), time.subsec_micros() % 1000 / 10)
    } else if seconds < 1 {
        format!("{} ms", time.as_millis())
    } else if seconds < 60 {
        format!("{}.{} s", seconds, time.subsec_millis() / 100)
    } else {
        format!("{} min {:02} s", seconds / 60, seconds % 60)
    }
}

/// `512 B`, `12.4 KiB`, `3.1 MiB`, without floating point.
pub(crate) fn short_size(bytes: u64) -> String {
    const KIB: u64 = 1024;
    const MIB: u64 = KIB * KIB;
    let tenths = |unit: u64| format!("{}.{}", bytes / unit, (bytes % unit) * 10 / unit);
    match bytes {
        0..KIB => format!("{bytes} B"),
        KIB..MIB => format!("{} KiB", tenths(KIB)),
        _ => format!("{} MiB", tenths(MIB)),
    }
}

/// A table with aligned columns: the first to the left, the rest to the right.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = head.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> = cells
            .zip(&widths)
            .enumerate()
            .map(
                |(column, (cell, &width))| {
                    if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
                },
            )
            .collect();
        format!("{}\n", padded.join("  ").trim_end())
    };
    let mut text = line(&mut head.iter().copied());
    let rule: Vec<String> = widths.iter().map(|&width| "─".repeat(width)).collect();
    text.push_str(&line(&mut rule.iter().map(String::as_str)));
    for row in rows {
        text.push_str(&line(&mut row.iter().map(String::as_str)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_as_exact_as_needed() {
        let shown = |millis| short_time(Duration::from_millis(millis));
        assert_eq!(short_time(Duration::from_micros(467)), "0.46 ms");
        assert_eq!(shown(850), "850 ms");
        assert_eq!(shown(12_340), "12.3 s");
        assert_eq!(shown(245_000), "4 min 05 s");
    }

    #[test]
    fn sizes_keep_one_digit() {
        assert_eq!(short_size(512), "512 B");
        assert_eq!(short_size(1_900), "1.8 KiB");
        assert_eq!(short_size(12_700), "12.4 KiB");
        assert_eq!(short_size(3 * 1024 * 1024 + 110_000), "3.1 MiB");
    }

    #[test]
    fn a_table_lines_its_columns_up() {
        let rows = vec![vec!["wasm".to_owned(), "7".to_owned()], vec!["a".to_owned(), "1234".to_owned()]];
        assert_eq!(table(&["what", "bytes"], &rows), "what  bytes\n────  ─────\nwasm      7\na      1234\n");
    }
}
