//! Every route of the edge. The dispatcher, the OpenAPI page and the tests all read this table.

use http::Method;
use messages::edge::checkout::{
    AddLine, AddPayment, ArticleList, ArticleView, Discount, Finalise, OpenTransaction, ReceiptView,
    RefundTransaction, SetQuantity, TransactionView, VoidTransaction, WholeSale,
};
use messages::edge::status::{EdgeStatus, ParkedList};

use super::route::Route;
use super::system::Health;
use super::{openapi, selling, system};

/// The table.
#[must_use]
pub fn routes() -> Vec<Route> {
    let mut table = transactions();
    table.extend(payments());
    table.extend(reading());
    table.extend(system_routes());
    table
}

fn post(path: &'static str, summary: &'static str) -> Route {
    Route::new(Method::POST, path, summary)
}

fn put(path: &'static str, summary: &'static str) -> Route {
    Route::new(Method::PUT, path, summary)
}

fn delete(path: &'static str, summary: &'static str) -> Route {
    Route::new(Method::DELETE, path, summary)
}

fn transactions() -> Vec<Route> {
    vec![
        post("/v1/transactions", "open a transaction")
            .takes::<OpenTransaction>()
            .answers::<TransactionView>(201)
            .by(selling::open),
        post("/v1/transactions/{transaction}/lines", "add an article by barcode or number")
            .takes::<AddLine>()
            .answers::<TransactionView>(200)
            .by(selling::add_line),
        put("/v1/transactions/{transaction}/lines/{line}", "set how many; zero removes the line")
            .takes::<SetQuantity>()
            .answers::<TransactionView>(200)
            .by(selling::set_quantity),
        delete("/v1/transactions/{transaction}/lines/{line}", "remove a line")
            .answers::<TransactionView>(200)
            .by(selling::remove_line),
        put("/v1/transactions/{transaction}/lines/{line}/discount", "put a discount on a line")
            .takes::<Discount>()
            .answers::<TransactionView>(200)
            .by(selling::discount_line),
        delete("/v1/transactions/{transaction}/lines/{line}/discount", "take the discount off a line")
            .answers::<TransactionView>(200)
            .by(selling::full_price_line),
        put("/v1/transactions/{transaction}/discount", "put a discount on the basket")
            .takes::<Discount>()
            .answers::<TransactionView>(200)
            .by(selling::discount),
        delete("/v1/transactions/{transaction}/discount", "take the discount off the basket")
            .answers::<TransactionView>(200)
            .by(selling::full_price),
    ]
}

fn payments() -> Vec<Route> {
    vec![
        post("/v1/transactions/{transaction}/payments", "take a payment")
            .takes::<AddPayment>()
            .answers::<TransactionView>(200)
            .by(selling::pay),
        post(
            "/v1/transactions/{transaction}/payments/{payment}/check",
            "ask whether a QR payment came through",
        )
        .answers::<TransactionView>(200)
        .by(selling::check_payment),
        delete("/v1/transactions/{transaction}/payments/{payment}", "take a payment back")
            .answers::<TransactionView>(200)
            .by(selling::unpay),
        post("/v1/transactions/{transaction}/finalise", "finish a paid transaction")
            .takes::<Finalise>()
            .answers::<ReceiptView>(200)
            .by(selling::finalise),
        post("/v1/transactions/{transaction}/void", "give up an open transaction, or undo a finished sale")
            .takes::<VoidTransaction>()
            .answers::<TransactionView>(200)
            .by(selling::void),
        post("/v1/transactions/{transaction}/refund", "take goods back")
            .takes::<RefundTransaction>()
            .answers::<ReceiptView>(201)
            .by(selling::refund),
        post("/v1/sales", "sell a whole basket in one call")
            .takes::<WholeSale>()
            .answers::<ReceiptView>(201)
            .by(selling::sell),
    ]
}

fn reading() -> Vec<Route> {
    vec![
        Route::get("/v1/transactions", "open transactions")
            .query(&["terminal_id"])
            .answers::<selling::TransactionList>(200)
            .by(selling::list),
        Route::get("/v1/transactions/{transaction}", "a transaction, open or finished")
            .answers::<TransactionView>(200)
            .by(selling::show),
        Route::get("/v1/transactions/{transaction}/receipt", "the receipt of a finished transaction")
            .query(&["format"])
            .answers::<ReceiptView>(200)
            .by(selling::receipt),
        Route::get("/v1/receipts/{receipt}", "a receipt by its number")
            .query(&["format"])
            .answers::<ReceiptView>(200)
            .by(selling::receipt_by_number),
        Route::get("/v1/articles", "articles by name")
            .query(&["q"])
            .answers::<ArticleList>(200)
            .by(selling::articles),
        Route::get("/v1/articles/{article}", "an article by number or barcode")
            .answers::<ArticleView>(200)
            .by(selling::article),
    ]
}

fn system_routes() -> Vec<Route> {
    vec![
        Route::get("/health", "the edge can sell").public().answers::<Health>(200).by(system::health),
        Route::get("/v1/openapi.json", "this page")
            .public()
            .answers_with("application/json")
            .by(openapi::page),
        Route::get("/v1/status", "how the edge stands")
            .by_anyone()
            .answers::<EdgeStatus>(200)
            .by(system::status),
        Route::get("/v1/status/stream", "changes of the line to the hub, as server-sent events")
            .by_anyone()
            .answers_with("text/event-stream")
            .by(system::watch),
        Route::get("/v1/parked", "events that were set aside")
            .by_anyone()
            .answers::<ParkedList>(200)
            .by(system::parked),
        post("/v1/parked/{event}/retry", "send a parked event that head office does not have once more")
            .by(system::retry_parked),
        post("/v1/parked/{event}/discard", "forget a parked event").by(system::discard_parked),
    ]
}
