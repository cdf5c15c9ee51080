//! A PostgreSQL server: the query is prepared, which proves that it is one statement, and then asked for in the simple
//! protocol, whose values are text. The line takes rows only as fast as they are taken from it.

use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _};
use messages::connector::{Credentials, DatabaseServer, DatabaseTls};
use messages::mapping::Mapping;
use messages::reader::Class;
use rustls_pki_types::ServerName;
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use super::fault;
use super::outflow::Outflow;
use super::tls::{Plain, Shake};
use super::{CONNECT_WITHIN, found, header, password, place, trimmed};
use crate::connector::file_source::{channel, received};
use crate::connector::table::header::Want;
use crate::connector::table::{Header, number};
use crate::connector::{Answer, Failure, FoundColumn, Looked, Means, PosConnector, Reading};
use crate::net::{Dialer, HubAddress};

const USUAL_PORT: u16 = 5_432;
/// The server measures the time of the query itself; this is for one that does not answer any more.
const GRACE: Duration = Duration::from_secs(30);

/// See the module.
pub struct PostgreSqlConnector {
    config: DatabaseServer,
    mapping: Mapping,
    credentials: Option<Credentials>,
    means: Means,
}

/// A session, and what closes its line at once when it is let go.
struct Session {
    client: Client,
    line: tokio::task::AbortHandle,
    place: String,
    query_s: u32,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.line.abort();
    }
}

/// What the query gives.
struct Prepared {
    header: Header,
    /// Are these columns numbers?
    numbers: Vec<bool>,
    booleans: Vec<bool>,
}

impl PostgreSqlConnector {
    #[must_use]
    pub fn new(config: DatabaseServer, credentials: Option<Credentials>, means: Means) -> Self {
        Self { config, mapping: Mapping::default(), credentials, means }
    }

    /// Its rows become items as this says.
    #[must_use]
    pub fn mapped(self, mapping: Mapping) -> Self {
        Self { mapping, ..self }
    }

    async fn session(&self) -> Result<Session, Failure> {
        let (config, place) = (&self.config, place(&self.config, USUAL_PORT));
        let unreachable = |what: String| fault::failure(Class::Trouble, &place, &what, config.query_s);
        // The way to a database leads through no proxy.
        let dialer =
            Dialer::new(self.means.ca_file.as_ref(), None).map_err(|error| unreachable(error.detail))?;
        let port = if config.port == 0 { USUAL_PORT } else { config.port };
        let to = HubAddress { tls: false, host: config.host.clone(), port };
        let stream = Plain(dialer.dial(&to).await.map_err(|error| unreachable(error.detail))?);
        let mut session = Config::new();
        session
            .user(&config.user)
            .password(password(self.credentials.as_ref())?)
            .dbname(&config.database)
            .application_name("grocerysync-agent");
        let told = |error: tokio_postgres::Error| failure(&error, &place, config.query_s);
        let late = || unreachable("it does not begin a session in time".to_owned());
        let (client, line) = match config.tls {
            DatabaseTls::Off => {
                let begun = session.ssl_mode(SslMode::Disable).connect_raw(stream, NoTls);
                let (client, line) =
                    timeout(CONNECT_WITHIN, begun).await.map_err(|_| late())?.map_err(told)?;
                (client, tokio::spawn(line.map(drop)))
            }
            DatabaseTls::Required => {
                let name = ServerName::try_from(config.host.clone()).map_err(|_| {
                    unreachable(format!("{} is not a name a certificate can have", config.host))
                })?;
                let shake = Shake { config: dialer.tls(), name };
                let begun = session.ssl_mode(SslMode::Require).connect_raw(stream, shake);
                let (client, line) =
                    timeout(CONNECT_WITHIN, begun).await.map_err(|_| late())?.map_err(told)?;
                (client, tokio::spawn(line.map(drop)))
            }
        };
        let session = Session { client, line: line.abort_handle(), place, query_s: config.query_s };
        let millis = u64::from(config.query_s) * 1_000;
        session.ask(&format!("begin read only; set local statement_timeout = {millis}")).await?;
        Ok(session)
    }
}

impl Session {
    async fn ask(&self, command: &str) -> Result<(), Failure> {
        self.within(self.client.batch_execute(command)).await
    }

    async fn prepare(&self, config: &DatabaseServer, want: Want<'_>) -> Result<Prepared, Failure> {
        let statement = self.within(self.client.prepare(trimmed(&config.query))).await?;
        if !statement.params().is_empty() {
            let said = "it has parameters, and nothing to put in their place";
            return Err(fault::failure(Class::Query, &self.place, said, self.query_s));
        }
        let columns = statement.columns();
        let names = columns.iter().map(|column| column.name().to_owned()).collect();
        let header = header(names, &config.columns, want, config.decimal_mark)?;
        let number = |kind: &Type| {
            [&Type::NUMERIC, &Type::INT2, &Type::INT4, &Type::INT8, &Type::FLOAT4, &Type::FLOAT8]
                .contains(&kind)
        };
        Ok(Prepared {
            header,
            numbers: columns.iter().map(|column| number(column.type_())).collect(),
            booleans: columns.iter().map(|column| *column.type_() == Type::BOOL).collect(),
        })
    }

    async fn within<T>(
        &self,
        asked: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Failure> {
        let limit = Duration::from_secs(self.query_s.into()) + GRACE;
        match timeout(limit, asked).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(failure(&error, &self.place, self.query_s)),
            Err(_) => {
                Err(fault::failure(Class::Trouble, &self.place, "it does not answer any more", self.query_s))
            }
        }
    }

    async fn run(
        self,
        query: String,
        prepared: Prepared,
        mark: char,
        out: &mut Outflow,
    ) -> Result<(), Failure> {
        let rows = self.within(self.client.simple_query_raw(&query)).await?;
        let mut rows = std::pin::pin!(rows);
        loop {
            let next = self.within(async { rows.next().await.transpose() }).await?;
            let Some(message) = next else { break };
            let SimpleQueryMessage::Row(row) = message else { continue };
            out.start();
            for at in 0..row.len() {
                let value = row.try_get(at).ok().flatten().unwrap_or_default();
                if prepared.numbers.get(at) == Some(&true) {
                    out.row.push_number(&number::plain(value), mark);
                } else if prepared.booleans.get(at) == Some(&true) {
                    out.row.push(match value {
                        "t" => "true",
                        "f" => "false",
                        other => other,
                    });
                } else {
                    out.row.push(value);
                }
            }
            if !out.take().await {
                break;
            }
        }
        Ok(())
    }
}

fn failure(error: &tokio_postgres::Error, place: &str, query_s: u32) -> Failure {
    match error.as_db_error() {
        Some(said) => fault::failure(fault::of_state(said.code().code()), place, said.message(), query_s),
        None => {
            // The cause says more than "error performing TLS handshake".
            let cause =
                std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
            fault::failure(Class::Trouble, place, &format!("{error}{cause}"), query_s)
        }
    }
}

impl PosConnector for PostgreSqlConnector {
    fn check(&self) -> Answer<'_, String> {
        async move {
            let session = self.session().await?;
            let columns = session.prepare(&self.config, Want::Items(&self.mapping)).await?.header.names.len();
            Ok(format!("the database at {} answers; the query has {columns} columns", session.place))
        }
        .boxed()
    }

    fn discover(&self) -> Answer<'_, Vec<FoundColumn>> {
        async move {
            let want = Want::Items(&self.mapping);
            Ok(found(&self.session().await?.prepare(&self.config, want).await?.header))
        }
        .boxed()
    }

    fn look(&self) -> Answer<'_, Looked> {
        async move {
            let session = self.session().await?;
            let (prepared, place) = (session.prepare(&self.config, Want::Raw).await?, session.place.clone());
            let (query, mark) = (trimmed(&self.config.query).to_owned(), self.config.decimal_mark.as_char());
            let mut out = Outflow::looking(prepared.header.clone());
            session.run(query, prepared, mark, &mut out).await?;
            Ok(out.looked(place))
        }
        .boxed()
    }

    fn open(&self) -> Answer<'_, Reading> {
        async move {
            let session = self.session().await?;
            let prepared = session.prepare(&self.config, Want::Items(&self.mapping)).await?;
            let (query, mark) = (trimmed(&self.config.query).to_owned(), self.config.decimal_mark.as_char());
            let (to, batches) = channel();
            let mut out = Outflow::new(prepared.header.clone(), mark, to.clone());
            tokio::spawn(async move {
                let work = async {
                    session.run(query, prepared, mark, &mut out).await?;
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
