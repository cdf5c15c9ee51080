//! What a job's schedule makes of the present moment: runs, slots left out, the next look. Pure.
//!
//! A slot is settled in the same decision that makes its run, and so in the same fenced commit: whoever owns the
//! retailer next finds both or neither.

use std::time::Duration;

use messages::http::runs::Trigger;
use messages::run::{Actor, RunState};
use messages::schedule::{OverlapRule, Paused};
use messages::{CommandId, ErrorCode, JobId, Problem, RunId, Timestamp};

use super::super::request::Author;
use super::super::state::State;
use super::runs::{self, Origin};
use super::{Context, Decision, not_found, queue};
use crate::domain::{Cadence, EntityId, Job, Retailer, Run, Write};
use crate::run::machine::Event;
use crate::schedule::passed::{self, CLOCK_SLACK};
use crate::schedule::plan::{Basis, Plan, Windows};

/// Jobs served in one commit; the rest has its turn at once after it. Three documents each keep it small.
const MOST_SERVED: usize = 25;
/// Open runs of one job: what is behind the one at work is a queue, and as long as what is made up for at once.
const MOST_OPEN_OF_JOB: usize = passed::MOST_MADE_UP + 2;

/// A decision in the making, with the documents as they will be.
pub(super) struct Staged<'a> {
    pub(super) state: State,
    pub(super) cx: Context<'a>,
    pub(super) decision: Decision,
}

impl<'a> Staged<'a> {
    pub(super) fn new(state: &State, cx: Context<'a>) -> Self {
        Self { state: state.clone(), cx, decision: Decision::default() }
    }

    fn write(&mut self, write: Write) {
        self.state.apply(&write);
        self.decision.writes.push(write);
    }

    /// Lets `act` add to the decision, and the documents follow.
    pub(super) fn step<T>(&mut self, act: impl FnOnce(&State, Context<'a>, &mut Decision) -> T) -> T {
        let before = self.decision.writes.len();
        let result = act(&self.state, self.cx, &mut self.decision);
        for write in &self.decision.writes[before..] {
            self.state.apply(write);
        }
        result
    }
}

/// Serves every schedule whose time has come, ends what has waited too long, and sends what may go.
pub(super) fn tick(state: &State, cx: Context<'_>) -> Decision {
    let mut staged = Staged::new(state, cx);
    let due: Vec<JobId> =
        state.jobs.values().filter(|job| is_due(job, cx.now)).map(|job| job.id).take(MOST_SERVED).collect();
    for job in due {
        serve(&mut staged, job);
    }
    queue::expire(&mut staged);
    queue::send(&mut staged);
    staged.decision
}

fn is_due(job: &Job, now: Timestamp) -> bool {
    let Cadence { next_look, settled, .. } = &job.cadence;
    next_look.is_some_and(|look| look <= now || settled.since(now) > CLOCK_SLACK)
}

fn serve(staged: &mut Staged<'_>, id: JobId) {
    let now = staged.cx.now;
    let (Some(retailer), Some(job)) = (staged.state.retailer.clone(), staged.state.jobs.get(&id).cloned())
    else {
        return;
    };
    let mut cadence = job.cadence.clone();
    cadence.settled = passed::settled_by(cadence.settled, now);
    let plan = plan_of(&retailer, &job, &cadence);
    let timing = &job.spec.timing;
    let window = Duration::from_secs(timing.missed_window_s.into());
    let found =
        plan.as_ref().and_then(|plan| passed::passed(plan, timing.missed, window, cadence.settled, now));
    if let Some(found) = found {
        cadence.settled = found.settled;
        cadence.missed_slots += found.missed + begin(staged, &job, &found);
    }
    let cadence = foreseen(&retailer, &job, cadence, now);
    // Making runs has changed the job's last run.
    let job = staged.state.jobs.get(&id).cloned().unwrap_or(job);
    staged.write(Write::Job(Job { cadence, ..(*job).clone() }));
}

/// Makes the runs of the slots that have come. Says how many that were on time got none.
fn begin(staged: &mut Staged<'_>, job: &Job, found: &passed::Passed) -> u64 {
    give_up_waiting(staged, job.id);
    let open = |state: &State| state.open_runs().filter(|run| run.job_id == job.id && !run.is_dry()).count();
    let busy = open(&staged.state) > 0;
    let rule = job.spec.timing.overlap;
    let on_time = u64::from(found.on_time.is_some());
    if busy && rule == OverlapRule::Skip {
        return on_time;
    }
    if busy && rule == OverlapRule::Cancel {
        cancel_open(staged, job.id);
    }
    let late = found.made_up.iter().map(|slot| (*slot, true));
    let mut left_out = 0;
    for (slot, late) in late.chain(found.on_time.map(|slot| (slot, false))) {
        let full = open(&staged.state) >= MOST_OPEN_OF_JOB;
        let note = late.then(|| "made up for a time that was missed".to_owned());
        let origin = Origin::of(Trigger::Schedule, Actor::Schedule, note).at(slot);
        let made = !full
            && staged
                .step(|state, cx, decision| runs::make(state, job.id, RunId::new(), origin, cx, decision))
                .is_ok();
        left_out += u64::from(!made && !late);
    }
    left_out
}

/// A retry that still waits for its turn has been overtaken by the next slot.
fn give_up_waiting(staged: &mut Staged<'_>, job: JobId) {
    let now = staged.cx.now;
    let waits = |run: &Run| {
        run.job_id == job
            && run.state == RunState::Queued
            && run.wait.not_before.is_some_and(|until| until > now)
    };
    cancel_those(staged, waits);
}

fn cancel_open(staged: &mut Staged<'_>, job: JobId) {
    cancel_those(staged, |run| run.job_id == job && run.cancel_id.is_none() && !run.is_dry());
}

fn cancel_those(staged: &mut Staged<'_>, which: impl Fn(&Run) -> bool) {
    let those: Vec<_> = staged.state.open_runs().filter(|run| which(run)).cloned().collect();
    for run in those {
        staged.step(|state, cx, decision| {
            let event = Event::Cancel { by: Actor::Schedule, command: CommandId::new() };
            runs::cancel_by(state, &run, event, cx, decision);
        });
    }
}

fn plan_of(retailer: &Retailer, job: &Job, cadence: &Cadence) -> Option<Plan> {
    let timing = &job.spec.timing;
    let idle = timing.schedule.is_manual() || !job.spec.enabled || !retailer.spec.enabled;
    if idle || cadence.paused.is_some() {
        return None;
    }
    let spec = &retailer.spec;
    let basis = Basis { anchor: cadence.anchor, zone: &spec.time_zone, maintenance: &spec.maintenance };
    // A zone or an expression that a later table does not know: nothing runs by itself until somebody edits it.
    Plan::of(job.id, timing, basis).ok()
}

/// The cadence with what comes next filled in.
pub(super) fn foreseen(retailer: &Retailer, job: &Job, cadence: Cadence, now: Timestamp) -> Cadence {
    let plan = plan_of(retailer, job, &cadence);
    let look = plan.as_ref().and_then(|plan| plan.look_after(cadence.settled));
    // Whatever is due while maintenance is on waits for its end.
    let held = plan.as_ref().and_then(|plan| plan.held_until(now));
    let next_look = look.map(|look| held.map_or(look, |end| look.max(end)));
    let next_at = plan.as_ref().and_then(|plan| plan.run_after(cadence.settled.max(now - passed::PUNCTUAL)));
    Cadence { next_look, next_at, ..cadence }
}

/// A job that is made or changed: a new schedule counts from now on, and what was switched off has missed nothing.
pub(super) fn changed(retailer: &Retailer, before: Option<&Job>, mut after: Job, now: Timestamp) -> Job {
    let (old, new) = (before.map(|job| &job.spec), &after.spec);
    if old.is_none_or(|old| old.timing.schedule != new.timing.schedule) {
        after.cadence.anchor = now;
        after.cadence.settled = now;
    } else if new.enabled && old.is_some_and(|old| !old.enabled) {
        after.cadence.settled = now;
    }
    let cadence = foreseen(retailer, &after, after.cadence.clone(), now);
    Job { cadence, ..after }
}

/// After a change of the retailer: its zone, its windows or its being switched on again move its jobs' next times.
pub(super) fn moved(state: &State, before: &Retailer, after: &Retailer, cx: Context<'_>) -> Vec<Write> {
    let (old, new) = (&before.spec, &after.spec);
    let afresh = old.time_zone != new.time_zone || (new.enabled && !old.enabled);
    if !afresh && old.enabled == new.enabled && old.maintenance == new.maintenance {
        return Vec::new();
    }
    let jobs = state.jobs.values().filter(|job| !job.spec.timing.schedule.is_manual());
    let moved = jobs.filter_map(|job| {
        let mut cadence = job.cadence.clone();
        if afresh {
            cadence.settled = cadence.settled.max(cx.now);
        }
        let cadence = foreseen(after, job, cadence, cx.now);
        (cadence != job.cadence).then(|| Write::Job(Job { cadence, ..(**job).clone() }))
    });
    moved.collect()
}

/// The next times as this build's table of zones has them; for documents that have just been loaded.
pub fn foresee(state: &mut State, now: Timestamp) {
    let Some(retailer) = state.retailer.clone() else { return };
    for job in state.jobs.values_mut().filter(|job| !job.spec.timing.schedule.is_manual()) {
        let cadence = foreseen(&retailer, job, job.cadence.clone(), now);
        std::sync::Arc::make_mut(job).cadence = cadence;
    }
}

pub(super) fn set_paused(
    state: &State,
    id: JobId,
    paused: bool,
    author: &Author,
    cx: Context<'_>,
) -> Result<Decision, Problem> {
    let missing = || not_found(EntityId::Job(id));
    let job = state.jobs.get(&id).ok_or_else(missing)?;
    let retailer = state.retailer.as_ref().ok_or_else(missing)?;
    if job.spec.timing.schedule.is_manual() && paused {
        let detail = "the job runs by hand only; there is no schedule to pause";
        return Err(Problem::new(ErrorCode::WrongState, detail));
    }
    if job.cadence.paused.is_some() == paused {
        return Ok(Decision::entity(EntityId::Job(id), Vec::new()));
    }
    let mut cadence = job.cadence.clone();
    if paused {
        cadence.paused = Some(Paused { at: cx.now, reason: format!("paused by {}", author.name) });
    } else {
        cadence =
            Cadence { paused: None, failures_in_row: 0, settled: cadence.settled.max(cx.now), ..cadence };
    }
    let cadence = foreseen(retailer, job, cadence, cx.now);
    let write = Write::Job(Job { cadence, ..(**job).clone() });
    Ok(Decision::entity(EntityId::Job(id), vec![write]))
}

/// When something happens by itself next. `None`: nothing does.
#[must_use]
pub fn next_wake(state: &State, now: Timestamp) -> Option<Timestamp> {
    let spec = &state.retailer.as_ref()?.spec;
    let looks = state.jobs.values().filter_map(|job| job.cadence.next_look);
    let queued = || state.open_runs().filter(|run| run.state == RunState::Queued);
    let waits = queued().filter_map(|run| run.wait.not_before.filter(|until| *until > now));
    let ends = queued().filter_map(|run| run.wait.expires_at);
    let held = (!spec.maintenance.is_empty() && queued().any(|run| run.trigger != Trigger::Manual))
        .then(|| Windows::of(&spec.maintenance, &spec.time_zone).ok()?.held_until(now))
        .flatten();
    looks.chain(waits).chain(ends).chain(held).min()
}

/// How often a job may fail in a row, and what comes of it.
pub(super) fn after_failure(job: &Job, now: Timestamp) -> Cadence {
    let limit = job.spec.timing.pause_after;
    let mut cadence = job.cadence.clone();
    cadence.failures_in_row = cadence.failures_in_row.saturating_add(1);
    let stands_still = cadence.paused.is_some() || job.spec.timing.schedule.is_manual();
    if limit > 0 && cadence.failures_in_row >= limit && !stands_still {
        let reason = format!(
            "{} runs failed one after the other; mend the cause, then resume",
            cadence.failures_in_row
        );
        cadence.paused = Some(Paused { at: now, reason });
        cadence.next_look = None;
        cadence.next_at = None;
    }
    cadence
}
