//! `cargo xtask roll`: R-7 for two builds. Builds the hub of another revision beside this one, and has the test
//! `process_a_release_is_rolled_out_and_nobody_is_told_of_it` replace it by this one, node by node, under traffic. All other
//! runs of that test replace a build by itself.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::process;
use crate::repo::Repo;
use crate::test;
use crate::tools::{Cache, TestTools};
use crate::ui;

const TEST: &str = "process_a_release_is_rolled_out";
/// Names the program that is replaced to the test.
const FORMER: &str = "GROCERYSYNC_FORMER_HUB";
/// A first build of everything on two cores, and then some.
const LIMIT: Duration = Duration::from_secs(40 * 60);

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The revision that is in use: a tag, a branch or a commit.
    #[arg(long)]
    from: String,
    /// So many times, one after the other.
    #[arg(long, default_value_t = 1)]
    times: u32,
}

pub(crate) fn run(repo: &Repo, options: &Options) -> Result<()> {
    let tools = TestTools::ready(repo, &Cache::open()?)?;
    let former = former(repo, &options.from)?;
    test::build(repo)?;
    for _ in 0..options.times {
        let mut cargo = process::cargo(repo);
        // All crates, so that nothing is built with other features; the name is one test's.
        cargo.args(["test", "--quiet", "--workspace", "--test", "it", TEST, "--", "--nocapture"]);
        process::stream(cargo.envs(tools.environment()).env(FORMER, &former))?;
    }
    Ok(())
}

/// The hub of that revision, built in a checkout of its own.
fn former(repo: &Repo, revision: &str) -> Result<PathBuf> {
    let git = |words: &[&str]| process::capture(Command::new("git").current_dir(&repo.root).args(words));
    let commit = git(&["rev-parse", "--verify", "--end-of-options", &format!("{revision}^{{commit}}")])
        .with_context(|| format!("{revision} is no revision of this repository"))?;
    let commit = commit.trim();
    let home = repo.target.join("roll");
    let (source, build) = (home.join(commit), home.join("build"));
    if !source.join("Cargo.toml").is_file() {
        std::fs::create_dir_all(&home)?;
        git(&["worktree", "prune"])?;
        git(&["worktree", "add", "--detach", "--force", &source.display().to_string(), commit])?;
    }
    // The console is not looked at; without it the hub is built all the same.
    std::fs::create_dir_all(source.join("target/web"))?;
    ui::step(&format!("build the hub of {}", &commit[..commit.len().min(9)]), |step| {
        let mut cargo = process::cargo(repo);
        cargo.current_dir(&source).args([
            "build",
            "--package",
            "hub-node",
            "--bin",
            "hub-node",
            "--target-dir",
        ]);
        process::logged(step, cargo.arg(&build), &home.join("build.log"), LIMIT)
    })?;
    // The next revision is built in the same place.
    let kept = home.join(format!("hub-node-{commit}"));
    std::fs::copy(build.join("debug/hub-node"), &kept)?;
    Ok(kept)
}
