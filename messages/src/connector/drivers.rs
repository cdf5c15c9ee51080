//! Sources that are databases read through foreign drivers, by a program beside the agent: Firebird, SQL Server, and
//! whatever has an ODBC driver. Pure.

use serde::{Deserialize, Serialize};

use super::MAX_PATH;
use super::database::{DatabaseTls, USUAL_QUERY_S, check_host, check_query};
use super::files::TextEncoding;
use super::source::{ColumnName, DecimalMark, check_columns, is_default};
use crate::validate::{Check, Validate};

/// A server of Firebird, from version 3 on. The session may read and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct FirebirdSource {
    pub host: String,
    /// 0 is the usual one.
    pub port: u16,
    pub user: String,
    /// The server's alias of the database, or its path there.
    pub database: String,
    /// Of texts that the database keeps without saying in which character set they are.
    #[serde(skip_serializing_if = "is_default")]
    pub encoding: Option<TextEncoding>,
    /// One statement that reads.
    pub query: String,
    /// In numbers that are kept as text; real numbers have a point.
    pub decimal_mark: DecimalMark,
    /// Which column of the result holds which field.
    pub columns: Vec<ColumnName>,
    /// For the whole query.
    pub query_s: u32,
}

/// A Microsoft SQL Server, by the ODBC driver that the agent's machine has for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct SqlServerSource {
    pub host: String,
    /// 0 is the usual one, or that of the instance.
    pub port: u16,
    /// Name of the instance, where the server has several; its port is asked for then.
    #[serde(skip_serializing_if = "is_default")]
    pub instance: String,
    pub user: String,
    pub database: String,
    pub tls: DatabaseTls,
    /// Take the server's certificate unseen: many servers in shops have made their own.
    #[serde(skip_serializing_if = "is_default")]
    pub trust_certificate: bool,
    /// Name of the driver; empty: the best of those that the machine has.
    #[serde(skip_serializing_if = "is_default")]
    pub driver: String,
    /// One statement that reads.
    pub query: String,
    /// In numbers that are kept as text; real numbers have a point.
    pub decimal_mark: DecimalMark,
    /// Which column of the result holds which field.
    pub columns: Vec<ColumnName>,
    /// For the whole query, told to the driver as well.
    pub query_s: u32,
}

/// Anything that the agent's machine has an ODBC driver for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct OdbcSource {
    /// As ODBC wants it, without user and password: `DSN=pos`, or `Driver={PostgreSQL Unicode};Server=till;Database=pos`.
    pub connection: String,
    /// Empty: nobody signs in, and there are no credentials.
    #[serde(skip_serializing_if = "is_default")]
    pub user: String,
    /// One statement that reads.
    pub query: String,
    /// In numbers that are kept as text; real numbers have a point.
    pub decimal_mark: DecimalMark,
    /// Which column of the result holds which field.
    pub columns: Vec<ColumnName>,
    /// For the whole query, told to the driver as well.
    pub query_s: u32,
}

pub const FIREBIRD_PORT: u16 = 3_050;
pub const SQL_SERVER_PORT: u16 = 1_433;
/// Of a connection string; drivers take no more than a few KiB.
const MAX_CONNECTION: usize = 2_000;
const MUST_BE_INSTALLED: &str = "must name a driver that is installed on the agent's machine, and no file";

impl Default for FirebirdSource {
    fn default() -> Self {
        Self {
            host: String::new(),
            port: 0,
            user: String::new(),
            database: String::new(),
            encoding: None,
            query: String::new(),
            decimal_mark: DecimalMark::default(),
            columns: Vec::new(),
            query_s: USUAL_QUERY_S,
        }
    }
}

impl Default for SqlServerSource {
    fn default() -> Self {
        Self {
            host: String::new(),
            port: 0,
            instance: String::new(),
            user: String::new(),
            database: String::new(),
            tls: DatabaseTls::default(),
            trust_certificate: false,
            driver: String::new(),
            query: String::new(),
            decimal_mark: DecimalMark::default(),
            columns: Vec::new(),
            query_s: USUAL_QUERY_S,
        }
    }
}

impl Default for OdbcSource {
    fn default() -> Self {
        Self {
            connection: String::new(),
            user: String::new(),
            query: String::new(),
            decimal_mark: DecimalMark::default(),
            columns: Vec::new(),
            query_s: USUAL_QUERY_S,
        }
    }
}

impl FirebirdSource {
    pub(super) fn summary(&self) -> String {
        let port = if self.port == 0 { FIREBIRD_PORT } else { self.port };
        format!("{}@{}:{port}/{}", self.user, self.host, self.database)
    }

    pub(super) fn keeps_credentials_of(&self, before: &Self) -> bool {
        (&self.host, self.port, &self.user) == (&before.host, before.port, &before.user)
    }
}

impl SqlServerSource {
    pub(super) fn summary(&self) -> String {
        let port = if self.port == 0 { SQL_SERVER_PORT } else { self.port };
        let at = if self.instance.is_empty() { format!(":{port}") } else { format!("\\{}", self.instance) };
        format!("{}@{}{at}/{}", self.user, self.host, self.database)
    }

    pub(super) fn keeps_credentials_of(&self, before: &Self) -> bool {
        let to = |from: &Self| {
            let Self { host, port, instance, user, tls, trust_certificate, driver, .. } = from.clone();
            (host, port, instance, user, tls, trust_certificate, driver)
        };
        to(self) == to(before)
    }
}

impl OdbcSource {
    pub(super) fn summary(&self) -> String {
        if self.user.is_empty() {
            self.connection.clone()
        } else {
            format!("{}@{}", self.user, self.connection)
        }
    }

    /// Only the driver knows which part of the string says where the password goes.
    pub(super) fn keeps_credentials_of(&self, before: &Self) -> bool {
        (&self.connection, &self.user) == (&before.connection, &before.user)
    }
}

/// The attributes of a connection string with their values: `Driver={a;b};Server=x`. A value in braces ends at a brace
/// that is not doubled. None where it is no such string.
#[must_use]
pub fn attributes(connection: &str) -> Option<Vec<(&str, String)>> {
    let (mut rest, mut all) = (connection.trim(), Vec::new());
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let name = name.trim();
        if name.is_empty() || name.contains([';', '{', '}']) {
            return None;
        }
        let after = after.trim_start();
        let (value, behind) = match after.strip_prefix('{') {
            Some(braced) => within_braces(braced)?,
            None => {
                let end = after.find(';').unwrap_or(after.len());
                (after[..end].trim().to_owned(), &after[end..])
            }
        };
        all.push((name, value));
        let behind = behind.trim_start();
        rest = match behind.strip_prefix(';') {
            Some(next) => next.trim_start(),
            None if behind.is_empty() => behind,
            None => return None,
        };
    }
    Some(all)
}

/// What stands before the closing brace, and what comes behind it.
fn within_braces(text: &str) -> Option<(String, &str)> {
    let (mut value, mut rest) = (String::new(), text);
    loop {
        let end = rest.find('}')?;
        value.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('}') {
            Some(after) => {
                value.push('}');
                rest = after;
            }
            None => return Some((value, rest)),
        }
    }
}

/// Would this attribute sign somebody in, or hold what must not be read by everybody?
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace([' ', '_'], "");
    ["pwd", "uid", "user", "username", "userid"].contains(&name.as_str())
        || ["password", "passwd", "secret", "token", "passphrase"].iter().any(|part| name.contains(part))
}

/// A file instead of the name of something installed: nobody has the agent load a library that lies somewhere.
fn is_file(driver: &str) -> bool {
    driver.contains(['/', '\\'])
}

/// What the driver manager itself would read from a file, or write into one.
fn is_of_files(name: &str) -> bool {
    ["filedsn", "savefile"].contains(&name.to_ascii_lowercase().as_str())
}

/// A connection string without user and password that names what is installed.
fn check_connection(check: &mut Check, connection: &str) {
    check.text("connection", connection, MAX_CONNECTION);
    let Some(attributes) = attributes(connection) else {
        return check.ensure(
            connection.is_empty(),
            "connection",
            "must be parts such as DSN=pos, with semicolons between them; a value with a semicolon or brace stands in braces",
        );
    };
    let any = |so: fn(&str, &str) -> bool| attributes.iter().any(|(name, value)| so(name, value));
    check.ensure(
        !any(|name, _| is_secret(name)),
        "connection",
        "must not hold user or password; they have fields of their own, and the password is sealed",
    );
    check.ensure(
        !any(|name, value| name.eq_ignore_ascii_case("driver") && is_file(value)),
        "connection",
        MUST_BE_INSTALLED,
    );
    check.ensure(
        !any(|name, _| is_of_files(name)),
        "connection",
        "must not have FILEDSN or SAVEFILE; a data source is described on the agent's machine, and named by DSN",
    );
}

impl Validate for FirebirdSource {
    fn check(&self, check: &mut Check) {
        check_host(check, &self.host);
        check.text("user", &self.user, 128);
        check.text("database", &self.database, MAX_PATH);
        check_query(check, &self.query, self.query_s);
        check_columns(check, &self.columns);
    }
}

impl Validate for SqlServerSource {
    fn check(&self, check: &mut Check) {
        check_host(check, &self.host);
        check.ensure(
            !self.host.contains(['\\', ',', ';', '=', '{', '}']),
            "host",
            "must be the host alone; instance and port have fields of their own",
        );
        check.optional_text("instance", &self.instance, 128);
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '#' | '-');
        check.ensure(self.instance.chars().all(plain), "instance", "must be a name such as SQLEXPRESS");
        check.ensure(
            self.instance.is_empty() || self.port == 0,
            "port",
            "must be left out where an instance is named, and the other way round",
        );
        check.text("user", &self.user, 128);
        check.text("database", &self.database, 128);
        check.optional_text("driver", &self.driver, 200);
        check.ensure(!is_file(&self.driver), "driver", MUST_BE_INSTALLED);
        check_query(check, &self.query, self.query_s);
        check_columns(check, &self.columns);
    }
}

impl Validate for OdbcSource {
    fn check(&self, check: &mut Check) {
        check_connection(check, &self.connection);
        check.optional_text("user", &self.user, 128);
        check_query(check, &self.query, self.query_s);
        check_columns(check, &self.columns);
    }
}

#[cfg(test)]
mod tests;
