//! The tills' interface: the whole story of a sale, and everything that a cashier can get wrong.

use edge_node::checkout::barcode;
use edge_node::simulate::till::{SimulatedTill, TillError};
use http::Method;
use messages::ErrorCode;
use messages::edge::checkout::{PaymentState, ReceiptView, TransactionState, TransactionView};
use messages::edge::{Amount, Quantity};
use serde_json::{Value, json};

use crate::support::{Shop, check_books, headers, json as body_of, problem, raw, status, till, url};

async fn post<T: serde::de::DeserializeOwned>(till: &SimulatedTill, path: &str, body: Value) -> T {
    till.call(Method::POST, path, &body).await.unwrap()
}

async fn refused(till: &SimulatedTill, method: Method, path: &str, body: Value) -> ErrorCode {
    match till.call::<Value>(method, path, &body).await {
        Err(TillError::Refused { problem, .. }) => problem.code,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn a_sale_from_the_first_article_to_the_receipt() {
    let shop = Shop::new();
    let edge = shop.start().await;
    let till = till(&url(&edge), "till-1");
    let open: TransactionView = post(&till, "/v1/transactions", json!({})).await;
    let path = format!("/v1/transactions/{}", open.transaction_id);
    for _ in 0..3 {
        post::<TransactionView>(&till, &format!("{path}/lines"), json!({"barcode": "96385074"})).await;
    }
    post::<TransactionView>(
        &till,
        &format!("{path}/lines"),
        json!({"barcode": "4006381333931", "quantity": "2"}),
    )
    .await;
    let label = barcode::scale_label(4_011, Quantity::thousandths(1_234));
    let view: TransactionView = post(&till, &format!("{path}/lines"), json!({ "barcode": label })).await;
    let totals: Vec<i64> = view.lines.iter().map(|line| line.total.minor()).collect();
    assert_eq!(totals, [500, 330, 364], "three for five, two of milk, bananas by weight");

    let view: TransactionView =
        till.call(Method::PUT, &format!("{path}/lines/2"), &json!({"quantity": "1"})).await.unwrap();
    assert_eq!(view.totals.total, Amount::new(1_029));
    let off = json!({"share": 1_000, "reason": "loyalty card"});
    let view: TransactionView = till.call(Method::PUT, &format!("{path}/discount"), &off).await.unwrap();
    assert_eq!((view.totals.discount, view.totals.total), (Amount::new(103), Amount::new(926)));
    assert_eq!((view.due, view.due_cash), (Amount::new(926), Amount::new(925)));
    assert_eq!(
        refused(&till, Method::POST, &format!("{path}/finalise"), json!({})).await,
        ErrorCode::NotPaid
    );

    let view: TransactionView =
        post(&till, &format!("{path}/payments"), json!({"kind": "cash", "amount": 2_000})).await;
    assert_eq!(view.payments[0].change, Some(Amount::new(1_075)));
    let receipt: ReceiptView = post(&till, &format!("{path}/finalise"), json!({})).await;
    let sale = &receipt.transaction;
    assert_eq!(
        (sale.state, sale.totals.rounding, sale.paid),
        (TransactionState::Finalised, Amount::new(-1), Amount::new(925))
    );
    let shown: ReceiptView =
        till.call(Method::GET, &format!("/v1/receipts/{}", receipt.receipt), &()).await.unwrap();
    assert_eq!(shown.transaction.lines, sale.lines);
    assert_eq!((shown.transaction.totals, &shown.transaction.taxes), (sale.totals, &sale.taxes));
    let who = [("x-terminal-id", "till-1"), ("x-cashier-id", "anna")];
    let text = raw(&url(&edge), Method::GET, &format!("{path}/receipt?format=text"), &who, "").await;
    let text = String::from_utf8(text.body.to_vec()).unwrap();
    for part in ["Fresh Mart", "TOTAL CHF", "9.25", "1.234 kg x 2.95", receipt.receipt.as_str()] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    assert_eq!(
        refused(&till, Method::POST, &format!("{path}/lines"), json!({"sku": "A1"})).await,
        ErrorCode::WrongState
    );

    give_back(&till, &path, sale.totals.total).await;
    let stock = edge.store.read(|store| store.stock()).await.unwrap();
    assert!(stock.iter().all(|(_, on_hand)| *on_hand == Quantity::ZERO), "{stock:?}");
    edge.stop().await;
    let books = shop.books().await;
    assert_eq!(books.sales, 3);
    check_books(&books);
}

/// In two parts, which together are what was paid.
async fn give_back(till: &SimulatedTill, path: &str, total: Amount) {
    let refund: ReceiptView = post(
        till,
        &format!("{path}/refund"),
        json!({"lines": [{"line": 1, "quantity": "1"}], "kind": "cash", "reason": "leaks"}),
    )
    .await;
    assert_eq!(refund.transaction.totals.total, Amount::new(-150));
    let rest: ReceiptView =
        post(till, &format!("{path}/refund"), json!({"kind": "card", "reason": "all of it"})).await;
    assert_eq!(refund.transaction.totals.total + rest.transaction.totals.total, -total);
    let again = json!({"kind": "cash", "reason": "greed"});
    assert_eq!(refused(till, Method::POST, &format!("{path}/refund"), again).await, ErrorCode::NotRefundable);
}

#[tokio::test]
async fn a_qr_payment_is_checked_until_it_comes_through() {
    let shop = Shop::new();
    let edge = shop.start().await;
    let till = till(&url(&edge), "till-1");
    let open: TransactionView = post(&till, "/v1/transactions", json!({})).await;
    let path = format!("/v1/transactions/{}", open.transaction_id);
    post::<TransactionView>(&till, &format!("{path}/lines"), json!({"sku": "A3"})).await;
    let view: TransactionView = post(&till, &format!("{path}/payments"), json!({"kind": "qr"})).await;
    assert_eq!(view.payments[0].state, PaymentState::Pending);
    assert!(view.payments[0].qr_text.as_ref().unwrap().contains("amount=333"));
    let check = format!("{path}/payments/{}/check", view.payments[0].payment_id);
    let early = raw(&url(&edge), Method::POST, &check, &headers("k1"), "").await;
    assert_eq!(problem(&early).code, ErrorCode::PaymentPending);
    // The till goes on asking while that is the answer.
    let view: TransactionView = post(&till, &check, json!({})).await;
    assert_eq!(view.payments[0].state, PaymentState::Captured);
    post::<ReceiptView>(&till, &format!("{path}/finalise"), json!({})).await;
    edge.stop().await;
    check_books(&shop.books().await);
}

#[tokio::test]
async fn voids_before_and_after_the_receipt() {
    let shop = Shop::new();
    let edge = shop.start().await;
    let till = till(&url(&edge), "till-1");
    let open: TransactionView = post(&till, "/v1/transactions", json!({})).await;
    let path = format!("/v1/transactions/{}", open.transaction_id);
    post::<TransactionView>(&till, &format!("{path}/lines"), json!({"sku": "A3"})).await;
    let paid: TransactionView = post(&till, &format!("{path}/payments"), json!({"kind": "card"})).await;
    let (void, why) = (format!("{path}/void"), json!({"reason": "no wallet"}));
    assert_eq!(refused(&till, Method::POST, &void, why.clone()).await, ErrorCode::WrongState);
    let payment = format!("{path}/payments/{}", paid.payments[0].payment_id);
    let unpaid: TransactionView = till.call(Method::DELETE, &payment, &()).await.unwrap();
    assert_eq!(unpaid.due, Amount::new(333));
    let voided: TransactionView = post(&till, &void, why).await;
    assert_eq!(voided.state, TransactionState::Voided);
    assert_eq!(refused(&till, Method::GET, &path, json!(null)).await, ErrorCode::NotFound);

    let sale = json!({"lines": [{"sku": "A3"}, {"barcode": "4011", "quantity": "0.5"}], "payments": [{"kind": "card"}]});
    let receipt: ReceiptView = post(&till, "/v1/sales", sale).await;
    let path = format!("/v1/transactions/{}", receipt.transaction.transaction_id);
    let voided: TransactionView =
        post(&till, &format!("{path}/void"), json!({"reason": "wrong customer"})).await;
    assert_eq!((voided.state, voided.paid), (TransactionState::Voided, Amount::ZERO));
    let twice = json!({"reason": "again"});
    assert_eq!(refused(&till, Method::POST, &format!("{path}/void"), twice).await, ErrorCode::WrongState);
    let back = json!({"kind": "cash", "reason": "x"});
    assert_eq!(refused(&till, Method::POST, &format!("{path}/refund"), back).await, ErrorCode::NotRefundable);
    edge.stop().await;
    let books = shop.books().await;
    assert_eq!((books.sold, books.paid), (Amount::ZERO, Amount::ZERO));
    check_books(&books);
}

#[tokio::test]
async fn a_repeated_call_happens_once() {
    let shop = Shop::new();
    let edge = shop.start().await;
    let url = url(&edge);
    let sale = r#"{"lines":[{"sku":"A1"}],"payments":[{"kind":"card"}]}"#;
    let first = raw(&url, Method::POST, "/v1/sales", &headers("k1"), sale).await;
    assert_eq!(first.status, 201);
    // Many at once, and one after the edge has been started anew.
    let key = headers("k2");
    let repeats = (0..8).map(|_| raw(&url, Method::POST, "/v1/sales", &key, sale));
    let answers = futures_util::future::join_all(repeats).await;
    assert!(answers.iter().all(|answer| answer.status == 201 && answer.body == answers[0].body));
    assert_ne!(answers[0].body, first.body);
    edge.stop().await;
    let edge = shop.start().await;
    let url = crate::support::url(&edge);
    let again = raw(&url, Method::POST, "/v1/sales", &headers("k1"), sale).await;
    assert_eq!((again.status, again.body), (first.status, first.body));
    let other = raw(&url, Method::POST, "/v1/sales", &headers("k1"), &sale.replace("A1", "A3")).await;
    assert_eq!(problem(&other).code, ErrorCode::IdempotencyKeyReused);
    let elsewhere = raw(&url, Method::POST, "/v1/transactions", &headers("k1"), "{}").await;
    assert_eq!(problem(&elsewhere).code, ErrorCode::IdempotencyKeyReused);
    assert_eq!(status(&url).await.receipts, 2);
    edge.stop().await;
}

#[tokio::test]
async fn a_basket_outlives_the_edge() {
    let shop = Shop::new();
    let edge = shop.start().await;
    let first = till(&url(&edge), "till-1");
    let open: TransactionView = post(&first, "/v1/transactions", json!({})).await;
    let path = format!("/v1/transactions/{}", open.transaction_id);
    let before: TransactionView = post(&first, &format!("{path}/lines"), json!({"sku": "A3"})).await;
    edge.stop().await;
    let edge = shop.start().await;
    let second = till(&url(&edge), "till-2");
    let after: TransactionView = second.call(Method::GET, &path, &()).await.unwrap();
    assert_eq!(after, before);
    let list: Value = second.call(Method::GET, "/v1/transactions?terminal_id=till-1", &()).await.unwrap();
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    let list: Value = second.call(Method::GET, "/v1/transactions?terminal_id=till-2", &()).await.unwrap();
    assert!(list["items"].as_array().unwrap().is_empty());
    edge.stop().await;
}

#[tokio::test]
async fn every_mistake_has_its_answer() {
    let shop = Shop::new();
    let edge = shop.start().await;
    let url = url(&edge);
    let open = raw(&url, Method::POST, "/v1/transactions", &headers("open"), "{}").await;
    let id = body_of(&open)["transaction_id"].as_str().unwrap().to_owned();
    let lines = format!("/v1/transactions/{id}/lines");
    let pay = format!("/v1/transactions/{id}/payments");
    let finalise = format!("/v1/transactions/{id}/finalise");
    let nobody = "/v1/transactions/01890a5d-ac96-774b-bcce-b302099a8057/finalise";
    let cases: &[(&str, &str, ErrorCode)] = &[
        (&lines, r#"{"barcode":"4006381333932"}"#, ErrorCode::BarcodeMisread),
        (&lines, r#"{"barcode":"5901234123457"}"#, ErrorCode::UnknownBarcode),
        (&lines, r#"{"barcode":"4011"}"#, ErrorCode::QuantityNeeded),
        (&lines, r#"{"sku":"A4"}"#, ErrorCode::ArticleBlocked),
        (&lines, r#"{"sku":"A1","quantity":"0.5"}"#, ErrorCode::InvalidField),
        (&lines, r#"{"sku":"A1","quantity":"10001"}"#, ErrorCode::InvalidField),
        (&lines, r#"{"sku":"A1","quantity":1}"#, ErrorCode::MalformedRequest),
        (&lines, r#"{"sku":"A1","price":1}"#, ErrorCode::MalformedRequest),
        (&lines, "{", ErrorCode::MalformedRequest),
        (&lines, "{}", ErrorCode::InvalidField),
        (&finalise, "{}", ErrorCode::EmptyBasket),
        (&pay, r#"{"kind":"cash"}"#, ErrorCode::EmptyBasket),
        (&pay, r#"{"kind":"gold"}"#, ErrorCode::MalformedRequest),
        (nobody, "{}", ErrorCode::NotFound),
        (
            "/v1/sales",
            r#"{"lines":[{"sku":"A1"}],"payments":[{"kind":"cash","amount":1}]}"#,
            ErrorCode::NotPaid,
        ),
        ("/v1/sales", r#"{"lines":[{"sku":"A1"}],"payments":[{"kind":"qr"}]}"#, ErrorCode::InvalidField),
        ("/v1/nothing", "{}", ErrorCode::NotFound),
        ("/v1/status", "{}", ErrorCode::MethodNotAllowed),
    ];
    for (at, (path, body, code)) in cases.iter().enumerate() {
        let answer = raw(&url, Method::POST, path, &headers(&format!("c{at}")), body).await;
        let problem = problem(&answer);
        assert_eq!(
            (problem.code, answer.status.as_u16()),
            (*code, code.status()),
            "{path} {body}: {problem}"
        );
        assert!(problem.detail.len() > 10, "{problem:?}");
    }
    let all = headers("x");
    for (missing, code) in [
        ("idempotency-key", ErrorCode::IdempotencyKeyMissing),
        ("x-terminal-id", ErrorCode::MalformedRequest),
        ("content-type", ErrorCode::UnsupportedMedia),
    ] {
        let some: Vec<_> = all.iter().copied().filter(|(name, _)| *name != missing).collect();
        let answer = raw(&url, Method::POST, "/v1/transactions", &some, "{}").await;
        assert_eq!(problem(&answer).code, code, "{missing}");
    }
    let huge = "x".repeat(300 * 1024);
    let answer = raw(&url, Method::POST, "/v1/sales", &headers("huge"), &huge).await;
    assert_eq!(problem(&answer).code, ErrorCode::BodyTooLarge);
    assert_eq!(status(&url).await.outbox.last_seq, 0, "nothing of all this happened");
    edge.stop().await;
}

#[tokio::test]
async fn tills_show_their_token_where_one_is_set() {
    let shop = Shop::new();
    let mut config = shop.config();
    config.till_token = Some("till-secret".into());
    let edge = edge_node::Edge::start(config).await.unwrap();
    let url = url(&edge);
    assert_eq!(raw(&url, Method::GET, "/health", &[], "").await.status, 200);
    assert_eq!(raw(&url, Method::GET, "/v1/openapi.json", &[], "").await.status, 200);
    for token in ["", "Bearer wrong", "Basic till-secret"] {
        let answer = raw(&url, Method::GET, "/v1/status", &[("authorization", token)], "").await;
        assert_eq!(problem(&answer).code, ErrorCode::NotAuthenticated, "{token}");
    }
    let answer = raw(&url, Method::GET, "/v1/status", &[("authorization", "Bearer till-secret")], "").await;
    assert_eq!(answer.status, 200);
    edge.stop().await;
}
