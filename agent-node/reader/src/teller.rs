//! Tells columns, rows and the end, each as one line.

use std::io::{BufWriter, Write};

use messages::reader::{Column, Failed, MOST_LINE, Row, Told};

use crate::Stop;

/// Lines are handed over together, for each hand-over costs both programs a look.
const TOGETHER: usize = 64 * 1024;
/// Of what a driver says of a failure.
const MOST_SAID: usize = 2_000;

/// See the module.
pub struct Teller<W: Write> {
    to: BufWriter<W>,
    line: Vec<u8>,
}

impl<W: Write> Teller<W> {
    pub fn new(to: W) -> Self {
        Self { to: BufWriter::with_capacity(TOGETHER, to), line: Vec::new() }
    }

    /// The database is there.
    pub fn begun(&mut self) -> Result<(), Stop> {
        self.tell(&Told::Begun)?;
        self.to.flush().map_err(|_| Stop::Gone)
    }

    /// What the query has, at once: somebody waits for it.
    pub fn columns(&mut self, columns: Vec<Column>) -> Result<(), Stop> {
        self.tell(&Told::Columns(columns))?;
        self.to.flush().map_err(|_| Stop::Gone)
    }

    pub fn row(&mut self, row: Row) -> Result<(), Stop> {
        let columns = row.values.len();
        self.write(&Told::Row(row));
        if self.line.len() > MOST_LINE {
            let refused =
                (0..columns).map(|at| (at, "stands in a row of more than 2 MiB".to_owned())).collect();
            self.write(&Told::Row(Row { values: vec![None; columns], refused, bytes: Vec::new() }));
        }
        self.send()
    }

    pub fn note(&mut self, note: impl Into<String>) -> Result<(), Stop> {
        self.tell(&Told::Note(note.into()))
    }

    /// The last line of a reading that went well.
    pub fn end(mut self) -> Result<(), Stop> {
        self.tell(&Told::End)?;
        self.to.flush().map_err(|_| Stop::Gone)
    }

    /// The last line of one that did not.
    pub fn failed(mut self, mut failed: Failed) -> Result<(), Stop> {
        failed.said = failed.said.chars().take(MOST_SAID).collect();
        self.tell(&Told::Failed(failed))?;
        self.to.flush().map_err(|_| Stop::Gone)
    }

    fn tell(&mut self, told: &Told) -> Result<(), Stop> {
        self.write(told);
        self.send()
    }

    fn write(&mut self, told: &Told) {
        self.line.clear();
        // Text and numbers into memory: nothing of it can fail.
        let _infallible = serde_json::to_writer(&mut self.line, told);
        self.line.push(b'\n');
    }

    fn send(&mut self) -> Result<(), Stop> {
        self.to.write_all(&self.line).map_err(|_| Stop::Gone)
    }
}

#[cfg(test)]
mod tests {
    use messages::reader::Class;

    use super::*;

    #[test]
    fn each_is_a_line_and_the_last_one_tells_how_it_went() {
        let mut told = Vec::new();
        let mut teller = Teller::new(&mut told);
        teller.begun().unwrap();
        teller.columns(vec![Column { name: "a\nb".into(), number: false }]).unwrap();
        teller.row(Row { values: vec![Some("x\ny".into())], ..Row::default() }).unwrap();
        teller.note("seen").unwrap();
        teller.end().unwrap();
        let lines: Vec<Told> = String::from_utf8(told)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 5);
        assert_eq!(lines[4], Told::End);
        let mut told = Vec::new();
        Teller::new(&mut told).failed(Failed::new(Class::Trouble, "x".repeat(9_000))).unwrap();
        assert!(told.len() < 2_100 && told.ends_with(b"\n"));
    }

    #[test]
    fn a_row_that_is_too_long_is_refused_and_the_next_one_told() {
        let mut told = Vec::new();
        let mut teller = Teller::new(&mut told);
        teller.row(Row { values: vec![Some("x".repeat(MOST_LINE)), None], ..Row::default() }).unwrap();
        teller.row(Row { values: vec![Some("y".into()), None], ..Row::default() }).unwrap();
        teller.end().unwrap();
        let text = String::from_utf8(told).unwrap();
        let lines: Vec<Told> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let Told::Row(first) = &lines[0] else { panic!("{lines:?}") };
        assert_eq!((first.values.as_slice(), first.refused.len()), (&[None, None][..], 2));
        assert_eq!(lines.len(), 3);
    }
}
