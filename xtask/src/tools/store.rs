//! The store's server for demo and tests: what the environment names, or a MongoDB-compatible server
//! built from its crate. It is a separate program, never linked; `hub-node` starts it.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::crates::Program;
use super::{Cache, debian, named_by_environment};

/// Names the server's program to hub and tests.
pub(crate) const VARIABLE: &str = "GROCERYSYNC_STORE_BINARY";

/// `--ignore-rust-version`: the crate asks for a newer compiler than it needs.
const SERVER: Program = Program {
    package: "secantus-mdb",
    folder: "secantus",
    version: "0.5.3-beta.196",
    binary: "secantusd-rs",
    purpose: "the embedded store, about three minutes",
    extra: &["--ignore-rust-version"],
};

pub(crate) fn ready(cache: &Cache) -> Result<PathBuf> {
    if let Some(named) = named_by_environment(VARIABLE)? {
        return Ok(named);
    }
    if let Some(cached) = SERVER.cached(cache) {
        return Ok(cached);
    }
    debian::ready(cache, &[debian::C_COMPILER, debian::CMAKE, debian::ZLIB])?;
    SERVER.install(cache).with_context(|| {
        format!(
            "the store's server is missing; install it with `{}`, or name a MongoDB-compatible one in {VARIABLE}",
            SERVER.by_hand()
        )
    })
}
