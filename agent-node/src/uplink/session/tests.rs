//! The session machine, step by step.

use messages::agent::ToAgent;
use messages::{AgentId, Timestamp};

use super::*;

fn welcome() -> ToAgent {
    ToAgent::Welcome {
        agent_id: "01890a5d-ac96-774b-bcce-b302099a8057".parse::<AgentId>().unwrap(),
        heartbeat_s: 10,
        server_time: Timestamp(0),
    }
}

fn live(now: Instant) -> Session {
    let mut session = Session::new(now);
    assert_eq!(session.frame(welcome(), now), [Action::Fetch]);
    session
}

fn frame() -> FromAgent {
    FromAgent::Heartbeat { active: Vec::new() }
}

#[test]
fn nothing_is_fetched_before_welcome() {
    let mut session = Session::new(Instant::now());
    assert_eq!(session.facts_waiting(), []);
}

#[test]
fn four_frames_and_no_more_until_acknowledged() {
    let now = Instant::now();
    let spool_id = SpoolId::new();
    let mut session = live(now);
    for last in [10, 20, 30] {
        assert_eq!(session.fetched(Some((frame(), last))), [Action::Send(frame()), Action::Fetch]);
    }
    assert_eq!(session.fetched(Some((frame(), 40))), [Action::Send(frame())]);
    assert_eq!(session.facts_waiting(), []);
    let ack = |through| ToAgent::Ack { spool_id, through };
    assert_eq!(session.frame(ack(9), now), [Action::Acknowledge { spool_id, through: 9 }]);
    assert_eq!(session.frame(ack(20), now), [Action::Acknowledge { spool_id, through: 20 }, Action::Fetch]);
    // One fetch at a time.
    assert_eq!(session.frame(ack(30), now), [Action::Acknowledge { spool_id, through: 30 }]);
}

#[test]
fn an_empty_spool_is_asked_again_only_when_it_says_so() {
    let now = Instant::now();
    let mut session = live(now);
    assert_eq!(session.fetched(None), []);
    let ack = ToAgent::Ack { spool_id: SpoolId::new(), through: 1 };
    assert_eq!(session.frame(ack, now).len(), 1);
    assert_eq!(session.facts_waiting(), [Action::Fetch]);
}

#[test]
fn facts_told_of_while_a_fetch_is_under_way_whose_answer_is_empty_are_fetched_again() {
    let mut session = live(Instant::now());
    // One fetch at a time: the news waits for the answer, which was made before it and says that there is nothing.
    assert_eq!(session.facts_waiting(), []);
    assert_eq!(session.fetched(None), [Action::Fetch]);
    // Told of once, fetched once.
    assert_eq!(session.fetched(None), []);
    assert_eq!(session.facts_waiting(), [Action::Fetch]);
    assert_eq!(session.fetched(None), []);
}

#[test]
fn the_hub_must_greet_first_and_in_time() {
    let now = Instant::now();
    let early = Session::new(now).frame(ToAgent::Credential { credential: "x".into() }, now);
    assert!(matches!(early.as_slice(), [Action::End(Ending::Lost(_))]));
    let mut session = Session::new(now);
    assert_eq!(session.wake_at(), now + WELCOME_DEADLINE);
    assert_eq!(session.tick(now + Duration::from_secs(1)), []);
    assert!(matches!(session.tick(now + WELCOME_DEADLINE).as_slice(), [Action::End(Ending::Silent(_))]));
}

#[test]
fn heartbeats_come_in_time_and_silence_ends_the_session() {
    let start = Instant::now();
    let mut session = live(start);
    for beat in 1..=4 {
        let now = start + Duration::from_secs(10 * beat);
        assert_eq!(session.wake_at(), now);
        assert_eq!(session.tick(now), [Action::Beat]);
    }
    assert_eq!(session.wake_at(), start + SILENCE);
    assert!(matches!(session.tick(start + SILENCE).as_slice(), [Action::End(Ending::Silent(_))]));
    let mut session = live(start);
    session.heard(start + Duration::from_secs(40));
    assert_eq!(session.tick(start + SILENCE), [Action::Beat]);
}

#[test]
fn a_hub_cannot_ask_for_an_absurd_pace() {
    let now = Instant::now();
    for (asked, expected) in [(0, 1), (10, 10), (86_400, 20)] {
        let mut session = Session::new(now);
        let ToAgent::Welcome { agent_id, server_time, .. } = welcome() else { unreachable!() };
        session.frame(ToAgent::Welcome { agent_id, heartbeat_s: asked, server_time }, now);
        assert_eq!(session.wake_at(), now + Duration::from_secs(expected));
    }
}

#[test]
fn a_bye_and_an_error_end_the_session() {
    let now = Instant::now();
    let bye =
        ToAgent::Bye { code: ErrorCode::ShuttingDown, detail: "update".into(), retry_after_ms: Some(5) };
    let ended = live(now).frame(bye, now);
    assert!(matches!(ended.as_slice(), [Action::End(Ending::Bye { retry_after_ms: Some(5), .. })]));
    let error = ToAgent::Error { code: ErrorCode::MalformedFrame, detail: "x".into() };
    assert!(matches!(live(now).frame(error, now).as_slice(), [Action::End(Ending::Lost(_))]));
}
