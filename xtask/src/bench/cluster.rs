//! P-7, P-8, P-9: what it costs to ask the wrong node, and how long retailers are away when their node is lost.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::Bench;
use super::rig::{LOGIN, PASSWORD};
use super::rounds::{ROUNDS, Report, median};
use crate::stage::api::Api;
use crate::stage::cluster::{self, Shared};
use crate::stage::free_port;
use crate::stage::hub::HubPlan;
use crate::stage::service::Service;
use crate::ui;

const RETAILERS: usize = 60;
/// Asked of each node in a round.
const REQUESTS: usize = 400;
const SETUP_TOKEN: &str = "bench-setup-token-of-no-value";
/// Shards move within seconds; this is for a busy machine.
const EVEN_LIMIT: Duration = Duration::from_secs(60);
/// A node that hangs is replaced after its lease.
const LOST_LIMIT: Duration = Duration::from_secs(60);

pub(super) struct Node {
    pub(super) service: Service,
    pub(super) api: Api,
    pub(super) address: String,
}

pub(super) fn run(bench: &Bench) -> Result<Report> {
    let mut report = Report::default();
    let (store, shared) =
        ui::step("start the database", |_| cluster::start(&bench.store, &bench.home, &bench.stop))?;
    let mut nodes = Vec::new();
    for number in 0..3 {
        nodes.push(ui::step(&format!("start node {number}"), |_| node(bench, &shared, number))?);
    }
    ui::step("wait for even shares", |_| even(bench, &nodes[0].api, 3).map(|_| ()))?;
    let retailers = ui::step("make retailers", |_| {
        (0..RETAILERS)
            .map(|n| nodes[n % 3].api.create("/retailers", &retailer(n)))
            .collect::<Result<Vec<_>>>()
    })?;
    detour(bench, &nodes, &retailers, &mut report)?;

    // Hung first: the killed one does not come back.
    let hung = ui::step("hang a node", |_| hang(bench, &nodes, &retailers))?;
    report.figure("hung node, last retailer served elsewhere", ui::short_time(hung));
    report.at_most_time("P-9", Duration::from_secs(15), hung);
    ui::step("wait for even shares", |_| even(bench, &nodes[1].api, 3).map(|_| ()))?;
    let killed = ui::step("kill a node", |_| {
        let victim = nodes.remove(0);
        let begun = Instant::now();
        signal(&victim.service, Signal::KILL)?;
        all_served(bench, &nodes[0].api, &retailers)?;
        let away = begun.elapsed();
        drop(victim);
        Ok(away)
    })?;
    report.figure("killed node, last retailer served elsewhere", ui::short_time(killed));
    report.at_most_time("P-8", Duration::from_secs(5), killed);
    for node in nodes {
        node.service.stop()?;
    }
    store.stop()?;
    Ok(report)
}

fn retailer(n: usize) -> Value {
    json!({"code": format!("shop-{n}"), "name": format!("Retailer {n:05}"), "currency": "EUR", "time_zone": "UTC"})
}

pub(super) fn node(bench: &Bench, shared: &Shared, number: usize) -> Result<Node> {
    let plan = HubPlan {
        program: bench.hub.clone(),
        store_program: bench.store.clone(),
        data: bench.home.join(format!("hub-{number}")),
        port: free_port(None)?,
        setup_token: SETUP_TOKEN.to_owned(),
        log: bench.home.join(format!("hub-{number}.log")),
        shared: Some(shared.clone()),
    };
    let (service, address) = plan.start(&bench.stop)?;
    let mut api = Api::new(&address);
    api.sign_in(SETUP_TOKEN, LOGIN, PASSWORD)?;
    Ok(Node { service, api, address })
}

/// Waits until so many nodes have even shares; answers with the view.
pub(super) fn even(bench: &Bench, api: &Api, count: usize) -> Result<Value> {
    bench.stop.wait_for("even shares", EVEN_LIMIT, || {
        let view = api.get("/admin/cluster")?;
        let serving =
            view["nodes"].as_array().into_iter().flatten().filter(|node| node["state"] == "serving");
        let ids: Vec<&Value> = serving.map(|node| &node["id"]).collect();
        let share = |id: &Value| {
            view["shards"].as_array().into_iter().flatten().filter(|s| s["owner"] == *id).count()
        };
        let even = ids.iter().all(|id| (256 / count..=256_usize.div_ceil(count)).contains(&share(id)));
        Ok((ids.len() == count && even).then(|| view.clone()))
    })
}

/// P-7: the same requests of the owner and of another node, turn by turn.
fn detour(bench: &Bench, nodes: &[Node], retailers: &[String], report: &mut Report) -> Result<()> {
    // The owner is where the retailer's actor lives.
    let lives: Vec<String> =
        nodes.iter().map(|node| Ok(node.api.get("/admin/actors")?.to_string())).collect::<Result<_>>()?;
    let owner = |retailer: &String| {
        let path = format!("retailer:{retailer}");
        lives.iter().position(|actors| actors.contains(&path)).context("a retailer lives nowhere")
    };
    let owners = retailers.iter().map(owner).collect::<Result<Vec<_>>>()?;
    let ask = |node: &Node, retailer: &str| -> Result<Duration> {
        let begun = Instant::now();
        node.api.get(&format!("/retailers/{retailer}/stores"))?;
        Ok(begun.elapsed())
    };
    let (mut straight, mut around) = (Vec::new(), Vec::new());
    let (mut added_half, mut added_most) = (Vec::new(), Vec::new());
    ui::step("ask owners and others by turns", |step| {
        for round in 0..=ROUNDS {
            let (mut direct, mut routed) = (Vec::new(), Vec::new());
            for n in 0..REQUESTS {
                let at = n % retailers.len();
                direct.push(ask(&nodes[owners[at]], &retailers[at])?);
                routed.push(ask(&nodes[(owners[at] + 1 + n % 2) % nodes.len()], &retailers[at])?);
            }
            step.tick("");
            if bench.stop.asked() {
                bail!("stopped while asking");
            }
            if round == 0 {
                continue;
            }
            added_half.push(percentile(&mut routed, 50).saturating_sub(percentile(&mut direct, 50)));
            added_most.push(percentile(&mut routed, 99).saturating_sub(percentile(&mut direct, 99)));
            straight.push(percentile(&mut direct, 50));
            around.push(percentile(&mut routed, 50));
        }
        Ok(())
    })?;
    report.durations("a list, asked of the owner, p50", &straight);
    report.durations("the same of another node, p50", &around);
    report.durations("added by the detour, p50", &added_half);
    report.durations("added by the detour, p99", &added_most);
    report.at_most_time("P-7 p50 added", Duration::from_millis(1), median(&added_half));
    report.at_most_time("P-7 p99 added", Duration::from_millis(5), median(&added_most));
    Ok(())
}

fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    times.get(times.len() * percent / 100).or(times.last()).copied().unwrap_or_default()
}

/// P-9: a node is stopped in its tracks, and let go on once everything is served elsewhere.
fn hang(bench: &Bench, nodes: &[Node], retailers: &[String]) -> Result<Duration> {
    let begun = Instant::now();
    signal(&nodes[0].service, Signal::STOP)?;
    let served = all_served(bench, &nodes[1].api, retailers);
    let away = begun.elapsed();
    signal(&nodes[0].service, Signal::CONT)?;
    served.map(|()| away)
}

/// Each retailer takes a change again: somebody owns it and may write.
fn all_served(bench: &Bench, api: &Api, retailers: &[String]) -> Result<()> {
    for retailer in retailers {
        let mut tries = 0;
        bench.stop.wait_for("a retailer is served", LOST_LIMIT, || {
            tries += 1;
            let code = format!("s{}-{tries}", retailer.get(24..).unwrap_or_default());
            let store = json!({"code": code, "name": "Store", "time_zone": "UTC"});
            Ok(api.post(&format!("/retailers/{retailer}/stores"), &store).is_ok().then_some(()))
        })?;
    }
    Ok(())
}

fn signal(service: &Service, signal: Signal) -> Result<()> {
    let pid = i32::try_from(service.id()).ok().and_then(Pid::from_raw).context("the node has no id")?;
    Ok(kill_process(pid, signal)?)
}
