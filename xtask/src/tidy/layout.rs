//! Rules about where files stand.
//! Pure: paths in, findings out.

use std::collections::BTreeSet;

use super::Finding;
use super::source::Source;

/// Everything that may stand at the top. A newcomer reads the architecture off this list.
const TOP_LEVEL: &[&str] = &[
    ".cargo",
    ".ci",
    ".config",
    ".gitattributes",
    ".github",
    ".gitignore",
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "actors",
    "agent-node",
    "clippy.toml",
    "deny.toml",
    "docs",
    "edge-node",
    "frontend-yew",
    "hub-node",
    "k8s",
    "messages",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "xtask",
];

pub(super) fn only_declared_names(paths: &[String]) -> Vec<Finding> {
    let found: BTreeSet<&str> = paths.iter().map(|path| path.split('/').next().unwrap_or(path)).collect();
    found
        .into_iter()
        .filter(|name| !TOP_LEVEL.contains(name))
        .map(|name| {
            Finding::new(name, 1, "is not declared at the top level; it belongs into one of the folders")
        })
        .collect()
}

/// `name.rs` beside `name/`: an editor full of tabs called `mod.rs` helps nobody.
pub(super) fn no_mod_rs(source: &Source<'_>) -> Vec<Finding> {
    if source.path.ends_with("/mod.rs") {
        return vec![Finding::new(source.path, 1, "call it `name.rs` beside the folder `name/`")];
    }
    Vec::new()
}

/// Each file directly under `tests/` would be linked as a program of its own; one a crate is enough.
pub(super) fn one_test_binary(source: &Source<'_>) -> Vec<Finding> {
    let parts: Vec<&str> = source.path.split('/').collect();
    if let [_, "tests", file] = parts.as_slice()
        && file.ends_with(".rs")
    {
        return vec![Finding::new(
            source.path,
            1,
            "integration tests live in `tests/it/`, one binary a crate",
        )];
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_level_is_a_closed_list() {
        let paths = ["actors/src/lib.rs", "notes.txt", "scripts/a.sh", "Cargo.toml"].map(str::to_owned);
        let names: Vec<String> =
            only_declared_names(&paths).into_iter().map(|finding| finding.path).collect();
        assert_eq!(names, ["notes.txt", "scripts"]);
    }

    #[test]
    fn modules_and_test_binaries() {
        let bad = |rule: fn(&Source<'_>) -> Vec<Finding>, path| !rule(&Source::new(path, "")).is_empty();
        assert!(bad(no_mod_rs, "actors/src/a/mod.rs"));
        assert!(!bad(no_mod_rs, "actors/src/a/model.rs"));
        assert!(bad(one_test_binary, "hub-node/tests/store.rs"));
        assert!(!bad(one_test_binary, "hub-node/tests/it/store.rs"));
        assert!(!bad(one_test_binary, "hub-node/tests/browser/story.mjs"));
    }
}
