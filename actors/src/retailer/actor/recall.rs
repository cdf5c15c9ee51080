//! Reports on runs that have left memory: the run is read back from the store before its report is decided on, so that
//! a late result still counts.

use std::collections::BTreeMap;
use std::sync::Arc;

use messages::agent::Fact;
use messages::{Problem, RunId};
use ractor::ActorRef;

use super::{Asked, RetailerMsg, State, admit};
use crate::domain::Run;
use crate::ports::StoreError;
use crate::retailer::request::Request;
use crate::retailer::state::State as Documents;

/// Runs that were read back; nothing, for one that the store does not have either.
#[derive(Default)]
pub(super) struct Recalled(BTreeMap<RunId, Option<Arc<Run>>>);

impl Recalled {
    /// Lays the runs beside those in memory, for a decision.
    pub(super) fn lay(&self, documents: &mut Documents) {
        for (id, run) in &self.0 {
            if let Some(run) = run {
                documents.runs.entry(*id).or_insert_with(|| run.clone());
            }
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

/// What has come of reading a run back.
pub struct Found {
    run: RunId,
    result: Result<Option<Run>, StoreError>,
    asked: Box<Asked>,
}

/// The first run of a request that has to be read back.
pub(super) fn wanted(state: &State, request: &Request) -> Option<RunId> {
    let Request::Reports { reports, .. } = request else { return None };
    let step =
        |fact: &Fact| matches!(fact, Fact::Started { .. } | Fact::Surveyed { .. } | Fact::Finished { .. });
    let known = |run: &RunId| state.documents.runs.contains_key(run) || state.recalled.0.contains_key(run);
    reports.iter().filter(|report| step(&report.fact)).map(|report| report.run_id).find(|run| !known(run))
}

/// Reads the run in a task; the request comes back with it.
pub(super) fn begin(me: &ActorRef<RetailerMsg>, state: &State, run: RunId, asked: Box<Asked>) {
    let (store, retailer, me) = (state.tools.store.clone(), state.retailer, me.clone());
    tokio::spawn(async move {
        let result = store.run(retailer, run).await;
        drop(me.cast(RetailerMsg::Recalled(Box::new(Found { run, result, asked }))));
    });
}

pub(super) fn found(me: &ActorRef<RetailerMsg>, state: &mut State, found: Found) {
    let Found { run, result, asked } = found;
    match result {
        Ok(stored) => {
            state.recalled.0.insert(run, stored.map(Arc::new));
            admit(me, state, asked);
        }
        Err(error) => drop(asked.reply.send(Err(Problem::from(error)))),
    }
}
