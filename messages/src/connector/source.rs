//! Where items come from: all kinds of sources under one name, and what they have in common. Pure.

use serde::{Deserialize, Serialize};

use super::database::{DatabaseServer, SqliteSource};
use super::drivers::{FirebirdSource, OdbcSource, SqlServerSource};
use super::files::{CsvSource, DbfSource, ExcelSource, FileSet, XmlSource};
use super::http_json::{HttpAuth, HttpJsonSource};
use super::singer::{self, SingerSource};
use super::{Credentials, platform};
use crate::item::ItemField;
use crate::validate::{Check, Validate};

/// Where items come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SourceConfig {
    Csv(CsvSource),
    Excel(ExcelSource),
    Dbf(DbfSource),
    Xml(XmlSource),
    /// In a box, as the servers are: they are larger than the rest, and rarer.
    HttpJson(Box<HttpJsonSource>),
    Sqlite(SqliteSource),
    #[serde(rename = "postgresql")]
    PostgreSql(Box<DatabaseServer>),
    /// MySQL and MariaDB.
    #[serde(rename = "mysql")]
    MySql(Box<DatabaseServer>),
    Firebird(Box<FirebirdSource>),
    SqlServer(Box<SqlServerSource>),
    Odbc(Box<OdbcSource>),
    /// A plugin of the agent's.
    Singer(Box<SingerSource>),
}

/// A field and the name under which the source has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ColumnName {
    pub field: ItemField,
    /// A column's header; in XML and JSON a path such as `prices/retail` or `prices.retail`.
    pub header: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DecimalMark {
    #[default]
    Point,
    Comma,
}

impl DecimalMark {
    #[must_use]
    pub const fn as_char(self) -> char {
        match self {
            Self::Point => '.',
            Self::Comma => ',',
        }
    }
}

impl SourceConfig {
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Csv(_) => "csv",
            Self::Excel(_) => "excel",
            Self::Dbf(_) => "dbf",
            Self::Xml(_) => "xml",
            Self::HttpJson(_) => "http_json",
            Self::Sqlite(_) => "sqlite",
            Self::PostgreSql(_) => "postgresql",
            Self::MySql(_) => "mysql",
            Self::Firebird(_) => "firebird",
            Self::SqlServer(_) => "sql_server",
            Self::Odbc(_) => "odbc",
            Self::Singer(_) => "singer",
        }
    }

    /// Where it reads from, in one line for lists.
    #[must_use]
    pub fn summary(&self) -> String {
        match self {
            Self::HttpJson(from) => from.address().to_owned(),
            Self::Sqlite(from) => from.path.clone(),
            Self::PostgreSql(from) => from.summary(5_432),
            Self::MySql(from) => from.summary(3_306),
            Self::Firebird(from) => from.summary(),
            Self::SqlServer(from) => from.summary(),
            Self::Odbc(from) => from.summary(),
            Self::Singer(from) => from.summary(),
            files => files.files().map_or_else(String::new, |files| files.path.to_owned()),
        }
    }

    /// Which columns hold which fields, where they are not called so.
    #[must_use]
    pub fn columns(&self) -> &[ColumnName] {
        match self {
            Self::Csv(from) => &from.columns,
            Self::Excel(from) => &from.columns,
            Self::Dbf(from) => &from.columns,
            Self::Xml(from) => &from.columns,
            Self::HttpJson(from) => &from.columns,
            Self::Sqlite(from) => &from.columns,
            Self::PostgreSql(from) | Self::MySql(from) => &from.columns,
            Self::Firebird(from) => &from.columns,
            Self::SqlServer(from) => &from.columns,
            Self::Odbc(from) => &from.columns,
            Self::Singer(from) => &from.columns,
        }
    }

    /// How numbers are written where they are text.
    #[must_use]
    pub fn decimal_mark(&self) -> DecimalMark {
        match self {
            Self::Csv(from) => from.decimal_mark,
            Self::Excel(from) => from.decimal_mark,
            Self::Dbf(from) => from.decimal_mark,
            Self::Xml(from) => from.decimal_mark,
            Self::HttpJson(from) => from.decimal_mark,
            Self::Sqlite(from) => from.decimal_mark,
            Self::PostgreSql(from) | Self::MySql(from) => from.decimal_mark,
            Self::Firebird(from) => from.decimal_mark,
            Self::SqlServer(from) => from.decimal_mark,
            Self::Odbc(from) => from.decimal_mark,
            Self::Singer(from) => from.decimal_mark,
        }
    }

    /// Which files are read, of the kinds that read files.
    #[must_use]
    pub fn files(&self) -> Option<FileSet<'_>> {
        match self {
            Self::Csv(from) => Some(from.files()),
            Self::Excel(from) => Some(from.files()),
            Self::Dbf(from) => Some(from.files()),
            Self::Xml(from) => Some(from.files()),
            Self::HttpJson(_)
            | Self::Sqlite(_)
            | Self::PostgreSql(_)
            | Self::MySql(_)
            | Self::Firebird(_)
            | Self::SqlServer(_)
            | Self::Odbc(_)
            | Self::Singer(_) => None,
        }
    }

    #[must_use]
    pub fn needs_credentials(&self) -> bool {
        match self {
            Self::HttpJson(from) => from.auth != HttpAuth::None,
            Self::PostgreSql(_) | Self::MySql(_) | Self::Firebird(_) | Self::SqlServer(_) => true,
            Self::Odbc(from) => !from.user.is_empty(),
            Self::Singer(from) => !from.secrets.is_empty(),
            _ => false,
        }
    }

    /// The credentials that open it, in words.
    #[must_use]
    pub fn wanted_credentials(&self) -> &'static str {
        match self {
            Self::HttpJson(from) => match from.auth {
                HttpAuth::None => "no credentials",
                HttpAuth::Basic { .. } => "a password",
                HttpAuth::Bearer | HttpAuth::Header { .. } => "a token",
            },
            Self::Odbc(from) if from.user.is_empty() => "no credentials",
            Self::PostgreSql(_) | Self::MySql(_) | Self::Firebird(_) | Self::SqlServer(_) | Self::Odbc(_) => {
                "a password"
            }
            Self::Singer(_) => "the secret settings that it names",
            _ => "no credentials",
        }
    }

    /// Are these of the kind that opens it?
    #[must_use]
    pub fn accepts(&self, credentials: &Credentials) -> bool {
        match (self, credentials) {
            (
                Self::PostgreSql(_) | Self::MySql(_) | Self::Firebird(_) | Self::SqlServer(_),
                Credentials::Password { .. },
            ) => true,
            (Self::Odbc(from), Credentials::Password { .. }) => !from.user.is_empty(),
            (Self::Singer(from), credentials) => singer::accepts(&from.secrets, credentials),
            (Self::HttpJson(from), Credentials::Password { .. }) => {
                matches!(from.auth, HttpAuth::Basic { .. })
            }
            (Self::HttpJson(from), Credentials::Token { .. }) => {
                matches!(from.auth, HttpAuth::Bearer | HttpAuth::Header { .. })
            }
            _ => false,
        }
    }

    /// Would credentials that were stored for `before` still go to the server they were meant for, as privately?
    #[must_use]
    pub fn keeps_credentials_of(&self, before: &Self) -> bool {
        match (before, self) {
            (Self::HttpJson(a), Self::HttpJson(b)) => {
                a.auth == b.auth && platform::same_origin(&a.url, &b.url)
            }
            (Self::Singer(a), Self::Singer(b)) => b.keeps_credentials_of(a),
            (Self::Firebird(a), Self::Firebird(b)) => b.keeps_credentials_of(a),
            (Self::SqlServer(a), Self::SqlServer(b)) => b.keeps_credentials_of(a),
            (Self::Odbc(a), Self::Odbc(b)) => b.keeps_credentials_of(a),
            (Self::PostgreSql(a), Self::PostgreSql(b)) | (Self::MySql(a), Self::MySql(b)) => {
                (&a.host, a.port, &a.user, a.tls) == (&b.host, b.port, &b.user, b.tls)
            }
            _ => false,
        }
    }
}

impl Validate for SourceConfig {
    fn check(&self, check: &mut Check) {
        match self {
            Self::Csv(from) => from.check(check),
            Self::Excel(from) => from.check(check),
            Self::Dbf(from) => from.check(check),
            Self::Xml(from) => from.check(check),
            Self::HttpJson(from) => from.check(check),
            Self::Sqlite(from) => from.check(check),
            Self::PostgreSql(from) | Self::MySql(from) => from.check(check),
            Self::Firebird(from) => from.check(check),
            Self::SqlServer(from) => from.check(check),
            Self::Odbc(from) => from.check(check),
            Self::Singer(from) => from.check(check),
        }
    }
}

/// Each field once, each name a name.
pub(super) fn check_columns(check: &mut Check, columns: &[ColumnName]) {
    for (at, column) in columns.iter().enumerate() {
        check.text(&format!("columns.{at}.header"), &column.header, 200);
        let repeated = columns[..at].iter().any(|other| other.field == column.field);
        check.ensure(!repeated, &format!("columns.{at}.field"), "is named twice");
    }
}

pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests;
