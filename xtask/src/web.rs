//! Builds the console: wasm by cargo, cut into what the first visit loads and what comes later, its JavaScript glue by
//! the wasm-bindgen library (whose version the lock file keeps equal to the one compiled in), names by content,
//! compressed ahead.
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
mod split;

/// The console's package and program.
const APP: &str = "frontend-yew";

/// First use of the console costs at most this much on the wire, fonts included (bar P-11). What to do when it is
/// passed stands in docs/adr/0019-console-in-two-modules.md.
const FIRST_LOAD_LIMIT: u64 = 300 * 1024;

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
        "rustc",
        "--package",
        APP,
        "--bin",
        APP,
        "--target",
        wasm::TARGET,
        "--profile",
        mode.profile(),
        "--",
        split::LINK_ARGUMENT,
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
    let cut = repo.target.join("web-split");
    for folder in [&bound, &cut] {
        if folder.exists() {
            std::fs::remove_dir_all(folder)?;
        }
    }
    let split::Split { first, link, later } = split::split(&built, &cut)?;
    Bindgen::new()
        .input_path(&first)
        .out_name("app")
        .web(true)?
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .omit_default_module_path(true)
        // The later modules share the function table, which the linker exports and wasm-bindgen would take away.
        .keep_lld_exports(true)
        .generate(&bound)
        .with_context(|| format!("wasm-bindgen cannot process {}", built.display()))?;
    let statics = repo.root.join(APP).join("static");
    let mut parts = page::Parts {
        template: std::fs::read_to_string(statics.join("index.html"))
            .with_context(|| format!("cannot read {}", statics.join("index.html").display()))?,
        link,
        later,
        ..page::Parts::default()
    };
    for file in walk(&bound, &[])? {
        let bytes = std::fs::read(&file)?;
        match relative(&bound, &file)?.as_str() {
            page::GLUE => parts.glue = bytes,
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

/// Shows what the first visit costs and what comes later, and refuses a console whose first visit has grown too heavy.
fn report(files: &[pack::Packed]) -> Result<()> {
    let (later, first): (Vec<_>, Vec<_>) = files.iter().partition(|file| page::comes_later(&file.name));
    let mut rows = Vec::new();
    let mut sums = [0; 2];
    for ((title, files), sum) in [("first visit", &first), ("later", &later)].into_iter().zip(&mut sums) {
        rows.extend(files.iter().map(|file| {
            vec![file.name.clone(), ui::short_size(file.raw.len() as u64), ui::short_size(file.on_the_wire())]
        }));
        *sum = files.iter().map(|file| file.on_the_wire()).sum::<u64>();
        let raw: u64 = files.iter().map(|file| file.raw.len() as u64).sum();
        rows.push(vec![title.to_owned(), ui::short_size(raw), ui::short_size(*sum)]);
    }
    ui::say(ui::table(&["console", "raw", "on the wire"], &rows).trim_end());
    if sums[0] > FIRST_LOAD_LIMIT {
        bail!(
            "the first visit to the console weighs {} on the wire and may weigh {}; look for a new dependency, an unused \
             font, or a page that pages/later.rs should draw",
            ui::short_size(sums[0]),
            ui::short_size(FIRST_LOAD_LIMIT)
        );
    }
    Ok(())
}
