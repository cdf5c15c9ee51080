//! What is there before anything goes wrong: retailers whose configuration is written, and one with an agent and a job.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use super::door::{Answer, Door, Request};
use super::hosts::Hosts;
use super::load::store;
use super::processes::Agent;

/// So many that each node owns some.
const RETAILERS: usize = 5;
/// Rows of the price file: work for some milliseconds.
const ROWS: usize = 300;
const PATIENCE: Duration = Duration::from_secs(40);

/// The identifiers of what was made.
#[derive(Debug, Clone, Default)]
pub(super) struct Shops {
    /// Those without an agent.
    pub(super) retailers: Vec<String>,
    /// Of each of them, the store that counts.
    pub(super) common: BTreeMap<String, String>,
    pub(super) with_agent: String,
    pub(super) job: String,
}

async fn made(door: &Door, key: &str, path: &str, body: Value) -> Value {
    let deadline = Instant::now() + PATIENCE;
    let header = Some(("idempotency-key", key.to_owned()));
    let request = Request { method: Method::POST, path: path.to_owned(), body: Some(body), header };
    match door.ask(0, request, || Some(deadline)).await {
        Answer::Done(body) => body,
        other => panic!("POST {path}: {other:?}"),
    }
}

async fn id_of(door: &Door, key: &str, path: &str, body: Value) -> String {
    made(door, key, path, body).await["id"].as_str().unwrap().to_owned()
}

fn retailer(code: &str) -> Value {
    json!({"code": code, "name": code, "currency": "EUR", "time_zone": "Europe/Berlin"})
}

pub(super) async fn open(door: &Door, hosts: &Hosts, folder: &Path) -> (Shops, Agent) {
    let mut shops = Shops::default();
    for n in 0..RETAILERS {
        let code = format!("shop-{n}");
        let id = id_of(door, &code, "/retailers", retailer(&code)).await;
        let common =
            id_of(door, "common", &format!("/retailers/{id}/stores"), store("common", "0 by nobody")).await;
        shops.common.insert(id.clone(), common);
        shops.retailers.push(id);
    }
    shops.with_agent = id_of(door, "with-agent", "/retailers", retailer("with-agent")).await;
    let of = format!("/retailers/{}", shops.with_agent);
    let agent = id_of(door, "agent", &format!("{of}/agents"), json!({"name": "Till server"})).await;
    let target = folder.join("out").join("items.csv");
    let config = json!({"kind": "local_file", "path": target.display().to_string()});
    let destination = json!({"name": "Folder", "config": config});
    let destination = id_of(door, "destination", &format!("{of}/destinations"), destination).await;
    let source = folder.join("items.csv");
    let mut rows = String::from("sku,name,barcode,price,tax_rate,stock,unit,category\n");
    for row in 0..ROWS {
        rows.push_str(&format!("A{row},Article {row},,1.50,10,3,pcs,Pantry\n"));
    }
    fs::write(&source, rows).unwrap();
    let job = json!({
        "name": "Price export", "agent_id": agent, "destination_id": destination,
        "source": {"kind": "csv", "path": source.display().to_string()},
    });
    shops.job = id_of(door, "job", &format!("{of}/jobs"), job).await;
    let token = made(door, "token", &format!("{of}/agents/{agent}/enrolment"), json!({})).await;
    let token = token["token"].as_str().unwrap();
    let agent = Agent::enrol(hosts, folder, &door.urls(), token).await;
    (shops, agent)
}
