//! The ledger of store edges: documents as released builds have written them are still read, and a round costs one command
//! for each kind of document, however many events it holds. `shapes/ledger-1.txt` holds a document of each kind as of shape
//! 1: one line a document, collection and base64 of its BSON; `shapes/ledger-2.txt` those of the ledger with shelves, once with
//! the journal and once folded; `shapes/ledger-3.txt` those with a payment in the document of its sale. Never change a line; a
//! new shape gets a file of its own.

mod commands;
mod folds;
mod pages;
mod wire;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use actors::domain::{EnrolToken, SecretHash};
use actors::ingest::model::{
    ArticleKey, ArticleSums, Changes, Cursor, Edge, Letter, Origin, PaymentRecord, RefundOf, SaleMark,
    SaleRecord, Settled, Slot, SlotKey, SlotSums, StockMove, VoidRecord, Wanted,
};
use actors::ingest::pending::{Additions, Fold};
use actors::ingest::request::Device;
use actors::ports::{LedgerStore as _, TenantStore as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bson::{Document, doc};
use hub_node::store::{Store, TenantDb};
use messages::edge::checkout::{Line, PaymentKind, TaxTotal, Totals};
use messages::edge::event::{Payment, Sale, Void};
use messages::edge::{Amount, Currency, Quantity, TaxRate};
use messages::http::dead_letters::{LetterQuery, LetterState};
use messages::http::reports::{Day, InventoryQuery, ProductQuery, SaleListQuery, SalesQuery};
use messages::version::Epoch;
use messages::{
    DeviceId, EdgeId, ErrorCode, EventId, PaymentId, RetailerId, StoreId, StreamId, Timestamp, TransactionId,
    Version,
};
use uuid::Uuid;

use crate::support::{TestStore, sample, store};

const COLLECTIONS: [&str; 10] = [
    "ledger_fences",
    "edges",
    "edge_streams",
    "inbox_parts",
    "sales",
    "payments",
    "voids",
    "dead_letters",
    "sales_by_hour",
    "sums_journal",
];
const SHELVES: [&str; 2] = ["stock_shelves", "article_shelves"];

const NOW: Timestamp = Timestamp(1_795_257_060_000);

fn number(n: u128) -> Uuid {
    Uuid::from_u128(0x0189_0a5d_ac96_774b_bcce_b302_099a_0000 + n)
}

fn retailer() -> RetailerId {
    RetailerId::from_uuid(number(0x8057))
}

fn shop() -> StoreId {
    StoreId::from_uuid(number(1))
}

fn edge_id() -> EdgeId {
    EdgeId::from_uuid(number(2))
}

fn device() -> DeviceId {
    DeviceId::from_uuid(number(3))
}

fn stream() -> StreamId {
    StreamId::from_uuid(number(4))
}

fn event(n: u128) -> EventId {
    EventId::from_uuid(number(0x100 + n))
}

fn transaction(n: u128) -> TransactionId {
    TransactionId::from_uuid(number(0x200 + n))
}

fn origin(n: u128) -> Origin {
    Origin { store: shop(), edge: edge_id(), event: event(n) }
}

fn slot() -> Slot {
    Slot { day: Day::new(2026, 11, 21).unwrap(), hour: 17 }
}

fn sale(n: u128, cents: i64) -> Sale {
    let (net, tax, total) = (Amount::new(cents - cents / 5), Amount::new(cents / 5), Amount::new(cents));
    let line = Line {
        line: 1,
        sku: "MILK.1$".into(),
        name: "Sữa tươi".into(),
        barcode: Some("4006381333931".into()),
        unit: "pcs".into(),
        quantity: Quantity::thousandths(cents.signum() * 2_000),
        unit_price: Amount::new(cents / 2),
        gross: total,
        discount: Amount::ZERO,
        tax_rate: TaxRate(2_500),
        net,
        tax,
        total,
    };
    let totals = Totals { gross: total, net, tax, total, rounding: Amount::new(2), ..Totals::default() };
    Sale {
        transaction_id: transaction(n),
        receipt: format!("7KQ2M9XPAB-{n}").parse().unwrap(),
        terminal_id: "till-1".parse().unwrap(),
        cashier_id: "anna".parse().unwrap(),
        currency: Currency::EUR,
        opened_at: Timestamp(NOW.0 - 60_000),
        finalised_at: Timestamp(NOW.0 + i64::try_from(n).unwrap()),
        lines: vec![line],
        taxes: vec![TaxTotal { rate: TaxRate(2_500), net, tax }],
        totals: Totals { to_pay: totals.total + totals.rounding, ..totals },
    }
}

fn sales() -> [SaleRecord; 2] {
    let record = |n, cents, refund| SaleRecord {
        origin: origin(n),
        slot: slot(),
        sale: sale(n, cents),
        refund,
        returned: Amount::new(if cents > 0 { 100 } else { 0 }),
        voided_at: None,
    };
    let of = RefundOf { transaction: transaction(1), reason: "broken".into() };
    [record(1, 500, None), record(2, -100, Some(of))]
}

fn place() -> Edge {
    Edge {
        id: edge_id(),
        store: shop(),
        name: "Checkout server".into(),
        created_at: NOW,
        token: Some(EnrolToken { hash: SecretHash([1; 32]), expires_at: Timestamp(NOW.0 + 1) }),
        credential: Some(SecretHash([2; 32])),
        revoked: false,
        device: Some(Device { id: device(), name: "till-server".into(), version: "0.1.0".into() }),
        enrolled_at: Some(NOW),
    }
}

fn cursor() -> Cursor {
    Cursor {
        stream: stream(),
        device: device(),
        edge: edge_id(),
        store: shop(),
        settled: 9,
        lost: 4,
        last_event_at: NOW,
        last_batch_at: Timestamp(NOW.0 + 5),
        last_sale_at: None,
    }
}

fn letter() -> Letter {
    Letter {
        event: event(5),
        rev: Version(2),
        state: LetterState::Open,
        store: shop(),
        edge: edge_id(),
        device: device(),
        stream: stream(),
        seq: 8,
        kind: "coffee_spilt".into(),
        version: 3,
        occurred_at: NOW,
        received_at: Timestamp(NOW.0 + 7),
        code: ErrorCode::EventUnknown,
        detail: "not known here".into(),
        retries: 2,
        data: r#"{"cups":1}"#.into(),
        edited: true,
        decided_at: None,
        decided_by: None,
    }
}

/// Something of every kind, as one round would write it.
fn changes() -> Changes {
    let payment = Payment {
        payment_id: PaymentId::from_uuid(number(0x300)),
        transaction_id: transaction(1),
        kind: PaymentKind::Card,
        currency: Currency::EUR,
        amount: Amount::new(502),
        reference: Some("auth 17".into()),
        captured_at: NOW,
    };
    let (late_id, sold_before) = (PaymentId::from_uuid(number(0x301)), transaction(8));
    let late = Payment { payment_id: late_id, transaction_id: sold_before, ..payment.clone() };
    let next_hour = Payment { payment_id: PaymentId::from_uuid(number(0x302)), ..payment.clone() };
    let void = Void {
        transaction_id: transaction(9),
        receipt: None,
        terminal_id: "till-2".parse().unwrap(),
        cashier_id: "ben".parse().unwrap(),
        currency: Currency::EUR,
        total: Amount::new(300),
        lines: 1,
        reason: "no wallet".into(),
        voided_at: NOW,
    };
    let mut hour = SlotSums { voids: 1, card: 502, ..SlotSums::default() };
    let mut article =
        ArticleSums { name: "Sữa tươi".into(), unit: "pcs".into(), ..ArticleSums::default() };
    for record in &sales() {
        hour.add_sale(record, 1);
        let line = &record.sale.lines[0];
        article.quantity += line.quantity.get();
        article.net += line.net.minor();
        article.tax += line.tax.minor();
        article.total += line.total.minor();
    }
    let (currency, store) = (Currency::EUR.into(), shop());
    let article_key = ArticleKey { store, day: slot().day, sku: "MILK.1$".into(), currency };
    let moved = StockMove { before: Quantity::pieces(50), delta: Quantity::pieces(-1), at: NOW };
    Changes {
        edges: BTreeMap::from([(edge_id(), place())]),
        cursors: BTreeMap::from([(stream(), cursor())]),
        settled: vec![Settled { event: event(1), stream: stream(), seq: 6, at: NOW }],
        letters: BTreeMap::from([(event(5), letter())]),
        sales: sales().into_iter().map(|record| (record.sale.transaction_id, record)).collect(),
        payments: vec![
            PaymentRecord { origin: origin(6), slot: slot(), payment: late },
            PaymentRecord { origin: origin(7), slot: Slot { hour: 23, ..slot() }, payment: next_hour },
            PaymentRecord { origin: origin(3), slot: slot(), payment },
        ],
        voids: vec![VoidRecord { origin: origin(4), slot: slot(), void }],
        added: Additions {
            stock: BTreeMap::from([((shop(), "MILK.1$".into()), moved)]),
            articles: BTreeMap::from([(article_key, article)]),
        },
        slots: BTreeMap::from([(SlotKey { store, slot: slot(), currency }, hour)]),
        ..Changes::default()
    }
}

/// The retailer that all of it belongs to.
async fn with_retailer() -> TestStore {
    let store = store().await;
    store.take(retailer(), Epoch(1)).await.unwrap();
    let (writes, _) = sample::whole(retailer(), "fresh");
    store.commit(retailer(), Epoch(1), Version(1), writes.into()).await.unwrap();
    store
}

async fn database(store: &TestStore) -> mongodb::Database {
    mongodb::Client::with_uri_str(store.server.uri()).await.unwrap().database(&store.database)
}

/// A retailer whose ledger is what a file of shapes holds.
async fn stored(shapes: &str) -> TestStore {
    let store = with_retailer().await;
    let database = database(&store).await;
    for line in shapes.lines() {
        let (collection, base64) = line.split_once(' ').unwrap();
        let mut document: Document = bson::deserialize_from_slice(&STANDARD.decode(base64).unwrap()).unwrap();
        if collection.starts_with("inbox") {
            // They are forgotten one day.
            document.insert("at", bson::DateTime::now());
        }
        database.collection::<Document>(collection).insert_one(document).await.unwrap();
    }
    store
}

#[tokio::test]
async fn documents_of_the_ledger_of_shape_1_are_read() {
    let store = stored(include_str!("shapes/ledger-1.txt")).await;
    all_is_there(&store, &[0x300]).await;
    let ledger = store.open(retailer(), Epoch(1)).await.unwrap();
    assert!(ledger.remembers_singly && ledger.journal.is_empty());
}

#[tokio::test]
async fn documents_of_the_ledger_of_shape_2_are_read() {
    shelves_are_read(include_str!("shapes/ledger-2.txt"), &[0x300]).await;
}

#[tokio::test]
async fn documents_of_the_ledger_of_shape_3_are_read() {
    shelves_are_read(include_str!("shapes/ledger-3.txt"), &[0x300, 0x301]).await;
}

async fn shelves_are_read(sample: &str, payments: &[u128]) {
    let store = stored(sample).await;
    let ledger = store.open(retailer(), Epoch(1)).await.unwrap();
    assert!(!ledger.remembers_singly);
    let [entry] = &ledger.journal[..] else { panic!("{:?}", ledger.journal) };
    assert_eq!(entry.additions, changes().added);
    all_is_there(&store, payments).await;
}

#[tokio::test]
async fn the_ledger_comes_back_as_it_was_written() {
    let store = with_retailer().await;
    store.open(retailer(), Epoch(1)).await.unwrap();
    store.write(retailer(), Epoch(1), Version(1), &changes()).await.unwrap();
    fold(&store, retailer(), 1).await;
    all_is_there(&store, &[0x300, 0x301]).await;
    let alone = database(&store).await.collection::<Document>("payments");
    assert_eq!(
        alone.count_documents(doc! {}).await.unwrap(),
        2,
        "only what holds for the sale as well is in its document"
    );
    // Sums are added to, and what is marked is marked.
    let marks = BTreeMap::from([(
        transaction(1),
        SaleMark { returned: Amount::new(500), voided_at: Some(Timestamp(NOW.0 + 9)) },
    )]);
    let again = Changes { marks, sales: BTreeMap::new(), settled: vec![], payments: vec![], ..changes() };
    let again = Changes { voids: vec![], ..again };
    store.write(retailer(), Epoch(1), Version(3), &again).await.unwrap();
    fold(&store, retailer(), 3).await;
    let tenant = TenantDb::new(&store, retailer());
    let stock = tenant.inventory(&inventory()).await.unwrap().items;
    assert_eq!(stock[0].on_hand, Quantity::pieces(48));
    let sold = tenant.sale(transaction(1)).await.unwrap();
    assert_eq!((sold.returned, sold.voided_at), (Amount::new(500), Some(Timestamp(NOW.0 + 9))));
    // Nobody else's handle sees any of it.
    let other = RetailerId::new();
    store.open(other, Epoch(1)).await.unwrap();
    let known = store.look(other, wanted()).await.unwrap();
    assert!(known.sales.is_empty() && known.events.is_empty() && known.receipts.is_empty());
    // The same identifiers under another retailer are other documents.
    let theirs = Changes { edges: BTreeMap::new(), ..changes() };
    store.write(other, Epoch(1), Version(1), &theirs).await.unwrap();
    fold(&store, other, 1).await;
    store.write(other, Epoch(1), Version(3), &journal_only()).await.unwrap();
    store.write(retailer(), Epoch(1), Version(5), &journal_only()).await.unwrap();
    assert_eq!(tenant.inventory(&inventory()).await.unwrap().items, stock);
    for collection in COLLECTIONS.into_iter().chain(SHELVES) {
        let documents = database(&store).await.collection::<Document>(collection);
        for id in [retailer(), other] {
            let owner = bson::Uuid::from_bytes(id.as_uuid().into_bytes());
            let count = documents.count_documents(doc! { "retailer_id": owner }).await.unwrap();
            assert_eq!(count > 0, collection != "edges" || id == retailer(), "{collection} of {id}");
        }
    }
}

fn journal_only() -> Changes {
    Changes { added: changes().added, ..Changes::default() }
}

/// Has all that is in the journal put into the sums, behind the commit `version`.
async fn fold(store: &Store, retailer: RetailerId, version: u64) {
    let journal = store.open(retailer, Epoch(1)).await.unwrap().journal;
    let [entry] = &journal[..] else { panic!("{journal:?}") };
    let fold = Fold { rounds: vec![entry.round], additions: entry.additions.clone() };
    store.fold(retailer, Epoch(1), Version(version + 1), Arc::new(fold)).await.unwrap();
    assert!(store.open(retailer, Epoch(1)).await.unwrap().journal.is_empty());
}

fn inventory() -> InventoryQuery {
    serde_json::from_value(serde_json::json!({ "store_id": shop() })).unwrap()
}

fn wanted() -> Wanted {
    Wanted {
        streams: BTreeSet::from([stream()]),
        events: BTreeSet::from([event(1), event(77)]),
        transactions: BTreeSet::from([transaction(1), transaction(77)]),
        receipts: BTreeSet::from([sale(1, 1).receipt, sale(77, 1).receipt]),
        sales: BTreeSet::from([transaction(1), transaction(2)]),
        payments: [(1, 0x300), (8, 0x301), (1, 0x377)]
            .map(|(of, n)| (transaction(of), PaymentId::from_uuid(number(n))))
            .into(),
        letters: BTreeSet::from([event(5)]),
        ..Wanted::default()
    }
}

async fn all_is_there(store: &Store, payments: &[u128]) {
    let ledger = store.open(retailer(), Epoch(1)).await.unwrap();
    assert_eq!(ledger.edges, BTreeMap::from([(edge_id(), place())]));
    let known = store.look(retailer(), wanted()).await.unwrap();
    assert_eq!(known.cursors, HashMap::from([(stream(), cursor())]));
    assert_eq!(known.events.into_iter().collect::<Vec<_>>(), [event(1)]);
    assert_eq!(known.transactions.into_iter().collect::<Vec<_>>(), [transaction(1)]);
    assert_eq!(known.receipts.into_iter().collect::<Vec<_>>(), [sale(1, 1).receipt]);
    assert_eq!(known.sales.into_values().collect::<Vec<_>>().len(), 2);
    assert_eq!(known.payments, payments.iter().map(|n| PaymentId::from_uuid(number(*n))).collect());
    assert_eq!(known.letters, HashMap::from([(event(5), letter())]));

    let tenant = TenantDb::new(store, retailer());
    let day = slot().day;
    let listed = tenant.sales(&SaleListQuery::default()).await.unwrap().items;
    let [first, second] = sales();
    assert_eq!((listed[0].transaction_id, listed[1].transaction_id), (transaction(2), transaction(1)));
    assert_eq!((&listed[1].lines, listed[1].totals), (&first.sale.lines, first.sale.totals));
    assert_eq!((listed[0].refund_of, listed[0].totals), (Some(transaction(1)), second.sale.totals));
    let places = tenant.edges(None).await.unwrap();
    assert_eq!((places[0].id, places[0].dead_letters), (edge_id(), 1));
    assert_eq!(places[0].stream.as_ref().map(|stream| (stream.settled_seq, stream.lost)), Some((9, 4)));
    let letters = tenant.letters(&LetterQuery::default()).await.unwrap().items;
    assert_eq!(letters.iter().map(|letter| letter.event_id).collect::<Vec<_>>(), [event(5)]);
    let stock = tenant.inventory(&inventory()).await.unwrap().items;
    assert_eq!((stock[0].sku.as_str(), stock[0].on_hand), ("MILK.1$", Quantity::pieces(49)));
    let query: SalesQuery =
        serde_json::from_value(serde_json::json!({ "from": day, "to": day, "by": "hour" })).unwrap();
    let report = tenant.sales_report(&query).await.unwrap();
    let sums = report.totals[0].sums;
    assert_eq!((sums.sales, sums.refunds, sums.voids), (1, 1, 1));
    assert_eq!((sums.total, sums.card), (Amount::new(400), Amount::new(502)));
    let query: ProductQuery = serde_json::from_value(serde_json::json!({ "from": day, "to": day })).unwrap();
    let products = tenant.product_report(&query).await.unwrap().rows;
    assert_eq!((products[0].sku.as_str(), products[0].total), ("MILK.1$", Amount::new(400)));
}

/// Writes the file of the present shape, to be kept when a shape is released.
#[tokio::test]
async fn the_sample_of_the_ledger_can_be_made_anew() {
    let store = with_retailer().await;
    store.open(retailer(), Epoch(1)).await.unwrap();
    store.write(retailer(), Epoch(1), Version(1), &changes()).await.unwrap();
    let mut text = dump(&store, &COLLECTIONS).await;
    fold(&store, retailer(), 1).await;
    text.push_str(&dump(&store, &SHELVES).await);
    std::fs::write(std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("ledger-shape.txt"), &text)
        .unwrap();
    let kinds = |text: &str| -> Vec<String> {
        text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
    };
    assert_eq!(kinds(&text), kinds(include_str!("shapes/ledger-3.txt")));
}

async fn dump(store: &TestStore, collections: &[&str]) -> String {
    let (database, mut text) = (database(store).await, String::new());
    for name in collections {
        let mut documents = database.collection::<Document>(name).find(doc! {}).await.unwrap();
        while documents.advance().await.unwrap() {
            text.push_str(&format!("{name} {}\n", STANDARD.encode(documents.current().as_bytes())));
        }
    }
    text
}
