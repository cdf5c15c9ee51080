//! Node modules of the browser tests: installed from the lock file into the target directory,
//! again only when the lock file changed.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::Cache;
use crate::digest;
use crate::process;
use crate::repo::Repo;
use crate::ui;

/// Where package and lock file stand in the checkout.
const SOURCE: &str = "hub-node/tests/browser";

/// Two small packages; anything longer is a line that hangs.
const NPM_LIMIT: Duration = Duration::from_secs(5 * 60);

/// The `node_modules` folder, filled.
pub(crate) fn ready(repo: &Repo, cache: &Cache) -> Result<PathBuf> {
    let source = repo.root.join(SOURCE);
    let place = repo.browser();
    let mut inputs = Vec::new();
    for name in ["package.json", "package-lock.json"] {
        let file = source.join(name);
        inputs.push((name, std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?));
    }
    let wanted = digest::of(inputs.iter().map(|(_, bytes)| bytes.as_slice()));
    let stamp = place.join("installed");
    let modules = place.join("node_modules");
    if modules.is_dir() && std::fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(modules);
    }
    check_node()?;
    ui::step("install the browser tests' modules", |step| {
        std::fs::create_dir_all(&place)?;
        for (name, bytes) in &inputs {
            std::fs::write(place.join(name), bytes)?;
        }
        let mut npm = Command::new("npm");
        // No scripts: a browser download of their own is what they would do, and Debian's is used.
        npm.current_dir(&place).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
        process::logged(step, &mut npm, &cache.log("npm"), NPM_LIMIT)
            .with_context(|| format!("try `npm ci --ignore-scripts` in {} yourself", place.display()))?;
        std::fs::write(&stamp, &wanted)?;
        Ok(modules)
    })
}

/// The browser driver's own demand.
const OLDEST_NODE: u32 = 20;

fn check_node() -> Result<()> {
    let by_hand = "install it with its npm from your system or from its makers";
    for program in ["node", "npm"] {
        if process::find_program(&[program], &[]).is_none() {
            bail!("{program} was not found; the browser tests need Node {OLDEST_NODE} or newer: {by_hand}");
        }
    }
    let version = process::capture(Command::new("node").arg("--version"))?;
    if major(&version).is_none_or(|major| major < OLDEST_NODE) {
        bail!("this is Node {}; the browser tests need {OLDEST_NODE} or newer: {by_hand}", version.trim());
    }
    Ok(())
}

/// `v20.11.1` → 20.
fn major(version: &str) -> Option<u32> {
    version.trim().trim_start_matches('v').split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read() {
        assert_eq!(major("v20.11.1\n"), Some(20));
        assert_eq!(major("nonsense"), None);
    }
}
