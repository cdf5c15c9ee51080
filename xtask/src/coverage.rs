//! `cargo xtask coverage`: how much of each crate its tests run through, pure files apart from the rest.
//! Prints a table, writes `target/coverage/`. Shown, not worshipped: nothing fails on a figure.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::process;
use crate::repo::Repo;
use crate::tools::crates::{LLVM_COV, NEXTEST};
use crate::tools::{Cache, TestTools};
use crate::ui;
use crate::web;

/// Crates whose tests are Rust tests; the console is judged in a browser, this tool by what it does.
const CRATES: &[&str] = &["messages", "actors", "agent-node", "hub-node", "edge-node"];

/// In percent of the lines.
const PURE_WANTED: f64 = 95.0;
const REST_WANTED: f64 = 90.0;

#[derive(Debug, Default, clap::Args)]
pub(crate) struct Options {
    /// Only this crate; may be given several times.
    #[arg(long, short)]
    package: Vec<String>,
}

pub(crate) fn run(repo: &Repo, options: &Options) -> Result<()> {
    let cache = Cache::open()?;
    let tools = TestTools::ready(repo, &cache)?;
    let runner = process::find_program(&[NEXTEST.binary], &[]).map_or_else(|| NEXTEST.install(&cache), Ok)?;
    let program = LLVM_COV.install(&cache)?;
    ui::step("add llvm-tools to the compiler (once)", |_| {
        process::capture(Command::new("rustup").current_dir(&repo.root).args([
            "component",
            "add",
            "llvm-tools",
        ]))
        .context("the tools come with rustup; another compiler must bring its own")
    })?;
    let crates: Vec<&str> = CRATES
        .iter()
        .copied()
        .filter(|name| options.package.is_empty() || options.package.iter().any(|wanted| wanted == name))
        .filter(|name| repo.root.join(name).join("Cargo.toml").is_file())
        .collect();
    if crates.contains(&"hub-node") {
        web::build(repo, web::Mode::Release)?;
    }
    let folder = repo.root.join("target").join("coverage");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;

    let call = |words: &[&str]| {
        let mut command = process::builder(repo, &program);
        command.arg("llvm-cov").args(words).envs(tools.environment());
        // It asks cargo for its subcommand.
        let mut path: Vec<PathBuf> = runner.parent().map(Path::to_path_buf).into_iter().collect();
        path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
        if let Ok(joined) = std::env::join_paths(path) {
            command.env("PATH", joined);
        }
        command
    };
    let mut tests = call(&["--no-report", "nextest"]);
    for name in &crates {
        tests.args(["--package", name]);
    }
    process::stream(&mut tests)?;
    let summary = folder.join("summary.json");
    let mut report = call(&["report", "--json", "--summary-only", "--output-path"]);
    process::stream(report.arg(&summary))?;
    process::stream(call(&["report", "--html", "--output-dir"]).arg(&folder))?;

    let text = std::fs::read_to_string(&summary).context("the summary of the coverage is missing")?;
    let files = files(&text, &repo.root, |path| {
        std::fs::read_to_string(path).is_ok_and(|text| says_it_is_pure(&text))
    })?;
    let files: Vec<FileLines> =
        files.into_iter().filter(|file| crates.contains(&file.crate_name.as_str())).collect();
    ui::say("");
    ui::say(table(&files).trim_end());
    for line in short_of(&files) {
        ui::say(&line);
    }
    ui::say("written to target/coverage/summary.json and target/coverage/html");
    Ok(())
}

/// Lines of one source file.
#[derive(Debug, Clone, PartialEq)]
struct FileLines {
    crate_name: String,
    /// Below the top of the checkout.
    path: String,
    pure: bool,
    lines: u64,
    covered: u64,
}

/// What is used of the report's form.
#[derive(Deserialize)]
struct Export {
    data: Vec<ExportData>,
}

#[derive(Deserialize)]
struct ExportData {
    files: Vec<ExportFile>,
}

#[derive(Deserialize)]
struct ExportFile {
    filename: PathBuf,
    summary: ExportSummary,
}

#[derive(Deserialize)]
struct ExportSummary {
    lines: ExportLines,
}

#[derive(Deserialize)]
struct ExportLines {
    count: u64,
    covered: u64,
}

/// The source files of the report: without tests, what serves them, examples, and `main`s.
fn files(json: &str, root: &Path, is_pure: impl Fn(&Path) -> bool) -> Result<Vec<FileLines>> {
    let export: Export = serde_json::from_str(json).context("the summary of the coverage cannot be read")?;
    let all = export.data.into_iter().flat_map(|data| data.files);
    let counted = all.filter_map(|file| {
        let below = file.filename.strip_prefix(root).ok()?;
        let path = below.to_str()?.replace('\\', "/");
        let (crate_name, within) = path.split_once("/src/")?;
        let aside =
            within.split('/').any(|part| matches!(part, "tests" | "tests.rs" | "testkit" | "testkit.rs"));
        (!aside && within != "main.rs").then(|| FileLines {
            crate_name: crate_name.to_owned(),
            pure: is_pure(&file.filename),
            lines: file.summary.lines.count,
            covered: file.summary.lines.covered,
            path: path.clone(),
        })
    });
    Ok(counted.collect())
}

/// The word stands in the comment that opens the file.
fn says_it_is_pure(text: &str) -> bool {
    let mut words = text
        .lines()
        .take_while(|line| line.starts_with("//!"))
        .flat_map(|line| line.split(|c: char| !c.is_alphanumeric()));
    words.any(|word| word == "Pure")
}

fn percent(covered: u64, lines: u64) -> f64 {
    if lines == 0 {
        return 100.0;
    }
    // A count of lines fits a float exactly.
    #[expect(clippy::cast_precision_loss, reason = "fewer lines than 2^52")]
    let share = covered as f64 / lines as f64;
    share * 100.0
}

fn table(files: &[FileLines]) -> String {
    let mut sums: BTreeMap<(&str, bool), (u64, u64, u64)> = BTreeMap::new();
    for file in files {
        // Pure files first.
        let sum = sums.entry((&file.crate_name, !file.pure)).or_default();
        *sum = (sum.0 + 1, sum.1 + file.lines, sum.2 + file.covered);
    }
    let rows: Vec<Vec<String>> = sums
        .iter()
        .map(|((name, rest), (count, lines, covered))| {
            let wanted = if *rest { REST_WANTED } else { PURE_WANTED };
            let found = percent(*covered, *lines);
            vec![
                (*name).to_owned(),
                if *rest { "the rest" } else { "pure" }.to_owned(),
                count.to_string(),
                lines.to_string(),
                format!("{found:.1} %"),
                format!("{wanted:.0} %"),
                if found >= wanted { "✓" } else { "✗" }.to_owned(),
            ]
        })
        .collect();
    ui::table(&["crate", "files", "number", "lines", "covered", "wanted", ""], &rows)
}

/// Pure files with too little, the worst first.
fn short_of(files: &[FileLines]) -> Vec<String> {
    let mut short: Vec<_> =
        files.iter().filter(|file| file.pure && percent(file.covered, file.lines) < PURE_WANTED).collect();
    short.sort_by_key(|file| std::cmp::Reverse(file.lines - file.covered));
    let told = |file: &&FileLines| {
        let (missing, share) = (file.lines - file.covered, percent(file.covered, file.lines));
        format!("pure, and {missing} lines without a test ({share:.1} %): {}", file.path)
    };
    short.iter().map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = r#"{"data":[{"files":[
        {"filename":"/top/a/src/plan.rs","summary":{"lines":{"count":20,"covered":10,"percent":50.0}}},
        {"filename":"/top/a/src/act.rs","summary":{"lines":{"count":10,"covered":10}}},
        {"filename":"/top/a/src/main.rs","summary":{"lines":{"count":10,"covered":0}}},
        {"filename":"/top/a/src/plan/tests.rs","summary":{"lines":{"count":10,"covered":10}}},
        {"filename":"/top/a/tests/it/x.rs","summary":{"lines":{"count":10,"covered":10}}},
        {"filename":"/elsewhere/b/src/x.rs","summary":{"lines":{"count":10,"covered":10}}}
    ],"totals":{}}],"type":"llvm.coverage.json.export","version":"3.0.1"}"#;

    #[test]
    fn pure_files_are_told_from_the_rest_and_tests_are_left_out() {
        let found = files(JSON, Path::new("/top"), |path| path.ends_with("plan.rs")).unwrap();
        let told: Vec<_> = found.iter().map(|file| (file.path.as_str(), file.pure, file.covered)).collect();
        assert_eq!(told, [("a/src/plan.rs", true, 10), ("a/src/act.rs", false, 10)]);
        let shown = table(&found);
        assert!(shown.contains("50.0 %") && shown.contains("100.0 %"), "{shown}");
        assert_eq!(short_of(&found), ["pure, and 10 lines without a test (50.0 %): a/src/plan.rs"]);
    }

    #[test]
    fn the_word_counts_in_the_opening_comment_only() {
        for (text, pure) in [
            ("//! A plan. Pure.\nuse x;", true),
            ("//! A plan.\n//! Pure: text in, text out.\n", true),
            ("//! A pureed plan.\n", false),
            ("//! Acts.\n\n//! Pure.\n", false),
        ] {
            assert_eq!(says_it_is_pure(text), pure, "{text}");
        }
    }

    #[test]
    fn nothing_is_wholly_covered() {
        assert!((percent(0, 0) - 100.0).abs() < f64::EPSILON);
    }
}
