//! A Python of its own for the protocol test that a third party could have written:
//! a virtual environment in the cache, named by the hash of its requirements.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::{Cache, debian};
use crate::digest;
use crate::process;
use crate::repo::Repo;
use crate::ui;

const REQUIREMENTS: &str = "hub-node/tests/third_party/requirements.txt";

/// One small package; anything longer is a line that hangs.
const PIP_LIMIT: Duration = Duration::from_secs(5 * 60);

/// The environment's interpreter.
pub(crate) fn ready(repo: &Repo, cache: &Cache) -> Result<PathBuf> {
    let requirements = repo.root.join(REQUIREMENTS);
    let bytes =
        std::fs::read(&requirements).with_context(|| format!("cannot read {}", requirements.display()))?;
    let name = format!("py-{}", &digest::of([bytes.as_slice()])[..12]);
    let home = cache.path(&name);
    let python = home.join("bin").join("python");
    let complete = home.join("complete");
    if complete.is_file() && python.is_file() {
        return Ok(python);
    }
    debian::ready(cache, &[debian::VENV])?;
    ui::step("make the Python environment of the protocol test (once)", |step| {
        let _lock = cache.lock(&name, step)?;
        if complete.is_file() {
            return Ok(());
        }
        let mut venv = Command::new("python3");
        venv.args(["-m", "venv", "--clear"]).arg(&home);
        process::logged(step, &mut venv, &cache.log("venv"), PIP_LIMIT)
            .context("on Debian, `apt-get install python3-venv` brings what is missing")?;
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]).arg(&requirements);
        process::logged(step, &mut pip, &cache.log("pip"), PIP_LIMIT)
            .with_context(|| format!("try `python3 -m pip install -r {REQUIREMENTS}` in a venv yourself"))?;
        std::fs::write(&complete, "")?;
        Ok(())
    })?;
    Ok(python)
}
