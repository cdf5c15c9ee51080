//! The command line: `agent-node enrol | run | check | service`. Flags stand over the environment, that over the file.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
#[cfg(unix)]
use std::sync::Arc;

use clap::{Args, Parser, Subcommand};
use messages::Secret;
use tokio::io::AsyncReadExt as _;

use crate::config::{Config, ConfigError, Given};
use crate::net::{Dialer, NetError};
use crate::service::{self, Seat, ServiceCommand, ServiceError};
use crate::{AgentError, check, enrol, telemetry};

/// The GrocerySync agent: reads the point of sale, writes to the shop platform, reports to the hub.
#[derive(Debug, Parser)]
#[command(name = "agent-node", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Swap a token from the console for this agent's own identity
    Enrol {
        #[command(flatten)]
        place: Place,
        /// The token that the console shows
        #[arg(long, env = "GROCERYSYNC_AGENT_TOKEN", hide_env_values = true, value_parser = secret)]
        token: Secret,
        /// Replace an identity that this machine has already
        #[arg(long)]
        force: bool,
    },
    /// Run the agent until it is told to stop
    Run {
        #[command(flatten)]
        place: Place,
        /// Stop when standard input is closed: for whoever starts the agent as a child
        #[arg(long, env = "GROCERYSYNC_AGENT_STOP_ON_STDIN_CLOSE")]
        stop_on_stdin_close: bool,
    },
    /// Test whether everything is in place, and say what to do where it is not
    Check {
        #[command(flatten)]
        place: Place,
        /// Try the source of a job too: a file with `source` and `source_credentials` as the hub takes them
        #[arg(long, value_name = "FILE")]
        source: Option<PathBuf>,
    },
    /// The agent as a service of the system
    #[command(subcommand)]
    Service(ServiceCommand),
}

#[derive(Debug, Args)]
struct Place {
    #[command(flatten)]
    seat: Seat,
    #[command(flatten)]
    given: Given,
}

pub(crate) fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text.trim()))
}

impl Place {
    fn resolve(self) -> Result<Config, ConfigError> {
        let Seat { data_dir, config } = self.seat;
        let below = Given::from_file(config.as_deref(), &data_dir)?;
        self.given.over(below).resolve(data_dir)
    }
}

#[cfg(windows)]
impl Cli {
    /// What Windows' manager of services wants to be run. It wants the process's first thread, and gives another one.
    #[must_use]
    pub fn launch(&self) -> Option<service::host::Launch> {
        match &self.command {
            Command::Service(command) => command.launch(),
            _ => None,
        }
    }
}

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("hub: name the hub with --hub, such as --hub https://hub.example")]
    NoHub,
    #[error(transparent)]
    Net(#[from] NetError),
    #[error(transparent)]
    Enrol(#[from] enrol::EnrolError),
    #[error(transparent)]
    Agent(#[from] AgentError),
    #[error(transparent)]
    Service(#[from] ServiceError),
    #[error("the result could not be written: {0}")]
    Output(#[from] std::io::Error),
}

/// Does what the command line says; `out` is for the results that people read.
pub async fn execute(cli: Cli, out: &mut (dyn Write + Send)) -> Result<ExitCode, CliError> {
    match cli.command {
        Command::Enrol { place, token, force } => {
            let config = place.resolve()?;
            let [hub, ..] = config.hubs.as_slice() else {
                return Err(CliError::NoHub);
            };
            let dialer = Dialer::new(config.ca_file.as_ref(), config.proxy.clone())?;
            let grant = enrol::enrol(&config.data_dir, hub, token, &dialer, force).await?;
            writeln!(
                out,
                "enrolled as \"{}\" of {}; start it with: agent-node run --data-dir {}",
                grant.agent_name,
                grant.retailer_name,
                config.data_dir.display()
            )?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Run { place, stop_on_stdin_close } => {
            let config = place.resolve()?;
            telemetry::init(&config.log);
            let stop = told_to_stop(stop_on_stdin_close)?;
            #[cfg(unix)]
            if let Some(systemd) = service::notify::Notifier::from_environment().map(Arc::new) {
                let _watchdog = systemd.watch();
                crate::run_under(config, stop, systemd.as_ref()).await?;
                return Ok(ExitCode::SUCCESS);
            }
            crate::run(config, stop).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Check { place, source } => {
            let config = place.resolve()?;
            let all_well = check::check(&config, source.as_deref(), out).await?;
            Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Command::Service(command) => Ok(service::execute(command, out).await?),
    }
}

/// Listens from now on for whatever ends the daemon.
fn told_to_stop(on_stdin_close: bool) -> std::io::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    #[cfg(unix)]
    let mut interrupt = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())?;
    #[cfg(windows)]
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    #[cfg(windows)]
    let mut terminate = tokio::signal::windows::ctrl_break()?;
    #[cfg(windows)]
    let mut closed = tokio::signal::windows::ctrl_close()?;
    Ok(async move {
        #[cfg(unix)]
        let signal = async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        #[cfg(windows)]
        let signal = async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = closed.recv() => {}
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
