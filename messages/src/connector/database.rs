//! Sources that are databases: a query of the technician's, and which of its columns hold what. Pure.

use serde::{Deserialize, Serialize};

use super::MAX_PATH;
use super::source::{ColumnName, DecimalMark, check_columns};
use crate::validate::{Check, Validate};

/// A database file of SQLite on the agent's machine. It is opened for reading only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct SqliteSource {
    pub path: String,
    /// One statement that reads.
    pub query: String,
    /// In numbers that are kept as text; real numbers have a point.
    pub decimal_mark: DecimalMark,
    /// Which column of the result holds which field.
    pub columns: Vec<ColumnName>,
    /// For the whole query.
    pub query_s: u32,
}

/// A server of PostgreSQL, MySQL or MariaDB. The session may read and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseServer {
    pub host: String,
    /// 0 is the usual one.
    pub port: u16,
    pub user: String,
    pub database: String,
    pub tls: DatabaseTls,
    /// One statement that reads.
    pub query: String,
    /// In numbers that are kept as text; real numbers have a point.
    pub decimal_mark: DecimalMark,
    /// Which column of the result holds which field.
    pub columns: Vec<ColumnName>,
    /// For the whole query, told to the server as well.
    pub query_s: u32,
}

/// Is the line to the server encrypted, and its certificate verified?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DatabaseTls {
    /// Always, or there is no session.
    #[default]
    Required,
    /// For the agent's own machine, or a network that is trusted.
    Off,
}

/// Most queries of a catalogue take seconds.
pub(super) const USUAL_QUERY_S: u32 = 600;
/// Longer ones belong into a view of the database.
const MAX_QUERY: usize = 20_000;

impl Default for SqliteSource {
    fn default() -> Self {
        Self {
            path: String::new(),
            query: String::new(),
            decimal_mark: DecimalMark::default(),
            columns: Vec::new(),
            query_s: USUAL_QUERY_S,
        }
    }
}

impl Default for DatabaseServer {
    fn default() -> Self {
        Self {
            host: String::new(),
            port: 0,
            user: String::new(),
            database: String::new(),
            tls: DatabaseTls::default(),
            query: String::new(),
            decimal_mark: DecimalMark::default(),
            columns: Vec::new(),
            query_s: USUAL_QUERY_S,
        }
    }
}

impl DatabaseServer {
    pub(super) fn summary(&self, usual_port: u16) -> String {
        let port = if self.port == 0 { usual_port } else { self.port };
        format!("{}@{}:{port}/{}", self.user, self.host, self.database)
    }
}

pub(super) fn check_query(check: &mut Check, query: &str, query_s: u32) {
    check.ensure(!query.trim().is_empty(), "query", "must not be empty");
    check.ensure(
        query.len() <= MAX_QUERY,
        "query",
        "must have at most 20000 bytes; make it a view of the database",
    );
    check.ensure(!query.contains('\0'), "query", "must not contain control characters");
    check.range("query_s", &query_s, &1, &86_400);
}

pub(super) fn check_host(check: &mut Check, host: &str) {
    check.text("host", host, 253);
    check.ensure(!host.contains([' ', '/', '@']), "host", "must be a host name or an address, nothing else");
}

impl Validate for SqliteSource {
    fn check(&self, check: &mut Check) {
        check.text("path", &self.path, MAX_PATH);
        check_query(check, &self.query, self.query_s);
        check_columns(check, &self.columns);
    }
}

impl Validate for DatabaseServer {
    fn check(&self, check: &mut Check) {
        check_host(check, &self.host);
        check.text("user", &self.user, 128);
        check.text("database", &self.database, 128);
        check_query(check, &self.query, self.query_s);
        check_columns(check, &self.columns);
    }
}
