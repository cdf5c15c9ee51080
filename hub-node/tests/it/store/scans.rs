//! What is asked for one retailer is found by an index, whatever all the others have: with thousands of retailers a
//! question that looks through a whole collection takes the database away from everybody.

use std::collections::BTreeSet;

use actors::ports::{LedgerStore, TenantStore as _};
use bson::{Bson, Document, doc};
use futures_util::TryStreamExt as _;
use hub_node::store::TenantDb;
use messages::version::Epoch;
use messages::{RetailerId, Version};
use mongodb::{Client, Database};

use crate::support::{sample, store};

#[tokio::test]
async fn nothing_of_a_retailers_life_looks_through_a_collection() {
    let store = store().await;
    let database = Client::with_uri_str(store.server.uri()).await.unwrap().database(&store.database);
    database.run_command(doc! { "profile": 2 }).await.unwrap();
    let retailer = RetailerId::new();
    store.take(retailer, Epoch(1)).await.unwrap();
    let (writes, image) = sample::whole(retailer, "freshmart");
    store.commit(retailer, Epoch(1), Version(1), writes.into()).await.unwrap();
    store.take(retailer, Epoch(2)).await.unwrap();
    store.latest_logs(retailer, image.runs[0].id, 10).await.unwrap();
    LedgerStore::open(&*store, retailer, Epoch(2)).await.unwrap();
    TenantDb::new(&store, retailer).terms().await.unwrap();
    database.run_command(doc! { "profile": 0 }).await.unwrap();

    let asked = asked(&database).await;
    assert!(asked.len() > 10, "all of that was seen: {asked:#?}");
    let mut scans = Vec::new();
    for question in asked {
        // The embedded server explains every range of identifiers as a scan, and reads none beside it all the same.
        if question.get_document("filter").is_ok_and(|filter| filter.contains_key("_id")) {
            continue;
        }
        let explained = database.run_command(doc! { "explain": question.clone() }).await.unwrap();
        if explained.to_string().contains("COLLSCAN") {
            scans.push(question);
        }
    }
    assert!(scans.is_empty(), "{scans:#?}");
}

/// Every kind of question that the profile has, once.
async fn asked(database: &Database) -> Vec<Document> {
    let profile = database.collection::<Document>("system.profile");
    let seen: Vec<Document> = profile.find(doc! {}).await.unwrap().try_collect().await.unwrap();
    let mut kinds = BTreeSet::new();
    let questions = seen.iter().filter_map(|entry| question(entry, database.name()));
    questions.filter(|question| kinds.insert(shape(question))).collect()
}

/// What an entry asked, as a command to be explained.
fn question(entry: &Document, database: &str) -> Option<Document> {
    let collection = entry.get_str("ns").ok()?.strip_prefix(database)?.strip_prefix('.')?.to_owned();
    let command = entry.get_document("command").ok()?;
    let find = |filter: &Document| doc! { "find": &collection, "filter": filter.clone() };
    if let Ok(filter) = command.get_document("filter") {
        let mut question = find(filter);
        for more in ["sort", "limit"] {
            if let Some(value) = command.get(more) {
                question.insert(more, value.clone());
            }
        }
        return Some(question);
    }
    command.get_document("q").or_else(|_| command.get_document("query")).ok().map(find)
}

/// The question without the values in it.
fn shape(question: &Document) -> String {
    fn keys(value: &Bson) -> String {
        match value {
            Bson::Document(document) => {
                document.iter().map(|(key, value)| format!("{key}{{{}}}", keys(value))).collect()
            }
            Bson::String(text) => text.clone(),
            _ => String::new(),
        }
    }
    keys(&Bson::Document(question.clone()))
}
