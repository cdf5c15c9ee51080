//! The edge's process: sets up cryptography and the runtime, and leaves the rest to the library.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use edge_node::cli::{self, Cli};

fn main() -> ExitCode {
    // Twice is harmless: the first one stays.
    let _already = rustls::crypto::ring::default_provider().install_default();
    let cli = Cli::parse();
    let points = std::env::var(actors::failpoint::VARIABLE).unwrap_or_default();
    for point in actors::failpoint::arm_from(&points) {
        // Told before there is a log: whoever set the variable sits at the terminal.
        let _unheard = writeln!(std::io::stderr(), "edge-node: there is no failpoint \"{point}\"");
    }
    match start(cli) {
        Ok(code) => code,
        Err(error) => {
            // With standard error closed there is nobody left to tell.
            let _unheard = writeln!(std::io::stderr(), "edge-node: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(cli: Cli) -> anyhow::Result<ExitCode> {
    // Two threads serve fifty tills; the writer has its own. Readers get threads that go when they are done.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(16)
        .thread_keep_alive(std::time::Duration::from_secs(5))
        .enable_all()
        .build()?;
    let code = runtime.block_on(cli::execute(cli, &mut std::io::stdout()))?;
    // A read of standard input cannot be interrupted and must not hold up the end.
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    Ok(code)
}
