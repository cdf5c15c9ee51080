//! Which settings of sources are sound, and whose credentials go where.

use super::super::database::DatabaseTls;
use super::super::files::TextEncoding;
use super::super::http_json::Paging;
use super::*;

fn read(json: &str) -> SourceConfig {
    serde_json::from_str(json).unwrap()
}

fn faults(json: &str) -> Vec<String> {
    read(json).validate().unwrap_err().errors.into_iter().map(|error| error.field).collect()
}

#[test]
fn csv_says_no_more_than_it_must() {
    let config = read(r#"{"kind":"csv","path":"/pos/items.csv","delimiter":";"}"#);
    let SourceConfig::Csv(csv) = &config else { panic!("{config:?}") };
    assert_eq!(csv.delimiter_byte(), Some(b';'));
    assert_eq!(csv.encoding, TextEncoding::Utf8);
    // Agents that know no patterns refuse fields they do not know: what is usual is not said.
    let said = serde_json::to_string(&config).unwrap();
    assert!(!said.contains("pick") && !said.contains("settled_s") && !said.contains("archive"), "{said}");
}

#[test]
fn each_kind_has_its_name_and_reads_back() {
    for (json, summary) in [
        (r#"{"kind":"csv","path":"/pos/a.csv"}"#, "/pos/a.csv"),
        (r#"{"kind":"excel","path":"/pos/a.xlsx"}"#, "/pos/a.xlsx"),
        (r#"{"kind":"dbf","path":"/pos/a.dbf","encoding":"cp850"}"#, "/pos/a.dbf"),
        (r#"{"kind":"xml","path":"/pos/a.xml","item":"items/item"}"#, "/pos/a.xml"),
        (r#"{"kind":"http_json","url":"https://pos.example/items?key=x"}"#, "https://pos.example/items"),
        (r#"{"kind":"sqlite","path":"/pos/a.db","query":"select 1"}"#, "/pos/a.db"),
        (
            r#"{"kind":"postgresql","host":"db","user":"u","database":"pos","query":"select 1"}"#,
            "u@db:5432/pos",
        ),
        (
            r#"{"kind":"mysql","host":"db","port":3307,"user":"u","database":"pos","query":"select 1"}"#,
            "u@db:3307/pos",
        ),
    ] {
        let config = read(json);
        assert!(json.contains(&format!("\"{}\"", config.kind())), "{json}");
        assert_eq!(config.summary(), summary);
        config.validate().unwrap_or_else(|problem| panic!("{json}: {problem:?}"));
        assert_eq!(read(&serde_json::to_string(&config).unwrap()), config);
    }
}

#[test]
fn each_wrong_field_is_told() {
    for (json, expected) in [
        (r#"{"kind":"csv","path":"/*/a.csv","delimiter":";;","settled_s":0}"#, "delimiter settled_s path"),
        (r#"{"kind":"excel","path":"","header_row":0}"#, "path header_row"),
        (r#"{"kind":"dbf","path":"a","encoding":"utf16-le"}"#, "encoding"),
        (r#"{"kind":"xml","path":"a","item":"a//b"}"#, "item"),
        (r#"{"kind":"xml","path":"a","item":""}"#, "item item"),
        (
            r#"{"kind":"http_json","url":"ftp://x","most_pages":0,"page_mb":0,"answer_s":0,"items":"a..b"}"#,
            "url items most_pages page_mb answer_s",
        ),
        (r#"{"kind":"http_json","url":"https://x","auth":{"way":"basic","user":"a:b"}}"#, "auth.user"),
        (r#"{"kind":"http_json","url":"https://x","auth":{"way":"header","name":"Host"}}"#, "auth.name"),
        (
            r#"{"kind":"http_json","url":"https://x","paging":{"way":"page","parameter":"p=","first":2}}"#,
            "paging.parameter paging.first",
        ),
        (
            r#"{"kind":"http_json","url":"https://x","paging":{"way":"cursor","parameter":"c","path":""}}"#,
            "paging.path",
        ),
        (
            r#"{"kind":"mysql","host":"a b","user":"","database":"","query":" ","query_s":0}"#,
            "host user database query query_s",
        ),
        (
            r#"{"kind":"sqlite","path":"a","query":"q","columns":[{"field":"sku","header":"a"},{"field":"sku","header":""}]}"#,
            "columns.1.header columns.1.field",
        ),
    ] {
        assert_eq!(faults(json).join(" "), expected, "{json}");
    }
}

#[test]
fn plain_http_stays_in_the_shop_and_without_secrets() {
    for (url, auth, allowed) in [
        ("https://pos.example/items", HttpAuth::Bearer, true),
        ("http://127.0.0.1:8080/items", HttpAuth::Bearer, true),
        ("http://192.168.1.10:8080/items", HttpAuth::None, true),
        ("http://192.168.1.10:8080/items", HttpAuth::Bearer, false),
        ("http://till-server/items", HttpAuth::None, true),
        ("http://pos.lan/items", HttpAuth::None, true),
        ("http://[fd00::1]/items", HttpAuth::None, true),
        ("http://pos.example/items", HttpAuth::None, false),
        ("http://8.8.8.8/items", HttpAuth::None, false),
        ("http://user@till-server/items", HttpAuth::None, false),
        ("http://", HttpAuth::None, false),
    ] {
        assert_eq!(HttpJsonSource::may_ask(url, &auth), allowed, "{url} {auth:?}");
    }
}

#[test]
fn credentials_are_of_the_kind_that_opens_the_source() {
    let http = |auth| SourceConfig::HttpJson(HttpJsonSource { auth, ..HttpJsonSource::default() }.into());
    let token = Credentials::Token { token: "abc".into() };
    let password = Credentials::Password { password: "abc".into() };
    let server = SourceConfig::MySql(DatabaseServer::default().into());
    for (source, with_token, with_password) in [
        (http(HttpAuth::None), false, false),
        (http(HttpAuth::Bearer), true, false),
        (http(HttpAuth::Header { name: "X-Key".into() }), true, false),
        (http(HttpAuth::Basic { user: "u".into() }), false, true),
        (server, false, true),
        (SourceConfig::Csv(CsvSource::default()), false, false),
    ] {
        assert_eq!((source.accepts(&token), source.accepts(&password)), (with_token, with_password));
        assert_eq!(source.needs_credentials(), with_token || with_password, "{source:?}");
    }
}

#[test]
fn stored_credentials_stay_with_the_server_they_were_meant_for() {
    let http = |url: &str, auth| {
        SourceConfig::HttpJson(HttpJsonSource { url: url.into(), auth, ..HttpJsonSource::default() }.into())
    };
    let here = http("https://pos.example/a", HttpAuth::Bearer);
    assert!(http("https://pos.example/b", HttpAuth::Bearer).keeps_credentials_of(&here));
    assert!(!http("https://other.example/a", HttpAuth::Bearer).keeps_credentials_of(&here));
    assert!(!http("https://pos.example/a", HttpAuth::Basic { user: "u".into() }).keeps_credentials_of(&here));
    let server = |host: &str, tls| {
        SourceConfig::MySql(DatabaseServer { host: host.into(), tls, ..DatabaseServer::default() }.into())
    };
    let there = server("db", DatabaseTls::Required);
    assert!(there.keeps_credentials_of(&server("db", DatabaseTls::Required)));
    assert!(!there.keeps_credentials_of(&server("db2", DatabaseTls::Required)));
    assert!(!server("db", DatabaseTls::Off).keeps_credentials_of(&there), "it would be sent in clear");
    let SourceConfig::MySql(same) = server("db", DatabaseTls::Required) else { return };
    assert!(!SourceConfig::PostgreSql(same).keeps_credentials_of(&there));
}

#[test]
fn a_way_of_paging_is_named() {
    let source =
        read(r#"{"kind":"http_json","url":"https://x","paging":{"way":"next_url","path":"links.next"}}"#);
    let SourceConfig::HttpJson(from) = source else { panic!("{source:?}") };
    assert_eq!(from.paging, Paging::NextUrl { path: "links.next".into() });
}
