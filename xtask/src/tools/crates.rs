//! Programs installed by `cargo install` into the cache: one folder per program and version,
//! built in a folder of its own that is deleted afterwards, one installer at a time.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};

use super::Cache;
use crate::process;
use crate::repo::Repo;
use crate::ui;

/// Longest build of one program: several times what two busy cores need.
const INSTALL_LIMIT: Duration = Duration::from_secs(30 * 60);

/// One program from a crate registry, pinned.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Program {
    pub(crate) package: &'static str,
    /// Its folder in the cache, to which the version is added.
    pub(crate) folder: &'static str,
    pub(crate) version: &'static str,
    pub(crate) binary: &'static str,
    /// What the person is told it is for.
    pub(crate) purpose: &'static str,
    pub(crate) extra: &'static [&'static str],
}

pub(crate) const NEXTEST: Program = Program {
    package: "cargo-nextest",
    folder: "cargo-nextest",
    version: "0.9.143",
    binary: "cargo-nextest",
    purpose: "the test runner",
    extra: &["--no-default-features"],
};

pub(crate) const DENY: Program = Program {
    package: "cargo-deny",
    folder: "cargo-deny",
    version: "0.20.2",
    binary: "cargo-deny",
    purpose: "the check of licences and sources",
    extra: &["--no-default-features"],
};

pub(crate) const LLVM_COV: Program = Program {
    package: "cargo-llvm-cov",
    folder: "cargo-llvm-cov",
    version: "0.9.1",
    binary: "cargo-llvm-cov",
    purpose: "the measure of what tests run through",
    extra: &[],
};

impl Program {
    fn folder(&self) -> String {
        format!("{}-{}", self.folder, self.version)
    }

    /// Where the program stands in the cache, if it was installed.
    pub(crate) fn cached(&self, cache: &Cache) -> Option<PathBuf> {
        Some(cache.path(&self.folder()).join("bin").join(self.binary)).filter(|path| path.is_file())
    }

    /// The command that installs it by hand.
    pub(crate) fn by_hand(&self) -> String {
        let extra: String = self.extra.iter().map(|word| format!(" {word}")).collect();
        format!("cargo install {} --version ={} --locked{extra}", self.package, self.version)
    }

    /// Finds it in the cache or builds it there.
    pub(crate) fn install(&self, cache: &Cache) -> Result<PathBuf> {
        if let Some(found) = self.cached(cache) {
            return Ok(found);
        }
        let name = format!("install {} ({}, once)", self.package, self.purpose);
        ui::step(&name, |step| {
            let _lock = cache.lock(&self.folder(), step)?;
            if let Some(found) = self.cached(cache) {
                return Ok(found);
            }
            let build = cache.path("build").join(self.folder());
            let mut cargo = process::cargo(&Repo::find()?);
            cargo
                .args(["install", self.package, "--version", &format!("={}", self.version), "--locked"])
                .args(self.extra)
                .arg("--root")
                .arg(cache.path(&self.folder()))
                .env("CARGO_TARGET_DIR", &build)
                .env("CARGO_TERM_COLOR", "never");
            let outcome = process::logged(step, &mut cargo, &cache.log(&self.folder()), INSTALL_LIMIT);
            // Hundreds of megabytes that nobody needs again, whether it worked or not.
            let _absent_is_fine = std::fs::remove_dir_all(&build);
            outcome?;
            match self.cached(cache) {
                Some(found) => Ok(found),
                None => bail!("{} was installed but has no program named {}", self.package, self.binary),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_to_type_is_whole() {
        assert_eq!(
            DENY.by_hand(),
            "cargo install cargo-deny --version =0.20.2 --locked --no-default-features"
        );
    }
}
