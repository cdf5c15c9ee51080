//! Several hubs on one database, for benches: the database's own program, the keys and the certificates they share.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;

use super::service::{self, Service};
use super::{StopRequest, free_port};
use crate::certs;

/// Opening an empty database.
const START_LIMIT: Duration = Duration::from_secs(30);
/// 32 bytes that protect nothing but a bench.
const KEYS: &str = "k1 MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n";

/// What all hubs of one system are started with.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) uri: String,
    pub(crate) keys: PathBuf,
    pub(crate) certs: PathBuf,
}

/// Starts the database in `folder`; with it go the keys and certificates.
pub(crate) fn start(program: &Path, folder: &Path, stop: &StopRequest) -> Result<(Service, Shared)> {
    let storage = folder.join("store");
    std::fs::create_dir_all(&storage)?;
    let port = free_port(None)?;
    let mut command = service::ours(program);
    command
        .args([
            "--host",
            "127.0.0.1",
            "--port",
            &port.to_string(),
            "--sync-on-commit",
            "--log-level",
            "WARNING",
        ])
        .arg("--storage-path")
        .arg(&storage);
    let mut service = Service::start("store", &mut command, &folder.join("store.log"))?;
    stop.wait_for("the database answers", START_LIMIT, || {
        service.check()?;
        Ok(std::net::TcpStream::connect(("127.0.0.1", port)).is_ok().then_some(()))
    })?;
    let (keys, certs) = (folder.join("keys"), folder.join("certs"));
    std::fs::write(&keys, KEYS)?;
    std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(0o600))?;
    certs::write(&certs)?;
    let uri = format!("mongodb://127.0.0.1:{port}/?directConnection=true");
    Ok((service, Shared { uri, keys, certs }))
}
