//! Sources that are databases: SQLite files, PostgreSQL, MySQL and MariaDB; and by readers, programs beside the agent,
//! Firebird, SQL Server and ODBC. A query of the technician's is read row by row, in a session that may read and nothing
//! else.
//!
//! That a query is one statement, and one that has columns, is judged by the database itself when it prepares it. Values
//! are then asked for in their text form, so that decimals keep every digit. `outflow` turns rows into batches,
//! `fault` words what goes wrong (pure).

mod fault;
mod mysql;
mod outflow;
mod postgresql;
mod reader;
mod sqlite;
mod tls;

pub use mysql::MySqlConnector;
pub use postgresql::PostgreSqlConnector;
pub use reader::{Presence, ReaderConnector, present};
pub use sqlite::SqliteConnector;

pub(super) use outflow::Outflow;

use std::time::Duration;

use messages::ErrorCode;
use messages::connector::{ColumnName, Credentials, DatabaseServer, DecimalMark};

use super::table::Header;
use super::table::header::Want;
use super::{Failure, FoundColumn};

/// For a session to begin.
const CONNECT_WITHIN: Duration = Duration::from_secs(20);

/// The query as a database takes it: without the semicolon that people end it with.
fn trimmed(query: &str) -> &str {
    query.trim().trim_end_matches(';').trim_end()
}

fn header(
    names: Vec<String>,
    wanted: &[ColumnName],
    want: Want<'_>,
    mark: DecimalMark,
) -> Result<Header, Failure> {
    if names.is_empty() {
        let detail = "the query gives no columns; it must be one statement that reads, such as a select";
        return Err(Failure::new(ErrorCode::SourceMalformed, detail));
    }
    Header::find("the result of the query", names, wanted, want, mark.as_char())
        .map_err(|detail| Failure::new(ErrorCode::SourceMalformed, detail))
}

fn found(header: &Header) -> Vec<FoundColumn> {
    super::file_source::columns(header)
}

fn password(credentials: Option<&Credentials>) -> Result<&str, Failure> {
    match credentials {
        Some(Credentials::Password { password }) => Ok(password.expose()),
        _ => {
            let detail = "the password of the source is missing; enter it in the job";
            Err(Failure::new(ErrorCode::SourceRefused, detail))
        }
    }
}

/// As people write it.
fn place(server: &DatabaseServer, usual: u16) -> String {
    let port = if server.port == 0 { usual } else { server.port };
    format!("{} port {port}", server.host)
}
