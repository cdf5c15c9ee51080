//! A MySQL or MariaDB server: the query is prepared, which proves that it is one statement, and then asked for in the
//! text protocol. Rows are read from the line as they are taken.

use std::time::Duration;

use futures_util::FutureExt as _;
use messages::connector::{Credentials, DatabaseServer, DatabaseTls};
use messages::mapping::Mapping;
use messages::reader::Class;
use mysql_async::consts::ColumnType;
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Opts, OptsBuilder, SslOpts, Value};
use tokio::time::timeout;

use super::fault;
use super::outflow::Outflow;
use super::{CONNECT_WITHIN, found, header, password, place, trimmed};
use crate::connector::file_source::{channel, received};
use crate::connector::table::header::Want;
use crate::connector::table::{Header, number};
use crate::connector::{Answer, Failure, FoundColumn, Looked, Means, PosConnector, Reading};
use crate::net::dial;

const USUAL_PORT: u16 = 3_306;
/// The server measures the time of the query itself; this is for one that does not answer any more.
const GRACE: Duration = Duration::from_secs(30);

/// See the module.
pub struct MySqlConnector {
    config: DatabaseServer,
    mapping: Mapping,
    credentials: Option<Credentials>,
    means: Means,
}

struct Session {
    line: Conn,
    place: String,
    query_s: u32,
}

impl MySqlConnector {
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
        let trouble = |what: &str| fault::failure(Class::Trouble, &place, what, config.query_s);
        let tls = match config.tls {
            DatabaseTls::Off => None,
            DatabaseTls::Required => {
                let trusted =
                    dial::trusted(self.means.ca_file.as_ref()).map_err(|error| trouble(&error.detail))?;
                let trusted = trusted.into_iter().map(|certificate| certificate.to_vec().into()).collect();
                Some(SslOpts::default().with_disable_built_in_roots(true).with_root_certs(trusted))
            }
        };
        let options: Opts = OptsBuilder::default()
            .ip_or_hostname(config.host.clone())
            .tcp_port(if config.port == 0 { USUAL_PORT } else { config.port })
            .user(Some(config.user.clone()))
            .pass(Some(password(self.credentials.as_ref())?.to_owned()))
            .db_name(Some(config.database.clone()))
            // Not over to a socket of the machine when the server offers one.
            .prefer_socket(Some(false))
            .ssl_opts(tls)
            .into();
        let line = timeout(CONNECT_WITHIN, Conn::new(options)).await;
        let line = line
            .map_err(|_| trouble("it does not begin a session in time"))?
            .map_err(|error| failure(&error, &place, config.query_s))?;
        let mut session = Session { line, place, query_s: config.query_s };
        session.limit().await?;
        Ok(session)
    }
}

impl Session {
    /// Reads only, and not for longer than allowed.
    async fn limit(&mut self) -> Result<(), Failure> {
        let seconds = self.query_s;
        let version: Option<String> = {
            let asked = self.line.query_first("select version()");
            within(&self.place, seconds, asked).await?
        };
        let limit = if version.is_some_and(|version| version.contains("MariaDB")) {
            format!("set session max_statement_time = {seconds}")
        } else {
            format!("set session max_execution_time = {}", u64::from(seconds) * 1_000)
        };
        for command in [limit.as_str(), "start transaction read only"] {
            within(&self.place, seconds, self.line.query_drop(command)).await?;
        }
        Ok(())
    }

    async fn prepare(&mut self, config: &DatabaseServer, want: Want<'_>) -> Result<Header, Failure> {
        let statement = within(&self.place, self.query_s, self.line.prep(trimmed(&config.query))).await?;
        if statement.num_params() > 0 {
            let said = "it has parameters, and nothing to put in their place";
            return Err(fault::failure(Class::Query, &self.place, said, self.query_s));
        }
        let names = statement.columns().iter().map(|column| column.name_str().into_owned()).collect();
        within(&self.place, self.query_s, self.line.close(statement)).await?;
        header(names, &config.columns, want, config.decimal_mark)
    }

    async fn run(mut self, query: String, mark: char, out: &mut Outflow) -> Result<(), Failure> {
        let (place, query_s) = (self.place, self.query_s);
        let mut rows = within(&place, query_s, self.line.query_iter(query)).await?;
        let numbers: Vec<bool> =
            rows.columns_ref().iter().map(|column| is_number(column.column_type())).collect();
        while let Some(row) = within(&place, query_s, rows.next()).await? {
            out.start();
            for (at, value) in row.unwrap_raw().into_iter().enumerate() {
                let text = match value {
                    Some(Value::Bytes(bytes)) => String::from_utf8_lossy(&bytes).into_owned(),
                    None | Some(Value::NULL) => String::new(),
                    // The text protocol has no others.
                    Some(other) => other.as_sql(true).trim_matches('\'').to_owned(),
                };
                if numbers.get(at) == Some(&true) {
                    out.row.push_number(&number::plain(&text), mark);
                } else {
                    out.row.push(&text);
                }
            }
            if !out.take().await {
                break;
            }
        }
        Ok(())
    }
}

async fn within<T>(
    place: &str,
    query_s: u32,
    asked: impl Future<Output = Result<T, mysql_async::Error>>,
) -> Result<T, Failure> {
    match timeout(Duration::from_secs(query_s.into()) + GRACE, asked).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(failure(&error, place, query_s)),
        Err(_) => Err(fault::failure(Class::Trouble, place, "it does not answer any more", query_s)),
    }
}

const fn is_number(kind: ColumnType) -> bool {
    use ColumnType as C;
    matches!(
        kind,
        C::MYSQL_TYPE_DECIMAL
            | C::MYSQL_TYPE_NEWDECIMAL
            | C::MYSQL_TYPE_TINY
            | C::MYSQL_TYPE_SHORT
            | C::MYSQL_TYPE_LONG
            | C::MYSQL_TYPE_LONGLONG
            | C::MYSQL_TYPE_INT24
            | C::MYSQL_TYPE_YEAR
            | C::MYSQL_TYPE_FLOAT
            | C::MYSQL_TYPE_DOUBLE
    )
}

fn failure(error: &mysql_async::Error, place: &str, query_s: u32) -> Failure {
    match error {
        mysql_async::Error::Server(said) => {
            fault::failure(fault::of_number(said.code), place, &said.message, query_s)
        }
        other => fault::failure(Class::Trouble, place, &other.to_string(), query_s),
    }
}

impl PosConnector for MySqlConnector {
    fn check(&self) -> Answer<'_, String> {
        async move {
            let mut session = self.session().await?;
            let columns = session.prepare(&self.config, Want::Items(&self.mapping)).await?.names.len();
            Ok(format!("the database at {} answers; the query has {columns} columns", session.place))
        }
        .boxed()
    }

    fn discover(&self) -> Answer<'_, Vec<FoundColumn>> {
        async move {
            let want = Want::Items(&self.mapping);
            Ok(found(&self.session().await?.prepare(&self.config, want).await?))
        }
        .boxed()
    }

    fn look(&self) -> Answer<'_, Looked> {
        async move {
            let mut session = self.session().await?;
            let (header, place) = (session.prepare(&self.config, Want::Raw).await?, session.place.clone());
            let (query, mark) = (trimmed(&self.config.query).to_owned(), self.config.decimal_mark.as_char());
            let mut out = Outflow::looking(header);
            session.run(query, mark, &mut out).await?;
            Ok(out.looked(place))
        }
        .boxed()
    }

    fn open(&self) -> Answer<'_, Reading> {
        async move {
            let mut session = self.session().await?;
            let header = session.prepare(&self.config, Want::Items(&self.mapping)).await?;
            let (query, mark) = (trimmed(&self.config.query).to_owned(), self.config.decimal_mark.as_char());
            let (to, batches) = channel();
            let mut out = Outflow::new(header, mark, to.clone());
            tokio::spawn(async move {
                let work = async {
                    session.run(query, mark, &mut out).await?;
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
