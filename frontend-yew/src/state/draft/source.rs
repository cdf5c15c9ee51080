//! The form of a job's source as its document, for each kind, and what opens it. Pure.

use messages::connector::{
    ColumnName, Credentials, CsvSource, DatabaseServer, DbfSource, ExcelSource, HttpAuth, HttpJsonSource,
    Paging, SourceConfig, SqliteSource, XmlSource,
};
use messages::item::ItemField;
use messages::{FieldError, Secret};

use super::super::form::{FormValues, fault};
use super::super::words::{DECIMAL_MARKS, ENCODINGS, PICKS, TLS};
use super::{column_field, one_of};

/// A source; what is no number goes to `early`.
pub(super) fn source(form: &FormValues, early: &mut Vec<FieldError>) -> SourceConfig {
    let text = |name: &str| form.text(&format!("source.{name}"));
    let mut number = |name: &str, usual: u32| {
        let name = format!("source.{name}");
        if form.text(&name).is_empty() {
            return usual;
        }
        form.number(&name).unwrap_or_else(|error| {
            early.push(error);
            usual
        })
    };
    let columns = ItemField::ALL
        .into_iter()
        .map(|field| ColumnName { field, header: form.text(&column_field(field)) })
        .filter(|column| !column.header.is_empty())
        .collect();
    let decimal_mark = one_of(&DECIMAL_MARKS, &text("decimal_mark"));
    let (path, archive, pick) = (text("path"), text("archive"), one_of(&PICKS, &text("pick")));
    let settled_s = number("settled_s", CsvSource::default().settled_s);
    let own = ENCODINGS.iter().find(|(_, name, _)| *name == text("encoding")).map(|(own, ..)| *own);
    match text("kind").as_str() {
        "excel" => {
            let (sheet, header_row) = (text("sheet"), number("header_row", 1));
            SourceConfig::Excel(ExcelSource {
                path,
                pick,
                settled_s,
                archive,
                sheet,
                header_row,
                decimal_mark,
                columns,
            })
        }
        "dbf" => SourceConfig::Dbf(DbfSource {
            path,
            pick,
            settled_s,
            archive,
            encoding: own,
            decimal_mark,
            columns,
        }),
        "xml" => SourceConfig::Xml(XmlSource {
            path,
            pick,
            settled_s,
            archive,
            item: text("item"),
            encoding: own,
            decimal_mark,
            columns,
        }),
        "http_json" => {
            let usual = HttpJsonSource::default();
            SourceConfig::HttpJson(HttpJsonSource {
                url: text("url"),
                auth: auth(form),
                items: text("items"),
                paging: paging(form, &mut number),
                decimal_mark,
                columns,
                most_pages: number("most_pages", usual.most_pages),
                page_mb: number("page_mb", usual.page_mb),
                answer_s: number("answer_s", usual.answer_s),
            })
        }
        "sqlite" => SourceConfig::Sqlite(SqliteSource {
            path,
            query: text("query"),
            decimal_mark,
            columns,
            query_s: number("query_s", SqliteSource::default().query_s),
        }),
        kind @ ("postgresql" | "mysql") => {
            let server = DatabaseServer {
                host: text("host"),
                // What is no port is told by the check of the whole.
                port: u16::try_from(number("port", 0)).unwrap_or(0),
                user: text("user"),
                database: text("database"),
                tls: one_of(&TLS, &text("tls")),
                query: text("query"),
                decimal_mark,
                columns,
                query_s: number("query_s", DatabaseServer::default().query_s),
            };
            if kind == "mysql" { SourceConfig::MySql(server) } else { SourceConfig::PostgreSql(server) }
        }
        _ => SourceConfig::Csv(CsvSource {
            path,
            pick,
            settled_s,
            archive,
            delimiter: form.raw("source.delimiter"),
            encoding: own.unwrap_or_default(),
            decimal_mark,
            columns,
        }),
    }
}

fn auth(form: &FormValues) -> HttpAuth {
    match form.text("source.auth.way").as_str() {
        "bearer" => HttpAuth::Bearer,
        "basic" => HttpAuth::Basic { user: form.text("source.auth.user") },
        "header" => HttpAuth::Header { name: form.text("source.auth.name") },
        _ => HttpAuth::None,
    }
}

fn paging(form: &FormValues, number: &mut impl FnMut(&str, u32) -> u32) -> Paging {
    let text = |name: &str| form.text(&format!("source.paging.{name}"));
    match text("way").as_str() {
        "page" => Paging::Page { parameter: text("parameter"), first: number("paging.first", 1) },
        "offset" => Paging::Offset {
            parameter: text("parameter"),
            limit_parameter: text("limit_parameter"),
            limit: number("paging.limit", 100),
        },
        "cursor" => Paging::Cursor { parameter: text("parameter"), path: text("path") },
        "next_url" => Paging::NextUrl { path: text("path") },
        "link" => Paging::Link,
        _ => Paging::None,
    }
}

/// Credentials left blank keep the stored ones; `stored` names the source they are stored for.
pub(super) fn credentials(
    form: &FormValues,
    source: &SourceConfig,
    stored: Option<&SourceConfig>,
    early: &mut Vec<FieldError>,
) -> Option<Credentials> {
    if !source.needs_credentials() {
        return None;
    }
    let by_token =
        matches!(source, SourceConfig::HttpJson(from) if !matches!(from.auth, HttpAuth::Basic { .. }));
    let (name, given) = if by_token {
        // Pasted tokens bring blanks along.
        let token = form.text("source_credentials.token");
        let given = (!token.is_empty()).then(|| Credentials::Token { token: Secret::new(token) });
        ("source_credentials.token", given)
    } else {
        let password = form.raw("source_credentials.password");
        let given = (!password.is_empty()).then(|| Credentials::Password { password: Secret::new(password) });
        ("source_credentials.password", given)
    };
    if given.is_none() && stored.is_none_or(|stored| !source.keeps_credentials_of(stored)) {
        let detail = if stored.is_some() {
            "must be entered again: the server or the way of signing in has changed"
        } else {
            "must not be empty"
        };
        early.push(fault(name, detail));
    }
    given
}
