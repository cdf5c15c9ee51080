//! Databases: SQLite files, and real servers of PostgreSQL and MariaDB, each started once.

use std::time::Duration;

use agent_node::connector::sql::{MySqlConnector, PostgreSqlConnector, SqliteConnector};
use agent_node::connector::{Means, PosConnector};
use futures_util::StreamExt as _;
use messages::ErrorCode;
use messages::connector::{
    ColumnName, Credentials, DatabaseServer, DatabaseTls, DecimalMark, SourceConfig, SqliteSource,
};
use messages::item::ItemField;

use super::databases::{Database, PASSWORD, password};
use super::read;
use crate::conformance;

/// A price that a float of 64 bits does not hold.
pub(super) const EXACT: &str = "90071992547409.93";

pub(super) type Make = fn(DatabaseServer, Option<Credentials>, Means) -> Box<dyn PosConnector>;

fn made(make: Make, server: DatabaseServer) -> Box<dyn PosConnector> {
    make(server, password(PASSWORD), Means::default())
}

pub(super) fn quoted() -> String {
    PASSWORD.replace('\'', "''")
}

/// What goes for every server. `slow` is a query without an end, `write` one that hides a change in a select.
pub(super) async fn hold_to_the_rules(
    database: &Database,
    (make, of): (Make, fn(DatabaseServer) -> SourceConfig),
    means: &Means,
    slow: &str,
    write: Option<&str>,
) {
    let select = "select code as sku, title as name, price, stock from articles order by n;";
    let malformed = made(make, database.server("select nonsense from articles"));
    let nowhere = made(make, DatabaseServer { port: 1, ..database.server(select) });
    let subject = made(make, database.server(select));
    let breaches = conformance::source(&*subject, (2_000, 1), &*nowhere, &*malformed).await;
    assert_eq!(breaches, [""; 0]);
    let config = of(database.server(select));
    assert_eq!(conformance::mapped(config, password(PASSWORD), means).await, [""; 0]);

    let all = read(&*subject).await.unwrap();
    // Firebird shouts names.
    let rejects: Vec<_> = all.rejects.iter().map(|reject| reject.to_lowercase()).collect();
    assert_eq!(rejects, ["2001 name: is missing"]);
    assert_eq!(all.items[0].price.to_string(), EXACT);
    assert_eq!((all.items[1].price.to_string().as_str(), all.items[1].name.as_str()), ("0.02", "Sữa 2"));
    assert_eq!(all.items[0].stock, None, "null is no value");

    let german = DatabaseServer {
        decimal_mark: DecimalMark::Comma,
        columns: vec![ColumnName { field: ItemField::TaxRate, header: "vat".into() }],
        ..database.server("select code as sku, title as name, price, '5,5' as vat from articles where n = 2")
    };
    let german = read(&*made(make, german)).await.unwrap();
    assert_eq!(german.items[0].tax_rate.unwrap().to_string(), "5.5");
    assert_eq!(german.items[0].price.to_string(), "0.02", "a real number has a point whatever texts have");

    let stranger = make(database.server(select), password("guess"), Means::default());
    let refused = read(&*stranger).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::SourceRefused, "{refused}");
    assert!(!refused.detail.contains("guess"));
    assert_eq!(
        read(&*make(database.server(select), None, Means::default())).await.unwrap_err().code,
        ErrorCode::SourceRefused
    );

    let insert = "insert into articles (n, code, title, price) values (9999, 'x', 'x', 1)";
    let two = format!("select code as sku, title as name, price from articles; {insert}");
    for query in [insert, two.as_str(), "delete from articles", "commit"].into_iter().chain(write) {
        let failure = read(&*made(make, database.server(query))).await.unwrap_err();
        assert_eq!(failure.code, ErrorCode::SourceMalformed, "{query}: {failure}");
    }
    let count =
        read(&*made(make, database.server("select count(*) as sku, 'x' as name, 1 as price from articles")))
            .await;
    assert_eq!(count.unwrap().items[0].sku, "2001", "nothing was changed");

    let slow = DatabaseServer { query_s: 1, ..database.server(slow) };
    let late = tokio::time::timeout(Duration::from_secs(60), async { read(&*made(make, slow)).await }).await;
    let late = late.unwrap().unwrap_err();
    assert_eq!(late.code, ErrorCode::SourceUnreadable, "{late}");
    assert!(late.detail.contains("longer than the 1 s"), "{late}");
}

/// What goes for servers whose line the agent itself encrypts.
async fn trust_only_whom_they_are_told(database: &Database, make: Make) {
    let encrypted = DatabaseServer {
        host: "localhost".into(),
        tls: DatabaseTls::Required,
        ..database.server("select code as sku, title as name, price from articles")
    };
    let ours = Means { ca_file: Some(database.authority()), ..Means::default() };
    assert_eq!(read(&*make(encrypted.clone(), password(PASSWORD), ours)).await.unwrap().items.len(), 2_000);
    let foreign = read(&*make(encrypted, password(PASSWORD), Means::default())).await.unwrap_err();
    assert_eq!(foreign.code, ErrorCode::SourceUnreadable, "its certificate is verified: {foreign}");
}

pub(super) fn postgresql_setup() -> String {
    format!(
        "create table articles (n int, code text, title text, price numeric, stock numeric);
         insert into articles values (1, 'A-1', 'Sữa 1', {EXACT}, null);
         insert into articles select n, 'A-' || n, 'Sữa ' || n, n * 0.01, n % 7 from generate_series(2, 2000) n;
         insert into articles values (2001, 'x', null, 1, 1);
         create role reader login password '{}';
         grant select, insert, delete on articles to reader",
        quoted()
    )
}

pub(super) fn mariadb_setup() -> String {
    format!(
        "create database pos character set utf8mb4;\n\
         create table pos.articles (n int, code varchar(20), title varchar(50), price decimal(20,2), stock double) character set utf8mb4;\n\
         insert into pos.articles values (1, 'A-1', 'Sữa 1', {EXACT}, null);\n\
         insert into pos.articles select seq, concat('A-', seq), concat('Sữa ', seq), seq * 0.01, seq % 7 from pos_seq;\n\
         insert into pos.articles values (2001, 'x', null, 1, 1);\n\
         create user reader@'%' identified by '{}';\n\
         grant select, insert, delete on pos.* to reader@'%';\n",
        quoted()
    )
    .replace("pos_seq", "pos.seq_2_to_2000")
}

#[tokio::test]
async fn postgresql_conforms() {
    let database = Database::postgresql(&postgresql_setup()).await;
    let make: Make =
        |server, credentials, means| Box::new(PostgreSqlConnector::new(server, credentials, means));
    let slow = "select pg_sleep(30)::text as sku, 'x' as name, 1 as price";
    let write =
        "with gone as (delete from articles returning *) select code as sku, title as name, price from gone";
    hold_to_the_rules(
        &database,
        (make, |server| SourceConfig::PostgreSql(server.into())),
        &Means::default(),
        slow,
        Some(write),
    )
    .await;
    trust_only_whom_they_are_told(&database, make).await;

    // A query that nobody waits for any more does not go on at the server.
    // In the list of the select, the series comes as it is taken; as a table it would be made first.
    let long = "select generate_series(1, 100000000)::text as sku, 'Article' as name, 1 as price";
    let mut reading = made(make, database.server(long)).open().await.unwrap();
    assert!(reading.batches.next().await.unwrap().is_ok());
    drop(reading);
    let others = "select count(*) as sku, 'x' as name, 1 as price from pg_stat_activity
        where usename = 'reader' and pid <> pg_backend_pid() and state = 'active'";
    for round in 0.. {
        if read(&*made(make, database.server(others))).await.unwrap().items[0].sku == "0" {
            break;
        }
        assert!(round < 300, "it goes on at the server");
        tokio::time::sleep(Duration::from_millis(100)).await; // poll: the server notices a closed line in its own time
    }
}

#[tokio::test]
async fn mariadb_conforms() {
    let database = Database::mariadb(&mariadb_setup()).await;
    let make: Make = |server, credentials, means| Box::new(MySqlConnector::new(server, credentials, means));
    let slow = "select sleep(30) as sku, 'x' as name, 1 as price"; // slow: at the server, which cuts it short
    hold_to_the_rules(
        &database,
        (make, |server| SourceConfig::MySql(server.into())),
        &Means::default(),
        slow,
        None,
    )
    .await;
    trust_only_whom_they_are_told(&database, make).await;
}

#[tokio::test]
async fn sqlite_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pos.db").to_str().unwrap().to_owned();
    let writer = rusqlite::Connection::open(&path).unwrap();
    writer
        .execute_batch(
            "pragma journal_mode = wal;
             create table articles (n integer, code text, title text, price real, picture blob);
             with recursive seq(n) as (select 1 union all select n + 1 from seq where n < 2000)
             insert into articles select n, 'A-' || n, 'Sữa ' || n, n / 100.0, x'00ff' from seq;
             insert into articles values (2001, 'x', null, 1.29, null);",
        )
        .unwrap();
    let connector = |query: &str| {
        SqliteConnector::new(SqliteSource {
            path: path.clone(),
            query: query.into(),
            ..SqliteSource::default()
        })
    };
    let subject = connector("select code as sku, title as name, price, picture from articles order by n;");
    let missing = folder.path().join("none.db").to_str().unwrap().to_owned();
    let nowhere = SqliteConnector::new(SqliteSource {
        path: missing,
        query: "select 1".into(),
        ..SqliteSource::default()
    });
    let malformed = connector("select nonsense from articles");
    let breaches = conformance::source(&subject, (2_000, 1), &nowhere, &malformed).await;
    assert_eq!(breaches, [""; 0]);
    let query = "select code as sku, title as name, price, picture from articles order by n".into();
    let config = SourceConfig::Sqlite(SqliteSource { path: path.clone(), query, ..SqliteSource::default() });
    assert_eq!(conformance::mapped(config, None, &Means::default()).await, [""; 0]);
    let all = read(&subject).await.unwrap();
    assert_eq!((all.items[128].price.to_string().as_str(), all.rejects.len()), ("1.29", 1));
    let blob =
        read(&connector("select picture as sku, title as name, price from articles where n = 1")).await;
    assert_eq!(blob.unwrap().rejects, ["1 sku: holds binary data"]);
    for query in [
        "delete from articles",
        "insert into articles values (1, 2, 3, 4, 5) returning code as sku, title as name, price",
    ] {
        let failure = read(&connector(query)).await.unwrap_err();
        assert_eq!(failure.code, ErrorCode::SourceMalformed, "{query}: {failure}");
    }
    let endless = "with recursive n(n) as (select 1 union all select n + 1 from n) select max(n) as sku, 'x' as name, 1 as price from n";
    let slow =
        SqliteSource { path: path.clone(), query: endless.into(), query_s: 1, ..SqliteSource::default() };
    let late = read(&SqliteConnector::new(slow)).await.unwrap_err();
    assert_eq!(late.code, ErrorCode::SourceUnreadable, "{late}");
    assert!(late.detail.contains("longer than the 1 s"), "{late}");
    let text = folder.path().join("text.db");
    std::fs::write(&text, "sku,name,price\n1,Milk,1.29\n".repeat(100)).unwrap();
    let text = SqliteSource {
        path: text.to_str().unwrap().into(),
        query: "select 1".into(),
        ..SqliteSource::default()
    };
    assert_eq!(read(&SqliteConnector::new(text)).await.unwrap_err().code, ErrorCode::SourceMalformed);
}
