//! The sums of hours, added to by the transaction that settles the events. And stock and sums of articles as builds before the
//! shelves kept them, a document an article: they are read, and what moves again goes to its shelf.

use actors::ingest::model::{SlotKey, SlotSums};
use bson::{Binary, DateTime, doc};
use messages::{RetailerId, StoreId};
use mongodb::IndexModel;
use serde::{Deserialize, Serialize};

use super::super::documents::value::{StoredId as _, Unreadable, bytes, time};
use super::super::documents::{Stored, TenantDocument, check_shape, index};
use super::super::tenant::{Change, Update};
use super::shelf_doc::StockRow;

/// Parts of an identifier one after the other; each has a fixed length, but the last.
pub(super) fn id(retailer: RetailerId, store: StoreId, rest: &[&[u8]]) -> Binary {
    let mut id = [retailer.as_uuid().into_bytes(), store.as_uuid().into_bytes()].concat();
    rest.iter().for_each(|part| id.extend_from_slice(part));
    bytes(id)
}

/// An article in a store; see [`super::shelf_doc`] for what is written now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct StockDoc {
    #[serde(rename = "_id")]
    pub(super) id: Binary,
    sv: i32,
    pub(super) store_id: bson::Uuid,
    pub(super) sku: String,
    /// As it was called when it was sold last.
    #[serde(default)]
    name: Option<String>,
    /// What there was before the first movement that was told.
    base: i64,
    moved: i64,
    moved_at: DateTime,
}

impl Stored for StockDoc {
    const COLLECTION: &'static str = "inventory";
    const SHAPE: i32 = 1;

    fn indexes() -> Vec<IndexModel> {
        vec![index("of_store", doc! { "retailer_id": 1, "store_id": 1, "sku": 1 })]
    }
}

impl TenantDocument for StockDoc {}

impl StockDoc {
    pub(super) fn key(retailer: RetailerId, store: StoreId, sku: &str) -> Binary {
        id(retailer, store, &[sku.as_bytes()])
    }

    pub(super) fn into_row(self) -> Result<StockRow, Unreadable> {
        check_shape::<Self>(self.sv)?;
        Ok(StockRow::new(self.name, self.base, self.moved, time(self.moved_at)))
    }
}

/// A store's hour.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SlotDoc {
    #[serde(rename = "_id")]
    id: Binary,
    sv: i32,
    pub(super) store_id: bson::Uuid,
    pub(super) day: i64,
    pub(super) hour: i64,
    currency: String,
    sales: i64,
    refunds: i64,
    voids: i64,
    gross: i64,
    discount: i64,
    net: i64,
    tax: i64,
    total: i64,
    rounding: i64,
    refunded: i64,
    cash: i64,
    card: i64,
    qr: i64,
}

impl Stored for SlotDoc {
    const COLLECTION: &'static str = "sales_by_hour";
    const SHAPE: i32 = 1;

    fn indexes() -> Vec<IndexModel> {
        vec![
            index("by_day", doc! { "retailer_id": 1, "day": 1, "store_id": 1 }),
            // For the dashboard, which looks at a day of all retailers.
            index("of_day", doc! { "day": 1 }),
        ]
    }
}

impl TenantDocument for SlotDoc {}

impl SlotDoc {
    pub(super) fn change(retailer: RetailerId, key: &SlotKey, sums: &SlotSums) -> Update {
        let (day, currency) = (key.slot.day.number(), key.currency.as_str());
        let id = id(retailer, key.store, &[&day.to_be_bytes(), &[key.slot.hour], currency.as_bytes()]);
        let once = doc! {
            "sv": Self::SHAPE, "store_id": key.store.stored(), "day": i64::from(day), "hour": i64::from(key.slot.hour),
            "currency": currency,
        };
        let inc = doc! {
            "sales": sums.sales, "refunds": sums.refunds, "voids": sums.voids, "gross": sums.gross,
            "discount": sums.discount, "net": sums.net, "tax": sums.tax, "total": sums.total,
            "rounding": sums.rounding, "refunded": sums.refunded, "cash": sums.cash, "card": sums.card, "qr": sums.qr,
        };
        let operators = doc! { "$setOnInsert": once, "$inc": inc };
        Update { filter: doc! { "_id": id }, change: Change::Apply(operators), upsert: true }
    }
}

/// An article's day in a store; see [`super::shelf_doc`] for what is written now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ArticleDoc {
    #[serde(rename = "_id")]
    id: Binary,
    sv: i32,
    store_id: bson::Uuid,
    day: i64,
    sku: String,
    currency: String,
    name: String,
    unit: String,
    quantity: i64,
    net: i64,
    tax: i64,
    total: i64,
}

impl Stored for ArticleDoc {
    const COLLECTION: &'static str = "sales_by_article";
    const SHAPE: i32 = 1;

    fn indexes() -> Vec<IndexModel> {
        vec![index("by_day", doc! { "retailer_id": 1, "day": 1, "store_id": 1 })]
    }
}

impl TenantDocument for ArticleDoc {}
