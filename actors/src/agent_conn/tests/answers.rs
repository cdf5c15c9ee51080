//! What is brought to the retailer: heartbeats, answers to commands; how many at once.

use messages::agent::FromAgent;
use messages::{CommandId, ErrorCode, RunId};

use super::Wire;
use crate::agent_conn::{MOST_ASKS, MOST_WAITING};
use crate::retailer::request::Request;
use crate::testkit::wait_until;

#[tokio::test(start_paused = true)]
async fn each_frame_becomes_its_request() {
    let mut wire = Wire::welcomed().await;
    let (command_id, run) = (CommandId::new(), RunId::new());
    wire.say(FromAgent::Heartbeat { active: vec![run] });
    wire.say(FromAgent::Accepted { command_id });
    let (code, detail) = (ErrorCode::AgentRefused, "ü".repeat(5_000));
    wire.say(FromAgent::Refused { command_id, code, detail });
    wire.say(FromAgent::CredentialSaved);
    wait_until("all are asked", || wire.router.asked().len() == 5).await;
    let conn = wire.conn;
    let asked = wire.router.asked();
    assert!(asked.contains(&Request::Alive { conn, active: vec![run] }));
    assert!(asked.contains(&Request::Accepted { conn, command: command_id }));
    assert!(asked.contains(&Request::CredentialSaved { conn }));
    let cut = |request: &Request| matches!(request, Request::Refused { detail, .. } if detail.chars().count() == 2_000);
    assert!(asked.iter().any(cut), "a detail of any length is not to fill the store");
    wire.quiet().await;
    wire.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_answers_waits_its_turn() {
    let mut wire = Wire::welcomed().await;
    wire.router.hold();
    for _ in 0..100 {
        wire.say(FromAgent::Accepted { command_id: CommandId::new() });
    }
    wire.quiet().await;
    let accepted = |request: &Request| matches!(request, Request::Accepted { .. });
    assert_eq!(wire.router.count(accepted), MOST_ASKS, "no more at once");
    wire.router.release();
    wait_until("all are asked", || wire.router.count(accepted) == 100).await;
    wire.quiet().await;
    wire.finish().await;
}

#[tokio::test(start_paused = true)]
async fn more_than_may_wait_end_the_socket() {
    let mut wire = Wire::welcomed().await;
    wire.router.hold();
    for _ in 0..=MOST_ASKS + MOST_WAITING {
        wire.say(FromAgent::Accepted { command_id: CommandId::new() });
    }
    let (code, retry) = wire.bye().await;
    assert_eq!((code, retry.is_some()), (ErrorCode::RateLimited, true));
    wire.router.release();
    wire.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_retailer_that_does_not_know_the_socket_is_attached_to_with_what_is_at_work_now() {
    let mut wire = Wire::welcomed().await;
    let run = RunId::new();
    wire.router.refuse_once(ErrorCode::WrongState, |request| matches!(request, Request::Alive { .. }));
    wire.say(FromAgent::Heartbeat { active: vec![run] });
    let attached = |request: &Request| matches!(request, Request::Attach { active, .. } if *active == [run]);
    wait_until("it attaches again", || wire.router.count(attached) == 1).await;
    wire.quiet().await;
    wire.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_busy_retailer_does_not_end_the_socket() {
    let mut wire = Wire::welcomed().await;
    wire.router.refuse_once(ErrorCode::Busy, |request| matches!(request, Request::Alive { .. }));
    wire.say(FromAgent::Heartbeat { active: vec![] });
    wire.quiet().await;
    wire.finish().await;
}
