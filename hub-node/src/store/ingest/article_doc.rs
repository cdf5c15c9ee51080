//! What comes down to the stores: articles at their latest change, corrections of stock, how far devices are with both.

use std::collections::BTreeMap;
use std::time::Duration;

use actors::ingest::model::{Article, Feed, Follower, StockOrder};
use bson::{Binary, DateTime, doc};
use messages::edge::catalogue::Bundle;
use messages::edge::{Amount, Quantity, TaxRate};
use messages::http::articles::{ArticleSpec, ArticleState};
use messages::{DeviceId, EdgeId, FeedId, RetailerId, StoreId};
use mongodb::IndexModel;
use serde::{Deserialize, Serialize};

use super::super::documents::value::{StoredId, Unreadable, bytes, count, date, fold, long, small, time};
use super::super::documents::{Stored, TenantDocument, check_shape, expiring, index};
use super::{key, read_key};

/// One for each retailer, `_id` being the retailer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FeedDoc {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    sv: i32,
    feed_id: bson::Uuid,
    pub(super) head: i64,
    articles: i64,
}

impl Stored for FeedDoc {
    const COLLECTION: &'static str = "feeds";
    const SHAPE: i32 = 1;

    fn indexes() -> Vec<IndexModel> {
        Vec::new()
    }
}

impl TenantDocument for FeedDoc {}

impl FeedDoc {
    pub(super) fn new(retailer: RetailerId, feed: &Feed) -> Self {
        Self {
            id: retailer.stored(),
            sv: Self::SHAPE,
            feed_id: feed.id.stored(),
            head: long(feed.head),
            articles: long(feed.articles),
        }
    }
}

impl TryFrom<FeedDoc> for Feed {
    type Error = Unreadable;

    fn try_from(stored: FeedDoc) -> Result<Self, Unreadable> {
        check_shape::<FeedDoc>(stored.sv)?;
        Ok(Self {
            id: FeedId::read(stored.feed_id),
            head: count(stored.head, "head")?,
            articles: count(stored.articles, "articles")?,
        })
    }
}

/// An article; `_id` is retailer and number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GoodsDoc {
    #[serde(rename = "_id")]
    id: Binary,
    sv: i32,
    pub(super) sku: String,
    /// Of its latest change.
    pub(super) seq: i64,
    state: String,
    name: String,
    pub(super) name_key: String,
    /// All that one searches in, in lower case.
    find_key: String,
    barcode: Option<String>,
    category: String,
    unit: String,
    price: i64,
    tax_rate: i64,
    weighed: bool,
    plu: Option<i64>,
    blocked: Option<String>,
    bundle: Option<BundleDoc>,
    /// By store.
    prices: Vec<PriceDoc>,
    created_at: DateTime,
    updated_at: DateTime,
    updated_by: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct BundleDoc {
    pieces: i64,
    price: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct PriceDoc {
    store_id: bson::Uuid,
    price: i64,
}

impl Stored for GoodsDoc {
    const COLLECTION: &'static str = "articles";
    const SHAPE: i32 = 1;

    fn indexes() -> Vec<IndexModel> {
        vec![
            index("by_change", doc! { "retailer_id": 1, "seq": 1 }),
            index("by_name", doc! { "retailer_id": 1, "name_key": 1, "sku": 1 }),
            index("by_sku", doc! { "retailer_id": 1, "sku": 1 }),
            index("by_barcode", doc! { "retailer_id": 1, "barcode": 1 }),
            index("by_plu", doc! { "retailer_id": 1, "plu": 1 }),
        ]
    }
}

impl TenantDocument for GoodsDoc {}

impl GoodsDoc {
    /// Numbers come from people: with the retailer before it, nobody can take another's.
    pub(super) fn key(retailer: RetailerId, sku: &str) -> Binary {
        bytes([retailer.as_uuid().as_bytes().as_slice(), sku.as_bytes()].concat())
    }

    pub(super) fn new(retailer: RetailerId, article: &Article) -> Self {
        let spec = &article.spec;
        let barcode = spec.barcode.as_deref().unwrap_or_default();
        Self {
            id: Self::key(retailer, &spec.sku),
            sv: Self::SHAPE,
            sku: spec.sku.clone(),
            seq: long(article.seq),
            state: spec.state.as_str().to_owned(),
            name: spec.name.clone(),
            name_key: fold(&spec.name),
            find_key: fold(&format!("{} {} {barcode}", spec.name, spec.sku)),
            barcode: spec.barcode.clone(),
            category: spec.category.clone(),
            unit: spec.unit.clone(),
            price: spec.price.minor(),
            tax_rate: spec.tax_rate.0.into(),
            weighed: spec.weighed,
            plu: spec.plu.map(Into::into),
            blocked: spec.blocked.clone(),
            bundle: spec
                .bundle
                .map(|bundle| BundleDoc { pieces: bundle.pieces.into(), price: bundle.price.minor() }),
            prices: spec
                .prices
                .iter()
                .map(|(store, price)| PriceDoc { store_id: store.stored(), price: price.minor() })
                .collect(),
            created_at: date(article.created_at),
            updated_at: date(article.updated_at),
            updated_by: article.updated_by.clone(),
        }
    }
}

impl TryFrom<GoodsDoc> for Article {
    type Error = Unreadable;

    fn try_from(stored: GoodsDoc) -> Result<Self, Unreadable> {
        check_shape::<GoodsDoc>(stored.sv)?;
        let state = ArticleState::ALL.into_iter().find(|state| state.as_str() == stored.state);
        let bundle = |bundle: BundleDoc| {
            Ok(Bundle { pieces: small(bundle.pieces, "bundle.pieces")?, price: Amount::new(bundle.price) })
        };
        let prices: BTreeMap<_, _> = stored
            .prices
            .iter()
            .map(|entry| (StoreId::read(entry.store_id), Amount::new(entry.price)))
            .collect();
        Ok(Self {
            spec: ArticleSpec {
                sku: stored.sku,
                name: stored.name,
                barcode: stored.barcode,
                category: stored.category,
                unit: stored.unit,
                price: Amount::new(stored.price),
                tax_rate: TaxRate(small(stored.tax_rate, "tax_rate")?),
                weighed: stored.weighed,
                plu: stored.plu.map(|plu| small(plu, "plu")).transpose()?,
                blocked: stored.blocked,
                bundle: stored.bundle.map(bundle).transpose()?,
                prices,
                state: state
                    .ok_or_else(|| Unreadable(format!("\"{}\" is no state of an article", stored.state)))?,
            },
            seq: count(stored.seq, "seq")?,
            created_at: time(stored.created_at),
            updated_at: time(stored.updated_at),
            updated_by: stored.updated_by,
        })
    }
}

/// How far a device is; `_id` is its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FollowerDoc {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    sv: i32,
    device_id: bson::Uuid,
    feed_id: Option<bson::Uuid>,
    cursor: i64,
    loading: bool,
    at: DateTime,
}

impl Stored for FollowerDoc {
    const COLLECTION: &'static str = "edge_cursors";
    const SHAPE: i32 = 1;

    fn indexes() -> Vec<IndexModel> {
        vec![index("of_retailer", doc! { "retailer_id": 1 })]
    }
}

impl TenantDocument for FollowerDoc {}

impl From<&Follower> for FollowerDoc {
    fn from(follower: &Follower) -> Self {
        Self {
            id: follower.edge.stored(),
            sv: Self::SHAPE,
            device_id: follower.device.stored(),
            feed_id: follower.feed.map(StoredId::stored),
            cursor: long(follower.cursor),
            loading: follower.loading,
            at: date(follower.at),
        }
    }
}

impl TryFrom<FollowerDoc> for Follower {
    type Error = Unreadable;

    fn try_from(stored: FollowerDoc) -> Result<Self, Unreadable> {
        check_shape::<FollowerDoc>(stored.sv)?;
        Ok(Self {
            edge: EdgeId::read(stored.id),
            device: DeviceId::read(stored.device_id),
            feed: stored.feed_id.map(FeedId::read),
            cursor: count(stored.cursor, "cursor")?,
            loading: stored.loading,
            at: time(stored.at),
        })
    }
}

/// A correction of stock; `_id` is retailer and event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OrderDoc {
    #[serde(rename = "_id")]
    pub(super) id: Binary,
    sv: i32,
    pub(super) seq: i64,
    store_id: bson::Uuid,
    edge_id: bson::Uuid,
    sku: String,
    delta: i64,
    note: String,
    ordered_at: DateTime,
    ordered_by: String,
    done_at: Option<DateTime>,
}

/// As long as the event that tells that it was done is remembered.
const KEPT: Duration = Duration::from_secs(400 * 24 * 3_600);

impl Stored for OrderDoc {
    const COLLECTION: &'static str = "stock_orders";
    const SHAPE: i32 = 1;

    fn indexes() -> Vec<IndexModel> {
        vec![
            index("of_edge", doc! { "retailer_id": 1, "edge_id": 1, "done_at": 1, "seq": 1 }),
            index("of_store", doc! { "retailer_id": 1, "store_id": 1, "seq": -1 }),
            expiring("done", "done_at", KEPT),
        ]
    }
}

impl TenantDocument for OrderDoc {}

impl OrderDoc {
    pub(super) fn new(retailer: RetailerId, order: &StockOrder) -> Self {
        Self {
            id: key(retailer, order.event),
            sv: Self::SHAPE,
            seq: long(order.seq),
            store_id: order.store.stored(),
            edge_id: order.edge.stored(),
            sku: order.sku.clone(),
            delta: order.delta.get(),
            note: order.note.clone(),
            ordered_at: date(order.ordered_at),
            ordered_by: order.ordered_by.clone(),
            done_at: order.done_at.map(date),
        }
    }
}

impl TryFrom<OrderDoc> for StockOrder {
    type Error = Unreadable;

    fn try_from(stored: OrderDoc) -> Result<Self, Unreadable> {
        check_shape::<OrderDoc>(stored.sv)?;
        Ok(Self {
            event: read_key(&stored.id)?,
            seq: count(stored.seq, "seq")?,
            store: StoreId::read(stored.store_id),
            edge: EdgeId::read(stored.edge_id),
            sku: stored.sku,
            delta: Quantity::thousandths(stored.delta),
            note: stored.note,
            ordered_at: time(stored.ordered_at),
            ordered_by: stored.ordered_by,
            done_at: stored.done_at.map(time),
        })
    }
}

#[cfg(test)]
mod tests {
    use messages::{EventId, Timestamp};

    use super::*;

    const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

    /// A document of shape 1, as released builds have written it: never change it, add another.
    fn article_1() -> bson::Document {
        let retailer: RetailerId = ID.parse().unwrap();
        let mut key = retailer.as_uuid().as_bytes().to_vec();
        key.extend_from_slice(b"A1");
        let at = DateTime::from_millis(1_795_257_060_000);
        doc! {
            "_id": bytes(key), "sv": 1, "sku": "A1", "seq": 7_i64, "state": "active", "name": "Milk",
            "name_key": "milk", "find_key": "milk a1 4006381333931", "barcode": "4006381333931",
            "category": "Dairy", "unit": "pcs", "price": 165_i64, "tax_rate": 260_i64, "weighed": false,
            "plu": 7_i64, "blocked": bson::Bson::Null, "bundle": { "pieces": 3_i64, "price": 450_i64 },
            "prices": [{ "store_id": retailer.stored(), "price": 149_i64 }], "created_at": at, "updated_at": at,
            "updated_by": "Lan",
        }
    }

    fn article() -> Article {
        let spec = ArticleSpec {
            barcode: Some("4006381333931".into()),
            category: "Dairy".into(),
            tax_rate: TaxRate(260),
            plu: Some(7),
            bundle: Some(Bundle { pieces: 3, price: Amount::new(450) }),
            prices: BTreeMap::from([(ID.parse().unwrap(), Amount::new(149))]),
            ..ArticleSpec::new("A1", "Milk", Amount::new(165))
        };
        let at = Timestamp(1_795_257_060_000);
        Article { spec, seq: 7, created_at: at, updated_at: at, updated_by: "Lan".into() }
    }

    #[test]
    fn documents_of_shape_1_are_read_and_written_alike() {
        let (retailer, stored): (RetailerId, _) = (ID.parse().unwrap(), article_1());
        let read: GoodsDoc = bson::deserialize_from_document(stored.clone()).unwrap();
        assert_eq!(Article::try_from(read).unwrap(), article());
        let written = bson::serialize_to_document(&GoodsDoc::new(retailer, &article())).unwrap();
        assert_eq!(written, stored);
    }

    #[test]
    fn everything_is_read_back_as_it_was() {
        let retailer = RetailerId::new();
        let feed = Feed { id: FeedId::new(), head: 12, articles: 3 };
        assert_eq!(Feed::try_from(FeedDoc::new(retailer, &feed)).unwrap(), feed);
        let follower = Follower {
            edge: EdgeId::new(),
            device: DeviceId::new(),
            feed: Some(feed.id),
            cursor: 9,
            loading: true,
            at: Timestamp(1_795_257_060_000),
        };
        assert_eq!(Follower::try_from(FollowerDoc::from(&follower)).unwrap(), follower);
        let order = StockOrder {
            event: EventId::new(),
            seq: 8,
            store: StoreId::new(),
            edge: follower.edge,
            sku: "A1".into(),
            delta: Quantity::thousandths(-2_500),
            note: "counted".into(),
            ordered_at: follower.at,
            ordered_by: "Lan".into(),
            done_at: Some(follower.at),
        };
        assert_eq!(StockOrder::try_from(OrderDoc::new(retailer, &order)).unwrap(), order);
        let newer = GoodsDoc { sv: 2, ..GoodsDoc::new(retailer, &article()) };
        assert!(Article::try_from(newer).is_err());
    }
}
