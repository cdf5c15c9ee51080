//! The agent's own log, on standard error: who starts the agent keeps it. Where nobody does, it goes to a file.

use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Libraries through which credentials pass.
const SECRETIVE: [&str; 6] = ["async_ssh2_tokio", "h2", "hyper", "russh", "rustls", "tungstenite"];

/// Reads a filter; the error says what is wrong with it.
pub fn parse(filter: &str) -> Result<Targets, String> {
    let parsed: Targets = filter.parse().map_err(|error| {
        format!("\"{filter}\" is no filter such as info or info,agent_node::uplink=debug: {error}")
    })?;
    // A lone word that is no level would be taken for the name of a part that is wanted in full.
    let unknown = filter
        .split(',')
        .find(|part| !part.contains(['=', ':']) && part.trim().parse::<tracing::Level>().is_err());
    // These would write down frames and logins at their lowest levels.
    let parsed =
        SECRETIVE.iter().fold(parsed, |filter, part| filter.with_target(*part, tracing::Level::WARN));
    match unknown {
        Some(part) => Err(format!("\"{part}\" is no level; use error, warn, info, debug or trace")),
        None => Ok(parsed),
    }
}

/// Starts logging for the process. A second call changes nothing; the filter was checked with the settings.
pub fn init(filter: &str) {
    init_to(filter, std::io::stderr);
}

/// [`init`], to another place.
pub fn init_to<W>(filter: &str, writer: W)
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = parse(filter).unwrap_or_else(|_| Targets::new().with_default(tracing::Level::INFO));
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(false).with_target(false);
    let _already = tracing_subscriber::registry().with(lines).with(filter).try_init();
}

#[cfg(test)]
mod tests {
    #[test]
    fn filters_people_write() {
        for filter in ["info", "WARN", "info,agent_node::uplink=debug", "agent_node=trace,warn"] {
            assert!(super::parse(filter).is_ok(), "{filter}");
        }
        for filter in ["loud", "info,verbose", "agent_node=loud"] {
            assert!(super::parse(filter).is_err(), "{filter}");
        }
    }
}
