//! Days without a line: what was sold meanwhile goes to the hub afterwards, while tills sell on, others are served, and
//! neither side holds more than usual. The long form, ten days of 20,000 sales, is `cargo xtask bench backlog`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use messages::edge::checkout::ReceiptView;
use messages::edge::status::EdgeStatus;
use serde_json::json;

use super::super::api::Api;
use super::line::{Line, State};
use super::machine::Edge;
use super::scene::{Office, Scene};

/// Three events each.
const SALES: usize = 6_000;
const TILLS: usize = 16;
/// Rounds of some hundred events with everything around them; a hub that read the backlog into memory would take more.
const MEMORY: u64 = 192 << 20;

/// Sells one basket after the other at some tills; gives the receipts.
async fn sell(edge: &Edge, sales: usize) -> BTreeSet<String> {
    let receipts: Vec<String> = stream::iter(0..sales)
        .map(async |sale| {
            let line = |n: usize| json!({"sku": format!("A{:05}", (sale * 7 + n * 31) % 200 + 1)});
            let body = json!({"lines": [line(0), line(1), line(2)], "payments": [{"kind": "card"}]});
            let answer = edge.post("/v1/sales", &format!("backlog-{sale}"), &body).await;
            assert_eq!(answer.status(), 201, "{}", edge.log());
            answer.json::<ReceiptView>().await.unwrap().receipt.to_string()
        })
        .buffer_unordered(TILLS)
        .collect()
        .await;
    assert_eq!(receipts.len(), sales);
    receipts.into_iter().collect()
}

/// Another retailer's people go on meanwhile; every one of their requests is answered.
async fn others(api: Api, other: String, over: Arc<AtomicBool>, answered: Arc<AtomicUsize>) {
    while !over.load(Ordering::Relaxed) {
        let (status, _) = api.call(reqwest::Method::GET, &format!("{other}/stores"), None).await;
        assert!(status.is_success(), "another retailer was answered with {status}");
        answered.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(50)).await; // slow: people's pace
    }
}

#[tokio::test]
async fn process_a_backlog_of_days_is_drained_while_tills_sell_and_others_are_served() {
    let mut scene = Scene::set("grpc").await;
    let line = Line::to(&scene.hub.url).await;
    line.set(State::Cut);
    scene.edge.hub = Some(line.url());
    scene.edge.start().await;
    // In this order: refunds and voids of the simulated ones come after, and some of them behind the backlog.
    let given = sell(&scene.edge, SALES).await;
    assert_eq!(given.len(), SALES, "a receipt number was given twice");
    scene.edge.sell(60, 3).all_served().await.unwrap();
    let status: EdgeStatus = scene.edge.get("/v1/status").await;
    assert!(status.outbox.unsent > 3 * SALES as u64, "{status:?}");

    let other = Office::open(&scene.office.api, "another").await;
    let (over, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let people = tokio::spawn(others(other.api, other.of, Arc::clone(&over), Arc::clone(&answered)));
    let before = scene.hub.resident();
    line.set(State::Whole);
    let selling = scene.edge.sell_at(5, 200, 4, 20);
    scene.office.until_sales(100).await;
    selling.all_served().await.unwrap();
    scene.edge.drained().await;
    let grown = scene.hub.resident().saturating_sub(before);
    assert!(grown < MEMORY, "the hub has grown by {} MiB", grown >> 20);
    over.store(true, Ordering::Relaxed);
    people.await.unwrap();
    assert!(answered.load(Ordering::Relaxed) > 5);

    scene.office.reconcile(&scene.edge).await;
    let at_hub: BTreeSet<String> =
        scene.office.sales().await.into_iter().map(|sale| sale.receipt.to_string()).collect();
    assert!(given.is_subset(&at_hub), "a receipt that was given out is not at the hub");
    scene.end().await;
}
