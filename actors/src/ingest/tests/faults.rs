//! The actor under its supervisor, and everything that can go wrong beneath it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use messages::edge::Amount;
use messages::edge::event::Fact;
use messages::edge::ingest::IngestAnswer;
use messages::http::articles::ArticleSpec;
use messages::version::Epoch;
use messages::{ErrorCode, Problem, RetailerId, StoreId, Timestamp};

use super::super::actor::Tools;
use super::super::host::IngestHost;
use super::super::request::{ArticleAct, EdgeReply, EdgeRequest};
use super::ledger::FakeLedger;
use super::samples::{NOW, Till, author, new_till, requests_to_enrol, sale};
use crate::clock;
use crate::failpoint;
use crate::host::Tried;
use crate::observe::Register;
use crate::ports::{Bell, StoreError};
use crate::supervise::{SupervisorArgs, SupervisorHandle};
use crate::testkit::fakes::World;

/// Counts.
#[derive(Default)]
struct Rung(AtomicU64);

impl Bell for Rung {
    fn ring(&self, _: RetailerId) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

pub(super) struct Bench {
    host: Arc<IngestHost>,
    pub(super) ledger: Arc<FakeLedger>,
    bell: Arc<Rung>,
    pub(super) world: Arc<World>,
    pub(super) retailer: RetailerId,
    store: StoreId,
    epoch: Arc<AtomicU64>,
    root: SupervisorHandle,
}

thread_local! {
    /// Added to the clock that the actor reads; a test has its runtime on its own thread.
    static LATER: std::cell::Cell<Duration> = const { std::cell::Cell::new(Duration::ZERO) };
}

fn now() -> Timestamp {
    NOW + LATER.get()
}

impl Bench {
    /// Lets the actor's wall clock go on.
    pub(super) fn clock(&self, by: Duration) {
        LATER.set(LATER.get() + by);
    }

    pub(super) async fn new() -> Self {
        let args = SupervisorArgs { path: "test".into(), register: Register::default(), children: vec![] };
        let root = SupervisorHandle::root(args).await.unwrap();
        let (ledger, store) = (Arc::<FakeLedger>::default(), StoreId::new());
        ledger.books().zones.insert(store, "UTC".into());
        let epoch = Arc::new(AtomicU64::new(1));
        let owned = epoch.clone();
        let ownership =
            Arc::new(move |_| Some(Epoch(owned.load(Ordering::SeqCst))).filter(|epoch| epoch.0 > 0));
        let bell = Arc::<Rung>::default();
        let world = Arc::<World>::default();
        let tools = Tools { store: ledger.clone(), bell: bell.clone(), feed: world.clone(), clock: now };
        let host = Arc::new(IngestHost::new(root.clone(), ownership, tools));
        Self { host, ledger, bell, world, retailer: RetailerId::new(), store, epoch, root }
    }

    pub(super) async fn ask(&self, request: EdgeRequest) -> Result<EdgeReply, Problem> {
        let request = Arc::new(request);
        loop {
            let until = clock::now() + Duration::from_secs(10);
            match self.host.try_ask(self.retailer, request.clone(), until).await {
                Tried::Answered(answer) => return answer,
                // An actor that has failed often rests: the clock has to go on.
                Tried::NotSent => tokio::time::sleep(Duration::from_millis(1)).await, // poll: the pace of asking
                Tried::Unknown(code) => return Err(code.into()),
            }
        }
    }

    pub(super) async fn ingest(&self, request: EdgeRequest) -> Result<IngestAnswer, ErrorCode> {
        match self.ask(request).await {
            Ok(EdgeReply::Ingested(answer)) => Ok(answer),
            Ok(other) => panic!("{other:?}"),
            Err(problem) => Err(problem.code),
        }
    }

    pub(super) async fn till(&self, n: u8, sales: i64) -> Till {
        let mut till = new_till(self.store, n);
        for request in requests_to_enrol(&till, n) {
            self.ask(request).await.unwrap();
        }
        till.tell((1..=sales).map(|cents| Fact::SaleRecorded(Box::new(sale(cents)))));
        till
    }

    /// The retailer is this node's under another epoch.
    pub(super) fn set_epoch(&self, epoch: u64) {
        self.epoch.store(epoch, Ordering::SeqCst);
    }

    pub(super) async fn close(self) {
        self.root.stop("the test is over").await;
    }
}

#[tokio::test]
async fn batches_that_wait_are_committed_together() {
    let bench = Bench::new().await;
    let mut tills = Vec::new();
    for n in 1..=8 {
        tills.push(bench.till(n, 5).await);
    }
    let before = bench.ledger.books().commits.len();
    let answers = futures_util::future::join_all(tills.iter().map(|till| bench.ingest(till.all()))).await;
    assert!(answers.iter().all(|answer| answer.as_ref().is_ok_and(|answer| answer.accepted.len() == 5)));
    let commits = bench.ledger.books().commits[before..].to_vec();
    assert_eq!(commits.iter().sum::<usize>(), 40);
    assert!(commits.len() <= 2, "eight batches in {} commits", commits.len());
    bench.close().await;
}

#[tokio::test]
async fn the_bell_rings_when_something_may_come_down_and_not_for_sales() {
    let bench = Bench::new().await;
    let till = bench.till(1, 3).await;
    bench.ingest(till.all()).await.unwrap();
    assert_eq!(bench.bell.0.load(Ordering::SeqCst), 0);
    let spec = ArticleSpec::new("A1", "Milk", Amount::new(165));
    let make = || EdgeRequest::Article { act: Box::new(ArticleAct::Create(spec.clone())), author: author() };
    bench.ask(make()).await.unwrap();
    assert_eq!(bench.bell.0.load(Ordering::SeqCst), 1);
    assert_eq!(bench.ask(make()).await.unwrap_err().code, ErrorCode::NameTaken);
    assert_eq!(bench.bell.0.load(Ordering::SeqCst), 1);
    bench.close().await;
}

#[tokio::test]
async fn a_batch_that_cannot_be_stored_holds_up_nobody_else() {
    let bench = Bench::new().await;
    let tills = [bench.till(1, 3).await, bench.till(2, 3).await, bench.till(3, 3).await];
    bench.ledger.books().poison = Some(tills[1].told[1].event_id);
    // The first is under way while the others come together.
    let answers = futures_util::future::join_all(tills.iter().map(|till| bench.ingest(till.all()))).await;
    let accepted =
        |answer: &Result<IngestAnswer, _>| answer.as_ref().map(|answer| answer.accepted.len()).ok();
    assert_eq!([accepted(&answers[0]), accepted(&answers[2])], [Some(3), Some(3)]);
    assert_eq!(answers[1], Err(ErrorCode::EventRefused), "the device sends half of it then");
    bench.close().await;
}

#[tokio::test]
async fn a_database_that_is_away_is_said_so_and_the_next_attempt_counts() {
    let bench = Bench::new().await;
    let till = bench.till(1, 3).await;
    bench.ledger.books().faults.push_back(StoreError::Unavailable("away".into()));
    assert_eq!(bench.ingest(till.all()).await.unwrap_err(), ErrorCode::StoreUnavailable);
    assert_eq!(bench.ingest(till.all()).await.unwrap().accepted.len(), 3);
    bench.close().await;
}

#[tokio::test]
async fn after_a_lost_answer_the_actor_reads_again_and_the_batch_is_a_duplicate() {
    let bench = Bench::new().await;
    let till = bench.till(1, 3).await;
    bench.ledger.books().faults.push_back(StoreError::Unknown("cut".into()));
    assert_eq!(bench.ingest(till.all()).await.unwrap_err(), ErrorCode::OutcomeUnknown);
    assert_eq!(bench.ingest(till.all()).await.unwrap().duplicates.len(), 3);
    assert_eq!(bench.ledger.books().sales.len(), 3);
    bench.close().await;
}

#[tokio::test]
async fn a_panic_at_any_point_costs_time_and_no_sale() {
    for point in ["ingest.before_commit", "ingest.after_commit"] {
        let bench = Bench::new().await;
        let till = bench.till(1, 3).await;
        failpoint::arm(point, 1);
        assert_eq!(bench.ingest(till.all()).await.unwrap_err(), ErrorCode::OutcomeUnknown, "{point}");
        let again = bench.ingest(till.all()).await.unwrap();
        assert_eq!(again.accepted.len() + again.duplicates.len(), 3, "{point}");
        assert_eq!(again.settled_seq, 3);
        assert_eq!(bench.ledger.books().sales.len(), 3, "{point}");
        bench.close().await;
    }
}

#[tokio::test]
async fn whoever_was_overtaken_writes_nothing() {
    let bench = Bench::new().await;
    let till = bench.till(1, 3).await;
    // Another node has taken the retailer, and this one does not know yet.
    bench.ledger.books().epoch = Epoch(2);
    assert_eq!(bench.ingest(till.all()).await.unwrap_err(), ErrorCode::NotOwner);
    assert_eq!(bench.ledger.books().sales.len(), 0);
    // It learns that, and later takes the retailer back.
    bench.epoch.store(0, Ordering::SeqCst);
    assert_eq!(bench.ingest(till.all()).await.unwrap_err(), ErrorCode::NotOwner);
    bench.epoch.store(3, Ordering::SeqCst);
    assert_eq!(bench.ingest(till.all()).await.unwrap().accepted.len(), 3);
    bench.host.vacate(|_| true, Duration::from_secs(5)).await;
    bench.close().await;
}
