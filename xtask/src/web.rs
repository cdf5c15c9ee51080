//! Builds the console: wasm by cargo, its JavaScript glue by the wasm-bindgen library (whose version
//! the lock file keeps equal to the one compiled in), names by content, compressed ahead.
//! The result is `target/web`, which the hub embeds; files that did not change are not touched,
//! so that the hub is not built again for nothing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use wasm_bindgen_cli_support::Bindgen;

use crate::digest;
use crate::process;
use crate::repo::{Repo, walk};
use crate::tools::{Cache, wasm};
use crate::ui;

mod pack;
mod page;

/// The console's package and program.
const APP: &str = "frontend-yew";

/// First use of the console costs at most this much on the wire, fonts included: no room to grow unseen.
/// The bar (P-11) is 300 KiB and is missed; docs/adr/0012-console-size.md says by what and what comes next.
const FIRST_LOAD_LIMIT: u64 = 380 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Small: what ships and what is tested.
    Release,
    /// Quick to build: for working on the console.
    Dev,
}

impl Mode {
    /// The cargo profile, which is also the name of its folder.
    fn profile(self) -> &'static str {
        match self {
            Self::Release => "wasm",
            Self::Dev => "web-dev",
        }
    }
}

/// Makes `target/web` current.
pub(crate) fn build(repo: &Repo, mode: Mode) -> Result<()> {
    wasm::ready(&Cache::open()?)?;
    let stamp = repo.root.join("target").join("web.stamp");
    let wanted = fingerprint(repo, mode)?;
    let current = std::fs::read_to_string(&stamp).is_ok_and(|found| found == wanted);
    if current && repo.web().join("index.html").is_file() {
        ui::say("✓ console is up to date");
        return Ok(());
    }
    ui::say(&format!("… building the console (profile {})", mode.profile()));
    let mut cargo = process::cargo(repo);
    cargo.args([
        "build",
        "--package",
        APP,
        "--bin",
        APP,
        "--target",
        wasm::TARGET,
        "--profile",
        mode.profile(),
    ]);
    process::stream(&mut cargo)?;

    let files = ui::step("bind and pack the console", |_| {
        let parts = parts(repo, mode)?;
        let assets = page::assemble(parts)?;
        pack::pack(assets, mode)
    })?;
    write(&repo.web(), &files)?;
    if mode == Mode::Release {
        report(&files)?;
    }
    std::fs::write(&stamp, wanted)?;
    Ok(())
}

/// A fingerprint of everything that goes into the result.
fn fingerprint(repo: &Repo, mode: Mode) -> Result<String> {
    let mut inputs: Vec<PathBuf> =
        ["Cargo.toml", "Cargo.lock", "xtask/src/web.rs"].iter().map(|name| repo.root.join(name)).collect();
    for folder in ["frontend-yew", "messages", "xtask/src/web"] {
        inputs.extend(walk(&repo.root.join(folder), &["tests", "target", "node_modules"])?);
    }
    let compiler = process::capture(Command::new("rustc").current_dir(&repo.root).arg("-vV"))?;
    let mut texts = vec![mode.profile().as_bytes().to_vec(), compiler.into_bytes()];
    for input in inputs {
        texts.push(input.to_string_lossy().into_owned().into_bytes());
        texts.push(std::fs::read(&input).with_context(|| format!("cannot read {}", input.display()))?);
    }
    Ok(digest::of(texts.iter().map(Vec::as_slice)))
}

/// Reads what cargo, wasm-bindgen and the console's `static` folder give.
fn parts(repo: &Repo, mode: Mode) -> Result<page::Parts> {
    let built = repo.target.join(wasm::TARGET).join(mode.profile()).join(format!("{APP}.wasm"));
    let bound = repo.target.join("web-bound");
    if bound.exists() {
        std::fs::remove_dir_all(&bound)?;
    }
    Bindgen::new()
        .input_path(&built)
        .out_name("app")
        .web(true)?
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .omit_default_module_path(true)
        .generate(&bound)
        .with_context(|| format!("wasm-bindgen cannot process {}", built.display()))?;
    let statics = repo.root.join(APP).join("static");
    let mut parts = page::Parts {
        template: std::fs::read_to_string(statics.join("index.html"))
            .with_context(|| format!("cannot read {}", statics.join("index.html").display()))?,
        ..page::Parts::default()
    };
    for file in walk(&bound, &[])? {
        let bytes = std::fs::read(&file)?;
        match relative(&bound, &file)?.as_str() {
            "app.js" => parts.glue = bytes,
            "app_bg.wasm" => parts.wasm = bytes,
            other => parts.snippets.push((other.to_owned(), bytes)),
        }
    }
    for file in walk(&statics, &[])? {
        let name = relative(&statics, &file)?;
        let bytes = std::fs::read(&file)?;
        if name == "index.html" {
            continue;
        }
        if name.ends_with(".css") {
            let text = String::from_utf8(bytes).with_context(|| format!("{name} is not UTF-8"))?;
            parts.styles.push((name, text));
        } else {
            parts.statics.push((name, bytes));
        }
    }
    Ok(parts)
}

fn relative(base: &Path, file: &Path) -> Result<String> {
    let path = file.strip_prefix(base)?;
    Ok(path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))?.to_owned())
}

/// Makes the folder hold exactly `files`: new content first, the page that names it then, leftovers last.
fn write(folder: &Path, files: &[pack::Packed]) -> Result<()> {
    let mut kept = BTreeSet::new();
    for file in files
        .iter()
        .filter(|file| file.name != page::INDEX)
        .chain(files.iter().filter(|file| file.name == page::INDEX))
    {
        for (suffix, bytes) in file.variants() {
            let path = folder.join(format!("{}{suffix}", file.name));
            if !std::fs::read(&path).is_ok_and(|old| old == *bytes) {
                if let Some(parent) = path.parent() {
                    std::fs::create_dir_all(parent)?;
                }
                std::fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
            }
            kept.insert(path);
        }
    }
    for path in walk(folder, &[])? {
        if !kept.contains(&path) {
            std::fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// Shows what the first visit costs, and refuses a console that has grown too heavy.
fn report(files: &[pack::Packed]) -> Result<()> {
    let mut rows: Vec<Vec<String>> = files
        .iter()
        .map(|file| {
            vec![file.name.clone(), ui::short_size(file.raw.len() as u64), ui::short_size(file.on_the_wire())]
        })
        .collect();
    let total: u64 = files.iter().map(pack::Packed::on_the_wire).sum();
    let raw: u64 = files.iter().map(|file| file.raw.len() as u64).sum();
    rows.push(vec!["together".to_owned(), ui::short_size(raw), ui::short_size(total)]);
    ui::say(ui::table(&["console", "raw", "on the wire"], &rows).trim_end());
    if total > FIRST_LOAD_LIMIT {
        bail!(
            "the console weighs {} on the wire and may weigh {}; look for a new dependency or an unused font",
            ui::short_size(total),
            ui::short_size(FIRST_LOAD_LIMIT)
        );
    }
    Ok(())
}
