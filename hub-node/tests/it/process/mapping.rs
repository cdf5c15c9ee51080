//! Mappings and looks through real hub and agent: what stands in the shop is shown, and what the mapping makes of it
//! arrives.

use std::fs;

use messages::ErrorCode;
use messages::export::ItemChange;
use messages::http::runs::RunView;
use messages::inspect::Finding;
use messages::run::RunState;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::agent::Agent;
use super::api::{Api, Shop};
use super::hub::Hub;

const ARTICLES: &str =
    "ARTNR;Marke;Text;Netto;Aktiv\n7;Alm;milch;1,00;1\n8;Bio;brot;2,00;0\n9;;tee;x;1\n10;A;reis;4,20;1\n";

struct Scene {
    folder: TempDir,
    hub: Hub,
    api: Api,
    shop: Shop,
    agent: Agent,
    /// The job as it was made.
    job: Value,
}

fn mapping() -> Value {
    json!({
        "fields": [
            { "field": "sku", "from": { "kind": "column", "column": "artnr" },
              "steps": [{ "step": "pad_start", "length": 5, "with": "0" }] },
            { "field": "name", "from": { "kind": "template", "template": "{Marke} {Text}" },
              "steps": [{ "step": "letters", "to": "title" }] },
            { "field": "price", "from": { "kind": "column", "column": "Netto" },
              "steps": [{ "step": "percent", "by": "19" }, { "step": "round", "to": "0.05", "how": "up" }] },
            { "field": "unit", "from": { "kind": "constant", "text": "pcs" } },
        ],
        "filter": { "conditions": [{ "column": "Aktiv", "test": "equals", "value": "1" }] },
    })
}

impl Scene {
    async fn set() -> Self {
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
        let agent = made(format!("{of}/agents"), json!({"name": "Till server"})).await;
        let target = folder.path().join("out/items.csv").display().to_string();
        let config = json!({"kind": "local_file", "path": target});
        let to = made(format!("{of}/destinations"), json!({"name": "Folder", "config": config})).await;
        let source = folder.path().join("items.csv").display().to_string();
        let source =
            json!({"kind": "csv", "path": source, "settled_s": 1, "delimiter": ";", "decimal_mark": "comma"});
        let job = json!({
            "name": "Stock", "agent_id": agent, "destination_id": to, "source": source, "mapping": mapping(),
        });
        let made = made(format!("{of}/jobs"), job.clone()).await;
        let shop = Shop { retailer, agent, job: made };
        let token = shop.token(&api).await;
        let mut agent = Agent::enrol(folder.path(), &hub.url, &token).await;
        agent.start();
        shop.until_connected(&api).await;
        fs::write(folder.path().join("items.csv"), ARTICLES).unwrap();
        Self { folder, hub, api, shop, agent, job }
    }

    async fn run(&self, mode: &str) -> RunView {
        let path = format!("/retailers/{}/jobs/{}/runs", self.shop.retailer, self.shop.job);
        let run = self.api.post(&path, json!({ "mode": mode })).await;
        self.shop.until_over(&self.api, &run).await
    }

    async fn look(&self, body: Value) -> (StatusCode, Value) {
        let path = format!("/retailers/{}/agents/{}/inspect", self.shop.retailer, self.shop.agent);
        self.api.call(Method::POST, &path, Some(body)).await
    }

    async fn close(self) {
        drop(self.agent);
        assert!(!self.hub.log().contains("panicked"), "{}", self.hub.log());
        self.hub.stop().await;
    }
}

#[tokio::test]
async fn process_what_a_mapping_makes_of_a_shops_rows_arrives() {
    let scene = Scene::set().await;
    let (status, shown) = scene.look(json!({ "look_at": "source", "source": scene.job["source"] })).await;
    assert_eq!(status, StatusCode::OK, "{shown}");
    let Finding::Source { columns, rows, .. } = serde_json::from_value(shown).unwrap() else {
        panic!("a source")
    };
    assert_eq!(columns, ["ARTNR", "Marke", "Text", "Netto", "Aktiv"]);
    assert_eq!((rows.len(), rows[0].join("|").as_str()), (4, "7|Alm|milch|1,00|1"));

    let dry = scene.run("dry").await;
    assert_eq!(dry.state, RunState::Succeeded, "{dry:?}");
    let preview = &dry.survey.as_ref().unwrap().preview;
    assert_eq!(preview[1].raw, "10;A;reis;4,20;1");
    assert_eq!(
        (preview.len(), preview[0].item.name.as_str(), preview[0].change),
        (2, "Alm Milch", ItemChange::New)
    );

    let run = scene.run("usual").await;
    let progress = run.progress;
    assert_eq!(run.state, RunState::Succeeded, "{run:?}");
    assert_eq!((progress.read, progress.sent, progress.rejected, progress.left_out), (3, 2, 1, 1));
    let arrived = fs::read_to_string(scene.folder.path().join("out/items.csv")).unwrap();
    let arrived: Vec<_> = arrived.lines().skip(1).collect();
    assert_eq!(arrived, ["00007,Alm Milch,,1.20,,,pcs,,", "00010,A Reis,,5.00,,,pcs,,"]);
    let rejects: Value = scene.api.get(&format!("{}/rejects", scene.shop.run_path(&run))).await;
    let reject = &rejects["items"][0];
    assert_eq!((reject["row"].as_u64(), reject["column"].as_str()), (Some(4), Some("Netto")));

    // What is wrong with a mapping is told with its place, and nothing is changed.
    let path = format!("/retailers/{}/jobs", scene.shop.retailer);
    let mut faulty = scene.job.clone();
    faulty["name"] = json!("Other");
    faulty["mapping"]["fields"][2]["steps"][1]["to"] = json!("0");
    let (status, problem) = scene.api.call(Method::POST, &path, Some(faulty)).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
    assert_eq!(problem["errors"][0]["field"], json!("mapping.fields.2.steps.1.to"));
    scene.close().await;
}

#[tokio::test]
async fn process_looks_tell_what_is_wrong_and_keep_secrets() {
    let mut scene = Scene::set().await;
    let failed = |(status, found): (StatusCode, Value)| match serde_json::from_value(found.clone()) {
        Ok(Finding::Failed { code, detail }) if status == StatusCode::OK => (code, detail),
        _ => panic!("{status} {found}"),
    };
    let missing = json!({ "look_at": "source", "source": { "kind": "csv", "path": "/nowhere/items.csv" } });
    assert_eq!(failed(scene.look(missing.clone()).await).0, ErrorCode::SourceMissing);

    // A server that nobody answers at, with a stored secret and with a given one.
    let of = format!("/retailers/{}/destinations", scene.shop.retailer);
    let hook = |port: u16| json!({ "kind": "webhook", "url": format!("http://127.0.0.1:{port}/in") });
    let secret = json!({ "kind": "token", "token": "0123456789abcdef-secret" });
    let body = json!({ "name": "Hook", "config": hook(1), "credentials": secret });
    let made: Value = scene.api.post(&of, body).await;
    let ask = |config: Value, credentials: Option<&Value>| {
        let mut body =
            json!({ "look_at": "destination", "destination": config, "destination_id": made["id"] });
        if let Some(credentials) = credentials {
            body["credentials"] = credentials.clone();
        }
        body
    };
    let (code, detail) = failed(scene.look(ask(hook(1), None)).await);
    assert_eq!(code, ErrorCode::DestinationUnreachable, "{detail}");
    let (status, problem) = scene.look(ask(hook(2), None)).await;
    assert_eq!(
        (status, problem["errors"][0]["field"].as_str()),
        (StatusCode::UNPROCESSABLE_ENTITY, Some("credentials"))
    );
    let (code, detail) = failed(scene.look(ask(hook(2), Some(&secret))).await);
    assert_eq!(code, ErrorCode::DestinationUnreachable, "{detail}");
    assert!(!scene.hub.log().contains("0123456789abcdef"), "a secret is in no log");

    scene.agent.kill();
    let offline = super::wait::until("the agent is seen to be gone", || async {
        let (status, problem) = scene.look(missing.clone()).await;
        (status == StatusCode::CONFLICT).then_some(problem)
    });
    assert_eq!(offline.await["code"], json!("agent_offline"));
    scene.close().await;
}
