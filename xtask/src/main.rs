//! The project's only tool: everything a person or continuous integration does with this checkout
//! is a subcommand here, `cargo xtask help` lists them. It depends on no other crate of the workspace,
//! for it is compiled before all of them.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

mod bench;
mod certs;
mod ci;
mod coverage;
mod demo;
mod digest;
mod dist;
mod faults;
mod process;
mod repo;
mod roll;
mod stage;
mod test;
mod tidy;
mod tools;
mod ui;
mod web;
mod windows;

use repo::Repo;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "Everything one does with this checkout.")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Find or install every outside program that the tests need.
    Setup,
    /// Build the console into target/web.
    Web {
        /// Quick and large: for working on the console.
        #[arg(long)]
        dev: bool,
    },
    /// Check the rules of how this project is written.
    Tidy,
    /// Run all tests.
    Test(test::Options),
    /// Everything that continuous integration checks.
    Ci,
    /// Play hundreds of drawn schedules of faults against a cluster of three hub nodes, or a store edge, under load.
    Faults(faults::Options),
    /// Replace the hub nodes of another revision by this one's, under traffic.
    Roll(roll::Options),
    /// Show how much of each crate its tests run through.
    Coverage(coverage::Options),
    /// Measure one thing against its reference.
    Bench { name: bench::Name },
    /// Run the whole system here with two sample retailers.
    Demo(demo::Options),
    /// Make certificates for the links between hub nodes: ca.pem, hub.pem, hub.key.
    Certs { folder: std::path::PathBuf },
    /// Pack what a customer gets into target/dist.
    Dist(dist::Options),
    /// Build the agent for Windows and try it under Wine.
    Windows(windows::Options),
    /// Run a program that ends when standard input ends.
    #[command(hide = true)]
    Guard {
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match Repo::find().and_then(|repo| run(&repo, arguments.task)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            ui::complain(&failure);
            ExitCode::FAILURE
        }
    }
}

fn run(repo: &Repo, task: Task) -> Result<()> {
    match task {
        Task::Setup => tools::TestTools::ready(repo, &tools::Cache::open()?).map(|tools| tools.tell()),
        Task::Web { dev } => web::build(repo, if dev { web::Mode::Dev } else { web::Mode::Release }),
        Task::Tidy => tidy::run(repo),
        Task::Test(options) => test::run(repo, &options),
        Task::Ci => ci::run(repo),
        Task::Faults(options) => faults::run(repo, &options),
        Task::Roll(options) => roll::run(repo, &options),
        Task::Coverage(options) => coverage::run(repo, &options),
        Task::Bench { name } => bench::run(repo, name),
        Task::Demo(options) => demo::run(repo, &options),
        Task::Certs { folder } => certs::write(&folder),
        Task::Dist(options) => dist::run(repo, &options),
        Task::Windows(options) => windows::run(repo, &options),
        Task::Guard { command } => stage::guard::run(&command),
    }
}
