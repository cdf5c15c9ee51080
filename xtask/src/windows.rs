//! `cargo xtask windows`: builds the agent for Windows and tries it under Wine, against the same scripted hub as the agent's
//! other tests. Not a part of `ci`: the build takes minutes.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::process;
use crate::repo::Repo;
use crate::test;
use crate::tools::{Cache, debian, windows};
use crate::ui;

/// Tell the tests which program to start, and with what. Without them the tests say that they are skipped.
const AGENT_VARIABLE: &str = "GROCERYSYNC_WINDOWS_AGENT";
const WINE_VARIABLE: &str = "GROCERYSYNC_WINE";
const PREFIX_VARIABLE: &str = "WINEPREFIX";

/// A function that Windows has since version 8, and Debian's Wine has not. For Wine only; never packed.
const SHIM: &str = include_str!("windows/bcryptprimitives.c");
/// The first start makes a whole Windows.
const BOOT_LIMIT: Duration = Duration::from_secs(5 * 60);

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Only let the compiler look at it: for who changes what Windows alone compiles.
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(repo: &Repo, options: &Options) -> Result<()> {
    let cache = Cache::open()?;
    windows::ready(&cache)?;
    if options.check {
        let words = ["clippy", "--package", "agent-node", "--package", "agent-reader", "--target"];
        let rest = [windows::TARGET, "--", "-D", "warnings"];
        return process::stream(process::cargo(repo).args(words).args(rest));
    }
    debian::ready(&cache, &[debian::WINE])?;
    let wine = debian::find_wine().context("Wine was installed and is not where it should be")?;
    ui::say("… building the agent for Windows");
    process::stream(process::cargo(repo).args([
        "build",
        "--package",
        "agent-node",
        "--target",
        windows::TARGET,
    ]))?;
    let program = windows::program(repo, "debug");
    shim(&program)?;
    let session = Session::open(&cache, wine)?;
    let mut tests = test::only(repo, &cache, "package(agent-node) & test(wine_)")?;
    tests
        .env(AGENT_VARIABLE, &program)
        .env(WINE_VARIABLE, &session.wine)
        .env(PREFIX_VARIABLE, &session.prefix);
    process::stream(&mut tests)
}

/// A Windows that has been started, and ends when this is dropped. Without a process of its own to hold it, each test would
/// start it anew, and what it starts would hold the test's output open.
struct Session {
    wine: PathBuf,
    prefix: PathBuf,
    holder: Child,
}

impl Session {
    fn open(cache: &Cache, wine: PathBuf) -> Result<Self> {
        let prefix = cache.path("wine");
        ui::step("start a Windows (the first time it is made)", |step| {
            let _lock = cache.lock("wine", step)?;
            let mut boot = quiet(&wine, &prefix);
            process::logged(step, boot.args(["wineboot", "--init"]), &cache.log("wine"), BOOT_LIMIT)
        })?;
        let mut holder = quiet(&wine, &prefix);
        // It waits for a command until its input is closed.
        holder.arg("cmd.exe").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let holder = holder.spawn().with_context(|| format!("cannot start {}", wine.display()))?;
        Ok(Self { wine, prefix, holder })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        let mut server = Command::new(self.wine.with_file_name("wineserver64"));
        // Ends every program of this Windows and of no other.
        let _gone = server.arg("-k").env(PREFIX_VARIABLE, &self.prefix).status();
        let _gone = self.holder.wait();
    }
}

/// Wine without its questions: no browser, no .NET, no complaints about a screen that is not there.
fn quiet(wine: &Path, prefix: &Path) -> Command {
    let mut command = Command::new(wine);
    command.env(PREFIX_VARIABLE, prefix).env("WINEDLLOVERRIDES", "mscoree,mshtml=").env("WINEDEBUG", "-all");
    command.env_remove("DISPLAY");
    command
}

/// Puts the missing library beside the program, where it is looked for first.
fn shim(program: &Path) -> Result<()> {
    let source: PathBuf = program.with_file_name("bcryptprimitives.c");
    std::fs::write(&source, SHIM)?;
    let mut compiler = Command::new("x86_64-w64-mingw32-gcc");
    compiler
        .args(["-shared", "-o"])
        .arg(program.with_file_name("bcryptprimitives.dll"))
        .arg(&source)
        .arg("-ladvapi32");
    process::capture(&mut compiler).map(|_| ())
}
