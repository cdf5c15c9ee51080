//! P-6: a million CSV items to a local file by a real agent through a real hub, against a Python program
//! that reads, checks and writes the same rows with the csv module.

use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::rig::Rig;
use super::rounds::{self, Duel, Report};
use super::{Bench, rss};
use crate::demo::goods;
use crate::process;
use crate::ui;

const ROWS: usize = 1_000_000;
const MEMORY_LIMIT: u64 = 64 << 20;

/// Five times as fast, in percent.
const SPEED_WANTED: u64 = 500;

const REFERENCE: &str = include_str!("csv_reference.py");

pub(super) fn run(bench: &Bench) -> Result<Report> {
    let source = bench.home.join("items.csv");
    let broken = ui::step("write a million rows", |step| {
        let (text, broken) = goods::export(goods::PLAIN, ROWS, 12);
        let mut file = BufWriter::new(std::fs::File::create(&source)?);
        file.write_all(text.as_bytes())?;
        file.flush()?;
        step.result(ui::short_size(text.len() as u64));
        Ok(broken)
    })?;
    let script = bench.home.join("reference.py");
    std::fs::write(&script, REFERENCE)?;
    let python = process::find_program(&["python3"], &[]).context("python3 was not found; install it")?;

    let rig = ui::step("start hub, store and agent", |_| Rig::start(bench))?;
    let (ours, theirs) = (bench.home.join("ours.csv"), bench.home.join("theirs.csv"));
    let job =
        rig.job(&json!({"kind": "csv", "path": source}), &json!({"kind": "local_file", "path": ours}), None)?;
    let idle = rss::resident(rig.agent.id())?;
    let agent_before = rss::processor_ticks(rig.agent.id())?;
    let mut python_used = 0;
    let duel = Duel::run(
        || {
            let (time, view) = rig.run(bench, &job)?;
            let (sent, rejected) = (&view["progress"]["sent"], &view["progress"]["rejected"]);
            if *sent != json!(ROWS) || *rejected != json!(broken) {
                bail!("{sent} items were sent and {rejected} rejected instead of {ROWS} and {broken}");
            }
            Ok(time)
        },
        || {
            let before = rss::childrens_ticks()?;
            let time = reference(&python, &script, &source, &theirs)?;
            python_used += rss::childrens_ticks()? - before;
            Ok(time)
        },
    )?;
    let agent_used = rss::processor_ticks(rig.agent.id())? - agent_before;
    let peak = rss::peak(rig.agent.id())?;
    if read(&ours)? != read(&theirs)? {
        bail!("agent and reference wrote different files; they do not do the same work");
    }
    rig.stop()?;

    let mut report = Report::default();
    report.durations("agent through hub", &duel.subject);
    report.durations("Python csv", &duel.reference);
    report.figure("processor time, agent", rounds::each_round(agent_used));
    report.figure("processor time, Python", rounds::each_round(python_used));
    report.figure("agent, resident before", ui::short_size(idle));
    report.figure("agent, peak resident", ui::short_size(peak));
    report.at_least("P-6 speed", SPEED_WANTED, duel.speed_percent());
    report.at_most_bytes("P-6 memory", MEMORY_LIMIT, peak);
    Ok(report)
}

fn reference(python: &Path, script: &Path, source: &Path, target: &Path) -> Result<Duration> {
    let begun = Instant::now();
    process::capture(Command::new(python).arg(script).arg(source).arg(target))?;
    Ok(begun.elapsed())
}

fn read(file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))
}
