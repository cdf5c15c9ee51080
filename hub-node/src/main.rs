//! The `hub-node` program: arguments, log, signals, exit code.

use std::mem::ManuallyDrop;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use hub_node::config::Config;
use hub_node::{open_files, shutdown, telemetry};

/// The hub of GrocerySync
#[derive(Parser)]
#[command(name = "hub-node", version, about = "The GrocerySync hub")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the hub
    Run(Box<Config>),
}

fn main() -> ExitCode {
    // Two providers are in the build; whoever asks for the default one must find ours.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        return ExitCode::FAILURE;
    }
    let Cli { command: Command::Run(config) } = Cli::parse();
    telemetry::start();
    open_files::raise();
    for point in actors::failpoint::arm_from(&std::env::var(actors::failpoint::VARIABLE).unwrap_or_default())
    {
        tracing::error!(point, "there is no such failpoint");
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "the runtime did not start");
            return ExitCode::FAILURE;
        }
    };
    // Ends with the process and is never taken down: what still runs when everything is stopped has nobody left to run
    // for, a read of standard input cannot be interrupted, and the parts of the database's client that are still busy
    // would panic when they find the others gone.
    let runtime = ManuallyDrop::new(runtime);
    let outcome = runtime.block_on(async {
        let stop = shutdown::on_signal(config.stop_on_stdin_close);
        hub_node::run(*config, stop).await
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = %format!("{:#}", anyhow::Error::new(error)), "the hub cannot run");
            ExitCode::FAILURE
        }
    }
}
