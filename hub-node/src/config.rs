//! What the operator decides, from flags and environment; each wrong value is told with the setting's name.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use clap::Args;
use ipnet::IpNet;
use messages::Secret;

/// Settings of `hub-node run`. Every flag can be given as `GROCERYSYNC_…` in the environment instead.
#[expect(rustdoc::bare_urls, reason = "the text is also what --help prints")]
#[derive(Debug, Clone, Args)]
pub struct Config {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, env = "GROCERYSYNC_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,

    /// Folder for keys, and for the database when the hub runs its own
    #[arg(long, env = "GROCERYSYNC_DATA_DIR", default_value = "grocerysync-data")]
    pub data_dir: PathBuf,

    /// How the world reaches this hub, such as https://hub.example.com
    #[arg(long, env = "GROCERYSYNC_PUBLIC_URL", value_parser = public_url)]
    pub public_url: Option<String>,

    /// Certificate chain in PEM form; with it the hub speaks TLS
    #[arg(long, env = "GROCERYSYNC_TLS_CERT", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,

    /// Private key of the certificate, in PEM form
    #[arg(long, env = "GROCERYSYNC_TLS_KEY", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,

    /// Proxies whose X-Forwarded-For header is believed: addresses or networks, such as 10.0.0.7 or 10.1.0.0/16
    #[arg(long, env = "GROCERYSYNC_TRUSTED_PROXIES", value_delimiter = ',', value_parser = network)]
    pub trusted_proxies: Vec<IpNet>,

    /// A MongoDB replica set; without it the hub runs a database of its own in its data folder
    #[arg(long, env = "MONGODB_URI", hide_env_values = true)]
    pub mongodb_uri: Option<String>,

    /// Name of the database
    #[arg(long, env = "GROCERYSYNC_DATABASE", default_value = "grocerysync")]
    pub database: String,

    /// Program of the hub's own database; looked for on the PATH and in the tool cache unless given
    #[arg(long, env = "GROCERYSYNC_STORE_BINARY")]
    pub store_binary: Option<PathBuf>,

    /// File with the master keys; made in the data folder unless given
    #[arg(long, env = "GROCERYSYNC_KEYS_FILE")]
    pub keys_file: Option<PathBuf>,

    /// One-time token for making the first administrator; drawn and logged unless given
    #[arg(long, env = "GROCERYSYNC_SETUP_TOKEN", value_parser = secret, hide_env_values = true)]
    pub setup_token: Option<Secret>,

    /// Address on which a Prometheus server may ask for /metrics, in plain HTTP and without a login
    #[arg(long, env = "GROCERYSYNC_METRICS_LISTEN")]
    pub metrics_listen: Option<SocketAddr>,

    /// Address to listen on for other hub nodes; with it this node is one of several that share a database
    #[arg(
        long,
        env = "GROCERYSYNC_CLUSTER_LISTEN",
        requires_all = ["mongodb_uri", "cluster_cert", "cluster_key", "cluster_ca"]
    )]
    pub cluster_listen: Option<SocketAddr>,

    /// Host and port under which other nodes reach this one; the address listened on unless given
    #[arg(long, env = "GROCERYSYNC_CLUSTER_ADDRESS", requires = "cluster_listen", value_parser = host_and_port)]
    pub cluster_address: Option<String>,

    /// Certificate of this node in PEM form, made out to hub.grocerysync.internal
    #[arg(long, env = "GROCERYSYNC_CLUSTER_CERT", requires = "cluster_listen")]
    pub cluster_cert: Option<PathBuf>,

    /// Private key of that certificate, in PEM form
    #[arg(long, env = "GROCERYSYNC_CLUSTER_KEY", requires = "cluster_listen")]
    pub cluster_key: Option<PathBuf>,

    /// Authority that the certificates of all nodes come from, in PEM form
    #[arg(long, env = "GROCERYSYNC_CLUSTER_CA", requires = "cluster_listen")]
    pub cluster_ca: Option<PathBuf>,

    /// Stop when standard input ends: for programs that start the hub and must not leave it behind
    #[arg(long, env = "GROCERYSYNC_STOP_ON_STDIN_CLOSE")]
    pub stop_on_stdin_close: bool,
}

/// What makes a node one of several.
pub(crate) struct ClusterSettings<'a> {
    pub(crate) listen: SocketAddr,
    pub(crate) address: String,
    pub(crate) certificate: &'a Path,
    pub(crate) key: &'a Path,
    pub(crate) authority: &'a Path,
}

impl Config {
    /// Absent, when the node is to be the only one. The parser sees to it that it is all or nothing.
    pub(crate) fn cluster(&self) -> Option<ClusterSettings<'_>> {
        let listen = self.cluster_listen?;
        Some(ClusterSettings {
            listen,
            address: self.cluster_address.clone().unwrap_or_else(|| listen.to_string()),
            certificate: self.cluster_cert.as_deref()?,
            key: self.cluster_key.as_deref()?,
            authority: self.cluster_ca.as_deref()?,
        })
    }
}

fn host_and_port(text: &str) -> Result<String, String> {
    match text.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(text.to_owned()),
        _ => Err("must be a host and a port, such as hub-0.hubs:7946".into()),
    }
}

fn public_url(text: &str) -> Result<String, String> {
    let trimmed = text.trim_end_matches('/');
    let host = trimmed.strip_prefix("https://").or_else(|| trimmed.strip_prefix("http://"));
    match host {
        Some(host) if !host.is_empty() && !host.contains(['/', ' ', '?', '#']) => Ok(trimmed.to_owned()),
        _ => Err("must be http:// or https:// and a host, without a path".into()),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "a value parser returns a result")]
fn secret(text: &str) -> Result<Secret, String> {
    Ok(Secret::new(text))
}

/// One address is a network of one.
fn network(text: &str) -> Result<IpNet, String> {
    let network: Option<IpNet> = text.parse().ok().or_else(|| Some(text.parse::<IpAddr>().ok()?.into()));
    match network {
        Some(all) if all.prefix_len() == 0 => {
            Err("this would believe everybody; name the proxies' own network".into())
        }
        Some(network) => Ok(network.trunc()),
        None => Err("this is no address and no network; write 10.0.0.7 or 10.1.0.0/16".into()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        config: Config,
    }

    #[test]
    fn wrong_values_are_told_with_the_setting() {
        for (arguments, named) in [
            (["hub", "--listen=nonsense"], "--listen"),
            (["hub", "--public-url=hub.example.com"], "--public-url"),
            (["hub", "--public-url=https://hub.example.com/path"], "--public-url"),
            (["hub", "--tls-cert=cert.pem"], "--tls-key"),
            (["hub", "--trusted-proxies=10.0.0.1,x"], "--trusted-proxies"),
            (["hub", "--trusted-proxies=10.0.0.0/33"], "--trusted-proxies"),
            (["hub", "--trusted-proxies=0.0.0.0/0"], "everybody"),
            (["hub", "--cluster-listen=127.0.0.1:0"], "--cluster-cert"),
            (["hub", "--cluster-address=nonsense"], "--cluster-address"),
        ] {
            let error =
                Cli::try_parse_from(arguments).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(named), "{arguments:?}: {error}");
        }
        let proxies = Cli::try_parse_from(["hub", "--trusted-proxies=10.0.0.1,10.9.8.7/8,fd00::/64"]).ok();
        let networks =
            proxies.map(|cli| cli.config.trusted_proxies.iter().map(ToString::to_string).collect());
        assert_eq!(networks, Some(vec!["10.0.0.1/32".to_owned(), "10.0.0.0/8".into(), "fd00::/64".into()]));
        let fine = Cli::try_parse_from(["hub", "--public-url=https://hub.example.com/"]).ok();
        assert_eq!(fine.and_then(|cli| cli.config.public_url).as_deref(), Some("https://hub.example.com"));
    }
}
