//! The agent's settings: defaults, then the file, then the environment, then flags. Pure but for reading the file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use crate::connector::Means;
use crate::connector::means::Pace;
use crate::net::address::{AddressError, HubAddress, ProxyAddress};
use crate::spool::Limits;
use crate::uplink::fallback::Setting;

/// Where an installed agent keeps what it must not lose.
pub const DEFAULT_DATA_DIR: &str =
    if cfg!(windows) { r"C:\ProgramData\GrocerySync\Agent" } else { "/var/lib/grocerysync-agent" };
/// Looked for in the data folder when no file is named.
pub const FILE_NAME: &str = "agent.toml";
/// Where a package puts the settings of the agent that has the default data folder.
pub const SYSTEM_FILE: &str = "/etc/grocerysync/agent.toml";

/// Each setting as it was given in one place; what is left out falls through to the next.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, clap::Args)]
#[serde(default, deny_unknown_fields)]
pub struct Given {
    /// Address of a hub, such as `https://hub.example`; several are tried in order [default: the one enrolled with]
    #[arg(long = "hub", env = "GROCERYSYNC_AGENT_HUB", value_delimiter = ',', value_name = "URL")]
    pub hub: Vec<String>,
    /// HTTP proxy, such as `http://proxy.shop:3128`
    #[arg(long, env = "GROCERYSYNC_AGENT_PROXY", hide_env_values = true, value_name = "URL")]
    pub proxy: Option<String>,
    /// Certificates to trust besides those of the system, in PEM form
    #[arg(long, env = "GROCERYSYNC_AGENT_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// Allow http:// to a hub on another machine; everybody between can read along
    #[arg(long, env = "GROCERYSYNC_AGENT_ALLOW_PLAINTEXT", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub allow_plaintext: Option<bool>,
    /// How to speak to the hub: auto, websocket or https. By itself the agent takes HTTPS where something in between
    /// blocks WebSockets [default: auto]
    #[arg(long, env = "GROCERYSYNC_AGENT_TRANSPORT", value_name = "WAY")]
    pub transport: Option<String>,
    /// While on HTTPS, try WebSocket again after so many seconds, 1 to 86400 [default: 600]
    #[arg(long, env = "GROCERYSYNC_AGENT_WEBSOCKET_AGAIN_S", value_name = "SECONDS")]
    pub websocket_again_s: Option<u64>,
    /// Runs to work at at the same time, 1 to 16 [default: 2]
    #[arg(long, env = "GROCERYSYNC_AGENT_MAX_RUNS", value_name = "N")]
    pub max_runs: Option<u32>,
    /// Room for reports that the hub has not taken yet, in MiB, 4 to 4096 [default: 64]
    #[arg(long, env = "GROCERYSYNC_AGENT_SPOOL_MIB", value_name = "MIB")]
    pub spool_mib: Option<u64>,
    /// How long runs may go on when the agent is told to stop, in seconds, 0 to 300 [default: 5]
    #[arg(long, env = "GROCERYSYNC_AGENT_GRACE_S", value_name = "SECONDS")]
    pub grace_s: Option<u64>,
    /// Folder of plugins, programs that speak Singer, each in a folder of its own with a plugin.toml [default: none]
    #[arg(long, env = "GROCERYSYNC_AGENT_PLUGINS", value_name = "DIR")]
    pub plugins: Option<PathBuf>,
    /// What to log: error, warn, info, debug or trace, also by part such as `info,agent_node::uplink=debug` [default: info]
    #[arg(long, env = "GROCERYSYNC_AGENT_LOG", value_name = "FILTER")]
    pub log: Option<String>,
}

/// The settings as they count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    pub data_dir: PathBuf,
    /// Empty means: the hub that enrolled the agent.
    pub hubs: Vec<HubAddress>,
    pub proxy: Option<ProxyAddress>,
    pub ca_file: Option<PathBuf>,
    pub allow_plaintext: bool,
    pub transport: Setting,
    pub websocket_again: Duration,
    pub max_runs: usize,
    pub spool: Limits,
    pub grace: Duration,
    /// How a shop platform is tried again; not to be set from outside.
    pub pace: Pace,
    pub plugins: Option<PathBuf>,
    /// Where the readers lie, beside the agent; not to be set from outside.
    pub readers: Option<PathBuf>,
    /// How often that folder is looked at; not to be set from outside.
    pub plugins_every: Duration,
    pub log: String,
}

impl Config {
    /// What connectors may use of this machine.
    #[must_use]
    pub fn means(&self) -> Means {
        Means {
            ca_file: self.ca_file.clone(),
            proxy: self.proxy.clone(),
            scratch: self.data_dir.join("stage"),
            delivered: self.data_dir.join("delivered"),
            pace: self.pace,
            plugins: self.plugins.clone(),
            readers: self.readers.clone(),
            taps: self.data_dir.join("taps"),
            job: None,
        }
    }
}

/// A setting that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("the configuration file {} could not be read: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("the configuration file {} is wrong: {detail}", path.display())]
    File { path: PathBuf, detail: String },
    #[error("{setting}: {detail}")]
    Value { setting: &'static str, detail: String },
}

impl Given {
    /// Reads the file; one that was not named may be missing.
    pub fn from_file(named: Option<&Path>, data_dir: &Path) -> Result<Self, ConfigError> {
        let path =
            named.map_or_else(|| unnamed(data_dir, data_dir.join(FILE_NAME).exists()), Path::to_path_buf);
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                toml::from_str(&text).map_err(|error| ConfigError::File { path, detail: error.to_string() })
            }
            Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
                Ok(Self::default())
            }
            Err(source) => Err(ConfigError::Unreadable { path, source }),
        }
    }

    /// What is given here, and from `below` what is not.
    #[must_use]
    pub fn over(self, below: Self) -> Self {
        Self {
            hub: if self.hub.is_empty() { below.hub } else { self.hub },
            proxy: self.proxy.or(below.proxy),
            ca_file: self.ca_file.or(below.ca_file),
            allow_plaintext: self.allow_plaintext.or(below.allow_plaintext),
            transport: self.transport.or(below.transport),
            websocket_again_s: self.websocket_again_s.or(below.websocket_again_s),
            max_runs: self.max_runs.or(below.max_runs),
            spool_mib: self.spool_mib.or(below.spool_mib),
            grace_s: self.grace_s.or(below.grace_s),
            plugins: self.plugins.or(below.plugins),
            log: self.log.or(below.log),
        }
    }

    /// Checks each value.
    pub fn resolve(self, data_dir: PathBuf) -> Result<Config, ConfigError> {
        let allow_plaintext = self.allow_plaintext.unwrap_or(false);
        let hubs: Result<Vec<_>, AddressError> =
            self.hub.iter().map(|text| HubAddress::parse(text, allow_plaintext)).collect();
        let address =
            |setting| move |error: AddressError| ConfigError::Value { setting, detail: error.to_string() };
        let transport = self.transport.as_deref().unwrap_or("auto");
        let transport = Setting::parse(transport).ok_or_else(|| ConfigError::Value {
            setting: "transport",
            detail: format!("must be auto, websocket or https, not {transport}"),
        })?;
        let again_s = ranged("websocket_again_s", self.websocket_again_s.unwrap_or(600), 1, 86_400)?;
        let max_runs = ranged("max_runs", self.max_runs.unwrap_or(2).into(), 1, 16)?;
        let spool_mib = ranged("spool_mib", self.spool_mib.unwrap_or(Limits::DEFAULT_BYTES >> 20), 4, 4_096)?;
        let grace_s = ranged("grace_s", self.grace_s.unwrap_or(5), 0, 300)?;
        let plugins = self.plugins.map(std::path::absolute).transpose().map_err(|error| {
            ConfigError::Value { setting: "plugins", detail: format!("is no folder: {error}") }
        })?;
        if let Some(missing) = plugins.as_ref().filter(|plugins| !plugins.is_dir()) {
            let detail = format!("{} is no folder; make it, or leave the setting out", missing.display());
            return Err(ConfigError::Value { setting: "plugins", detail });
        }
        let log = self.log.unwrap_or_else(|| "info".to_owned());
        crate::telemetry::parse(&log).map_err(|detail| ConfigError::Value { setting: "log", detail })?;
        Ok(Config {
            data_dir,
            hubs: hubs.map_err(address("hub"))?,
            proxy: self.proxy.as_deref().map(ProxyAddress::parse).transpose().map_err(address("proxy"))?,
            ca_file: self.ca_file,
            allow_plaintext,
            transport,
            websocket_again: Duration::from_secs(again_s),
            max_runs: usize::try_from(max_runs).unwrap_or(1),
            spool: Limits { bytes: spool_mib << 20 },
            grace: Duration::from_secs(grace_s),
            pace: Pace::default(),
            plugins,
            readers: own_folder(),
            plugins_every: crate::plugins::EVERY,
            log,
        })
    }
}

/// The folder in which this program lies.
fn own_folder() -> Option<PathBuf> {
    Some(std::env::current_exe().ok()?.parent()?.to_owned())
}

/// Where the settings are when nobody says: with the data, or where a package puts them.
fn unnamed(data_dir: &Path, has_own: bool) -> PathBuf {
    let packaged = cfg!(unix) && data_dir == Path::new(DEFAULT_DATA_DIR) && !has_own;
    if packaged { SYSTEM_FILE.into() } else { data_dir.join(FILE_NAME) }
}

fn ranged(setting: &'static str, value: u64, min: u64, max: u64) -> Result<u64, ConfigError> {
    if (min..=max).contains(&value) {
        return Ok(value);
    }
    Err(ConfigError::Value { setting, detail: format!("must lie between {min} and {max}, not {value}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearer_place_wins_value_by_value() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE_NAME);
        std::fs::write(
            &file,
            "hub = [\"https://a.example\", \"https://b.example\"]\nmax_runs = 4\ngrace_s = 1\n",
        )
        .unwrap();
        let below = Given::from_file(None, folder.path()).unwrap();
        let flags = Given { max_runs: Some(1), ..Given::default() };
        let config = flags.over(below).resolve(folder.path().into()).unwrap();
        assert_eq!((config.max_runs, config.grace, config.hubs.len()), (1, Duration::from_secs(1), 2));
        assert_eq!(config.spool, Limits::default());
    }

    #[cfg(unix)]
    #[test]
    fn a_packaged_agents_settings_are_the_systems_unless_it_has_its_own() {
        let default = Path::new(DEFAULT_DATA_DIR);
        assert_eq!(unnamed(default, false), Path::new(SYSTEM_FILE));
        assert_eq!(unnamed(default, true), default.join(FILE_NAME));
        assert_eq!(unnamed(Path::new("/srv/agent"), false), Path::new("/srv/agent/agent.toml"));
    }

    #[test]
    fn each_wrong_value_is_named() {
        let given = Given::default;
        let cases = [
            (Given { hub: vec!["hub.example".into()], ..given() }, "hub: "),
            (Given { hub: vec!["http://hub.example".into()], ..given() }, "--allow-plaintext"),
            (Given { proxy: Some("socks5://x".into()), ..given() }, "proxy: "),
            (
                Given { transport: Some("carrier pigeon".into()), ..given() },
                "transport: must be auto, websocket or https, not carrier pigeon",
            ),
            (Given { websocket_again_s: Some(0), ..given() }, "websocket_again_s: "),
            (Given { max_runs: Some(0), ..given() }, "max_runs: must lie between 1 and 16, not 0"),
            (Given { spool_mib: Some(1), ..given() }, "spool_mib: "),
            (Given { grace_s: Some(301), ..given() }, "grace_s: "),
            (Given { plugins: Some("/nowhere".into()), ..given() }, "plugins: /nowhere is no folder"),
            (Given { log: Some("loud".into()), ..given() }, "log: "),
        ];
        for (given, part) in cases {
            let error = given.resolve(PathBuf::new()).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn a_wrong_file_is_told_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("my.toml");
        assert!(matches!(Given::from_file(Some(&file), folder.path()), Err(ConfigError::Unreadable { .. })));
        for (text, part) in
            [("max_runs = \"two\"", "max_runs"), ("max_rnus = 2", "max_rnus"), ("hub =", "line 1")]
        {
            std::fs::write(&file, text).unwrap();
            let error = Given::from_file(Some(&file), folder.path()).unwrap_err().to_string();
            assert!(error.contains("my.toml") && error.contains(part), "{error}");
        }
    }
}
