//! The store fails, the actor panics: callers are told what is known, and nothing is lost or doubled.

use messages::{ErrorCode, StoreId};

use super::{stores, until_waiting};
use crate::domain::EntityId;
use crate::failpoint;
use crate::ports::StoreError;
use crate::retailer::request::{Draft, Request};
use crate::testkit::bench::Bench;
use crate::testkit::samples::{conn, create, create_store, retailer_spec, store_spec, update};
use crate::testkit::store::Fault;
use crate::testkit::wait_until;
use messages::http::retailers::RetailerSpec;
use messages::ids::SpoolId;

/// A change that is not carried out again by itself.
fn rename(bench: &Bench, name: &str) -> Request {
    let spec = RetailerSpec { name: name.into(), ..retailer_spec() };
    let rev = bench.store.documents(bench.retailer).retailer.unwrap().stamp.rev;
    update(EntityId::Retailer, Draft::Retailer(spec), rev)
}

fn name(bench: &Bench) -> String {
    bench.store.documents(bench.retailer).retailer.unwrap().spec.name.clone()
}

fn gapless(bench: &Bench) -> bool {
    bench.store.versions().iter().zip(1..).all(|(version, expected)| *version == expected)
}

#[tokio::test]
async fn with_the_store_away_callers_are_told_and_the_actor_stays() {
    let bench = Bench::new().await;
    bench.store.fail_next(Fault::Unavailable);
    let refusal = bench.ask(create_store("a")).await.unwrap_err();
    assert_eq!((refusal.code, refusal.retry), (ErrorCode::StoreUnavailable, true));
    assert_eq!(stores(&bench).await, 0);
    bench.ask(create_store("a")).await.unwrap();
    assert_eq!((bench.restarts().await, bench.store.takes()), (0, 1));
    assert_eq!(bench.world.versions(), [(0, 1), (1, 2)]);
    bench.finish().await;
}

#[tokio::test]
async fn an_unknown_outcome_is_said_and_found_out_from_the_store() {
    for (fault, committed) in [(Fault::UnknownCommitted, true), (Fault::UnknownLost, false)] {
        let bench = Bench::new().await;
        let store = create(EntityId::Store(StoreId::new()), Draft::Store(store_spec("a")));
        bench.store.fail_next(fault);
        assert_eq!(bench.refusal(store.clone()).await, ErrorCode::OutcomeUnknown, "{fault:?}");
        assert_eq!(stores(&bench).await, u64::from(committed), "{fault:?}: loaded anew");
        bench.ask(store).await.unwrap();
        assert_eq!(bench.store.store_codes(bench.retailer), ["a"], "{fault:?}");
        assert_eq!((bench.restarts().await, bench.store.takes()), (1, 2), "{fault:?}");
        assert!(gapless(&bench), "{fault:?}: {:?}", bench.store.versions());
        bench.finish().await;
    }
}

#[tokio::test]
async fn what_waited_behind_an_unknown_outcome_is_carried_out_once_if_it_may_be() {
    let bench = Bench::new().await;
    bench.store.hold();
    let first = bench.ask_later(create_store("a"));
    wait_until("the commit has begun", || bench.store.begun() == 2).await;
    let second = bench.ask_later(create_store("b"));
    let third = bench.ask_later(rename(&bench, "Renamed"));
    until_waiting(&bench, 2).await;
    bench.store.fail_next(Fault::UnknownLost);
    bench.store.release();
    assert_eq!(first.await.unwrap().unwrap_err().code, ErrorCode::OutcomeUnknown);
    second.await.unwrap().unwrap();
    assert_eq!(third.await.unwrap().unwrap_err().code, ErrorCode::OutcomeUnknown);
    assert_eq!(bench.store.store_codes(bench.retailer), ["b"]);
    assert_eq!(name(&bench), "FreshMart");
    bench.finish().await;
}

#[tokio::test]
async fn a_panic_before_the_commit_leaves_nothing_behind() {
    let bench = Bench::new().await;
    failpoint::arm("retailer.before_commit", 1);
    assert_eq!(bench.refusal(rename(&bench, "Renamed")).await, ErrorCode::OutcomeUnknown);
    assert_eq!(name(&bench), "FreshMart");
    bench.ask(rename(&bench, "Renamed")).await.unwrap();
    assert_eq!(name(&bench), "Renamed");
    failpoint::arm("retailer.before_commit", 1);
    bench.ask(create_store("a")).await.expect("asked again by the host, for it makes the same thing");
    assert_eq!(bench.store.store_codes(bench.retailer), ["a"]);
    assert_eq!(bench.restarts().await, 2);
    bench.finish().await;
}

#[tokio::test]
async fn a_panic_after_the_commit_loses_nothing_and_doubles_nothing() {
    let bench = Bench::new().await;
    failpoint::arm("retailer.after_commit", 1);
    assert_eq!(bench.refusal(rename(&bench, "Renamed")).await, ErrorCode::OutcomeUnknown);
    assert_eq!(name(&bench), "Renamed");
    failpoint::arm("retailer.after_commit", 1);
    bench.ask(create_store("a")).await.unwrap();
    assert_eq!(stores(&bench).await, 1);
    assert!(gapless(&bench), "{:?}", bench.store.versions());
    bench.finish().await;
}

#[tokio::test]
async fn a_panic_over_a_report_makes_the_socket_attach_again() {
    let bench = Bench::new().await;
    let site = bench.site().await;
    let socket = conn(site.agent, 1);
    bench.attach(socket).await.unwrap();
    let announced = bench.world.announced();
    failpoint::arm("retailer.report", 1);
    let reports = Request::Reports { conn: socket, spool: SpoolId::new(), reports: vec![] };
    assert_eq!(bench.refusal(reports.clone()).await, ErrorCode::WrongState);
    assert_eq!(bench.world.announced(), announced + 1, "the new life asks its agents' sockets to attach");
    bench.attach(socket).await.unwrap();
    bench.ask(reports).await.unwrap();
    bench.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_retailer_that_cannot_be_loaded_is_given_up_and_tried_again_later() {
    let bench = Bench::new().await;
    failpoint::arm("retailer.before_commit", 1);
    for _ in 0..10 {
        bench.store.fail_take(StoreError::Corrupt("a stray field".into()));
    }
    let refusal = bench.ask_within(create_store("a"), std::time::Duration::from_secs(120)).await.unwrap_err();
    assert_eq!(refusal.code, ErrorCode::Internal, "{refusal:?}");
    assert_eq!(bench.refusal(create_store("a")).await, ErrorCode::Internal, "at once, without trying");
    tokio::time::sleep(std::time::Duration::from_secs(301)).await;
    bench.ask(create_store("a")).await.unwrap();
    bench.finish().await;
}
