//! The compiler's target for the console.

use std::process::Command;

use anyhow::{Context, Result};

use super::Cache;
use crate::process;
use crate::ui;

pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// Longest download of one target's standard library.
const DOWNLOAD_LIMIT: std::time::Duration = std::time::Duration::from_secs(10 * 60);

pub(crate) fn ready(cache: &Cache) -> Result<()> {
    target(cache, TARGET)
}

/// Adds a target of the compiler's if it is not there.
pub(super) fn target(cache: &Cache, target: &str) -> Result<()> {
    let libdir =
        process::capture(Command::new("rustc").args(["--print", "target-libdir", "--target", target]))
            .context("rustc was not found; install Rust with rustup")?;
    if std::path::Path::new(libdir.trim()).is_dir() {
        return Ok(());
    }
    ui::step(&format!("add the target {target} (once)"), |step| {
        let _lock = cache.lock("rustup", step)?;
        let mut rustup = Command::new("rustup");
        rustup.args(["target", "add", target]);
        process::logged(step, &mut rustup, &cache.log("rustup-target"), DOWNLOAD_LIMIT)
            .with_context(|| format!("add it by hand: `rustup target add {target}`"))
    })
}
