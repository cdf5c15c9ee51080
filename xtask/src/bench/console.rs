//! P-11: what the first visit to the console loads, and how soon the list of 500 retailers can be used, in a real browser
//! that has never been there.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::json;

use super::rig::{LOGIN, PASSWORD, Rig};
use super::rounds::{ROUNDS, Report, median};
use super::{Bench, Name};
use crate::process;
use crate::tools::{Cache, browser, debian};
use crate::ui;

const RETAILERS: usize = 500;
/// The largest page of the list.
const ROWS: usize = 100;

const SOON: Duration = Duration::from_secs(2);
const SMALL: u64 = 300 << 10;

/// Longest run of the script; a round takes about two seconds.
const SCRIPT_LIMIT: Duration = Duration::from_secs(5 * 60);

/// One round, as the script tells it.
#[derive(Debug, Deserialize)]
struct Visit {
    usable_ms: u64,
    search_ms: u64,
    bytes: u64,
}

pub(super) fn run(bench: &Bench) -> Result<Report> {
    let cache = Cache::open()?;
    debian::ready(&cache, &[debian::CHROMIUM])?;
    let modules = browser::ready(&bench.repo, &cache)?;
    let rig = ui::step("start hub, store and agent", |_| Rig::start(bench))?;
    ui::step("make 500 retailers", |step| {
        // The rig has made the first.
        for n in 1..RETAILERS {
            let body = json!({"code": format!("shop-{n}"), "name": format!("Retailer {n:03}"),
                "currency": "EUR", "time_zone": "UTC"});
            rig.api.create("/retailers", &body)?;
            step.tick("");
            if bench.stop.asked() {
                bail!("stopped while making retailers");
            }
        }
        Ok(())
    })?;
    let script = bench.home.join("console.mjs");
    fs::write(&script, include_str!("console.mjs"))?;
    let told = bench.home.join("console.log");
    ui::step("visit the console with a cold cache", |step| {
        let mut node = Command::new("node");
        node.arg(&script)
            .env("GROCERYSYNC_BROWSER_MODULES", &modules)
            .env(debian::CHROMIUM_VARIABLE, debian::chromium()?)
            .env("BENCH_HUB", rig.api.base())
            .env("BENCH_LOGIN", LOGIN)
            .env("BENCH_PASSWORD", PASSWORD)
            .env("BENCH_ROUNDS", ROUNDS.to_string())
            .env("BENCH_ROWS", ROWS.to_string());
        process::logged(step, &mut node, &told, SCRIPT_LIMIT)
    })?;
    let visits = visits(&fs::read_to_string(&told)?)?;
    rig.stop()?;
    Ok(report(&visits))
}

fn visits(told: &str) -> Result<Vec<Visit>> {
    let visits: Vec<Visit> = told
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| {
            serde_json::from_str(line).with_context(|| format!("the script said what nobody knows: {line}"))
        })
        .collect::<Result<_>>()?;
    if visits.len() != ROUNDS {
        bail!("bench {} made {} rounds instead of {ROUNDS}", Name::Console.text(), visits.len());
    }
    Ok(visits)
}

fn report(visits: &[Visit]) -> Report {
    let times = |of: fn(&Visit) -> u64| -> Vec<Duration> {
        visits.iter().map(|visit| Duration::from_millis(of(visit))).collect()
    };
    let (usable, search) = (times(|visit| visit.usable_ms), times(|visit| visit.search_ms));
    let bytes: Vec<u64> = visits.iter().map(|visit| visit.bytes).collect();
    let mut report = Report::default();
    report.durations("from the address to 100 rows of 500 retailers", &usable);
    report.durations("from typing to the one row that matches", &search);
    report.figure("files loaded for it, as compressed", ui::short_size(median(&bytes)));
    report.at_most_time("P-11 table", SOON, median(&usable));
    report.at_most_bytes("P-11 first load", SMALL, median(&bytes));
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_series_count() {
        let line = r#"{"usable_ms":900,"search_ms":300,"bytes":280000}"#;
        let told = format!("a warning of the browser\n{}", format!("{line}\n").repeat(ROUNDS));
        let read = visits(&told).unwrap();
        assert_eq!((read.len(), read[0].usable_ms), (ROUNDS, 900));
        assert!(report(&read).to_table().matches("✓ reached").count() == 2);
        assert!(visits(line).is_err());
        assert!(visits(r#"{"usable_ms":"soon"}"#).is_err());
    }
}
