//! R-9 for a store edge: ten days without a line, 20,000 sales a day, then back. How long it takes until the hub has
//! everything, what checkout feels of it, what the hub holds meanwhile, and how another retailer is answered. At the end
//! the edge's books and the hub's must be the same: receipts, money, stock. The short form of it is a test of the hub,
//! `process_a_backlog_of_days_…`.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use super::rig::{LOGIN, PASSWORD};
use super::rounds::{Report, median};
use super::{Bench, rss};
use crate::process;
use crate::stage::api::{Api, text};
use crate::stage::free_port;
use crate::stage::hub::HubPlan;
use crate::ui;

const DAYS: u64 = 10;
const SALES: u64 = 200_000;
/// Sales a second while it drains: fifty times what such a store sells in its busiest hour.
const PACE: u64 = 50;
/// Of one look at checkout.
const LOOK: u64 = 500;
/// Of a look at the outbox.
const GLANCE: Duration = Duration::from_millis(100);
/// Events of a second or two.
const FEW: u64 = 1_000;
/// As P-2 has it.
const P99_WANTED: Duration = Duration::from_millis(25);
/// An idle hub with all its code touched, and some rounds of a thousand events.
const MEMORY: u64 = 192 << 20;
/// A slow disk still makes some hundred events a second.
const LIMIT: Duration = Duration::from_secs(3_600);
const SETUP_TOKEN: &str = "bench-setup-token-of-no-value";

pub(super) fn run(bench: &Bench) -> Result<Report> {
    ui::say("… building the edge and its load (release)");
    let mut cargo = process::cargo(&bench.repo);
    cargo.args(["build", "--release", "--package", "edge-node", "--bin", "edge-node"]);
    process::stream(cargo.args(["--example", "checkout_load", "--example", "backlog"]))?;
    let mut report = Report::default();
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
    let mut api = Api::new(&base);
    api.sign_in(SETUP_TOKEN, LOGIN, PASSWORD)?;
    let (ours, other) = (retailer(&api, "ours")?, retailer(&api, "other")?);
    let shop = Shop { bench, data: bench.home.join("edge"), base: base.clone(), port: free_port(None)? };
    ui::step("enrol the edge", |_| shop.enrol(&api, &ours))?;
    let filled = ui::step("sell for ten days without a line", |_| {
        shop.example("backlog", &["fill", "--sales", &SALES.to_string(), "--days", &DAYS.to_string()])
    })?;
    ensure!(filled["sales"] == SALES, "not all was sold: {filled}");

    // Nobody listens there.
    let edge = shop.start("http://127.0.0.1:1")?;
    let alone = ui::step("checkout without a line", |_| shop.looks(3))?;
    edge.stop()?;
    report.durations("checkout without a line, 99 of 100 within", &alone);
    let before = rss::resident(hub.id())?;
    report.figure("hub, resident, before", ui::short_size(before));

    let edge = shop.start(&base)?;
    let seen = ui::step("drain", |_| drain(bench, &shop, &api, &other.of, hub.id()))?;
    report.figure("backlog drained in", ui::short_time(seen.took));
    let events = u64::try_from(u128::from(seen.events) * 1_000 / seen.took.as_millis().max(1))?;
    report.figure("events a second, one device, one batch at a time", events.to_string());
    report.durations("checkout while it drains, 99 of 100 within", &seen.checkout);
    report.at_most_time("R-9 checkout p99", P99_WANTED, median(&seen.checkout));
    report.figure("another retailer, slowest of its answers", ui::short_time(seen.slowest));
    report.figure("another retailer, answers", seen.answers.to_string());
    report.figure("hub, resident, at most", ui::short_size(seen.memory));
    report.at_most_bytes("R-9 hub memory", MEMORY, seen.memory);
    edge.stop()?;
    ui::step("compare the books", |_| compare(&shop, &api, &ours, &mut report))?;
    hub.stop()?;
    Ok(report)
}

/// A retailer with one store.
struct Retailer {
    of: String,
    store: String,
}

fn retailer(api: &Api, code: &str) -> Result<Retailer> {
    let body = json!({"code": code, "name": code, "currency": "EUR", "time_zone": "UTC"});
    let of = format!("/retailers/{}", api.create("/retailers", &body)?);
    let store = json!({"code": "main", "name": "Main street", "time_zone": "UTC"});
    let store = api.create(&format!("{of}/stores"), &store)?;
    Ok(Retailer { of, store })
}

/// What was seen while the backlog went out.
struct Seen {
    /// That were there at the beginning, and how long until the hub had them.
    events: u64,
    took: Duration,
    checkout: Vec<Duration>,
    /// Of the hub, at most.
    memory: u64,
    slowest: Duration,
    answers: u64,
}

/// Sells, asks for another retailer and looks at the hub's memory until nothing is unsent.
fn drain(bench: &Bench, shop: &Shop<'_>, api: &Api, other: &str, hub: u32) -> Result<Seen> {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let others = scope.spawn(|| -> Result<(Duration, u64)> {
            let (mut slowest, mut answers) = (Duration::ZERO, 0);
            while !over.load(Ordering::Relaxed) {
                let asked = Instant::now();
                api.get(&format!("{other}/stores"))?;
                slowest = slowest.max(asked.elapsed());
                answers += 1;
                std::thread::sleep(Duration::from_millis(50));
            }
            Ok((slowest, answers))
        });
        let backlog = scope.spawn(|| backlog(bench, shop, &over));
        let watched = watch(bench, shop, hub);
        over.store(true, Ordering::Relaxed);
        let drained = backlog.join().map_err(|_| anyhow::anyhow!("the backlog's thread panicked"))?;
        let told = others.join().map_err(|_| anyhow::anyhow!("the other retailer's thread panicked"))?;
        let (checkout, memory) = watched?;
        let (events, took) = drained?;
        let (slowest, answers) = told.context("another retailer was not answered")?;
        Ok(Seen { events, took, checkout, memory, slowest, answers })
    })
}

/// Waits until the hub has all that the edge had told nobody when it was started. How much it was, and how long it took.
fn backlog(bench: &Bench, shop: &Shop<'_>, over: &AtomicBool) -> Result<(u64, Duration)> {
    let began = Instant::now();
    let events = number(&shop.status()?["outbox"], "last_seq")?;
    loop {
        if number(&shop.status()?["outbox"], "settled_seq")? >= events {
            return Ok((events, began.elapsed()));
        }
        if over.load(Ordering::Relaxed) || bench.stop.asked() {
            bail!("the backlog of {events} events was not drained");
        }
        std::thread::sleep(GLANCE);
    }
}

fn number(outbox: &Value, name: &str) -> Result<u64> {
    outbox[name].as_u64().with_context(|| format!("the outbox has no {name}"))
}

/// Looks at checkout and at the hub's memory until nothing is unsent.
fn watch(bench: &Bench, shop: &Shop<'_>, hub: u32) -> Result<(Vec<Duration>, u64)> {
    let (began, mut checkout, mut memory) = (Instant::now(), Vec::new(), 0);
    loop {
        checkout.extend(shop.looks(1)?);
        memory = memory.max(rss::resident(hub)?);
        let mut unsent = number(&shop.status()?["outbox"], "unsent")?;
        // The last sales of the look itself are on their way still.
        let asked = Instant::now();
        while (1..FEW).contains(&unsent) && asked.elapsed() < Duration::from_secs(2) {
            std::thread::sleep(GLANCE);
            unsent = number(&shop.status()?["outbox"], "unsent")?;
        }
        if unsent == 0 {
            return Ok((checkout, memory));
        }
        if bench.stop.asked() || began.elapsed() > LIMIT {
            bail!("stopped with {unsent} events unsent");
        }
    }
}

/// Receipts, money and stock, event for event the same.
fn compare(shop: &Shop<'_>, api: &Api, ours: &Retailer, report: &mut Report) -> Result<()> {
    let books = shop.example("backlog", &["books"])?;
    let (of, store) = (&ours.of, &ours.store);
    let sales = api.get(&format!("{of}/sales?limit=1"))?;
    let count = sales["total"].clone();
    ensure!(books["sales"] == count, "{} sales at the edge, {count} at the hub", books["sales"]);
    ensure!(books["receipts"] == books["sales"], "a receipt number was given twice");
    let last = text(&sales["items"][0], "day")?;
    let span = format!("from={}&to={last}", year_before(&last)?);
    let sales = api.get(&format!("{of}/reports/sales?store_id={store}&{span}&by=day"))?;
    let sums = &sales["totals"][0];
    let cents = |name: &str| sums[name].as_i64().with_context(|| format!("the report has no {name}"));
    let (sold, paid) = (cents("total")? + cents("rounding")?, cents("cash")? + cents("card")? + cents("qr")?);
    ensure!(books["sold"] == sold, "{} sold at the edge, {sold} at the hub", books["sold"]);
    ensure!(books["paid"] == paid, "{} paid at the edge, {paid} at the hub", books["paid"]);
    let place = api.get(&format!("{of}/edges"))?["items"][0].clone();
    ensure!(
        place["dead_letters"] == 0 && place["stream"]["lost"] == 0,
        "events were set aside or lost: {place}"
    );
    ensure!(place["stream"]["settled_seq"] == books["events"], "not everything is settled: {place}");
    let articles = stock(api, ours, &books)?;
    report.figure("sales at the edge and at the hub", count.to_string());
    report.figure("articles whose stock is the same", articles.to_string());
    Ok(())
}

/// As long as a report may be.
fn year_before(day: &str) -> Result<String> {
    let (year, rest) = day.split_once('-').with_context(|| format!("{day} is no day"))?;
    let rest = if rest == "02-29" { "03-01" } else { rest };
    Ok(format!("{}-{rest}", year.parse::<u32>()? - 1))
}

fn stock(api: &Api, ours: &Retailer, books: &Value) -> Result<usize> {
    let path = format!("{}/reports/inventory?store_id={}&limit=1000", ours.of, ours.store);
    let (mut next, mut seen) = (path.clone(), 0);
    loop {
        let page = api.get(&next)?;
        for row in page["items"].as_array().context("the hub lists no stock")? {
            let sku = text(row, "sku")?;
            let (here, there) = (thousandths(&row["on_hand"])?, &books["stock"][&sku]);
            ensure!(*there == here, "{sku}: {there} at the edge, {here} at the hub");
            seen += 1;
        }
        match page["next"].as_str() {
            Some(cursor) => next = format!("{path}&cursor={cursor}"),
            None => return Ok(seen),
        }
    }
}

/// A quantity as the interface writes it, such as `-12.5`.
fn thousandths(quantity: &Value) -> Result<i64> {
    let written = quantity.as_str().context("a quantity is no text")?;
    let (sign, digits) = written.strip_prefix('-').map_or((1, written), |rest| (-1, rest));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let part = format!("{part:0<3}");
    Ok(sign * (whole.parse::<i64>()? * 1_000 + part.parse::<i64>()?))
}

/// The store's machine.
struct Shop<'a> {
    bench: &'a Bench,
    data: PathBuf,
    base: String,
    port: u16,
}

impl Shop<'_> {
    fn program(&self, name: &str) -> PathBuf {
        self.bench.repo.binary("release", name)
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn enrol(&self, api: &Api, ours: &Retailer) -> Result<()> {
        let place = json!({"name": "Checkout server"});
        let token = text(&api.post(&format!("{}/stores/{}/edges", ours.of, ours.store), &place)?, "token")?;
        let mut command = Command::new(self.program("edge-node"));
        command.args(["enrol", "--hub", &self.base, "--token", &token, "--data-dir"]).arg(&self.data);
        process::capture(&mut command).map(drop)
    }

    /// Asks the example, whose first words are the folder's.
    fn example(&self, name: &str, words: &[&str]) -> Result<Value> {
        let mut command = Command::new(self.program(&format!("examples/{name}")));
        command.arg("--folder").arg(&self.data).args(words);
        serde_json::from_str(&process::capture(&mut command)?).context("the example's answer is not JSON")
    }

    /// The slowest hundredth of some sales, so many times.
    fn looks(&self, count: usize) -> Result<Vec<Duration>> {
        (0..count)
            .map(|_| {
                let mut command = Command::new(self.program("examples/checkout_load"));
                command.args(["http", "--edge", &self.url()]);
                command.args(["--sales", &LOOK.to_string(), "--pace", &PACE.to_string()]);
                let answer: Value = serde_json::from_str(&process::capture(&mut command)?)?;
                answer["p99_us"]
                    .as_u64()
                    .map(Duration::from_micros)
                    .context("the load did not tell its times")
            })
            .collect()
    }

    fn status(&self) -> Result<Value> {
        let request = ureq::get(format!("{}/v1/status", self.url()))
            .header("x-terminal-id", "bench")
            .header("x-cashier-id", "bench");
        let body = request.call().context("the edge does not answer")?.body_mut().read_to_string()?;
        Ok(serde_json::from_str(&body)?)
    }

    fn start(&self, hub: &str) -> Result<Running> {
        let child = Command::new(self.program("edge-node"))
            .args(["run", "--stop-on-stdin-close", "--log", "warn", "--sync-protocol", "grpc", "--hub", hub])
            .args(["--currency", "EUR", "--listen", &format!("127.0.0.1:{}", self.port), "--data-dir"])
            .arg(&self.data)
            .stdin(Stdio::piped())
            .spawn()
            .context("the edge cannot be started")?;
        let running = Running(child);
        let began = Instant::now();
        while self.status().is_err() {
            if began.elapsed() > Duration::from_secs(60) {
                bail!("the edge does not answer");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(running)
    }
}

/// The edge's process.
struct Running(Child);

impl Running {
    fn stop(mut self) -> Result<()> {
        drop(self.0.stdin.take());
        let status = self.0.wait().context("the edge did not stop")?;
        ensure!(status.success(), "the edge ended with {status}");
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // After `stop` it is gone already.
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_to_the_gram() {
        for (written, found) in [("3", 3_000), ("-12.5", -12_500), ("0.007", 7), ("-0.25", -250)] {
            assert_eq!(thousandths(&json!(written)).unwrap(), found, "{written}");
        }
        assert!(thousandths(&json!("many")).is_err() && thousandths(&json!(3)).is_err());
    }
}
