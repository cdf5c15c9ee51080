//! The edge's own log, on standard error: who starts the edge keeps it.

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Libraries through which credentials pass.
const SECRETIVE: [&str; 5] = ["h2", "hyper", "rustls", "tonic", "tower"];

/// Reads a filter; the error says what is wrong with it.
pub fn parse(filter: &str) -> Result<Targets, String> {
    let parsed: Targets = filter.parse().map_err(|error| {
        format!("\"{filter}\" is no filter such as info or info,edge_node::relay=debug: {error}")
    })?;
    // A lone word that is no level would be taken for the name of a part that is wanted in full.
    let unknown = filter
        .split(',')
        .find(|part| !part.contains(['=', ':']) && part.trim().parse::<tracing::Level>().is_err());
    if let Some(part) = unknown {
        return Err(format!("\"{part}\" is no level; use error, warn, info, debug or trace"));
    }
    // These would write down headers at their lowest levels.
    Ok(SECRETIVE.iter().fold(parsed, |filter, part| filter.with_target(*part, tracing::Level::WARN)))
}

/// Starts logging for the process. A second call changes nothing; the filter was checked with the settings.
pub fn init(filter: &str) {
    let filter = parse(filter).unwrap_or_else(|_| Targets::new().with_default(tracing::Level::INFO));
    let lines =
        tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false).with_target(false);
    let _already = tracing_subscriber::registry().with(lines).with(filter).try_init();
}
