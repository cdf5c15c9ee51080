//! Starting, cancelling and following runs. Pure; the states themselves are in [`crate::run::machine`].

use std::sync::Arc;
use std::time::Duration;

use messages::agent::{Fact, Report};
use messages::export::{ExportOrder, Harm, RunMode};
use messages::http::runs::Trigger;
use messages::run::{Actor, Progress, RunFailure, RunState, Transition};
use messages::schedule::RetryRule;
use messages::{AgentId, CommandId, ErrorCode, JobId, Problem, RunId, Timestamp};

use super::super::request::Author;
use super::super::state::{self, State};
use super::{Context, Decision, Effect, approval, not_found, queue, schedule};
use crate::domain::{EntityId, Job, Run, RunPlan, Wait, Write};
use crate::run::machine::{self, Event};

pub(super) fn start(
    state: &State,
    job: JobId,
    run: RunId,
    mode: RunMode,
    author: &Author,
    cx: Context<'_>,
) -> Result<Decision, Problem> {
    if state.runs.contains_key(&run) {
        // The caller minted the id, so this is the same request again.
        return Ok(Decision::entity(EntityId::Run(run), Vec::new()));
    }
    let by = Actor::User { id: author.id, name: author.name.clone() };
    let mut decision = Decision::entity(EntityId::Run(run), Vec::new());
    make(state, job, run, Origin { mode, ..Origin::of(Trigger::Manual, by, None) }, cx, &mut decision)?;
    Ok(decision)
}

/// Why a run is made, and what it has to wait for.
pub(super) struct Origin {
    trigger: Trigger,
    by: Actor,
    note: Option<String>,
    slot: Option<Timestamp>,
    retry_of: Option<RunId>,
    try_no: u32,
    not_before: Option<Timestamp>,
    mode: RunMode,
    approved: Option<Harm>,
    approves: Option<RunId>,
}

impl Origin {
    pub(super) const fn of(trigger: Trigger, by: Actor, note: Option<String>) -> Self {
        Self {
            trigger,
            by,
            note,
            slot: None,
            retry_of: None,
            try_no: 1,
            not_before: None,
            mode: RunMode::Usual,
            approved: None,
            approves: None,
        }
    }

    pub(super) fn at(self, slot: Timestamp) -> Self {
        Self { slot: Some(slot), ..self }
    }

    /// After all, and in the way of the run that was stopped.
    pub(super) fn approving(self, stopped: &Run, approved: Option<Harm>) -> Self {
        Self { mode: stopped.plan.export.mode, approved, approves: Some(stopped.id), ..self }
    }
}

/// Makes a run, and sends it if it may go at once.
pub(super) fn make(
    state: &State,
    job: JobId,
    id: RunId,
    origin: Origin,
    cx: Context<'_>,
    decision: &mut Decision,
) -> Result<(), Problem> {
    let job = state.jobs.get(&job).ok_or_else(|| not_found(EntityId::Job(job)))?;
    let run = made(state, job, id, origin, cx)?;
    let mut after = state.clone();
    after.apply(&Write::Run(run.clone()));
    if queue::ready(&after, cx).contains(&id) {
        dispatch(&run, cx, decision);
    } else {
        decision.writes.push(Write::Run(run.clone()));
    }
    if !run.is_dry() {
        decision.writes.push(Write::Job(with_last_run(job, &run)));
    }
    Ok(())
}

fn made(state: &State, job: &Job, id: RunId, origin: Origin, cx: Context<'_>) -> Result<Run, Problem> {
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
    let Origin { trigger, by, note, slot, retry_of, try_no, not_before, mode, approved, approves } = origin;
    let export = ExportOrder { rules: *job.spec.export, mode, approved, after: None };
    if trigger == Trigger::Manual {
        // Whoever presses the button can be told at once; a schedule's run fails with the same words.
        approval::fits(&export, &job.spec.mapping, agent.machine.as_ref())?;
    }
    let timing = &job.spec.timing;
    let expires_at = Some(not_before.unwrap_or(cx.now) + Duration::from_secs(timing.expiry_s.into()));
    Ok(Run {
        id,
        stamp: cx.born(),
        job_id: job.id,
        job_name: job.spec.name.clone(),
        agent_id,
        destination_id,
        trigger,
        plan: RunPlan {
            source: job.spec.source.clone(),
            mapping: Arc::new((*job.spec.mapping).clone()),
            destination: destination.config.clone(),
            reject_rule: job.spec.reject_rule,
            timeout_s: job.spec.timeout_s,
            retries: timing.retries,
            export,
        },
        state: RunState::Queued,
        command_id: CommandId::new(),
        cancel_id: None,
        attempt: 0,
        progress: Progress::default(),
        failure: None,
        transitions: vec![Transition { state: RunState::Queued, at: cx.now, actor: by, note }],
        started_at: None,
        finished_at: None,
        wait: Wait { slot, retry_of, try_no, not_before, expires_at, place: 0 },
        survey: None,
        verdict: None,
        approves,
    })
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
            Fact::Surveyed { survey } => Event::Surveyed { survey: survey.clone() },
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

/// Applies an event, and keeps the job in step: its last run, its failures in a row, the next try.
fn step(state: &State, run: &Run, event: Event, cx: Context<'_>, decision: &mut Decision) -> bool {
    let Some(next) = machine::apply(run, event, cx.now) else { return false };
    let next = Run { stamp: cx.touched(run.stamp), ..next };
    decision.writes.push(Write::Run(next.clone()));
    // A dry run tells of the job and is none of its exports.
    if next.state == run.state || run.is_dry() {
        return true;
    }
    let Some(job) = state.jobs.get(&run.job_id) else { return true };
    let latest = job.last_run.as_ref().is_none_or(|last| last.id <= run.id);
    let mut after = if latest { with_last_run(job, &next) } else { (**job).clone() };
    if may_have_delivered(&next) {
        after.delivered_by = Some(next.id);
    }
    let failed = matches!(next.state, RunState::Failed | RunState::TimedOut | RunState::Lost);
    if next.state == RunState::Succeeded {
        after.cadence.failures_in_row = 0;
    } else if failed && !run.state.is_over() && !try_again(state, &next, &mut after, cx, decision) {
        after.cadence = schedule::after_failure(&after, cx.now);
    }
    if after != **job {
        decision.writes.push(Write::Job(after));
    }
    true
}

/// Of a run that the hub gave up, nobody knows.
const fn may_have_delivered(run: &Run) -> bool {
    matches!(run.state, RunState::Succeeded | RunState::Lost | RunState::TimedOut)
        || (run.state.is_over() && run.progress.sent > 0)
}

/// Cancels a run, or ends it as expired, and tells its agent if it is out.
pub(super) fn cancel_by(state: &State, run: &Run, event: Event, cx: Context<'_>, decision: &mut Decision) {
    if step(state, run, event, cx, decision) && run.state != RunState::Queued {
        decision.effects.push(Effect::SendCancel(run.id));
    }
}

/// Makes the next try of a run that failed for a reason that may pass. Each try is a run of its own, so that its log,
/// its rejected items and its counts stay what they were.
fn try_again(state: &State, failed: &Run, job: &mut Job, cx: Context<'_>, decision: &mut Decision) -> bool {
    let passing = failed.failure.as_ref().is_some_and(|failure| failure.code.retry_helps());
    // The agent's word only: of a run that the hub gave up, nobody knows whether it is still at work.
    let told = failed.transitions.last().is_some_and(|last| matches!(last.actor, Actor::Agent { .. }));
    let left = failed.wait.try_no <= failed.plan.retries.attempts;
    if !passing || !told || !left || failed.cancel_id.is_some() {
        return false;
    }
    let id = RunId::new();
    let wait = retry_wait(&failed.plan.retries, failed.wait.try_no, id);
    let note = format!("try {} of {}", failed.wait.try_no + 1, failed.plan.retries.attempts + 1);
    let origin = Origin {
        slot: failed.wait.slot,
        retry_of: Some(failed.wait.retry_of.unwrap_or(failed.id)),
        try_no: failed.wait.try_no + 1,
        not_before: Some(cx.now + wait),
        mode: failed.plan.export.mode,
        approved: failed.plan.export.approved,
        approves: failed.approves,
        ..Origin::of(Trigger::Retry, Actor::Hub, Some(note))
    };
    // Disabled meanwhile, or too much waits already: then it has failed.
    let Ok(next) = made(state, job, id, origin, cx) else { return false };
    *job = with_last_run(job, &next);
    decision.writes.push(Write::Run(next));
    true
}

/// Twice as long each time, up to the longest; the later half of it at random, by the new run's identifier.
fn retry_wait(rule: &RetryRule, tries: u32, id: RunId) -> Duration {
    let longest = u64::from(rule.longest_wait_s) * 1_000;
    let doubled = 1_u64.checked_shl(tries.saturating_sub(1)).unwrap_or(u64::MAX);
    let wait = (u64::from(rule.first_wait_s) * 1_000).saturating_mul(doubled).min(longest);
    let chance = id.as_uuid().into_bytes()[12..].iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    Duration::from_millis(wait - chance % (wait / 2 + 1))
}

/// The job with this run as its last. Its revision stays: nobody's edit is made stale by a run.
fn with_last_run(job: &Job, run: &Run) -> Job {
    Job { last_run: Some(run.brief()), ..job.clone() }
}
