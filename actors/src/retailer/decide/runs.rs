//! Starting, cancelling and following runs. Pure; the states themselves are in [`crate::run::machine`].

use messages::agent::{Fact, Report};
use messages::http::runs::Trigger;
use messages::run::{Actor, Progress, RunFailure, RunState, Transition};
use messages::{AgentId, CommandId, ErrorCode, JobId, Problem, RunId};

use super::super::request::Author;
use super::super::state::{self, State};
use super::{Context, Decision, Effect, not_found};
use crate::domain::{EntityId, Job, Run, RunPlan, Write};
use crate::run::machine::{self, Event};

pub(super) fn start(
    state: &State,
    job: JobId,
    run: RunId,
    author: &Author,
    cx: Context<'_>,
) -> Result<Decision, Problem> {
    if state.runs.contains_key(&run) {
        // The caller minted the id, so this is the same request again.
        return Ok(Decision::entity(EntityId::Run(run), Vec::new()));
    }
    let job = state.jobs.get(&job).ok_or_else(|| not_found(EntityId::Job(job)))?;
    let destination_id = job.spec.destination_id;
    let destination = state
        .destinations
        .get(&destination_id)
        .ok_or_else(|| not_found(EntityId::Destination(destination_id)))?;
    let agent_id = job.spec.agent_id;
    let agent = state.agents.get(&agent_id).ok_or_else(|| not_found(EntityId::Agent(agent_id)))?;
    let retailer_enabled = state.retailer.as_ref().is_some_and(|retailer| retailer.spec.enabled);
    for (enabled, what) in [
        (retailer_enabled, "retailer"),
        (job.spec.enabled, "job"),
        (destination.enabled, "destination"),
        (agent.spec.enabled, "agent"),
    ] {
        if !enabled {
            let detail = format!("the {what} is disabled; enable it to start a run");
            return Err(Problem::new(ErrorCode::Disabled, detail));
        }
    }
    if state.open_runs().count() >= state::MOST_OPEN_RUNS {
        let detail = format!("{} runs are waiting or at work already; cancel some", state::MOST_OPEN_RUNS);
        return Err(Problem::new(ErrorCode::LimitReached, detail));
    }
    let by = Actor::User { id: author.id, name: author.name.clone() };
    let run = Run {
        id: run,
        stamp: cx.born(),
        job_id: job.id,
        job_name: job.spec.name.clone(),
        agent_id,
        destination_id,
        trigger: Trigger::Manual,
        plan: RunPlan {
            source: job.spec.source.clone(),
            destination: destination.config.clone(),
            reject_rule: job.spec.reject_rule,
            timeout_s: job.spec.timeout_s,
        },
        state: RunState::Queued,
        command_id: CommandId::new(),
        cancel_id: None,
        attempt: 0,
        progress: Progress::default(),
        failure: None,
        transitions: vec![Transition { state: RunState::Queued, at: cx.now, actor: by, note: None }],
        started_at: None,
        finished_at: None,
    };
    let mut decision = Decision::entity(EntityId::Run(run.id), Vec::new());
    if cx.connections.conn(agent_id).is_some() {
        dispatch(&run, cx, &mut decision);
    } else {
        decision.writes.push(Write::Run(run.clone()));
    }
    decision.writes.push(last_run(job, &run));
    Ok(decision)
}

/// Records that the run goes out, and sends it.
pub(super) fn dispatch(run: &Run, cx: Context<'_>, decision: &mut Decision) {
    if let Some(next) = machine::apply(run, Event::Dispatched, cx.now) {
        decision.effects.push(Effect::SendRun(next.id));
        decision.writes.push(Write::Run(Run { stamp: cx.touched(run.stamp), ..next }));
    }
}

pub(super) fn cancel(
    state: &State,
    id: RunId,
    author: &Author,
    cx: Context<'_>,
) -> Result<Decision, Problem> {
    let run = state.runs.get(&id).ok_or_else(|| not_found(EntityId::Run(id)))?;
    if run.state.is_over() {
        let detail = format!("the run is over already: {}", run.state.as_str());
        return Err(Problem::new(ErrorCode::WrongState, detail));
    }
    let by = Actor::User { id: author.id, name: author.name.clone() };
    let mut decision = Decision::entity(EntityId::Run(id), Vec::new());
    if step(state, run, Event::Cancel { by, command: CommandId::new() }, cx, &mut decision) {
        decision.effects.push(Effect::SendCancel(id));
    }
    Ok(decision)
}

pub(super) fn accepted(
    state: &State,
    agent: AgentId,
    command: CommandId,
    cx: Context<'_>,
) -> Result<Decision, Problem> {
    let mut decision = Decision::default();
    if let Some(run) = state.open_runs().find(|run| run.agent_id == agent && run.command_id == command) {
        step(state, run, Event::Accepted { agent }, cx, &mut decision);
    }
    Ok(decision)
}

pub(super) fn refused(
    state: &State,
    agent: AgentId,
    command: CommandId,
    code: ErrorCode,
    detail: &str,
    cx: Context<'_>,
) -> Result<Decision, Problem> {
    let mut decision = Decision::default();
    // A stale epoch means that another owner has taken over and sends the command itself.
    if code != ErrorCode::StaleEpoch
        && let Some(run) = state.open_runs().find(|run| run.agent_id == agent && run.command_id == command)
    {
        let failure = RunFailure { code, detail: detail.to_owned() };
        step(state, run, Event::Refused { by: Actor::Agent { id: agent }, failure }, cx, &mut decision);
    }
    Ok(decision)
}

/// Facts that move runs on. Log lines, rejects and progress are stored and shown elsewhere.
pub(super) fn reports(
    state: &State,
    agent: AgentId,
    reports: &[Report],
    cx: Context<'_>,
) -> Result<Decision, Problem> {
    let mut staged = state.clone();
    let mut decision = Decision::default();
    for report in reports {
        let event = match &report.fact {
            Fact::Started { attempt } => Event::Started { agent, attempt: *attempt },
            Fact::Finished { progress, outcome } => {
                Event::Finished { agent, progress: *progress, outcome: outcome.clone() }
            }
            _ => continue,
        };
        // A run of another agent or one long forgotten: nothing to learn, and no reason to keep the agent waiting.
        let Some(run) = staged.runs.get(&report.run_id).filter(|run| run.agent_id == agent).cloned() else {
            continue;
        };
        let before = decision.writes.len();
        step(&staged, &run, event, cx, &mut decision);
        for write in &decision.writes[before..] {
            staged.apply(write);
        }
    }
    if let Some(last) = reports.last() {
        decision.answer = super::Answer::Response(super::Response::Acknowledged { through: last.seq });
    }
    Ok(decision)
}

pub(super) fn review(state: &State, id: RunId, cx: Context<'_>) -> Option<Decision> {
    let run = state.runs.get(&id)?;
    let (presence, _) = cx.connections.presence(run.agent_id, None, cx.instant);
    let (patience, event) = machine::patience(run, presence)?;
    let since = run.transitions.last()?.at;
    let mut decision = Decision::default();
    let due = cx.now.since(since) >= patience;
    (due && step(state, run, event, cx, &mut decision)).then_some(decision)
}

/// The hub itself found that the run cannot be carried out.
pub(super) fn impossible(state: &State, id: RunId, failure: RunFailure, cx: Context<'_>) -> Option<Decision> {
    let run = state.runs.get(&id)?;
    let mut decision = Decision::default();
    step(state, run, Event::Refused { by: Actor::Hub, failure }, cx, &mut decision).then_some(decision)
}

/// Applies an event, and keeps the job's last run in step.
fn step(state: &State, run: &Run, event: Event, cx: Context<'_>, decision: &mut Decision) -> bool {
    let Some(next) = machine::apply(run, event, cx.now) else { return false };
    let next = Run { stamp: cx.touched(run.stamp), ..next };
    if next.state != run.state
        && let Some(job) = state.jobs.get(&run.job_id)
        && job.last_run.as_ref().is_none_or(|last| last.id <= run.id)
    {
        decision.writes.push(last_run(job, &next));
    }
    decision.writes.push(Write::Run(next));
    true
}

/// The job with this run as its last. Its revision stays: nobody's edit is made stale by a run.
fn last_run(job: &Job, run: &Run) -> Write {
    Write::Job(Job { last_run: Some(run.brief()), ..job.clone() })
}
