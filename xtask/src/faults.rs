//! `cargo xtask faults`: the long form of the cluster's fault harness, which is a test of the hub
//! (`hub-node/tests/it/faults.rs`). The short form runs with all other tests. It is run without the test runner, whose
//! time limits are made for minutes.

use anyhow::Result;

use crate::process;
use crate::repo::Repo;
use crate::test;
use crate::tools::{Cache, debian, store};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How many schedules to play; two at a time, about half a minute each.
    #[arg(long, default_value_t = 300)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Play this seed only.
    #[arg(long, conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
    /// New faults come for so many seconds; the tests' own short form has 5. A seed is another schedule with another number.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
}

impl Options {
    /// What the test reads.
    fn variables(&self) -> Vec<(&'static str, String)> {
        let mut variables = vec![("GROCERYSYNC_FAULT_SECONDS", self.seconds.to_string())];
        match self.seed {
            Some(seed) => variables.push(("GROCERYSYNC_FAULT_SEED", seed.to_string())),
            None => variables.extend([
                ("GROCERYSYNC_FAULT_SEEDS", self.seeds.to_string()),
                ("GROCERYSYNC_FAULT_FROM", self.from.to_string()),
            ]),
        }
        variables
    }
}

pub(crate) fn run(repo: &Repo, options: &Options) -> Result<()> {
    let cache = Cache::open()?;
    debian::ready(&cache, &[debian::C_COMPILER, debian::CMAKE, debian::ZLIB])?;
    debian::ready(&cache, &debian::FAULTS)?;
    let store = store::ready(&cache)?;
    test::build(repo)?;
    let mut cargo = process::cargo(repo);
    // All crates, so that nothing is built with other features; the name is one test's.
    cargo.args([
        "test",
        "--quiet",
        "--workspace",
        "--test",
        "it",
        "process_faults_lose",
        "--",
        "--nocapture",
    ]);
    cargo.env(store::VARIABLE, store).envs(options.variables());
    process::stream(&mut cargo)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_or_many() {
        let names = |seed| {
            let options = Options { seeds: 300, from: 1, seed, seconds: 20 };
            options.variables().into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        let (span, one) = ("GROCERYSYNC_FAULT_SECONDS", "GROCERYSYNC_FAULT_SEED");
        assert_eq!(names(Some(7)), [span, one]);
        assert_eq!(names(None), [span, "GROCERYSYNC_FAULT_SEEDS", "GROCERYSYNC_FAULT_FROM"]);
    }
}
