//! A hub with its embedded store.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use super::StopRequest;
use super::api::Api;
use super::cluster::Shared;
use super::service::{self, Service};
use crate::tools::store;

/// The store may first have to recover from a crash.
const START_LIMIT: Duration = Duration::from_secs(60);

/// What a hub is started with.
#[derive(Debug, Clone)]
pub(crate) struct HubPlan {
    pub(crate) program: PathBuf,
    pub(crate) store_program: PathBuf,
    pub(crate) data: PathBuf,
    pub(crate) port: u16,
    /// Lets the first administrator in.
    pub(crate) setup_token: String,
    pub(crate) log: PathBuf,
    /// What it shares with other hubs; alone, it has a database of its own.
    pub(crate) shared: Option<Shared>,
}

impl HubPlan {
    /// Starts it and waits until it serves; gives the service and the address.
    pub(crate) fn start(&self, stop: &StopRequest) -> Result<(Service, String)> {
        std::fs::create_dir_all(&self.data)?;
        let announced = self.data.join("hub.addr");
        remove_if_there(&announced)?;
        let mut command = service::ours(&self.program);
        command
            .args([
                "run",
                "--stop-on-stdin-close",
                "--listen",
                &format!("127.0.0.1:{}", self.port),
                "--data-dir",
            ])
            .arg(&self.data)
            .env(store::VARIABLE, &self.store_program)
            .env("GROCERYSYNC_SETUP_TOKEN", &self.setup_token);
        if let Some(shared) = &self.shared {
            command.env("MONGODB_URI", &shared.uri).args(["--cluster-listen", "127.0.0.1:0", "--keys-file"]);
            command.arg(&shared.keys).arg("--cluster-cert").arg(shared.certs.join("hub.pem"));
            command.arg("--cluster-key").arg(shared.certs.join("hub.key"));
            command.arg("--cluster-ca").arg(shared.certs.join("ca.pem"));
        }
        let mut service = Service::start("hub", &mut command, &self.log)?;
        let base = stop.wait_for("the hub is ready", START_LIMIT, || {
            service.check()?;
            let Ok(base) = std::fs::read_to_string(&announced) else { return Ok(None) };
            let base = base.trim().to_owned();
            Ok(Api::new(&base).is_ready().then_some(base))
        })?;
        Ok((service, base))
    }
}

fn remove_if_there(file: &Path) -> Result<()> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", file.display()))
        }
        _ => Ok(()),
    }
}
