//! Jobs that run by themselves while hubs are killed: every slot has its run, and none has two.
//!
//! No agent comes, so the runs wait: their number in the store is what the schedule has made. Reading them asks the
//! store and no retailer, so it is the schedule itself that starts the retailer after each death.

use std::collections::BTreeSet;
use std::time::Duration;

use messages::Timestamp;
use messages::http::paging::Page;
use messages::http::runs::{RunView, Trigger};
use messages::run::Actor;
use reqwest::Method;
use serde_json::{Value, json};

use super::api::Api;
use super::cluster::nodes::Cluster;
use super::hub::Hub;
use super::wait::until;

/// The shortest there is.
const EVERY_S: i64 = 5;

/// A retailer whose one job runs each five seconds, whatever was missed made up for.
struct Scheduled {
    retailer: String,
    job: String,
}

impl Scheduled {
    async fn make(api: &Api, code: &str) -> Self {
        let made = async |path: String, body: Value| -> String {
            let made: Value = api.post(&path, body).await;
            made["id"].as_str().unwrap().to_owned()
        };
        let body = json!({"code": code, "name": code, "currency": "EUR", "time_zone": "Europe/Berlin"});
        let retailer = made("/retailers".into(), body).await;
        let of = format!("/retailers/{retailer}");
        let agent = made(format!("{of}/agents"), json!({"name": "Till server"})).await;
        let config = json!({"kind": "local_file", "path": "/srv/items.csv"});
        let destination =
            made(format!("{of}/destinations"), json!({"name": "Folder", "config": config})).await;
        let job = json!({
            "name": "Stock", "agent_id": agent, "destination_id": destination,
            "source": {"kind": "csv", "path": "/pos/items.csv"},
            "schedule": {"kind": "interval", "every_s": EVERY_S}, "missed": "all", "overlap": "queue",
        });
        let job = made(format!("{of}/jobs"), job).await;
        Self { retailer, job }
    }

    async fn slots(&self, api: &Api) -> Option<Vec<Timestamp>> {
        let page: Page<RunView> =
            api.try_get(&format!("/retailers/{}/runs?limit=200", self.retailer)).await?;
        let slots = page.items.iter().map(|run| {
            assert_eq!(run.trigger, Trigger::Schedule);
            assert_eq!(run.transitions[0].actor, Actor::Schedule);
            run.slot.unwrap()
        });
        Some(slots.collect())
    }

    async fn until_slots(&self, api: &Api, count: usize) -> Vec<Timestamp> {
        until(&format!("{count} slots"), || async {
            self.slots(api).await.filter(|slots| slots.len() >= count)
        })
        .await
    }

    /// Every slot from the first to the last, each once.
    fn assert_whole(slots: &[Timestamp]) {
        let set: BTreeSet<i64> = slots.iter().map(|slot| slot.0).collect();
        assert_eq!(set.len(), slots.len(), "a slot has two runs: {slots:?}");
        let (first, last) = (*set.first().unwrap(), *set.last().unwrap());
        let expected: BTreeSet<i64> =
            (first..=last).step_by(usize::try_from(EVERY_S * 1_000).unwrap()).collect();
        assert_eq!(set, expected, "a slot has no run");
    }
}

#[tokio::test]
async fn process_a_schedule_outlives_its_hub() {
    let folder = tempfile::tempdir().unwrap();
    let mut hub = Hub::start(folder.path()).await;
    let api = Api::set_up(&hub.url).await;
    let scheduled = Scheduled::make(&api, "freshmart").await;
    for round in 1..=2 {
        let before = scheduled.until_slots(&api, 2 * round).await.len();
        hub.kill().await;
        tokio::time::sleep(Duration::from_secs(6)).await; // slow: at least one slot passes while nobody is there
        hub.restart().await;
        scheduled.until_slots(&api, before + 2).await;
    }
    let path = format!("/retailers/{}/jobs/{}", scheduled.retailer, scheduled.job);
    let job: Value = api.get(&path).await;
    assert!(job["standing"]["missed_slots"].as_u64().unwrap() < 10, "{job}");
    // Standing still, it makes no more; and what waits can be taken away.
    let paused: Value = api.post(&format!("{path}/pause"), json!({})).await;
    assert_eq!(paused["standing"]["next_at"], Value::Null, "{paused}");
    let slots = scheduled.slots(&api).await.unwrap();
    Scheduled::assert_whole(&slots);
    let queue = format!("/retailers/{}/queue", scheduled.retailer);
    let waiting: Page<RunView> = api.get(&queue).await;
    assert_eq!(waiting.items.len(), slots.len());
    let last = waiting.items.last().unwrap().id;
    let (status, _) = api.call(Method::PUT, &queue, Some(json!({"runs": [last]}))).await;
    assert!(status.is_success());
    let waiting: Page<RunView> = api.get(&queue).await;
    assert_eq!(waiting.items[0].id, last);
    let (status, _) = api.call(Method::DELETE, &queue, None).await;
    assert!(status.is_success());
    let waiting: Page<RunView> = api.get(&queue).await;
    assert_eq!(waiting.total, 0);
    assert!(!hub.log().contains("panicked"), "{}", hub.log());
    hub.stop().await;
}

#[tokio::test]
async fn process_a_schedule_follows_its_retailer_to_the_next_owner() {
    let mut cluster = Cluster::start(2).await;
    let first = Api::set_up(&cluster.nodes[0].url).await;
    let apis = [first.clone(), first.at(&cluster.nodes[1].url)];
    let view = Cluster::until_even(&apis[0], 2).await;
    let scheduled = Scheduled::make(&apis[0], "freshmart").await;
    scheduled.until_slots(&apis[0], 2).await;
    let owner = cluster.owner(&view, &scheduled.retailer);
    let survivor = &apis[1 - owner];
    let before = scheduled.slots(survivor).await.unwrap().len();
    cluster.nodes.remove(owner).kill();
    let slots = scheduled.until_slots(survivor, before + 4).await;
    Scheduled::assert_whole(&slots);
    // And back to a node that joins, without a kill.
    cluster.add().await;
    Cluster::until_even(survivor, 2).await;
    let slots = scheduled.until_slots(survivor, slots.len() + 2).await;
    Scheduled::assert_whole(&slots);
    assert!(!cluster.logs().contains("panicked"));
    cluster.stop().await;
}

#[tokio::test]
async fn process_the_next_times_are_told_before_saving() {
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::start(folder.path()).await;
    let api = Api::set_up(&hub.url).await;
    let ask = |expression: &str| json!({"schedule": {"kind": "cron", "expression": expression}, "time_zone": "Asia/Ho_Chi_Minh"});
    let preview: Value = api.post("/schedule/preview", ask("0 2 * * *")).await;
    let next = preview["next"].as_array().unwrap();
    assert_eq!(next.len(), 5, "{preview}");
    assert!(next[0]["text"].as_str().unwrap().contains("02:00 +07"), "{preview}");
    let (status, problem) = api.call(Method::POST, "/schedule/preview", Some(ask("0 26 * * *"))).await;
    assert_eq!((status.as_u16(), &problem["errors"][0]["field"]), (422, &json!("schedule.expression")));
    hub.stop().await;
}
