//! Clients written by somebody else, from `docs/protocol.md` alone, in another language: an agent, and a store edge whose
//! stream is what stock tools generate from `sync.proto`.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use messages::http::dead_letters::{LetterState, LetterView};
use messages::http::edges::EdgeToken;
use messages::http::paging::Page;
use messages::http::reports::{SaleView, SalesReport};
use messages::run::{LogLine, RunState};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::api::{Api, Shop};
use super::csv_file;
use super::hub::Hub;
use super::sshd::Sshd;
use super::wait::PATIENCE;

/// Ended with the test, however that ends.
struct Stranger(Child);

impl Stranger {
    fn start(folder: &Path, hub: &str, token: &str, transport: &str) -> Self {
        let python = std::env::var("GROCERYSYNC_PYTHON").unwrap_or_else(|_| "python3".into());
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/third_party/agent.py");
        let log = std::fs::File::create(folder.join("stranger.log")).unwrap();
        let child = Command::new(&python)
            .arg(script)
            .args(["--hub", hub, "--token", token, "--transport", transport, "--state"])
            .arg(folder.join("stranger.json"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{python} did not start: {error}"));
        Self(child)
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let _already_gone = self.0.kill();
        let _already_gone = self.0.wait();
    }
}

#[tokio::test]
async fn process_an_agent_written_from_the_page_alone_runs_a_job() {
    runs_a_job("websocket").await;
}

#[tokio::test]
async fn process_an_agent_written_from_the_page_alone_runs_a_job_over_https() {
    runs_a_job("https").await;
}

async fn runs_a_job(transport: &str) {
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::start(folder.path()).await;
    let api = Api::set_up(&hub.url).await;
    let sshd = Sshd::start(folder.path()).await;
    let source = folder.path().join("items.csv");
    let rows = csv_file::write(&source, 500);
    let shop = Shop::make(&api, &source, &sshd, "items.csv").await;
    let token = shop.token(&api).await;
    let stranger = Stranger::start(folder.path(), &hub.url, &token, transport);
    shop.until_connected(&api).await;
    let run = shop.press_run(&api).await;
    let run = shop.until_over(&api, &run).await;
    let said = std::fs::read_to_string(folder.path().join("stranger.log")).unwrap_or_default();
    assert_eq!(run.state, RunState::Succeeded, "{run:?}\n{said}");
    assert_eq!(run.progress.read, rows as u64, "{said}");
    let log: Page<LogLine> = api.get(&format!("{}/log", shop.run_path(&run))).await;
    assert!(!log.items.is_empty(), "it has told what it did");
    let path = format!("/retailers/{}/agents/{}", shop.retailer, shop.agent);
    let view: serde_json::Value = api.get(&path).await;
    assert_eq!(view["machine"]["transport"]["kind"], transport, "{view}");
    drop(stranger);
    hub.stop().await;
}

/// What a client says, one JSON object a line.
async fn said_by(script: &str, arguments: &[&str]) -> Vec<Value> {
    let python = std::env::var("GROCERYSYNC_PYTHON").unwrap_or_else(|_| "python3".into());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/third_party").join(script);
    let mut command = tokio::process::Command::new(python);
    let ended = command.arg(script).args(arguments).kill_on_drop(true).output();
    let output = tokio::time::timeout(PATIENCE, ended).await.unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn process_a_store_edge_generated_from_the_proto_streams_events() {
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::start(folder.path()).await;
    let api = Api::set_up(&hub.url).await;
    let retailer = json!({"code": "tea", "name": "Tea house", "currency": "EUR", "time_zone": "UTC"});
    let retailer: Value = api.post("/retailers", retailer).await;
    let of = format!("/retailers/{}", retailer["id"].as_str().unwrap());
    let store = json!({"code": "main", "name": "Main", "time_zone": "UTC"});
    let store: Value = api.post(&format!("{of}/stores"), store).await;
    let place = format!("{of}/stores/{}/edges", store["id"].as_str().unwrap());
    let token: EdgeToken = api.post(&place, json!({"name": "Python"})).await;
    for (sku, price) in [("A1", 100), ("A2", 200), ("A3", 300)] {
        let article = json!({"sku": sku, "name": "Tea", "price": price});
        let _: Value = api.post(&format!("{of}/articles"), article).await;
    }
    let second = format!("{of}/articles/A2");
    assert!(api.guarded_empty(reqwest::Method::DELETE, &second, messages::Version(2)).await.is_success());
    let proto = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("messages").join("proto");
    let said = said_by(
        "edge.py",
        &["--hub", &hub.url, "--token", token.token.expose(), "--proto", proto.to_str().unwrap()],
    )
    .await;
    let ack = |accepted, duplicates, errors: Value, settled: u64, expected: Value, refusal: Value| {
        json!({"accepted": accepted, "duplicates": duplicates, "errors": errors, "settled_seq": settled,
            "expected_seq": expected, "refusal": refusal})
    };
    let none = Value::Null;
    let expected = [
        ack(2, 0, json!([]), 2, none.clone(), none.clone()),
        ack(1, 2, json!([]), 3, none.clone(), none.clone()),
        ack(0, 0, json!([]), 3, json!(4), none.clone()),
        ack(1, 0, json!([[4, "event_unknown"], [5, "event_refused"]]), 6, none.clone(), none.clone()),
        ack(0, 0, json!([]), 0, none.clone(), json!("stream_reset")),
        ack(1, 0, json!([]), 7, none.clone(), none.clone()),
        ack(1, 0, json!([]), 8, none.clone(), none.clone()),
        ack(1, 0, json!([]), 9, none.clone(), none.clone()),
        ack(1, 0, json!([]), 10, none.clone(), none),
        json!({"cursor": 4, "currency": "EUR", "shelf": {"A1": 100, "A3": 300}}),
        json!({"status": "UNAUTHENTICATED"}),
    ];
    assert_eq!(said, expected);
    letters_are_decided_on(&api, &of).await;
    hub.stop().await;
}

/// What was set aside is looked at, mended and tried again, and discarded.
async fn letters_are_decided_on(api: &Api, of: &str) {
    let letters: Page<LetterView> = api.get(&format!("{of}/dead-letters?limit=1")).await;
    assert_eq!((letters.total, letters.items.len()), (2, 1));
    let cursor = letters.next.unwrap();
    let rest: Page<LetterView> = api.get(&format!("{of}/dead-letters?limit=1&cursor={cursor}")).await;
    let mut both = [letters.items, rest.items].concat();
    both.sort_by_key(|letter| letter.seq);
    let [spilt, wrong] = both.as_slice() else { panic!("{both:?}") };
    let path = |letter: &LetterView| format!("{of}/dead-letters/{}", letter.event_id);
    let without = api.call(Method::POST, &format!("{}/retry", path(wrong)), None).await;
    assert_eq!(without.0, StatusCode::PRECONDITION_REQUIRED);
    let mut data = wrong.data.clone();
    data["totals"]["total"] = json!(400);
    let edited: LetterView =
        api.guarded(Method::PUT, &path(wrong), wrong.rev, Some(json!({"data": data}))).await;
    assert!(edited.edited && edited.state == LetterState::Open);
    let applied: LetterView =
        api.guarded(Method::POST, &format!("{}/retry", path(wrong)), edited.rev, None).await;
    assert_eq!(applied.state, LetterState::Applied, "{applied:?}");
    let discard = format!("{}/discard", path(spilt));
    let discarded: LetterView = api.guarded(Method::POST, &discard, spilt.rev, None).await;
    assert_eq!((discarded.state, discarded.decided_by.as_deref()), (LetterState::Discarded, Some("Ann")));
    let open: Page<LetterView> = api.get(&format!("{of}/dead-letters")).await;
    assert_eq!(open.total, 0);
    let sales: Page<SaleView> = api.get(&format!("{of}/sales")).await;
    assert_eq!(sales.total, 9, "1, 2, 3, the one that was mended, 5, and four at once");
    let days = || sales.items.iter().map(|sale| sale.day);
    let span = format!("from={}&to={}", days().min().unwrap(), days().max().unwrap());
    let report: SalesReport = api.get(&format!("{of}/reports/sales?{span}")).await;
    assert_eq!(report.totals[0].sums.total.minor(), 100 + 200 + 300 + 400 + 500 + 601 + 602 + 603 + 604);
}
