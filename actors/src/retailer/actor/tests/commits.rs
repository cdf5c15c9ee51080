//! Group commit: what is committed together, who is answered when, and what a full queue does.

use std::time::Duration;

use messages::live::Entity;
use messages::{ErrorCode, StoreId, Version};

use super::{stores, until_waiting};
use crate::domain::EntityId;
use crate::host::MOST_WAITING;
use crate::retailer::actor::MOST_IN_BATCH;
use crate::retailer::request::{Draft, Request, Response};
use crate::testkit::bench::Bench;
use crate::testkit::samples::{author, create, create_store, store_spec, update};
use crate::testkit::wait_until;

fn revision(response: &Response) -> Version {
    match response {
        Response::Entity(entity) => match &**entity {
            Entity::Store(view) => view.rev,
            other => panic!("not a store: {other:?}"),
        },
        other => panic!("not an entity: {other:?}"),
    }
}

#[tokio::test]
async fn what_arrives_during_a_commit_is_committed_together() {
    let bench = Bench::new().await;
    bench.store.hold();
    let first = bench.ask_later(create_store("a"));
    wait_until("the commit has begun", || bench.store.begun() == 2).await;
    let rest: Vec<_> = (0..10).map(|n| bench.ask_later(create_store(&format!("b{n}")))).collect();
    until_waiting(&bench, 10).await;
    assert!(!first.is_finished(), "answered before the commit");
    assert!(rest.iter().all(|asked| !asked.is_finished()), "answered before the commit");
    assert_eq!(stores(&bench).await, 0, "a read during a commit sees what is committed");
    bench.store.release();
    assert_eq!(revision(&first.await.unwrap().unwrap()), Version(2));
    for asked in rest {
        assert_eq!(revision(&asked.await.unwrap().unwrap()), Version(3));
    }
    assert_eq!(bench.store.commits(), [1, 1, 10], "the retailer, the first, the rest together");
    assert_eq!(bench.world.versions(), [(0, 1), (1, 2), (2, 3)]);
    bench.finish().await;
}

#[tokio::test]
async fn a_batch_has_its_limit() {
    let bench = Bench::new().await;
    bench.store.hold();
    let first = bench.ask_later(create_store("a"));
    wait_until("the commit has begun", || bench.store.begun() == 2).await;
    let rest: Vec<_> = (0..=MOST_IN_BATCH).map(|n| bench.ask_later(create_store(&format!("b{n}")))).collect();
    until_waiting(&bench, MOST_IN_BATCH as u64 + 1).await;
    bench.store.release();
    for asked in std::iter::once(first).chain(rest) {
        asked.await.unwrap().unwrap();
    }
    assert_eq!(bench.store.commits(), [1, 1, MOST_IN_BATCH, 1]);
    bench.finish().await;
}

#[tokio::test]
async fn a_refusal_tells_nothing_of_what_may_still_fail() {
    let bench = Bench::new().await;
    bench.store.take_name("taken");
    let id = EntityId::Store(StoreId::new());
    let made = bench.ask(create(id, Draft::Store(store_spec("a")))).await.unwrap();
    bench.store.hold();
    let filler = bench.ask_later(create_store("b"));
    wait_until("the commit has begun", || bench.store.begun() == 3).await;
    let mut asked = Vec::new();
    for (waiting, code) in (1..).zip(["taken", "c"]) {
        asked.push(bench.ask_later(update(id, Draft::Store(store_spec(code)), revision(&made))));
        until_waiting(&bench, waiting).await;
    }
    bench.store.release();
    filler.await.unwrap().unwrap();
    let [first, second] = [asked.remove(0), asked.remove(0)];
    assert_eq!(first.await.unwrap().unwrap_err().code, ErrorCode::NameTaken);
    // What it would have met was never there.
    second.await.unwrap().unwrap();
    bench.finish().await;
}

#[tokio::test]
async fn a_name_that_is_taken_hurts_only_the_one_who_wants_it() {
    let bench = Bench::new().await;
    bench.store.take_name("taken");
    bench.store.hold();
    let first = bench.ask_later(create_store("a"));
    wait_until("the commit has begun", || bench.store.begun() == 2).await;
    let mut asked = Vec::new();
    for (waiting, code) in (1..).zip(["b", "taken", "c"]) {
        asked.push(bench.ask_later(create_store(code)));
        until_waiting(&bench, waiting).await;
    }
    bench.store.release();
    first.await.unwrap().unwrap();
    let mut outcomes = Vec::new();
    for asked in asked {
        outcomes.push(asked.await.unwrap());
    }
    assert!(outcomes[0].is_ok() && outcomes[2].is_ok(), "{outcomes:?}");
    let refusal = outcomes[1].as_ref().unwrap_err();
    assert_eq!((refusal.code, refusal.errors[0].field.as_str()), (ErrorCode::NameTaken, "code"));
    assert_eq!(bench.store.store_codes(bench.retailer), ["a", "b", "c"]);
    assert_eq!(bench.store.versions(), [1, 2, 3, 4]);
    assert_eq!(bench.world.versions().len(), 4);
    assert_eq!(stores(&bench).await, 3);
    bench.finish().await;
}

#[tokio::test]
async fn a_key_used_twice_in_one_batch_makes_one_thing() {
    let bench = Bench::new().await;
    bench.store.hold();
    let first = bench.ask_later(create_store("a"));
    wait_until("the commit has begun", || bench.store.begun() == 2).await;
    let keyed = |code: &str| Request::Create {
        id: EntityId::Store(StoreId::new()),
        draft: Draft::Store(store_spec(code)),
        author: author(),
        idempotency: Some("key".into()),
    };
    let asked = [bench.ask_later(keyed("b")), bench.ask_later(keyed("c"))];
    until_waiting(&bench, 2).await;
    bench.store.release();
    first.await.unwrap().unwrap();
    let mut made = Vec::new();
    for asked in asked {
        made.push(asked.await.unwrap().unwrap());
    }
    assert_eq!(made[0], made[1]);
    assert_eq!(bench.store.store_codes(bench.retailer).len(), 2);
    bench.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_time_ran_out_in_the_queue_changes_nothing() {
    let bench = Bench::new().await;
    bench.store.hold();
    let first = bench.ask_later(create_store("a"));
    wait_until("the commit has begun", || bench.store.begun() == 2).await;
    let late = bench.ask_within(create_store("late"), Duration::from_millis(100)).await;
    assert_eq!(late.unwrap_err().code, ErrorCode::DeadlineExceeded);
    bench.store.release();
    first.await.unwrap().unwrap();
    bench.ask(create_store("b")).await.unwrap();
    assert_eq!(bench.store.store_codes(bench.retailer), ["a", "b"]);
    bench.finish().await;
}

#[tokio::test]
async fn more_than_may_wait_are_told_that_it_is_busy() {
    let bench = Bench::new().await;
    bench.store.hold();
    let first = bench.ask_later(create_store("a"));
    wait_until("the commit has begun", || bench.store.begun() == 2).await;
    let waiting: Vec<_> =
        (1..MOST_WAITING).map(|n| bench.ask_later(create_store(&format!("b{n}")))).collect();
    until_waiting(&bench, MOST_WAITING as u64 - 1).await;
    let refusal = bench.ask(create_store("c")).await.unwrap_err();
    assert_eq!((refusal.code, refusal.retry), (ErrorCode::Busy, true));
    bench.store.release();
    for asked in std::iter::once(first).chain(waiting) {
        asked.await.unwrap().unwrap();
    }
    bench.ask(create_store("c")).await.unwrap();
    bench.finish().await;
}

#[tokio::test]
async fn what_changes_nothing_is_not_committed() {
    let bench = Bench::new().await;
    let store = create(EntityId::Store(StoreId::new()), Draft::Store(store_spec("a")));
    let made = bench.ask(store.clone()).await.unwrap();
    assert_eq!(bench.ask(store).await.unwrap(), made, "the caller minted the id: the same request again");
    assert_eq!(bench.store.commits().len(), 2);
    bench.finish().await;
}
