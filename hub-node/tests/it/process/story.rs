//! The whole way of an export, from the button to the file, over the public interface.

use std::fs;

use messages::http::admin::ActorList;
use messages::http::paging::Page;
use messages::run::{LogLine, Reject, RunState};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::agent::Agent;
use super::api::{Api, Shop, assert_succeeded};
use super::csv_file;
use super::hub::Hub;
use super::sshd::Sshd;
use super::wait::until;

/// Everything a story needs.
pub(super) struct Scene {
    pub(super) folder: TempDir,
    pub(super) hub: Hub,
    pub(super) api: Api,
    pub(super) sshd: Sshd,
    pub(super) shop: Shop,
    pub(super) agent: Agent,
    pub(super) rows: usize,
    pub(super) sound: usize,
}

impl Scene {
    /// A shop with `sound` good articles; its agent is enrolled, and not started.
    pub(super) async fn set(sound: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let hub = Hub::start(folder.path()).await;
        let api = Api::set_up(&hub.url).await;
        let sshd = Sshd::start(folder.path()).await;
        let source = folder.path().join("items.csv");
        let rows = csv_file::write(&source, sound);
        let shop = Shop::make(&api, &source, &sshd, "out/items.csv").await;
        let token = shop.token(&api).await;
        let agent = Agent::enrol(folder.path(), &hub.url, &token).await;
        Self { folder, hub, api, sshd, shop, agent, rows, sound }
    }

    /// Lines of the file on the SFTP server, without the header.
    pub(super) fn arrived(&self) -> usize {
        let text = fs::read_to_string(self.sshd.folder.join("out/items.csv")).unwrap();
        text.lines().count() - 1
    }

    /// What stands on the SFTP server beside the finished file.
    pub(super) fn leftovers(&self) -> Vec<String> {
        let names = fs::read_dir(self.sshd.folder.join("out")).unwrap();
        names
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .filter(|n| n != "items.csv")
            .collect()
    }
}

#[tokio::test]
async fn process_from_the_button_to_the_file() {
    let mut scene = Scene::set(1_000).await;
    let (api, shop) = (&scene.api, &scene.shop);

    // Pressed while the agent is away, the run waits.
    let run = shop.press_run(api).await;
    assert_eq!(run.state, RunState::Queued);
    scene.agent.start();
    shop.until_connected(api).await;
    let run = shop.until_over(api, &run).await;
    assert_succeeded(&run, scene.rows, scene.sound);
    assert_eq!(scene.arrived(), scene.sound);
    assert_eq!(scene.leftovers(), Vec::<String>::new());
    let states: Vec<_> = run.transitions.iter().map(|t| t.state).collect();
    assert_eq!(states, [RunState::Queued, RunState::Dispatched, RunState::Running, RunState::Succeeded]);

    // The same button again, with the agent there.
    let again = shop.press_run(api).await;
    assert_succeeded(&shop.until_over(api, &again).await, scene.rows, scene.sound);

    let path = shop.run_path(&run);
    let rejects: Page<Reject> = api.get(&format!("{path}/rejects")).await;
    assert_eq!(rejects.total, 3);
    assert!(rejects.items.iter().all(|reject| reject.row > 1 && !reject.reason.is_empty()), "{rejects:?}");
    let log: Page<LogLine> = api.get(&format!("{path}/log")).await;
    assert!(!log.items.is_empty(), "the run has a log");
    let (status, csv) = api.call(Method::GET, &format!("{path}/rejects.csv"), None).await;
    assert_eq!(status, StatusCode::OK);
    assert!(csv.as_str().unwrap().contains("BAD2"), "{csv}");

    let actors: ActorList = api.get("/admin/actors").await;
    for kind in ["store_guard", "membership", "live_hub", "retailer", "agent_conn", "supervisor"] {
        assert!(actors.actors.iter().any(|actor| actor.kind == kind), "{kind} among {actors:?}");
    }
    let Scene { hub, agent, .. } = scene;
    drop(agent);
    hub.stop().await;
}

#[tokio::test]
async fn process_a_run_can_be_cancelled_and_an_agent_revoked() {
    let mut scene = Scene::set(200_000).await;
    scene.agent.start();
    let (api, shop) = (&scene.api, &scene.shop);
    shop.until_connected(api).await;
    let run = shop.press_run(api).await;
    shop.until_run(api, &run, "the run to read", |run| run.progress.read > 0).await;
    let (status, answer) =
        api.call(Method::POST, &format!("{}/cancel", shop.run_path(&run)), Some(json!({}))).await;
    assert!(status.is_success(), "{status} {answer}");
    let run = shop.until_over(api, &run).await;
    assert_eq!(run.state, RunState::Cancelled);
    assert!(!scene.sshd.folder.join("out/items.csv").exists(), "a cancelled run leaves no file");
    assert_eq!(scene.leftovers(), Vec::<String>::new());

    let agent = format!("/retailers/{}/agents/{}", shop.retailer, shop.agent);
    let (status, _) = api.call(Method::DELETE, &format!("{agent}/enrolment"), None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    until("the revoked agent's socket to close", || async {
        let view: Value = api.try_get(&agent).await?;
        let gone = !matches!(view["presence"].as_str(), Some("online" | "busy"));
        (gone && view["enrolment"] == "revoked").then_some(())
    })
    .await;
    until("the agent to say that it was revoked", || async {
        scene.agent.log().contains("revoked").then_some(())
    })
    .await;
    let Scene { hub, agent, .. } = scene;
    drop(agent);
    hub.stop().await;
}

#[tokio::test]
async fn process_wrong_settings_fail_with_a_sentence_that_helps() {
    let mut scene = Scene::set(10).await;
    scene.agent.start();
    let (api, shop) = (&scene.api, &scene.shop);
    shop.until_connected(api).await;
    fs::remove_file(scene.folder.path().join("items.csv")).unwrap();
    let run = shop.press_run(api).await;
    let run = shop.until_over(api, &run).await;
    assert_eq!(run.state, RunState::Failed);
    let failure = run.failure.unwrap();
    assert_eq!(failure.code.as_str(), "source_missing");
    assert!(failure.detail.contains("items.csv"), "{failure:?}");
    let Scene { hub, agent, .. } = scene;
    drop(agent);
    hub.stop().await;
}
