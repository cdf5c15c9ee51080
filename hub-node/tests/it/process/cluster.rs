//! Several hub nodes as one: any of them serves everything, and losing one loses nothing.

pub(super) mod console;
pub(super) mod nodes;

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use messages::http::cluster::{MoveReason, NodeState};
use reqwest::Method;
use rustix::process::Signal;
use serde_json::{Value, json};

use self::console::{Console, make_store, session};
use self::nodes::{Cluster, SOON};
use super::agent::Agent;
use super::api::{Api, Shop, assert_succeeded};
use super::csv_file;
use super::sshd::Sshd;
use super::wait::until;

fn retailer(n: usize) -> Value {
    json!({"code": format!("shop-{n}"), "name": format!("Shop {n}"), "currency": "EUR", "time_zone": "Europe/Berlin"})
}

/// The same person at every node.
async fn people(cluster: &Cluster) -> Vec<Api> {
    let first = Api::set_up(&cluster.nodes[0].url).await;
    let others = cluster.nodes[1..].iter().map(|node| first.at(&node.url));
    let others: Vec<_> = others.collect();
    std::iter::once(first).chain(others).collect()
}

async fn made(api: &Api, n: usize) -> String {
    let made: Value = api.post("/retailers", retailer(n)).await;
    made["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn process_any_node_serves_any_retailer() {
    let cluster = Cluster::start(3).await;
    let apis = people(&cluster).await;
    let view = Cluster::until_even(&apis[0], 3).await;
    assert_eq!(view.shards.len(), 256);
    assert!(!view.single);
    let mut owners = [0; 3];
    for n in 0..12 {
        let id = made(&apis[n % 3], n).await;
        owners[cluster.owner(&view, &id)] += 1;
        for api in &apis {
            let read: Value = api.get(&format!("/retailers/{id}")).await;
            assert_eq!(read["name"], format!("Shop {n}"));
        }
        let path = format!("/retailers/{id}/stores");
        let store = json!({"code": "s1", "name": "Main Street", "time_zone": "Europe/Berlin"});
        let _: Value = apis[(n + 1) % 3].post(&path, store).await;
        let listed: Value = apis[(n + 2) % 3].get(&path).await;
        assert_eq!(listed["total"], 1);
    }
    assert!(
        owners.iter().filter(|count| **count > 0).count() > 1,
        "the retailers have several owners: {owners:?}"
    );
    cluster.stop().await;
}

/// Agent, owner and technician each at another node; the owner is killed in the middle of a run.
#[tokio::test]
async fn process_a_killed_owner_is_replaced_and_the_run_ends_once() {
    let mut cluster = Cluster::start(3).await;
    let apis = people(&cluster).await;
    let sshd = Sshd::start(cluster.folder.path()).await;
    let source = cluster.folder.path().join("items.csv");
    let sound = 200_000;
    let rows = csv_file::write(&source, sound);
    let shop = Shop::make(&apis[0], &source, &sshd, "out/items.csv").await;
    let view = Cluster::until_even(&apis[0], 3).await;
    let owner = cluster.owner(&view, &shop.retailer);
    let (with_agent, with_person) = ((owner + 1) % 3, (owner + 2) % 3);
    let api = &apis[with_person];
    let token = shop.token(api).await;
    let mut agent = Agent::enrol(cluster.folder.path(), &cluster.nodes[with_agent].url, &token).await;
    agent.start();
    shop.until_connected(api).await;
    // To the owner, to the agent's socket, into the shop, and the same way back.
    let look = json!({"look_at": "source", "source": {"kind": "csv", "path": source.display().to_string()}});
    let path = format!("/retailers/{}/agents/{}/inspect", shop.retailer, shop.agent);
    let found: Value = api.post(&path, look).await;
    assert_eq!(found["found"], "source", "{found}");
    let run = shop.press_run(api).await;
    let run = shop.until_run(api, &run, "the run to read", |run| run.progress.read > 0).await;
    assert!(!run.state.is_over(), "there was no middle to kill in: {run:?}");
    let killed_at = Instant::now();
    cluster.nodes.remove(owner).kill();
    // Asked once, the answer may take a while; it is no error.
    let (status, answer) = api.call(Method::GET, &format!("/retailers/{}", shop.retailer), None).await;
    assert!(status.is_success(), "{status} {answer}");
    let away = killed_at.elapsed();
    assert!(away < SOON, "served elsewhere after {away:?}");
    eprintln!("a killed owner's retailer was served elsewhere after {away:?}");
    let run = shop.until_over(api, &run).await;
    assert_succeeded(&run, rows, sound);
    let text = fs::read_to_string(sshd.folder.join("out/items.csv")).unwrap();
    assert_eq!(text.lines().count() - 1, sound);
    let view = Cluster::until_even(api, 2).await;
    assert!(view.moves.iter().any(|moved| moved.why == MoveReason::OwnerGone), "{:?}", view.moves.first());
    assert_eq!(view.nodes.iter().filter(|node| node.state == NodeState::Serving).count(), 2);
    drop(agent);
    assert!(!cluster.logs().contains("panicked"));
    cluster.stop().await;
}

/// Console at one node, work at another, the owner a third; the owner dies; the session is ended elsewhere.
#[tokio::test]
async fn process_a_console_follows_a_retailer_from_owner_to_owner() {
    let mut cluster = Cluster::start(3).await;
    let apis = people(&cluster).await;
    let view = Cluster::until_even(&apis[0], 3).await;
    let shop = made(&apis[0], 0).await;
    let owner = cluster.owner(&view, &shop);
    let (watching, working) = ((owner + 1) % 3, (owner + 2) % 3);
    let guest = apis[working].sign_in_again().await;
    let mut console = Console::open(&cluster.nodes[watching].url, &guest, &shop).await;
    make_store(&apis[working], &shop, "first").await;
    console.until_store("first").await;
    make_store(&apis[watching], &shop, "second").await;
    console.until_store("second").await;
    cluster.nodes.remove(owner).kill();
    make_store(&apis[working], &shop, "third").await;
    console.until_store("third").await;
    Cluster::until_even(&apis[working], 2).await;
    make_store(&apis[working], &shop, "fourth").await;
    console.until_store("fourth").await;
    // Ended at one node, the session is over at all.
    let path = format!("/me/sessions/{}", session(&guest).await);
    let (status, answer) = apis[working].call(Method::DELETE, &path, None).await;
    assert!(status.is_success(), "{status} {answer}");
    console.until_signed_out().await;
    cluster.stop().await;
}

/// A node is told to stop while people work: nobody sees an error, and a new node takes its share.
#[tokio::test]
async fn process_a_drained_node_hands_over_without_a_failed_request() {
    let mut cluster = Cluster::start(3).await;
    let apis = people(&cluster).await;
    Cluster::until_even(&apis[0], 3).await;
    let mut shops = Vec::new();
    for n in 0..16 {
        shops.push(made(&apis[n % 3], n).await);
    }
    let (over, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut workers = tokio::task::JoinSet::new();
    for (n, shop) in shops.iter().enumerate() {
        let (api, shop) = (apis[1 + n % 2].clone(), shop.clone());
        let (over, calls) = (Arc::clone(&over), Arc::clone(&calls));
        workers.spawn(async move {
            let mut count = 0;
            while !over.load(Ordering::Relaxed) {
                count += 1;
                let store =
                    json!({"code": format!("s{count}"), "name": "A store", "time_zone": "Europe/Berlin"});
                let (status, answer) =
                    api.call(Method::POST, &format!("/retailers/{shop}/stores"), Some(store)).await;
                assert!(status.is_success(), "a request failed while a node was drained: {status} {answer}");
                calls.fetch_add(1, Ordering::Relaxed);
            }
            (shop, count)
        });
    }
    until("some work", || async { (calls.load(Ordering::Relaxed) > 50).then_some(()) }).await;
    let mut leaving = cluster.nodes.remove(0);
    leaving.signal(Signal::TERM);
    leaving.ended().await;
    Cluster::until_even(&apis[1], 2).await;
    cluster.add().await;
    Cluster::until_even(&apis[1], 3).await;
    tokio::time::sleep(Duration::from_millis(300)).await; // slow: some work with the new node
    over.store(true, Ordering::Relaxed);
    while let Some(worker) = workers.join_next().await {
        let (shop, count) = worker.unwrap();
        let listed: Value = apis[1].get(&format!("/retailers/{shop}/stores")).await;
        assert_eq!(listed["total"], count, "every store that was acknowledged is there, once");
    }
    let logs = cluster.logs();
    assert!(!logs.contains("panicked"));
    cluster.stop().await;
}

/// A node that hangs for longer than its lease: others serve, and what it still believes is refused.
#[tokio::test]
async fn process_a_paused_node_is_replaced_and_writes_nothing_when_it_wakes() {
    let mut cluster = Cluster::start(2).await;
    let apis = people(&cluster).await;
    let view = Cluster::until_even(&apis[0], 2).await;
    let mut shop = made(&apis[0], 0).await;
    for n in 1.. {
        if cluster.owner(&view, &shop) == 0 {
            break;
        }
        shop = made(&apis[0], n).await;
    }
    let stores = format!("/retailers/{shop}/stores");
    let store = |n: usize| json!({"code": format!("s{n}"), "name": "A store", "time_zone": "Europe/Berlin"});
    let _: Value = apis[0].post(&stores, store(1)).await;
    cluster.nodes[0].signal(Signal::STOP);
    let paused = Instant::now();
    // Asked of the hung node, on its way when it stopped: it must not be carried out when it wakes, or once only.
    let (late_api, late_path) = (apis[0].clone(), stores.clone());
    let late = tokio::spawn(async move { late_api.call(Method::POST, &late_path, Some(store(2))).await });
    let served = until("the other node to serve", || async {
        apis[1].try_get::<Value>(&stores).await.filter(|page| page["total"] == 1)
    })
    .await;
    let away = paused.elapsed();
    assert!(away < SOON, "served elsewhere after {away:?}");
    eprintln!("a hung owner's retailer was served elsewhere after {away:?}");
    assert_eq!(served["total"], 1);
    let _: Value = apis[1].post(&stores, store(3)).await;
    cluster.nodes[0].signal(Signal::CONT);
    let (status, answer) = late.await.unwrap();
    let listed: Value = apis[1].get(&stores).await;
    let expected = if status.is_success() { 3 } else { 2 };
    assert_eq!(listed["total"], expected, "the late request was answered {status} {answer}");
    Cluster::until_even(&apis[1], 2).await;
    // The woken node is a good one again, with a lease of its own.
    let _: Value = apis[0].get(&stores).await;
    assert!(!cluster.logs().contains("panicked"));
    let woken = cluster.nodes.remove(0);
    woken.stop().await;
    cluster.stop().await;
}
