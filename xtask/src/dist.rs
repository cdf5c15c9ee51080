//! `cargo xtask dist`: what a customer gets, as one archive with checksums in `target/dist`:
//! the hub with its console inside, the agent built small, licences and the first page to read.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::digest;
use crate::process;
use crate::repo::Repo;
use crate::tools::{Cache, debian};
use crate::ui;
use crate::web;

const DOCUMENTS: &[&str] = &["LICENSE-APACHE", "LICENSE-MIT", "README.md"];

pub(crate) fn run(repo: &Repo) -> Result<()> {
    debian::ready(&Cache::open()?, &[debian::C_COMPILER, debian::CMAKE])?;
    web::build(repo, web::Mode::Release)?;
    ui::say("… building the hub");
    process::stream(process::cargo(repo).args(["build", "--release", "--package", "hub-node"]))?;
    ui::say("… building the agent (profile small)");
    process::stream(process::cargo(repo).args(["build", "--profile", "small", "--package", "agent-node"]))?;

    let name = format!("grocerysync-{}-{}", env!("CARGO_PKG_VERSION"), host()?);
    let dist = repo.root.join("target").join("dist");
    let folder = dist.join(&name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;
    for program in [repo.binary("release", "hub-node"), repo.binary("small", "agent-node")] {
        copy(&program, &folder)?;
    }
    for document in DOCUMENTS {
        copy(&repo.root.join(document), &folder)?;
    }
    let archive = format!("{name}.tar.gz");
    let mut tar = Command::new("tar");
    // No owners, no order of the disk: the same files give the same archive.
    tar.current_dir(&dist).args([
        "--sort=name",
        "--owner=0",
        "--group=0",
        "--numeric-owner",
        "-czf",
        &archive,
        &name,
    ]);
    process::capture(&mut tar)?;
    let bytes = std::fs::read(dist.join(&archive))?;
    std::fs::write(
        dist.join(format!("{archive}.sha256")),
        format!("{}  {archive}\n", digest::sha256(&bytes)),
    )?;
    ui::say(&format!("✓ target/dist/{archive}  {}", ui::short_size(bytes.len() as u64)));
    Ok(())
}

fn copy(file: &Path, folder: &Path) -> Result<()> {
    let name = file.file_name().context("a file has a name")?;
    std::fs::copy(file, folder.join(name)).with_context(|| format!("cannot pack {}", file.display()))?;
    Ok(())
}

/// The platform in the compiler's words.
fn host() -> Result<String> {
    let version = process::capture(Command::new("rustc").arg("-vV"))?;
    version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .context("rustc did not tell its platform")
}
