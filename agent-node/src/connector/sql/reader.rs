//! Databases whose drivers are foreign code: Firebird, SQL Server, ODBC. A reader, a program beside the agent, holds the
//! driver and tells rows on a pipe; the agent starts it for one reading and ends it when it takes too long or is not wanted any
//! more. The agent itself links none of the drivers. ADR 0034 says why.
//!
//! `program` finds readers and asks what they are, `session` is one at work, `values` (pure) makes rows of what it tells.

mod program;
mod session;
mod values;

use std::time::Duration;

use futures_util::FutureExt as _;
use messages::connector::drivers::{FIREBIRD_PORT, SQL_SERVER_PORT};
use messages::connector::{Credentials, SourceConfig};
use messages::mapping::Mapping;
use messages::reader::{Column, Task};

use self::session::Session;
use self::values::Values;
use super::outflow::Outflow;
use super::{found, header};
use crate::connector::file_source::{channel, received};
use crate::connector::table::Header;
use crate::connector::table::header::Want;
use crate::connector::{Answer, Failure, FoundColumn, Looked, Means, PosConnector, Reading};

pub use program::{Presence, present};

/// Of what a connection string says of the place.
const MOST_PLACE: usize = 200;

/// See the module.
pub struct ReaderConnector {
    source: SourceConfig,
    mapping: Mapping,
    credentials: Option<Credentials>,
    means: Means,
}

impl ReaderConnector {
    #[must_use]
    pub fn new(source: SourceConfig, credentials: Option<Credentials>, means: Means) -> Self {
        Self { source, mapping: Mapping::default(), credentials, means }
    }

    /// Its rows become items as this says.
    #[must_use]
    pub fn mapped(self, mapping: Mapping) -> Self {
        Self { mapping, ..self }
    }

    /// A reader at work, and the columns that it tells.
    async fn begun(&self, task: Task) -> Result<(Session, Vec<Column>), Failure> {
        if self.source.needs_credentials() {
            super::password(self.credentials.as_ref())?;
        }
        let mut session = Session::begin(self, task).await?;
        let columns = session.columns().await?;
        Ok((session, columns))
    }

    fn header(&self, columns: &[Column], want: Want<'_>) -> Result<Header, Failure> {
        let names = columns.iter().map(|column| column.name.clone()).collect();
        header(names, self.source.columns(), want, self.source.decimal_mark())
    }

    /// The columns, from a reader that has ended well.
    async fn described(&self) -> Result<(Header, String), Failure> {
        let (mut session, columns) = self.begun(Task::Describe).await?;
        let header = self.header(&columns, Want::Items(&self.mapping))?;
        while session.next().await?.is_some() {}
        Ok((header, session.place().to_owned()))
    }

    /// As people say it.
    fn place(&self) -> String {
        let port = |port: u16, usual| if port == 0 { usual } else { port };
        match &self.source {
            SourceConfig::Firebird(from) => {
                format!("{} port {}", from.host, port(from.port, FIREBIRD_PORT))
            }
            SourceConfig::SqlServer(from) if !from.instance.is_empty() => {
                format!("{}\\{}", from.host, from.instance)
            }
            SourceConfig::SqlServer(from) => {
                format!("{} port {}", from.host, port(from.port, SQL_SERVER_PORT))
            }
            SourceConfig::Odbc(from) => from.connection.chars().take(MOST_PLACE).collect(),
            other => other.summary(),
        }
    }

    fn query_s(&self) -> u32 {
        match &self.source {
            SourceConfig::Firebird(from) => from.query_s,
            SourceConfig::SqlServer(from) => from.query_s,
            SourceConfig::Odbc(from) => from.query_s,
            _ => 0,
        }
    }

    fn query_limit(&self) -> Duration {
        Duration::from_secs(self.query_s().into())
    }

    fn values(&self, columns: &[Column]) -> Values {
        let encoding = match &self.source {
            SourceConfig::Firebird(from) => from.encoding,
            _ => None,
        };
        Values::new(columns, self.source.decimal_mark().as_char(), encoding)
    }
}

async fn run(
    mut session: Session,
    values: &Values,
    header: &Header,
    out: &mut Outflow,
) -> Result<(), Failure> {
    while let Some(row) = session.next().await? {
        out.start();
        values.fill(&row, header, &mut out.row);
        if !out.take().await {
            return Ok(());
        }
        for note in session.notes() {
            out.note(note);
        }
    }
    for note in session.notes() {
        out.note(note);
    }
    Ok(())
}

impl PosConnector for ReaderConnector {
    fn check(&self) -> Answer<'_, String> {
        async move {
            let (header, place) = self.described().await?;
            Ok(format!("the database at {place} answers; the query has {} columns", header.names.len()))
        }
        .boxed()
    }

    fn discover(&self) -> Answer<'_, Vec<FoundColumn>> {
        async move { Ok(found(&self.described().await?.0)) }.boxed()
    }

    fn look(&self) -> Answer<'_, Looked> {
        async move {
            let (session, columns) = self.begun(Task::Read).await?;
            let (header, place) = (self.header(&columns, Want::Raw)?, session.place().to_owned());
            let mut out = Outflow::looking(header.clone());
            run(session, &self.values(&columns), &header, &mut out).await?;
            Ok(out.looked(place))
        }
        .boxed()
    }

    fn open(&self) -> Answer<'_, Reading> {
        async move {
            let (session, columns) = self.begun(Task::Read).await?;
            let header = self.header(&columns, Want::Items(&self.mapping))?;
            let (to, batches) = channel();
            let mut out = Outflow::new(header.clone(), self.source.decimal_mark().as_char(), to.clone());
            let values = self.values(&columns);
            tokio::spawn(async move {
                let work = async {
                    run(session, &values, &header, &mut out).await?;
                    out.finish().await;
                    Ok::<_, Failure>(())
                };
                tokio::select! {
                    outcome = work => if let Err(failure) = outcome {
                        // Nobody listens when the run is over, and then nobody misses it.
                        let _ignored = to.send(Err(failure)).await;
                    },
                    () = to.closed() => {}
                }
            });
            Ok(Reading { bytes_total: 0, batches: received(batches), afterwards: None })
        }
        .boxed()
    }
}
