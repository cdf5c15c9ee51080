//! Runs that the guard has stopped: approving one, refusing one. And what an agent must be able to do before it is
//! given a run. Pure.

use messages::export::{self, ExportOrder, Harm, Verdict};
use messages::http::agents::Machine;
use messages::http::runs::Trigger;
use messages::mapping::{self, Mapping};
use messages::run::{Actor, RunState};
use messages::{ErrorCode, Problem, RunId};

use super::super::request::Author;
use super::super::state::State;
use super::runs::{self, Origin};
use super::{Context, Decision};
use crate::domain::{EntityId, Run, Write};

/// An agent that does not know what its job asks of it would send everything, unguarded: it gets no such run.
pub fn fits(order: &ExportOrder, mapping: &Mapping, machine: Option<&Machine>) -> Result<(), Problem> {
    let Some(machine) = machine else { return Ok(()) };
    if !mapping.is_empty() && !machine.knows(mapping::CAPABILITY) {
        let detail = format!(
            "the agent's version {} cannot carry out mappings, which this run needs; update the agent",
            machine.agent_version
        );
        return Err(Problem::new(ErrorCode::AgentTooOld, detail));
    }
    if !order.is_plain() && !machine.knows(export::CAPABILITY) {
        let detail = format!(
            "the agent's version {} cannot compare with what was delivered before, which this run needs; update the \
             agent, or have the job send everything without a guard",
            machine.agent_version
        );
        return Err(Problem::new(ErrorCode::AgentTooOld, detail));
    }
    Ok(())
}

/// Starts a run that may do the harm that the guard found in this one, and no more.
pub(super) fn approve(
    state: &State,
    id: RunId,
    run: RunId,
    author: &Author,
    cx: Context<'_>,
) -> Result<Decision, Problem> {
    let stopped = stopped(state, id)?;
    match &stopped.verdict {
        Some(Verdict { approved_by_run: Some(run), .. }) => {
            return Ok(Decision::entity(EntityId::Run(*run), Vec::new()));
        }
        Some(_) => return Err(decided("refused", stopped)),
        None => {}
    }
    let harm = stopped.survey.as_ref().map(|survey| survey.harm);
    let by = Actor::User { id: author.id, name: author.name.clone() };
    let origin = Origin::of(Trigger::Manual, by, Some(note(harm))).approving(stopped, harm);
    let mut decision = Decision::entity(EntityId::Run(run), Vec::new());
    runs::make(state, stopped.job_id, run, origin, cx, &mut decision)?;
    decision.writes.push(judged(stopped, Some(run), author, cx));
    Ok(decision)
}

/// Records that the run shall not be done.
pub(super) fn refuse(
    state: &State,
    id: RunId,
    author: &Author,
    cx: Context<'_>,
) -> Result<Decision, Problem> {
    let stopped = stopped(state, id)?;
    match &stopped.verdict {
        Some(Verdict { approved_by_run: Some(_), .. }) => Err(decided("approved", stopped)),
        Some(_) => Ok(Decision::entity(EntityId::Run(id), Vec::new())),
        None => Ok(Decision::entity(EntityId::Run(id), vec![judged(stopped, None, author, cx)])),
    }
}

fn stopped(state: &State, id: RunId) -> Result<&Run, Problem> {
    let gone = || {
        let detail =
            "there is no such run among the latest ones; run its job again to see what it would do now";
        Problem::new(ErrorCode::NotFound, detail)
    };
    let run = state.runs.get(&id).ok_or_else(gone)?;
    let waits = run.state == RunState::Failed
        && run.failure.as_ref().is_some_and(|failure| failure.code == ErrorCode::NeedsApproval);
    if waits {
        Ok(run)
    } else {
        Err(Problem::new(ErrorCode::WrongState, "the run does not wait for an approval"))
    }
}

fn judged(stopped: &Run, approved_by_run: Option<RunId>, author: &Author, cx: Context<'_>) -> Write {
    let verdict = Verdict { at: cx.now, user_id: author.id, user_name: author.name.clone(), approved_by_run };
    Write::Run(Run { verdict: Some(verdict), stamp: cx.touched(stopped.stamp), ..stopped.clone() })
}

fn decided(how: &str, run: &Run) -> Problem {
    let by = run.verdict.as_ref().map_or("somebody", |verdict| verdict.user_name.as_str());
    Problem::new(ErrorCode::WrongState, format!("the run was {how} by {by} already"))
}

fn note(harm: Option<Harm>) -> String {
    let Harm { vanished, zeroed, repriced } = harm.unwrap_or_default();
    format!(
        "approved: up to {vanished} articles vanish, {zeroed} drop to zero stock, {repriced} change their price"
    )
}
