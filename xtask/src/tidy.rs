//! Holds the rules of how this project is written, as far as a program can.
//! Each rule is a small function from texts to findings; this file reads the checkout and prints.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};

use crate::repo::Repo;
use crate::ui;

mod code;
mod docs;
mod imports;
mod layout;
mod source;
mod text;

use source::Source;

/// Files read whole; anything larger in git is a mistake in itself.
const LARGEST_FILE: u64 = 4 * 1024 * 1024;

/// One breach of one rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    path: String,
    line: usize,
    why: String,
}

impl Finding {
    fn new(path: &str, line: usize, why: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, why: why.into() }
    }
}

/// Rules that look at one file.
const FILE_RULES: &[fn(&Source<'_>) -> Vec<Finding>] = &[
    text::no_tabs_or_trailing_space,
    text::ends_with_newline,
    text::names_no_private_place,
    layout::no_mod_rs,
    layout::one_test_binary,
    code::opens_with_its_purpose,
    code::not_too_long,
    code::no_skipped_tests,
    code::exceptions_are_expected,
    code::tests_wait_for_conditions,
    code::no_float_money,
    code::child_events_in_one_place,
    imports::database_in_the_store_only,
    imports::pure_files_stay_pure,
    imports::actors_reach_out_through_ports,
];

/// Checks the whole checkout.
pub(crate) fn run(repo: &Repo) -> Result<()> {
    let findings = ui::step("tidy", |step| {
        let files = repo.files()?;
        let findings = check(repo, &files)?;
        step.result(format!("{} files", files.len()));
        if !findings.is_empty() {
            for finding in &findings {
                ui::say(&format!("{}:{}: {}", finding.path, finding.line, finding.why));
            }
            bail!("{} findings; each rule's reason stands in xtask/src/tidy/", findings.len());
        }
        Ok(findings)
    })?;
    debug_assert!(findings.is_empty());
    Ok(())
}

fn check(repo: &Repo, files: &[String]) -> Result<Vec<Finding>> {
    let mut findings = layout::only_declared_names(files);
    let mut texts = BTreeMap::new();
    for path in files {
        let full = repo.root.join(path);
        let size = std::fs::metadata(&full).with_context(|| format!("cannot read {path}"))?.len();
        if size > LARGEST_FILE {
            findings.push(Finding::new(path, 1, "larger than 4 MiB; git is no place for it"));
            continue;
        }
        if let Ok(text) = String::from_utf8(std::fs::read(&full)?)
            && !text.contains('\0')
        {
            texts.insert(path.as_str(), text);
        }
    }
    for (path, text) in &texts {
        let source = Source::new(path, text);
        for rule in FILE_RULES {
            findings.extend(rule(&source));
        }
        if path.ends_with("Cargo.toml") {
            findings.extend(imports::arrows(path, text)?);
        }
        if path.ends_with(".md") {
            findings.extend(docs::links_lead_somewhere(&source, |target| repo.root.join(target).exists()));
        }
    }
    findings.sort();
    Ok(findings)
}
