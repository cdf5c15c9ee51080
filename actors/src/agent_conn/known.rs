//! Whose runs an agent reports on, and how many rejected items of each are kept: read once for each run and socket.
//!
//! A cache and nothing else: [`MOST`] runs, and then it begins anew.

use std::collections::BTreeMap;

use messages::run::{LogLine, Reject};
use messages::{AgentId, Problem, RetailerId, RunId};

use crate::ports::TenantStore;

/// More than an agent has open, and some that are over.
const MOST: usize = 512;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Known(BTreeMap<RunId, Of>);

#[derive(Debug, Clone, Copy)]
struct Of {
    /// The run is this agent's.
    own: bool,
    /// Rejected items that are kept of it, at most; not known before the first.
    rejects: Option<u64>,
}

impl Known {
    /// Keeps the lines of the agent's own runs.
    pub(super) async fn own_lines(
        &mut self,
        at: &Place<'_>,
        lines: Vec<LogLine>,
    ) -> Result<Vec<LogLine>, Problem> {
        let mut own = Vec::with_capacity(lines.len());
        for line in lines {
            if self.of(at, line.run_id).await?.own {
                own.push(line);
            }
        }
        Ok(own)
    }

    /// Keeps the rejected items of the agent's own runs, as far as there is room for them.
    pub(super) async fn own_rejects(
        &mut self,
        at: &Place<'_>,
        rejects: Vec<Reject>,
    ) -> Result<Vec<Reject>, Problem> {
        let mut own = Vec::with_capacity(rejects.len());
        for reject in rejects {
            let run = reject.run_id;
            let of = self.of(at, run).await?;
            if !of.own {
                continue;
            }
            let mut kept = of.rejects.unwrap_or(Reject::MAX_KEPT);
            if kept >= Reject::MAX_KEPT {
                // Not known yet, or counted twice: what an earlier attempt told takes no second place. What this frame
                // adds is not in the store yet.
                let added = own.iter().filter(|added: &&Reject| added.run_id == run).count() as u64;
                kept = at.store.count_rejects(at.retailer, run).await? + added;
            }
            if kept < Reject::MAX_KEPT {
                kept += 1;
                own.push(reject);
            }
            self.0.insert(run, Of { rejects: Some(kept), ..of });
        }
        Ok(own)
    }

    /// Is the run the agent's, as far as that has been asked?
    pub(super) fn is_own(&self, run: RunId) -> bool {
        self.0.get(&run).is_some_and(|of| of.own)
    }

    async fn of(&mut self, at: &Place<'_>, run: RunId) -> Result<Of, Problem> {
        if let Some(of) = self.0.get(&run) {
            return Ok(*of);
        }
        let found = at.store.run(at.retailer, run).await?;
        let of = Of { own: found.is_some_and(|run| run.agent_id == at.agent), rejects: None };
        if !of.own {
            tracing::warn!(agent = %at.agent, %run, "an agent reports on a run that is not its own; nothing of that is kept");
        }
        if self.0.len() >= MOST {
            self.0.clear();
        }
        self.0.insert(run, of);
        Ok(of)
    }
}

/// Whose reports, and where they are kept.
pub(super) struct Place<'a> {
    pub(super) store: &'a dyn TenantStore,
    pub(super) retailer: RetailerId,
    pub(super) agent: AgentId,
}
