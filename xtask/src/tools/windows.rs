//! The compiler's target for Windows, and where its programs end up.

use std::path::PathBuf;

use anyhow::Result;

use super::{Cache, debian, wasm};
use crate::repo::Repo;

pub(crate) const TARGET: &str = "x86_64-pc-windows-gnu";

/// Everything that compiling for Windows needs.
pub(crate) fn ready(cache: &Cache) -> Result<()> {
    debian::ready(cache, &[debian::C_COMPILER, debian::CMAKE, debian::MINGW])?;
    wasm::target(cache, TARGET)
}

/// The agent, built under the named profile's directory.
pub(crate) fn program(repo: &Repo, profile_dir: &str) -> PathBuf {
    repo.target.join(TARGET).join(profile_dir).join("agent-node.exe")
}
