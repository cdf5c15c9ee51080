//! One seed from beginning to end: set up, work, faults, healing, verdict.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use messages::http::cluster::{ClusterView, LinkState, NodeState};
use rustix::process::Signal;
use tokio::sync::Mutex;

use super::door::Door;
use super::hosts::Hosts;
use super::ledger::Ledger;
use super::load::Load;
use super::processes::{Agent, Common, Database, Node};
use super::schedule::{Clock, Event, Fault, HELD_BACK, NODES, Place, Schedule};
use super::shop::{self, Shops};
use super::verdict::{Found, complaints};

/// After the last fault, until every retailer is served at every node.
const SERVED_WITHIN: Duration = Duration::from_secs(15);
/// After that, until shards are spread, links are up and runs are over. The agent waits up to half a minute between
/// attempts to reach a hub.
const CONVERGED_WITHIN: Duration = Duration::from_secs(60);
const PACE: Duration = Duration::from_millis(100);

struct Stage<'a> {
    hosts: &'a Hosts,
    common: Common,
    database: Mutex<Database>,
    nodes: Vec<Mutex<Node>>,
    door: Arc<Door>,
}

/// What a seed came to.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) complaints: Vec<String>,
    pub(super) figures: String,
}

pub(super) async fn play(schedule: &Schedule, hosts: &Hosts, folder: &Path) -> Report {
    let begun = Instant::now();
    let database = Database::start(hosts, folder).await;
    let common = Common::new(folder, &database);
    let mut nodes: Vec<Node> = (0..NODES).map(|number| Node::new(hosts, &common, number)).collect();
    let door = Arc::new(Door::new(nodes.iter().map(|node| node.url.clone())));
    for node in &mut nodes {
        node.start(hosts, &common, Clock::Right);
    }
    for node in &mut nodes {
        node.ready(door.client()).await;
    }
    door.set_up().await;
    let nodes = nodes.into_iter().map(Mutex::new).collect();
    let stage = Stage { hosts, common, database: Mutex::new(database), nodes, door };
    let (shops, agent) = shop::open(&stage.door, hosts, folder).await;
    stage.until_even().await.unwrap_or_else(|trouble| panic!("before any fault: {trouble}"));
    let ready = begun.elapsed();
    let ledger = Arc::new(Ledger::default());
    let load = Load::start(schedule.seed, Arc::clone(&stage.door), shops.clone(), Arc::clone(&ledger));
    let start = Instant::now();
    join_all(schedule.events.iter().map(|event| stage.act(event, start))).await;
    let healed = Instant::now();
    let faults = healed - start;
    let mut wrong = stage.until_served(&shops, healed).await;
    let served = healed.elapsed();
    load.finish().await;
    wrong.extend(ledger.complaints());
    wrong.extend(stage.judge(&shops, agent, &ledger, folder).await);
    let entries = ledger.entries();
    let done =
        entries.iter().filter(|entry| matches!(entry.outcome, super::ledger::Outcome::Done { .. })).count();
    let figures = format!(
        "ready {:.1} s, faults {:.1} s, served after {:.1} s, all {:.1} s; {done} of {} acknowledged",
        ready.as_secs_f32(),
        faults.as_secs_f32(),
        served.as_secs_f32(),
        begun.elapsed().as_secs_f32(),
        entries.len(),
    );
    Report { complaints: wrong, figures }
}

impl Stage<'_> {
    /// Begins a fault at its time, and ends it.
    async fn act(&self, event: &Event, start: Instant) {
        tokio::time::sleep_until((start + event.at).into()).await; // slow: the schedule says when
        let ends = tokio::time::Instant::from_std(start + event.ends());
        match event.fault {
            Fault::Kill { node, clock } => {
                let mut node = self.nodes[node].lock().await;
                node.life.kill();
                tokio::time::sleep_until(ends).await; // slow: as long as the schedule says
                node.start(self.hosts, &self.common, clock);
            }
            Fault::Pause { node } => {
                let node = self.nodes[node].lock().await;
                node.life.signal(Signal::STOP);
                tokio::time::sleep_until(ends).await; // slow: as long as the schedule says
                node.life.signal(Signal::CONT);
            }
            Fault::PauseWriting { node } => {
                let place = Place::Node(node);
                self.cut(Place::Database, place, false, true);
                tokio::time::sleep(HELD_BACK).await; // slow: as long as the schedule says
                let node = self.nodes[node].lock().await;
                node.life.signal(Signal::STOP);
                self.cut(Place::Database, place, false, false);
                tokio::time::sleep_until(ends).await; // slow: as long as the schedule says
                node.life.signal(Signal::CONT);
            }
            Fault::Cut { from, to, both } => {
                self.cut(from, to, both, true);
                tokio::time::sleep_until(ends).await; // slow: as long as the schedule says
                self.cut(from, to, both, false);
            }
            Fault::Slow { node } => {
                self.hosts.slow(node, true);
                tokio::time::sleep_until(ends).await; // slow: as long as the schedule says
                self.hosts.slow(node, false);
            }
            Fault::KillDatabase => {
                let mut database = self.database.lock().await;
                database.life.kill();
                tokio::time::sleep_until(ends).await; // slow: as long as the schedule says
                database.begin(self.hosts).await;
            }
            Fault::PauseDatabase => {
                let database = self.database.lock().await;
                database.life.signal(Signal::STOP);
                tokio::time::sleep_until(ends).await; // slow: as long as the schedule says
                database.life.signal(Signal::CONT);
            }
            Fault::Drain { node } => {
                let mut node = self.nodes[node].lock().await;
                node.life.signal(Signal::TERM);
                node.life.ended().await;
                node.forget_data();
                node.start(self.hosts, &self.common, Clock::Right);
            }
        }
    }

    fn cut(&self, from: Place, to: Place, both: bool, lost: bool) {
        self.hosts.lose(from, to, lost);
        if both {
            self.hosts.lose(to, from, lost);
        }
    }

    /// Every retailer is served at every node, soon after the last fault.
    async fn until_served(&self, shops: &Shops, healed: Instant) -> Vec<String> {
        let mut open: Vec<(usize, &String)> = (0..NODES)
            .flat_map(|node| {
                shops.retailers.iter().chain([&shops.with_agent]).map(move |retailer| (node, retailer))
            })
            .collect();
        let last_look = healed + SERVED_WITHIN;
        loop {
            let asked = open.iter().map(|&(node, retailer)| async move {
                self.door.try_get(node, &format!("/retailers/{retailer}/stores?limit=1")).await.is_some()
            });
            let answers = join_all(asked).await;
            open =
                open.into_iter().zip(answers).filter(|(_, answered)| !answered).map(|(one, _)| one).collect();
            if open.is_empty() {
                return Vec::new();
            }
            if Instant::now() >= last_look {
                let at: Vec<String> = open.iter().map(|(node, id)| format!("{id} at hub-{node}")).collect();
                return vec![format!(
                    "not served within {SERVED_WITHIN:?} of the last fault: {}",
                    at.join(", ")
                )];
            }
            tokio::time::sleep(PACE).await; // poll: the pace of asking
        }
    }

    /// Every shard is owned, evenly, by nodes that live and are all linked.
    async fn until_even(&self) -> Result<(), String> {
        let deadline = Instant::now() + CONVERGED_WITHIN;
        let mut seen = String::new();
        while Instant::now() < deadline {
            if let Some(view) = self.door.try_get(0, "/admin/cluster").await {
                let view: ClusterView = serde_json::from_value(view).unwrap();
                let serving: Vec<_> =
                    view.nodes.iter().filter(|node| node.state == NodeState::Serving).collect();
                let share = |boot| view.shards.iter().filter(|shard| shard.owner == Some(boot)).count();
                let shares: Vec<usize> = serving.iter().map(|node| share(node.id)).collect();
                let up = view.links.iter().filter(|link| link.state == LinkState::Up).count();
                let even = shares.iter().sum::<usize>() == 256
                    && shares.iter().all(|share| (256 / NODES..=256_usize.div_ceil(NODES)).contains(share));
                if serving.len() == NODES && even && up >= NODES * (NODES - 1) {
                    return Ok(());
                }
                seen = format!("{} nodes serve, with {shares:?} shards, {up} links up", serving.len());
            }
            tokio::time::sleep(PACE).await; // poll: the pace of asking
        }
        Err(format!("no even shares among linked nodes within {CONVERGED_WITHIN:?}: {seen}"))
    }

    async fn judge(&self, shops: &Shops, mut agent: Agent, ledger: &Ledger, folder: &Path) -> Vec<String> {
        let mut wrong = Vec::new();
        wrong.extend(self.until_even().await.err());
        let stored = self.database.lock().await.open().await;
        let mut found = Found::read(&stored).await;
        let deadline = Instant::now() + CONVERGED_WITHIN;
        while found.open_runs() > 0 && Instant::now() < deadline {
            tokio::time::sleep(PACE).await; // poll: the pace of asking
            found = Found::read(&stored).await;
        }
        for node in &self.nodes {
            node.lock().await.life.assert_alive();
        }
        agent.life.assert_alive();
        found.agent_log = agent.life.log();
        wrong.extend(complaints(&ledger.entries(), &found, shops));
        let logs = (0..NODES).map(|node| folder.join(format!("hub-{node}.log")));
        for log in logs.chain([folder.join("agent.log")]) {
            let text = std::fs::read(&log).unwrap_or_default();
            if let Some(line) =
                String::from_utf8_lossy(&text).lines().find(|line| line.contains("panicked at"))
            {
                wrong.push(format!("{}: {line}", log.display()));
            }
        }
        wrong
    }
}
