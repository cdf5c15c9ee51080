//! One reader at work: started in a group of its own, asked on its input, read line by line only as fast as its rows are
//! taken. Secrets go over that pipe and nowhere else. Limits: the time that the source allows for its query, one line of
//! 4 MiB, and the memory of the process.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use messages::ErrorCode;
use messages::connector::Credentials;
use messages::reader::{Ask, Class, Column, Failed, PROTOCOL, Row, Task, Told};
use tokio::io::AsyncWriteExt as _;
use tokio::process::ChildStdin;
use tokio::time::{Instant, timeout_at};

use super::super::CONNECT_WITHIN;
use super::super::fault;
use super::{ReaderConnector, program};
use crate::connector::Failure;
use crate::connector::file_source::off_thread;
use crate::connector::process::{self, Limits, Next, Place, Program, Started};

/// Drivers look at the clock themselves, where they can; this is for those that cannot.
const GRACE: Duration = Duration::from_secs(5);
/// Address space. Drivers that keep a whole result in memory reach it before the till does.
const MEMORY_MIB: u32 = 1_024;

/// Where drivers and data sources are described, and where their libraries lie.
pub(super) const INHERITED: &[&str] = &[
    "ODBCSYSINI",
    "ODBCINI",
    "ODBCINSTINI",
    "FREETDS",
    "FREETDSCONF",
    "LD_LIBRARY_PATH",
    "KRB5_CONFIG",
    "KRB5CCNAME",
    "SystemRoot",
    "SystemDrive",
    "ProgramData",
    "ProgramFiles",
    "CommonProgramFiles",
    "PATH",
];

/// See the module. Ends the reader when it is dropped.
pub(super) struct Session {
    started: Started,
    /// The reader ends when this is closed.
    _input: Option<ChildStdin>,
    called: String,
    place: String,
    query_s: u32,
    query_limit: Duration,
    until: Instant,
    begun: bool,
    heard_any: bool,
    notes: Vec<String>,
}

impl Session {
    pub(super) async fn begin(source: &ReaderConnector, task: Task) -> Result<Self, Failure> {
        let kind = source.source.kind();
        let (name, file) = program::find(source.means.readers.as_deref(), kind)?;
        let scratch = source.means.scratch.clone();
        let place = Arc::new(off_thread(move || Place::new(&scratch)).await?);
        let called = format!("the reader {name}");
        let environment = INHERITED
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), std::env::var_os(name)?)))
            .collect::<BTreeMap<String, OsString>>();
        let program = Program {
            name,
            called: called.clone(),
            file: &file,
            arguments: Vec::new(),
            folder: place.path(),
            environment,
            // Its time is looked at here; this is for a reader whose rows nobody fetches.
            limits: Limits { time_s: source.query_s().saturating_add(3_600), memory_mib: MEMORY_MIB },
            secrets: secrets(source.credentials.as_ref()),
            with_input: true,
        };
        let mut started = process::start(program, &place)?;
        let mut input = started.input.take();
        let ask = Ask {
            protocol: PROTOCOL,
            task,
            source: source.source.clone(),
            credentials: source.credentials.clone(),
        };
        let until = Instant::now() + CONNECT_WITHIN + GRACE;
        if let Some(input) = &mut input {
            let mut line = serde_json::to_vec(&ask)
                .map_err(|error| Failure::new(ErrorCode::Internal, error.to_string()))?;
            line.push(b'\n');
            // One that does not listen has ended, and says why on its output.
            let _unheard = timeout_at(until, input.write_all(&line)).await;
        }
        Ok(Self {
            started,
            _input: input,
            called,
            place: source.place(),
            query_s: source.query_s(),
            query_limit: source.query_limit(),
            until,
            begun: false,
            heard_any: false,
            notes: Vec::new(),
        })
    }

    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// What a technician should know, since it was asked last.
    pub(super) fn notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    pub(super) async fn columns(&mut self) -> Result<Vec<Column>, Failure> {
        loop {
            match self.told().await? {
                Told::Columns(columns) => return Ok(columns),
                Told::Begun | Told::Note(_) => {}
                Told::Row(_) | Told::Failed(_) | Told::End => {
                    return Err(self.broken("says no columns"));
                }
            }
        }
    }

    /// The next row; none at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Row>, Failure> {
        loop {
            match self.told().await? {
                Told::Row(row) => return Ok(Some(row)),
                Told::End => return Ok(None),
                Told::Begun | Told::Note(_) => {}
                Told::Columns(_) | Told::Failed(_) => return Err(self.broken("says columns twice")),
            }
        }
    }

    /// The next line. A failure is told as such.
    async fn told(&mut self) -> Result<Told, Failure> {
        let heard = timeout_at(self.until, self.started.output.advance()).await;
        let line = match heard {
            Err(_) => {
                self.started.life.kill();
                let (class, said) = if self.begun {
                    (Class::TooLong, "it was ended")
                } else {
                    (Class::Trouble, "it does not begin a session in time")
                };
                return Err(fault::failure(class, &self.place, said, self.query_s));
            }
            Ok(Ok(Next::Line)) => self.started.output.line(),
            Ok(Ok(Next::TooLong)) => return Err(self.broken("says a line of more than 4 MiB")),
            Ok(Ok(Next::End)) => return Err(self.ended().await),
            Ok(Err(error)) => return Err(self.broken(&format!("cannot be read: {error}"))),
        };
        let told = serde_json::from_slice(line);
        self.heard_any = true;
        match told {
            Ok(Told::Failed(Failed { class, said })) => {
                let said = self.started.life.clean(&said);
                Err(fault::failure(class, &self.place, &said, self.query_s))
            }
            Ok(Told::Note(note)) => {
                let note = self.started.life.clean(&note);
                self.notes.push(note.clone());
                Ok(Told::Note(note))
            }
            Ok(Told::Begun) => {
                self.begun = true;
                self.until = Instant::now() + self.query_limit + GRACE;
                Ok(Told::Begun)
            }
            Ok(told) => Ok(told),
            Err(_) => {
                Err(self.broken("says what is not understood; install agent and reader of one version"))
            }
        }
    }

    fn broken(&self, what: &str) -> Failure {
        self.started.life.kill();
        Failure::new(ErrorCode::SourceUnreadable, format!("{} {what}", self.called))
    }

    /// It ended before it said so: a driver that crashed, or a machine without what it needs.
    async fn ended(&mut self) -> Failure {
        let why = match self.started.life.end().await {
            Ok(()) => format!("{} ended before it had read everything", self.called),
            Err(why) => why,
        };
        match program::advised(&why) {
            Some(advice) if !self.heard_any => Failure::new(ErrorCode::Unsupported, advice),
            _ => Failure::new(ErrorCode::SourceUnreadable, why),
        }
    }
}

fn secrets(credentials: Option<&Credentials>) -> Vec<String> {
    match credentials {
        Some(Credentials::Password { password }) => vec![password.expose().to_owned()],
        _ => Vec::new(),
    }
}
