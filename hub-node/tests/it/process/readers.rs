//! A source whose driver is a program beside the agent, through real hub and agent: refused while the agent has it not, sealed,
//! looked at, run.

use std::fs;

use messages::inspect::Finding;
use messages::run::RunState;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::agent::Agent;
use super::api::{Api, Shop};
use super::hub::Hub;

const SECRET: &str = "odbc-secret-1";

#[tokio::test]
async fn process_a_source_by_odbc_comes_through_hub_and_agent() {
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::start(folder.path()).await;
    let api = Api::set_up(&hub.url).await;
    let made = async |path: String, body: Value| -> String {
        let made: Value = api.post(&path, body).await;
        made["id"].as_str().unwrap().to_owned()
    };
    let body = json!({"code": "freshmart", "name": "FreshMart", "currency": "EUR", "time_zone": "UTC"});
    let retailer = made("/retailers".into(), body).await;
    let of = format!("/retailers/{retailer}");
    let agent_id = made(format!("{of}/agents"), json!({"name": "Till server"})).await;
    let target = folder.path().join("items.csv");
    let config = json!({"kind": "local_file", "path": target.display().to_string()});
    let to = made(format!("{of}/destinations"), json!({"name": "Folder", "config": config})).await;
    let database = folder.path().join("pos.db");
    let source = json!({
        "kind": "odbc",
        "connection": format!("Driver=SQLite3;Database={}", database.display()),
        "user": "reader",
        "query": "select 'A-1' as sku, 'Sữa' as name, '90071992547409.93' as price",
    });
    let credentials = json!({"kind": "password", "password": SECRET});
    let job = json!({
        "name": "Prices", "agent_id": agent_id, "destination_id": to, "source": source,
        "source_credentials": credentials,
    });

    // Enrolled, it has said what it can do by itself; which readers lie beside it, it says when it runs.
    let mut shop = Shop { retailer, agent: agent_id.clone(), job: String::new() };
    let token = shop.token(&api).await;
    let mut agent = Agent::enrol(folder.path(), &hub.url, &token).await;
    let (status, problem) = api.call(Method::POST, &format!("{of}/jobs"), Some(job.clone())).await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("unsupported")),
        "{problem}"
    );
    agent.start();
    shop.until_connected(&api).await;
    let (_, checked) = agent.check().await;
    assert!(checked.contains("grocerysync-odbc for odbc, sql_server"), "{checked}");
    shop.job = made(format!("{of}/jobs"), job.clone()).await;

    let ask = json!({"look_at": "source", "source": source, "job_id": shop.job});
    let (status, shown) = api.call(Method::POST, &format!("{of}/agents/{agent_id}/inspect"), Some(ask)).await;
    assert_eq!(status, StatusCode::OK, "{shown}");
    let Finding::Source { columns, rows, .. } = serde_json::from_value(shown).unwrap() else {
        panic!("a source")
    };
    assert_eq!((columns.join(" "), rows[0][2].as_str()), ("sku name price".into(), "90071992547409.93"));

    let run = api.post(&format!("{of}/jobs/{}/runs", shop.job), json!({"mode": "usual"})).await;
    let run = shop.until_over(&api, &run).await;
    assert_eq!((run.state, run.progress.sent), (RunState::Succeeded, 1), "{run:?}");
    let arrived = fs::read_to_string(&target).unwrap();
    assert!(arrived.contains("A-1,Sữa,,90071992547409.93"), "{arrived}");
    let stored: Value = api.get(&format!("{of}/jobs/{}", shop.job)).await;
    assert_eq!(stored["has_source_credentials"], json!(true));
    for text in [stored.to_string(), agent.log(), hub.log()] {
        assert!(!text.contains(SECRET) && !text.contains("panicked"), "{text}");
    }
    drop(agent);
    hub.stop().await;
}
