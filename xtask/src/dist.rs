//! `cargo xtask dist`: what a customer gets, with checksums, in `target/dist`:
//! the hub with its console inside and the agent with its readers built small, as one archive; the agent for Debian as a package; the agent
//! for Windows as an archive. Each package is tried before it counts.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::digest;
use crate::process;
use crate::repo::Repo;
use crate::tools::{Cache, debian, windows};
use crate::ui;
use crate::web;

mod deb;
mod zip;

/// Lie beside the agent, and hold drivers that it must not be linked with.
const READERS: [&str; 2] = ["grocerysync-odbc", "grocerysync-firebird"];

const DOCUMENTS: &[&str] = &["LICENSE-APACHE", "LICENSE-MIT", "README.md"];

#[derive(Debug, Default, clap::Args)]
pub(crate) struct Options {
    /// Only this; may be given several times.
    #[arg(long, value_enum)]
    only: Vec<Part>,
    /// Quick and large: for working on the packing. Without the hub.
    #[arg(long)]
    dev: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Hub and agent for this platform.
    Hub,
    /// The agent as a package for Debian.
    Deb,
    /// The agent for Windows.
    Windows,
}

/// What goes into every package.
struct Packing<'a> {
    repo: &'a Repo,
    dist: PathBuf,
    version: &'static str,
    /// When the packed state was committed, in seconds since 1970: the time of every packed file.
    epoch: i64,
    /// How `dpkg-deb` packs: what every Debian in use can unpack. Tests do not wait for it.
    packed_by: &'static str,
}

pub(crate) fn run(repo: &Repo, options: &Options) -> Result<()> {
    let wanted = |part| match options.only.as_slice() {
        [] => part != Part::Hub || !options.dev,
        only => only.contains(&part),
    };
    let (profile, profile_dir) = if options.dev { ("dev", "debug") } else { ("small", "small") };
    let cache = Cache::open()?;
    debian::ready(&cache, &[debian::C_COMPILER, debian::CMAKE])?;
    let dist = repo.root.join("target").join("dist");
    std::fs::create_dir_all(&dist)?;
    let packing = Packing {
        repo,
        dist,
        version: env!("CARGO_PKG_VERSION"),
        epoch: committed(repo)?,
        packed_by: "-Zxz",
    };
    if wanted(Part::Hub) || wanted(Part::Deb) {
        debian::ready(&cache, &[debian::ODBC])?;
        ui::say(&format!("… building the agent (profile {profile})"));
        process::stream(process::cargo(repo).args([
            "build",
            "--profile",
            profile,
            "--package",
            "agent-node",
            "--package",
            "agent-reader",
        ]))?;
    }
    if wanted(Part::Hub) {
        web::build(repo, web::Mode::Release)?;
        ui::say("… building the hub");
        process::stream(process::cargo(repo).args(["build", "--release", "--package", "hub-node"]))?;
        packing.told(&archive(&packing)?)?;
    }
    if wanted(Part::Deb) {
        debian::ready(&cache, &[debian::DPKG])?;
        let package = deb::build(&packing, &repo.binary(profile_dir, "agent-node"))?;
        deb::try_out(&package)?;
        packing.told(&package)?;
    }
    if wanted(Part::Windows) {
        windows::ready(&cache)?;
        ui::say(&format!("… building the agent for Windows (profile {profile})"));
        let words = ["build", "--profile", profile, "--target", windows::TARGET];
        let packages = ["--package", "agent-node", "--package", "agent-reader"];
        process::stream(process::cargo(repo).args(words).args(packages))?;
        packing.told(&zip::build(&packing, &windows::program(repo, profile_dir))?)?;
    }
    Ok(())
}

impl Packing<'_> {
    /// Writes a package's checksum beside it and says that it is there.
    fn told(&self, package: &Path) -> Result<()> {
        let name = package.file_name().context("a package has a name")?.to_string_lossy();
        let bytes = std::fs::read(package)?;
        let line = format!("{}  {name}\n", digest::sha256(&bytes));
        std::fs::write(self.dist.join(format!("{name}.sha256")), line)?;
        ui::say(&format!("✓ target/dist/{name}  {}", ui::short_size(bytes.len() as u64)));
        Ok(())
    }

    /// An empty folder to pack from.
    fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.dist.join(name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }
}

/// Hub and agent for the platform that this runs on.
fn archive(packing: &Packing<'_>) -> Result<PathBuf> {
    let name = format!("grocerysync-{}-{}", packing.version, host()?);
    let folder = packing.folder(&name)?;
    let repo = packing.repo;
    copy(&repo.binary("release", "hub-node"), &folder)?;
    for name in ["agent-node"].into_iter().chain(READERS) {
        copy(&repo.binary("small", name), &folder)?;
    }
    for document in DOCUMENTS {
        copy(&repo.root.join(document), &folder)?;
    }
    let archive = format!("{name}.tar.gz");
    let mut tar = Command::new("tar");
    // No owners, no order of the disk, no time of its own: the same files give the same archive.
    tar.current_dir(&packing.dist).args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner"]);
    tar.arg(format!("--mtime=@{}", packing.epoch)).args(["-czf", &archive, &name]);
    process::capture(&mut tar)?;
    Ok(packing.dist.join(archive))
}

fn copy(file: &Path, folder: &Path) -> Result<()> {
    let name = file.file_name().context("a file has a name")?;
    std::fs::copy(file, folder.join(name)).with_context(|| format!("cannot pack {}", file.display()))?;
    Ok(())
}

/// When the last commit was made.
fn committed(repo: &Repo) -> Result<i64> {
    let mut git = Command::new("git");
    git.current_dir(&repo.root).args(["log", "-1", "--format=%ct"]);
    process::capture(&mut git)?.trim().parse().context("git did not tell when the last commit was made")
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
