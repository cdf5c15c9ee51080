//! Which settings of these sources are sound, and what a connection string holds.

use proptest::prelude::*;

use super::*;
use crate::connector::{Credentials, SourceConfig};

fn read(json: &str) -> SourceConfig {
    serde_json::from_str(json).unwrap()
}

#[test]
fn each_kind_has_its_name_and_reads_back() {
    for (json, summary, signs_in) in [
        (
            r#"{"kind":"firebird","host":"db","user":"SYSDBA","database":"C:\\pos\\pos.fdb","query":"select 1 from rdb$database"}"#,
            "SYSDBA@db:3050/C:\\pos\\pos.fdb",
            true,
        ),
        (
            r#"{"kind":"sql_server","host":"db","instance":"SQLEXPRESS","user":"sa","database":"pos","query":"select 1"}"#,
            "sa@db\\SQLEXPRESS/pos",
            true,
        ),
        (
            r#"{"kind":"sql_server","host":"db","port":1444,"user":"sa","database":"pos","query":"select 1"}"#,
            "sa@db:1444/pos",
            true,
        ),
        (r#"{"kind":"odbc","connection":"DSN=pos","query":"select 1"}"#, "DSN=pos", false),
        (r#"{"kind":"odbc","connection":"DSN=pos","user":"me","query":"select 1"}"#, "me@DSN=pos", true),
    ] {
        let config = read(json);
        assert!(json.contains(&format!("\"{}\"", config.kind())), "{json}");
        assert_eq!((config.summary().as_str(), config.needs_credentials()), (summary, signs_in));
        assert_eq!(config.accepts(&Credentials::Password { password: "x".into() }), signs_in);
        assert!(!config.accepts(&Credentials::Token { token: "x".into() }));
        config.validate().unwrap_or_else(|problem| panic!("{json}: {problem:?}"));
        assert_eq!(read(&serde_json::to_string(&config).unwrap()), config);
    }
}

#[test]
fn each_wrong_field_is_told() {
    for (json, expected) in [
        (
            r#"{"kind":"firebird","host":"a b","user":"","database":"","query":"","query_s":0}"#,
            "host user database query query_s",
        ),
        (r#"{"kind":"sql_server","host":"db\\SQLEXPRESS","user":"u","database":"d","query":"q"}"#, "host"),
        (
            r#"{"kind":"sql_server","host":"db","port":1,"instance":"x;y","user":"u","database":"d","query":"q"}"#,
            "instance port",
        ),
        (
            r#"{"kind":"sql_server","host":"db;Trusted_Connection=yes","user":"u","database":"d","query":"q"}"#,
            "host",
        ),
        (
            r#"{"kind":"sql_server","host":"db","user":"u","database":"d","driver":"/tmp/mine.so","query":"q"}"#,
            "driver",
        ),
        (r#"{"kind":"odbc","connection":"Driver=/tmp/mine.so;Server=x","query":"q"}"#, "connection"),
        (r#"{"kind":"odbc","connection":"Server=x; DRIVER = {C:\\\\mine.dll}","query":"q"}"#, "connection"),
        (r#"{"kind":"odbc","connection":"DSN=pos;SaveFile=/tmp/x","query":"q"}"#, "connection"),
        (r#"{"kind":"odbc","connection":"FILEDSN=/tmp/x","query":"q"}"#, "connection"),
        (r#"{"kind":"odbc","connection":"","query":"q"}"#, "connection"),
        (r#"{"kind":"odbc","connection":"pos","query":"q"}"#, "connection"),
        (r#"{"kind":"odbc","connection":"DSN=pos;Pwd=x","query":"q"}"#, "connection"),
        (r#"{"kind":"odbc","connection":"DSN=pos; User Id = x","query":"q"}"#, "connection"),
        (r#"{"kind":"odbc","connection":"DSN={a;PWD=x","query":"q"}"#, "connection"),
    ] {
        let told: Vec<_> =
            read(json).validate().unwrap_err().errors.into_iter().map(|error| error.field).collect();
        assert_eq!(told.join(" "), expected, "{json}");
    }
    // Within braces it is a value and no attribute.
    assert!(read(r#"{"kind":"odbc","connection":"Driver={x;PWD=y}","query":"q"}"#).validate().is_ok());
}

#[test]
fn a_connection_string_is_taken_apart_as_drivers_do_it() {
    for (text, expected) in [
        ("DSN=pos", Some(vec![("DSN", "pos")])),
        (" Driver = {a;b} ; Server=x ;", Some(vec![("Driver", "a;b"), ("Server", "x")])),
        ("A={x}}y};B=", Some(vec![("A", "x}y"), ("B", "")])),
        ("A={x", None),
        ("A={x}y", None),
        ("=x", None),
        ("x", None),
        ("a;b=c", None),
    ] {
        let found = attributes(text);
        let found = found.as_ref().map(|all| all.iter().map(|(name, value)| (*name, value.as_str())));
        assert_eq!(found.map(Iterator::collect), expected, "{text}");
    }
}

#[test]
fn stored_passwords_stay_with_the_server_they_were_meant_for() {
    let server = |json: &str| read(json);
    let odbc = |connection: &str, user: &str| {
        SourceConfig::Odbc(Box::new(OdbcSource {
            connection: connection.into(),
            user: user.into(),
            ..OdbcSource::default()
        }))
    };
    assert!(odbc("DSN=a", "u").keeps_credentials_of(&odbc("DSN=a", "u")));
    assert!(!odbc("DSN=b", "u").keeps_credentials_of(&odbc("DSN=a", "u")));
    assert!(!odbc("DSN=a", "v").keeps_credentials_of(&odbc("DSN=a", "u")));
    let there = server(r#"{"kind":"sql_server","host":"db","user":"u"}"#);
    assert!(
        server(r#"{"kind":"sql_server","host":"db","user":"u","query":"x"}"#).keeps_credentials_of(&there)
    );
    for other in [
        r#"{"kind":"sql_server","host":"db2","user":"u"}"#,
        r#"{"kind":"sql_server","host":"db","user":"u","instance":"x"}"#,
        r#"{"kind":"sql_server","host":"db","user":"u","tls":"off"}"#,
        r#"{"kind":"sql_server","host":"db","user":"u","trust_certificate":true}"#,
        r#"{"kind":"sql_server","host":"db","user":"u","driver":"/tmp/mine.so"}"#,
        r#"{"kind":"firebird","host":"db","user":"u"}"#,
    ] {
        assert!(!server(other).keeps_credentials_of(&there), "{other}");
    }
}

proptest! {
    #[test]
    fn whatever_is_pasted_is_taken_or_told(text in "[A-Za-z={};  pwd]{0,40}") {
        let source = OdbcSource { connection: text.clone(), query: "q".into(), ..OdbcSource::default() };
        if source.validate().is_ok() {
            let all = attributes(&text).unwrap();
            prop_assert!(all.iter().all(|(name, _)| !name.eq_ignore_ascii_case("pwd")));
        }
    }
}
