//! `cargo xtask certs DIR`: certificates with which hub nodes on a developer's machine link to each other.

pub(crate) mod make;

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};

use make::{Authority, HUB_NAME};

const DAYS: i64 = 365;

/// Writes `ca.pem`, `hub.pem` and `hub.key`. All nodes of a cluster may share them. The authority's key is not kept:
/// who needs another certificate makes all of them anew.
pub(crate) fn write(folder: &Path) -> Result<()> {
    let authority = Authority::new("GrocerySync development").context("cannot make an authority")?;
    let hub = authority.issue(HUB_NAME, DAYS).context("cannot make a certificate")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for (name, text) in
        [("ca.pem", &authority.certificate), ("hub.pem", &hub.certificate), ("hub.key", &hub.key)]
    {
        let path = folder.join(name);
        put(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// For the owner's eyes only: one of the three is a key.
fn put(path: &Path, text: &str) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}
