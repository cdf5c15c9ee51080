//! The sums of stock, and of each article's day: rows of many articles in one document, their shelf. A fold reads the
//! shelves it touches and writes them whole. Only the owner writes, and only ever adds.

use std::collections::BTreeMap;

use actors::ingest::model::{ArticleSums, CurrencyKey, StockMove};
use bson::{Binary, doc};
use messages::edge::Quantity;
use messages::http::reports::{self, Day};
use messages::{RetailerId, StoreId, Timestamp};
use mongodb::IndexModel;
use serde::{Deserialize, Serialize};

use super::super::documents::value::{StoredId as _, Unreadable};
use super::super::documents::{Stored, TenantDocument, check_shape, index};
use super::packed::{pack, unpack};
use super::sums_doc::id;

/// Of a store: with a supermarket's assortment a shelf has some kilobytes, with the largest a hundred.
const SHELVES: u32 = 64;

/// On which shelf an article's row is. For ever the same: FNV-1a.
pub(super) fn shelf(sku: &str) -> u8 {
    let mixed =
        sku.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    u8::try_from((mixed ^ (mixed >> 16)) % SHELVES).unwrap_or_default()
}

/// Rows by article; the first field of a stored row is its number.
type Rows<R> = BTreeMap<String, R>;

/// Some of a store's stock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct StockShelfDoc {
    #[serde(rename = "_id")]
    pub(super) id: Binary,
    sv: i32,
    pub(super) store_id: bson::Uuid,
    rows: Binary,
}

/// An article in a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StockRow {
    /// As it was called when it was sold last.
    name: Option<String>,
    /// What there was before the first movement that was told.
    base: i64,
    moved: i64,
    moved_at: i64,
}

impl Stored for StockShelfDoc {
    const COLLECTION: &'static str = "stock_shelves";
    const SHAPE: i32 = 1;

    fn indexes() -> Vec<IndexModel> {
        vec![index("of_store", doc! { "retailer_id": 1, "store_id": 1 })]
    }
}

impl TenantDocument for StockShelfDoc {}

impl StockShelfDoc {
    pub(super) fn key(retailer: RetailerId, store: StoreId, shelf: u8) -> Binary {
        id(retailer, store, &[&[shelf]])
    }

    pub(super) fn new(id: Binary, store: StoreId, rows: &Rows<StockRow>) -> Result<Self, Unreadable> {
        Ok(Self { id, sv: Self::SHAPE, store_id: store.stored(), rows: pack(rows)? })
    }

    pub(super) fn rows(&self) -> Result<Rows<StockRow>, Unreadable> {
        check_shape::<Self>(self.sv)?;
        unpack(&self.rows)
    }
}

impl StockRow {
    pub(super) const fn new(name: Option<String>, base: i64, moved: i64, moved_at: Timestamp) -> Self {
        Self { name, base, moved, moved_at: moved_at.0 }
    }

    /// Of an article that has not moved before.
    pub(super) const fn first(moved: &StockMove) -> Self {
        Self::new(None, moved.before.get(), 0, moved.at)
    }

    pub(super) fn add(&mut self, moved: &StockMove, name: Option<&str>) {
        self.moved = self.moved.saturating_add(moved.delta.get());
        self.moved_at = self.moved_at.max(moved.at.0);
        if let Some(name) = name {
            self.name = Some(name.to_owned());
        }
    }

    pub(super) fn view(self, sku: String) -> reports::StockRow {
        reports::StockRow {
            sku,
            name: self.name,
            on_hand: Quantity::thousandths(self.base.saturating_add(self.moved)),
            moved: Quantity::thousandths(self.moved),
            moved_at: Timestamp(self.moved_at),
        }
    }
}

/// Some articles' sums of one day of a store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ArticleShelfDoc {
    #[serde(rename = "_id")]
    pub(super) id: Binary,
    sv: i32,
    store_id: bson::Uuid,
    day: i64,
    pub(super) currency: String,
    rows: Binary,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ArticleRow {
    pub(super) name: String,
    pub(super) unit: String,
    pub(super) quantity: i64,
    pub(super) net: i64,
    pub(super) tax: i64,
    pub(super) total: i64,
}

impl Stored for ArticleShelfDoc {
    const COLLECTION: &'static str = "article_shelves";
    const SHAPE: i32 = 1;

    fn indexes() -> Vec<IndexModel> {
        vec![index("by_day", doc! { "retailer_id": 1, "day": 1, "store_id": 1 })]
    }
}

impl TenantDocument for ArticleShelfDoc {}

/// Which shelf of which day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ArticleShelf {
    pub(super) store: StoreId,
    pub(super) day: Day,
    pub(super) currency: CurrencyKey,
    pub(super) shelf: u8,
}

impl ArticleShelf {
    pub(super) fn key(&self, retailer: RetailerId) -> Binary {
        let day = self.day.number().to_be_bytes();
        id(retailer, self.store, &[&day, self.currency.as_str().as_bytes(), &[self.shelf]])
    }
}

impl ArticleShelfDoc {
    pub(super) fn new(id: Binary, of: ArticleShelf, rows: &Rows<ArticleRow>) -> Result<Self, Unreadable> {
        let ArticleShelf { store, day, currency, .. } = of;
        let (store_id, day) = (store.stored(), i64::from(day.number()));
        let currency = currency.as_str().to_owned();
        Ok(Self { id, sv: Self::SHAPE, store_id, day, currency, rows: pack(rows)? })
    }

    pub(super) fn rows(&self) -> Result<Rows<ArticleRow>, Unreadable> {
        check_shape::<Self>(self.sv)?;
        unpack(&self.rows)
    }
}

impl ArticleRow {
    pub(super) fn add(&mut self, later: &ArticleSums) {
        self.name.clone_from(&later.name);
        self.unit.clone_from(&later.unit);
        self.quantity = self.quantity.saturating_add(later.quantity);
        self.net = self.net.saturating_add(later.net);
        self.tax = self.tax.saturating_add(later.tax);
        self.total = self.total.saturating_add(later.total);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_article_stays_on_its_shelf() {
        // Whoever changes these loses the sums of every store.
        assert_eq!(["", "MILK", "A00017", "Sữa"].map(shelf), [25, 6, 58, 0]);
    }

    #[test]
    fn shelves_are_filled_alike() {
        let mut count = [0_u32; 64];
        for n in 0..6_400 {
            count[usize::from(shelf(&format!("A{n:05}")))] += 1;
        }
        assert!(count.iter().all(|articles| (50..200).contains(articles)), "{count:?}");
    }
}
