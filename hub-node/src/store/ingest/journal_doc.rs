//! The journal: what each round has added to the sums of stock and articles, until it is in them.

use actors::ingest::model::{ArticleKey, ArticleSums, StockMove};
use actors::ingest::pending::{Additions, JournalEntry};
use bson::Binary;
use messages::edge::{Currency, Quantity};
use messages::http::reports::Day;
use messages::{RetailerId, StoreId, Timestamp, Version};
use mongodb::IndexModel;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::super::documents::value::{Unreadable, bytes};
use super::super::documents::{Stored, TenantDocument, check_shape};
use super::packed::{pack, unpack};
use super::sale_doc::code;

/// `_id` is the retailer and the version of the round's commit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct JournalDoc {
    #[serde(rename = "_id")]
    id: Binary,
    sv: i32,
    /// [`Rows`].
    added: Binary,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Rows {
    stores: Vec<(u64, u64)>,
    stock: Vec<StockRow>,
    articles: Vec<ArticleRow>,
}

#[derive(Debug, Serialize, Deserialize)]
struct StockRow {
    /// Its place in the list of stores.
    store: usize,
    sku: String,
    before: i64,
    delta: i64,
    at: i64,
}

#[derive(Debug, Serialize, Deserialize)]
struct ArticleRow {
    store: usize,
    day: u32,
    currency: String,
    sku: String,
    name: String,
    unit: String,
    quantity: i64,
    net: i64,
    tax: i64,
    total: i64,
}

impl Stored for JournalDoc {
    const COLLECTION: &'static str = "sums_journal";
    const SHAPE: i32 = 1;

    fn indexes() -> Vec<IndexModel> {
        Vec::new()
    }
}

impl TenantDocument for JournalDoc {}

impl JournalDoc {
    /// Sorts as the rounds do.
    pub(super) fn key(retailer: RetailerId, round: Version) -> Binary {
        bytes([retailer.as_uuid().as_bytes().as_slice(), &round.0.to_be_bytes()].concat())
    }

    pub(super) fn new(retailer: RetailerId, round: Version, added: &Additions) -> Result<Self, Unreadable> {
        let mut stores: Vec<StoreId> = added.stock.keys().map(|(store, _)| *store).collect();
        stores.extend(added.articles.keys().map(|key| key.store));
        stores.sort_unstable();
        stores.dedup();
        let place = |store: &StoreId| stores.binary_search(store).unwrap_or_default();
        let stock = added.stock.iter().map(|((store, sku), moved)| StockRow {
            store: place(store),
            sku: sku.clone(),
            before: moved.before.get(),
            delta: moved.delta.get(),
            at: moved.at.0,
        });
        let articles = added.articles.iter().map(|(key, sums)| ArticleRow {
            store: place(&key.store),
            day: key.day.number(),
            currency: key.currency.as_str().to_owned(),
            sku: key.sku.clone(),
            name: sums.name.clone(),
            unit: sums.unit.clone(),
            quantity: sums.quantity,
            net: sums.net,
            tax: sums.tax,
            total: sums.total,
        });
        let rows = Rows {
            stock: stock.collect(),
            articles: articles.collect(),
            stores: stores.iter().map(|store| store.as_uuid().as_u64_pair()).collect(),
        };
        Ok(Self { id: Self::key(retailer, round), sv: Self::SHAPE, added: pack(&rows)? })
    }
}

impl TryFrom<JournalDoc> for JournalEntry {
    type Error = Unreadable;

    fn try_from(stored: JournalDoc) -> Result<Self, Unreadable> {
        check_shape::<JournalDoc>(stored.sv)?;
        let round = stored.id.bytes.last_chunk::<8>().filter(|_| stored.id.bytes.len() == 24);
        let round =
            round.ok_or_else(|| Unreadable("a journal's identifier does not have 24 bytes".to_owned()))?;
        let Rows { stores, stock, articles } = unpack(&stored.added)?;
        let store = |place: usize| {
            let (high, low) =
                stores.get(place).ok_or_else(|| Unreadable(format!("a journal has no store at {place}")))?;
            Ok::<_, Unreadable>(StoreId::from_uuid(Uuid::from_u64_pair(*high, *low)))
        };
        let mut additions = Additions::default();
        for row in stock {
            let moved = StockMove {
                before: Quantity::thousandths(row.before),
                delta: Quantity::thousandths(row.delta),
                at: Timestamp(row.at),
            };
            additions.stock.insert((store(row.store)?, row.sku), moved);
        }
        for row in articles {
            let day = Day::from_number(row.day);
            let day = day.ok_or_else(|| Unreadable(format!("there is no day {}", row.day)))?;
            let currency = code::<Currency>(&row.currency, "currency")?.into();
            let key = ArticleKey { store: store(row.store)?, day, sku: row.sku, currency };
            let ArticleRow { name, unit, quantity, net, tax, total, .. } =
                ArticleRow { sku: String::new(), ..row };
            additions.articles.insert(key, ArticleSums { name, unit, quantity, net, tax, total });
        }
        Ok(Self { round: Version(u64::from_be_bytes(*round)), additions })
    }
}
