//! Schedules, retries, pausing and the queue, as decisions.

use std::time::Duration;

use messages::agent::{Fact, Report};
use messages::http::jobs::JobSpec;
use messages::http::retailers::RetailerSpec;
use messages::http::runs::{QueueQuery, Trigger};
use messages::ids::SpoolId;
use messages::run::{Actor, Progress, RunFailure, RunOutcome, RunState};
use messages::schedule::{MaintenanceWindow, MissedRule, OverlapRule, RetryRule, Schedule, Timing};
use messages::{AgentId, ErrorCode, JobId, RunId, Timestamp};

use super::Desk;
use crate::domain::{Cadence, EntityId, Job, Run};
use crate::retailer::decide::{Effect, next_wake, tick, waiting};
use crate::retailer::request::{Draft, Request};
use crate::testkit::samples::{agent_spec, author, create, hash, retailer_spec, update};

const HOUR: i64 = 3_600_000;

/// A desk at the beginning of an hour, with an hourly job.
struct Bureau {
    desk: Desk,
    agent: AgentId,
    job: JobId,
}

impl Bureau {
    fn new(change: impl FnOnce(&mut Timing)) -> Self {
        let mut desk = Desk::new();
        desk.now = Timestamp(1_000 * HOUR);
        let (agent, _, job) = desk.site();
        let mut bureau = Self { desk, agent, job };
        bureau.edit(|spec| {
            spec.timing.schedule =
                Schedule::Cron { expression: "0 * * * *".into(), time_zone: Some("UTC".into()) };
            change(&mut spec.timing);
        });
        bureau
    }

    fn edit(&mut self, change: impl FnOnce(&mut JobSpec)) {
        let mut spec = self.desk.job_spec(self.job);
        change(&mut spec);
        let rev = self.desk.revision(EntityId::Job(self.job));
        self.desk.done(&update(EntityId::Job(self.job), Draft::Job(spec), rev));
    }

    fn edit_retailer(&mut self, change: impl FnOnce(&mut RetailerSpec)) {
        let mut spec = self.desk.state.retailer.as_ref().unwrap().spec.clone();
        change(&mut spec);
        let rev = self.desk.revision(EntityId::Retailer);
        self.desk.done(&update(EntityId::Retailer, Draft::Retailer(spec), rev));
    }

    fn connect(&mut self) {
        self.desk.attach(self.agent, hash(2), vec![]);
    }

    /// Time passes, and the retailer looks.
    fn pass(&mut self, span: Duration) -> Vec<RunId> {
        self.desk.now = self.desk.now + span;
        let before: Vec<RunId> = self.desk.state.runs.keys().copied().collect();
        let decision = self.desk.judge(tick);
        self.desk.apply(&decision);
        self.desk.state.runs.keys().filter(|id| !before.contains(id)).copied().collect()
    }

    fn hours(&mut self, hours: u64) -> Vec<RunId> {
        self.pass(Duration::from_secs(hours * 3_600))
    }

    fn job(&self) -> &Job {
        &self.desk.state.jobs[&self.job]
    }

    fn cadence(&self) -> &Cadence {
        &self.job().cadence
    }

    fn run(&self, id: RunId) -> &Run {
        self.desk.run(id)
    }

    /// The agent reports how a run ended.
    fn ends(&mut self, run: RunId, sent: u64, outcome: RunOutcome) {
        let conn = self.desk.connect(self.agent, 1);
        let progress = Progress { sent, ..Progress::default() };
        let report =
            Report { seq: 1, at: self.desk.now, run_id: run, fact: Fact::Finished { progress, outcome } };
        self.desk.done(&Request::Reports { conn, spool: SpoolId::new(), reports: vec![report] });
    }

    fn fails(&mut self, run: RunId, code: ErrorCode) {
        self.ends(run, 0, RunOutcome::Failed(RunFailure { code, detail: "it failed".into() }));
    }

    /// The retry that waits.
    fn retry(&self) -> Option<&Run> {
        let runs = self.desk.state.runs.values();
        runs.map(AsRef::as_ref).find(|run| run.trigger == Trigger::Retry && run.state == RunState::Queued)
    }
}

#[test]
fn a_slot_makes_one_run_by_the_schedule_and_is_settled_with_it() {
    let mut bureau = Bureau::new(|_| {});
    bureau.connect();
    assert_eq!(bureau.cadence().next_at, Some(Timestamp(1_001 * HOUR)));
    assert_eq!(next_wake(&bureau.desk.state, bureau.desk.now), Some(Timestamp(1_001 * HOUR)));
    assert!(bureau.pass(Duration::from_millis(3_599_999)).is_empty());
    let made = bureau.pass(Duration::from_millis(1));
    let [run] = made[..] else { panic!("{made:?}") };
    let run = bureau.run(run);
    assert_eq!((run.trigger, run.state), (Trigger::Schedule, RunState::Dispatched));
    assert_eq!((run.wait.slot, &run.transitions[0].actor), (Some(Timestamp(1_001 * HOUR)), &Actor::Schedule));
    assert_eq!(bureau.cadence().settled, Timestamp(1_001 * HOUR));
    // Whoever looks again, here or after a take-over, finds it settled; nobody's edit was made stale.
    assert!(bureau.pass(Duration::from_secs(1)).is_empty());
    assert_eq!(bureau.cadence().missed_slots, 0);
    assert!(bureau.job().stamp.rev < bureau.desk.state.version);
}

#[test]
fn slots_missed_while_away_are_made_up_for_by_the_rule() {
    for (rule, runs) in [(MissedRule::Skip, 0), (MissedRule::Once, 1), (MissedRule::All, 4)] {
        let mut bureau = Bureau::new(|timing| timing.missed = rule);
        assert_eq!(bureau.pass(Duration::from_secs(4 * 3_600 + 1_800)).len(), runs, "{rule:?}");
        assert_eq!(bureau.cadence().missed_slots, 4, "{rule:?}");
        assert_eq!(bureau.cadence().next_at, Some(Timestamp(1_005 * HOUR)));
    }
}

#[test]
fn the_earlier_run_decides_by_the_rule_about_overlap() {
    let mut bureau = Bureau::new(|_| {});
    bureau.connect();
    assert_eq!(bureau.hours(1).len(), 1);
    assert!(bureau.hours(1).is_empty(), "it is left out");
    assert_eq!(bureau.cadence().missed_slots, 1);

    let mut bureau = Bureau::new(|timing| timing.overlap = OverlapRule::Queue);
    bureau.connect();
    let first = bureau.hours(1)[0];
    let second = bureau.hours(1)[0];
    assert_eq!((bureau.run(second).state, bureau.cadence().missed_slots), (RunState::Queued, 0));
    bureau.ends(first, 1, RunOutcome::Succeeded);
    bureau.pass(Duration::from_secs(1));
    assert_eq!(bureau.run(second).state, RunState::Dispatched);

    let mut bureau = Bureau::new(|timing| timing.overlap = OverlapRule::Cancel);
    bureau.connect();
    let first = bureau.hours(1)[0];
    bureau.desk.now = bureau.desk.now + Duration::from_secs(3_600);
    let decision = bureau.desk.judge(tick);
    bureau.desk.apply(&decision);
    assert_eq!(decision.effects, [Effect::SendCancel(first)]);
    assert!(bureau.run(first).cancel_id.is_some());
    assert_eq!(waiting(&bureau.desk.state, &QueueQuery::default()).len(), 1);
}

#[test]
fn the_queue_of_a_job_is_bounded() {
    let mut bureau = Bureau::new(|timing| timing.overlap = OverlapRule::Queue);
    for _ in 0..40 {
        bureau.hours(1);
    }
    assert_eq!((bureau.desk.state.runs.len(), bureau.cadence().missed_slots), (22, 18));
}

#[test]
fn maintenance_holds_the_schedule_up_but_not_the_button() {
    let mut bureau = Bureau::new(|_| {});
    bureau.connect();
    let window = MaintenanceWindow {
        starts: "30 * * * *".into(),
        length_min: 45,
        time_zone: Some("UTC".into()),
        note: String::new(),
    };
    bureau.edit_retailer(|spec| spec.maintenance = vec![window]);
    assert_eq!(bureau.cadence().next_look, Some(Timestamp(1_001 * HOUR + HOUR / 4)));
    assert!(bureau.hours(1).is_empty());
    let pressed = bureau.desk.start(bureau.job);
    assert_eq!(bureau.run(pressed).state, RunState::Dispatched);
    bureau.ends(pressed, 1, RunOutcome::Succeeded);
    let made = bureau.pass(Duration::from_secs(900));
    assert_eq!((made.len(), bureau.cadence().missed_slots), (1, 1), "made up for at the end of the window");
}

#[test]
fn a_slot_missed_before_a_window_is_looked_at_when_it_ends() {
    let mut bureau = Bureau::new(|_| {});
    let window = MaintenanceWindow {
        starts: "5 * * * *".into(),
        length_min: 30,
        time_zone: Some("UTC".into()),
        note: String::new(),
    };
    bureau.edit_retailer(|spec| spec.maintenance = vec![window]);
    assert!(bureau.pass(Duration::from_secs(3_600 + 600)).is_empty());
    let end = Timestamp(1_001 * HOUR + 35 * 60_000);
    assert_eq!(next_wake(&bureau.desk.state, bureau.desk.now), Some(end));
    assert_eq!(bureau.pass(Duration::from_secs(1_500)).len(), 1);
}

#[test]
fn what_is_switched_off_misses_nothing() {
    for off in ["job", "retailer", "paused"] {
        let mut bureau = Bureau::new(|_| {});
        let pause = |paused: bool, job: JobId| Request::SetPaused { job, paused, author: author() };
        match off {
            "job" => bureau.edit(|spec| spec.enabled = false),
            "retailer" => bureau.edit_retailer(|spec| spec.enabled = false),
            _ => drop(bureau.desk.done(&pause(true, bureau.job))),
        }
        assert_eq!((bureau.cadence().next_look, bureau.cadence().next_at), (None, None), "{off}");
        assert!(bureau.hours(5).is_empty(), "{off}");
        bureau.desk.now = bureau.desk.now + Duration::from_secs(60);
        match off {
            "job" => bureau.edit(|spec| spec.enabled = true),
            "retailer" => bureau.edit_retailer(|spec| spec.enabled = true),
            _ => drop(bureau.desk.done(&pause(false, bureau.job))),
        }
        assert_eq!(bureau.cadence().next_at, Some(Timestamp(1_006 * HOUR)), "{off}");
        assert_eq!(bureau.cadence().missed_slots, 0, "{off}");
    }
    // The agent's being disabled is a slot missed: somebody ought to notice.
    let mut bureau = Bureau::new(|_| {});
    let rev = bureau.desk.revision(EntityId::Agent(bureau.agent));
    let spec = messages::http::agents::AgentSpec { enabled: false, ..agent_spec("Till") };
    bureau.desk.done(&update(EntityId::Agent(bureau.agent), Draft::Agent(spec), rev));
    assert!(bureau.hours(1).is_empty());
    assert_eq!(bureau.cadence().missed_slots, 1);
}

#[test]
fn a_clock_set_back_fires_nothing_twice_and_one_set_forward_is_caught_up_with() {
    let mut bureau = Bureau::new(|_| {});
    bureau.connect();
    let run = bureau.hours(1)[0];
    bureau.ends(run, 1, RunOutcome::Succeeded);
    bureau.desk.now = Timestamp(bureau.desk.now.0 - HOUR);
    assert!(bureau.hours(1).is_empty());
    assert_eq!(bureau.hours(1).len(), 1);
    let mut bureau = Bureau::new(|_| {});
    assert_eq!(bureau.hours(24 * 365).len(), 1);
    bureau.desk.now = Timestamp(1_001 * HOUR);
    assert!(bureau.pass(Duration::from_secs(1)).is_empty(), "a year back: not waited for");
    assert_eq!(bureau.cadence().next_at, Some(Timestamp(1_002 * HOUR)));
}

/// How often it may be tried again, how it fails; then whether another try follows.
#[test]
fn only_what_may_pass_is_tried_again() {
    for (attempts, code, again) in [
        (2, ErrorCode::DestinationUnreachable, true),
        (2, ErrorCode::SourceChanging, true),
        (2, ErrorCode::HostKeyMismatch, false),
        (2, ErrorCode::RejectLimit, false),
        (0, ErrorCode::DestinationUnreachable, false),
    ] {
        let retries = RetryRule { attempts, first_wait_s: 60, longest_wait_s: 100 };
        let mut bureau = Bureau::new(|timing| timing.retries = retries);
        bureau.connect();
        let run = bureau.desk.start(bureau.job);
        bureau.fails(run, code);
        assert_eq!(bureau.retry().is_some(), again, "{code}");
        assert_eq!(bureau.cadence().failures_in_row, u32::from(!again), "{code}");
    }
}

#[test]
fn tries_wait_longer_each_time_and_end() {
    let retries = RetryRule { attempts: 3, first_wait_s: 100, longest_wait_s: 300 };
    let mut bureau = Bureau::new(|timing| {
        timing.schedule = Schedule::Manual;
        timing.retries = retries;
    });
    bureau.connect();
    let first = bureau.desk.start(bureau.job);
    let mut run = first;
    for (try_no, longest) in [(2, 100), (3, 200), (4, 300)] {
        bureau.fails(run, ErrorCode::DestinationFailed);
        let next = bureau.retry().unwrap();
        assert_eq!((next.wait.try_no, next.wait.retry_of), (try_no, Some(first)));
        let wait = next.wait.not_before.unwrap().since(bureau.desk.now).as_secs();
        assert!((longest / 2..=longest).contains(&wait), "{wait} of {longest}");
        run = next.id;
        assert_eq!(next_wake(&bureau.desk.state, bureau.desk.now), bureau.run(run).wait.not_before);
        bureau.pass(Duration::from_secs(longest / 2 - 1));
        assert_eq!(bureau.run(run).state, RunState::Queued);
        bureau.pass(Duration::from_secs(longest / 2 + 1));
        assert_eq!(bureau.run(run).state, RunState::Dispatched);
    }
    bureau.fails(run, ErrorCode::DestinationFailed);
    assert_eq!((bureau.retry().is_none(), bureau.cadence().failures_in_row), (true, 1));
}

#[test]
fn a_slot_overtakes_a_retry_that_still_waits() {
    let retries = RetryRule { attempts: 1, first_wait_s: 3_600, longest_wait_s: 7_200 };
    let mut bureau = Bureau::new(|timing| timing.retries = retries);
    bureau.connect();
    let run = bureau.hours(1)[0];
    bureau.pass(Duration::from_secs(3_000));
    bureau.fails(run, ErrorCode::DestinationFailed);
    let retry = bureau.retry().unwrap().id;
    assert_eq!(bureau.pass(Duration::from_secs(600)).len(), 1);
    assert_eq!(bureau.run(retry).state, RunState::Cancelled);
}

#[test]
fn failures_in_a_row_warn_then_pause_and_a_success_forgets_them() {
    let mut bureau = Bureau::new(|timing| timing.pause_after = 3);
    bureau.connect();
    for (failures, warning, paused) in [(1, false, false), (2, true, false), (3, true, true)] {
        let run = bureau.hours(1)[0];
        bureau.fails(run, ErrorCode::SourceMalformed);
        let view = bureau.job().view(bureau.desk.retailer).standing;
        assert_eq!((view.failures_in_row, view.warning, view.paused.is_some()), (failures, warning, paused));
    }
    assert!(bureau.hours(1).is_empty());
    bureau.desk.done(&Request::SetPaused { job: bureau.job, paused: false, author: author() });
    assert_eq!(bureau.cadence().failures_in_row, 0);
    let run = bureau.hours(1)[0];
    bureau.fails(run, ErrorCode::SourceMalformed);
    let run = bureau.hours(1)[0];
    bureau.ends(run, 5, RunOutcome::Succeeded);
    assert_eq!(bureau.cadence().failures_in_row, 0);
}

#[test]
fn what_moved_is_told_of_a_run_that_failed() {
    use messages::http::runs::Moved;
    for (sent, outcome, moved) in [
        (9, RunOutcome::Succeeded, Moved::All),
        (9, RunOutcome::Cancelled, Moved::Part),
        (0, RunOutcome::Cancelled, Moved::Nothing),
    ] {
        let mut bureau = Bureau::new(|_| {});
        bureau.connect();
        let run = bureau.desk.start(bureau.job);
        assert_eq!(bureau.run(run).moved(), None);
        bureau.ends(run, sent, outcome);
        assert_eq!(bureau.run(run).moved(), Some(moved));
    }
}

#[test]
fn work_that_nobody_comes_for_expires() {
    let mut bureau = Bureau::new(|timing| {
        timing.schedule = Schedule::Manual;
        timing.expiry_s = 600;
    });
    let run = bureau.desk.start(bureau.job);
    assert_eq!(
        next_wake(&bureau.desk.state, bureau.desk.now),
        Some(bureau.desk.now + Duration::from_secs(600))
    );
    bureau.pass(Duration::from_secs(599));
    assert_eq!(bureau.run(run).state, RunState::Queued);
    bureau.pass(Duration::from_secs(1));
    let expired = bureau.run(run);
    assert_eq!(
        (expired.state, expired.failure.as_ref().unwrap().code),
        (RunState::Cancelled, ErrorCode::RunExpired)
    );
    assert_eq!(bureau.cadence().failures_in_row, 0);
}

#[test]
fn hands_that_are_full_let_the_rest_wait_in_order() {
    let mut bureau = Bureau::new(|timing| timing.schedule = Schedule::Manual);
    let rev = bureau.desk.revision(EntityId::Agent(bureau.agent));
    let spec = messages::http::agents::AgentSpec { most_runs: 2, ..agent_spec("Till") };
    bureau.desk.done(&update(EntityId::Agent(bureau.agent), Draft::Agent(spec), rev));
    let runs: Vec<RunId> = (0..5).map(|_| bureau.desk.start(bureau.job)).collect();
    let order = |bureau: &Bureau| {
        waiting(&bureau.desk.state, &QueueQuery::default()).iter().map(|run| run.id).collect::<Vec<_>>()
    };
    let put = |runs: &[RunId]| Request::OrderQueue { runs: runs.to_vec(), author: author() };
    bureau.desk.done(&put(&[runs[4], runs[2]]));
    assert_eq!(order(&bureau), [runs[4], runs[2], runs[0], runs[1], runs[3]]);
    bureau.connect();
    assert_eq!(order(&bureau), [runs[0], runs[1], runs[3]], "two went out");
    let late = bureau.desk.start(bureau.job);
    assert_eq!(order(&bureau).last(), Some(&late));
    assert_eq!(bureau.desk.code(&put(&[runs[4]])), ErrorCode::WrongState);
    assert_eq!(bureau.desk.code(&put(&[runs[0], runs[0]])), ErrorCode::InvalidField);
    bureau.ends(runs[4], 1, RunOutcome::Succeeded);
    bureau.pass(Duration::from_secs(1));
    assert_eq!(bureau.run(runs[0]).state, RunState::Dispatched);
    bureau.desk.done(&Request::PurgeQueue { query: QueueQuery::default(), author: author() });
    assert!(order(&bureau).is_empty());
    assert_eq!(bureau.run(late).state, RunState::Cancelled);
    assert_eq!(bureau.run(runs[0]).state, RunState::Dispatched, "what is out stays out");
}

#[test]
fn a_retailer_has_its_hands_full_too() {
    let mut bureau = Bureau::new(|timing| timing.schedule = Schedule::Manual);
    bureau.edit_retailer(|spec| spec.most_runs = 1);
    bureau.connect();
    let (first, second) = (bureau.desk.start(bureau.job), bureau.desk.start(bureau.job));
    let states = [first, second].map(|run| bureau.run(run).state);
    assert_eq!(states, [RunState::Dispatched, RunState::Queued]);
}

#[test]
fn a_schedule_that_cannot_be_meant_is_refused_by_field() {
    let mut desk = Desk::new();
    let (agent, destination) = (desk.agent("Till"), desk.destination("Folder"));
    let mut spec = crate::testkit::samples::job_spec("Export", agent, destination);
    spec.timing.schedule = Schedule::Cron { expression: "0 25 * * *".into(), time_zone: None };
    let problem = desk.refused(&create(EntityId::Job(JobId::new()), Draft::Job(spec)));
    assert_eq!(problem.errors[0].field, "schedule.expression");
    assert!(problem.errors[0].detail.contains("hour"), "{problem:?}");
    let spec = RetailerSpec { time_zone: "Asia/Nowhere".into(), ..retailer_spec() };
    let rev = desk.revision(EntityId::Retailer);
    let problem = desk.refused(&update(EntityId::Retailer, Draft::Retailer(spec), rev));
    assert_eq!(problem.errors[0].field, "time_zone");
}
