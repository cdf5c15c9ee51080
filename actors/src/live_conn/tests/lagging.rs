//! A console that reads too slowly: bounded memory, then a fresh snapshot, then each change again.

use std::collections::BTreeMap;
use std::time::Duration;

use messages::live::{FromConsole, Subscription, ToConsole, Topic};
use messages::{ErrorCode, RetailerId, Version};

use super::{Live, snapshot_at};
use crate::live_conn::{LiveConnMsg, OUTBOUND};
use crate::testkit::wait_until;

#[tokio::test(start_paused = true)]
async fn it_misses_nothing_in_the_end_and_never_costs_more_than_its_queue() {
    let live = Live::start().await;
    let mut tab = live.admin().await;
    let (busy, calm) = (Topic::Retailer(RetailerId::new()), Topic::Retailer(RetailerId::new()));
    tab.follow(busy).await;
    tab.follow(calm).await;
    live.router.script(|request| snapshot_at(500, request));
    for version in 6..=500 {
        live.commit(busy, version);
    }
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(tab.out.len(), OUTBOUND, "as much as fits, and no more");
    assert_eq!(live.watches().len(), 2, "no snapshot while it does not read");
    let first = OUTBOUND as u64 + 5;
    for version in 6..=first {
        assert_eq!(tab.delta().await, (version - 1, version));
    }
    assert!(
        matches!(tab.next().await, ToConsole::Snapshot { version: Version(500), topic, .. } if topic == busy)
    );
    live.commit(busy, 501);
    live.commit(calm, 6);
    assert_eq!(tab.delta().await, (500, 501));
    assert_eq!(tab.delta().await, (5, 6), "what missed nothing went on without a snapshot");
    assert_eq!(live.watches().len(), 3);
    tab.quiet().await;
    live.finish().await;
}

#[tokio::test(start_paused = true)]
async fn many_topics_catch_up_a_few_at_a_time() {
    let live = Live::start().await;
    let mut tab = live.admin().await;
    let topics: Vec<_> = (0..200).map(|_| Topic::Retailer(RetailerId::new())).collect();
    let all = topics.iter().map(|topic| Subscription { topic: *topic, since: None }).collect();
    tab.say(FromConsole::Subscribe { topics: all });
    live.until_watchers(200).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    live.router.script(|request| snapshot_at(6, request));
    for topic in &topics {
        live.commit(*topic, 6);
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(tab.out.len(), OUTBOUND);
    let mut reached: BTreeMap<Topic, u64> = BTreeMap::new();
    while reached.len() < 200 || reached.values().any(|version| *version < 6) {
        match tab.next().await {
            ToConsole::Snapshot { topic, version, .. } => drop(reached.insert(topic, version.0)),
            ToConsole::Delta { topic, after, version, .. } => {
                assert_eq!(reached.insert(topic, version.0), Some(after.0), "{topic}");
            }
            other => panic!("{other:?}"),
        }
        // A slow line.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(live.watches().len() <= 2 * 200 + OUTBOUND, "{} questions", live.watches().len());
    tab.quiet().await;
    live.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_does_not_fit_ends_the_socket() {
    let live = Live::start().await;
    let mut tab = live.admin().await;
    let busy = Topic::Retailer(RetailerId::new());
    tab.follow(busy).await;
    for version in 6..=100 {
        live.commit(busy, version);
    }
    wait_until("its queue is full", || tab.out.len() == OUTBOUND).await;
    live.router.script(|_| Some(Err(ErrorCode::NotFound.into())));
    tab.subscribe(Topic::Retailer(RetailerId::new()), None);
    wait_until("it is gone", || live.consoles.all().is_empty()).await;
    live.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_closed_socket_ends_its_actor() {
    let live = Live::start().await;
    let tab = live.admin().await;
    drop(tab.out);
    tab.actor.cast(LiveConnMsg::Frame(FromConsole::Ping)).unwrap();
    wait_until("it is gone", || live.consoles.all().is_empty()).await;
    live.finish().await;
}
