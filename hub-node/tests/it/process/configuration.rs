//! A configuration that goes out of one retailer as a file, into a new one and into one that has some of it.

use std::path::Path;

use messages::http::configuration::{Configuration, ImportOutcome, ImportReport};
use messages::http::jobs::JobView;
use messages::http::paging::Page;
use messages::http::retailers::RetailerSummary;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::api::Api;
use super::hub::Hub;

const SECRET: &str = "the shop's own password";

/// A retailer with a shop, an agent, a server with a password, and a job. The address under which it is found.
async fn retailer(api: &Api, folder: &Path) -> String {
    let made = async |path: String, body: Value| -> Value {
        let made: Value = api.post(&path, body).await;
        made["id"].clone()
    };
    let body = json!({"code": "freshmart", "name": "FreshMart", "currency": "EUR", "time_zone": "UTC"});
    let of = format!("/retailers/{}", made("/retailers".into(), body).await.as_str().unwrap());
    let store = json!({"code": "d1", "name": "District 1", "time_zone": "UTC"});
    let store = made(format!("{of}/stores"), store).await;
    let agent = made(format!("{of}/agents"), json!({"name": "Till server", "store_id": store})).await;
    let config = json!({
        "kind": "sftp", "host": "shop.example", "port": 22, "user": "sync", "path": "/in/items.csv",
        "host_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ",
    });
    let credentials = json!({"kind": "password", "password": SECRET});
    let to = json!({"name": "Server", "config": config, "credentials": credentials});
    let to = made(format!("{of}/destinations"), to).await;
    let source = json!({"kind": "csv", "path": folder.join("items.csv")});
    let job = json!({"name": "Stock", "agent_id": agent, "destination_id": to, "source": source});
    made(format!("{of}/jobs"), job).await;
    of
}

#[tokio::test]
async fn process_a_retailer_goes_out_as_a_file_and_comes_in_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::start(folder.path()).await;
    let api = Api::set_up(&hub.url).await;
    let of = retailer(&api, folder.path()).await;
    let mut file: Value = api.get(&format!("{of}/configuration")).await;
    assert!(!file.to_string().contains(SECRET));

    // A second retailer of it. Its code is taken until it is changed.
    let (status, refused) = api.call(Method::POST, "/configurations", Some(file.clone())).await;
    assert_eq!((status, &refused["code"]), (StatusCode::CONFLICT, &json!("name_taken")), "{refused}");
    file["retailer"]["code"] = "freshmart-2".into();
    let report: ImportReport = api.post("/configurations", file.clone()).await;
    assert_eq!(report.count(ImportOutcome::Made), 4);
    let needy: Vec<_> = report.things.iter().filter(|thing| thing.needs_credentials).collect();
    assert_eq!((needy.len(), needy[0].kind.as_str()), (1, "destination"));
    let copy = format!("/retailers/{}", report.retailer_id);
    let jobs: Page<JobView> = api.get(&format!("{copy}/jobs")).await;
    assert!(!jobs.items[0].spec.enabled, "it would write over what the original sends");
    let list: Page<RetailerSummary> = api.get("/retailers?q=freshmart-2").await;
    assert_eq!((list.total, list.items[0].jobs), (1, 1));

    // The copy has the same, under identifiers of its own.
    let original: Configuration = serde_json::from_value(file.clone()).unwrap();
    let again: Configuration = api.get(&format!("{copy}/configuration")).await;
    assert_eq!(again.retailer, original.retailer);
    assert_eq!(again.stores[0].spec, original.stores[0].spec);
    assert_ne!(again.stores[0].id, original.stores[0].id);
    assert_eq!(again.agents[0].spec.store_id, Some(again.stores[0].id));
    assert_eq!(again.jobs[0].body.spec.source, original.jobs[0].body.spec.source);

    // Imported where it is already, it adds what is new, after a look at what that would be.
    file["agents"][0]["name"] = "Second server".into();
    let import = format!("{copy}/configuration");
    let look: ImportReport = api.post(&format!("{import}?dry_run=true"), file.clone()).await;
    let done: ImportReport = api.post(&import, file.clone()).await;
    assert_eq!((look.dry_run, &look.things), (true, &done.things));
    let made: Vec<_> = done.things.iter().filter(|thing| thing.outcome == ImportOutcome::Made).collect();
    assert_eq!((made.len(), made[0].name.as_str()), (1, "Second server"));
    let agents: Page<Value> = api.get(&format!("{copy}/agents")).await;
    assert_eq!(agents.total, 2);

    file["jobs"][0]["agent_id"] = json!(messages::AgentId::new());
    let (status, refused) = api.call(Method::POST, &import, Some(file)).await;
    assert_eq!(
        (status, &refused["errors"][0]["field"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("jobs.0.agent_id"))
    );
}
