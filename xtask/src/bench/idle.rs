//! P-12: what hub and agent hold in memory when nothing happens, and what processor time that costs.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::rig::Rig;
use super::rounds::Report;
use super::{Bench, rss};
use crate::stage::leftovers;
use crate::ui;

const AGENT_LIMIT: u64 = 10 << 20;
const HUB_LIMIT: u64 = 80 << 20;

/// Over which processor time is counted; several heartbeats fall into it.
const REST: Duration = Duration::from_secs(30);

pub(super) fn run(bench: &Bench) -> Result<Report> {
    let rig = ui::step("start hub, store and agent", |_| Rig::start(bench))?;
    let store = leftovers::children_of(rig.hub.id());
    let mut pids = vec![rig.hub.id(), rig.agent.id()];
    pids.extend(&store);
    let memory = ui::step("wait until the memory settles", |_| rss::settle(&bench.stop, &pids))?;
    let ticks = |pid| rss::processor_ticks(pid);
    let before = pids.iter().map(|&pid| ticks(pid)).collect::<Result<Vec<u64>>>()?;
    ui::step("count processor time at rest", |step| {
        let begun = Instant::now();
        while begun.elapsed() < REST && !bench.stop.asked() {
            step.tick("");
            std::thread::sleep(Duration::from_millis(200));
        }
        Ok(())
    })?;
    let after = pids.iter().map(|&pid| ticks(pid)).collect::<Result<Vec<u64>>>()?;
    // A tick is a hundredth of a second.
    let used =
        |at: usize| format!("{} ms of processor time in {} s", (after[at] - before[at]) * 10, REST.as_secs());
    let mut report = Report::default();
    report.figure("hub, resident", ui::short_size(memory[0]));
    report.figure("hub, at rest", used(0));
    report.figure("agent, resident", ui::short_size(memory[1]));
    report.figure("agent, at rest", used(1));
    if !store.is_empty() {
        report.figure("store (child of the hub), resident", ui::short_size(memory[2..].iter().sum()));
        report.figure("store, at rest", used(2));
    }
    report.at_most_bytes("P-12 agent", AGENT_LIMIT, memory[1]);
    report.at_most_bytes("P-12 hub", HUB_LIMIT, memory[0]);
    rig.stop()?;
    Ok(report)
}
