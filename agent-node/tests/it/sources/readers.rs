//! Databases by the readers beside the agent: real drivers of ODBC against real servers, a real Firebird; and readers that
//! crash, hang, or cannot be loaded.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use agent_node::config::Config;
use agent_node::connector::sql::ReaderConnector;
use agent_node::connector::{Means, PosConnector};
use futures_util::StreamExt as _;
use messages::ErrorCode;
use messages::connector::{
    Credentials, DatabaseServer, DatabaseTls, FirebirdSource, OdbcSource, SourceConfig, SqlServerSource,
    TextEncoding,
};
use messages::reader::{Ask, PROTOCOL, Task};
use messages::run::RunOutcome;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

use super::databases::{Database, PASSWORD, password};
use super::read;
use super::sql::{EXACT, Make, hold_to_the_rules, mariadb_setup, postgresql_setup};
use crate::hub::Hub;
use crate::support::{Running, Shop, end};

/// Where the programs of this build lie.
fn programs() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_agent-node")).parent().unwrap().to_owned()
}

fn means() -> Means {
    let scratch = std::env::temp_dir();
    Means { readers: Some(programs()), scratch, ..Means::default() }
}

fn connector(source: SourceConfig, credentials: Option<Credentials>) -> ReaderConnector {
    ReaderConnector::new(source, credentials, means())
}

fn odbc(connection: &str, query: &str) -> OdbcSource {
    OdbcSource { connection: connection.into(), query: query.into(), query_s: 60, ..OdbcSource::default() }
}

fn by_odbc(driver: &str, more: &str, server: DatabaseServer) -> SourceConfig {
    let DatabaseServer { host, port, user, database, query, query_s, decimal_mark, columns, .. } = server;
    let connection = format!("Driver={{{driver}}};Server={host};Port={port};Database={database}{more}");
    SourceConfig::Odbc(Box::new(OdbcSource { connection, user, query, decimal_mark, columns, query_s }))
}

fn postgresql(server: DatabaseServer) -> SourceConfig {
    // As Debian registers it, the driver writes each session into a file of /tmp.
    by_odbc("PostgreSQL Unicode", ";CommLog=0", server)
}

fn mariadb(server: DatabaseServer) -> SourceConfig {
    by_odbc("MariaDB Unicode", "", server)
}

#[tokio::test]
async fn postgresql_by_odbc_conforms() {
    let (user, odd) = ("odd", "se}mi;Database=nowhere;co{lon=");
    let setup = format!(
        "{}; create role \"{user}\" login password '{odd}'; grant select on articles to \"{user}\"",
        postgresql_setup()
    );
    let database = Database::postgresql(&setup).await;
    let make: Make = |server, credentials, _| Box::new(connector(postgresql(server), credentials));
    let slow = "select pg_sleep(30)::text as sku, 'x' as name, 1 as price";
    let write =
        "with gone as (delete from articles returning *) select code as sku, title as name, price from gone";
    hold_to_the_rules(&database, (make, postgresql), &means(), slow, Some(write)).await;

    // Nothing in them becomes an attribute of its own.
    let server =
        DatabaseServer { user: user.into(), ..database.server("select count(*) as sku from articles") };
    let signed_in = connector(postgresql(server), password(odd)).look().await.unwrap();
    assert_eq!(signed_in.sample.into_rows(), [["2001"]]);

    let select =
        "select true as sku, '' as name, null as price, 1.5e300::float8 as stock, 'x'::bytea as unit,
        repeat('ü', 4000) as category, repeat('x', 40000) as description, date '2026-01-31' as barcode";
    let looked = connector(postgresql(database.server(select)), password(PASSWORD)).look().await;
    let looked = looked.unwrap();
    let row = looked.sample.into_rows().remove(0);
    assert_eq!((row[1].as_str(), row[2].as_str(), row[7].as_str()), ("", "", "2026-01-31"));
    let wide = connector(
        postgresql(database.server("select 'A' as sku, repeat('x', 40000) as name, 1 as price")),
        password(PASSWORD),
    );
    let wide = read(&wide).await.unwrap();
    assert_eq!(wide.items.len(), 0);
    assert!(wide.rejects[0].starts_with("1 name: has more than"), "{:?}", wide.rejects);
}

#[tokio::test]
async fn mariadb_by_odbc_conforms() {
    let database = Database::mariadb(&mariadb_setup()).await;
    let make: Make = |server, credentials, _| Box::new(connector(mariadb(server), credentials));
    let slow = "select sleep(30) as sku, 'x' as name, 1 as price"; // slow: at the server, which cuts it short
    hold_to_the_rules(&database, (make, mariadb), &means(), slow, None).await;
}

fn by_firebird(server: DatabaseServer) -> SourceConfig {
    let DatabaseServer { host, port, user, database, query, query_s, decimal_mark, columns, .. } = server;
    let encoding = None;
    SourceConfig::Firebird(Box::new(FirebirdSource {
        host,
        port,
        user,
        database,
        encoding,
        query,
        decimal_mark,
        columns,
        query_s,
    }))
}

fn firebird_setup() -> String {
    format!(
        "create table articles (n int, code varchar(20), title varchar(50), price numeric(18,2), stock double precision);
         create table odd (n int, code varchar(10), western varchar(20) character set win1252, raw varchar(20) character set none,
           small numeric(4,2), made date, seen timestamp, picture blob, memo blob sub_type text, ok boolean, big bigint);
         commit;
         insert into articles values (1, 'A-1', 'Sữa 1', {EXACT}, null);
         set term ^;
         execute block as declare n int = 2; begin
           while (n <= 2000) do begin
             insert into articles values (:n, 'A-' || :n, 'Sữa ' || :n, :n * 0.01, mod(:n, 7)); n = n + 1;
           end
         end^
         create procedure forever returns (sku varchar(10), name varchar(10), price int) as begin
           sku = 'x'; name = 'x'; price = 1;
           while (1 = 1) do price = price + 0;
           suspend;
         end^
         create procedure sly returns (sku varchar(10), name varchar(10), price int) as begin
           delete from articles; sku = 'x'; name = 'x'; price = 1; suspend;
         end^
         set term ;^
         insert into articles values (2001, 'x', null, 1, 1);
         insert into odd values (1, 'O-1', 'Käse', null, 0.1, '2026-01-31', '2026-01-31 12:30:00.5', x'00ff', 'Länger', true, 9007199254740993);
         insert into odd values (2, '', 'x', _octets x'4be47365', -0.05, null, null, null, null, false, null);
         commit;
         grant select, insert, delete on articles to user reader;
         grant select on odd to user reader;
         grant execute on procedure forever to user reader;
         grant execute on procedure sly to user reader;
         grant delete on articles to procedure sly;
         commit;"
    )
}

#[tokio::test]
async fn firebird_conforms() {
    let database = Database::firebird(&firebird_setup()).await;
    let make: Make = |server, credentials, _| Box::new(connector(by_firebird(server), credentials));
    let (slow, write) = ("select sku, name, price from forever", "select sku, name, price from sly");
    hold_to_the_rules(&database, (make, by_firebird), &means(), slow, Some(write)).await;

    let of = |query: &str, encoding| {
        let SourceConfig::Firebird(mut from) = by_firebird(database.server(query)) else { panic!() };
        from.encoding = encoding;
        connector(SourceConfig::Firebird(from), password(PASSWORD))
    };
    let looked = of("select * from odd order by n", Some(TextEncoding::Windows1252)).look().await.unwrap();
    assert_eq!(looked.columns[..4], ["N", "CODE", "WESTERN", "RAW"]);
    let rows = looked.sample.into_rows();
    assert_eq!(
        rows[0],
        [
            "1",
            "O-1",
            "Käse",
            "",
            "0.10",
            "2026-01-31",
            "2026-01-31 12:30:00.5000",
            "",
            "Länger",
            "true",
            "9007199254740993"
        ]
    );
    assert_eq!(rows[1][..5], ["2", "", "x", "Käse", "-0.05"]);
    // A text whose encoding nobody has said, and a picture, are faults of their rows and of no others.
    let unsaid = read(&of("select code || n as sku, raw as name, small as price from odd order by n", None))
        .await
        .unwrap();
    assert_eq!(unsaid.rejects.len(), 2, "{unsaid:?}");
    assert!(unsaid.rejects[1].contains("which one it is"), "{unsaid:?}");
    let picture =
        read(&of("select code as sku, picture as name, small as price from odd where n = 1", None)).await;
    assert_eq!(picture.unwrap().rejects, ["1 NAME: holds binary data"]);
    let doubles = "select 'A' as sku, 'x' as name, cast(4.35 as double precision) as price, cast(0.1 as float) as stock from rdb$database";
    assert_eq!(read(&of(doubles, None)).await.unwrap().items[0].price.to_string(), "4.35");
    for query in [
        "select 1 from rdb$database",
        "select 1 as a, 2 as a from rdb$database",
        "select ? as sku from rdb$database",
    ] {
        let failure = of(query, None).check().await.unwrap_err();
        assert_eq!(failure.code, ErrorCode::SourceMalformed, "{query}: {failure}");
    }
    let alias =
        DatabaseServer { database: "nowhere".into(), ..database.server("select 1 as sku from rdb$database") };
    let absent = connector(by_firebird(alias), password(PASSWORD)).check().await.unwrap_err();
    assert_eq!(absent.code, ErrorCode::SourceRefused, "{absent}");
}

#[tokio::test]
async fn sqlite_by_odbc_needs_no_login_and_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pos.db");
    let writer = rusqlite::Connection::open(&path).unwrap();
    writer
        .execute_batch("create table articles (code text, title text, price text); insert into articles values ('A-1', 'Sữa', '0.1'), ('', null, '1');")
        .unwrap();
    let of = |query: &str| {
        let connection = format!("Driver=SQLite3;Database={}", path.display());
        connector(SourceConfig::Odbc(Box::new(odbc(&connection, query))), None)
    };
    let all = read(&of("select code as sku, title as name, price from articles")).await.unwrap();
    assert_eq!((all.items[0].name.as_str(), all.items[0].price.to_string().as_str()), ("Sữa", "0.1"));
    assert_eq!(all.rejects.len(), 1);
    for query in ["delete from articles", "select nonsense from articles"] {
        let failure = read(&of(query)).await.unwrap_err();
        assert_eq!(failure.code, ErrorCode::SourceMalformed, "{query}: {failure}");
    }
}

#[tokio::test]
async fn a_driver_or_data_source_that_is_not_there_is_named() {
    for connection in ["Driver={No Such Driver};Server=x", "DSN=no-such-source"] {
        let source = SourceConfig::Odbc(Box::new(odbc(connection, "select 1")));
        let failure = connector(source, None).check().await.unwrap_err();
        assert_eq!(failure.code, ErrorCode::Unsupported, "{connection}: {failure}");
        assert!(failure.detail.contains("install it there"), "{failure}");
    }
}

/// A hub could be made to ask for it; the machine looks for itself.
#[tokio::test]
async fn no_library_is_loaded_from_a_file_and_none_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let saved = folder.path().join("saved.dsn");
    for connection in [
        "Driver=/nowhere/lib.so".to_owned(),
        format!("Driver=SQLite3;SAVEFILE={};Database=:memory:", saved.display()),
    ] {
        let source = SourceConfig::Odbc(Box::new(odbc(&connection, "select 1")));
        let failure = connector(source, None).check().await.unwrap_err();
        assert_eq!(failure.code, ErrorCode::SourceMalformed, "{connection}: {failure}");
        assert!(failure.detail.contains("connection must"), "{failure}");
    }
    assert!(!saved.exists());
}

/// There is no SQL Server here: the driver takes the string, and says that nobody answers.
#[tokio::test]
async fn sql_server_is_dialled_by_a_real_driver() {
    let source = |driver: &str, tls, trust_certificate| {
        SourceConfig::SqlServer(Box::new(SqlServerSource {
            host: "127.0.0.1".into(),
            port: 1,
            user: "reader".into(),
            database: "pos;PWD=x".into(),
            tls,
            trust_certificate,
            driver: driver.into(),
            query: "select 1 as sku".into(),
            query_s: 60,
            ..SqlServerSource::default()
        }))
    };
    // Without a name, it is the best of those that the machine has.
    for (driver, tls, trusted) in [
        ("FreeTDS", DatabaseTls::Off, false),
        ("FreeTDS", DatabaseTls::Required, true),
        ("", DatabaseTls::Off, false),
    ] {
        let nobody = connector(source(driver, tls, trusted), password(PASSWORD)).check().await.unwrap_err();
        assert_eq!(nobody.code, ErrorCode::SourceUnreadable, "{nobody}");
        assert!(nobody.detail.contains("127.0.0.1 port 1") && !nobody.detail.contains(PASSWORD), "{nobody}");
    }
    let unseen = connector(source("FreeTDS", DatabaseTls::Required, false), password(PASSWORD))
        .check()
        .await
        .unwrap_err();
    assert!(unseen.detail.contains("certificate") && !unseen.code.retry_helps(), "{unseen}");
}

/// A reader that a driver has spoiled.
fn spoiled(script: &str) -> (TempDir, ReaderConnector) {
    let folder = tempfile::tempdir().unwrap();
    self::script(folder.path(), "grocerysync-odbc", &format!("read ask\n{script}"));
    let source = OdbcSource { user: "me".into(), query_s: 1, ..odbc("DSN=x", "select 1") };
    let means = Means {
        readers: Some(folder.path().to_owned()),
        scratch: folder.path().join("stage"),
        ..Means::default()
    };
    let connector = ReaderConnector::new(SourceConfig::Odbc(Box::new(source)), password(PASSWORD), means);
    (folder, connector)
}

const COLUMNS: &str =
    r#"echo '"begun"'; echo '{"columns":[{"name":"sku"},{"name":"name"},{"name":"price","number":true}]}'"#;

#[tokio::test]
async fn a_reader_that_crashes_or_hangs_fails_its_run_and_nothing_else() {
    let row = r#"echo '{"row":{"values":["A-1","Milk","1.29"]}}'"#;
    for (script, code, part) in [
        ("kill -SEGV $$", ErrorCode::SourceUnreadable, "ended by signal 11"),
        (&*format!("{COLUMNS}; {row}; kill -SEGV $$"), ErrorCode::SourceUnreadable, "ended by signal 11"),
        (&*format!("{COLUMNS}; {row}"), ErrorCode::SourceUnreadable, "before it had read everything"),
        ("echo nonsense", ErrorCode::SourceUnreadable, "one version"),
        (
            "echo 'error while loading shared libraries: libodbc.so.2' >&2; exit 127",
            ErrorCode::Unsupported,
            "install unixODBC",
        ),
        ("echo \"it said $ask\" >&2; exit 1", ErrorCode::SourceUnreadable, "***"),
    ] {
        let (folder, connector) = spoiled(script);
        let failure = read(&connector).await.unwrap_err();
        assert_eq!(failure.code, code, "{script}: {failure}");
        assert!(failure.detail.contains(part) && !failure.detail.contains(PASSWORD), "{script}: {failure}");
        drop(connector);
        assert_eq!(fs::read_dir(folder.path().join("stage")).unwrap().count(), 0, "its place is gone");
    }
    let (folder, hung) =
        spoiled(&format!("{COLUMNS}; echo $$ > \"$HOME/../../pid\"; {row}; sleep 600 & wait"));
    let failure = tokio::time::timeout(Duration::from_secs(60), async { read(&hung).await })
        .await
        .unwrap()
        .unwrap_err();
    assert!(failure.detail.contains("longer than the 1 s"), "{failure}");
    let pid = fs::read_to_string(folder.path().join("pid")).unwrap();
    until_gone(&pid).await;
}

/// Puts a reader there that is this script.
fn script(folder: &Path, name: &str, text: &str) {
    let file = folder.join(name);
    fs::write(&file, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn the_hub_is_told_of_readers_when_they_come_and_a_run_goes_through_one() {
    let (shop, hub, folder) = (Shop::new(), Hub::start().await, tempfile::tempdir().unwrap());
    shop.enrolled(&hub);
    let readers = Some(folder.path().to_owned());
    let agent =
        Running::start(Config { readers, plugins_every: Duration::from_millis(200), ..shop.config() });
    let has = |kind: &str| {
        let last = hub.seen().hellos.last().map(|hello| hello.machine.capabilities.clone());
        last.is_some_and(|capabilities| capabilities.iter().any(|name| name == kind))
    };
    hub.until("hello", |seen| !seen.hellos.is_empty()).await;
    assert!(!has("source:odbc") && has("source:csv"));
    let mut command = shop.command();
    command.source = SourceConfig::Odbc(Box::new(odbc("DSN=x", "select 1")));
    hub.run(&command);
    let (_, outcome) = end(&hub.end_of(command.run_id).await);
    let RunOutcome::Failed(failure) = outcome else { panic!("{outcome:?}") };
    assert_eq!(failure.code, ErrorCode::Unsupported, "{failure:?}");

    let hello = r#"{"protocol":1,"version":"9","kinds":["odbc","sql_server"]}"#;
    let row = r#"echo '{"row":{"values":["A-1","Milk","1.29"]}}'; echo '"end"'"#;
    script(
        folder.path(),
        "grocerysync-odbc",
        &format!("if [ \"$1\" = --hello ]; then echo '{hello}'; exit; fi; read ask; {COLUMNS}; {row}"),
    );
    hub.until("another hello", |seen| {
        let last = seen.hellos.last().map(|hello| &hello.machine.capabilities);
        last.is_some_and(|capabilities| capabilities.iter().any(|name| name == "source:odbc"))
    })
    .await;
    let mut command = shop.command();
    command.source = SourceConfig::Odbc(Box::new(odbc("DSN=x", "select 1")));
    hub.run(&command);
    let (progress, outcome) = end(&hub.end_of(command.run_id).await);
    assert_eq!((outcome, progress.sent), (RunOutcome::Succeeded, 1), "{:?}", hub.seen().log(command.run_id));
    agent.stop().await.unwrap();
}

/// Until nobody has this number any more; a process that has ended and was not asked for is nobody.
async fn until_gone(pid: &str) {
    for round in 0.. {
        if !Path::new("/proc").join(pid.trim()).join("exe").exists() {
            return;
        }
        assert!(round < 600, "the reader is still there");
        tokio::time::sleep(Duration::from_millis(50)).await; // poll: the system clears a killed process away
    }
}

#[tokio::test]
async fn a_reading_that_nobody_wants_any_more_ends_its_reader() {
    let row = r#"echo '{"row":{"values":["A","Milk","1"]}}'"#;
    let (folder, endless) =
        spoiled(&format!("trap '' PIPE; {COLUMNS}; echo $$ > \"$HOME/../../pid\"; while :; do {row}; done"));
    let mut reading = endless.open().await.unwrap();
    assert!(reading.batches.next().await.unwrap().is_ok());
    let pid = fs::read_to_string(folder.path().join("pid")).unwrap();
    assert!(Path::new("/proc").join(pid.trim()).exists());
    drop(reading);
    until_gone(&pid).await;
}

/// An agent that was killed cannot end it, and a driver that waits for its server notices nothing.
#[tokio::test]
async fn a_reader_ends_with_its_input() {
    let query = "with recursive n(n) as (select 1 union all select n + 1 from n) select max(n) as sku from n";
    let folder = tempfile::tempdir().unwrap();
    let connection = format!("Driver=SQLite3;Database={}", folder.path().join("pos.db").display());
    let ask = Ask {
        protocol: PROTOCOL,
        task: Task::Read,
        source: SourceConfig::Odbc(Box::new(odbc(&connection, query))),
        credentials: None,
    };
    let mut command = tokio::process::Command::new(programs().join("grocerysync-odbc"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(format!("{}\n", serde_json::to_string(&ask).unwrap()).as_bytes()).await.unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let begun = tokio::time::timeout(Duration::from_secs(60), lines.next_line()).await.unwrap().unwrap();
    assert_eq!(begun.unwrap(), "\"begun\"");
    assert!(child.try_wait().unwrap().is_none(), "it is at work");
    drop(input);
    let ended = tokio::time::timeout(Duration::from_secs(60), child.wait()).await.unwrap().unwrap();
    assert!(!ended.success());
}
