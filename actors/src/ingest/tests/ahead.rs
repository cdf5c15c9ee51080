//! Rounds that are decided on while the one before them is written: they see it as if it were there, and when it comes to
//! nothing they are as if they had not been.

use std::sync::Arc;

use messages::ErrorCode;
use messages::edge::event::{Fact, Sale};
use messages::edge::ingest::IngestAnswer;
use messages::ids::StreamId;
use proptest::prelude::*;
use tokio::sync::Semaphore;

use super::super::request::EdgeRequest;
use super::faults::Bench;
use super::ledger::Books;
use super::samples::{Till, payment, refund, sale, stock, void};
use crate::ports::StoreError;

type Answer = Result<IngestAnswer, ErrorCode>;

fn whole(of: &Sale) -> Fact {
    Fact::SaleRecorded(Box::new(of.clone()))
}

impl Bench {
    async fn until(&self, so: impl Fn(&Books) -> bool) {
        let wait = async {
            while !so(&self.ledger.books()) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(60), wait).await.unwrap();
    }

    /// Both are asked for; the second is decided on while the first is being written. `between` is done then.
    async fn in_a_row(
        &self,
        first: EdgeRequest,
        second: EdgeRequest,
        between: impl FnOnce(&mut Books),
    ) -> (Answer, Answer) {
        let gate = Arc::new(Semaphore::new(0));
        self.ledger.books().gate = Some(gate.clone());
        let two = async {
            self.until(|books| books.held == 1).await;
            let looks = self.ledger.books().looks;
            let decided = async {
                self.until(|books| books.looks > looks).await;
                // What was asked for has been answered a moment later.
                tokio::task::yield_now().await;
                assert_eq!(self.ledger.books().held, 1, "it waits for its turn");
                between(&mut self.ledger.books());
                gate.add_permits(1_000);
            };
            tokio::join!(self.ingest(second), decided).0
        };
        let answers = tokio::join!(self.ingest(first), two);
        self.ledger.books().gate = None;
        answers
    }
}

fn accepted(answer: &Answer) -> usize {
    answer.as_ref().unwrap().accepted.len()
}

#[tokio::test]
async fn the_next_round_sees_the_one_that_is_being_written() {
    let bench = Bench::new().await;
    let mut till = bench.till(1, 0).await;
    let (kept, undone, mut copied) = (sale(500), sale(300), sale(100));
    copied.receipt.clone_from(&kept.receipt);
    till.tell([whole(&kept), payment(&kept), whole(&undone), stock(-2, 98)]);
    till.tell([
        refund(&kept, 200),
        refund(&kept, 301),
        void(&undone),
        void(&undone),
        whole(&copied),
        whole(&sale(7)),
    ]);
    let (first, second) = bench.in_a_row(till.batch(1, 4), till.batch(1, 10), |_| ()).await;
    assert_eq!(accepted(&first), 4);
    let second = second.unwrap();
    assert_eq!(
        (second.duplicates.len(), second.accepted.len(), second.errors.len()),
        (4, 3, 3),
        "{second:?}"
    );
    {
        let books = bench.ledger.books();
        assert_eq!(books.commits, [0, 0, 4, 6], "make, enrol, and both rounds");
        assert_eq!(books.inbox.len(), 10);
        assert_eq!(books.sales[&kept.transaction_id].returned.minor(), 200);
        assert!(books.sales[&undone.transaction_id].voided_at.is_some());
        assert!(
            !books.sales.contains_key(&copied.transaction_id),
            "its receipt is of a sale that is being written"
        );
    }
    bench.close().await;
}

#[tokio::test]
async fn marks_of_the_round_that_is_being_written_count() {
    let bench = Bench::new().await;
    let mut till = bench.till(1, 0).await;
    let (kept, undone) = (sale(500), sale(300));
    till.tell([
        whole(&kept),
        whole(&undone),
        refund(&kept, 400),
        void(&undone),
        refund(&kept, 101),
        refund(&undone, 1),
    ]);
    bench.ingest(till.batch(1, 2)).await.unwrap();
    let (first, second) = bench.in_a_row(till.batch(3, 4), till.batch(5, 6), |_| ()).await;
    assert_eq!(accepted(&first), 2);
    assert_eq!(second.unwrap().errors.len(), 2, "more than was left, and of what was voided");
    bench.close().await;
}

#[tokio::test]
async fn what_was_built_on_a_round_that_came_to_nothing_is_done_anew() {
    let bench = Bench::new().await;
    let till = bench.till(1, 6).await;
    let away = |books: &mut Books| books.faults.push_back(StoreError::Unavailable("away".into()));
    let (first, second) = bench.in_a_row(till.batch(1, 3), till.batch(4, 6), away).await;
    assert_eq!(first.unwrap_err(), ErrorCode::StoreUnavailable);
    let second = second.unwrap();
    assert_eq!(
        (second.accepted.len(), second.expected_seq, second.settled_seq),
        (0, Some(1), 0),
        "there is a gap"
    );
    assert_eq!(accepted(&bench.ingest(till.all()).await), 6);
    assert_eq!(bench.ledger.books().sales.len(), 6);
    bench.close().await;
}

#[tokio::test]
async fn what_was_built_on_a_round_that_was_decided_once_more_is_done_anew() {
    let bench = Bench::new().await;
    let mut till = bench.till(1, 3).await;
    bench.ingest(till.all()).await.unwrap();
    // The device counts from anew: its numbers say that all is new.
    till.stream = StreamId::new();
    let again = till.told[0].clone();
    till.tell((0..3).map(|cents| whole(&sale(cents + 10))));
    assert_eq!(till.told[0].event_id, again.event_id);
    let (first, second) = bench.in_a_row(till.batch(1, 3), till.batch(4, 6), |_| ()).await;
    let first = first.unwrap();
    assert_eq!((first.duplicates.len(), first.accepted.len(), first.settled_seq), (3, 0, 3));
    assert_eq!(accepted(&second), 3);
    {
        let books = bench.ledger.books();
        assert_eq!((books.sales.len(), books.inbox.len()), (6, 6));
    }
    bench.close().await;
}

#[tokio::test]
async fn nothing_is_built_on_a_sale_that_turns_out_to_be_another() {
    let bench = Bench::new().await;
    let (mut first, mut second) = (bench.till(1, 0).await, bench.till(2, 0).await);
    let (kept, mut twin) = (sale(500), sale(900));
    twin.transaction_id = kept.transaction_id;
    first.tell([whole(&kept)]);
    bench.ingest(first.all()).await.unwrap();
    second.tell([whole(&twin), void(&twin)]);
    let (told, undone) = bench.in_a_row(second.batch(1, 1), second.batch(2, 2), |_| ()).await;
    assert_eq!((told.unwrap().errors.len(), undone.unwrap().errors.len()), (1, 1), "there is no such sale");
    {
        let books = bench.ledger.books();
        assert_eq!((books.sales.len(), books.voids), (1, 0));
        assert_eq!(books.sales[&kept.transaction_id].voided_at, None);
    }
    bench.close().await;
}

#[tokio::test]
async fn a_lost_answer_takes_the_round_behind_it_along() {
    let bench = Bench::new().await;
    let till = bench.till(1, 6).await;
    let lost = |books: &mut Books| books.faults.push_back(StoreError::Unknown("cut".into()));
    let (first, second) = bench.in_a_row(till.batch(1, 3), till.batch(4, 6), lost).await;
    assert_eq!(first.unwrap_err(), ErrorCode::OutcomeUnknown);
    assert!(second.is_err(), "{second:?}");
    let all = bench.ingest(till.all()).await.unwrap();
    assert_eq!((all.duplicates.len(), all.accepted.len()), (3, 3));
    assert_eq!(bench.ledger.books().sales.len(), 6);
    bench.close().await;
}

#[tokio::test]
async fn whoever_wants_to_read_sums_waits_for_no_more_than_what_has_begun() {
    let bench = Bench::new().await;
    let mut till = bench.till(1, 0).await;
    till.tell((0..6).map(|_| stock(-1, 9)));
    let (first, second) = bench.in_a_row(till.batch(1, 3), till.batch(4, 6), |_| ()).await;
    assert_eq!((accepted(&first), accepted(&second)), (3, 3));
    bench.ask(EdgeRequest::Fold).await.unwrap();
    {
        let books = bench.ledger.books();
        assert_eq!(books.stock.values().map(|stock| stock.1).sum::<i64>(), -6_000);
        assert_eq!(books.folds, [2]);
    }
    bench.close().await;
}

/// Sends its events in order by batches of this size, and again what was not answered.
async fn deliver(bench: &Bench, till: &Till, size: usize) {
    let mut settled = 0;
    while settled < till.told.len() {
        let last = (settled + size).min(till.told.len());
        match bench.ingest(till.batch(settled + 1, last)).await {
            Ok(answer) => settled = usize::try_from(answer.settled_seq).unwrap(),
            // An actor that fails often rests: the clock has to go on.
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(1)).await, // poll: the pace of asking
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// Many devices at once, and a store that fails in every way: each event is settled once, in its device's order.
    #[test]
    fn whatever_goes_wrong_each_event_counts_once(
        sizes in proptest::collection::vec(1..6_usize, 2..7),
        faults in proptest::collection::vec(proptest::option::of(0..3_u8), 0..30),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let bench = Bench::new().await;
            let mut tills = Vec::new();
            for n in 0..sizes.len() {
                tills.push(bench.till(u8::try_from(n).unwrap() + 1, 25).await);
            }
            let fault = |kind: &Option<u8>| match kind {
                Some(0) => Some(StoreError::Unavailable("away".into())),
                Some(1) => Some(StoreError::Unknown("cut".into())),
                Some(_) => Some(StoreError::Corrupt("in use".into())),
                None => None,
            };
            bench.ledger.books().weather = faults.iter().map(fault).collect();
            let work = tills.iter().zip(&sizes).map(|(till, size)| deliver(&bench, till, *size));
            futures_util::future::join_all(work).await;
            bench.ask(EdgeRequest::Fold).await.unwrap();
            {
                let books = bench.ledger.books();
                assert_eq!((books.inbox.len(), books.sales.len()), (25 * tills.len(), 25 * tills.len()));
                assert_eq!(books.articles.values().map(|it| it.quantity).sum::<i64>(), 50_000 * i64::try_from(tills.len()).unwrap());
                for till in &tills {
                    let mine: Vec<_> = books.inbox.iter().filter(|id| till.told.iter().any(|sent| sent.event_id == **id)).collect();
                    assert!(mine.iter().zip(&till.told).all(|(id, sent)| **id == sent.event_id), "in order");
                }
            }
            bench.close().await;
        });
    }
}
