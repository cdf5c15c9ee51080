//! a release is rolled out node by node while people, an agent and a store edge work, all through one address. With
//! `cargo xtask roll` the nodes that are replaced are of the build before; else both are this one.

mod balancer;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use messages::http::agents::EnrolmentToken;
use reqwest::Method;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use self::balancer::Balancer;
use super::agent::Agent;
use super::api::{Api, Shop, assert_succeeded};
use super::cluster::console::{Console, make_store};
use super::cluster::nodes::Cluster;
use super::csv_file;
use super::edge::machine::Edge;
use super::edge::scene::Office;
use super::sessions::Hand;
use super::sshd::Sshd;
use super::wait::until;

const NODES: usize = 3;
/// Retailers whose people work meanwhile.
const BUSY: usize = 8;
/// Stores that each of them makes: less than a retailer can have, however quick the machine is. Then they only read.
const STORES: usize = 400;
const PAUSE: Duration = Duration::from_millis(100);
/// Articles of a run that goes on for a while.
const ARTICLES: usize = 20_000;

/// The program of the nodes that are there before, if it is another one.
fn former() -> Option<PathBuf> {
    std::env::var_os("GROCERYSYNC_FORMER_HUB").map(PathBuf::from)
}

/// What people do until it is over. A request that fails ends the test.
struct People {
    /// Agents of theirs, one a retailer.
    agents: Vec<Hand>,
    over: Arc<AtomicBool>,
    calls: Arc<AtomicUsize>,
    at_work: JoinSet<(String, usize)>,
}

impl People {
    async fn at(api: &Api) -> Self {
        let (over, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (mut at_work, mut agents) = (JoinSet::new(), Vec::new());
        for n in 0..BUSY {
            let body =
                json!({"code": format!("busy-{n}"), "name": "Busy", "currency": "EUR", "time_zone": "UTC"});
            let made: Value = api.post("/retailers", body).await;
            let of = format!("/retailers/{}", made["id"].as_str().unwrap());
            agents.push(agent_of(api, &of).await);
            let stores = format!("{of}/stores");
            let (api, over, calls) = (api.clone(), over.clone(), calls.clone());
            at_work.spawn(async move {
                let mut count = 0;
                while !over.load(Ordering::Relaxed) {
                    if count < STORES {
                        count += 1;
                        let store =
                            json!({"code": format!("s{count}"), "name": "A store", "time_zone": "UTC"});
                        succeeds(&api, Method::POST, &stores, Some(store)).await;
                    }
                    tokio::time::sleep(PAUSE).await; // slow: people read what they see
                    succeeds(&api, Method::GET, &format!("{stores}?limit=1"), None).await;
                    calls.fetch_add(1, Ordering::Relaxed);
                }
                (stores, count)
            });
        }
        Self { agents, over, calls, at_work }
    }

    /// More is done after this moment.
    async fn go_on(&self) {
        let before = self.calls.load(Ordering::Relaxed);
        let more = || std::future::ready((self.calls.load(Ordering::Relaxed) > before + 50).then_some(()));
        until("people to go on", more).await;
    }

    /// Their agents are welcome at each node, whoever owns their retailers.
    async fn are_welcome_at(&mut self, nodes: impl Iterator<Item = &str>) {
        for node in nodes {
            for agent in &mut self.agents {
                agent.turn_to(node);
                agent.greet().await;
            }
        }
    }

    /// What they were told was done is there, once.
    async fn reconcile(mut self, api: &Api) {
        self.over.store(true, Ordering::Relaxed);
        while let Some(person) = self.at_work.join_next().await {
            let (stores, count) = person.unwrap();
            let listed: Value = api.get(&format!("{stores}?limit=1")).await;
            assert_eq!(listed["total"], count, "every store that was acknowledged is there, once");
        }
        eprintln!("{} rounds of people, none failed", self.calls.load(Ordering::Relaxed));
    }
}

async fn agent_of(api: &Api, of: &str) -> Hand {
    let made: Value = api.post(&format!("{of}/agents"), json!({"name": "By hand"})).await;
    let enrolment = format!("{of}/agents/{}/enrolment", made["id"].as_str().unwrap());
    let token: EnrolmentToken = api.post(&enrolment, json!({})).await;
    Hand::enrolled_at("", api, token.token.expose()).await
}

async fn succeeds(api: &Api, method: Method, path: &str, body: Option<Value>) {
    let (status, answer) = api.call(method, path, body).await;
    assert!(status.is_success(), "a request failed while nodes were replaced: {status} {answer}");
}

#[tokio::test]
async fn process_a_release_is_rolled_out_and_nobody_is_told_of_it() {
    let own = PathBuf::from(env!("CARGO_BIN_EXE_hub-node"));
    let mut cluster = Cluster::of(former().unwrap_or_else(|| own.clone()), NODES).await;
    cluster.program = own;
    let balancer = Balancer::start().await;
    balancer.lead_to(cluster.nodes.iter().map(|node| node.url.clone()).collect());
    let direct = Api::set_up(&cluster.nodes[0].url).await;
    Cluster::until_even(&direct, NODES).await;
    let api = direct.at(&balancer.url);

    let sshd = Sshd::start(cluster.folder.path()).await;
    let source = cluster.folder.path().join("items.csv");
    let rows = csv_file::write(&source, ARTICLES);
    let shop = Shop::make(&api, &source, &sshd, "out/items.csv").await;
    let mut agent = Agent::enrol(cluster.folder.path(), &balancer.url, &shop.token(&api).await).await;
    agent.start();
    shop.until_connected(&api).await;
    let office = Office::open(&api, "edge-shop").await;
    let folder = cluster.folder.path().join("edge");
    let mut edge = Edge::enrol(&folder, &balancer.url, &office.token().await, "grpc").await;
    edge.start().await;
    let selling = edge.sell_at(3, 100_000, 5, 40);
    office.until_sales(20).await;
    // Builds before this one close a connection that is kept alive without a word, and a request may be on its way into it.
    let mut people = People::at(&if former().is_some() { api.connecting_anew() } else { api.clone() }).await;

    for round in 0..NODES {
        let run = shop.press_run(&api).await;
        people.go_on().await;
        let mut leaving = cluster.nodes.remove(0);
        leaving.signal(Signal::TERM);
        leaving.ended().await;
        cluster.add().await;
        balancer.lead_to(cluster.nodes.iter().map(|node| node.url.clone()).collect());
        let api = api.at(&cluster.nodes.last().unwrap().url);
        Cluster::until_even(&api, NODES).await;
        people.go_on().await;
        let run = shop.until_over(&api, &run).await;
        assert_succeeded(&run, rows, ARTICLES);
        // Who comes now finds new and old nodes side by side, and follows what happens at any of them.
        let mut console = Console::open(&balancer.url, &api, &shop.retailer).await;
        for (n, node) in cluster.nodes.iter().enumerate() {
            let name = format!("r{round}n{n}");
            make_store(&api.at(&node.url), &shop.retailer, &name).await;
            console.until_store(&name).await;
        }
        people.are_welcome_at(cluster.nodes.iter().map(|node| node.url.as_str())).await;
        shop.until_connected(&api).await;
    }

    people.reconcile(&api).await;
    selling.close_the_doors();
    selling.all_served().await.unwrap();
    office.reconcile(&edge).await;
    drop((agent, edge));
    assert!(!cluster.logs().contains("panicked"));
    cluster.stop().await;
}
