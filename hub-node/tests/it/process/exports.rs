//! Exports that know what the shop has, through real hub and agent: changes only, a run that is stopped and approved,
//! a dry run, and an agent that is killed at any moment.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use messages::ErrorCode;
use messages::export::{ItemChange, RunMode, Survey};
use messages::http::jobs::JobView;
use messages::http::runs::{Moved, RunView};
use messages::run::RunState;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::agent::Agent;
use super::api::{Api, Shop};
use super::hub::Hub;
use super::wait::until;

struct Scene {
    folder: TempDir,
    hub: Hub,
    api: Api,
    shop: Shop,
    agent: Agent,
}

impl Scene {
    /// A job that writes changes into a folder, under a guard.
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
        let guard = json!({"vanished_percent": 30, "floor": 10});
        let job = json!({
            "name": "Stock", "agent_id": agent, "destination_id": to,
            "source": {"kind": "csv", "path": source, "settled_s": 1},
            "export": {"scope": "incremental", "guard": guard},
        });
        let job = made(format!("{of}/jobs"), job).await;
        let shop = Shop { retailer, agent, job };
        let token = shop.token(&api).await;
        let mut agent = Agent::enrol(folder.path(), &hub.url, &token).await;
        agent.start();
        shop.until_connected(&api).await;
        Self { folder, hub, api, shop, agent }
    }

    fn write(&self, articles: impl IntoIterator<Item = (u32, &'static str)>) {
        let mut text = "sku,name,price,stock\n".to_owned();
        for (sku, price) in articles {
            writeln!(text, "A{sku},Article {sku},{price},5").unwrap();
        }
        fs::write(self.folder.path().join("items.csv"), text).unwrap();
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    fn files(&self) -> BTreeSet<String> {
        let Ok(found) = fs::read_dir(self.out()) else { return BTreeSet::new() };
        found.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// Lines of a file without its header.
    fn lines(&self, name: &str) -> Vec<String> {
        let text = fs::read_to_string(self.out().join(name)).unwrap();
        text.lines().skip(1).map(str::to_owned).collect()
    }

    async fn start(&self, mode: &str) -> RunView {
        let path = format!("/retailers/{}/jobs/{}/runs", self.shop.retailer, self.shop.job);
        self.api.post(&path, json!({ "mode": mode })).await
    }

    async fn run(&self, mode: &str) -> RunView {
        self.shop.until_over(&self.api, &self.start(mode).await).await
    }

    async fn decide(&self, run: &RunView, how: &str) -> (StatusCode, Value) {
        self.api.call(Method::POST, &format!("{}/{how}", self.shop.run_path(run)), None).await
    }

    async fn close(self) {
        drop(self.agent);
        assert!(!self.hub.log().contains("panicked"), "{}", self.hub.log());
        self.hub.stop().await;
    }
}

fn survey(run: &RunView) -> &Survey {
    run.survey.as_deref().unwrap_or_else(|| panic!("no survey: {run:?}"))
}

#[tokio::test]
async fn process_two_changes_are_two_articles_and_a_run_that_would_empty_the_shop_asks() {
    let scene = Scene::set().await;
    scene.write((0..2_000).map(|sku| (sku, "1.50")));
    let first = scene.run("usual").await;
    assert_eq!((first.state, first.progress.sent, survey(&first).full), (RunState::Succeeded, 2_000, true));

    scene.write((0..2_000).map(|sku| (sku, if sku == 7 || sku == 9 { "1.75" } else { "1.50" })));
    let second = scene.run("usual").await;
    assert_eq!((second.progress.read, second.progress.sent, second.moved), (2_000, 2, Some(Moved::All)));
    let changes = format!("items.changes-{}.csv", second.id);
    assert_eq!(scene.lines(&changes), ["A7,Article 7,,1.75,,5,,,", "A9,Article 9,,1.75,,5,,,"]);
    assert_eq!(scene.lines("items.csv").len(), 2_000);

    // Four articles of ten are gone.
    let files = scene.files();
    scene.write((0..1_200).map(|sku| (sku, "1.50")));
    let dry = scene.run("dry").await;
    assert_eq!((dry.state, dry.mode, dry.moved), (RunState::Succeeded, RunMode::Dry, Some(Moved::Nothing)));
    assert_eq!((survey(&dry).harm.vanished, survey(&dry).alarms.len()), (800, 1));
    assert_eq!(survey(&dry).preview[7].change, ItemChange::Changed);
    let job: JobView =
        scene.api.get(&format!("/retailers/{}/jobs/{}", scene.shop.retailer, scene.shop.job)).await;
    assert_eq!(job.last_run.unwrap().id, second.id, "a dry run is none of the job's exports");

    let stopped = scene.run("usual").await;
    let failure = stopped.failure.clone().unwrap();
    assert_eq!((stopped.state, failure.code), (RunState::Failed, ErrorCode::NeedsApproval));
    assert!(failure.detail.starts_with("800 of 2000 articles would vanish (40 %)"), "{}", failure.detail);
    assert_eq!(scene.files(), files, "nothing was written");

    let (status, answer) = scene.decide(&stopped, "approval").await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    let approved: RunView = serde_json::from_value(answer).unwrap();
    assert_eq!(approved.approves, Some(stopped.id));
    let (_, again) = scene.decide(&stopped, "approval").await;
    assert_eq!(again["id"], json!(approved.id), "approved twice, it runs once");
    let approved = scene.shop.until_over(&scene.api, &approved).await;
    // The two prices of before have gone back.
    assert_eq!((approved.state, approved.progress.sent), (RunState::Succeeded, 2), "{approved:?}");
    let decided: RunView = scene.api.get(&scene.shop.run_path(&stopped)).await;
    assert_eq!(decided.verdict.unwrap().approved_by_run, Some(approved.id));
    assert_eq!(scene.run("usual").await.progress.sent, 0);
    assert_eq!(scene.run("full").await.progress.sent, 1_200);

    scene.write((0..100).map(|sku| (sku, "1.50")));
    let stopped = scene.run("usual").await;
    assert_eq!(scene.decide(&stopped, "refusal").await.0, StatusCode::OK);
    let (status, answer) = scene.decide(&stopped, "approval").await;
    assert_eq!((status, answer["code"].as_str()), (StatusCode::CONFLICT, Some("wrong_state")), "{answer}");
    scene.close().await;
}

#[tokio::test]
async fn process_an_agent_killed_at_any_moment_leaves_no_change_unsent() {
    const ARTICLES: u32 = 60_000;
    let mut scene = Scene::set().await;
    scene.write((0..ARTICLES).map(|sku| (sku, "1.50")));
    assert_eq!(scene.run("usual").await.progress.sent, u64::from(ARTICLES));
    scene.write((0..ARTICLES).map(|sku| (sku, if sku % 3 == 0 { "2.50" } else { "1.50" })));
    let run = scene.start("usual").await;
    // While it reads; while it compares; and as soon as its file is there.
    for moment in 0..3 {
        let running = scene.shop.until_run(&scene.api, &run, "the run to be at work or over", |run| {
            run.state.is_over() || (run.progress.read > 0 && run.attempt > moment)
        });
        let running = running.await;
        if moment == 2 {
            let name = format!("items.changes-{}.csv", run.id);
            until("the file", || async { scene.files().contains(&name).then_some(()) }).await;
        } else if running.state.is_over() {
            break;
        }
        scene.agent.kill();
        scene.agent.start();
    }
    let run = scene.shop.until_over(&scene.api, &run).await;
    assert_eq!(run.state, RunState::Succeeded, "{run:?}");
    let next = scene.run("usual").await;
    assert_eq!(next.state, RunState::Succeeded, "{next:?}");
    // Whatever was in doubt has been sent again: a third, or nothing.
    assert!([0, 20_000].contains(&next.progress.sent), "{next:?}");
    let lines = scene.lines(&format!("items.changes-{}.csv", run.id));
    assert_eq!(lines.len(), 20_000);
    assert!(lines.iter().all(|line| line.contains(",2.50,")));
    assert_eq!(scene.run("usual").await.progress.sent, 0);
    assert!(scene.files().iter().all(|name| !name.ends_with(".part")), "{:?}", scene.files());
    scene.close().await;
}
