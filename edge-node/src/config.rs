//! The edge's settings: defaults, then the file, then the environment, then flags. Pure but for reading the file.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use messages::Secret;
use messages::edge::Currency;
use serde::Deserialize;

use crate::checkout::{CashRounding, TaxMode, Terms};
use crate::line::Address;

/// Where an installed edge keeps what it must not lose.
pub const DEFAULT_DATA_DIR: &str = "/var/lib/grocerysync-edge";
/// Looked for in the data folder when no file is named.
pub const FILE_NAME: &str = "edge.toml";
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8_787);

/// How events go to the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum SyncProtocol {
    #[default]
    Http,
    /// A stream, with HTTP where it does not get through.
    Grpc,
}

/// Each setting as it was given in one place; what is left out falls through to the next.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, clap::Args)]
#[serde(default, deny_unknown_fields)]
pub struct Given {
    /// Where tills reach the edge [default: 127.0.0.1:8787]
    #[arg(long, env = "GROCERYSYNC_EDGE_LISTEN", value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// Certificate chain for the tills' connections, in PEM form
    #[arg(long, env = "GROCERYSYNC_EDGE_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// Key of the certificate, in PEM form
    #[arg(long, env = "GROCERYSYNC_EDGE_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// What tills must show; needed when other machines can reach the edge
    #[arg(long, env = "GROCERYSYNC_EDGE_TILL_TOKEN", hide_env_values = true, value_parser = secret, value_name = "TOKEN")]
    pub till_token: Option<Secret>,
    /// Address of the hub [default: the one enrolled with; none works for itself]
    #[arg(long, env = "GROCERYSYNC_EDGE_HUB", value_name = "URL")]
    pub hub: Option<String>,
    /// How events go to the hub [default: http]
    #[arg(long, env = "SYNC_PROTOCOL", value_enum)]
    pub sync_protocol: Option<SyncProtocol>,
    /// Certificates to trust besides those of the system, in PEM form
    #[arg(long, env = "GROCERYSYNC_EDGE_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// Allow http:// to a hub on another machine; everybody between can read along
    #[arg(long, env = "GROCERYSYNC_EDGE_ALLOW_PLAINTEXT", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub allow_plaintext: Option<bool>,
    /// Printed on receipts [default: the one enrolled with]
    #[arg(long, env = "GROCERYSYNC_EDGE_STORE_NAME", value_name = "NAME")]
    pub store_name: Option<String>,
    /// Currency of all prices [default: EUR]
    #[arg(long, env = "GROCERYSYNC_EDGE_CURRENCY", value_name = "ISO")]
    pub currency: Option<Currency>,
    /// Whether prices have the tax in them [default: included]
    #[arg(long, env = "GROCERYSYNC_EDGE_TAX", value_enum)]
    pub tax: Option<TaxMode>,
    /// The smallest coin in minor units [default: what is customary for the currency]
    #[arg(long, env = "GROCERYSYNC_EDGE_CASH_STEP", value_name = "N")]
    pub cash_step: Option<u32>,
    /// Fill an empty catalogue with a few thousand made-up articles
    #[arg(long, env = "GROCERYSYNC_EDGE_SAMPLE_CATALOGUE", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub sample_catalogue: Option<bool>,
    /// Log filter, such as info or info,edge_node::relay=debug [default: info]
    #[arg(long, env = "GROCERYSYNC_EDGE_LOG", value_name = "FILTER")]
    pub log: Option<String>,
}

fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text.trim()))
}

/// Checked settings.
#[derive(Debug, Clone)]
pub struct Config {
    pub data_dir: PathBuf,
    pub listen: SocketAddr,
    /// Certificate and key.
    pub tls: Option<(PathBuf, PathBuf)>,
    pub till_token: Option<Secret>,
    pub hub: Option<Address>,
    pub sync_protocol: SyncProtocol,
    pub ca_file: Option<PathBuf>,
    pub allow_plaintext: bool,
    pub store_name: Option<String>,
    pub terms: Terms,
    pub sample_catalogue: bool,
    pub log: String,
    /// Between two looks at the line when all is well; three failures make it offline within half a minute.
    pub probe_every: Duration,
    /// For the hub's answer to a batch: it may be busy committing. The same batch is sent again after that.
    pub answer_patience: Duration,
    /// How long the hub may keep a question for changes that it has no answer to.
    pub catalogue_wait: Duration,
    /// For requests under way when the edge stops.
    pub grace: Duration,
}

/// A setting that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{}: {detail}", path.display())]
    File { path: PathBuf, detail: String },
    #[error("{setting}: {detail}")]
    Value { setting: &'static str, detail: String },
}

impl Given {
    /// Reads the file; one that was not named may be missing.
    pub fn from_file(named: Option<&Path>, data_dir: &Path) -> Result<Self, ConfigError> {
        let path = named.map_or_else(|| data_dir.join(FILE_NAME), Path::to_path_buf);
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
            listen: self.listen.or(below.listen),
            tls_cert: self.tls_cert.or(below.tls_cert),
            tls_key: self.tls_key.or(below.tls_key),
            till_token: self.till_token.or(below.till_token),
            hub: self.hub.or(below.hub),
            sync_protocol: self.sync_protocol.or(below.sync_protocol),
            ca_file: self.ca_file.or(below.ca_file),
            allow_plaintext: self.allow_plaintext.or(below.allow_plaintext),
            store_name: self.store_name.or(below.store_name),
            currency: self.currency.or(below.currency),
            tax: self.tax.or(below.tax),
            cash_step: self.cash_step.or(below.cash_step),
            sample_catalogue: self.sample_catalogue.or(below.sample_catalogue),
            log: self.log.or(below.log),
        }
    }

    /// Checks each value.
    pub fn resolve(self, data_dir: PathBuf) -> Result<Config, ConfigError> {
        let wrong = |setting, detail: String| ConfigError::Value { setting, detail };
        let allow_plaintext = self.allow_plaintext.unwrap_or(false);
        let hub = self.hub.as_deref().map(|text| Address::parse(text, allow_plaintext)).transpose();
        let listen = self.listen.unwrap_or(DEFAULT_LISTEN);
        if !listen.ip().is_loopback() && self.till_token.as_ref().is_none_or(Secret::is_empty) {
            let detail = format!(
                "is needed when other machines can reach {listen}; make one up and give it to the tills"
            );
            return Err(wrong("till_token", detail));
        }
        let tls = match (self.tls_cert, self.tls_key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => return Err(wrong("tls_cert", "give certificate and key, or neither".to_owned())),
        };
        let currency = self.currency.unwrap_or(Currency::EUR);
        let cash = match self.cash_step {
            Some(step @ 1..=100_000) => CashRounding::new(step),
            Some(step) => {
                return Err(wrong("cash_step", format!("must lie between 1 and 100000, not {step}")));
            }
            None => CashRounding::customary(currency),
        };
        let log = self.log.unwrap_or_else(|| "info".to_owned());
        crate::telemetry::parse(&log).map_err(|detail| wrong("log", detail))?;
        Ok(Config {
            data_dir,
            listen,
            tls,
            till_token: self.till_token.filter(|token| !token.is_empty()),
            hub: hub.map_err(|error| wrong("hub", error.to_string()))?,
            sync_protocol: self.sync_protocol.unwrap_or_default(),
            ca_file: self.ca_file,
            allow_plaintext,
            store_name: self.store_name,
            terms: Terms { currency, tax_mode: self.tax.unwrap_or_default(), cash },
            sample_catalogue: self.sample_catalogue.unwrap_or(false),
            log,
            probe_every: Duration::from_secs(4),
            answer_patience: Duration::from_secs(30),
            catalogue_wait: Duration::from_secs(25),
            grace: Duration::from_secs(5),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearer_place_wins_value_by_value() {
        let folder = tempfile::tempdir().unwrap();
        let text = "currency = \"CHF\"\nsync_protocol = \"grpc\"\nstore_name = \"Fresh Mart\"\n";
        std::fs::write(folder.path().join(FILE_NAME), text).unwrap();
        let below = Given::from_file(None, folder.path()).unwrap();
        let flags = Given { sync_protocol: Some(SyncProtocol::Http), ..Given::default() };
        let config = flags.over(below).resolve(folder.path().into()).unwrap();
        assert_eq!((config.sync_protocol, config.terms.currency), (SyncProtocol::Http, Currency::CHF));
        assert_eq!(config.terms.cash, CashRounding::new(5));
        assert_eq!(config.store_name.as_deref(), Some("Fresh Mart"));
    }

    #[test]
    fn each_wrong_value_is_named() {
        let given = Given::default;
        let cases = [
            (Given { hub: Some("hub.example".into()), ..given() }, "hub: "),
            (Given { hub: Some("http://hub.example".into()), ..given() }, "--allow-plaintext"),
            (Given { listen: Some(([0, 0, 0, 0], 80).into()), ..given() }, "till_token: "),
            (Given { tls_cert: Some("a".into()), ..given() }, "tls_cert: "),
            (Given { cash_step: Some(0), ..given() }, "cash_step: "),
            (Given { log: Some("loud".into()), ..given() }, "log: "),
        ];
        for (given, part) in cases {
            let error = given.resolve(PathBuf::new()).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        assert!(toml::from_str::<Given>("currency = \"euro\"").is_err());
    }
}
