//! `cargo xtask faults`: the long form of the cluster's fault harness, which is a test of the hub
//! (`hub-node/tests/it/faults.rs`); with `--edges` of the store edges' one (`hub-node/tests/it/process/edge/faults.rs`). The
//! short forms run with all other tests. It is run without the test runner, whose time limits are made for minutes.

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
    /// A store edge with five tills and its hub instead of a cluster; one seed at a time.
    #[arg(long)]
    edges: bool,
}

impl Options {
    /// What the test reads.
    fn variables(&self) -> Vec<(String, String)> {
        let of = if self.edges { "GROCERYSYNC_EDGE_FAULT" } else { "GROCERYSYNC_FAULT" };
        let mut variables = vec![(format!("{of}_SECONDS"), self.seconds.to_string())];
        match self.seed {
            Some(seed) => variables.push((format!("{of}_SEED"), seed.to_string())),
            None => variables.extend([
                (format!("{of}_SEEDS"), self.seeds.to_string()),
                (format!("{of}_FROM"), self.from.to_string()),
            ]),
        }
        variables
    }

    const fn test(&self) -> &'static str {
        if self.edges { "process_faults_of_edges" } else { "process_faults_lose" }
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
    cargo.args(["test", "--quiet", "--workspace", "--test", "it", options.test(), "--", "--nocapture"]);
    cargo.env(store::VARIABLE, store).envs(options.variables());
    process::stream(&mut cargo)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_or_many_of_a_cluster_or_of_edges() {
        let names = |seed, edges| {
            let options = Options { seeds: 300, from: 1, seed, seconds: 20, edges };
            options.variables().into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        let (span, one) = ("GROCERYSYNC_FAULT_SECONDS", "GROCERYSYNC_FAULT_SEED");
        assert_eq!(names(Some(7), false), [span, one]);
        assert_eq!(names(None, false), [span, "GROCERYSYNC_FAULT_SEEDS", "GROCERYSYNC_FAULT_FROM"]);
        let (span, one) = ("GROCERYSYNC_EDGE_FAULT_SECONDS", "GROCERYSYNC_EDGE_FAULT_SEED");
        assert_eq!(names(Some(7), true), [span, one]);
    }
}
