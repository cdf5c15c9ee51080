//! Runs that wait: which of them may go out, which have waited too long, and their order. Pure.
//!
//! A run goes out when its agent is connected and gets work, and when neither the agent nor the retailer has its hands
//! full. What nobody pressed a button for also waits for other runs of its job, and for maintenance to end.

use std::collections::{HashMap, HashSet};

use messages::http::runs::{QueueQuery, Trigger};
use messages::run::{Actor, RunState};
use messages::{AgentId, CommandId, ErrorCode, JobId, Problem, RunId};

use super::super::request::Author;
use super::super::state::State;
use super::schedule::Staged;
use super::{Context, Decision, agents, runs};
use crate::domain::{Run, Write};
use crate::run::machine::Event;
use crate::schedule::plan::Windows;

/// The runs that wait, in the order in which they go out.
pub fn waiting<'a>(state: &'a State, query: &QueueQuery) -> Vec<&'a Run> {
    let of = |run: &&Run| {
        run.state == RunState::Queued
            && query.agent.is_none_or(|agent| run.agent_id == agent)
            && query.job.is_none_or(|job| run.job_id == job)
    };
    let mut runs: Vec<&Run> = state.open_runs().map(AsRef::as_ref).filter(of).collect();
    runs.sort_by_key(|run| (run.wait.place, run.id));
    runs
}

/// What is out, by whom.
#[derive(Default)]
struct Out {
    agents: HashMap<AgentId, u32>,
    jobs: HashSet<JobId>,
    all: u32,
}

impl Out {
    fn count(&mut self, run: &Run) {
        *self.agents.entry(run.agent_id).or_default() += 1;
        self.jobs.insert(run.job_id);
        self.all += 1;
    }
}

/// The runs that may go out now, in their order.
pub(super) fn ready(state: &State, cx: Context<'_>) -> Vec<RunId> {
    let Some(retailer) = &state.retailer else { return Vec::new() };
    let waiting = waiting(state, &QueueQuery::default());
    if waiting.is_empty() {
        return Vec::new();
    }
    let spec = &retailer.spec;
    let maintenance = !spec.maintenance.is_empty()
        && Windows::of(&spec.maintenance, &spec.time_zone)
            .is_ok_and(|windows| windows.held_until(cx.now).is_some());
    let mut out = Out::default();
    for run in state.open_runs().filter(|run| run.state != RunState::Queued) {
        out.count(run);
    }
    let mut ready = Vec::new();
    for run in waiting {
        let held = run.trigger != Trigger::Manual && (maintenance || out.jobs.contains(&run.job_id));
        let early = run.wait.not_before.is_some_and(|until| until > cx.now);
        let late = run.wait.expires_at.is_some_and(|end| end <= cx.now);
        let room = state.agents.get(&run.agent_id).is_some_and(|agent| {
            let hands = out.agents.get(&run.agent_id).copied().unwrap_or(0);
            agents::gets_work(state, agent)
                && cx.connections.conn(agent.id).is_some()
                && hands < agent.spec.most_runs
        });
        if room && !held && !early && !late && out.all < spec.most_runs {
            out.count(run);
            ready.push(run.id);
        }
    }
    ready
}

/// Sends what may go.
pub(super) fn send(staged: &mut Staged<'_>) {
    for id in ready(&staged.state, staged.cx) {
        if let Some(run) = staged.state.runs.get(&id).cloned() {
            staged.step(|_, cx, decision| runs::dispatch(&run, cx, decision));
        }
    }
}

/// What has just become free may be somebody's turn.
pub(super) fn refill(state: &State, cx: Context<'_>) -> Decision {
    if ready(state, cx).is_empty() {
        return Decision::default();
    }
    let mut staged = Staged::new(state, cx);
    send(&mut staged);
    staged.decision
}

/// Ends the runs that have waited too long.
pub(super) fn expire(staged: &mut Staged<'_>) {
    let now = staged.cx.now;
    let old = |run: &&&Run| run.wait.expires_at.is_some_and(|end| end <= now);
    let old: Vec<Run> =
        waiting(&staged.state, &QueueQuery::default()).iter().filter(old).map(|run| (*run).clone()).collect();
    for run in old {
        staged.step(|state, cx, decision| runs::cancel_by(state, &run, Event::Expired, cx, decision));
    }
}

/// Puts these runs first, in this order.
pub(super) fn reorder(state: &State, runs: &[RunId], cx: Context<'_>) -> Result<Decision, Problem> {
    let waiting = waiting(state, &QueueQuery::default());
    let named: HashSet<&RunId> = runs.iter().collect();
    if named.len() != runs.len() {
        return Err(Problem::new(ErrorCode::InvalidField, "a run is named twice; name each once"));
    }
    if let Some(gone) = runs.iter().find(|id| waiting.iter().all(|run| run.id != **id)) {
        let detail = format!("the run {gone} does not wait any more; read the queue again");
        return Err(Problem::new(ErrorCode::WrongState, detail));
    }
    let rest = waiting.iter().map(|run| run.id).filter(|id| !named.contains(id));
    let order: Vec<RunId> = runs.iter().copied().chain(rest).collect();
    // Below zero: what is made from now on comes after all of them.
    let first = -i64::try_from(order.len()).unwrap_or(i64::MAX);
    let places = order.iter().zip(first..);
    let writes = places.filter_map(|(id, place)| {
        let run = state.runs.get(id).filter(|run| run.wait.place != place)?;
        let mut moved = (**run).clone();
        moved.wait.place = place;
        moved.stamp = cx.touched(run.stamp);
        Some(Write::Run(moved))
    });
    Ok(Decision { writes: writes.collect(), ..Decision::default() })
}

/// Takes away what waits.
pub(super) fn purge(state: &State, query: &QueueQuery, author: &Author, cx: Context<'_>) -> Decision {
    let mut staged = Staged::new(state, cx);
    for run in waiting(state, query) {
        let by = Actor::User { id: author.id, name: author.name.clone() };
        staged.step(|state, cx, decision| {
            runs::cancel_by(state, run, Event::Cancel { by, command: CommandId::new() }, cx, decision);
        });
    }
    staged.decision
}
