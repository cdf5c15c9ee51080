//! What store edges brought and what comes down to them: the ledger of a retailer, behind a fence of its own.
//!
//! ```text
//! edge_doc      places of edges, how far their streams are
//! inbox_doc     which events were settled
//! sale_doc      sales, payments, voids
//! sums_doc      sums of hours; stock and sums of articles as earlier builds kept them
//! shelf_doc     stock and sums of articles, many in one document
//! journal_doc   what rounds have added to those and is not in them yet
//! packed        rows as one value
//! letter_doc    events that were set aside
//! article_doc   articles, corrections of stock, how far devices are with them
//! write         the changes of a round as the commands of one transaction
//! fold          the journal into the shelves, in one transaction
//! reads         lists and reports
//! down          lists of articles, pages of changes for devices
//! ```
//!
//! Identifiers that come from outside are stored with the retailer before them, so that no tenant can take another's.

pub(super) mod article_doc;
pub(super) mod down;
pub(super) mod edge_doc;
mod fold;
pub(super) mod inbox_doc;
pub(super) mod journal_doc;
pub(super) mod letter_doc;
mod packed;
mod reads;
pub(super) mod sale_doc;
pub(super) mod shelf_doc;
pub(super) mod sums_doc;
mod write;

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use actors::ingest::model::{Article, Changes, Edge, Follower, Known, Ledger, StockOrder, Wanted};
use actors::ingest::pending::{Fold, JournalEntry};
use actors::ports::{LedgerStore, StoreError};
use bson::{Binary, Bson, Document, doc};
use futures_util::future::BoxFuture;
use messages::edge::ReceiptNumber;
use messages::http::dead_letters::LetterState;
use messages::version::Epoch;
use messages::{EventId, PaymentId, RetailerId, StoreId, TransactionId, Version};

use self::article_doc::{FeedDoc, FollowerDoc, GoodsDoc, OrderDoc};
use self::edge_doc::{EdgeDoc, StreamDoc};
use self::inbox_doc::{InboxDoc, InboxPartDoc};
use self::journal_doc::JournalDoc;
use self::letter_doc::LetterDoc;
pub use self::reads::figures::StoreDay;
use self::sale_doc::{
    PaymentDoc, PaymentKeyDoc, SaleDoc, SaleKeyDoc, SalePaymentsDoc, SaleReceiptDoc, VoidDoc, code,
};
use self::shelf_doc::{ArticleShelfDoc, StockShelfDoc};
use self::sums_doc::{ArticleDoc, SlotDoc, StockDoc};
use super::commit::Commit;
use super::documents::shop::ShopDoc;
use super::documents::value::{StoredId, Unreadable, bytes, count, long};
use super::documents::{Stored as _, TenantDocument};
use super::handle::Store;
use super::retry::{WRITE, persist};
use super::take::read_all;
use super::tenant::{Fence, TenantDb};

/// Everything of a retailer here, for the sweep. The fence stays, as the retailer's own does.
pub(super) const COLLECTIONS: [&str; 18] = [
    EdgeDoc::COLLECTION,
    StreamDoc::COLLECTION,
    InboxDoc::COLLECTION,
    InboxPartDoc::COLLECTION,
    LetterDoc::COLLECTION,
    SaleDoc::COLLECTION,
    PaymentDoc::COLLECTION,
    VoidDoc::COLLECTION,
    StockDoc::COLLECTION,
    SlotDoc::COLLECTION,
    ArticleDoc::COLLECTION,
    JournalDoc::COLLECTION,
    StockShelfDoc::COLLECTION,
    ArticleShelfDoc::COLLECTION,
    FeedDoc::COLLECTION,
    GoodsDoc::COLLECTION,
    FollowerDoc::COLLECTION,
    OrderDoc::COLLECTION,
];

/// A load that a commit under way has got in between is repeated; see the retailer's own.
const LOADS: usize = 5;
/// More than a round can ask for of a kind.
const MOST: usize = 10_000;

/// An identifier from outside as it is stored.
fn key<T: StoredId>(retailer: RetailerId, id: T) -> Binary {
    bytes([retailer.as_uuid().as_bytes().as_slice(), &id.stored().bytes()].concat())
}

/// And back.
fn read_key<T: StoredId>(stored: &Binary) -> Result<T, Unreadable> {
    let last = stored.bytes.last_chunk::<16>().filter(|_| stored.bytes.len() == 32);
    let last = last.ok_or_else(|| Unreadable("an identifier does not have 32 bytes".to_owned()))?;
    Ok(T::read(bson::Uuid::from_bytes(*last)))
}

impl LedgerStore for Store {
    fn open(&self, retailer: RetailerId, epoch: Epoch) -> BoxFuture<'_, Result<Ledger, StoreError>> {
        Box::pin(async move { TenantDb::new(self, retailer).open_ledger(epoch).await })
    }

    fn look(&self, retailer: RetailerId, wanted: Wanted) -> BoxFuture<'_, Result<Known, StoreError>> {
        // Boxed twice: ten questions at once make a large future.
        Box::pin(async move { Box::pin(TenantDb::new(self, retailer).look(&wanted)).await })
    }

    fn write(
        &self,
        retailer: RetailerId,
        epoch: Epoch,
        expected: Version,
        changes: &Changes,
    ) -> BoxFuture<'static, Result<(), StoreError>> {
        let (tenant, plan) = (TenantDb::new(self, retailer), write::plan(retailer, expected, changes));
        Box::pin(async move {
            Commit { tenant, fence: Fence::Ledger, epoch, expected, plan: plan? }.carry_out().await
        })
    }

    fn fold(
        &self,
        retailer: RetailerId,
        epoch: Epoch,
        expected: Version,
        fold: Arc<Fold>,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let tenant = TenantDb::new(self, retailer);
            let plan = tenant.plan_fold(&fold).await?;
            Commit { tenant, fence: Fence::Ledger, epoch, expected, plan }.carry_out().await
        })
    }
}

impl TenantDb {
    async fn open_ledger(&self, epoch: Epoch) -> Result<Ledger, StoreError> {
        let mut fence = self.raise(Fence::Ledger, epoch).await?;
        for _ in 0..LOADS {
            let open = doc! { "state": LetterState::Open.as_str() };
            let (edges, feed, followers, letters, journal, remembers_singly) = tokio::try_join!(
                self.find::<EdgeDoc>(doc! {}, doc! { "_id": 1 }, MOST),
                self.find_one::<FeedDoc>(doc! { "_id": self.retailer().stored() }),
                self.find::<FollowerDoc>(doc! {}, doc! { "_id": 1 }, MOST),
                self.count::<LetterDoc>(open),
                self.journal(),
                self.remembers_singly(),
            )?;
            let now = persist(WRITE, || self.fence(Fence::Ledger)).await?.ok_or(StoreError::Fenced)?;
            if now.epoch != long(epoch.0) {
                return Err(StoreError::Fenced);
            }
            if now.version == fence.version {
                let edges: Vec<Edge> = read_all(edges)?;
                let followers: Vec<Follower> = read_all(followers)?;
                return Ok(Ledger {
                    version: Version(count(now.version, "version")?),
                    edges: edges.into_iter().map(|edge| (edge.id, edge)).collect(),
                    feed: feed.map(TryInto::try_into).transpose()?,
                    followers: followers.into_iter().map(|it| (it.edge, it)).collect(),
                    letters,
                    journal,
                    remembers_singly,
                });
            }
            fence = now;
        }
        Err(StoreError::Unavailable(format!("the ledger changed {LOADS} times while it was being opened")))
    }

    /// What is not in the sums yet, in the order of the rounds.
    async fn journal(&self) -> Result<Vec<JournalEntry>, StoreError> {
        let key = |round| JournalDoc::key(self.retailer(), Version(round));
        let all = doc! { "_id": { "$gte": key(0), "$lte": key(u64::MAX) } };
        read_all(self.find::<JournalDoc>(all, doc! { "_id": 1 }, MOST).await?)
    }

    async fn look(&self, wanted: &Wanted) -> Result<Known, StoreError> {
        let (streams, events, singly, transactions, receipts, sales, payments, letters, shops, goods, orders) =
            tokio::try_join!(
                self.of_keys::<StreamDoc, _>(&wanted.streams),
                self.settled(&wanted.events),
                self.of_keys::<InboxDoc, _>(&wanted.events),
                self.of_keys::<SaleKeyDoc, _>(&wanted.transactions),
                self.receipts(&wanted.receipts),
                self.of_keys::<SaleDoc, _>(&wanted.sales),
                self.payments(&wanted.payments),
                self.of_keys::<LetterDoc, _>(&wanted.letters),
                self.shops(&wanted.stores),
                self.goods(wanted),
                self.of_keys::<OrderDoc, _>(&wanted.orders),
            )?;
        let mut known = Known::default();
        for stream in streams {
            let cursor: actors::ingest::model::Cursor = stream.try_into()?;
            known.cursors.insert(cursor.stream, cursor);
        }
        let ids = events.into_iter().flat_map(|part| part.ids).chain(singly.into_iter().map(|one| one.id));
        for id in ids {
            let event = read_key(&id)?;
            if wanted.events.contains(&event) {
                known.events.insert(event);
            }
        }
        for sale in transactions {
            known.transactions.insert(read_key(&sale.id)?);
        }
        for sale in receipts {
            known.receipts.insert(code(&sale.receipt, "receipt")?);
        }
        for sale in sales {
            let sale: actors::ingest::model::SaleRecord = sale.try_into()?;
            known.sales.insert(sale.sale.transaction_id, sale);
        }
        known.payments = payments;
        for letter in letters {
            let letter: actors::ingest::model::Letter = letter.try_into()?;
            known.letters.insert(letter.event, letter);
        }
        for order in orders {
            let order: StockOrder = order.try_into()?;
            known.orders.insert(order.event, order);
        }
        for article in goods {
            let article: Article = article.try_into()?;
            known.catalogue.insert(article.spec.sku.clone(), article);
        }
        known.zones = shops.into_iter().map(|shop| (StoreId::read(shop.id), shop.time_zone)).collect();
        Ok(known)
    }

    async fn of_keys<D: TenantDocument, T: StoredId>(&self, ids: &BTreeSet<T>) -> Result<Vec<D>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let keys: Vec<Bson> = ids.iter().map(|id| key(self.retailer(), *id).into()).collect();
        self.find::<D>(doc! { "_id": { "$in": keys } }, Document::new(), MOST).await
    }

    /// What was settled together with any of these.
    async fn settled(&self, events: &BTreeSet<EventId>) -> Result<Vec<InboxPartDoc>, StoreError> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let keys: Vec<Bson> = events.iter().map(|id| key(self.retailer(), *id).into()).collect();
        self.find::<InboxPartDoc>(doc! { "ids": { "$in": keys } }, Document::new(), MOST).await
    }

    /// Is any event remembered by a document of its own?
    async fn remembers_singly(&self) -> Result<bool, StoreError> {
        let key = |end: u8| bytes([self.retailer().as_uuid().as_bytes().as_slice(), &[end; 16]].concat());
        let any = doc! { "_id": { "$gte": key(0), "$lte": key(u8::MAX) } };
        Ok(self.find_one::<InboxDoc>(any).await?.is_some())
    }

    async fn receipts(&self, numbers: &BTreeSet<ReceiptNumber>) -> Result<Vec<SaleReceiptDoc>, StoreError> {
        if numbers.is_empty() {
            return Ok(Vec::new());
        }
        let numbers: Vec<&str> = numbers.iter().map(ReceiptNumber::as_str).collect();
        self.find::<SaleReceiptDoc>(doc! { "receipt": { "$in": numbers } }, Document::new(), MOST).await
    }

    /// With their sale, or by themselves.
    async fn payments(
        &self,
        of: &BTreeSet<(TransactionId, PaymentId)>,
    ) -> Result<HashSet<PaymentId>, StoreError> {
        let (sales, ids): (BTreeSet<TransactionId>, BTreeSet<PaymentId>) = of.iter().copied().unzip();
        let (sales, alone) = tokio::try_join!(
            self.of_keys::<SalePaymentsDoc, _>(&sales),
            self.of_keys::<PaymentKeyDoc, _>(&ids),
        )?;
        let alone =
            alone.iter().map(|payment| read_key(&payment.id)).collect::<Result<Vec<PaymentId>, _>>()?;
        let known = sales.iter().flat_map(SalePaymentsDoc::ids).chain(alone);
        Ok(known.filter(|id| ids.contains(id)).collect())
    }

    /// Articles by any of their numbers.
    async fn goods(&self, wanted: &Wanted) -> Result<Vec<GoodsDoc>, StoreError> {
        let keys: Vec<Bson> =
            wanted.skus.iter().map(|sku| GoodsDoc::key(self.retailer(), sku).into()).collect();
        let plus: Vec<Bson> = wanted.plus.iter().map(|plu| i64::from(*plu).into()).collect();
        let barcodes: Vec<Bson> = wanted.barcodes.iter().map(|text| text.into()).collect();
        let mut found = Vec::new();
        // One after the other: each is a span of its own index, which one question for all would not be.
        for (field, values) in [("_id", keys), ("barcode", barcodes), ("plu", plus)] {
            if !values.is_empty() {
                let some = doc! { field: { "$in": values } };
                found.extend(self.find::<GoodsDoc>(some, Document::new(), MOST).await?);
            }
        }
        Ok(found)
    }

    async fn shops(&self, ids: &BTreeSet<StoreId>) -> Result<Vec<ShopDoc>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<Bson> = ids.iter().map(|id| id.stored().into()).collect();
        self.find::<ShopDoc>(doc! { "_id": { "$in": ids } }, Document::new(), MOST).await
    }
}
