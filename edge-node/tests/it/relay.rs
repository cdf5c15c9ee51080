//! The outbox on its way to a hub that fails in every way there is.

use std::collections::BTreeMap;

use edge_node::Edge;
use edge_node::config::SyncProtocol;
use http::Method;
use messages::edge::Quantity;
use messages::edge::event::Fact;
use messages::edge::status::ParkedList;
use messages::{ErrorCode, Problem};
use serde_json::{Value, json};

use crate::hub::{CREDENTIAL, Hub, Seen};
use crate::support::{Shop, check_books, sell, status, till, until, url};

/// Waits until nothing is left to send.
async fn drained(edge: &Edge) {
    let url = url(edge);
    until("an empty outbox", || async {
        let outbox = status(&url).await.outbox;
        (outbox.unsent == 0).then_some(())
    })
    .await;
}

/// What the hub has applied is what the edge has sold: each event once and in order, money and stock exact.
async fn compare(shop: &Shop, edge: Edge, seen: &Seen) {
    let stock: BTreeMap<String, Quantity> =
        edge.store.read(|store| store.stock()).await.unwrap().into_iter().collect();
    edge.stop().await;
    let books = shop.books().await;
    check_books(&books);
    assert_eq!(seen.violations, [""; 0]);
    assert!(seen.applied.windows(2).all(|pair| pair[0].seq < pair[1].seq), "out of order");
    assert_eq!(seen.applied.len() as u64 + seen.dead.len() as u64, books.last_seq);
    let (mut sold, mut paid, mut counted) = (0, 0, BTreeMap::<String, Quantity>::new());
    let mut voided = 0;
    for fact in seen.facts() {
        match fact {
            Fact::SaleRecorded(sale) => sold += sale.totals.to_pay.minor(),
            Fact::RefundRecorded(refund) => sold += refund.sale.totals.to_pay.minor(),
            Fact::PaymentCaptured(payment) => paid += payment.amount.minor(),
            Fact::InventoryAdjusted(adjustment) => {
                for movement in adjustment.movements {
                    let sum = counted.entry(movement.sku).or_default();
                    *sum = *sum + movement.delta;
                    assert_eq!(*sum, movement.on_hand);
                }
            }
            Fact::TransactionVoided(void) if void.receipt.is_some() => voided += void.total.minor(),
            Fact::TransactionVoided(_) | Fact::Withheld(_) => {}
        }
    }
    assert_eq!(paid, books.paid.minor(), "money at head office");
    // A void takes the exact total back; what rounding added stays between them.
    assert!((sold - voided - paid).abs() <= 2 * 100, "{sold} - {voided} - {paid}");
    assert_eq!(counted, stock, "stock at head office");
}

#[tokio::test]
async fn every_sale_arrives_once_and_in_order_by_both_ways() {
    for (protocol, way) in [(SyncProtocol::Http, 0), (SyncProtocol::Grpc, 1)] {
        let (hub, shop) = (Hub::start().await, Shop::new());
        shop.enrolled(&hub.url(), CREDENTIAL);
        let edge = shop.start_with(protocol).await;
        sell(&url(&edge), 60, 3).await;
        drained(&edge).await;
        let seen = std::mem::take(&mut *hub.seen());
        assert!(seen.batches[way] > 0 && seen.batches[1 - way] == 0, "{:?}", seen.batches);
        assert!(seen.of_kind("sale_recorded") > 50);
        assert!(seen.of_kind("transaction_voided") > 0 && seen.of_kind("refund_recorded") > 0);
        compare(&shop, edge, &seen).await;
    }
}

#[tokio::test]
async fn answers_that_get_lost_change_nothing() {
    for protocol in [SyncProtocol::Http, SyncProtocol::Grpc] {
        let (hub, shop) = (Hub::start().await, Shop::new());
        shop.enrolled(&hub.url(), CREDENTIAL);
        hub.seen().swallow = 3;
        let edge = shop.start_with(protocol).await;
        sell(&url(&edge), 20, 5).await;
        drained(&edge).await;
        let seen = std::mem::take(&mut *hub.seen());
        assert_eq!(seen.swallow, 0);
        compare(&shop, edge, &seen).await;
    }
}

#[tokio::test]
async fn a_hub_that_dies_is_waited_for_while_selling_goes_on() {
    let (hub, shop) = (Hub::start().await, Shop::new());
    shop.enrolled(&hub.url(), CREDENTIAL);
    let edge = shop.start().await;
    sell(&url(&edge), 10, 1).await;
    drained(&edge).await;
    hub.seen().refuse = Some(Problem::from(ErrorCode::Busy));
    let hub = hub.restart().await;
    sell(&url(&edge), 20, 2).await;
    assert!(status(&url(&edge)).await.outbox.unsent > 0);
    until("the reason", || async { status(&url(&edge)).await.outbox.last_error }).await;
    let hub = hub.restart().await;
    hub.seen().refuse = None;
    drained(&edge).await;
    assert_eq!(status(&url(&edge)).await.outbox.last_error, None);
    let seen = std::mem::take(&mut *hub.seen());
    compare(&shop, edge, &seen).await;
}

#[tokio::test]
async fn a_line_that_is_cut_goes_silent_or_crawls_loses_nothing() {
    use crate::proxy::{Line, Proxy};

    for protocol in [SyncProtocol::Http, SyncProtocol::Grpc] {
        let (hub, shop) = (Hub::start().await, Shop::new());
        let proxy = Proxy::before(hub.port).await;
        shop.enrolled(&proxy.url(), CREDENTIAL);
        let edge = shop.start_with(protocol).await;
        let url = url(&edge);
        for (seed, line) in [Line::Silent, Line::Cut, Line::Slow, Line::OneWay].into_iter().enumerate() {
            let before = hub.seen().applied.len();
            proxy.set(line);
            sell(&url, 12, seed as u64).await;
            if line != Line::Slow {
                until("a failed round", || async { (status(&url).await.outbox.attempts > 0).then_some(()) })
                    .await;
            }
            proxy.set(Line::Whole);
            drained(&edge).await;
            assert!(hub.seen().applied.len() > before, "{line:?}");
        }
        let seen = std::mem::take(&mut *hub.seen());
        compare(&shop, edge, &seen).await;
    }
}

#[tokio::test]
async fn where_streams_do_not_get_through_http_does() {
    let (hub, shop) = (Hub::start().await, Shop::new());
    shop.enrolled(&hub.url(), CREDENTIAL);
    hub.seen().http_only = true;
    let edge = shop.start_with(SyncProtocol::Grpc).await;
    sell(&url(&edge), 10, 1).await;
    drained(&edge).await;
    assert_eq!(status(&url(&edge)).await.outbox.transport, "http");
    let seen = std::mem::take(&mut *hub.seen());
    assert!(seen.batches[0] > 0);
    compare(&shop, edge, &seen).await;
}

#[tokio::test]
async fn what_the_hub_sets_aside_does_not_hold_up_the_rest() {
    let (hub, shop) = (Hub::start().await, Shop::new());
    shop.enrolled(&hub.url(), CREDENTIAL);
    hub.seen().bad = Some("payment_captured");
    let edge = shop.start().await;
    let url = url(&edge);
    let sale = json!({"lines": [{"sku": "A1"}], "payments": [{"kind": "card"}]});
    let till = till(&url, "till-1");
    for _ in 0..3 {
        till.call::<Value>(Method::POST, "/v1/sales", &sale).await.unwrap();
    }
    drained(&edge).await;
    let counted = {
        let seen = hub.seen();
        (seen.of_kind("sale_recorded"), seen.dead.len())
    };
    assert_eq!(counted, (3, 3));
    let parked: ParkedList = till.call(Method::GET, "/v1/parked", &()).await.unwrap();
    assert_eq!(parked.total, 3);
    let first = &parked.items[0];
    assert_eq!(
        (first.kind.as_str(), first.code.as_str(), first.at_hub),
        ("payment_captured", "event_refused", true)
    );
    hub.seen().bad = None;
    // Head office has them, and decides on them: sent from here as well they would count twice.
    let retry = format!("/v1/parked/{}/retry", first.event_id);
    let refused = till.call::<Value>(Method::POST, &retry, &json!({})).await.unwrap_err().to_string();
    assert!(refused.contains("head office has this event"), "{refused}");
    let second = parked.items[1].event_id;
    till.call::<Value>(Method::POST, &format!("/v1/parked/{second}/discard"), &json!({})).await.unwrap();
    drained(&edge).await;
    assert_eq!(hub.seen().of_kind("payment_captured"), 0);
    assert_eq!(status(&url).await.outbox.parked, 2);
    edge.stop().await;
}

#[tokio::test]
async fn an_event_that_nobody_can_read_is_withheld_and_the_sequence_has_no_gap() {
    let (hub, shop) = (Hub::start().await, Shop::new());
    shop.enrolled(&hub.url(), CREDENTIAL);
    hub.seen().poison = Some("transaction_voided");
    let edge = shop.start().await;
    let url = url(&edge);
    let till = till(&url, "till-1");
    let sale = json!({"lines": [{"sku": "A1"}], "payments": [{"kind": "card"}]});
    for at in 0..12 {
        till.call::<Value>(Method::POST, "/v1/sales", &sale).await.unwrap();
        if at == 5 {
            let open: Value = till.call(Method::POST, "/v1/transactions", &json!({})).await.unwrap();
            let path = format!("/v1/transactions/{}/void", open["transaction_id"].as_str().unwrap());
            till.call::<Value>(Method::POST, &path, &json!({"reason": "x"})).await.unwrap();
        }
    }
    drained(&edge).await;
    let parked: ParkedList = till.call(Method::GET, "/v1/parked", &()).await.unwrap();
    assert_eq!((parked.total, parked.items[0].at_hub), (1, false));
    assert_eq!(parked.items[0].kind, "transaction_voided");
    assert!(parked.items[0].data.get().contains("voided_at"));
    {
        let seen = hub.seen();
        assert_eq!((seen.of_kind("sale_recorded"), seen.of_kind("withheld")), (12, 1));
        let numbers: Vec<u64> = seen.applied.iter().map(|event| event.seq).collect();
        assert_eq!(numbers, (1..=37).collect::<Vec<_>>());
    }
    // A hub that can read it gets it once, at the end of the outbox, however often it is asked for.
    hub.seen().poison = None;
    let retry = format!("/v1/parked/{}/retry", parked.items[0].event_id);
    till.call::<Value>(Method::POST, &retry, &json!({})).await.unwrap();
    let again = till.call::<Value>(Method::POST, &retry, &json!({})).await.unwrap_err().to_string();
    assert!(again.contains("there is no such parked event"), "{again}");
    drained(&edge).await;
    let seen = std::mem::take(&mut *hub.seen());
    assert_eq!((seen.of_kind("transaction_voided"), seen.applied.len()), (1, 38));
    assert_eq!(status(&url).await.outbox.parked, 0);
    edge.stop().await;
}

#[tokio::test]
async fn a_hub_that_lost_its_last_hour_gets_it_again() {
    let (hub, shop) = (Hub::start().await, Shop::new());
    shop.enrolled(&hub.url(), CREDENTIAL);
    let edge = shop.start().await;
    sell(&url(&edge), 20, 9).await;
    drained(&edge).await;
    {
        let mut seen = hub.seen();
        let kept = seen.applied.len() / 3;
        let lost: Vec<_> = seen.applied.drain(kept..).map(|event| event.event_id).collect();
        seen.ids.retain(|id| !lost.contains(id));
        for settled in seen.settled.values_mut() {
            *settled = kept as u64;
        }
    }
    sell(&url(&edge), 5, 10).await;
    drained(&edge).await;
    let seen = std::mem::take(&mut *hub.seen());
    compare(&shop, edge, &seen).await;
}

#[tokio::test]
async fn a_database_that_was_set_back_goes_on_under_new_numbers() {
    let (hub, shop) = (Hub::start().await, Shop::new());
    shop.enrolled(&hub.url(), CREDENTIAL);
    let edge = shop.start().await;
    sell(&url(&edge), 10, 1).await;
    drained(&edge).await;
    edge.stop().await;
    let backup = shop.folder.path().join("backup");
    crate::support::copy(&shop.data_dir(), &backup);
    let edge = shop.start().await;
    sell(&url(&edge), 10, 2).await;
    drained(&edge).await;
    let first = status(&url(&edge)).await;
    edge.stop().await;
    // Its readers let go of the file a moment after it has stopped.
    let wal = shop.data_dir().join("edge.sqlite-wal");
    until("a stopped edge to leave one whole file", || async { (!wal.exists()).then_some(()) }).await;
    // The same file, so that nothing looks copied: only the hub can tell.
    let (old, new) = (backup.join("edge.sqlite"), shop.data_dir().join("edge.sqlite"));
    std::fs::write(&new, std::fs::read(old).unwrap()).unwrap();
    let edge = shop.start().await;
    sell(&url(&edge), 10, 3).await;
    drained(&edge).await;
    let second = status(&url(&edge)).await;
    assert_eq!(second.device_id, first.device_id);
    assert_ne!(second.outbox.stream_id, first.outbox.stream_id);
    assert_ne!(second.receipt_series, first.receipt_series);
    let seen = std::mem::take(&mut *hub.seen());
    assert_eq!(seen.violations, [""; 0]);
    assert_eq!(seen.settled.len(), 2, "two streams");
    edge.stop().await;
}
