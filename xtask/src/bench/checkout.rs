//! P-2: sales finished by one store edge with five tills and full sync, against a bare loop that commits the same rows on
//! one thread, a transaction a sale. At the store's own functions, through the HTTP interface, and the interface's
//! slowest hundredth at half of that load. All three are driven by the edge's example `checkout_load`.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::rounds::{Duel, Report, median};
use super::{Bench, rss};
use crate::process;
use crate::stage::free_port;
use crate::ui;

/// Long enough that starting does not count, short enough for a dozen rounds on a slow disk.
const SALES: u64 = 4_000;
const STORE_WANTED: u64 = 150;
const HTTP_WANTED: u64 = 60;
const P99_WANTED: Duration = Duration::from_millis(25);
const MEMORY_LIMIT: u64 = 40 << 20;

pub(super) fn run(bench: &Bench) -> Result<Report> {
    ui::say("… building the edge and its load (release)");
    let mut cargo = process::cargo(&bench.repo);
    process::stream(cargo.args([
        "build",
        "--release",
        "--package",
        "edge-node",
        "--bin",
        "edge-node",
        "--example",
        "checkout_load",
    ]))?;
    let load =
        Load { program: bench.repo.binary("release", "examples/checkout_load"), home: bench.home.clone() };
    let mut report = Report::default();
    let mut folders = 0;
    let mut fresh = || {
        folders += 1;
        bench.home.join(format!("sales-{folders}"))
    };
    ui::say("at the store");
    let duel = Duel::run(|| load.alone("store", &fresh()), || load.alone("bare", &load.home.join("bare")))?;
    report.durations("store, five tills, 4,000 sales", &duel.subject);
    report.durations("bare loop, 4,000 sales", &duel.reference);
    report.at_least("P-2 store", STORE_WANTED, duel.speed_percent());

    ui::say("through the interface");
    let edge = Edge::start(bench)?;
    edge.ready()?;
    report.figure("edge, resident before the first sale", ui::short_size(rss::resident(edge.child.id())?));
    report.at_most_bytes("P-12 edge", MEMORY_LIMIT, rss::resident(edge.child.id())?);
    let duel =
        Duel::run(|| Ok(load.http(&edge.url, SALES, 0)?.0), || load.alone("bare", &load.home.join("bare")))?;
    report.durations("HTTP, five tills, 4,000 sales", &duel.subject);
    report.at_least("P-2 HTTP", HTTP_WANTED, duel.speed_percent());

    let whole = median(&duel.subject).as_secs_f64();
    let half = (SALES * 1_000).checked_div((whole * 2_000.0) as u64).unwrap_or(1).max(1);
    ui::say(&format!("at half of that load: {half} sales a second"));
    let slowest = (0..5).map(|_| Ok(load.http(&edge.url, SALES / 2, half)?.1)).collect::<Result<Vec<_>>>()?;
    report.durations("HTTP at half load, 99 of 100 within", &slowest);
    report.at_most_time("P-2 p99", P99_WANTED, median(&slowest));
    edge.stop()?;
    Ok(report)
}

struct Load {
    program: PathBuf,
    home: PathBuf,
}

impl Load {
    /// In an empty folder of its own; the time is the program's, without its start.
    fn alone(&self, way: &str, folder: &std::path::Path) -> Result<Duration> {
        if folder.exists() {
            std::fs::remove_dir_all(folder)?;
        }
        let mut command = Command::new(&self.program);
        command.args([way, "--sales", &SALES.to_string(), "--folder"]).arg(folder);
        Ok(self.run(&mut command)?.0)
    }

    fn http(&self, edge: &str, sales: u64, pace: u64) -> Result<(Duration, Duration)> {
        let mut command = Command::new(&self.program);
        command.args(["http", "--sales", &sales.to_string(), "--edge", edge, "--pace", &pace.to_string()]);
        self.run(&mut command)
    }

    /// The whole time, and that of the slowest hundredth.
    fn run(&self, command: &mut Command) -> Result<(Duration, Duration)> {
        let answer: Value =
            serde_json::from_str(&process::capture(command)?).context("the load's answer is not JSON")?;
        let time = |name: &str| {
            answer[name]
                .as_u64()
                .map(Duration::from_micros)
                .with_context(|| format!("the load did not tell {name}"))
        };
        Ok((time("us")?, time("p99_us")?))
    }
}

/// An edge of its own, without a hub.
struct Edge {
    child: std::process::Child,
    url: String,
}

impl Edge {
    fn start(bench: &Bench) -> Result<Self> {
        let port = free_port(None)?;
        let child = Command::new(bench.repo.binary("release", "edge-node"))
            .args(["run", "--sample-catalogue", "--stop-on-stdin-close", "--log", "warn"])
            .args(["--listen", &format!("127.0.0.1:{port}"), "--data-dir"])
            .arg(bench.home.join("edge"))
            .stdin(Stdio::piped())
            .spawn()
            .context("the edge cannot be started")?;
        Ok(Self { child, url: format!("http://127.0.0.1:{port}") })
    }

    fn ready(&self) -> Result<()> {
        let began = Instant::now();
        while ureq::get(format!("{}/health", self.url)).call().is_err() {
            if began.elapsed() > Duration::from_secs(20) {
                bail!("the edge does not answer");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn stop(mut self) -> Result<()> {
        drop(self.child.stdin.take());
        self.child.wait().context("the edge did not stop")?;
        Ok(())
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        // After `stop` it is gone already.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}
