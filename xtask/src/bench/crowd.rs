//! P-10: one hub with 10,000 retailers, all at work: how soon it is there, and what it holds.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use super::rig::{LOGIN, PASSWORD};
use super::rounds::Report;
use super::{Bench, rss};
use crate::stage::api::Api;
use crate::stage::free_port;
use crate::stage::hub::HubPlan;
use crate::ui;

const RETAILERS: usize = 10_000;
/// As many as the hub wakes at once by itself.
const AT_ONCE: usize = 16;
const SETUP_TOKEN: &str = "bench-setup-token-of-no-value";
const MEMORY: u64 = 400 << 20;
const START: Duration = Duration::from_secs(20);

pub(super) fn run(bench: &Bench) -> Result<Report> {
    let plan = HubPlan {
        program: bench.hub.clone(),
        store_program: bench.store.clone(),
        data: bench.home.join("hub"),
        port: free_port(None)?,
        setup_token: SETUP_TOKEN.to_owned(),
        log: bench.home.join("hub.log"),
        shared: None,
    };
    let (hub, base) = ui::step("start hub and store", |_| plan.start(&bench.stop))?;
    let retailers = ui::step("make 10,000 retailers", |step| {
        each(bench, &base, step, RETAILERS, |api, n| {
            let name = format!("Retailer {n:05}");
            let body =
                json!({"code": format!("shop-{n}"), "name": name, "currency": "EUR", "time_zone": "UTC"});
            api.create("/retailers", &body)
        })
    })?;
    hub.stop()?;

    let begun = Instant::now();
    let (hub, base) = ui::step("start it again", |_| plan.start(&bench.stop))?;
    let ready = begun.elapsed();
    ui::step("ask for each retailer", |step| {
        each(bench, &base, step, RETAILERS, |api, n| {
            let retailer = retailers.get(n).context("fewer retailers than there were")?;
            api.get(&format!("/retailers/{retailer}/stores"))
        })
    })?;
    let active = begun.elapsed();
    let memory = ui::step("wait until the memory settles", |_| rss::settle(&bench.stop, &[hub.id()]))?;
    let mut report = Report::default();
    report.figure("start until ready", ui::short_time(ready));
    report.figure("start until all 10,000 have answered", ui::short_time(active));
    report.figure("hub, resident, with all 10,000 active", ui::short_size(memory[0]));
    report.at_most_time("P-10 start", START, ready);
    report.at_most_bytes("P-10 memory", MEMORY, memory[0]);
    hub.stop()?;
    Ok(report)
}

/// Does something for each number, some at once, each under a login of its own; answers in the order of the numbers.
fn each<T: Send>(
    bench: &Bench,
    base: &str,
    step: &mut ui::Step,
    count: usize,
    work: impl Fn(&Api, usize) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    // The first one makes the administrator. One after the other: many at once look like somebody who guesses.
    let mut callers = Vec::with_capacity(AT_ONCE);
    for _ in 0..AT_ONCE {
        let mut api = Api::new(base);
        api.sign_in(SETUP_TOKEN, LOGIN, PASSWORD)?;
        callers.push(api);
    }
    let next = AtomicUsize::new(0);
    let worker = &|api: &Api| -> Result<Vec<(usize, T)>> {
        let mut done = Vec::new();
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if n >= count {
                return Ok(done);
            }
            if bench.stop.asked() {
                bail!("stopped on the way");
            }
            done.push((n, work(api, n)?));
        }
    };
    let mut all = std::thread::scope(|scope| -> Result<Vec<(usize, T)>> {
        let workers: Vec<_> = callers.iter().map(|api| scope.spawn(move || worker(api))).collect();
        while next.load(Ordering::Relaxed) < count
            && !workers.iter().any(std::thread::ScopedJoinHandle::is_finished)
        {
            step.tick(&format!("{} of {count}", next.load(Ordering::Relaxed)));
            std::thread::sleep(Duration::from_millis(100));
        }
        let mut all = Vec::with_capacity(count);
        for worker in workers {
            match worker.join() {
                Ok(done) => all.extend(done?),
                Err(_) => bail!("a worker panicked"),
            }
        }
        Ok(all)
    })?;
    all.sort_by_key(|(n, _)| *n);
    Ok(all.into_iter().map(|(_, value)| value).collect())
}
