//! The database: what shares a commit, what survives, and which numbers are never used twice.

use std::collections::BTreeSet;

use actors::failpoint;
use edge_node::Edge;
use futures_util::future::join_all;
use http::Method;
use messages::edge::checkout::ReceiptView;
use messages::edge::event::AdjustmentReason;
use messages::edge::{Amount, Quantity};
use messages::{ErrorCode, Timestamp};
use serde_json::json;

use crate::support::{Shop, check_books, copy, sell, status, till, url};

#[tokio::test]
async fn work_that_fails_takes_back_its_own_and_nothing_else() {
    let shop = Shop::new();
    let edge = shop.start().await;
    let pieces = (0..200_i64).map(|n| {
        let store = edge.store.clone();
        async move {
            store
                .write(move |tx| {
                    let moves = [("A1".to_owned(), Quantity::pieces(1))];
                    tx.move_stock(AdjustmentReason::Delivery, None, &moves, Timestamp(n))?;
                    if n % 3 == 0 { Err(ErrorCode::Conflict.into()) } else { Ok(n) }
                })
                .await
        }
    });
    let outcomes = join_all(pieces).await;
    for (n, outcome) in outcomes.iter().enumerate() {
        match outcome {
            Ok(_) => assert_ne!(n % 3, 0),
            Err(problem) => assert_eq!((n % 3, problem.code), (0, ErrorCode::Conflict)),
        }
    }
    let stock = edge.store.read(|store| store.stock()).await.unwrap();
    assert_eq!(stock, [("A1".to_owned(), Quantity::pieces(133))]);
    edge.stop().await;
}

#[tokio::test]
async fn a_writer_that_panics_is_started_again_and_nothing_is_lost() {
    for point in ["edge_writer.before_commit", "edge_writer.after_commit"] {
        let shop = Shop::new();
        let edge = shop.start().await;
        for round in 0..3 {
            failpoint::arm(point, 7);
            // Tills that were cut off ask again with the same key.
            sell(&url(&edge), 15, round).await;
        }
        edge.stop().await;
        check_books(&shop.books().await);
    }
}

#[tokio::test]
async fn relay_and_connectivity_come_back_from_a_panic() {
    let (hub, shop) = (crate::hub::Hub::start().await, Shop::new());
    shop.enrolled(&hub.url(), crate::hub::CREDENTIAL);
    failpoint::arm("relay.round", 3);
    failpoint::arm("connectivity.probe", 2);
    let edge = shop.start().await;
    let report = sell(&url(&edge), 15, 4).await;
    let events = status(&url(&edge)).await.outbox.last_seq;
    hub.until("everything", |seen| seen.applied.len() as u64 == events).await;
    assert!(report.receipts > 10);
    assert_eq!(hub.seen().violations, [""; 0]);
    edge.stop().await;
}

async fn one_sale(edge: &Edge) -> ReceiptView {
    let sale = json!({"lines": [{"sku": "A1"}], "payments": [{"kind": "cash"}]});
    till(&url(edge), "till-1").call(Method::POST, "/v1/sales", &sale).await.unwrap()
}

#[tokio::test]
async fn a_receipt_number_is_never_used_twice() {
    let mut seen = BTreeSet::new();
    let shop = Shop::new();
    // Started again it goes on in its series.
    for round in 1..=3 {
        let edge = shop.start().await;
        let receipt = one_sale(&edge).await;
        assert_eq!(receipt.transaction.totals.to_pay, Amount::new(165));
        assert!(receipt.receipt.as_str().ends_with(&format!("-{round}")), "{}", receipt.receipt);
        assert!(seen.insert(receipt.receipt.to_string()));
        edge.stop().await;
    }
    // Another machine, a reinstallation, and a copy of the folder each have their own.
    for copied in [false, true, true] {
        let other = Shop::new();
        if copied {
            copy(&shop.data_dir(), &other.data_dir());
        }
        let edge = other.start().await;
        assert!(seen.insert(one_sale(&edge).await.receipt.to_string()), "{seen:?}");
        edge.stop().await;
    }
    let edge = shop.start().await;
    assert!(seen.insert(one_sale(&edge).await.receipt.to_string()), "{seen:?}");
    edge.stop().await;
}

#[tokio::test]
async fn what_is_old_is_forgotten_unless_it_is_unsent() {
    let shop = Shop::new();
    let edge = shop.start().await;
    for _ in 0..4 {
        one_sale(&edge).await;
    }
    let later = Timestamp::now() + std::time::Duration::from_secs(60);
    let forgotten = edge
        .store
        .write(move |tx| {
            let unsent = tx.forget_settled(later, 500)?;
            tx.settle(7, &[], Timestamp(0))?;
            let young = tx.forget_settled(Timestamp(0), 500)?;
            let slice = tx.forget_settled(later, 5)?;
            let rest = tx.forget_settled(later, 500)?;
            let young_answers = tx.forget_repeats(Timestamp(0), 500)?;
            Ok([unsent, young, slice, rest, young_answers, tx.forget_repeats(later, 3)?])
        })
        .await
        .unwrap();
    assert_eq!(forgotten, [0, 0, 5, 2, 0, 3]);
    let position = edge.store.read(|store| store.position()).await.unwrap();
    assert_eq!((position.last_seq, position.settled_seq, position.oldest_seq), (12, 7, 8));
    edge.stop().await;
}

#[tokio::test]
async fn a_folder_has_one_edge() {
    let shop = Shop::new();
    let edge = shop.start().await;
    assert!(matches!(Edge::start(shop.config()).await, Err(edge_node::EdgeError::Taken(_))));
    edge.stop().await;
}
