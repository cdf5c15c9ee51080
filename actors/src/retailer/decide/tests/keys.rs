//! Idempotency keys.

use std::time::Duration;

use messages::{AgentId, ErrorCode, RunId, StoreId};

use super::{Desk, made};
use crate::domain::{EntityId, Write};
use crate::retailer::request::{Draft, Request};
use crate::retailer::state::{MOST_RECEIPTS, RECEIPT_LIFE};
use crate::testkit::samples::{agent_spec, author, store_spec};

fn keyed(id: EntityId, draft: Draft, key: &str) -> Request {
    Request::Create { id, draft, author: author(), idempotency: Some(key.into()) }
}

fn store(code: &str, key: &str) -> Request {
    keyed(EntityId::Store(StoreId::new()), Draft::Store(store_spec(code)), key)
}

#[test]
fn the_same_key_makes_one_thing_and_another_key_another() {
    let mut desk = Desk::new();
    let first = desk.done(&store("a", "k1"));
    assert!(matches!(first.writes[..], [Write::Store(_), Write::Receipt(_)]));
    let again = desk.done(&store("b", "k1"));
    assert_eq!((made(&again), again.writes.len()), (made(&first), 0));
    let other = desk.done(&store("b", "k2"));
    assert_ne!(made(&other), made(&first));
    assert_eq!(desk.state.stores.len(), 2);
}

#[test]
fn a_refused_request_leaves_its_key_free() {
    let mut desk = Desk::new();
    desk.done(&store("a", "k1"));
    assert_eq!(desk.code(&store("a", "k2")), ErrorCode::NameTaken);
    desk.done(&store("b", "k2"));
}

#[test]
fn a_run_is_started_once_for_a_key() {
    let mut desk = Desk::new();
    let (.., job) = desk.site();
    let start = |key: &str| Request::StartRun {
        mode: messages::export::RunMode::Usual,
        job,
        run: RunId::new(),
        author: author(),
        idempotency: Some(key.into()),
    };
    let first = desk.done(&start("k"));
    assert_eq!(made(&desk.done(&start("k"))), made(&first));
    assert_ne!(made(&desk.done(&start("other"))), made(&first));
    assert_eq!(desk.state.runs.len(), 2);
}

#[test]
fn a_key_of_another_kind_of_request_is_refused() {
    let mut desk = Desk::new();
    desk.done(&store("a", "k"));
    let agent = keyed(EntityId::Agent(AgentId::new()), Draft::Agent(agent_spec("Till")), "k");
    assert_eq!(desk.code(&agent), ErrorCode::WrongState);
}

#[test]
fn keys_are_remembered_for_a_day() {
    let mut desk = Desk::new();
    let first = desk.done(&store("a", "k"));
    desk.now = desk.now + (RECEIPT_LIFE - Duration::from_millis(1));
    assert_eq!(made(&desk.done(&store("b", "k"))), made(&first));
    desk.now = desk.now + Duration::from_millis(1);
    assert_ne!(made(&desk.done(&store("b", "k"))), made(&first));
}

#[test]
fn only_so_many_keys_are_kept_the_latest_ones() {
    let mut desk = Desk::new();
    let (.., job) = desk.site();
    let run = desk.start(job);
    for n in 0..=MOST_RECEIPTS {
        desk.now.0 += 1;
        let receipt = crate::domain::Receipt { key: format!("k{n}"), made: EntityId::Run(run), at: desk.now };
        desk.state.apply(&Write::Receipt(receipt));
    }
    assert_eq!(desk.state.receipts.len(), MOST_RECEIPTS);
    assert!(!desk.state.receipts.contains_key("k0") && desk.state.receipts.contains_key("k1"));
}
