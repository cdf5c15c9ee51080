//! Where things are in this checkout: its top, its files, the build's target directory.
//! Everything else asks here instead of joining paths of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process;

/// The checkout the tool works on.
#[derive(Debug, Clone)]
pub(crate) struct Repo {
    pub(crate) root: PathBuf,
    /// Where cargo puts what it builds; not always below `root`.
    pub(crate) target: PathBuf,
}

impl Repo {
    pub(crate) fn find() -> Result<Self> {
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = manifest.parent().context("the tool's folder has no parent")?.to_path_buf();
        if !root.join("Cargo.lock").is_file() {
            bail!("{} is not the top of the checkout; start the tool with `cargo xtask`", root.display());
        }
        let target = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(dir) => root.join(dir),
            None => root.join("target"),
        };
        Ok(Self { root, target })
    }

    /// The built console. Always below the checkout, because the hub embeds it by this path.
    pub(crate) fn web(&self) -> PathBuf {
        self.root.join("target").join("web")
    }

    /// Node modules for the browser tests, out of git's sight.
    pub(crate) fn browser(&self) -> PathBuf {
        self.root.join("target").join("browser")
    }

    /// A program built by cargo under the named profile's directory (`debug`, `release`, …).
    pub(crate) fn binary(&self, profile_dir: &str, name: &str) -> PathBuf {
        self.target.join(profile_dir).join(name)
    }

    /// Every file that is or could be committed, relative to the top, sorted.
    pub(crate) fn files(&self) -> Result<Vec<String>> {
        let mut git = Command::new("git");
        git.current_dir(&self.root).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        let listing = process::capture(&mut git)?;
        let mut files: Vec<String> = listing
            .split('\0')
            .filter(|path| !path.is_empty() && self.root.join(path).is_file())
            .map(str::to_owned)
            .collect();
        files.sort();
        files.dedup();
        Ok(files)
    }
}

/// All files below `dir`, sorted, without following links; names of folders in `skip` are left out.
pub(crate) fn walk(dir: &Path, skip: &[&str]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_path_buf()];
    while let Some(folder) = open.pop() {
        let entries =
            std::fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                if !skip.iter().any(|name| entry.file_name() == *name) {
                    open.push(entry.path());
                }
            } else if kind.is_file() {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}
