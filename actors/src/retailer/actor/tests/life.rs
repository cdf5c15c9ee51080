//! Which retailers have an actor: made when asked for, gone with ownership or the retailer.

use messages::version::Epoch;
use messages::{ErrorCode, RetailerId};

use crate::domain::EntityId;
use crate::ports::Publication;
use crate::retailer::request::{Request, Router as _};
use crate::testkit::bench::{Bench, DEADLINE};
use crate::testkit::samples::{conn, create_retailer, create_store, delete};
use crate::testkit::store::Fault;
use crate::testkit::wait_until;
use messages::agent::ToAgent;

#[tokio::test]
async fn an_identifier_from_outside_makes_no_actor() {
    let bench = Bench::empty().await;
    let stranger = RetailerId::new();
    let refusal = bench.host.ask(stranger, Request::Get(EntityId::Retailer), DEADLINE).await.unwrap_err();
    assert_eq!(refusal.code, ErrorCode::NotFound);
    assert_eq!((bench.store.takes(), bench.is_running()), (0, false));
    bench.finish().await;
}

#[tokio::test]
async fn a_retailer_that_could_not_be_made_leaves_no_actor() {
    let bench = Bench::empty().await;
    bench.store.fail_next(Fault::Unavailable);
    assert_eq!(bench.refusal(create_retailer()).await, ErrorCode::StoreUnavailable);
    wait_until("the actor has gone", || !bench.is_running()).await;
    bench.ask(create_retailer()).await.unwrap();
    bench.finish().await;
}

#[tokio::test]
async fn another_owner_ends_the_actor_and_the_next_request_takes_it_back_with_a_higher_epoch() {
    let bench = Bench::new().await;
    let site = bench.site().await;
    bench.start_run(site).await;
    wait_until("the run is watched", || bench.watchers() == 1).await;
    bench.store.usurp(bench.retailer, Epoch(5));
    assert_eq!(bench.refusal(create_store("a")).await, ErrorCode::NotOwner);
    wait_until("the actor has gone", || !bench.is_running()).await;
    wait_until("nobody watches its runs here", || bench.watchers() == 0).await;
    assert_eq!(bench.refusal(create_store("a")).await, ErrorCode::NotOwner, "the epoch is still too low");
    wait_until("nothing is left to be restarted", || !bench.is_running()).await;
    bench.own(6);
    bench.ask(create_store("a")).await.unwrap();
    assert_eq!(bench.store.store_codes(bench.retailer), ["a"]);
    wait_until("the run is watched again", || bench.watchers() == 1).await;
    bench.finish().await;
}

#[tokio::test]
async fn requests_that_wait_at_a_fenced_actor_are_answered_by_the_next_one_if_it_owns() {
    let bench = Bench::new().await;
    bench.store.hold();
    let first = bench.ask_later(create_store("a"));
    wait_until("the commit has begun", || bench.store.begun() == 2).await;
    let second = bench.ask_later(create_store("b"));
    super::until_waiting(&bench, 1).await;
    bench.store.usurp(bench.retailer, Epoch(5));
    bench.own(6);
    bench.store.release();
    assert_eq!(first.await.unwrap().unwrap_err().code, ErrorCode::NotOwner);
    assert_eq!(second.await.unwrap().unwrap_err().code, ErrorCode::NotOwner);
    bench.ask(create_store("c")).await.expect("at once, though the old actor may be still ending");
    assert_eq!(bench.store.store_codes(bench.retailer), ["c"]);
    bench.finish().await;
}

#[tokio::test]
async fn what_this_node_does_not_own_it_does_not_touch() {
    let bench = Bench::new().await;
    bench.own(0);
    assert_eq!(bench.refusal(create_store("a")).await, ErrorCode::NotOwner);
    assert_eq!(bench.refusal(Request::Get(EntityId::Retailer)).await, ErrorCode::NotOwner);
    bench.finish().await;
}

#[tokio::test]
async fn a_deleted_retailer_is_gone_for_everyone() {
    let bench = Bench::new().await;
    let site = bench.site().await;
    let socket = conn(site.agent, 1);
    bench.attach(socket).await.unwrap();
    let run = bench.start_run(site).await;
    let rev = bench.store.documents(bench.retailer).retailer.unwrap().stamp.rev;
    assert_eq!(bench.refusal(delete(EntityId::Retailer, rev)).await, ErrorCode::WrongState, "a run is open");
    let failure = messages::ErrorCode::AgentRefused;
    let command = bench.store.documents(bench.retailer).runs[&run].command_id;
    bench.ask(Request::Refused { conn: socket, command, code: failure, detail: "no".into() }).await.unwrap();
    bench.world.take_frames();
    bench.ask(delete(EntityId::Retailer, rev)).await.unwrap();
    let gone =
        |publication: &Publication| matches!(publication, Publication::Gone(id) if *id == bench.retailer);
    assert!(bench.world.publications().iter().any(gone));
    let frames = bench.world.take_frames();
    assert!(matches!(frames[..], [ToAgent::Bye { code: ErrorCode::AgentRevoked, .. }]), "{frames:?}");
    wait_until("the actor has gone", || !bench.is_running()).await;
    assert_eq!(bench.refusal(Request::Get(EntityId::Retailer)).await, ErrorCode::NotFound);
    assert!(!bench.is_running());
    wait_until("its runs are not watched", || bench.watchers() == 0).await;
    bench.finish().await;
}
