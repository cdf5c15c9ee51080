//! An agent written by somebody else, from `docs/protocol.md` alone, in another language.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use messages::http::paging::Page;
use messages::run::{LogLine, RunState};

use super::api::{Api, Shop};
use super::csv_file;
use super::hub::Hub;
use super::sshd::Sshd;

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
