//! A tap and a target as they are to be had from their makers, unchanged: `tap-postgres` against a real server, and
//! `target-jsonl`.

use std::fs;
use std::path::PathBuf;

use agent_node::connector::singer::{SingerTap, SingerTarget};
use messages::connector::{ColumnName, Credentials, SingerDestination, SingerSource, SourceConfig};
use messages::item::ItemField;
use serde_json::{Value, json};

use super::Stage;
use crate::conformance;
use crate::platform::{drive, rows};
use crate::sources::databases::{Database, PASSWORD};
use crate::sources::read;

/// The program that lies beside the Python of its environment.
fn program(variable: &str, name: &str) -> PathBuf {
    let python = std::env::var_os(variable).unwrap_or_else(|| panic!("{variable} is to name a Python"));
    PathBuf::from(python).with_file_name(name)
}

fn install(stage: &Stage, name: &str, kind: &str, program: &std::path::Path) {
    let folder = stage.path("plugins").join(name);
    fs::create_dir_all(&folder).unwrap();
    fs::write(
        folder.join("plugin.toml"),
        format!("kind = \"{kind}\"\ncommand = \"{}\"\nlimits = {{ time_s = 300 }}\n", program.display()),
    )
    .unwrap();
}

#[tokio::test]
async fn tap_postgres_reads_a_real_server() {
    let secret = PASSWORD.replace('\'', "''");
    let setup = format!(
        "create table articles (n int primary key, code text, title text, price numeric(20,4), stock numeric, blob bytea); \
         insert into articles select n, 'A-' || n, 'Sữa ' || n, n / 100.0, null from generate_series(1, 2000) n; \
         update articles set price = 90071992547409.93 where n = 1; \
         insert into articles values (2001, 'x', null, 1, 1, null); \
         create table users (id int primary key); \
         create user reader password '{secret}'; grant select on all tables in schema public to reader;"
    );
    let database = Database::postgresql(&setup).await;
    let stage = Stage::new();
    install(&stage, "tap-postgres", "tap", &program("GROCERYSYNC_SINGER_TAP_PYTHON", "tap-postgres"));
    let config = |port: u16, stream: &str| {
        let settings = json!({"host": "127.0.0.1", "port": port, "user": "reader", "dbname": "pos"});
        let column = |field, header: &str| ColumnName { field, header: header.into() };
        SingerSource {
            plugin: "tap-postgres".into(),
            settings: settings.as_object().cloned().unwrap(),
            secrets: vec!["password".into()],
            stream: stream.into(),
            columns: vec![column(ItemField::Sku, "code"), column(ItemField::Name, "title")],
            ..SingerSource::default()
        }
    };
    let password = || Credentials::Settings { settings: [("password".to_owned(), PASSWORD.into())].into() };
    let make =
        |port: u16, stream: &str| SingerTap::new(config(port, stream), Some(password()), stage.means());
    let subject = make(database.port, "public-articles");
    let all = read(&subject).await.unwrap();
    assert_eq!((all.items.len(), all.rejects.len()), (2_000, 1));
    let exact = |sku: &str| all.items.iter().find(|item| item.sku == sku).unwrap().price.to_string();
    assert!(exact("A-1").starts_with("90071992547409.93"), "{}", exact("A-1"));
    assert!(exact("A-17").starts_with("0.17"), "{}", exact("A-17"));
    let (nowhere, malformed) = (make(1, "public-articles"), make(database.port, "public-nonsense"));
    let breaches = conformance::source(&subject, (2_000, 1), &nowhere, &malformed).await;
    assert_eq!(breaches, [""; 0]);
    let whole = SourceConfig::Singer(Box::new(config(database.port, "public-articles")));
    assert_eq!(conformance::mapped(whole, Some(password()), &stage.means()).await, [""; 0]);
    stage.is_clean().await;
}

#[tokio::test]
async fn target_jsonl_writes_what_it_is_told() {
    let stage = Stage::new();
    let out = stage.path("out");
    install(&stage, "target-jsonl", "target", &program("GROCERYSYNC_SINGER_TARGET_PYTHON", "target-jsonl"));
    let settings = json!({"destination_path": out, "do_timestamp_file": false});
    let config = SingerDestination {
        plugin: "target-jsonl".into(),
        settings: settings.as_object().cloned().unwrap(),
        stream: "articles".into(),
        ..SingerDestination::default()
    };
    let target = SingerTarget::new(config, None, stage.means());
    let driven = drive(&target, &rows(1_200)).await.unwrap();
    assert_eq!((driven.sent, driven.rejects.len()), (1_200, 0), "{driven:?}");
    let text = fs::read_to_string(out.join("articles.jsonl")).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 1_200);
    assert_eq!((&lines[7]["sku"], &lines[7]["barcode"]), (&json!("A-7"), &Value::Null));
    assert!(text.contains("\"price\": 1.50"), "to the digit: {}", text.lines().next().unwrap());
    stage.is_clean().await;
}
