//! The agent as a package for Debian and what descends from it, built by `dpkg-deb` from a tree that is laid out here.
//!
//! The same program gives the same package, byte by byte. It holds no settings but an empty file of them, which is the
//! administrator's from then on, and no identity.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::{Packing, READERS};
use crate::process;
use crate::repo;

const NAME: &str = "grocerysync-agent";
const PROGRAM: &str = "/usr/bin/agent-node";
const SETTINGS: &str = "/etc/grocerysync/agent.toml";

const SCRIPTS: [(&str, &str); 3] = [
    ("postinst", include_str!("debian/postinst")),
    ("prerm", include_str!("debian/prerm")),
    ("postrm", include_str!("debian/postrm")),
];

/// Builds the package of the agent's program and the readers beside it; says where it is.
pub(super) fn build(packing: &Packing<'_>, program: &Path) -> Result<PathBuf> {
    let architecture = process::capture(Command::new("dpkg-deb").arg("--version"))
        .and_then(|_| architecture(std::env::consts::ARCH))?;
    let tree = packing.folder("deb")?;
    let bytes = fs::read(program).with_context(|| format!("cannot pack {}", program.display()))?;
    put(&tree, PROGRAM, &bytes, 0o755)?;
    let mut libraries = vec![libc(&bytes)?];
    for reader in READERS {
        let file = program.with_file_name(reader);
        let bytes = fs::read(&file).with_context(|| format!("cannot pack {}", file.display()))?;
        put(&tree, &format!("/usr/bin/{reader}"), &bytes, 0o755)?;
        libraries.push(libc(&bytes)?);
    }
    let mut unit = Command::new(program);
    unit.env_clear().args(["service", "install", "--print", "--program", PROGRAM]);
    put(
        &tree,
        &format!("/lib/systemd/system/{NAME}.service"),
        process::capture(&mut unit)?.as_bytes(),
        0o644,
    )?;
    put(&tree, SETTINGS, include_bytes!("agent.toml"), 0o644)?;
    for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
        let text = fs::read(packing.repo.root.join(licence))?;
        put(&tree, &format!("/usr/share/doc/{NAME}/{licence}"), &text, 0o644)?;
    }
    let copyright = "GrocerySync agent. MIT or Apache-2.0, as you like: see the files beside this one.\n";
    put(&tree, &format!("/usr/share/doc/{NAME}/copyright"), copyright.as_bytes(), 0o644)?;
    let installed = size(&tree)?;
    put(&tree, "/DEBIAN/conffiles", format!("{SETTINGS}\n").as_bytes(), 0o644)?;
    for (name, script) in SCRIPTS {
        put(&tree, &format!("/DEBIAN/{name}"), script.as_bytes(), 0o755)?;
    }
    let newest = libraries.into_iter().max().context("there is a program")?;
    let control = control(packing.version, architecture, installed, &format!("2.{newest}"));
    put(&tree, "/DEBIAN/control", control.as_bytes(), 0o644)?;

    let package = packing.dist.join(format!("{NAME}_{}_{architecture}.deb", packing.version));
    let mut dpkg = Command::new("dpkg-deb");
    dpkg.env("SOURCE_DATE_EPOCH", packing.epoch.to_string());
    dpkg.args(["--root-owner-group", packing.packed_by, "--build"]).arg(&tree).arg(&package);
    process::capture(&mut dpkg)?;
    fs::remove_dir_all(&tree)?;
    Ok(package)
}

/// Takes the package apart again and starts the program in it, as somebody who has just installed it.
pub(super) fn try_out(package: &Path) -> Result<()> {
    let tree = package.with_extension("tried");
    process::capture(Command::new("dpkg-deb").arg("-x").arg(package).arg(&tree))?;
    let tried = try_program(&tree);
    fs::remove_dir_all(&tree)?;
    tried
}

fn try_program(tree: &Path) -> Result<()> {
    let program = tree.join(&PROGRAM[1..]);
    let version = process::capture(Command::new(&program).arg("--version"))?;
    ensure!(version.starts_with("agent-node "), "the packed program calls itself {version}");
    let mut check = Command::new(&program);
    check.env_clear().arg("check").arg("--data-dir").arg(tree.join("data"));
    check.arg("--config").arg(tree.join(&SETTINGS[1..]));
    let output = check.output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.code() == Some(1) && said.contains("FAIL  identity: this agent is not enrolled"),
        "the packed program's check ended with {} and said {said}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    for reader in READERS {
        let hello =
            process::capture(Command::new(program.with_file_name(reader)).env_clear().arg("--hello"))?;
        ensure!(hello.contains("\"kinds\""), "the packed {reader} says {hello}");
    }
    Ok(())
}

/// Puts a file into the tree, with every folder on the way open to all as on any system.
fn put(tree: &Path, path: &str, bytes: &[u8], mode: u32) -> Result<()> {
    let file = tree.join(path.trim_start_matches('/'));
    let folder = file.parent().context("a packed file has a folder")?;
    fs::create_dir_all(folder)?;
    for folder in folder.ancestors().take_while(|folder| folder.starts_with(tree)) {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    }
    fs::write(&file, bytes).with_context(|| format!("cannot write {}", file.display()))?;
    fs::set_permissions(&file, fs::Permissions::from_mode(mode))?;
    Ok(())
}

/// Of everything that is installed, in KiB as Debian counts.
fn size(tree: &Path) -> Result<u64> {
    let mut bytes = 0;
    for file in repo::walk(tree, &["DEBIAN"])? {
        bytes += fs::metadata(file)?.len();
    }
    Ok(bytes.div_ceil(1024))
}

fn architecture(machine: &str) -> Result<&'static str> {
    match machine {
        "x86_64" => Ok("amd64"),
        "aarch64" => Ok("arm64"),
        other => bail!("Debian's name of the architecture {other} is not known here; add it"),
    }
}

/// The oldest C library that the program runs with: the newest of the versions that its symbols name, all of which begin
/// with 2.
fn libc(program: &[u8]) -> Result<u32> {
    const PREFIX: &[u8] = b"GLIBC_2.";
    let minor = program
        .windows(PREFIX.len())
        .enumerate()
        .filter(|(_, window)| *window == PREFIX)
        .filter_map(|(at, _)| {
            let digits: String = program[at + PREFIX.len()..]
                .iter()
                .take(3)
                .map_while(|byte| byte.is_ascii_digit().then_some(char::from(*byte)))
                .collect();
            digits.parse::<u32>().ok()
        })
        .max();
    minor.context("the program names no version of the C library; is it a program for Linux?")
}

fn control(version: &str, architecture: &str, installed: u64, libc: &str) -> String {
    let mut text = String::new();
    for (key, value) in [
        ("Package", NAME),
        ("Version", version),
        ("Architecture", architecture),
        ("Maintainer", "GrocerySync"),
        ("Installed-Size", &installed.to_string()),
        ("Depends", &format!("libc6 (>= {libc}), libgcc-s1, passwd")),
        // What one of the readers is linked with; the agent works without.
        ("Recommends", "ca-certificates, systemd, unixodbc"),
        ("Section", "net"),
        ("Priority", "optional"),
        ("Description", "GrocerySync agent"),
    ] {
        let _infallible = writeln!(text, "{key}: {value}");
    }
    text.push_str(" Reads what a shop's point of sale exports, checks it row by row, writes it to the\n shop platform and reports to the hub.\n");
    text
}

#[cfg(test)]
mod tests;
