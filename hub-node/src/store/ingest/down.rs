//! Reading what comes down to the stores: lists of articles for people, pages of changes for devices. Any node may read.
//!
//! Numbers are given in the order of commits, so what is at or below a number that the owner has told is all there.

use actors::ingest::model::{Article, Feed, StockOrder};
use actors::ports::StoreError;
use bson::{Bson, Document, doc};
use messages::edge::Currency;
use messages::edge::catalogue::{Change, Changed, Correction, Withdrawn};
use messages::http::articles::{ArticleQuery, ArticleSort, ArticleState, ArticleView, StockOrderView};
use messages::http::paging::{ListQuery, Page};
use messages::{EdgeId, ErrorCode, Problem, StoreId};

use super::super::documents::shop::ShopDoc;
use super::super::documents::value::{StoredId as _, long};
use super::super::reads::cursor::{cut, decode, encode};
use super::super::reads::search::anywhere_folded;
use super::super::tenant::TenantDb;
use super::article_doc::{FeedDoc, GoodsDoc, OrderDoc};
use super::reads::unreadable;

/// A retailer has 500 stores at most.
const MOST_STORES: usize = 1_000;

/// A part of the changes for one device.
#[derive(Debug)]
pub struct Changes {
    pub changes: Vec<Change>,
    /// Everything up to here is told with them.
    pub cursor: u64,
    pub currency: Option<Currency>,
}

impl TenantDb {
    /// Articles that match, by name or by number.
    pub async fn articles(&self, query: &ArticleQuery) -> Result<Page<ArticleView>, Problem> {
        self.must_exist().await?;
        let sort = query.sort.unwrap_or_default();
        let list = match sort {
            ArticleSort::Name => "articles-by-name",
            ArticleSort::Sku => "articles-by-sku",
        };
        let mut all = Document::new();
        if let Some(state) = query.state {
            all.insert("state", state.as_str());
        }
        if let Some(category) = &query.category {
            all.insert("category", category);
        }
        if let Some(pattern) = anywhere_folded(query.q.as_deref()) {
            all.insert("find_key", pattern);
        }
        let mut wanted = all.clone();
        if let Some(cursor) = &query.cursor {
            let (name, sku): (String, String) = decode(list, cursor)?;
            match sort {
                ArticleSort::Name => {
                    let behind = vec![
                        doc! { "name_key": { "$gt": &name } },
                        doc! { "name_key": &name, "sku": { "$gt": sku } },
                    ];
                    wanted.insert("$or", behind);
                }
                ArticleSort::Sku => drop(wanted.insert("sku", doc! { "$gt": sku })),
            }
        }
        let order = match sort {
            ArticleSort::Name => doc! { "name_key": 1, "sku": 1 },
            ArticleSort::Sku => doc! { "sku": 1 },
        };
        let size = query.page_size();
        let (rows, total) =
            tokio::try_join!(self.find::<GoodsDoc>(wanted, order, size + 1), self.how_many(all))?;
        let (rows, next) = cut(rows, size, |last| encode(list, (last.name_key.clone(), last.sku.clone())))?;
        let view = |row| Ok(Article::try_from(row).map_err(unreadable)?.view(self.retailer()));
        Ok(Page { items: rows.into_iter().map(view).collect::<Result<_, Problem>>()?, next, total })
    }

    /// How many there are at all is known without looking at each.
    async fn how_many(&self, wanted: Document) -> Result<u64, StoreError> {
        if !wanted.is_empty() {
            return self.count::<GoodsDoc>(wanted).await;
        }
        let feed = self.find_one::<FeedDoc>(doc! { "_id": self.retailer().stored() }).await?;
        Ok(feed.map(Feed::try_from).transpose()?.map_or(0, |feed| feed.articles))
    }

    pub async fn article(&self, sku: &str) -> Result<ArticleView, Problem> {
        let found = self.find_one::<GoodsDoc>(doc! { "_id": GoodsDoc::key(self.retailer(), sku) }).await?;
        let missing = || Problem::new(ErrorCode::NotFound, format!("there is no article {sku}"));
        Ok(Article::try_from(found.ok_or_else(missing)?).map_err(unreadable)?.view(self.retailer()))
    }

    /// Corrections of a store's stock, the latest first.
    pub async fn stock_orders(
        &self,
        store: StoreId,
        query: &ListQuery,
    ) -> Result<Page<StockOrderView>, Problem> {
        const LIST: &str = "stock-orders";
        self.must_exist().await?;
        let all = doc! { "store_id": store.stored() };
        let mut wanted = all.clone();
        if let Some(cursor) = &query.cursor {
            let (seq,): (i64,) = decode(LIST, cursor)?;
            wanted.insert("seq", doc! { "$lt": seq });
        }
        let size = query.page_size();
        let (rows, total) = tokio::try_join!(
            self.find::<OrderDoc>(wanted, doc! { "seq": -1 }, size + 1),
            self.count::<OrderDoc>(all),
        )?;
        let (rows, next) = cut(rows, size, |last| encode(LIST, (last.seq,)))?;
        let view = |row| StockOrder::try_from(row).map(StockOrder::view).map_err(unreadable);
        Ok(Page { items: rows.into_iter().map(view).collect::<Result<_, _>>()?, next, total })
    }

    /// The retailer's currency, and its stores by their codes.
    pub async fn terms(&self) -> Result<(Currency, Vec<(String, StoreId)>), Problem> {
        let (currency, shops) = tokio::try_join!(self.currency(), async {
            Ok::<_, Problem>(self.find::<ShopDoc>(doc! {}, doc! { "_id": 1 }, MOST_STORES).await?)
        })?;
        let stores = shops.into_iter().map(|shop| (shop.code, StoreId::read(shop.id)));
        Ok((currency, stores.collect()))
    }

    async fn currency(&self) -> Result<Currency, Problem> {
        let found = self.own_document().await?;
        let retailer = found.ok_or_else(|| Problem::new(ErrorCode::NotFound, "there is no such retailer"))?;
        retailer.currency.parse().map_err(|error: messages::edge::money::InvalidCurrency| {
            Problem::new(ErrorCode::Internal, error.to_string())
        })
    }

    /// The changes behind `from` and up to `head` that concern this device, at most `limit` of them.
    pub async fn changes(
        &self,
        (store, edge): (StoreId, EdgeId),
        (from, head): (u64, u64),
        limit: usize,
    ) -> Result<Changes, Problem> {
        if from >= head {
            return Ok(Changes { changes: Vec::new(), cursor: head, currency: None });
        }
        let span = doc! { "$gt": long(from), "$lte": long(head) };
        let open = doc! { "edge_id": edge.stored(), "done_at": Bson::Null, "seq": span.clone() };
        let (goods, orders, currency) = tokio::try_join!(
            async {
                let wanted = doc! { "seq": span };
                Ok::<_, Problem>(self.find::<GoodsDoc>(wanted, doc! { "seq": 1 }, limit).await?)
            },
            async { Ok(self.find::<OrderDoc>(open, doc! { "seq": 1 }, limit).await?) },
            self.currency(),
        )?;
        let mut found = Vec::with_capacity(goods.len() + orders.len());
        for row in goods {
            let article = Article::try_from(row).map_err(unreadable)?;
            found.push((article.seq, changed(&article, store)));
        }
        for row in orders {
            let order = StockOrder::try_from(row).map_err(unreadable)?;
            let correction = Correction { event_id: order.event, sku: order.sku, delta: order.delta };
            found.push((order.seq, Changed::StockCorrected(correction)));
        }
        found.sort_unstable_by_key(|(seq, _)| *seq);
        let more = found.len() >= limit;
        found.truncate(limit);
        let cursor = if more { found.last().map_or(head, |(seq, _)| *seq) } else { head };
        let change = |(seq, changed): (u64, Changed)| {
            changed.at(seq).map_err(|error| Problem::new(ErrorCode::Internal, error.to_string()))
        };
        let changes = found.into_iter().map(change).collect::<Result<_, _>>()?;
        Ok(Changes { changes, cursor, currency: Some(currency) })
    }
}

fn changed(article: &Article, store: StoreId) -> Changed {
    match article.spec.state {
        ArticleState::Active => Changed::Article(article.spec.in_store(store)),
        ArticleState::Withdrawn => Changed::ArticleWithdrawn(Withdrawn { sku: article.spec.sku.clone() }),
    }
}
