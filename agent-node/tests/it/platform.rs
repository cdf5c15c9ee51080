//! Shop platforms as simulators that hold to their documented rules, with faults on demand, and the connectors
//! against them. Parts of tests, not of the product.

mod server;
mod shopify;
mod webhook;
mod woocommerce;

use std::collections::BTreeMap;
use std::time::Duration;

use agent_node::connector::means::Pace;
use agent_node::connector::{Delivered, DestinationConnector, Failure, ForRun, Means, Numbered};
use messages::RunId;
use messages::agent::RejectedItem;
use serde_json::json;
use tempfile::TempDir;

pub(crate) use server::{Asked, Fault, Reply, Server, Shop};

/// Of one portion.
pub(crate) const TRIES: u32 = 6;

/// Waits of milliseconds in the place of seconds.
pub(crate) fn means(scratch: &TempDir) -> Means {
    let pace = Pace {
        first: Duration::from_millis(10),
        longest: Duration::from_millis(40),
        tries: TRIES,
        most_asked: Duration::from_secs(5),
        answer: Duration::from_secs(2),
        look: Duration::from_millis(10),
    };
    Means { scratch: scratch.path().to_owned(), pace, ..Means::default() }
}

pub(crate) fn row(number: u64) -> Numbered {
    priced(number, "1.50")
}

pub(crate) fn priced(number: u64, price: &str) -> Numbered {
    let item = json!({"sku": format!("A-{number}"), "name": format!("Article {number}"), "price": price,
        "stock": "7.5", "description": "fresh <b>&</b> cheap"});
    Numbered { row: number + 2, item: serde_json::from_value(item).unwrap() }
}

pub(crate) fn rows(count: u64) -> Vec<Numbered> {
    (0..count).map(row).collect()
}

/// Number and price of each article as the platform has it.
pub(crate) type Articles = BTreeMap<String, String>;

pub(crate) fn articles(rows: &[Numbered]) -> Articles {
    rows.iter().map(|row| (row.item.sku.clone(), row.item.price.to_string())).collect()
}

/// What came of a run that was driven to its end, as the pipeline drives it.
#[derive(Debug, Default)]
pub(crate) struct Driven {
    pub(crate) sent: u64,
    pub(crate) rejects: Vec<RejectedItem>,
    pub(crate) notes: Vec<String>,
}

pub(crate) async fn drive(
    connector: &dyn DestinationConnector,
    rows: &[Numbered],
) -> Result<Driven, Failure> {
    drive_as(connector, &ForRun::alone(RunId::new()), rows).await
}

pub(crate) async fn drive_as(
    connector: &dyn DestinationConnector,
    run: &ForRun,
    rows: &[Numbered],
) -> Result<Driven, Failure> {
    let mut sink = connector.open(run).await?;
    for batch in rows.chunks(512) {
        sink.write(batch).await?;
    }
    let mut driven = Driven::default();
    let done = async {
        while let Some(Delivered { sent, rejects, notes, .. }) = sink.deliver().await? {
            driven.sent += sent;
            driven.rejects.extend(rejects);
            driven.notes.extend(notes);
        }
        sink.finish().await
    };
    match done.await {
        Ok(_) => Ok(driven),
        Err(failure) => {
            sink.abort().await;
            Err(failure)
        }
    }
}
