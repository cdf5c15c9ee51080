//! Starting, cancelling, following and reviewing runs.

use std::time::Duration;

use messages::agent::{Fact, Report};
use messages::http::agents::AgentSpec;
use messages::http::jobs::JobSpec;
use messages::http::retailers::RetailerSpec;
use messages::ids::SpoolId;
use messages::run::{Actor, Progress, RunFailure, RunOutcome, RunState};
use messages::{AgentId, CommandId, ErrorCode, JobId, RunId, Timestamp};

use super::{Desk, made};
use crate::domain::{EntityId, Image, Write};
use crate::ports::ConnAddr;
use crate::retailer::decide::{Answer, Effect, impossible, review};
use crate::retailer::request::{Draft, Request, Response};
use crate::retailer::state::MOST_OPEN_RUNS;
use crate::run::machine::{OVERDUE_GRACE, SILENCE};
use crate::testkit::samples::{author, hash, job_spec, local_file, retailer_spec, start, update};

fn cancel(run: RunId) -> Request {
    Request::CancelRun { run, author: author() }
}

fn reports(conn: ConnAddr, facts: Vec<(RunId, Fact)>) -> Request {
    let report = |(seq, (run_id, fact))| Report { seq, at: Timestamp(0), run_id, fact };
    Request::Reports { conn, spool: SpoolId::new(), reports: (1..).zip(facts).map(report).collect() }
}

fn finished(outcome: RunOutcome) -> Fact {
    Fact::Finished { progress: Progress { sent: 7, ..Progress::default() }, outcome }
}

/// A connected agent with a run that it has not answered yet.
fn dispatched() -> (Desk, ConnAddr, JobId, RunId) {
    let mut desk = Desk::new();
    let (agent, _, job) = desk.site();
    let conn = desk.connect(agent, 1);
    let run = desk.start(job);
    (desk, conn, job, run)
}

#[test]
fn a_run_takes_the_plan_of_its_job_and_goes_out_if_its_agent_is_there() {
    let mut desk = Desk::new();
    let (agent, destination, job) = desk.site();
    let waiting = desk.start(job);
    assert_eq!(desk.run_state(waiting), RunState::Queued);
    desk.connect(agent, 1);
    let run = RunId::new();
    let started = desk.done(&start(job, run));
    assert_eq!((made(&started), &started.effects[..]), (EntityId::Run(run), &[Effect::SendRun(run)][..]));
    let record = desk.run(run);
    assert_eq!((record.agent_id, record.destination_id, record.plan.timeout_s), (agent, destination, 60));
    let states: Vec<_> = record.transitions.iter().map(|transition| transition.state).collect();
    assert_eq!(states, [RunState::Queued, RunState::Dispatched]);
    let again = desk.done(&start(job, run));
    assert_eq!((again.writes, again.effects), (vec![], vec![]), "the same request again");
    let last = desk.state.jobs[&job].last_run.as_ref().unwrap();
    assert_eq!(last.id, run);
    assert_eq!(desk.code(&start(JobId::new(), RunId::new())), ErrorCode::NotFound);
}

#[test]
fn nothing_starts_while_any_of_the_four_is_disabled() {
    let mut desk = Desk::new();
    let (agent, destination, job) = desk.site();
    let cases = [
        ("retailer", EntityId::Retailer, Draft::Retailer(RetailerSpec { enabled: false, ..retailer_spec() })),
        (
            "agent",
            EntityId::Agent(agent),
            Draft::Agent(AgentSpec { enabled: false, ..desk.agent_spec(agent) }),
        ),
        ("job", EntityId::Job(job), Draft::Job(JobSpec { enabled: false, ..desk.job_spec(job) })),
        (
            "destination",
            EntityId::Destination(destination),
            match local_file("Folder") {
                Draft::Destination { name, config, credentials, .. } => {
                    Draft::Destination { name, config, credentials, enabled: false }
                }
                other => other,
            },
        ),
    ];
    for (what, id, draft) in cases {
        let mut desk = desk.clone();
        let rev = desk.revision(id);
        desk.done(&update(id, draft, rev));
        let problem = desk.refused(&start(job, RunId::new()));
        assert_eq!(problem.code, ErrorCode::Disabled, "{what}");
        assert!(problem.detail.contains(what), "{}", problem.detail);
    }
    desk.start(job);
}

#[test]
fn only_so_many_runs_are_open() {
    let mut desk = Desk::new();
    let (.., job) = desk.site();
    let first = desk.start(job);
    for _ in 1..MOST_OPEN_RUNS {
        desk.start(job);
    }
    assert_eq!(desk.code(&start(job, RunId::new())), ErrorCode::LimitReached);
    desk.done(&cancel(first));
    desk.start(job);
}

#[test]
fn cancel_in_each_state() {
    let (mut desk, conn, job, sent) = dispatched();
    let stopped = desk.done(&cancel(sent));
    assert_eq!(stopped.effects, [Effect::SendCancel(sent)]);
    assert_eq!(desk.run_state(sent), RunState::Dispatched, "until the agent answers");
    let command = desk.run(sent).cancel_id;
    assert!(command.is_some());
    let again = desk.done(&cancel(sent));
    assert_eq!((again.writes.len(), again.effects.len()), (0, 0), "asked already");
    assert_eq!(desk.run(sent).cancel_id, command);
    desk.done(&reports(conn, vec![(sent, finished(RunOutcome::Cancelled))]));
    assert_eq!(desk.run_state(sent), RunState::Cancelled);
    assert_eq!(desk.code(&cancel(sent)), ErrorCode::WrongState, "it is over");

    let running = desk.start(job);
    desk.done(&reports(conn, vec![(running, Fact::Started { attempt: 1 })]));
    assert_eq!(desk.done(&cancel(running)).effects, [Effect::SendCancel(running)]);
    desk.done(&reports(conn, vec![(running, finished(RunOutcome::Succeeded))]));
    assert_eq!(desk.run_state(running), RunState::Succeeded, "the agent was faster");

    desk.connections.clear();
    let waiting = desk.start(job);
    desk.done(&cancel(waiting));
    assert_eq!(desk.run_state(waiting), RunState::Cancelled);
    assert!(matches!(desk.run(waiting).transitions.last().unwrap().actor, Actor::User { .. }));
    assert_eq!(desk.code(&cancel(RunId::new())), ErrorCode::NotFound);
}

#[test]
fn an_acceptance_moves_the_run_once_and_only_that_of_its_agent() {
    let (mut desk, conn, _, run) = dispatched();
    let command = desk.run(run).command_id;
    let stranger = crate::testkit::samples::conn(AgentId::new(), 1);
    assert_eq!(desk.done(&Request::Accepted { conn: stranger, command }).writes, []);
    assert_eq!(desk.done(&Request::Accepted { conn, command: CommandId::new() }).writes, []);
    desk.done(&Request::Accepted { conn, command });
    assert_eq!(desk.run_state(run), RunState::Running);
    assert_eq!(desk.done(&Request::Accepted { conn, command }).writes, []);
}

#[test]
fn a_refusal_fails_the_run_unless_it_is_of_a_former_owner() {
    let (mut desk, conn, job, run) = dispatched();
    let command = desk.run(run).command_id;
    let refuse = |code| Request::Refused { conn, command, code, detail: "no such connector".into() };
    assert_eq!(desk.done(&refuse(ErrorCode::StaleEpoch)).writes, []);
    desk.done(&refuse(ErrorCode::AgentRefused));
    assert_eq!(desk.run_state(run), RunState::Failed);
    assert_eq!(desk.run(run).failure.as_ref().unwrap().detail, "no such connector");
    assert_eq!(desk.state.jobs[&job].last_run.as_ref().unwrap().state, RunState::Failed);
    assert_eq!(desk.done(&refuse(ErrorCode::AgentRefused)).writes, []);
}

#[test]
fn reports_move_runs_on_and_say_how_far_they_were_taken() {
    let (mut desk, conn, job, run) = dispatched();
    let whole = reports(
        conn,
        vec![
            (run, Fact::Started { attempt: 1 }),
            (run, Fact::Progress(Progress::default())),
            (run, finished(RunOutcome::Succeeded)),
        ],
    );
    let taken = desk.done(&whole);
    assert_eq!(taken.answer, Answer::Response(Response::Acknowledged { through: 3 }));
    let record = desk.run(run);
    assert_eq!((record.state, record.attempt, record.progress.sent), (RunState::Succeeded, 1, 7));
    let last = desk.state.jobs[&job].last_run.as_ref().unwrap();
    assert_eq!((last.state, last.sent), (RunState::Succeeded, 7));
    let again = desk.done(&whole);
    assert_eq!((again.writes.len(), again.answer), (0, taken.answer), "the same again");
}

#[test]
fn reports_on_foreign_or_forgotten_runs_are_taken_and_change_nothing() {
    let (mut desk, _, _, run) = dispatched();
    let other = desk.enrolled("Other");
    let conn = desk.connect(other, 1);
    let foreign = desk.done(&reports(
        conn,
        vec![(run, finished(RunOutcome::Succeeded)), (RunId::new(), finished(RunOutcome::Succeeded))],
    ));
    assert_eq!(foreign.writes, []);
    assert_eq!(foreign.answer, Answer::Response(Response::Acknowledged { through: 2 }));
    assert_eq!(desk.run_state(run), RunState::Dispatched);
}

#[test]
fn an_older_run_that_ends_late_is_not_the_jobs_last() {
    let (mut desk, conn, job, older) = dispatched();
    let newer = desk.start(job);
    let failure = RunFailure { code: ErrorCode::SourceMissing, detail: "no file".into() };
    desk.done(&reports(
        conn,
        vec![(newer, finished(RunOutcome::Succeeded)), (older, finished(RunOutcome::Failed(failure)))],
    ));
    let last = desk.state.jobs[&job].last_run.as_ref().unwrap();
    assert_eq!((last.id, last.state), (newer, RunState::Succeeded));
}

#[test]
fn a_run_makes_no_edit_of_its_job_stale() {
    let (mut desk, conn, job, run) = dispatched();
    let rev = desk.revision(EntityId::Job(job));
    desk.done(&reports(conn, vec![(run, finished(RunOutcome::Succeeded))]));
    let destination = desk.run(run).destination_id;
    let draft = Draft::Job(job_spec("Renamed", conn.agent, destination));
    desk.done(&update(EntityId::Job(job), draft, rev));
    assert!(desk.state.jobs[&job].last_run.is_some());
}

#[test]
fn a_review_ends_what_is_overdue_or_silent_and_nothing_else() {
    let second = Duration::from_secs(1);
    let allowed = Duration::from_secs(60) + OVERDUE_GRACE;
    for (connected, wait, expected) in [
        (true, allowed - second, None),
        (true, allowed, Some(RunState::TimedOut)),
        (false, allowed, None),
        (false, SILENCE - second, None),
        (false, SILENCE, Some(RunState::Lost)),
    ] {
        let (mut desk, ..) = dispatched();
        let run = *desk.state.runs.keys().next().unwrap();
        if !connected {
            desk.connections.clear();
        }
        desk.now = desk.now + wait;
        let decision = desk.judge(|state, cx| review(state, run, cx));
        assert_eq!(decision.is_some(), expected.is_some(), "{connected} {wait:?}");
        if let (Some(decision), Some(expected)) = (decision, expected) {
            desk.apply(&decision);
            assert_eq!(desk.run_state(run), expected);
            assert!(desk.judge(|state, cx| review(state, run, cx)).is_none(), "once");
        }
    }
    let mut desk = Desk::new();
    let (.., job) = desk.site();
    let waiting = desk.start(job);
    desk.now = desk.now + SILENCE;
    assert!(
        desk.judge(|state, cx| review(state, waiting, cx)).is_none(),
        "what waits for its agent may wait"
    );
    assert!(desk.judge(|state, cx| review(state, RunId::new(), cx)).is_none());
}

#[test]
fn a_late_report_decides_after_the_hub_gave_up() {
    let (mut desk, conn, _, run) = dispatched();
    desk.connections.clear();
    desk.now = desk.now + SILENCE;
    let lost = desk.judge(|state, cx| review(state, run, cx)).unwrap();
    desk.apply(&lost);
    assert_eq!(desk.run_state(run), RunState::Lost);
    desk.done(&reports(conn, vec![(run, finished(RunOutcome::Succeeded))]));
    assert_eq!((desk.run_state(run), desk.run(run).failure.is_none()), (RunState::Succeeded, true));
}

#[test]
fn what_cannot_be_sent_fails_once() {
    let (mut desk, _, _, run) = dispatched();
    let failure = || RunFailure { code: ErrorCode::Internal, detail: "the key is gone".into() };
    let decision = desk.judge(|state, cx| impossible(state, run, failure(), cx)).unwrap();
    desk.apply(&decision);
    assert_eq!((desk.run_state(run), desk.run(run).failure.clone()), (RunState::Failed, Some(failure())));
    assert!(desk.judge(|state, cx| impossible(state, run, failure(), cx)).is_none());
}

#[test]
fn old_runs_are_forgotten_and_open_ones_never() {
    let mut desk = Desk::new();
    let (agent, _, job) = desk.site();
    let open = desk.start(job);
    let conn = desk.connect(agent, 1);
    let closed: Vec<_> = (0..Image::RECENT_RUNS + 5).map(|_| desk.start(job)).collect();
    for run in &closed {
        desk.done(&reports(conn, vec![(*run, finished(RunOutcome::Succeeded))]));
    }
    assert_eq!(desk.state.runs.len(), Image::RECENT_RUNS + 1);
    assert!(desk.state.runs.contains_key(&open) && !desk.state.runs.contains_key(&closed[4]));
    assert!(desk.state.runs.contains_key(&closed[5]));
    let effects = desk.attach(agent, hash(2), vec![]).effects;
    assert_eq!(effects, [Effect::SendRun(open)]);
    assert!(matches!(desk.done(&start(job, RunId::new())).writes[..], [Write::Run(_), Write::Job(_)]));
}
