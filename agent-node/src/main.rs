//! The agent's process: sets up cryptography and the runtime, and leaves the rest to the library.

use std::io::Write as _;
use std::process::ExitCode;

use agent_node::cli::{self, Cli};
use clap::Parser as _;

fn main() -> ExitCode {
    // Twice is harmless: the first one stays.
    let _already = rustls::crypto::ring::default_provider().install_default();
    let cli = Cli::parse();
    let points = std::env::var(actors::failpoint::VARIABLE).unwrap_or_default();
    for point in actors::failpoint::arm_from(&points) {
        // Told before there is a log: whoever set the variable sits at the terminal.
        let _unheard = writeln!(std::io::stderr(), "agent-node: there is no failpoint \"{point}\"");
    }
    match start(cli) {
        Ok(code) => code,
        Err(error) => {
            // With standard error closed there is nobody left to tell.
            let _unheard = writeln!(std::io::stderr(), "agent-node: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(cli: Cli) -> anyhow::Result<ExitCode> {
    #[cfg(windows)]
    if let Some(launch) = cli.launch() {
        agent_node::service::host::run(launch)?;
        return Ok(ExitCode::SUCCESS);
    }
    let runtime = agent_node::runtime()?;
    let code = runtime.block_on(cli::execute(cli, &mut std::io::stdout()))?;
    runtime.shutdown_timeout(agent_node::LEFTOVERS);
    Ok(code)
}
