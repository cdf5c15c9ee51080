//! P-1: events of store edges that one hub takes in each second, exactly once and durable, by HTTP and by gRPC stream, against
//! the database's own driver that writes the same bodies to the same server with as many writers. The hub's time ends when
//! all that it has acknowledged is in the sums too, and stock has been read from them; until the last answer it is told beside.
//! And what one batch takes by either way when nothing else goes on. All sides are driven by `hub-node/examples/ingest_load`.

use std::cell::RefCell;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use super::cluster;
use super::rounds::{Duel, Report, median, times};
use super::{Bench, rss};
use crate::stage::api::{Api, text};
use crate::stage::cluster as shared_store;
use crate::ui;

/// Of one retailer, with four devices each.
const STORES: usize = 4;
const DEVICES: usize = 16;
/// Of one round, of all devices: seconds on any machine, so that beginning and end do not count.
const EVENTS: u64 = 24_000;
const GRPC_WANTED: u64 = 70;
const HTTP_WANTED: u64 = 60;
/// For each size of batch and each way: enough for a hundredth to mean something.
const LATENCY_ROUNDS: usize = 300;

/// Whose devices they are. The rounds of a retailer come one after the other, those of several side by side.
struct Of {
    retailers: usize,
    /// Before what is shown.
    named: &'static str,
}

const ONE: Of = Of { retailers: 1, named: "" };
const SEVERAL: Of = Of { retailers: STORES, named: "four retailers, " };

pub(super) fn run(bench: &Bench) -> Result<Report> {
    let mut report = Report::default();
    let (store, shared) =
        ui::step("start the database", |_| shared_store::start(&bench.store, &bench.home, &bench.stop))?;
    let node = ui::step("start the hub", |_| cluster::node(bench, &shared, 0))?;
    let program = bench.hub.with_file_name("examples").join("ingest_load");
    for of in [ONE, SEVERAL] {
        let edges = ui::step("make stores and their edges", |_| Edges::make(&node.api, of.retailers))?;
        let load =
            RefCell::new(Load::start(&program, &node.address, &shared.uri, &edges.tokens, &bench.home)?);
        if of.retailers == 1 {
            latency(&load, 1, &mut report)?;
            latency(&load, 50, &mut report)?;
        }
        for (way, shown) in [("http", "HTTP, batches of 50"), ("grpc", "gRPC stream, batches of 50")] {
            let shown = format!("{}{shown}", of.named);
            let share = duel(&load, &node.api, &edges, way, &shown, &mut report)?;
            match (of.retailers, way) {
                (1, "http") => report.at_least("P-1 HTTP", HTTP_WANTED, share),
                (1, _) => report.at_least("P-1 gRPC", GRPC_WANTED, share),
                _ => report.figure(format!("{shown}: all in the sums, against insert_many"), times(share)),
            }
        }
        exactly_once(&mut load.into_inner(), &node.api, &edges, of.named, &mut report)?;
    }
    report.figure("hub, resident, at the end", ui::short_size(rss::resident(node.service.id())?));
    node.service.stop()?;
    store.stop()?;
    Ok(report)
}

/// Rounds of the hub and of the database's driver in turn; how fast the hub is, in hundredths of the other.
fn duel(
    load: &RefCell<Load>,
    api: &Api,
    edges: &Edges,
    way: &str,
    shown: &str,
    report: &mut Report,
) -> Result<u64> {
    ui::say(&format!("{EVENTS} events of {DEVICES} devices, {shown}, against insert_many"));
    let mut answered = Vec::new();
    let subject = || {
        let burst = load.borrow_mut().round(way)?;
        answered.push(burst);
        // What was answered is not done before it is in the sums: whoever reads stock has that done.
        let began = Instant::now();
        for stock in &edges.stocks {
            api.get(stock)?;
        }
        Ok(burst + began.elapsed())
    };
    let duel = Duel::run(subject, || load.borrow_mut().round("insert"))?;
    report.figure(format!("{shown}: events a second, all in the sums"), pace(&duel.subject));
    report.durations(&format!("{shown}, {EVENTS} events, all in the sums"), &duel.subject);
    let answered = answered.get(1..).unwrap_or_default();
    report.figure(format!("{shown}: events a second, answered"), pace(answered));
    report.durations(&format!("{shown}, {EVENTS} events, answered"), answered);
    let micros = u64::try_from(median(answered).as_micros())?.max(1);
    let share = u64::try_from(median(&duel.reference).as_micros())? * 100 / micros;
    report.figure(format!("{shown}: answered, against insert_many"), times(share));
    report.figure("insert_many of 50: events a second", pace(&duel.reference));
    report.durations(&format!("insert_many of 50, {EVENTS} events"), &duel.reference);
    Ok(duel.speed_percent())
}

/// Devices and what they belong to.
struct Edges {
    retailers: Vec<String>,
    /// A question for the stock of a store, one of each retailer.
    stocks: Vec<String>,
    tokens: Vec<String>,
}

impl Edges {
    /// As many stores and devices, whoever's they are.
    fn make(api: &Api, retailers: usize) -> Result<Self> {
        let mut edges = Self { retailers: Vec::new(), stocks: Vec::new(), tokens: Vec::new() };
        for number in 0..retailers {
            let code = format!("bench-{retailers}-{number}");
            let retailer =
                json!({"code": code, "name": "Bench", "currency": "EUR", "time_zone": "Europe/Berlin"});
            let of = format!("/retailers/{}", api.create("/retailers", &retailer)?);
            for number in 0..STORES / retailers {
                let store = json!({"code": format!("s{number}"), "name": format!("Store {number}"), "time_zone": "Europe/Berlin"});
                let store = api.create(&format!("{of}/stores"), &store)?;
                if number == 0 {
                    edges.stocks.push(format!("{of}/reports/inventory?limit=1&store_id={store}"));
                }
                for device in 0..DEVICES / STORES {
                    let place = json!({"name": format!("Checkout {device}")});
                    let token = api.post(&format!("{of}/stores/{store}/edges"), &place)?;
                    edges.tokens.push(text(&token, "token")?);
                }
            }
            edges.retailers.push(of);
        }
        Ok(edges)
    }
}

fn pace(rounds: &[Duration]) -> String {
    let micros = u64::try_from(median(rounds).as_micros()).unwrap_or(u64::MAX).max(1);
    (EVENTS * 1_000_000 / micros).to_string()
}

/// One batch after the other, by both ways in turn, while nothing else goes on.
fn latency(load: &RefCell<Load>, size: usize, report: &mut Report) -> Result<()> {
    let found = ui::step(&format!("ask for one batch of {size} at a time"), |_| {
        load.borrow_mut().obey(&format!("latency {LATENCY_ROUNDS} {size}"))
    })?;
    for (way, shown) in [("http", "HTTP"), ("grpc", "gRPC")] {
        let time = |share: &str| {
            let micros = found[way][share].as_u64().context("the load did not tell its times")?;
            anyhow::Ok(ui::short_time(Duration::from_micros(micros)))
        };
        let value = format!("{}, p99 {}", time("p50_us")?, time("p99_us")?);
        report.figure(format!("{shown}, one batch of {size}, p50"), value);
    }
    Ok(())
}

/// What was acknowledged is there, and a repeated batch changes nothing.
fn exactly_once(load: &mut Load, api: &Api, edges: &Edges, named: &str, report: &mut Report) -> Result<()> {
    let again = load.obey("again")?;
    let (mut letters, mut sales) = (0, 0);
    for retailer in &edges.retailers {
        let places = api.get(&format!("{retailer}/edges"))?;
        let places = places["items"].as_array().context("the hub lists no edges")?;
        letters += places.iter().map(|place| place["dead_letters"].as_u64().unwrap_or_default()).sum::<u64>();
        sales += api.get(&format!("{retailer}/sales?limit=1"))?["total"].as_u64().unwrap_or_default();
    }
    ensure!(letters == 0, "{letters} events were set aside");
    ensure!(again["sales"] == sales, "{} sales were acknowledged, and {sales} are there", again["sales"]);
    report.figure(format!("{named}events acknowledged"), load.acknowledged.to_string());
    report.figure(format!("{named}sales at the hub"), sales.to_string());
    report.figure(format!("{named}events sent once more, all known"), again["duplicates"].to_string());
    Ok(())
}

/// The program with all the devices. It ends with this one, whose end closes its input.
struct Load {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// Events, by the hub.
    acknowledged: u64,
}

impl Load {
    fn start(program: &Path, hub: &str, database: &str, tokens: &[String], home: &Path) -> Result<Self> {
        let mut command = Command::new(program);
        command.args(["--hub", hub, "--database", database]);
        for token in tokens {
            command.args(["--token", token]);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(File::create(home.join("load.log"))?);
        let mut child = command.spawn().context("the load cannot be started")?;
        let input = child.stdin.take().context("the load has no input")?;
        let output = BufReader::new(child.stdout.take().context("the load has no output")?);
        let mut load = Self { child, input, output, acknowledged: 0 };
        load.answer()?;
        Ok(load)
    }

    fn obey(&mut self, command: &str) -> Result<Value> {
        writeln!(self.input, "{command}").context("the load is gone")?;
        let answer = self.answer()?;
        if !command.starts_with("insert") {
            self.acknowledged += answer["events"].as_u64().unwrap_or_default();
        }
        Ok(answer)
    }

    /// How long a round took.
    fn round(&mut self, way: &str) -> Result<Duration> {
        let answer = self.obey(&format!("{way} {EVENTS}"))?;
        ensure!(answer["events"] == EVENTS, "not all events were sent: {answer}");
        Ok(Duration::from_micros(answer["us"].as_u64().context("the load did not tell its time")?))
    }

    fn answer(&mut self) -> Result<Value> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            bail!("the load has ended ({}); see load.log in target/bench/work", self.child.wait()?);
        }
        Ok(serde_json::from_str(&line)?)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _already_gone = self.child.wait();
    }
}
