//! A database file of SQLite, opened for reading only, on a thread of its own. A query that takes too long, or that
//! nobody waits for any more, is interrupted.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use messages::connector::SqliteSource;
use messages::inspect::Sample;
use messages::mapping::Mapping;
use messages::reader::Class;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode as Code, OpenFlags, Statement};
use tokio::sync::mpsc;

use super::fault;
use super::{found, header, trimmed};
use crate::connector::file_source::{channel, off_thread, received};
use crate::connector::table::header::Want;
use crate::connector::table::tally::HandOver;
use crate::connector::table::{Header, Row, Tally, number};
use crate::connector::{Answer, Failure, FoundColumn, Looked, PosConnector, Reading, files};

/// The program that owns the file may be writing.
const BUSY_WITHIN: Duration = Duration::from_secs(5);
/// Of pages, in KiB; what does not fit is read again.
const CACHE_KB: i64 = 4_096;

/// See the module.
pub struct SqliteConnector {
    config: SqliteSource,
    mapping: Arc<Mapping>,
}

impl SqliteConnector {
    #[must_use]
    pub fn new(config: SqliteSource) -> Self {
        Self { config, mapping: Arc::default() }
    }

    /// Its rows become items as this says.
    #[must_use]
    pub fn mapped(self, mapping: Mapping) -> Self {
        Self { mapping: Arc::new(mapping), ..self }
    }

    /// The open file, and what the query gives.
    async fn opened(&self) -> Result<(Connection, Header), Failure> {
        let (config, mapping) = (self.config.clone(), self.mapping.clone());
        off_thread(move || {
            let connection = open(&config)?;
            let header = prepared(&connection, &config, Want::Items(&mapping))?.1;
            Ok((connection, header))
        })
        .await
    }
}

fn open(config: &SqliteSource) -> Result<Connection, Failure> {
    // SQLite says "unable to open" for everything; this says why.
    let file = files::look(config.path.as_ref())?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let told = |error: rusqlite::Error| failure(&error, config);
    let connection = Connection::open_with_flags(&file.path, flags).map_err(told)?;
    connection.busy_timeout(BUSY_WITHIN).map_err(told)?;
    connection.pragma_update(None, "query_only", true).map_err(told)?;
    connection.pragma_update(None, "cache_size", -CACHE_KB).map_err(told)?;
    Ok(connection)
}

fn prepared<'c>(
    connection: &'c Connection,
    config: &SqliteSource,
    want: Want<'_>,
) -> Result<(Statement<'c>, Header), Failure> {
    let statement = connection.prepare(trimmed(&config.query)).map_err(|error| failure(&error, config))?;
    let said = |class, what: &str| fault::failure(class, &config.path, what, config.query_s);
    if !statement.readonly() {
        return Err(said(Class::Writes, "it is no select"));
    }
    if statement.parameter_count() > 0 {
        return Err(said(Class::Query, "it has parameters, and nothing to put in their place"));
    }
    let names = statement.column_names().map(str::to_owned).collect();
    let header = header(names, &config.columns, want, config.decimal_mark)?;
    Ok((statement, header))
}

fn fill(
    row: &mut Row,
    values: &rusqlite::Row<'_>,
    header: &Header,
    config: &SqliteSource,
) -> Result<(), Failure> {
    for at in 0..header.names.len() {
        match values.get_ref(at).map_err(|error| failure(&error, config))? {
            ValueRef::Null => row.push(""),
            ValueRef::Integer(whole) => row.push(&whole.to_string()),
            ValueRef::Real(double) => {
                row.push_number(&number::of_a_double(double), config.decimal_mark.as_char());
            }
            ValueRef::Text(text) => row.push(&String::from_utf8_lossy(text)),
            ValueRef::Blob(_) if header.is_read(at) => row.push_refused("", "holds binary data"),
            ValueRef::Blob(_) => row.push(""),
        }
    }
    Ok(())
}

/// The first rows, as they are.
fn look(connection: &Connection, config: &SqliteSource) -> Result<Looked, Failure> {
    let told = |error: rusqlite::Error| failure(&error, config);
    let (mut statement, header) = prepared(connection, config, Want::Raw)?;
    let (mut row, mut sample) = (Row::default(), Sample::default());
    let mut rows = statement.query([]).map_err(told)?;
    while let Some(values) = rows.next().map_err(told)? {
        row.start(0);
        fill(&mut row, values, &header, config)?;
        if !sample.take((0..row.columns()).map(|at| row.value(at))) {
            break;
        }
    }
    Ok(Looked { place: config.path.clone(), columns: header.names, sample })
}

fn read(
    connection: &Connection,
    config: &SqliteSource,
    mapping: &Mapping,
    hand_over: &HandOver<'_>,
) -> Result<(), Failure> {
    let told = |error: rusqlite::Error| failure(&error, config);
    let (mut statement, header) = prepared(connection, config, Want::Items(mapping))?;
    let mut tally = Tally::new(false, config.decimal_mark.as_char());
    let (mut row, mut bytes) = (Row::default(), 0_u64);
    let mut rows = statement.query([]).map_err(told)?;
    for count in 1.. {
        let Some(values) = rows.next().map_err(told)? else { break };
        row.start(count);
        fill(&mut row, values, &header, config)?;
        bytes += row.text().len() as u64;
        if !tally.take(&header, &row, bytes, hand_over) {
            return Ok(());
        }
    }
    tally.end_of_part(bytes);
    tally.finish(hand_over);
    Ok(())
}

fn failure(error: &rusqlite::Error, config: &SqliteSource) -> Failure {
    let class = match error {
        rusqlite::Error::SqlInputError { .. } | rusqlite::Error::MultipleStatement => Class::Query,
        rusqlite::Error::SqliteFailure(inner, _) => match inner.code {
            Code::OperationInterrupted => Class::TooLong,
            Code::ReadOnly | Code::AuthorizationForStatementDenied => Class::Writes,
            Code::NotADatabase | Code::TypeMismatch | Code::TooBig | Code::Unknown => Class::Query,
            _ => Class::Trouble,
        },
        _ => Class::Trouble,
    };
    fault::failure(class, &config.path, &error.to_string(), config.query_s)
}

impl PosConnector for SqliteConnector {
    fn check(&self) -> Answer<'_, String> {
        async move {
            let (_, header) = self.opened().await?;
            Ok(format!("{} can be read; the query has {} columns", self.config.path, header.names.len()))
        }
        .boxed()
    }

    fn discover(&self) -> Answer<'_, Vec<FoundColumn>> {
        async move { Ok(found(&self.opened().await?.1)) }.boxed()
    }

    fn look(&self) -> Answer<'_, Looked> {
        async move {
            let (config, limit) = (self.config.clone(), Duration::from_secs(self.config.query_s.into()));
            let connection = off_thread(move || open(&config)).await?;
            let config = self.config.clone();
            let interrupt = connection.get_interrupt_handle();
            let (waiting, mut gone) = mpsc::channel::<()>(1);
            tokio::spawn(async move {
                // It takes too long, or whoever waited has what was wanted, or is gone.
                drop(tokio::time::timeout(limit, gone.recv()).await);
                interrupt.interrupt();
            });
            let looked = off_thread(move || look(&connection, &config)).await;
            drop(waiting);
            looked
        }
        .boxed()
    }

    fn open(&self) -> Answer<'_, Reading> {
        async move {
            let (connection, _) = self.opened().await?;
            let interrupt = connection.get_interrupt_handle();
            let (to, batches) = channel();
            let (config, mapping, gone) = (self.config.clone(), self.mapping.clone(), to.clone());
            let limit = Duration::from_secs(config.query_s.into());
            let watch = tokio::spawn(async move {
                tokio::select! {
                    () = tokio::time::sleep(limit) => {}
                    () = gone.closed() => {}
                }
                interrupt.interrupt();
            });
            tokio::task::spawn_blocking(move || {
                let read = read(&connection, &config, &mapping, &|batch| to.blocking_send(Ok(batch)).is_ok());
                watch.abort();
                if let Err(failure) = read {
                    // Nobody listens when the run is over, and then nobody misses it.
                    let _ignored = to.blocking_send(Err(failure));
                }
            });
            Ok(Reading { bytes_total: 0, batches: received(batches), afterwards: None })
        }
        .boxed()
    }
}
