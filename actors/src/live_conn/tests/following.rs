//! From the snapshot to each change: in order, none twice, none missed.

use std::sync::Arc;

use messages::live::{Entity, FromConsole, LedgerMark, MAX_TOPICS, Subscription, Tick, ToConsole, Topic};
use messages::permission::{RetailerScope, Role};
use messages::run::Presence;
use messages::version::Epoch;
use messages::{AgentId, ErrorCode, RetailerId, RunId, Timestamp, Version};

use super::{Live, missed, snapshot_at};
use crate::ingest::request::{EdgeReply, EdgeRequest};
use crate::ports::{LiveFeed as _, Publication};
use crate::retailer::request::{Request, Response, Watched};
use crate::testkit::wait_until;
use std::time::Duration;

fn watched(request: &Request, watched: Watched) -> Option<Result<Response, messages::Problem>> {
    matches!(request, Request::Watch { .. }).then_some(Ok(Response::Watched(watched)))
}

#[tokio::test(start_paused = true)]
async fn what_happens_while_the_snapshot_is_on_its_way_follows_it() {
    let live = Live::start().await;
    let mut tab = live.admin().await;
    let topic = Topic::Retailer(RetailerId::new());
    live.router.hold();
    tab.subscribe(topic, None);
    live.until_watchers(1).await;
    for version in 4..=7 {
        live.commit(topic, version);
    }
    let tick =
        Tick::Presence { agent_id: AgentId::new(), presence: Presence::Online, last_seen_at: Timestamp(1) };
    live.consoles.publish(Publication::Ticked { topic, ticks: Arc::new([tick.clone()]) });
    live.commit(topic, 8);
    tab.quiet().await;
    live.router.release();
    assert!(matches!(tab.next().await, ToConsole::Snapshot { version: Version(5), .. }));
    assert_eq!([tab.delta().await, tab.delta().await], [(5, 6), (6, 7)]);
    assert_eq!(tab.next().await, ToConsole::Tick { topic, ticks: vec![tick] });
    assert_eq!(tab.delta().await, (7, 8));
    live.commit(topic, 8);
    live.commit(topic, 9);
    assert_eq!(tab.delta().await, (8, 9), "what is known already is not told again");
    tab.quiet().await;
    live.finish().await;
}

#[tokio::test(start_paused = true)]
async fn more_news_than_is_kept_asks_for_the_snapshot_again() {
    let live = Live::start().await;
    let mut tab = live.admin().await;
    let topic = Topic::Retailer(RetailerId::new());
    live.router.hold();
    tab.subscribe(topic, None);
    live.until_watchers(1).await;
    for version in 6..=300 {
        live.commit(topic, version);
    }
    wait_until("it is asked again", || live.watches().len() == 2).await;
    live.router.script(|request| snapshot_at(300, request));
    live.router.release();
    assert!(matches!(tab.next().await, ToConsole::Snapshot { version: Version(300), .. }));
    live.commit(topic, 301);
    assert_eq!(tab.delta().await, (300, 301));
    tab.quiet().await;
    live.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_console_that_comes_back_gets_what_it_missed_in_one_step() {
    let live = Live::start().await;
    let mut tab = live.admin().await;
    let topic = Topic::Retailer(RetailerId::new());
    let tick =
        Tick::Presence { agent_id: AgentId::new(), presence: Presence::Down, last_seen_at: Timestamp(1) };
    let told = tick.clone();
    live.router.script(move |request| {
        let Watched::Since { deltas, version, .. } = missed(3, 200) else { return None };
        watched(request, Watched::Since { deltas, version, ticks: vec![told.clone()] })
    });
    tab.subscribe(topic, Some(3));
    assert_eq!(tab.delta().await, (3, 200));
    assert_eq!(
        tab.next().await,
        ToConsole::Tick { topic, ticks: vec![tick] },
        "ticks have no versions to miss"
    );
    assert_eq!(live.watches(), [(topic, Some(3))]);
    live.commit(topic, 201);
    assert_eq!(tab.delta().await, (200, 201));
    live.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_gap_is_filled() {
    let live = Live::start().await;
    let mut tab = live.admin().await;
    let topic = Topic::Retailer(RetailerId::new());
    tab.follow(topic).await;
    live.router.script(|request| watched(request, missed(5, 7)));
    live.commit(topic, 7);
    assert_eq!(tab.delta().await, (5, 7));
    assert_eq!(live.watches(), [(topic, None), (topic, Some(5))]);
    live.commit(topic, 8);
    assert_eq!(tab.delta().await, (7, 8));
    live.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_runs_versions_have_holes_and_its_deltas_join() {
    let live = Live::start().await;
    let mut tab = live.admin().await;
    let retailer = RetailerId::new();
    let run = crate::run::machine::tests::queued();
    let topic = Topic::Run(retailer, run.id);
    tab.follow(topic).await;
    for (rev, expected) in [(6, Some((5, 6))), (9, Some((6, 9))), (9, None), (4, None), (10, Some((9, 10)))] {
        let mut view = run.view(retailer);
        view.rev = Version(rev);
        live.consoles.publish(Publication::Run { retailer_name: "Shop".into(), run: Arc::new(view) });
        match expected {
            Some(expected) => assert_eq!(tab.delta().await, expected),
            None => tab.quiet().await,
        }
    }
    assert_eq!(live.watches().len(), 1, "holes are no gaps");
    live.finish().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_left_is_told_no_more() {
    let live = Live::start().await;
    let mut tab = live.admin().await;
    let (left, kept) = (Topic::Retailer(RetailerId::new()), Topic::Retailer(RetailerId::new()));
    tab.follow(left).await;
    tab.follow(kept).await;
    live.until_watchers(2).await;
    tab.say(FromConsole::Unsubscribe { topics: vec![left] });
    live.until_watchers(1).await;
    live.commit(left, 6);
    live.commit(kept, 6);
    assert!(matches!(tab.next().await, ToConsole::Delta { topic, .. } if topic == kept));
    tab.quiet().await;
    tab.actor.stop(None);
    live.until_watchers(0).await;
    live.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_socket_has_its_limit_of_topics() {
    let live = Live::start().await;
    let mut tab = live.admin().await;
    let topics: Vec<_> = (0..MAX_TOPICS).map(|_| Topic::Summary(RetailerId::new())).collect();
    for few in topics.chunks(32) {
        let all = few.iter().map(|topic| Subscription { topic: *topic, since: None }).collect();
        tab.say(FromConsole::Subscribe { topics: all });
        for _ in few {
            assert!(matches!(tab.next().await, ToConsole::Snapshot { .. }));
        }
    }
    let more = Topic::Summary(RetailerId::new());
    tab.subscribe(more, None);
    assert_eq!(tab.refused().await, (more, ErrorCode::LimitReached));
    tab.follow(topics[0]).await;
    tab.say(FromConsole::Unsubscribe { topics: vec![topics[1]] });
    tab.follow(more).await;
    live.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_deleted_retailer_is_refused_and_silent() {
    let live = Live::start().await;
    let mut tab = live.admin().await;
    let (retailer, other) = (RetailerId::new(), RetailerId::new());
    for topic in [Topic::Retailer(retailer), Topic::Run(retailer, RunId::new()), Topic::Retailer(other)] {
        tab.follow(topic).await;
    }
    live.consoles.publish(Publication::Gone(retailer));
    for _ in 0..2 {
        let (topic, code) = tab.refused().await;
        assert_eq!((topic.retailer(), code), (Some(retailer), ErrorCode::NotFound));
    }
    live.until_watchers(1).await;
    live.commit(Topic::Retailer(retailer), 6);
    live.commit(Topic::Retailer(other), 6);
    assert!(matches!(tab.next().await, ToConsole::Delta { topic: Topic::Retailer(of), .. } if of == other));
    tab.quiet().await;
    live.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_cannot_be_had_now_is_asked_for_again_and_does_not_disturb_the_others() {
    let live = Live::start().await;
    let mut tab = live.admin().await;
    let (well, ill) = (RetailerId::new(), RetailerId::new());
    tab.follow(Topic::Retailer(well)).await;
    let mut failures = 3;
    live.router.script(move |request| {
        if matches!(request, Request::Watch { .. }) && failures > 0 {
            failures -= 1;
            return Some(Err(ErrorCode::StoreUnavailable.into()));
        }
        snapshot_at(5, request)
    });
    let began = tokio::time::Instant::now();
    tab.subscribe(Topic::Retailer(ill), None);
    live.until_watchers(2).await;
    live.commit(Topic::Retailer(well), 6);
    assert_eq!(tab.delta().await, (5, 6));
    live.commit(Topic::Retailer(ill), 6);
    assert!(matches!(tab.next().await, ToConsole::Snapshot { topic: Topic::Retailer(of), .. } if of == ill));
    assert_eq!(began.elapsed().as_secs(), 7, "after 1, 2 and 4 seconds");
    assert_eq!(tab.delta().await, (5, 6), "what happened meanwhile was kept");
    live.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_is_left_is_not_asked_for_again() {
    let live = Live::start().await;
    let mut tab = live.admin().await;
    let topic = Topic::Retailer(RetailerId::new());
    live.router.script(|_| Some(Err(ErrorCode::NotOwner.into())));
    tab.subscribe(topic, None);
    wait_until("it is asked", || live.watches().len() == 1).await;
    tab.say(FromConsole::Unsubscribe { topics: vec![topic] });
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(live.watches().len(), 1);
    tab.quiet().await;
    live.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_is_not_there_is_refused() {
    let live = Live::start().await;
    let mut tab = live.admin().await;
    let topic = Topic::Retailer(RetailerId::new());
    live.router.script(|_| Some(Err(ErrorCode::NotFound.into())));
    tab.subscribe(topic, None);
    assert_eq!(tab.refused().await, (topic, ErrorCode::NotFound));
    live.until_watchers(0).await;
    live.finish().await;
}

#[tokio::test(start_paused = true)]
async fn the_ledger_of_stores_is_asked_of_its_own_actor_and_followed_by_managers_of_the_retailer_only() {
    let live = Live::start().await;
    let (own, other) = (RetailerId::new(), RetailerId::new());
    let mark = |version| LedgerMark { epoch: Epoch(1), version: Version(version), pulse: 0 };
    live.router.script(move |request| {
        let Request::Edge(request) = request else { return None };
        (**request == EdgeRequest::Mark).then(|| Ok(Response::Edge(EdgeReply::Mark(mark(4)))))
    });
    live.let_in("manager", Role::Manager, RetailerScope { allow: Some(vec![own]), deny: vec![] });
    let mut tab = live.open().await;
    tab.hello("manager").await;
    let topic = Topic::Stores(own);
    tab.subscribe(topic, None);
    let entities = vec![Entity::Ledger(mark(4))];
    assert_eq!(tab.next().await, ToConsole::Snapshot { topic, version: Version(0), entities });
    let tick = Tick::Ledger { mark: mark(5) };
    live.consoles.publish(Publication::Ticked { topic, ticks: Arc::new([tick.clone()]) });
    assert_eq!(tab.next().await, ToConsole::Tick { topic, ticks: vec![tick] });
    tab.subscribe(Topic::Stores(other), None);
    let refused = tab.next().await;
    assert!(matches!(refused, ToConsole::Refused { code: ErrorCode::NotFound, .. }), "{refused:?}");
    live.finish().await;
}
