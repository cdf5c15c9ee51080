//! Agents' secrets and sockets.

use std::time::Duration;

use messages::agent::ToAgent;
use messages::http::agents::{AgentSpec, Enrolment};
use messages::http::retailers::RetailerSpec;
use messages::run::RunState;
use messages::{AgentId, ErrorCode, Problem, Secret, Timestamp};

use super::Desk;
use crate::domain::{EntityId, SecretHash};
use crate::retailer::decide::{Answer, Effect, authenticate};
use crate::retailer::request::{Draft, Request, Response};
use crate::testkit::samples::{author, delete, hash, machine, retailer_spec, update};

fn enrol(agent: AgentId, token: u8) -> Request {
    Request::Enrol { agent, token: hash(token), credential: hash(2), machine: machine() }
}

fn rotate(agent: AgentId, byte: u8) -> Request {
    Request::Rotate { agent, credential: Secret::new("new"), hash: hash(byte), author: author() }
}

fn admits(desk: &Desk, agent: AgentId, credential: SecretHash) -> Result<(), ErrorCode> {
    authenticate(&desk.state, agent, credential).map_err(|problem: Problem| problem.code)
}

fn set_enabled(desk: &mut Desk, agent: AgentId, enabled: bool) -> Vec<Effect> {
    let spec = AgentSpec { enabled, ..desk.agent_spec(agent) };
    let rev = desk.revision(EntityId::Agent(agent));
    desk.done(&update(EntityId::Agent(agent), Draft::Agent(spec), rev)).effects
}

fn set_retailer_enabled(desk: &mut Desk, enabled: bool) -> Vec<Effect> {
    let spec = RetailerSpec { enabled, ..retailer_spec() };
    let rev = desk.revision(EntityId::Retailer);
    desk.done(&update(EntityId::Retailer, Draft::Retailer(spec), rev)).effects
}

#[test]
fn a_token_is_swapped_once_in_time_and_only_the_right_one() {
    let mut desk = Desk::new();
    let agent = desk.agent("Till");
    assert_eq!(desk.state.agents[&agent].enrolment(), Enrolment::NotEnrolled);
    assert_eq!(desk.code(&enrol(agent, 1)), ErrorCode::EnrolmentTokenWrong, "none was offered");
    desk.offer(agent, 1, Duration::from_secs(60));
    assert_eq!(desk.state.agents[&agent].enrolment(), Enrolment::Pending);
    assert_eq!(desk.code(&enrol(agent, 9)), ErrorCode::EnrolmentTokenWrong, "another");
    assert_eq!(desk.code(&enrol(AgentId::new(), 1)), ErrorCode::EnrolmentTokenWrong, "of no agent");
    desk.now = desk.now + Duration::from_secs(61);
    assert_eq!(desk.code(&enrol(agent, 1)), ErrorCode::EnrolmentTokenWrong, "too late");
    desk.offer(agent, 3, Duration::from_secs(60));
    assert_eq!(
        desk.code(&enrol(agent, 1)),
        ErrorCode::EnrolmentTokenWrong,
        "a newer token replaces the older"
    );
    let enrolled = desk.done(&enrol(agent, 3));
    let names = Response::Enrolled { agent_name: "Till".into(), retailer_name: "FreshMart".into() };
    assert_eq!(enrolled.answer, Answer::Response(names));
    assert_eq!(enrolled.effects, [Effect::Dismiss(agent, ErrorCode::AgentSuperseded)]);
    assert_eq!(desk.state.agents[&agent].enrolment(), Enrolment::Enrolled);
    assert_eq!(desk.code(&enrol(agent, 3)), ErrorCode::EnrolmentTokenWrong, "used up");
    assert_eq!(admits(&desk, agent, hash(2)), Ok(()));
    assert_eq!(admits(&desk, agent, hash(3)), Err(ErrorCode::BadCredentials), "the token is no credential");
}

#[test]
fn a_revoked_agent_is_out_until_it_enrols_again() {
    let mut desk = Desk::new();
    let agent = desk.enrolled("Till");
    desk.attach(agent, hash(2), vec![]);
    desk.now.0 += 9_000;
    let revoked = desk.done(&Request::Revoke { agent, author: author() });
    assert_eq!(revoked.effects, [Effect::Dismiss(agent, ErrorCode::AgentRevoked)]);
    assert_eq!(desk.state.agents[&agent].last_seen_at, Some(desk.now), "it was connected until now");
    assert_eq!(admits(&desk, agent, hash(2)), Err(ErrorCode::AgentRevoked));
    assert_eq!(desk.state.agents[&agent].enrolment(), Enrolment::Revoked);
    desk.offer(agent, 4, Duration::from_secs(60));
    assert_eq!(admits(&desk, agent, hash(2)), Err(ErrorCode::AgentRevoked), "an offer alone opens nothing");
    desk.done(&enrol(agent, 4));
    assert_eq!(admits(&desk, agent, hash(2)), Ok(()));
    assert_eq!(admits(&desk, AgentId::new(), hash(2)), Err(ErrorCode::BadCredentials));
}

#[test]
fn a_credential_is_rotated_on_the_connection_and_both_count_until_it_is_saved() {
    let mut desk = Desk::new();
    let agent = desk.agent("Till");
    assert_eq!(desk.code(&rotate(agent, 5)), ErrorCode::WrongState, "not enrolled");
    desk.offer(agent, 1, Duration::from_secs(60));
    desk.done(&enrol(agent, 1));
    assert_eq!(desk.code(&rotate(agent, 5)), ErrorCode::WrongState, "not connected");
    let conn = desk.connect(agent, 1);
    let rotated = desk.done(&rotate(agent, 5));
    let frame = ToAgent::Credential { credential: Secret::new("new") };
    assert_eq!(rotated.effects, [Effect::Send(agent, frame)]);
    assert_eq!((admits(&desk, agent, hash(2)), admits(&desk, agent, hash(5))), (Ok(()), Ok(())));
    desk.attach(agent, hash(2), vec![]);
    assert_eq!(admits(&desk, agent, hash(5)), Ok(()), "the old one at a hello settles nothing");
    desk.done(&Request::CredentialSaved { conn });
    assert_eq!(admits(&desk, agent, hash(2)), Err(ErrorCode::BadCredentials));
    assert_eq!(admits(&desk, agent, hash(5)), Ok(()));
    assert_eq!(desk.done(&Request::CredentialSaved { conn }).writes, [], "said twice");
    desk.done(&rotate(agent, 6));
    desk.attach(agent, hash(6), vec![]);
    assert_eq!(
        admits(&desk, agent, hash(5)),
        Err(ErrorCode::BadCredentials),
        "a hello with the new one settles it"
    );
    assert_eq!(admits(&desk, agent, hash(6)), Ok(()));
}

#[test]
fn a_hello_is_noted_when_it_says_something_new() {
    let mut desk = Desk::new();
    let agent = desk.enrolled("Till");
    assert_eq!(desk.attach(agent, hash(2), vec![]).writes.len(), 1, "first seen");
    assert_eq!(desk.attach(agent, hash(2), vec![]).writes, []);
    let conn = desk.connect(agent, 2);
    let wrong = Request::Attach { conn, credential: hash(9), machine: machine(), active: vec![] };
    assert_eq!(desk.code(&wrong), ErrorCode::BadCredentials);
    let mut updated = machine();
    updated.agent_version = "0.2.0".into();
    desk.done(&Request::Attach { conn, credential: hash(2), machine: updated.clone(), active: vec![] });
    assert_eq!(desk.state.agents[&agent].machine, Some(updated));
    let rev = desk.revision(EntityId::Agent(agent));
    desk.now = Timestamp(2_000_000);
    desk.done(&Request::Detach { conn });
    assert_eq!(desk.state.agents[&agent].last_seen_at, Some(desk.now));
    assert_eq!(desk.revision(EntityId::Agent(agent)), rev, "nobody's edit is made stale by it");
}

#[test]
fn a_hello_brings_what_waits_and_what_may_have_been_lost() {
    let mut desk = Desk::new();
    let (agent, _, job) = desk.site();
    let queued = desk.start(job);
    desk.attach(agent, hash(2), vec![]);
    let lost = desk.start(job);
    let active = desk.start(job);
    let cancelled = desk.start(job);
    desk.done(&Request::CancelRun { run: cancelled, author: author() });
    desk.connections.clear();
    let waiting = desk.start(job);
    assert_eq!(desk.run_state(waiting), RunState::Queued);
    let effects = desk.attach(agent, hash(2), vec![active]).effects;
    let expected = [
        Effect::SendRun(waiting),
        Effect::SendRun(queued),
        Effect::SendRun(lost),
        Effect::SendRun(cancelled),
        Effect::SendCancel(cancelled),
    ];
    assert_eq!(effects, expected);
    assert_eq!(desk.run_state(waiting), RunState::Dispatched);
}

#[test]
fn while_the_agent_or_the_retailer_is_disabled_nothing_goes_out_but_cancels() {
    type Switch = fn(&mut Desk, AgentId, bool) -> Vec<Effect>;
    let of_retailer: Switch = |desk, _, enabled| set_retailer_enabled(desk, enabled);
    for (what, switch) in [("agent", set_enabled as Switch), ("retailer", of_retailer)] {
        let mut desk = Desk::new();
        let (agent, _, job) = desk.site();
        let waiting = desk.start(job);
        desk.connect(agent, 1);
        let sent = desk.start(job);
        desk.done(&Request::CancelRun { run: sent, author: author() });
        desk.connections.clear();
        assert_eq!(switch(&mut desk, agent, false), [], "{what}");
        let effects = desk.attach(agent, hash(2), vec![]).effects;
        assert_eq!(effects, [Effect::SendCancel(sent)], "{what}");
        assert_eq!(desk.run_state(waiting), RunState::Queued, "{what}");
        let effects = switch(&mut desk, agent, true);
        assert_eq!(
            effects,
            [Effect::SendRun(waiting), Effect::SendRun(sent)],
            "{what}: at once, it is connected"
        );
        assert_eq!(desk.run_state(waiting), RunState::Dispatched, "{what}");
        assert_eq!(switch(&mut desk, agent, true), [], "{what}: it was enabled already");
    }
}

#[test]
fn enabling_an_agent_that_is_away_sends_nothing() {
    let mut desk = Desk::new();
    let (agent, _, job) = desk.site();
    let waiting = desk.start(job);
    set_enabled(&mut desk, agent, false);
    assert_eq!(set_enabled(&mut desk, agent, true), []);
    assert_eq!(desk.run_state(waiting), RunState::Queued);
}

#[test]
fn a_deleted_agent_is_sent_away() {
    let mut desk = Desk::new();
    let agent = desk.enrolled("Till");
    let conn = desk.connect(agent, 1);
    let rev = desk.revision(EntityId::Agent(agent));
    let deleted = desk.done(&delete(EntityId::Agent(agent), rev));
    assert_eq!(deleted.effects, [Effect::Dismiss(agent, ErrorCode::AgentRevoked)]);
    for request in [
        Request::Detach { conn },
        Request::CredentialSaved { conn },
        Request::Revoke { agent, author: author() },
        rotate(agent, 5),
    ] {
        assert_eq!(desk.code(&request), ErrorCode::NotFound, "{request:?}");
    }
}
