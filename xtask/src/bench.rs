//! `cargo xtask bench <name>`: one measurement each, against a reference that runs in the same minutes on
//! the same machine, turn by turn. Prints a table and writes `target/bench/<name>.json`.
//! A bench is no test: a bar that is missed is said so and nothing fails.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::process;
use crate::repo::Repo;
use crate::stage::StopRequest;
use crate::tools::{Cache, debian, store};
use crate::ui;
use crate::web;

mod backlog;
mod checkout;
mod cluster;
mod console;
mod crowd;
mod csv;
mod idle;
mod ingest;
mod rig;
mod rounds;
mod rss;
mod scale;
mod sftp;

use rounds::Report;

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Name {
    /// ten days of sales drained from a store edge while its tills sell.
    Backlog,
    /// P-12: memory of an idle hub and an idle agent.
    Idle,
    /// P-11: the first visit to the console, with 500 retailers.
    Console,
    /// P-2: sales finished by a store edge with five tills, against a bare loop on the same database.
    Checkout,
    /// P-7, P-8, P-9: three hub nodes: the cost of asking the wrong one, and of losing one.
    Cluster,
    /// P-10: one hub with 10,000 retailers at work.
    Crowd,
    /// P-6: a million CSV items to a local file, against Python's csv module.
    Csv,
    /// P-1: events of store edges taken in by one hub, against the database's own driver; HTTP and gRPC side by side.
    Ingest,
    /// CLU-4: three hub nodes with 10,000 agents and 1,000 consoles.
    Scale,
    /// P-5: 200 MB to an SFTP server, against OpenSSH's client.
    Sftp,
}

impl Name {
    fn text(self) -> &'static str {
        match self {
            Self::Backlog => "backlog",
            Self::Idle => "idle",
            Self::Console => "console",
            Self::Checkout => "checkout",
            Self::Cluster => "cluster",
            Self::Crowd => "crowd",
            Self::Csv => "csv",
            Self::Ingest => "ingest",
            Self::Scale => "scale",
            Self::Sftp => "sftp",
        }
    }

    /// Whether hub and agent run in it.
    fn needs_the_system(self) -> bool {
        !matches!(self, Self::Checkout | Self::Sftp)
    }
}

/// What every bench works with.
struct Bench {
    stop: StopRequest,
    /// An empty folder of its own.
    home: PathBuf,
    hub: PathBuf,
    agent: PathBuf,
    store: PathBuf,
    repo: Repo,
}

pub(crate) fn run(repo: &Repo, name: Name) -> Result<()> {
    let stop = StopRequest::listen()?;
    let cache = Cache::open()?;
    debian::ready(&cache, &[debian::C_COMPILER, debian::CMAKE, debian::ZLIB, debian::SSHD])?;
    let store = store::ready(&cache)?;
    let results = repo.root.join("target").join("bench");
    let home = results.join("work");
    if home.exists() {
        std::fs::remove_dir_all(&home).with_context(|| format!("cannot empty {}", home.display()))?;
    }
    std::fs::create_dir_all(&home)?;
    if name.needs_the_system() {
        web::build(repo, web::Mode::Release)?;
        ui::say("… building hub and agent (release)");
        let mut cargo = process::cargo(repo);
        cargo.args(["build", "--release", "--package", "hub-node", "--package", "agent-node", "--bins"]);
        match name {
            Name::Scale => drop(cargo.args(["--example", "crowd_sockets"])),
            Name::Ingest => drop(cargo.args(["--example", "ingest_load"])),
            _ => {}
        }
        process::stream(&mut cargo)?;
    }
    let bench = Bench {
        stop,
        home: home.clone(),
        hub: repo.binary("release", "hub-node"),
        agent: repo.binary("release", "agent-node"),
        store,
        repo: repo.clone(),
    };
    let report = match name {
        Name::Backlog => backlog::run(&bench)?,
        Name::Idle => idle::run(&bench)?,
        Name::Console => console::run(&bench)?,
        Name::Checkout => checkout::run(&bench)?,
        Name::Cluster => cluster::run(&bench)?,
        Name::Crowd => crowd::run(&bench)?,
        Name::Csv => csv::run(&bench)?,
        Name::Ingest => ingest::run(&bench)?,
        Name::Scale => scale::run(&bench)?,
        Name::Sftp => sftp::run(&bench)?,
    };
    std::fs::remove_dir_all(&home)?;
    publish(repo, name, &report, &results)
}

/// Shows the report and keeps it with what it was measured on.
fn publish(repo: &Repo, name: Name, report: &Report, results: &std::path::Path) -> Result<()> {
    ui::say("");
    ui::say(report.to_table().trim_end());
    let compiler = process::capture(Command::new("rustc").current_dir(&repo.root).arg("-V"))?;
    let commit = process::capture(Command::new("git").current_dir(&repo.root).args(["rev-parse", "HEAD"]));
    let document = serde_json::json!({
        "bench": name.text(),
        "commit": commit.ok().map(|text| text.trim().to_owned()),
        "compiler": compiler.trim(),
        "cpus": std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        "report": report,
    });
    let file = results.join(format!("{}.json", name.text()));
    std::fs::write(&file, serde_json::to_vec_pretty(&document)?)
        .with_context(|| format!("cannot write {}", file.display()))?;
    ui::say(&format!("written to target/bench/{}.json", name.text()));
    Ok(())
}
