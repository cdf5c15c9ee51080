//! `cargo xtask ci`: everything that must hold before a change lands, cheap checks first, tests last,
//! so that the runner's summary ends the output. Steps share one target directory.

use std::io::IsTerminal;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::process;
use crate::repo::Repo;
use crate::test;
use crate::tidy;
use crate::tools::crates::DENY;
use crate::tools::{Cache, debian, wasm};
use crate::ui;
use crate::web;

/// Longest wait for the list of advisories; a firewall may swallow the attempt without an answer.
const FETCH_LIMIT: Duration = Duration::from_secs(90);

/// One check and how it is called.
type Check = (&'static str, fn(&Repo) -> Result<()>);

/// In order of what they cost. The console comes before the compiler looks at the hub, which embeds it.
const CHECKS: &[Check] = &[
    ("format", format),
    ("tidy", tidy::run),
    ("system packages", packages),
    ("console", |repo| web::build(repo, web::Mode::Release)),
    ("clippy", clippy),
    ("clippy, console as wasm", clippy_wasm),
    ("messages alone as wasm", messages_wasm),
    ("documentation", doc),
    ("licences, bans, sources", deny),
];

pub(crate) fn run(repo: &Repo) -> Result<()> {
    let begun = Instant::now();
    let mut times: Vec<(&str, Duration)> = Vec::new();
    for (name, check) in CHECKS {
        ui::heading(name);
        let started = Instant::now();
        check(repo).with_context(|| format!("{name}: failed after {}", ui::short_time(started.elapsed())))?;
        times.push((name, started.elapsed()));
    }
    let mut rows: Vec<Vec<String>> =
        times.iter().map(|(name, time)| vec![(*name).to_owned(), ui::short_time(*time)]).collect();
    rows.push(vec!["before the tests".to_owned(), ui::short_time(begun.elapsed())]);
    ui::heading("times");
    ui::say(ui::table(&["check", "time"], &rows).trim_end());
    ui::heading("tests");
    test::run(repo, &test::Options::everything())
}

fn cargo(repo: &Repo, words: &[&str]) -> Command {
    let mut command = process::cargo(repo);
    command.args(words);
    command
}

fn format(repo: &Repo) -> Result<()> {
    let color = if std::io::stdout().is_terminal() { "always" } else { "never" };
    process::stream(&mut cargo(repo, &["fmt", "--all", "--", "--check", "--color", color]))
        .context("the code is not formatted; run `cargo fmt --all`")
}

/// What compiling the workspace needs from the system.
fn packages(_repo: &Repo) -> Result<()> {
    let cache = Cache::open()?;
    debian::ready(&cache, &[debian::C_COMPILER, debian::CMAKE])?;
    wasm::ready(&cache)
}

fn clippy(repo: &Repo) -> Result<()> {
    process::stream(&mut cargo(repo, &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
}

fn clippy_wasm(repo: &Repo) -> Result<()> {
    let words = ["clippy", "--package", "frontend-yew", "--target", wasm::TARGET, "--", "-D", "warnings"];
    process::stream(&mut cargo(repo, &words))
}

/// The leaf crate must stay usable in a browser whatever the console switches on.
fn messages_wasm(repo: &Repo) -> Result<()> {
    process::stream(&mut cargo(repo, &["check", "--package", "messages", "--target", wasm::TARGET]))
}

fn doc(repo: &Repo) -> Result<()> {
    process::stream(
        cargo(repo, &["doc", "--no-deps", "--workspace", "--document-private-items"])
            .env("RUSTDOCFLAGS", "-D warnings"),
    )
}

/// Advisories need a database from the network; where that cannot be reached, the rest still counts.
fn deny(repo: &Repo) -> Result<()> {
    let cache = Cache::open()?;
    let program = DENY.install(&cache).with_context(|| format!("try `{}`", DENY.by_hand()))?;
    let run = |checks: &[&str]| {
        let mut command = Command::new(&program);
        command.current_dir(&repo.root).stdin(std::process::Stdio::null());
        command.args(["--log-level", "error", "check", "--hide-inclusion-graph"]).args(checks);
        command
    };
    process::stream(&mut run(&["licenses", "bans", "sources"]))?;
    let mut fetch = Command::new(&program);
    fetch.current_dir(&repo.root).env("GIT_TERMINAL_PROMPT", "0").args(["fetch", "db"]);
    let fetched = ui::step("fetch the advisories", |step| {
        let outcome = process::logged(step, &mut fetch, &cache.log("advisories"), FETCH_LIMIT);
        step.result(if outcome.is_ok() { "" } else { "not reachable" });
        Ok(outcome)
    })?;
    match fetched {
        Ok(()) => process::stream(&mut run(&["--disable-fetch", "advisories"])),
        Err(_) => {
            ui::say("! advisories were not checked: their database cannot be reached from here");
            Ok(())
        }
    }
}
