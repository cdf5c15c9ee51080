//! Sums behind the events: they are complete for whoever asks, and each round is in them once, whatever goes wrong.

use std::time::Duration;

use messages::edge::event::Fact;
use messages::version::Epoch;
use messages::{ErrorCode, Version};

use super::super::pending::MOST_ROUNDS;
use super::super::request::{EdgeReply, EdgeRequest};
use super::faults::Bench;
use super::samples::{Till, sale, stock};
use crate::failpoint;
use crate::ports::StoreError;

/// What the sums say was sold of the one article, and by how much its stock has moved.
fn sums(bench: &Bench) -> (i64, i64) {
    let books = bench.ledger.books();
    let sold = books.articles.values().map(|article| article.quantity).sum();
    (sold, books.stock.values().map(|stock| stock.1).sum())
}

async fn sell(bench: &Bench, till: &mut Till) {
    let before = till.told.len();
    till.tell([Fact::SaleRecorded(Box::new(sale(500))), stock(-2, 98)]);
    let answer = bench.ingest(till.batch(before + 1, before + 2)).await.unwrap();
    assert_eq!(answer.accepted.len(), 2);
}

async fn fold(bench: &Bench) -> Result<(), ErrorCode> {
    match bench.ask(EdgeRequest::Fold).await {
        Ok(EdgeReply::Done) => Ok(()),
        Ok(other) => panic!("{other:?}"),
        Err(problem) => Err(problem.code),
    }
}

#[tokio::test]
async fn whoever_asks_finds_all_that_was_acknowledged_in_the_sums() {
    let bench = Bench::new().await;
    let mut till = bench.till(1, 0).await;
    for _ in 0..3 {
        sell(&bench, &mut till).await;
    }
    assert_eq!((sums(&bench), bench.ledger.books().journal.len()), ((0, 0), 3), "the events came first");
    fold(&bench).await.unwrap();
    assert_eq!((sums(&bench), bench.ledger.books().journal.len()), ((6_000, -6_000), 0));
    assert_eq!(bench.ledger.books().folds, [3], "three rounds, written once");
    let version = bench.ledger.books().version;
    fold(&bench).await.unwrap();
    assert_eq!(bench.ledger.books().version, version, "there was nothing to do");
    bench.close().await;
}

#[tokio::test]
async fn many_readers_cost_one_fold() {
    let bench = Bench::new().await;
    let mut till = bench.till(1, 0).await;
    sell(&bench, &mut till).await;
    let all = futures_util::future::join_all((0..20).map(|_| fold(&bench))).await;
    assert!(all.iter().all(Result::is_ok), "{all:?}");
    assert_eq!((sums(&bench), bench.ledger.books().folds.clone()), ((2_000, -2_000), vec![1]));
    bench.close().await;
}

#[tokio::test]
async fn sums_are_written_when_nobody_asks_too() {
    let bench = Bench::new().await;
    let mut till = bench.till(1, 0).await;
    sell(&bench, &mut till).await;
    // slow: the actor waits two seconds for more
    let folded = async {
        while sums(&bench) != (2_000, -2_000) {
            tokio::time::sleep(Duration::from_millis(20)).await; // poll: there is nothing to be told by
        }
    };
    tokio::time::timeout(Duration::from_secs(60), folded).await.unwrap();
    bench.close().await;
}

#[tokio::test]
async fn the_next_owner_puts_what_it_finds_into_the_sums() {
    let bench = Bench::new().await;
    let mut till = bench.till(1, 0).await;
    sell(&bench, &mut till).await;
    sell(&bench, &mut till).await;
    // Another node takes it, with a higher epoch.
    bench.set_epoch(2);
    fold(&bench).await.unwrap();
    assert_eq!((sums(&bench), bench.ledger.books().folds.clone()), ((4_000, -4_000), vec![2]));
    assert_eq!(bench.ledger.books().epoch, Epoch(2));
    sell(&bench, &mut till).await;
    fold(&bench).await.unwrap();
    assert_eq!(sums(&bench), (6_000, -6_000));
    bench.close().await;
}

#[tokio::test]
async fn whoever_was_overtaken_folds_nothing() {
    let bench = Bench::new().await;
    let mut till = bench.till(1, 0).await;
    sell(&bench, &mut till).await;
    bench.ledger.books().epoch = Epoch(2);
    assert_eq!(fold(&bench).await, Err(ErrorCode::NotOwner));
    assert_eq!((sums(&bench), bench.ledger.books().journal.len()), ((0, 0), 1));
    bench.close().await;
}

#[tokio::test]
async fn a_fold_whose_answer_is_lost_has_happened_once() {
    let bench = Bench::new().await;
    let mut till = bench.till(1, 0).await;
    sell(&bench, &mut till).await;
    bench.ledger.books().fold_faults.push_back(StoreError::Unknown("cut".into()));
    assert_eq!(fold(&bench).await, Err(ErrorCode::OutcomeUnknown));
    fold(&bench).await.unwrap();
    sell(&bench, &mut till).await;
    fold(&bench).await.unwrap();
    assert_eq!((sums(&bench), bench.ledger.books().folds.clone()), ((4_000, -4_000), vec![1, 1]));
    bench.close().await;
}

#[tokio::test]
async fn a_panic_around_a_fold_costs_time_and_no_sum() {
    for point in ["ingest.before_fold", "ingest.after_fold"] {
        let bench = Bench::new().await;
        let mut till = bench.till(1, 0).await;
        sell(&bench, &mut till).await;
        failpoint::arm(point, 1);
        assert_eq!(fold(&bench).await, Err(ErrorCode::OutcomeUnknown), "{point}");
        fold(&bench).await.unwrap();
        assert_eq!(sums(&bench), (2_000, -2_000), "{point}");
        bench.close().await;
    }
}

#[tokio::test]
async fn sums_that_cannot_be_written_are_tried_again_and_lose_nothing() {
    let bench = Bench::new().await;
    let mut till = bench.till(1, 0).await;
    sell(&bench, &mut till).await;
    bench.ledger.books().fold_faults.push_back(StoreError::Unavailable("away".into()));
    assert_eq!(fold(&bench).await, Err(ErrorCode::StoreUnavailable));
    // Sales go on meanwhile.
    sell(&bench, &mut till).await;
    fold(&bench).await.unwrap();
    assert_eq!((sums(&bench), bench.ledger.books().folds.clone()), ((4_000, -4_000), vec![2]));
    bench.close().await;
}

#[tokio::test]
async fn no_more_rounds_wait_for_the_sums_than_the_next_owner_can_read() {
    let bench = Bench::new().await;
    let mut till = bench.till(1, 0).await;
    for _ in 0..=MOST_ROUNDS {
        sell(&bench, &mut till).await;
        let waiting = bench.ledger.books().journal.len();
        assert!(waiting <= MOST_ROUNDS, "{waiting}");
    }
    assert!(!bench.ledger.books().folds.is_empty(), "before somebody asked");
    // While they cannot be written, devices are told to come again, and then all goes on.
    bench.ledger.books().fold_faults.push_back(StoreError::Unavailable("away".into()));
    let (last, refused) = loop {
        till.tell([Fact::SaleRecorded(Box::new(sale(500)))]);
        let last = till.told.len();
        if let Err(problem) = bench.ask(till.batch(last, last)).await {
            break (last, problem);
        }
    };
    assert_eq!((refused.code, refused.retry_after_s.is_some()), (ErrorCode::StoreUnavailable, true));
    let accepted = async {
        // poll: as a device does that was told to come again
        while bench.ingest(till.batch(last, last)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await; // poll: see above
        }
    };
    tokio::time::timeout(Duration::from_secs(60), accepted).await.unwrap();
    fold(&bench).await.unwrap();
    let sales = bench.ledger.books().sales.len() as i64;
    assert_eq!(sums(&bench).0, 2_000 * sales);
    assert!(bench.ledger.books().version > Version(0));
    bench.close().await;
}
