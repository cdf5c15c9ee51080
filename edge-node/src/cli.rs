//! The command line: `edge-node run | enrol | simulate`. Flags stand over the environment, that over the file.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use messages::Secret;
use tokio::io::AsyncReadExt as _;

use crate::config::{Config, ConfigError, DEFAULT_DATA_DIR, Given};
use crate::line::Dialer;
use crate::simulate::{self, SimulateError, Wish};
use crate::{EdgeError, enrol, telemetry};

/// The GrocerySync store edge: tills sell against it, online or not.
#[derive(Debug, Parser)]
#[command(name = "edge-node", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the edge until it is told to stop
    Run {
        #[command(flatten)]
        place: Place,
        /// Stop when standard input is closed: for whoever starts the edge as a child
        #[arg(long, env = "GROCERYSYNC_EDGE_STOP_ON_STDIN_CLOSE")]
        stop_on_stdin_close: bool,
    },
    /// Swap a token from the console for this edge's own identity
    Enrol {
        #[command(flatten)]
        place: Place,
        /// The token that the console shows
        #[arg(long, env = "GROCERYSYNC_EDGE_TOKEN", hide_env_values = true, value_parser = secret)]
        token: Secret,
        /// Replace an identity that this machine has already
        #[arg(long)]
        force: bool,
    },
    /// Sell like some real tills against a running edge, and check at the end that nothing is missing
    Simulate {
        #[command(flatten)]
        wish: Wish,
        /// Close the tills when standard input is closed
        #[arg(long)]
        stop_on_stdin_close: bool,
    },
}

#[derive(Debug, Args)]
struct Place {
    /// Where the edge keeps its identity and what it must not lose
    #[arg(long, env = "GROCERYSYNC_EDGE_DATA_DIR", default_value = DEFAULT_DATA_DIR, value_name = "DIR")]
    data_dir: PathBuf,
    /// Settings in TOML [default: edge.toml in the data folder, if it is there]
    #[arg(long, env = "GROCERYSYNC_EDGE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    given: Box<Given>,
}

fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text.trim()))
}

impl Place {
    fn resolve(self) -> Result<Config, ConfigError> {
        let below = Given::from_file(self.config.as_deref(), &self.data_dir)?;
        self.given.over(below).resolve(self.data_dir)
    }
}

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("hub: name the hub with --hub, such as --hub https://hub.example")]
    NoHub,
    #[error("{0}")]
    Trust(String),
    #[error(transparent)]
    Enrol(#[from] enrol::EnrolError),
    #[error(transparent)]
    Edge(#[from] EdgeError),
    #[error(transparent)]
    Simulate(#[from] SimulateError),
    #[error("the result could not be written: {0}")]
    Output(#[from] std::io::Error),
}

/// Does what the command line says; `out` is for the results that people read.
pub async fn execute(cli: Cli, out: &mut (dyn Write + Send)) -> Result<ExitCode, CliError> {
    match cli.command {
        Command::Run { place, stop_on_stdin_close } => {
            let config = place.resolve()?;
            telemetry::init(&config.log);
            let shutdown = told_to_stop(stop_on_stdin_close)?;
            Box::pin(crate::run(config, shutdown)).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Enrol { place, token, force } => {
            let config = place.resolve()?;
            let hub = config.hub.clone().ok_or(CliError::NoHub)?;
            let dialer = Dialer::new(config.ca_file.as_deref()).map_err(CliError::Trust)?;
            let device = crate::device_of(&config).await?;
            let grant = enrol::enrol(&config.data_dir, (dialer, hub), device, token, force).await?;
            let folder = config.data_dir.display();
            writeln!(
                out,
                "enrolled for \"{}\"; start it with: edge-node run --data-dir {folder}",
                grant.store_name
            )?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Simulate { wish, stop_on_stdin_close } => {
            let shutdown = told_to_stop(stop_on_stdin_close)?;
            let report = simulate::run(wish, shutdown, out).await?;
            Ok(if report.agrees() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}

/// Listens from now on for whatever ends the program.
fn told_to_stop(on_stdin_close: bool) -> std::io::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    #[cfg(unix)]
    let mut interrupt = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())?;
    Ok(async move {
        #[cfg(unix)]
        let signal = async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        #[cfg(not(unix))]
        let signal = async {
            // Without a way to listen, only a closed standard input ends it.
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = signal => {}
            () = stdin_closed(), if on_stdin_close => {}
        }
    })
}

async fn stdin_closed() {
    let mut stdin = tokio::io::stdin();
    let mut ignored = [0; 64];
    while stdin.read(&mut ignored).await.is_ok_and(|read| read > 0) {}
}
