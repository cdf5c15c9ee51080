//! The hub's own log: structured lines on standard error.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

/// Which lines are written, such as `info,hub_node=debug`.
pub const FILTER: &str = "GROCERYSYNC_LOG";
/// `json` for machines; anything else is for people.
pub const FORMAT: &str = "GROCERYSYNC_LOG_FORMAT";

/// Never more than this, whatever is asked for: at finer levels it writes whole messages between nodes, with what is in
/// them. What happens to links is said by `cluster::link`.
const CAP: &str = "ractor_cluster=error";

/// Starts logging. Called once, by `main`.
pub fn start() {
    let filter = EnvFilter::try_from_env(FILTER).unwrap_or_else(|_| EnvFilter::new("info"));
    let filter = CAP.parse().into_iter().fold(filter, EnvFilter::add_directive);
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::env::var(FORMAT).is_ok_and(|format| format == "json") {
        builder.json().flatten_event(true).init();
    } else {
        builder.with_ansi(std::io::stderr().is_terminal()).init();
    }
}
