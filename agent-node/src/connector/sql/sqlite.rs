//! A database file of SQLite, opened for reading only, on a thread of its own. A query that takes too long, or that
//! nobody waits for any more, is interrupted.

use std::time::Duration;

use futures_util::FutureExt as _;
use messages::connector::SqliteSource;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode as Code, OpenFlags, Statement};

use super::fault::{self, Kind};
use super::{found, header, trimmed};
use crate::connector::file_source::{channel, off_thread, received};
use crate::connector::table::tally::HandOver;
use crate::connector::table::{Header, Row, Tally, number};
use crate::connector::{Answer, Failure, FoundColumn, PosConnector, Reading, files};

/// The program that owns the file may be writing.
const BUSY_WITHIN: Duration = Duration::from_secs(5);
/// Of pages, in KiB; what does not fit is read again.
const CACHE_KB: i64 = 4_096;

/// See the module.
pub struct SqliteConnector {
    config: SqliteSource,
}

impl SqliteConnector {
    #[must_use]
    pub const fn new(config: SqliteSource) -> Self {
        Self { config }
    }

    /// The open file, and what the query gives.
    async fn opened(&self) -> Result<(Connection, Header), Failure> {
        let config = self.config.clone();
        off_thread(move || {
            let connection = open(&config)?;
            let header = prepared(&connection, &config)?.1;
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
) -> Result<(Statement<'c>, Header), Failure> {
    let statement = connection.prepare(trimmed(&config.query)).map_err(|error| failure(&error, config))?;
    let said = |kind, what: &str| fault::failure(kind, &config.path, what, config.query_s);
    if !statement.readonly() {
        return Err(said(Kind::Writes, "it is no select"));
    }
    if statement.parameter_count() > 0 {
        return Err(said(Kind::Query, "it has parameters, and nothing to put in their place"));
    }
    let names = statement.column_names().map(str::to_owned).collect();
    let header = header(names, &config.columns)?;
    Ok((statement, header))
}

fn read(connection: &Connection, config: &SqliteSource, hand_over: &HandOver<'_>) -> Result<(), Failure> {
    let told = |error: rusqlite::Error| failure(&error, config);
    let (mut statement, header) = prepared(connection, config)?;
    let (mark, columns) = (config.decimal_mark.as_char(), header.names.len());
    let mut tally = Tally::new(false, mark);
    let (mut row, mut bytes) = (Row::default(), 0_u64);
    let mut rows = statement.query([]).map_err(told)?;
    for count in 1.. {
        let Some(values) = rows.next().map_err(told)? else { break };
        row.start(count);
        for at in 0..columns {
            match values.get_ref(at).map_err(told)? {
                ValueRef::Null => row.push(""),
                ValueRef::Integer(whole) => row.push(&whole.to_string()),
                ValueRef::Real(double) => row.push_number(&number::of_a_double(double), mark),
                ValueRef::Text(text) => row.push(&String::from_utf8_lossy(text)),
                ValueRef::Blob(_) if header.field(at).is_some() => row.push_refused("", "holds binary data"),
                ValueRef::Blob(_) => row.push(""),
            }
        }
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
    let kind = match error {
        rusqlite::Error::SqlInputError { .. } | rusqlite::Error::MultipleStatement => Kind::Query,
        rusqlite::Error::SqliteFailure(inner, _) => match inner.code {
            Code::OperationInterrupted => Kind::TooLong,
            Code::ReadOnly | Code::AuthorizationForStatementDenied => Kind::Writes,
            Code::NotADatabase | Code::TypeMismatch | Code::TooBig | Code::Unknown => Kind::Query,
            _ => Kind::Trouble,
        },
        _ => Kind::Trouble,
    };
    fault::failure(kind, &config.path, &error.to_string(), config.query_s)
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

    fn open(&self) -> Answer<'_, Reading> {
        async move {
            let (connection, _) = self.opened().await?;
            let interrupt = connection.get_interrupt_handle();
            let (to, batches) = channel();
            let (config, gone) = (self.config.clone(), to.clone());
            let limit = Duration::from_secs(config.query_s.into());
            let watch = tokio::spawn(async move {
                tokio::select! {
                    () = tokio::time::sleep(limit) => {}
                    () = gone.closed() => {}
                }
                interrupt.interrupt();
            });
            tokio::task::spawn_blocking(move || {
                let read = read(&connection, &config, &|batch| to.blocking_send(Ok(batch)).is_ok());
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
