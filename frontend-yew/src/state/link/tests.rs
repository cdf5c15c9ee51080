//! The connection machine, driven by hand.

use messages::Version;

use super::*;

const RETAILER: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

fn topic() -> Topic {
    Topic::Retailer(RETAILER.parse().unwrap())
}

fn run_topic() -> Topic {
    Topic::Run(RETAILER.parse().unwrap(), RETAILER.parse().unwrap())
}

fn frame(json: serde_json::Value) -> Event {
    let mut json = json;
    json["v"] = 1.into();
    Event::Frame(json.to_string())
}

fn welcome() -> Event {
    frame(serde_json::json!({"t": "welcome", "server_time": 1}))
}

fn snapshot(topic: Topic, version: u64) -> Event {
    frame(serde_json::json!({"t": "snapshot", "topic": topic, "version": version, "entities": []}))
}

fn subscribe(topic: Topic, since: Option<u64>) -> Effect {
    Effect::Send(FromConsole::Subscribe { topics: vec![Subscription { topic, since: since.map(Version) }] })
}

/// A live link that has the topic at version 5.
fn live() -> Link {
    let mut link = Link::default();
    assert!(link.handle(Event::Start, 0.0, 1.0).contains(&Effect::Open));
    assert_eq!(link.handle(Event::Opened, 0.0, 1.0), [Effect::Hello]);
    link.handle(Event::Watch(topic()), 0.0, 1.0);
    assert_eq!(link.handle(welcome(), 0.0, 1.0), [subscribe(topic(), None), Effect::Status]);
    assert_eq!(link.handle(snapshot(topic(), 5), 0.0, 1.0), [Effect::Changed(topic())]);
    assert_eq!(link.status(), Status::Live);
    link
}

#[test]
fn a_gap_leads_to_a_fresh_subscription() {
    let mut link = live();
    let delta = frame(serde_json::json!({"t":"delta","topic":topic(),"after":9,"version":10,"changes":[]}));
    assert_eq!(link.handle(delta.clone(), 1.0, 1.0), [Effect::Gather]);
    assert_eq!(link.handle(delta, 1.0, 1.0), [], "asked for already");
    assert_eq!(link.handle(Event::Gathered, 1.0, 1.0), [subscribe(topic(), None)]);
    assert_eq!(link.topic(topic()).unwrap().version, Some(Version(5)));
}

#[test]
fn it_comes_back_from_the_last_version_but_a_run_comes_back_whole() {
    let mut link = live();
    link.handle(Event::Watch(run_topic()), 1.0, 1.0);
    link.handle(snapshot(run_topic(), 5), 1.0, 1.0);
    link.handle(Event::Closed, 1_000.0, 1.0);
    assert_eq!(link.status(), Status::Waiting { until_ms: 1_500.0 });
    assert!(!link.handle(Event::Tick, 1_400.0, 1.0).contains(&Effect::Open));
    assert!(link.handle(Event::Tick, 1_500.0, 1.0).contains(&Effect::Open));
    link.handle(Event::Opened, 1_600.0, 1.0);
    let effects = link.handle(welcome(), 1_700.0, 1.0);
    let wanted = FromConsole::Subscribe {
        topics: vec![
            Subscription { topic: topic(), since: Some(Version(5)) },
            Subscription { topic: run_topic(), since: None },
        ],
    };
    assert!(effects.contains(&Effect::Send(wanted)), "{effects:?}");
}

#[test]
fn five_failures_lead_to_polling_and_success_ends_it() {
    let mut link = live();
    let mut now = 0.0;
    for failure in 1..=5 {
        let effects = link.handle(Event::Closed, now, 1.0);
        assert_eq!(effects.contains(&Effect::Poll(topic())), failure == 5, "failure {failure}");
        now += 30_000.0;
        link.handle(Event::Tick, now, 1.0);
    }
    assert_eq!(link.status(), Status::Polling);
    let rounds = link.rounds;
    assert!(link.handle(Event::Tick, now + 15_000.0, 1.0).contains(&Effect::Poll(topic())));
    assert_eq!(link.rounds, rounds + 1);
    link.handle(Event::Polled(topic(), Ok(vec![])), now, 1.0);
    assert_eq!(link.topic(topic()).unwrap().version, None);
    link.handle(Event::Opened, now, 1.0);
    assert!(link.handle(welcome(), now, 1.0).contains(&subscribe(topic(), None)));
    assert_eq!(link.status(), Status::Live);
}

#[test]
fn silence_is_loss_and_a_ping_asks_in_time() {
    let mut link = live();
    assert_eq!(link.handle(Event::Tick, 25_000.0, 1.0), [Effect::Send(FromConsole::Ping)]);
    link.handle(frame(serde_json::json!({"t":"pong"})), 25_100.0, 1.0);
    link.handle(Event::Tick, 61_000.0, 1.0);
    assert_eq!(link.status(), Status::Live);
    assert!(link.handle(Event::Tick, 86_000.0, 1.0).contains(&Effect::Close));
    assert!(matches!(link.status(), Status::Waiting { .. }));
}

#[test]
fn a_page_that_slept_asks_before_it_gives_up() {
    let mut link = live();
    assert_eq!(link.handle(Event::Tick, 3_600_000.0, 1.0), [Effect::Send(FromConsole::Ping)]);
    assert_eq!(link.status(), Status::Live);
    assert!(link.handle(Event::Tick, 3_611_000.0, 1.0).contains(&Effect::Close));
}

#[test]
fn unknown_frames_and_foreign_protocols_are_ignored() {
    let mut link = live();
    for text in
        ["", "nonsense", r#"{"v":1,"t":"from_the_future"}"#, r#"{"v":2,"t":"bye","code":"busy","detail":""}"#]
    {
        assert_eq!(link.handle(Event::Frame(text.into()), 1.0, 1.0), [], "{text}");
    }
}

#[test]
fn bye_says_when_to_come_back_or_that_the_session_is_over() {
    let bye = |wait: Option<u64>| {
        let mut json = serde_json::json!({"t":"bye","code":"shutting_down","detail":"x"});
        if let Some(wait) = wait {
            json["retry_after_ms"] = wait.into();
        }
        frame(json)
    };
    let mut link = live();
    link.handle(bye(Some(3_000)), 100.0, 1.0);
    assert_eq!(link.status(), Status::Waiting { until_ms: 3_100.0 });
    // The socket's own end comes after and changes nothing.
    link.handle(Event::Closed, 150.0, 1.0);
    assert_eq!(link.status(), Status::Waiting { until_ms: 3_100.0 });
    assert!(live().handle(bye(None), 100.0, 1.0).contains(&Effect::SessionLost));
}

#[test]
fn a_renewed_token_is_told_and_the_topics_are_subscribed_again() {
    let mut link = live();
    assert_eq!(link.handle(Event::Renewed, 10.0, 1.0), [Effect::Hello]);
    assert_eq!(link.handle(welcome(), 20.0, 1.0), [subscribe(topic(), Some(5))]);
}

#[test]
fn a_topic_lingers_and_is_then_dropped() {
    let mut link = live();
    link.handle(Event::Unwatch(topic()), 1_000.0, 1.0);
    assert_eq!(link.handle(Event::Tick, 5_000.0, 1.0), []);
    let gone = Effect::Send(FromConsole::Unsubscribe { topics: vec![topic()] });
    assert_eq!(link.handle(Event::Tick, 12_000.0, 1.0), [gone]);
    assert!(link.topic(topic()).is_none());
}

#[test]
fn a_page_without_data_polls_while_it_connects() {
    let mut link = Link::default();
    link.handle(Event::Start, 0.0, 1.0);
    link.handle(Event::Watch(topic()), 0.0, 1.0);
    assert!(!link.handle(Event::Tick, 1_000.0, 1.0).contains(&Effect::Poll(topic())));
    assert!(link.handle(Event::Tick, 3_000.0, 1.0).contains(&Effect::Poll(topic())));
    assert!(!link.handle(Event::Tick, 4_000.0, 1.0).contains(&Effect::Poll(topic())));
    let refused = Event::Polled(topic(), Err((ErrorCode::NotFound, "gone".into())));
    assert_eq!(link.handle(refused, 4_000.0, 1.0), [Effect::Changed(topic())]);
}

#[test]
fn what_cannot_be_served_for_now_is_asked_for_again() {
    let mut link = live();
    let busy = serde_json::json!({"t":"refused","topic":topic(),"code":"not_owner","detail":"moving"});
    assert_eq!(link.handle(frame(busy), 100.0, 1.0), []);
    assert_eq!(link.topic(topic()).unwrap().refused, None);
    assert_eq!(link.handle(Event::Tick, 1_000.0, 1.0), []);
    assert_eq!(link.handle(Event::Tick, 3_100.0, 1.0), [Effect::Gather]);
    assert_eq!(link.handle(Event::Gathered, 3_100.0, 1.0), [subscribe(topic(), None)]);
    assert_eq!(link.handle(Event::Tick, 6_500.0, 1.0), []);
    let gone = serde_json::json!({"t":"refused","topic":topic(),"code":"not_found","detail":"gone"});
    assert_eq!(link.handle(frame(gone), 7_000.0, 1.0), [Effect::Changed(topic())]);
}

/// The hub ends a socket that sends more than 50 frames at once; a list has up to 100 rows.
#[test]
fn the_rows_of_a_list_are_asked_for_in_one_frame() {
    let rows: Vec<Topic> =
        (0..SUBSCRIBE_CHUNK + 1).map(|n| Topic::Summary(format!("{n:032x}").parse().unwrap())).collect();
    let mut link = live();
    let first = link.handle(Event::Watch(rows[0]), 1.0, 1.0);
    assert_eq!(first, [Effect::Gather]);
    for row in &rows[1..] {
        assert_eq!(link.handle(Event::Watch(*row), 1.0, 1.0), []);
    }
    let sizes = |effects: Vec<Effect>| -> Vec<usize> {
        let size = |effect| match effect {
            Effect::Send(FromConsole::Subscribe { topics }) => topics.len(),
            other => panic!("not a subscription: {other:?}"),
        };
        effects.into_iter().map(size).collect()
    };
    assert_eq!(sizes(link.handle(Event::Gathered, 1.0, 1.0)), [SUBSCRIBE_CHUNK, 1]);
    assert_eq!(link.handle(Event::Gathered, 1.0, 1.0), []);
    // The line breaks before they are gathered: the welcome of the next one asks for everything.
    link.handle(Event::Watch(run_topic()), 1.0, 1.0);
    link.handle(Event::Closed, 2.0, 1.0);
    assert_eq!(link.handle(Event::Gathered, 2.0, 1.0), []);
}

#[test]
fn without_a_network_it_waits_and_comes_back_at_once() {
    let mut link = live();
    link.handle(Event::Network { up: false }, 0.0, 1.0);
    link.handle(Event::Closed, 0.0, 1.0);
    assert_eq!(link.status(), Status::Offline);
    assert!(!link.handle(Event::Tick, 20_000.0, 1.0).contains(&Effect::Open));
    assert!(link.handle(Event::Network { up: true }, 21_000.0, 1.0).contains(&Effect::Open));
}

#[test]
fn refresh_asks_for_everything_afresh() {
    let mut link = live();
    let rounds = link.rounds;
    assert!(link.handle(Event::Refresh, 1.0, 1.0).contains(&subscribe(topic(), None)));
    assert_eq!(link.rounds, rounds + 1);
}

#[test]
fn stopping_forgets_everything() {
    let mut link = live();
    assert!(link.handle(Event::Stop, 1.0, 1.0).contains(&Effect::Close));
    assert_eq!(link.status(), Status::Idle);
    assert!(link.topic(topic()).is_none());
    assert_eq!(link.handle(Event::Opened, 2.0, 1.0), []);
}

#[test]
fn a_handshake_that_takes_too_long_is_given_up() {
    let mut link = Link::default();
    link.handle(Event::Start, 0.0, 1.0);
    assert!(!link.handle(Event::Tick, 9_900.0, 1.0).contains(&Effect::Close));
    assert_eq!(link.status(), Status::Connecting);
    assert!(link.handle(Event::Tick, 10_100.0, 1.0).contains(&Effect::Close));
    assert!(matches!(link.status(), Status::Waiting { .. }));
}
