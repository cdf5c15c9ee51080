//! Runs that the guard stops, what somebody decides about them, dry runs, and agents that know nothing of all this.

use messages::agent::{Fact, Report};
use messages::export::{CAPABILITY, ExportRules, Harm, HarmGuard, RunMode, Scope, Survey};
use messages::http::agents::Machine;
use messages::http::jobs::JobSpec;
use messages::http::runs::{Moved, Trigger};
use messages::ids::SpoolId;
use messages::mapping::Mapping;
use messages::run::{Actor, Progress, RunFailure, RunOutcome, RunState};
use messages::schedule::{RetryRule, Schedule, Timing};
use messages::{ErrorCode, JobId, RunId, Timestamp};

use super::{Desk, made};
use crate::domain::EntityId;
use crate::ports::ConnAddr;
use crate::retailer::decide::{Effect, fits};
use crate::retailer::request::{Draft, Request};
use crate::testkit::samples::{author, hash, machine, update};

const HARM: Harm = Harm { vanished: 40, zeroed: 3, repriced: 0 };

fn rules() -> ExportRules {
    let guard = HarmGuard { vanished_percent: Some(30), ..HarmGuard::default() };
    ExportRules { scope: Scope::Incremental, guard, ..ExportRules::default() }
}

fn able() -> Machine {
    Machine { capabilities: vec!["source:csv".into(), CAPABILITY.into()], ..machine() }
}

fn start_as(job: JobId, mode: RunMode) -> (RunId, Request) {
    let run = RunId::new();
    (run, Request::StartRun { job, run, mode, author: author(), idempotency: None })
}

fn approve(stopped: RunId) -> Request {
    Request::ApproveRun { stopped, run: RunId::new(), author: author() }
}

fn refuse(stopped: RunId) -> Request {
    Request::RefuseRun { stopped, author: author() }
}

struct Guarded {
    desk: Desk,
    conn: ConnAddr,
    job: JobId,
}

impl Guarded {
    /// A job with a guard, every five seconds by itself, whose agent is there.
    fn new() -> Self {
        let mut desk = Desk::new();
        let (agent, _, job) = desk.site();
        let conn = desk.connect(agent, 1);
        desk.done(&Request::Attach { conn, credential: hash(2), machine: able(), active: vec![] });
        let timing = Timing {
            schedule: Schedule::Interval { every_s: 5 },
            retries: RetryRule { attempts: 5, ..RetryRule::default() },
            ..Timing::default()
        };
        let spec = JobSpec { export: Box::new(rules()), timing, ..desk.job_spec(job) };
        let rev = desk.revision(EntityId::Job(job));
        desk.done(&update(EntityId::Job(job), Draft::Job(spec), rev));
        Self { desk, conn, job }
    }

    fn report(&mut self, run: RunId, facts: Vec<Fact>) {
        let report = |(seq, fact)| Report { seq, at: Timestamp(0), run_id: run, fact };
        let reports = (1..).zip(facts).map(report).collect();
        self.desk.done(&Request::Reports { conn: self.conn, spool: SpoolId::new(), reports });
    }

    fn stop(&mut self, run: RunId) {
        let survey = Box::new(Survey { known: Some(100), harm: HARM, ..Survey::default() });
        let failure = RunFailure { code: ErrorCode::NeedsApproval, detail: "40 of 100".into() };
        let outcome = RunOutcome::Failed(failure);
        let end = Fact::Finished { progress: Progress { read: 60, ..Progress::default() }, outcome };
        self.report(run, vec![Fact::Started { attempt: 1 }, Fact::Surveyed { survey }, end]);
    }

    fn stopped(&mut self, mode: RunMode) -> RunId {
        let (run, start) = start_as(self.job, mode);
        self.desk.done(&start);
        self.stop(run);
        run
    }
}

#[test]
fn a_stopped_run_keeps_what_it_found_is_not_repeated_and_counts_as_a_failure() {
    let mut it = Guarded::new();
    let run = it.stopped(RunMode::Usual);
    let record = it.desk.run(run);
    assert_eq!((record.state, record.survey.as_ref().unwrap().harm), (RunState::Failed, HARM));
    assert_eq!(it.desk.state.runs.len(), 1, "no try follows: it would find the same");
    assert_eq!(it.desk.state.jobs[&it.job].cadence.failures_in_row, 1);
    let view = record.view(it.desk.retailer);
    assert_eq!(
        (view.survey.unwrap().known, view.verdict, view.moved),
        (Some(100), None, Some(Moved::Nothing))
    );
}

#[test]
fn an_approval_starts_a_run_that_may_do_that_harm_once() {
    let mut it = Guarded::new();
    let stopped = it.stopped(RunMode::Full);
    let approval = approve(stopped);
    let decision = it.desk.done(&approval);
    let EntityId::Run(run) = made(&decision) else { panic!("not a run") };
    assert_eq!(decision.effects, [Effect::SendRun(run)]);
    let record = it.desk.run(run);
    assert_eq!((record.plan.export.approved, record.plan.export.mode), (Some(HARM), RunMode::Full));
    assert_eq!((record.approves, record.trigger), (Some(stopped), Trigger::Manual));
    let first = &record.transitions[0];
    assert!(matches!(&first.actor, Actor::User { name, .. } if name == "Ann"));
    assert!(first.note.as_ref().unwrap().contains("40 articles vanish"), "{first:?}");
    let verdict = it.desk.run(stopped).verdict.clone().unwrap();
    assert_eq!((verdict.approved_by_run, verdict.user_name.as_str()), (Some(run), "Ann"));
    // Pressed twice, or by two: one run.
    for again in [approval, approve(stopped)] {
        let decision = it.desk.done(&again);
        assert_eq!((made(&decision), decision.writes.len()), (EntityId::Run(run), 0));
    }
    assert_eq!(it.desk.code(&refuse(stopped)), ErrorCode::WrongState);
    // A try after a passing failure is still approved.
    let failure = RunFailure { code: ErrorCode::DestinationUnreachable, detail: "no".into() };
    let outcome = RunOutcome::Failed(failure);
    it.report(run, vec![Fact::Finished { progress: Progress::default(), outcome }]);
    let retry = it.desk.state.runs.values().find(|other| other.wait.retry_of == Some(run)).unwrap();
    assert_eq!((retry.plan.export.approved, retry.approves), (Some(HARM), Some(stopped)));
    // The next one by itself is not.
    let (next, start) = start_as(it.job, RunMode::Usual);
    it.desk.done(&start);
    assert_eq!((it.desk.run(next).plan.export.approved, it.desk.run(next).approves), (None, None));
}

#[test]
fn a_job_knows_the_last_run_that_may_have_delivered() {
    let mut it = Guarded::new();
    let by = |it: &Guarded| it.desk.state.jobs[&it.job].delivered_by;
    let finish = |it: &mut Guarded, mode, sent, outcome| {
        let (run, start) = start_as(it.job, mode);
        it.desk.done(&start);
        let progress = Progress { sent, ..Progress::default() };
        it.report(run, vec![Fact::Finished { progress, outcome }]);
        run
    };
    it.stopped(RunMode::Usual);
    assert_eq!(by(&it), None, "nothing was sent");
    let first = finish(&mut it, RunMode::Usual, 0, RunOutcome::Succeeded);
    assert_eq!(by(&it), Some(first));
    finish(&mut it, RunMode::Dry, 0, RunOutcome::Succeeded);
    finish(&mut it, RunMode::Usual, 0, RunOutcome::Cancelled);
    assert_eq!(by(&it), Some(first));
    let part = finish(&mut it, RunMode::Usual, 3, RunOutcome::Cancelled);
    assert_eq!(by(&it), Some(part));
}

#[test]
fn a_refusal_is_recorded_and_final() {
    let mut it = Guarded::new();
    let stopped = it.stopped(RunMode::Usual);
    it.desk.done(&refuse(stopped));
    assert_eq!(it.desk.run(stopped).verdict.as_ref().unwrap().approved_by_run, None);
    assert_eq!(it.desk.done(&refuse(stopped)).writes, []);
    let problem = it.desk.refused(&approve(stopped));
    assert_eq!(
        (problem.code, problem.detail.as_str()),
        (ErrorCode::WrongState, "the run was refused by Ann already")
    );
}

#[test]
fn only_a_run_that_was_stopped_can_be_approved() {
    let mut it = Guarded::new();
    let (run, start) = start_as(it.job, RunMode::Usual);
    it.desk.done(&start);
    assert_eq!(it.desk.code(&approve(run)), ErrorCode::WrongState);
    it.report(run, vec![Fact::Finished { progress: Progress::default(), outcome: RunOutcome::Succeeded }]);
    assert_eq!(it.desk.code(&approve(run)), ErrorCode::WrongState);
    assert_eq!(it.desk.code(&refuse(RunId::new())), ErrorCode::NotFound);
}

#[test]
fn a_dry_run_leaves_no_trace_at_its_job() {
    let mut it = Guarded::new();
    it.stopped(RunMode::Usual);
    let before = it.desk.state.jobs[&it.job].clone();
    let (run, start) = start_as(it.job, RunMode::Dry);
    it.desk.done(&start);
    it.report(run, vec![Fact::Finished { progress: Progress::default(), outcome: RunOutcome::Succeeded }]);
    assert_eq!(it.desk.run_state(run), RunState::Succeeded);
    assert_eq!(it.desk.state.jobs[&it.job], before, "failures in a row and the last run stay");
    let view = it.desk.run(run).view(it.desk.retailer);
    assert_eq!((view.mode, view.moved), (RunMode::Dry, Some(Moved::Nothing)));
}

#[test]
fn an_agent_that_knows_no_orders_gets_none() {
    let mut it = Guarded::new();
    let conn = it.conn;
    it.desk.done(&Request::Attach { conn, credential: hash(2), machine: machine(), active: vec![] });
    for mode in RunMode::ALL {
        let problem = it.desk.refused(&start_as(it.job, mode).1);
        assert_eq!(problem.code, ErrorCode::AgentTooOld, "{mode:?}");
        assert!(problem.detail.contains("update the agent"), "{}", problem.detail);
    }
    // A job that asks for nothing special runs as it always did.
    let rev = it.desk.revision(EntityId::Job(it.job));
    let spec = JobSpec { export: Box::default(), ..it.desk.job_spec(it.job) };
    it.desk.done(&update(EntityId::Job(it.job), Draft::Job(spec), rev));
    let (run, start) = start_as(it.job, RunMode::Usual);
    it.desk.done(&start);
    assert!(fits(&it.desk.run(run).plan.export, &Mapping::default(), Some(&machine())).is_ok());
    assert_eq!(it.desk.code(&start_as(it.job, RunMode::Dry).1), ErrorCode::AgentTooOld);
    // Of one that has never been here nothing is known yet: the run waits, and is looked at when it goes out.
    let dry = messages::export::ExportOrder { mode: RunMode::Dry, ..Default::default() };
    assert!(fits(&dry, &Mapping::default(), None).is_ok());
}
