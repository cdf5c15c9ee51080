//! Hello, welcome, silence, goodbye.

use std::time::Duration;

use messages::agent::{FromAgent, ToAgent};
use messages::{CommandId, ErrorCode, Problem, RunId, Secret};

use super::Wire;
use crate::agent_conn::sockets::AgentSockets;
use crate::agent_conn::{AgentConnMsg, OUTBOUND};
use crate::failpoint;
use crate::ports::Downlink as _;
use crate::retailer::request::Request;
use crate::testkit::samples::conn;
use crate::testkit::wait_until;
use messages::{RetailerId, version::Epoch};

fn is_attach(request: &Request) -> bool {
    matches!(request, Request::Attach { .. })
}

fn is_detach(request: &Request) -> bool {
    matches!(request, Request::Detach { .. })
}

#[tokio::test(start_paused = true)]
async fn hello_attaches_and_is_welcomed_before_anything_else_is_sent() {
    let mut wire = Wire::open().await;
    wire.router.hold();
    wire.hello(1);
    wait_until("it attaches", || wire.router.count(is_attach) == 1).await;
    let cancel = ToAgent::Cancel { command_id: CommandId::new(), epoch: Epoch(1), run_id: RunId::new() };
    wire.actor.cast(AgentConnMsg::Deliver(cancel.clone())).unwrap();
    wire.quiet().await;
    wire.router.release();
    assert!(matches!(wire.next().await, ToAgent::Welcome { agent_id, .. } if agent_id == wire.conn.agent));
    assert_eq!(wire.next().await, cancel, "what came early follows the welcome");
    wire.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_change_of_hands_while_it_attaches_makes_it_attach_once_more() {
    let mut wire = Wire::open().await;
    wire.router.hold();
    wire.hello(1);
    wait_until("it attaches", || wire.router.count(is_attach) == 1).await;
    for _ in 0..3 {
        wire.actor.cast(AgentConnMsg::Attach).unwrap();
    }
    wire.quiet().await;
    wire.router.release();
    assert!(matches!(wire.next().await, ToAgent::Welcome { .. }));
    wait_until("it attaches again", || wire.router.count(is_attach) == 2).await;
    wire.quiet().await;
    assert_eq!(wire.router.count(is_attach), 2, "once, however often it was asked");
    wire.finish().await;
}

#[tokio::test(start_paused = true)]
async fn whoever_does_not_begin_with_hello_is_sent_away() {
    let mut wire = Wire::open().await;
    wire.say(FromAgent::Heartbeat { active: vec![] });
    assert_eq!(wire.bye().await.0, ErrorCode::UnexpectedFrame);
    assert!(wire.router.asked().is_empty());
    wire.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_second_hello_and_garbage_end_the_socket() {
    let mut wire = Wire::welcomed().await;
    wire.hello(1);
    assert_eq!(wire.bye().await.0, ErrorCode::UnexpectedFrame);
    wait_until("the retailer is told", || wire.router.count(is_detach) == 1).await;
    wire.finish().await;

    let mut wire = Wire::welcomed().await;
    wire.actor.cast(AgentConnMsg::Garbage(Problem::new(ErrorCode::MalformedFrame, "not json"))).unwrap();
    assert_eq!(wire.bye().await.0, ErrorCode::MalformedFrame);
    wire.finish().await;
}

#[tokio::test(start_paused = true)]
async fn silence_is_ended_before_and_after_hello() {
    let mut wire = Wire::open().await;
    assert_eq!(wire.bye().await.0, ErrorCode::UnexpectedFrame, "no hello");
    wire.finish().await;

    let mut wire = Wire::welcomed().await;
    for _ in 0..6 {
        tokio::time::sleep(Duration::from_secs(20)).await;
        wire.say(FromAgent::Heartbeat { active: vec![] });
    }
    wire.quiet().await;
    let silent = tokio::time::Instant::now();
    let (code, retry) = wire.bye().await;
    assert_eq!((code, retry.is_some()), (ErrorCode::DeadlineExceeded, true));
    assert!((44..=51).contains(&silent.elapsed().as_secs()), "{:?}", silent.elapsed());
    wire.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_attach_is_passed_on_and_the_retailer_told_of_the_end() {
    for (code, comes_back) in [
        (ErrorCode::AgentRevoked, false),
        (ErrorCode::BadCredentials, false),
        (ErrorCode::StoreUnavailable, true),
        (ErrorCode::NotOwner, true),
    ] {
        let mut wire = Wire::open().await;
        wire.router.refuse_once(code, is_attach);
        wire.hello(1);
        let (said, retry) = wire.bye().await;
        assert_eq!((said, retry.is_some()), (code, comes_back));
        // It may have been attached before the refusal: the retailer's table is not to keep it.
        wait_until("the retailer is told", || wire.router.count(is_detach) == 1).await;
        wire.finish().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_superseded_socket_closes() {
    let mut wire = Wire::welcomed().await;
    wire.router.refuse_once(ErrorCode::AgentSuperseded, |request| matches!(request, Request::Alive { .. }));
    wire.say(FromAgent::Heartbeat { active: vec![] });
    assert_eq!(wire.bye().await.0, ErrorCode::AgentSuperseded);
    wire.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_goodbye_of_the_retailer_is_the_last_frame() {
    let mut wire = Wire::welcomed().await;
    let bye = ToAgent::Bye { code: ErrorCode::AgentRevoked, detail: "revoked".into(), retry_after_ms: None };
    wire.actor.cast(AgentConnMsg::Deliver(bye)).unwrap();
    wire.actor.cast(AgentConnMsg::Deliver(ToAgent::Credential { credential: Secret::new("x") })).unwrap();
    assert_eq!(wire.bye().await, (ErrorCode::AgentRevoked, None));
    wire.finish().await;
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_does_not_read_is_cut_off() {
    let mut wire = Wire::welcomed().await;
    let cancel = || ToAgent::Cancel { command_id: CommandId::new(), epoch: Epoch(1), run_id: RunId::new() };
    for _ in 0..=OUTBOUND {
        wire.actor.cast(AgentConnMsg::Deliver(cancel())).unwrap();
    }
    wait_until("the actor is gone", || wire.register.paths() == ["conns"]).await;
    for _ in 0..OUTBOUND {
        assert!(matches!(wire.next().await, ToAgent::Cancel { .. }));
    }
    wire.closed().await;
    wire.finish().await;
}

#[tokio::test(start_paused = true)]
async fn every_open_run_and_cancel_fits_the_queue_after_a_hello() {
    let mut wire = Wire::open().await;
    wire.router.hold();
    wire.hello(1);
    wait_until("it attaches", || wire.router.count(is_attach) == 1).await;
    let most = 2 * crate::retailer::state::MOST_OPEN_RUNS;
    for _ in 0..most {
        let cancel = ToAgent::Cancel { command_id: CommandId::new(), epoch: Epoch(1), run_id: RunId::new() };
        wire.actor.cast(AgentConnMsg::Deliver(cancel)).unwrap();
    }
    wire.router.release();
    assert!(matches!(wire.next().await, ToAgent::Welcome { .. }));
    for _ in 0..most {
        assert!(matches!(wire.next().await, ToAgent::Cancel { .. }));
    }
    wire.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_ends_the_socket_and_is_not_restarted() {
    let mut wire = Wire::welcomed().await;
    failpoint::arm("agent_conn.frame", 1);
    wire.say(FromAgent::Heartbeat { active: vec![] });
    wire.closed().await;
    wait_until("the actor is gone", || wire.register.paths() == ["conns"]).await;
    wire.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_new_life_of_the_retailer_is_attached_to_without_another_welcome() {
    let mut wire = Wire::welcomed().await;
    let sockets = AgentSockets::default();
    let retailer = RetailerId::new();
    sockets.put(wire.conn.conn, retailer, wire.actor.clone());
    sockets.announce(RetailerId::new());
    sockets.announce(retailer);
    wait_until("it attaches again", || wire.router.count(is_attach) == 2).await;
    wire.quiet().await;
    let command = ToAgent::Cancel { command_id: CommandId::new(), epoch: Epoch(2), run_id: RunId::new() };
    sockets.send(conn(wire.conn.agent, 9), command.clone());
    sockets.send(wire.conn, command.clone());
    assert_eq!(wire.next().await, command);
    sockets.remove(wire.conn.conn);
    assert_eq!(sockets.count(), 0);
    sockets.send(wire.conn, command);
    wire.quiet().await;
    wire.finish().await;
}
