//! Single values, and what is refused. Whole documents go through the database in the integration tests.

use std::collections::HashSet;

use actors::domain::Run;
use actors::ports::StoreError;
use bson::doc;
use messages::connector::{DestinationConfig, SourceConfig};
use messages::run::{LogLine, Reject, RunState};
use messages::{RetailerId, Timestamp};

use super::connector::ConnectorDoc;
use super::log::LogDoc;
use super::reject::RejectDoc;
use super::run::{RunDoc, read_state, state_text};
use super::value::{StoredId as _, count, date, fold, long, small, time};
use super::{declared, index};

fn connector(kind: &str, form: i32, body: &str) -> ConnectorDoc {
    ConnectorDoc { kind: kind.into(), form, body: body.into() }
}

#[test]
fn connector_bodies_of_form_1_are_read() {
    let csv = r#"{"kind":"csv","path":"C:\\pos\\items.csv","delimiter":";","encoding":"windows1252","decimal_mark":"comma","columns":[{"field":"sku","header":"Mã.hàng $"}]}"#;
    let read = connector("csv", 1, csv).source().unwrap();
    let SourceConfig::Csv(source) = read else { panic!("{read:?}") };
    assert_eq!((source.path.as_str(), source.columns.len()), ("C:\\pos\\items.csv", 1));
    for (kind, body) in [
        (
            "excel",
            r#"{"kind":"excel","path":"/p.xlsx","pick":"all","settled_s":9,"archive":"done","sheet":"Artikel","header_row":3,"decimal_mark":"comma","columns":[]}"#,
        ),
        (
            "dbf",
            r#"{"kind":"dbf","path":"/p.dbf","pick":"newest","settled_s":2,"archive":"","encoding":"cp850","decimal_mark":"point","columns":[]}"#,
        ),
        (
            "xml",
            r#"{"kind":"xml","path":"/p.xml","pick":"newest","settled_s":2,"archive":"","item":"a/b","decimal_mark":"point","columns":[]}"#,
        ),
        (
            "http_json",
            r#"{"kind":"http_json","url":"https://p/i","auth":{"way":"basic","user":"u"},"items":"data","paging":{"way":"offset","parameter":"o","limit_parameter":"l","limit":100},"decimal_mark":"point","columns":[],"most_pages":10,"page_mb":64,"answer_s":60}"#,
        ),
        (
            "sqlite",
            r#"{"kind":"sqlite","path":"/p.db","query":"select 1","decimal_mark":"point","columns":[],"query_s":600}"#,
        ),
        (
            "mysql",
            r#"{"kind":"mysql","host":"h","port":0,"user":"u","database":"d","tls":"off","query":"select 1","decimal_mark":"point","columns":[],"query_s":600}"#,
        ),
        (
            "postgresql",
            r#"{"kind":"postgresql","host":"h","port":5433,"user":"u","database":"d","tls":"required","query":"select 1","decimal_mark":"point","columns":[],"query_s":600}"#,
        ),
    ] {
        let read = connector(kind, 1, body).source().unwrap();
        assert_eq!(ConnectorDoc::of_source(&read).unwrap().body, body, "{kind}");
    }
    let sftp =
        r#"{"kind":"sftp","host":"h","port":22,"user":"u","path":"/p","host_key":"k","format":"jsonl"}"#;
    assert!(matches!(connector("sftp", 1, sftp).destination(), Ok(DestinationConfig::Sftp(_))));
    let file = r#"{"kind":"local_file","path":"/p","format":"csv"}"#;
    assert!(matches!(connector("local_file", 1, file).destination(), Ok(DestinationConfig::LocalFile(_))));
    for (kind, body) in [
        ("webhook", r#"{"kind":"webhook","url":"https://shop.example/in","batch_items":500}"#),
        (
            "woocommerce",
            r#"{"kind":"woocommerce","url":"https://shop.example","new_products":"draft","update":"everything"}"#,
        ),
        (
            "shopify",
            r#"{"kind":"shopify","url":"https://x.myshopify.com","location_id":"5","new_products":"published","update":"price_and_stock"}"#,
        ),
    ] {
        let read = connector(kind, 1, body).destination().unwrap();
        assert_eq!(
            ConnectorDoc::of_destination(&read).unwrap(),
            connector(kind, 1, body),
            "written as it was read"
        );
    }
}

#[test]
fn a_connector_that_cannot_be_read_is_named() {
    for (stored, part) in [
        (connector("csv", 2, "{}"), "form 2"),
        (connector("csv", 1, "{"), "cannot be read"),
        (connector("paradox", 1, r#"{"kind":"paradox"}"#), "paradox"),
    ] {
        let refused = stored.source().unwrap_err().to_string();
        assert!(refused.contains(part), "{refused}");
    }
}

#[test]
fn values_come_back() {
    let id = RetailerId::new();
    assert_eq!(RetailerId::read(id.stored()), id);
    assert_eq!(time(date(Timestamp(-5))), Timestamp(-5));
    assert_eq!(count(long(u64::MAX), "n").unwrap(), u64::MAX / 2, "cut at the largest that can be stored");
    assert!(count(-1, "n").is_err() && small(-1, "n").is_err() && small(1 << 40, "n").is_err());
    for state in RunState::ALL {
        assert_eq!(read_state(&state_text(state)).unwrap(), state);
    }
    assert!(read_state("paused").is_err());
    assert_eq!((fold("  Chợ LỚN "), fold("a")), ("chợ lớn".into(), "a".into()));
}

#[test]
fn identifiers_sort_as_they_were_made() {
    let ids: Vec<_> = (0..100).map(|_| RetailerId::new().stored().bytes()).collect();
    assert!(ids.is_sorted());
}

#[test]
fn what_makes_no_sense_is_refused() {
    let unreadable = |result: Result<(), StoreError>| matches!(result, Err(StoreError::Corrupt(_)));
    let id = bson::Uuid::new();
    let log = |level: i32, seq: i64, sv: i32| {
        let at = date(Timestamp(0));
        let stored =
            doc! { "_id": "x", "sv": sv, "run_id": id, "seq": seq, "at": at, "level": level, "text": "" };
        let stored: LogDoc = bson::deserialize_from_document(stored).unwrap();
        LogLine::try_from(stored).map(|_| ()).map_err(StoreError::from)
    };
    assert!(log(20, 1, 1).is_ok());
    assert!(unreadable(log(25, 1, 1)) && unreadable(log(20, -1, 1)) && unreadable(log(20, 1, 2)));
    let reject = |field: &str| {
        let stored =
            doc! { "_id": "x", "sv": 1, "run_id": id, "row": 1_i64, "field": field, "reason": "", "raw": "" };
        let stored: RejectDoc = bson::deserialize_from_document(stored).unwrap();
        Reject::try_from(stored).map(|_| ()).map_err(StoreError::from)
    };
    assert!(reject("price").is_ok() && unreadable(reject("prize")));
    // A document that lacks something is not read at all.
    assert!(bson::deserialize_from_document::<RunDoc>(doc! { "_id": id, "sv": 1 }).is_err());
    let _: fn(RunDoc) -> Result<Run, _> = Run::try_from;
}

#[test]
fn collections_and_their_indexes_have_one_name_each() {
    let mut collections = HashSet::new();
    for (collection, indexes) in declared() {
        assert!(collections.insert(collection), "{collection} stands twice");
        let names: HashSet<_> =
            indexes.iter().map(|index| index.options.as_ref().unwrap().name.clone().unwrap()).collect();
        assert_eq!(names.len(), indexes.len(), "{collection}");
    }
    assert_eq!(index("x", doc! { "a": 1 }).keys, doc! { "a": 1 });
}
