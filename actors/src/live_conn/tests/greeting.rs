//! Who is let in, what they may watch, and when they are sent away.

use std::time::Duration;

use messages::live::{FromConsole, ToConsole, Topic};
use messages::permission::{RetailerScope, Role};
use messages::{ErrorCode, Problem, RetailerId, RunId, Secret, SessionId, Timestamp, UserId};

use super::Live;
use crate::failpoint;
use crate::live_conn::{LiveConnMsg, MAX_FRAMES_A_SECOND};
use crate::ports::Visitor;
use crate::testkit::wait_until;

#[tokio::test(start_paused = true)]
async fn without_hello_nothing_is_told_and_pings_do_not_prolong_it() {
    let live = Live::start().await;
    let mut tab = live.open().await;
    tab.subscribe(Topic::Dashboard, None);
    assert!(matches!(tab.next().await, ToConsole::Error { code: ErrorCode::NotAuthenticated, .. }));
    let opened = tokio::time::Instant::now();
    while tab.actor.cast(LiveConnMsg::Frame(FromConsole::Ping)).is_ok() {
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert!(opened.elapsed() < Duration::from_secs(20), "it is still open");
    }
    assert_eq!(tab.bye().await, (ErrorCode::NotAuthenticated, false));
    live.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_wrong_token_is_sent_away_to_sign_in() {
    let live = Live::start().await;
    let mut tab = live.open().await;
    tab.say(FromConsole::Hello { token: Secret::new("made up") });
    assert_eq!(tab.bye().await, (ErrorCode::NotAuthenticated, false));
    live.finish().await;
}

#[tokio::test(start_paused = true)]
async fn each_topic_is_for_the_roles_of_its_permission() {
    let live = Live::start().await;
    let (retailer, run) = (RetailerId::new(), RunId::new());
    for role in Role::ALL {
        live.let_in("token", role, RetailerScope::default());
        let mut tab = live.open().await;
        tab.hello("token").await;
        for (topic, roles) in [
            (Topic::Dashboard, &Role::ALL[..]),
            (Topic::Summary(retailer), &Role::ALL[..]),
            (Topic::Retailer(retailer), &[Role::Admin, Role::Technician][..]),
            (Topic::Run(retailer, run), &Role::ALL[..]),
        ] {
            tab.subscribe(topic, None);
            match tab.next().await {
                ToConsole::Snapshot { topic: of, .. } => {
                    assert!(of == topic && roles.contains(&role), "{topic}")
                }
                ToConsole::Refused { topic: of, code, .. } => {
                    assert!(of == topic && code == ErrorCode::Forbidden && !roles.contains(&role), "{topic}");
                }
                other => panic!("{topic}: {other:?}"),
            }
        }
    }
    live.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_retailer_out_of_scope_is_not_there() {
    let live = Live::start().await;
    let (mine, other) = (RetailerId::new(), RetailerId::new());
    live.let_in("token", Role::Technician, RetailerScope { allow: Some(vec![mine]), deny: vec![] });
    let mut tab = live.open().await;
    tab.hello("token").await;
    for topic in [Topic::Summary(other), Topic::Retailer(other), Topic::Run(other, RunId::new())] {
        tab.subscribe(topic, None);
        assert_eq!(tab.refused().await, (topic, ErrorCode::NotFound));
        live.commit(topic, 6);
    }
    tab.follow(Topic::Retailer(mine)).await;
    assert_eq!(live.watches().len(), 1, "the retailer was not even asked");
    tab.quiet().await;
    live.finish().await;
}

#[tokio::test(start_paused = true)]
async fn other_rights_of_a_renewed_token_count_at_once() {
    let live = Live::start().await;
    let (kept, lost) = (RetailerId::new(), RetailerId::new());
    let technician = live.let_in("first", Role::Technician, RetailerScope::default());
    let mut tab = live.open().await;
    tab.hello("first").await;
    for topic in [Topic::Summary(kept), Topic::Summary(lost), Topic::Retailer(kept)] {
        tab.follow(topic).await;
    }
    live.admit("same", technician.clone());
    tab.hello("same").await;
    tab.quiet().await;
    let scope = RetailerScope { allow: None, deny: vec![lost] };
    live.admit("second", Visitor { role: Role::Manager, scope, ..technician });
    tab.hello("second").await;
    let mut refused = Vec::new();
    for _ in 0..3 {
        match tab.next().await {
            ToConsole::Refused { topic, code, .. } => refused.push((topic, code)),
            ToConsole::Snapshot { topic, .. } => assert_eq!(topic, Topic::Summary(kept)),
            other => panic!("{other:?}"),
        }
    }
    refused.sort_by_key(|(topic, _)| *topic);
    assert_eq!(
        refused,
        [(Topic::Summary(lost), ErrorCode::NotFound), (Topic::Retailer(kept), ErrorCode::Forbidden)]
    );
    for topic in [Topic::Summary(lost), Topic::Retailer(kept)] {
        live.commit(topic, 6);
    }
    tab.quiet().await;
    live.finish().await;
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_session_is_the_end_of_the_socket() {
    let live = Live::start().await;
    for rights in [false, true] {
        let visitor = live.let_in("token", Role::Admin, RetailerScope::default());
        let mut tab = live.open().await;
        tab.hello("token").await;
        tab.actor.cast(LiveConnMsg::SessionEnded(SessionId::new())).unwrap();
        tab.actor.cast(LiveConnMsg::RightsChanged(UserId::new())).unwrap();
        tab.quiet().await;
        if rights {
            tab.actor.cast(LiveConnMsg::RightsChanged(visitor.user)).unwrap();
            assert_eq!(tab.bye().await, (ErrorCode::TokenExpired, false));
        } else {
            tab.actor.cast(LiveConnMsg::SessionEnded(visitor.session)).unwrap();
            assert_eq!(tab.bye().await, (ErrorCode::SessionRevoked, false));
        }
    }
    live.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_token_that_ran_out_and_was_not_renewed_ends_the_socket() {
    let live = Live::start().await;
    let visitor = live.let_in("good", Role::Admin, RetailerScope::default());
    let mut tab = live.open().await;
    live.admit("old", Visitor { until: Timestamp::now() - Duration::from_secs(20), ..visitor.clone() });
    tab.hello("old").await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    tab.quiet().await;
    tab.hello("good").await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    tab.quiet().await;
    live.admit("older", Visitor { until: Timestamp::now() - Duration::from_secs(31), ..visitor });
    tab.hello("older").await;
    assert_eq!(tab.bye().await, (ErrorCode::TokenExpired, false));
    live.finish().await;
}

#[tokio::test(start_paused = true)]
async fn pings_are_answered_and_silence_ends_the_socket() {
    let live = Live::start().await;
    let mut tab = live.admin().await;
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_secs(25)).await;
        tab.say(FromConsole::Ping);
        assert_eq!(tab.next().await, ToConsole::Pong);
    }
    let silent = tokio::time::Instant::now();
    assert_eq!(tab.bye().await, (ErrorCode::DeadlineExceeded, true));
    assert!((75..=81).contains(&silent.elapsed().as_secs()), "{:?}", silent.elapsed());
    live.finish().await;
}

#[tokio::test(start_paused = true)]
async fn too_many_frames_topics_or_too_much_garbage_end_the_socket() {
    let live = Live::start().await;
    let retailer = RetailerId::new();
    for what in ["frames", "garbage", "topics"] {
        let mut tab = live.admin().await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        for _ in 0..MAX_FRAMES_A_SECOND {
            match what {
                "frames" => tab.say(FromConsole::Ping),
                "garbage" => {
                    let problem = Problem::new(ErrorCode::MalformedFrame, "not json");
                    tab.actor.cast(LiveConnMsg::Garbage(problem)).unwrap();
                }
                _ => {
                    let subscription =
                        messages::live::Subscription { topic: Topic::Summary(retailer), since: None };
                    tab.say(FromConsole::Subscribe { topics: vec![subscription; 11] });
                }
            }
        }
        if what != "topics" {
            for _ in 0..MAX_FRAMES_A_SECOND {
                assert!(matches!(tab.next().await, ToConsole::Pong | ToConsole::Error { .. }));
            }
            tab.actor.cast(LiveConnMsg::Frame(FromConsole::Ping)).unwrap();
        }
        let code = loop {
            match tab.next().await {
                ToConsole::Bye { code, .. } => break code,
                ToConsole::Snapshot { .. } => {}
                other => panic!("{what}: {other:?}"),
            }
        };
        assert_eq!(code, ErrorCode::RateLimited, "{what}");
    }
    live.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_stopping_node_asks_to_come_back() {
    let live = Live::start().await;
    let mut tab = live.admin().await;
    assert_eq!(live.consoles.all().len(), 1);
    tab.actor.cast(LiveConnMsg::ShutDown).unwrap();
    assert_eq!(tab.bye().await, (ErrorCode::ShuttingDown, true));
    wait_until("it is forgotten", || live.consoles.all().is_empty()).await;
    live.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_ends_its_socket_only() {
    let live = Live::start().await;
    let mut other = live.admin().await;
    let mut tab = live.admin().await;
    failpoint::arm("live_conn.frame", 1);
    tab.say(FromConsole::Ping);
    assert_eq!(tab.out.recv().await, None);
    other.say(FromConsole::Ping);
    assert_eq!(other.next().await, ToConsole::Pong);
    live.finish().await;
}
