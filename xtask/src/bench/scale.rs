//! CLU-4: three hub nodes with 10,000 retailers, an agent's socket each, and 1,000 consoles: what it takes, and how soon
//! all are back when one node's sockets break at once. The crowd is `hub-node/examples/crowd_sockets`.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::cluster::{self, Node};
use super::rig::{LOGIN, PASSWORD};
use super::rounds::Report;
use super::{Bench, rss};
use crate::stage::cluster as shared_store;
use crate::ui;

const NODES: usize = 3;
const RETAILERS: usize = 10_000;
const CONSOLES: usize = 1_000;
/// Some heartbeats of each agent.
const HOLD_S: u32 = 45;
/// What the operations page tells people to give a node of this size, with half of it to spare.
const MEMORY: u64 = 384 << 20;

pub(super) fn run(bench: &Bench) -> Result<Report> {
    let mut report = Report::default();
    let (store, shared) =
        ui::step("start the database", |_| shared_store::start(&bench.store, &bench.home, &bench.stop))?;
    let nodes = (0..NODES)
        .map(|number| ui::step(&format!("start node {number}"), |_| cluster::node(bench, &shared, number)))
        .collect::<Result<Vec<Node>>>()?;
    ui::step("wait for even shares", |_| cluster::even(bench, &nodes[0].api, NODES))?;
    let program = bench.hub.with_file_name("examples").join("crowd_sockets");
    let mut crowd = Crowd::start(&program, &nodes, &bench.home)?;
    for step in [
        "10,000 retailers made, their agents enrolled",
        "10,000 agents connected",
        "1,000 consoles shown their pages",
        "all sockets open after a while",
        "a node's sockets back after all broke at once",
        "all sockets open in the end",
    ] {
        let wave = ui::step(step, |_| crowd.step())?;
        report.figure(step, told(&wave));
        for (what, count) in wave["troubles"].as_object().into_iter().flatten() {
            ui::say(&format!("    {count} × {what}"));
        }
        if wave["ready"] != wave["wanted"] {
            bail!("{step}: only {} of {}", wave["ready"], wave["wanted"]);
        }
        if wave["step"] == "held" {
            memory(bench, &nodes, &mut report)?;
        }
        crowd.go_on()?;
    }
    for node in nodes {
        node.service.stop()?;
    }
    store.stop()?;
    Ok(report)
}

fn memory(bench: &Bench, nodes: &[Node], report: &mut Report) -> Result<()> {
    let pids: Vec<u32> = nodes.iter().map(|node| node.service.id()).collect();
    let held = ui::step("wait until the memory settles", |_| rss::settle(&bench.stop, &pids))?;
    for (number, &bytes) in held.iter().enumerate() {
        report.figure(format!("node {number}, resident"), ui::short_size(bytes));
    }
    let most = held.iter().copied().max().unwrap_or_default();
    report.at_most_bytes("CLU-4 memory of a node", MEMORY, most);
    Ok(())
}

/// `10000 in 12.3 s`, with the median when there is one.
fn told(wave: &Value) -> String {
    let time = |field: &str| {
        let millis = wave[field].as_u64().unwrap_or_default();
        ui::short_time(std::time::Duration::from_millis(millis))
    };
    let half = if wave["half_ms"] == 0 { String::new() } else { format!(", half in {}", time("half_ms")) };
    format!("{} in {}{half}", wave["ready"], time("took_ms"))
}

/// The program with all the sockets. It dies with this one, whose end closes its input.
struct Crowd {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Crowd {
    fn start(program: &Path, nodes: &[Node], home: &Path) -> Result<Self> {
        let mut command = Command::new(program);
        for node in nodes {
            command.args(["--hub", &node.address]);
        }
        command.args(["--login", LOGIN, "--password", PASSWORD]);
        command.args(["--retailers", &RETAILERS.to_string(), "--consoles", &CONSOLES.to_string()]);
        command.args(["--hold-s", &HOLD_S.to_string()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(File::create(home.join("crowd.log"))?);
        let mut child = command.spawn().context("the crowd cannot be started")?;
        let input = child.stdin.take().context("the crowd has no input")?;
        let output = BufReader::new(child.stdout.take().context("the crowd has no output")?);
        Ok(Self { child, input, output })
    }

    /// Waits for the end of its step.
    fn step(&mut self) -> Result<Value> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            bail!("the crowd has ended ({}); see crowd.log in target/bench/work", self.child.wait()?);
        }
        Ok(serde_json::from_str(&line)?)
    }

    fn go_on(&mut self) -> Result<()> {
        self.input.write_all(b"\n").context("the crowd is gone")
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _already_gone = self.child.wait();
    }
}
