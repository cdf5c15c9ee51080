//! A tap at work: its lines one after the other, of which the records of one stream count.

use messages::ErrorCode;

use super::message::{self, Said};
use super::state::MOST_STATE;
use crate::connector::Failure;
use crate::connector::process::{Next, Started};
use crate::connector::table::header::listed;

/// Streams that are remembered, to be told.
const MOST_STREAMS: usize = 20;
/// Warnings are fetched after so many records; it costs a lock.
const NOTES_EVERY: u64 = 256;

/// See the module.
pub(super) struct Tap {
    started: Started,
    plugin: String,
    /// Names of the one stream; empty: the first one that comes is the only one.
    names: Vec<String>,
    /// Nobody has named it: then it must be the only one.
    unnamed: bool,
    properties: Vec<String>,
    record: Vec<u8>,
    /// A record was read and not handed over.
    pending: bool,
    seen: bool,
    others: Vec<String>,
    state: Option<String>,
    records: u64,
    ended: bool,
}

/// What came next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// See [`Tap::record`].
    Record,
    /// It ended, and well.
    End,
}

/// What one line was.
enum Line {
    Record,
    Schema,
    Nothing,
    End,
}

impl Tap {
    pub(super) fn new(started: Started, plugin: &str, names: Vec<String>) -> Self {
        Self {
            started,
            plugin: plugin.to_owned(),
            unnamed: names.is_empty(),
            names,
            properties: Vec::new(),
            record: Vec::new(),
            pending: false,
            seen: false,
            others: Vec::new(),
            state: None,
            records: 0,
            ended: false,
        }
    }

    /// Reads until it is known what the records have. A tap that has nothing new may end before that.
    pub(super) async fn begin(&mut self) -> Result<(), Failure> {
        loop {
            match self.line().await? {
                Line::Nothing => {}
                Line::Record => {
                    self.pending = true;
                    return Ok(());
                }
                Line::Schema => return Ok(()),
                Line::End => return self.close().await,
            }
        }
    }

    pub(super) async fn next(&mut self) -> Result<Heard, Failure> {
        if std::mem::take(&mut self.pending) {
            return Ok(Heard::Record);
        }
        while !self.ended {
            match self.line().await? {
                Line::Record => return Ok(Heard::Record),
                Line::Nothing | Line::Schema => {}
                Line::End => self.close().await?,
            }
        }
        Ok(Heard::End)
    }

    /// Its output has ended: was it a good end?
    async fn close(&mut self) -> Result<(), Failure> {
        self.ended = true;
        let ended = self.started.life.end().await;
        ended.map_err(|what| Failure::new(ErrorCode::SourceUnreadable, what))?;
        if self.seen || self.names.is_empty() {
            return Ok(());
        }
        let gave = if self.others.is_empty() {
            "it gave nothing".to_owned()
        } else {
            format!("it gave {}", listed(&self.others))
        };
        let detail = format!("the plugin \"{}\" gave no stream \"{}\"; {gave}", self.plugin, self.stream());
        Err(Failure::new(ErrorCode::SourceMalformed, detail))
    }

    async fn line(&mut self) -> Result<Line, Failure> {
        let output = &mut self.started.output;
        let malformed = |what: String| Failure::new(ErrorCode::SourceMalformed, what);
        match output.advance().await {
            Ok(Next::End) => return Ok(Line::End),
            Ok(Next::Line) => {}
            Ok(Next::TooLong) => {
                let (plugin, number) = (&self.plugin, output.number());
                return Err(malformed(format!(
                    "line {number} of the plugin \"{plugin}\" has more than 4 MiB"
                )));
            }
            Err(error) => {
                let detail = format!("the plugin \"{}\" cannot be read: {error}", self.plugin);
                return Err(Failure::new(ErrorCode::SourceUnreadable, detail));
            }
        }
        if output.line().iter().all(u8::is_ascii_whitespace) {
            return Ok(Line::Nothing);
        }
        let said = message::said(output.line()).map_err(|what| {
            let what = self.started.life.clean(&what);
            malformed(format!("line {} of the plugin \"{}\" {what}", output.number(), self.plugin))
        })?;
        match said {
            Said::Schema { stream, properties } => {
                let wanted = wanted(&mut self.names, &mut self.others, &stream);
                if !wanted && self.unnamed {
                    let (one, plugin) = (self.names.join(" or "), &self.plugin);
                    let detail = format!(
                        "the plugin \"{plugin}\" gives several streams, \"{one}\" and \"{stream}\"; name one"
                    );
                    return Err(malformed(detail));
                }
                if wanted {
                    self.properties = properties;
                }
                self.seen |= wanted;
                Ok(if wanted { Line::Schema } else { Line::Nothing })
            }
            Said::Record { stream, record } => {
                if !wanted(&mut self.names, &mut self.others, &stream) {
                    return Ok(Line::Nothing);
                }
                self.record.clear();
                self.record.extend_from_slice(record.get().as_bytes());
                self.seen = true;
                self.records += 1;
                Ok(Line::Record)
            }
            Said::State(state) if state.get().len() <= MOST_STATE => {
                self.state = Some(state.get().to_owned());
                Ok(Line::Nothing)
            }
            Said::State(_) => {
                Err(malformed(format!("the state of the plugin \"{}\" has more than 1 MiB", self.plugin)))
            }
            Said::Other => Ok(Line::Nothing),
        }
    }

    /// The record that was heard last, as JSON.
    pub(super) fn record(&self) -> &[u8] {
        &self.record
    }

    pub(super) fn stream(&self) -> String {
        self.names.join("\" or \"")
    }

    /// Paths of the values that records have, as far as the tap says.
    pub(super) fn properties(&self) -> &[String] {
        &self.properties
    }

    /// What it warns of; looked at now and then, and at the end.
    pub(super) fn notes(&self) -> Vec<String> {
        if self.ended || self.records.is_multiple_of(NOTES_EVERY) {
            self.started.life.notes()
        } else {
            Vec::new()
        }
    }

    /// Where it stands.
    pub(super) fn take_state(&mut self) -> Option<String> {
        self.state.take()
    }
}

/// Is this the stream? Where none was named, the first one is, and there must be no other.
fn wanted(names: &mut Vec<String>, others: &mut Vec<String>, found: &str) -> bool {
    if names.is_empty() {
        names.push(found.to_owned());
    }
    if names.iter().any(|name| name == found) {
        return true;
    }
    if others.len() < MOST_STREAMS && !others.iter().any(|other| other == found) {
        others.push(found.to_owned());
    }
    false
}
