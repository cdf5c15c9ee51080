//! `cargo xtask test`: brings what the tests need, builds console and programs, runs every test.
//! The runner's own summary is the last thing printed.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::process;
use crate::repo::Repo;
use crate::tools::crates::NEXTEST;
use crate::tools::{Cache, TestTools, debian};
use crate::ui;
use crate::web;

#[derive(Debug, Default, clap::Args)]
pub(crate) struct Options {
    /// Only tests whose names match this filter expression of nextest, or contain this text.
    #[arg(long)]
    filter: Option<String>,
    /// Only tests of this crate; may be given several times.
    #[arg(long, short)]
    package: Vec<String>,
    /// All failures at once and every test named, as in continuous integration.
    #[arg(long)]
    ci: bool,
}

impl Options {
    /// Everything, as continuous integration runs it.
    pub(crate) fn everything() -> Self {
        Self { ci: true, ..Self::default() }
    }
}

pub(crate) fn run(repo: &Repo, options: &Options) -> Result<()> {
    let cache = Cache::open()?;
    let tools = TestTools::ready(repo, &cache)?;
    web::build(repo, web::Mode::Release)?;
    build(repo)?;
    let mut runner = runner(repo, &cache, options);
    runner.envs(tools.environment());
    process::stream(&mut runner)
}

/// A command that runs the tests of a filter expression and nothing else; the caller tells them their surroundings.
pub(crate) fn only(repo: &Repo, cache: &Cache, expression: &str) -> Result<Command> {
    let options = Options { filter: Some(expression.to_owned()), ci: true, ..Options::default() };
    web::build(repo, web::Mode::Release)?;
    build(repo)?;
    Ok(runner(repo, cache, &options))
}

/// Builds all programs and tests in one go. Building the tests along makes cargo choose the same
/// features for the programs as the runner will, so that nothing is compiled twice; and integration
/// tests of one crate find the programs of the others.
pub(crate) fn build(repo: &Repo) -> Result<()> {
    // One of the programs is linked with it; what is built for the demo is not.
    debian::ready(&Cache::open()?, &[debian::ODBC])?;
    ui::say("… building programs and tests");
    let mut cargo = process::cargo(repo);
    cargo.args(["build", "--workspace", "--bins", "--lib", "--tests"]);
    process::stream(&mut cargo)
}

fn runner(repo: &Repo, cache: &Cache, options: &Options) -> Command {
    let mut command = process::cargo(repo);
    match nextest(cache) {
        Ok(Some(program)) => {
            // Called as cargo would call it, so that a copy in the cache serves as well.
            let mut direct = process::builder(repo, program);
            direct.env("CARGO", command.get_program());
            direct.args(["nextest", "run", "--workspace", "--no-tests=fail"]);
            if options.ci {
                direct.args(["--profile", "ci"]);
            }
            if let Some(expression) = expression(options) {
                direct.args(["-E", &expression]);
            }
            // Whoever names tests means those.
            if options.filter.is_some() {
                direct.arg("--ignore-default-filter");
            }
            command = direct;
        }
        Ok(None) | Err(_) => {
            ui::say(
                "! cargo-nextest cannot be had here; `cargo test` runs the tests instead, without its time limits",
            );
            command.arg("test");
            if options.package.is_empty() {
                command.arg("--workspace");
            }
            if options.ci {
                command.arg("--no-fail-fast");
            }
            for package in &options.package {
                command.args(["--package", package]);
            }
            command.args(&options.filter);
            if options.filter.is_none() {
                command.args(["--", "--skip", "wine::"]);
            }
        }
    }
    command
}

/// The choice of tests as nextest's filter expression. Crates are chosen here and not when building,
/// for a part of the workspace would be built with other features, and then all of it twice.
fn expression(options: &Options) -> Option<String> {
    let mut parts = Vec::new();
    if !options.package.is_empty() {
        let crates: Vec<String> = options.package.iter().map(|name| format!("package(={name})")).collect();
        parts.push(format!("({})", crates.join(" | ")));
    }
    if let Some(filter) = &options.filter {
        parts.push(if filter.contains('(') { format!("({filter})") } else { format!("test({filter})") });
    }
    (!parts.is_empty()).then(|| parts.join(" & "))
}

/// The test runner: on the path, in the cache, or installed now.
fn nextest(cache: &Cache) -> Result<Option<PathBuf>> {
    if let Some(found) = process::find_program(&[NEXTEST.binary], &[]) {
        return Ok(Some(found));
    }
    match NEXTEST.install(cache) {
        Ok(installed) => Ok(Some(installed)),
        Err(failure) => {
            ui::say(&format!("{failure:#}"));
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_choice_of_tests_becomes_one_expression() {
        let choice = |filter: Option<&str>, package: &[&str]| {
            expression(&Options {
                filter: filter.map(str::to_owned),
                package: package.iter().map(|&name| name.to_owned()).collect(),
                ci: false,
            })
        };
        assert_eq!(choice(None, &[]), None);
        assert_eq!(choice(Some("crash"), &[]).unwrap(), "test(crash)");
        assert_eq!(
            choice(Some("test(a) | test(b)"), &["actors", "hub-node"]).unwrap(),
            "(package(=actors) | package(=hub-node)) & (test(a) | test(b))"
        );
    }
}
