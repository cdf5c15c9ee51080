//! Rules about who may know whom: between crates by their manifests, inside them by what files mention.
//! Pure: text in, findings out.

use anyhow::{Context, Result};

use super::Finding;
use super::source::{Source, mentions, without_comment};

/// What a crate of ours may depend on: others of ours (a closed list), and not on these foreign ones.
struct Arrows {
    krate: &'static str,
    ours: &'static [&'static str],
    never: &'static [&'static str],
}

/// `messages` ← `actors` ← the nodes; the console and the agent's readers see only `messages`.
const ARROWS: &[Arrows] = &[
    Arrows {
        krate: "messages",
        ours: &[],
        never: &["tokio", "ractor", "ractor_cluster", "mongodb", "bson", "rusqlite", "warp", "hyper"],
    },
    Arrows {
        krate: "actors",
        ours: &["messages"],
        never: &["mongodb", "bson", "rusqlite", "warp", "tonic", "hyper"],
    },
    Arrows {
        krate: "hub-node",
        ours: &["messages", "actors"],
        never: &["rusqlite", "async-ssh2-tokio", "russh-sftp"],
    },
    Arrows {
        krate: "agent-node",
        ours: &["messages", "actors"],
        // Foreign drivers are in programs beside it.
        never: &["mongodb", "bson", "warp", "odbc-api", "rsfbclient-rust"],
    },
    Arrows {
        krate: "agent-reader",
        ours: &["messages"],
        never: &["tokio", "mongodb", "bson", "rusqlite", "warp", "hyper"],
    },
    Arrows { krate: "edge-node", ours: &["messages", "actors"], never: &["mongodb", "bson"] },
    Arrows {
        krate: "frontend-yew",
        ours: &["messages"],
        never: &["tokio", "ractor", "mongodb", "bson", "rusqlite", "warp", "hyper"],
    },
    Arrows { krate: "xtask", ours: &["messages"], never: &["mongodb", "ractor", "warp"] },
];

/// Checks one crate's manifest against the arrows.
pub(super) fn arrows(path: &str, text: &str) -> Result<Vec<Finding>> {
    let manifest: toml::Table = text.parse().with_context(|| format!("{path} is not TOML"))?;
    let Some(name) =
        manifest.get("package").and_then(|package| package.get("name")).and_then(toml::Value::as_str)
    else {
        return Ok(Vec::new());
    };
    let Some(rule) = ARROWS.iter().find(|arrows| arrows.krate == name) else {
        return Ok(vec![Finding::new(
            path,
            1,
            format!("crate {name} is in no arrow; add it to xtask/src/tidy/imports.rs"),
        )]);
    };
    let mut findings = Vec::new();
    for (dependency, from_workspace) in dependencies(&manifest) {
        let is_ours = ARROWS.iter().any(|arrows| arrows.krate == dependency);
        let line = text.lines().position(|line| line.starts_with(&dependency)).map_or(1, |at| at + 1);
        if (is_ours && !rule.ours.contains(&dependency.as_str())) || rule.never.contains(&dependency.as_str())
        {
            findings.push(Finding::new(path, line, format!("{name} may not know {dependency}")));
        }
        if !from_workspace {
            let why = format!(
                "take {dependency} from [workspace.dependencies], so that all crates have one version"
            );
            findings.push(Finding::new(path, line, why));
        }
    }
    Ok(findings)
}

/// Names of all dependencies, whatever they are for and on whatever platform, and whether the workspace
/// chose the version.
fn dependencies(manifest: &toml::Table) -> Vec<(String, bool)> {
    let mut tables = vec![manifest];
    if let Some(targets) = manifest.get("target").and_then(toml::Value::as_table) {
        tables.extend(targets.values().filter_map(toml::Value::as_table));
    }
    let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
    tables
        .into_iter()
        .flat_map(|table| kinds.iter().filter_map(|kind| table.get(*kind).and_then(toml::Value::as_table)))
        .flat_map(|dependencies| {
            dependencies.iter().map(|(name, value)| {
                let from_workspace = value.get("workspace").and_then(toml::Value::as_bool).unwrap_or(false);
                let name = value.get("package").and_then(toml::Value::as_str).unwrap_or(name);
                (name.to_owned(), from_workspace)
            })
        })
        .collect()
}

/// Lines of code, comments cut, that mention one of the words.
fn lines_that_mention<'a>(
    lines: impl Iterator<Item = (usize, &'a str)>,
    words: &'static [&'static str],
) -> impl Iterator<Item = (usize, &'static str)> {
    lines.filter_map(move |(number, line)| {
        let code = without_comment(line);
        words.iter().find(|word| mentions(code, word)).map(|word| (number, *word))
    })
}

/// Only the store knows the database; so a query that is bound to no retailer cannot be written elsewhere. The agent's
/// source of SQLite reads files of others.
pub(super) fn database_in_the_store_only(source: &Source<'_>) -> Vec<Finding> {
    const DATABASE: &[&str] = &["mongodb::", "bson::", "use mongodb", "use bson", "rusqlite::"];
    // An example is never shipped: the benches' reference is the driver itself.
    let places = [
        "hub-node/src/store",
        "edge-node/src/store",
        "agent-node/src/connector/sql/",
        "agent-node/tests/",
        "hub-node/examples/",
    ];
    let allowed = places.iter().any(|place| source.path.starts_with(place));
    if !source.is_rust() || source.states_rules() || allowed {
        return Vec::new();
    }
    lines_that_mention(source.body(), DATABASE)
        .map(|(number, word)| {
            Finding::new(source.path, number, format!("{word} outside the node's store module"))
        })
        .collect()
}

/// What decides does no I/O and reads no clock: then it is tested as a table of cases.
/// A file declares itself by the word `Pure:` in its opening comment.
pub(super) fn pure_files_stay_pure(source: &Source<'_>) -> Vec<Finding> {
    const IMPURE: &[&str] = &[
        "tokio::",
        "ractor::",
        "mongodb::",
        "std::fs",
        // Addresses are data; these are not.
        "TcpStream",
        "TcpListener",
        "UdpSocket",
        "ToSocketAddrs",
        "std::process",
        "SystemTime",
        "Instant::now",
        "rand::",
        "thread::sleep",
    ];
    let pure =
        source.text.lines().take_while(|line| line.starts_with("//!")).any(|line| line.contains("Pure:"));
    if !source.is_rust() || source.states_rules() || !pure {
        return Vec::new();
    }
    lines_that_mention(source.body(), IMPURE)
        .map(|(number, word)| {
            Finding::new(
                source.path,
                number,
                format!("the file says it is pure and mentions {word}; pass the value in"),
            )
        })
        .collect()
}

/// The actors know no files and no sockets; they ask through the traits in `actors/src/ports.rs`.
pub(super) fn actors_reach_out_through_ports(source: &Source<'_>) -> Vec<Finding> {
    const OUTSIDE: &[&str] =
        &["std::fs", "std::net", "std::process", "std::env", "tokio::fs", "tokio::net", "tokio::process"];
    if !source.is_rust() || !source.path.starts_with("actors/src/") {
        return Vec::new();
    }
    lines_that_mention(source.body(), OUTSIDE)
        .map(|(number, word)| {
            Finding::new(source.path, number, format!("actors may not use {word}; ask through a port"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(rule: fn(&Source<'_>) -> Vec<Finding>, path: &str, text: &str) -> Vec<usize> {
        rule(&Source::new(path, text)).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn arrows_point_one_way() {
        let reasons = |text: &str| -> Vec<String> {
            arrows("x/Cargo.toml", text).unwrap().into_iter().map(|finding| finding.why).collect()
        };
        assert!(
            reasons("[package]\nname = \"actors\"\n[dependencies]\nmessages.workspace = true\n").is_empty()
        );
        assert_eq!(
            reasons(
                "[package]\nname = \"messages\"\n[dependencies]\nactors.workspace = true\n[dev-dependencies]\ntokio = { workspace = true }\n"
            ),
            ["messages may not know actors", "messages may not know tokio"]
        );
        assert_eq!(
            reasons(
                "[package]\nname = \"actors\"\n[target.'cfg(unix)'.dependencies]\ndb = { package = \"mongodb\", version = \"3\" }\n"
            )
            .len(),
            2,
            "neither allowed nor from the workspace"
        );
        assert_eq!(
            reasons("[package]\nname = \"frontend-yew\"\n[dependencies]\nactors.workspace = true\n"),
            ["frontend-yew may not know actors"]
        );
        assert_eq!(reasons("[package]\nname = \"xtask\"\n[dependencies]\nureq = \"3\"\n").len(), 1);
        assert_eq!(reasons("[package]\nname = \"newcomer\"\n").len(), 1);
        assert!(reasons("[workspace]\nmembers = []\n").is_empty());
    }

    #[test]
    fn the_database_stays_in_the_store() {
        let text = "use mongodb::bson::doc;\n// mongodb:: in words\n";
        assert_eq!(lines(database_in_the_store_only, "hub-node/src/http.rs", text), [1]);
        assert_eq!(lines(database_in_the_store_only, "hub-node/src/http.rs", "use mongodb as db;\n"), [1]);
        assert!(lines(database_in_the_store_only, "hub-node/src/store/runs.rs", text).is_empty());
        assert!(lines(database_in_the_store_only, "hub-node/src/store.rs", text).is_empty());
        assert!(lines(database_in_the_store_only, "hub-node/tests/it/crash.rs", text).is_empty());
    }

    #[test]
    fn pure_files() {
        let impure = "use std::time::Instant;\nfn f() { Instant::now(); }\nuse tokio::fs;\n#[cfg(test)]\nmod tests {\n use std::fs;\n}\n";
        assert_eq!(
            lines(pure_files_stay_pure, "a/src/a.rs", &format!("//! A plan.\n//! Pure: no I/O.\n{impure}")),
            [4, 5]
        );
        assert!(lines(pure_files_stay_pure, "a/src/a.rs", &format!("//! A plan.\n{impure}")).is_empty());
    }

    #[test]
    fn actors_use_ports() {
        assert_eq!(lines(actors_reach_out_through_ports, "actors/src/run.rs", "use std::fs::File;\n"), [1]);
        assert!(
            lines(actors_reach_out_through_ports, "agent-node/src/run.rs", "use std::fs::File;\n").is_empty()
        );
    }
}
