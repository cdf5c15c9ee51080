//! The states of a run and what leads from one to the next. Pure: the time of each event is passed in.
//!
//! ```text
//! queued ──dispatch──▶ dispatched ──accept──▶ running ──finish──▶ succeeded | failed | cancelled | timed_out
//!    └─cancel─▶ cancelled   └─refuse─▶ failed      └─overdue─▶ timed_out   └─silence─▶ lost ──late finish──▶ …
//! ```
//!
//! Every event may arrive twice or late: it then changes nothing. A transition is recorded once.

use std::time::Duration;

use messages::export::Survey;
use messages::run::{Actor, Presence, Progress, RunFailure, RunOutcome, RunState, Transition};
use messages::{AgentId, CommandId, ErrorCode, Timestamp};

use crate::domain::Run;

/// How much longer than its timeout a run may take before the hub ends it: the agent measures the timeout itself
/// and reports it, so this only bites when the agent's own clock has failed.
pub const OVERDUE_GRACE: Duration = Duration::from_secs(60);
/// An agent may be away for a day and still report its result. After that the run counts as lost.
pub const SILENCE: Duration = Duration::from_secs(25 * 3600);

/// Something that happened to a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The command has been handed to the agent's socket.
    Dispatched,
    /// The agent has it on disk.
    Accepted {
        agent: AgentId,
    },
    /// It cannot be carried out.
    Refused {
        by: Actor,
        failure: RunFailure,
    },
    Started {
        agent: AgentId,
        attempt: u32,
    },
    /// What it found, before anything is sent.
    Surveyed {
        survey: Box<Survey>,
    },
    Finished {
        agent: AgentId,
        progress: Progress,
        outcome: RunOutcome,
    },
    /// Somebody wants it to stop.
    Cancel {
        by: Actor,
        command: CommandId,
    },
    /// It has waited too long to be begun.
    Expired,
    /// A connected agent has not reported in time.
    Overdue,
    /// The agent has been away for too long.
    Silent,
}

/// Applies an event. `None`: it changes nothing.
#[must_use]
pub fn apply(run: &Run, event: Event, now: Timestamp) -> Option<Run> {
    let mut next = run.clone();
    let changed = match event {
        Event::Dispatched => dispatched(&mut next, now),
        Event::Accepted { agent } => accepted(&mut next, agent, now),
        Event::Refused { by, failure } => {
            let waiting = matches!(next.state, RunState::Dispatched);
            waiting && end(&mut next, RunState::Failed, by, Some(failure), now)
        }
        Event::Started { agent, attempt } => {
            let accepted = accepted(&mut next, agent, now);
            let newer = next.state == RunState::Running && attempt > next.attempt;
            if newer {
                next.attempt = attempt;
                next.started_at.get_or_insert(now);
            }
            accepted || newer
        }
        Event::Surveyed { survey } => {
            let news = !next.state.is_over() && next.survey.as_ref() != Some(&survey);
            if news {
                next.survey = Some(survey);
            }
            news
        }
        Event::Finished { agent, progress, outcome } => finished(&mut next, agent, progress, outcome, now),
        Event::Cancel { by, command } => cancel(&mut next, by, command, now),
        Event::Expired => {
            let failure = RunFailure {
                code: ErrorCode::RunExpired,
                detail: "its agent did not come for it in time; run it again, or give it longer".into(),
            };
            let waiting = next.state == RunState::Queued;
            waiting && end(&mut next, RunState::Cancelled, Actor::Hub, Some(failure), now)
        }
        Event::Overdue => {
            let failure = RunFailure {
                code: ErrorCode::RunTimeout,
                detail: format!("the agent did not report within {} s", next.plan.timeout_s),
            };
            let open = matches!(next.state, RunState::Running | RunState::Dispatched);
            open && end(&mut next, RunState::TimedOut, Actor::Hub, Some(failure), now)
        }
        Event::Silent => {
            let failure = RunFailure {
                code: ErrorCode::AgentLost,
                detail:
                    "the agent has not been heard of for a day; if it comes back, its report still counts"
                        .into(),
            };
            let open = matches!(next.state, RunState::Running | RunState::Dispatched);
            open && end(&mut next, RunState::Lost, Actor::Hub, Some(failure), now)
        }
    };
    changed.then_some(next)
}

fn record(run: &mut Run, state: RunState, actor: Actor, now: Timestamp) {
    run.state = state;
    run.transitions.push(Transition { state, at: now, actor, note: None });
}

fn dispatched(run: &mut Run, now: Timestamp) -> bool {
    let queued = run.state == RunState::Queued;
    if queued {
        record(run, RunState::Dispatched, Actor::Hub, now);
    }
    queued
}

fn accepted(run: &mut Run, agent: AgentId, now: Timestamp) -> bool {
    let open = matches!(run.state, RunState::Queued | RunState::Dispatched);
    if open {
        record(run, RunState::Running, Actor::Agent { id: agent }, now);
    }
    open
}

/// The agent's word counts, also after the hub has given the run up: `lost` and the hub's own `timed_out` only say
/// that the hub did not know.
fn finished(run: &mut Run, agent: AgentId, progress: Progress, outcome: RunOutcome, now: Timestamp) -> bool {
    let by_hub = run.transitions.last().is_some_and(|last| last.actor == Actor::Hub);
    let undecided =
        !run.state.is_over() || run.state == RunState::Lost || (run.state == RunState::TimedOut && by_hub);
    if !undecided {
        return false;
    }
    let progressed = std::mem::replace(&mut run.progress, progress) != progress;
    if run.state == RunState::TimedOut && outcome == RunOutcome::TimedOut {
        // The agent confirms what the hub had found; only its counts are news.
        return progressed;
    }
    let (state, failure) = match outcome {
        RunOutcome::Succeeded => (RunState::Succeeded, None),
        RunOutcome::Failed(failure) => (RunState::Failed, Some(failure)),
        RunOutcome::Cancelled => (RunState::Cancelled, None),
        RunOutcome::TimedOut => {
            let detail = format!("it took longer than the {} s allowed", run.plan.timeout_s);
            (RunState::TimedOut, Some(RunFailure { code: ErrorCode::RunTimeout, detail }))
        }
    };
    end(run, state, Actor::Agent { id: agent }, failure, now)
}

fn cancel(run: &mut Run, by: Actor, command: CommandId, now: Timestamp) -> bool {
    match run.state {
        RunState::Queued => end(run, RunState::Cancelled, by, None, now),
        RunState::Dispatched | RunState::Running if run.cancel_id.is_none() => {
            run.cancel_id = Some(command);
            true
        }
        _ => false,
    }
}

fn end(run: &mut Run, state: RunState, actor: Actor, failure: Option<RunFailure>, now: Timestamp) -> bool {
    run.failure = failure;
    run.finished_at = Some(now);
    record(run, state, actor, now);
    true
}

/// When the hub has to end an open run itself, seen from its last transition. An agent that is at work measures the
/// timeout of each attempt itself, and a run may wait there for its turn: only one that is connected and idle has
/// forgotten it.
#[must_use]
pub fn patience(run: &Run, agent: Presence) -> Option<(Duration, Event)> {
    let allowed = Duration::from_secs(u64::from(run.plan.timeout_s));
    match (run.state, agent) {
        (RunState::Dispatched | RunState::Running, Presence::Online) => {
            Some((allowed + OVERDUE_GRACE, Event::Overdue))
        }
        (RunState::Dispatched | RunState::Running, Presence::Busy) => None,
        (RunState::Dispatched | RunState::Running, _) => Some((allowed.max(SILENCE), Event::Silent)),
        _ => None,
    }
}

#[cfg(test)]
#[path = "machine/tests.rs"]
pub(crate) mod tests;
