//! The form of a job's source as its document, for each kind, and what opens it. Pure.

use messages::connector::{
    ColumnName, Credentials, CsvSource, DatabaseServer, DatabaseTls, DbfSource, DecimalMark, ExcelSource,
    FirebirdSource, HttpAuth, HttpJsonSource, OdbcSource, Paging, SingerSource, SourceConfig,
    SqlServerSource, SqliteSource, TextEncoding, XmlSource,
};
use messages::item::ItemField;
use messages::{FieldError, Secret};

use super::super::form::{FormValues, fault};
use super::super::words::{DECIMAL_MARKS, ENCODINGS, PICKS, TLS};
use super::{column_field, one_of, plugin};

/// Numbers of a form; what is none goes to `early`, and fields left blank have their usual value.
struct Numbers<'f> {
    form: &'f FormValues,
    early: &'f mut Vec<FieldError>,
}

impl Numbers<'_> {
    fn of(&mut self, name: &str, usual: u32) -> u32 {
        let name = format!("source.{name}");
        if self.form.text(&name).is_empty() {
            return usual;
        }
        self.form.number(&name).unwrap_or_else(|error| {
            self.early.push(error);
            usual
        })
    }

    /// 0: the usual one.
    fn port(&mut self) -> u16 {
        u16::try_from(self.of("port", 0)).unwrap_or_else(|_| {
            self.early.push(fault("source.port", "must lie between 1 and 65535"));
            0
        })
    }
}

/// A source; what is no number goes to `early`.
pub(super) fn source(form: &FormValues, early: &mut Vec<FieldError>) -> SourceConfig {
    let mut numbers = Numbers { form, early };
    match form.text("source.kind").as_str() {
        "http_json" => SourceConfig::HttpJson(Box::new(http(form, &mut numbers))),
        "sqlite" => SourceConfig::Sqlite(SqliteSource {
            path: form.text("source.path"),
            query: form.text("source.query"),
            decimal_mark: mark(form),
            columns: columns(form),
            query_s: numbers.of("query_s", SqliteSource::default().query_s),
        }),
        "postgresql" => SourceConfig::PostgreSql(Box::new(server(form, &mut numbers))),
        "mysql" => SourceConfig::MySql(Box::new(server(form, &mut numbers))),
        "firebird" => SourceConfig::Firebird(Box::new(firebird(form, &mut numbers))),
        "sql_server" => SourceConfig::SqlServer(Box::new(sql_server(form, &mut numbers))),
        "odbc" => SourceConfig::Odbc(Box::new(OdbcSource {
            connection: form.text("source.connection"),
            user: form.text("source.user"),
            query: form.text("source.query"),
            decimal_mark: mark(form),
            columns: columns(form),
            query_s: numbers.of("query_s", OdbcSource::default().query_s),
        })),
        "singer" => SourceConfig::Singer(Box::new(tap(form, numbers.early))),
        kind => file(kind, form, &mut numbers),
    }
}

fn mark(form: &FormValues) -> DecimalMark {
    one_of(&DECIMAL_MARKS, &form.text("source.decimal_mark"))
}

fn columns(form: &FormValues) -> Vec<ColumnName> {
    ItemField::ALL
        .into_iter()
        .map(|field| ColumnName { field, header: form.text(&column_field(field)) })
        .filter(|column| !column.header.is_empty())
        .collect()
}

/// None of them: as the source says itself.
fn encoding(form: &FormValues) -> Option<TextEncoding> {
    let named = form.text("source.encoding");
    ENCODINGS.iter().find(|(_, name, _)| *name == named).map(|(own, ..)| *own)
}

fn file(kind: &str, form: &FormValues, numbers: &mut Numbers<'_>) -> SourceConfig {
    let text = |name: &str| form.text(&format!("source.{name}"));
    let (path, archive, pick) = (text("path"), text("archive"), one_of(&PICKS, &text("pick")));
    let settled_s = numbers.of("settled_s", CsvSource::default().settled_s);
    let (decimal_mark, columns) = (mark(form), columns(form));
    let encoding = encoding(form);
    match kind {
        "excel" => {
            let (sheet, header_row) = (text("sheet"), numbers.of("header_row", 1));
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
        "dbf" => {
            SourceConfig::Dbf(DbfSource { path, pick, settled_s, archive, encoding, decimal_mark, columns })
        }
        "xml" => {
            let item = text("item");
            SourceConfig::Xml(XmlSource {
                path,
                pick,
                settled_s,
                archive,
                item,
                encoding,
                decimal_mark,
                columns,
            })
        }
        _ => SourceConfig::Csv(CsvSource {
            path,
            pick,
            settled_s,
            archive,
            delimiter: form.raw("source.delimiter"),
            encoding: encoding.unwrap_or_default(),
            decimal_mark,
            columns,
        }),
    }
}

fn server(form: &FormValues, numbers: &mut Numbers<'_>) -> DatabaseServer {
    let text = |name: &str| form.text(&format!("source.{name}"));
    DatabaseServer {
        host: text("host"),
        port: numbers.port(),
        user: text("user"),
        database: text("database"),
        tls: one_of(&TLS, &text("tls")),
        query: text("query"),
        decimal_mark: mark(form),
        columns: columns(form),
        query_s: numbers.of("query_s", DatabaseServer::default().query_s),
    }
}

fn firebird(form: &FormValues, numbers: &mut Numbers<'_>) -> FirebirdSource {
    let DatabaseServer { host, port, user, database, query, query_s, .. } = server(form, numbers);
    let (encoding, decimal_mark, columns) = (encoding(form), mark(form), columns(form));
    FirebirdSource { host, port, user, database, encoding, query, decimal_mark, columns, query_s }
}

fn sql_server(form: &FormValues, numbers: &mut Numbers<'_>) -> SqlServerSource {
    let DatabaseServer { host, port, user, database, query, decimal_mark, columns, query_s, .. } =
        server(form, numbers);
    let line = form.text("source.tls");
    let (tls, trust_certificate) = match line.as_str() {
        "off" => (DatabaseTls::Off, false),
        line => (DatabaseTls::Required, line == "trusting"),
    };
    let (instance, driver) = (form.text("source.instance"), form.text("source.driver"));
    SqlServerSource {
        host,
        port,
        instance,
        user,
        database,
        tls,
        trust_certificate,
        driver,
        query,
        decimal_mark,
        columns,
        query_s,
    }
}

/// How its line is chosen in the form.
pub fn line_of(from: &SqlServerSource) -> &'static str {
    match (from.tls, from.trust_certificate) {
        (DatabaseTls::Off, _) => "off",
        (DatabaseTls::Required, true) => "trusting",
        (DatabaseTls::Required, false) => "required",
    }
}

fn tap(form: &FormValues, early: &mut Vec<FieldError>) -> SingerSource {
    let plugin::Entered { plugin, settings, secrets } =
        plugin::entered(form, "source", "source_credentials", early);
    let incremental = form.text("source.incremental") == "true";
    SingerSource {
        plugin,
        settings,
        secrets,
        stream: form.text("source.stream"),
        decimal_mark: mark(form),
        columns: columns(form),
        incremental,
        // What is entered for another way of reading is of no use.
        replication_key: if incremental { form.text("source.replication_key") } else { String::new() },
    }
}

fn http(form: &FormValues, numbers: &mut Numbers<'_>) -> HttpJsonSource {
    let usual = HttpJsonSource::default();
    HttpJsonSource {
        url: form.text("source.url"),
        auth: auth(form),
        items: form.text("source.items"),
        paging: paging(form, numbers),
        decimal_mark: mark(form),
        columns: columns(form),
        most_pages: numbers.of("most_pages", usual.most_pages),
        page_mb: numbers.of("page_mb", usual.page_mb),
        answer_s: numbers.of("answer_s", usual.answer_s),
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

fn paging(form: &FormValues, numbers: &mut Numbers<'_>) -> Paging {
    let text = |name: &str| form.text(&format!("source.paging.{name}"));
    match text("way").as_str() {
        "page" => Paging::Page { parameter: text("parameter"), first: numbers.of("paging.first", 1) },
        "offset" => Paging::Offset {
            parameter: text("parameter"),
            limit_parameter: text("limit_parameter"),
            limit: numbers.of("paging.limit", 100),
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
    if let SourceConfig::Singer(from) = source {
        let kept = stored.is_some_and(|stored| source.keeps_credentials_of(stored));
        return plugin::credentials(form, "source", "source_credentials", &from.secrets, kept, early);
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
