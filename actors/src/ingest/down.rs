//! The part of a round that is about what comes down to the stores: articles, corrections of stock, and devices that ask.
//! Decides on the round's table; knows no store and no clock.

use std::collections::HashMap;
use std::sync::Arc;

use messages::edge::gtin;
use messages::http::articles::ArticleSpec;
use messages::{ErrorCode, EventId, FeedId, Problem};

use super::catalogue::Hand;
use super::follow::{self, Stand};
use super::model::{Article, Feed, Follower, StockOrder, Wanted};
use super::request::{ArticleAct, ArticleRow, Correct, EdgeReply, EdgeRequest, Followed, Following, Put};
use super::work::Table;
use super::{edges, orders};
use crate::retailer::request::Author;

/// The articles that a request is about, by their own numbers.
pub(super) fn wanted_first(request: &EdgeRequest, wanted: &mut Wanted) {
    match request {
        EdgeRequest::Article { act, .. } => drop(wanted.skus.insert(sku_of(act).to_owned())),
        EdgeRequest::Import { rows, .. } => wanted.skus.extend(rows.iter().map(|row| row.sku.clone())),
        EdgeRequest::Correct { order, .. } => drop(wanted.orders.insert(order.event)),
        _ => {}
    }
}

fn sku_of(act: &ArticleAct) -> &str {
    match act {
        ArticleAct::Create(spec) | ArticleAct::Replace { spec, .. } => spec.sku.trim(),
        ArticleAct::Withdraw { sku, .. } => sku,
    }
}

/// Whoever else may have the numbers that they are to have: an article that comes back still has its old ones.
pub(super) fn wanted_then(request: &EdgeRequest, known: &HashMap<String, Article>, wanted: &mut Wanted) {
    match request {
        EdgeRequest::Article { act, .. } => match &**act {
            ArticleAct::Create(spec) | ArticleAct::Replace { spec, .. } => numbers_of(spec, wanted),
            ArticleAct::Withdraw { .. } => {}
        },
        EdgeRequest::Import { rows, .. } => {
            for row in rows {
                if let Some(article) = known.get(&row.sku) {
                    numbers_of(&article.spec, wanted);
                }
                numbers_in(row, wanted);
            }
        }
        _ => {}
    }
}

fn numbers_of(spec: &ArticleSpec, wanted: &mut Wanted) {
    wanted.barcodes.extend(spec.barcode.as_deref().and_then(|text| gtin::normal(text).ok()));
    wanted.plus.extend(spec.plu);
    wanted.stores.extend(spec.prices.keys());
}

fn numbers_in(row: &ArticleRow, wanted: &mut Wanted) {
    if let Put::Set(Some(text)) = &row.patch.barcode {
        wanted.barcodes.extend(gtin::normal(text).ok());
    }
    if let Put::Set(Some(plu)) = row.patch.plu {
        wanted.plus.insert(plu);
    }
    wanted.stores.extend(row.patch.prices.keys());
}

impl Table {
    pub(super) fn article(&mut self, act: &ArticleAct, author: &Author) -> Result<EdgeReply, Problem> {
        let hand = Hand { by: &author.name, retailer: self.retailer, now: self.now };
        let changes = &mut self.desk.changes;
        let article = match act.clone() {
            ArticleAct::Create(spec) => self.catalogue.create(spec, hand, changes),
            ArticleAct::Replace { spec, expected } => self.catalogue.replace(spec, expected, hand, changes),
            ArticleAct::Withdraw { sku, expected } => self.catalogue.withdraw(&sku, expected, hand, changes),
        };
        article.map(|article| EdgeReply::Article(Box::new(article)))
    }

    pub(super) fn import(&mut self, rows: &[ArticleRow], author: &Author) -> EdgeReply {
        let hand = Hand { by: &author.name, retailer: self.retailer, now: self.now };
        EdgeReply::Imported(self.catalogue.import(rows, hand, &mut self.desk.changes))
    }

    /// Told twice under the same id, it is ordered once.
    pub(super) fn correct(&mut self, wish: &Correct, author: &Author) -> Result<EdgeReply, Problem> {
        if let Some(there) = self.desk.known.orders.get(&wish.event) {
            return Ok(EdgeReply::Ordered(Box::new(there.clone().view())));
        }
        let edge = orders::addressee(&self.edges, wish.store, wish.edge)?;
        let order = StockOrder {
            event: wish.event,
            seq: self.catalogue.number(&mut self.desk.changes),
            store: wish.store,
            edge,
            sku: wish.sku.clone(),
            delta: wish.delta,
            note: wish.note.clone(),
            ordered_at: self.now,
            ordered_by: author.name.clone(),
            done_at: None,
        };
        self.desk.known.orders.insert(order.event, order.clone());
        self.desk.changes.orders.insert(order.event, order.clone());
        Ok(EdgeReply::Ordered(Box::new(order.view())))
    }

    /// An event was applied: was it what an order is waiting for?
    pub(super) fn carried_out(&mut self, event: EventId) {
        let Some(order) = self.desk.known.orders.get_mut(&event) else { return };
        if order.done_at.is_none() {
            order.done_at = Some(self.now);
            self.desk.changes.orders.insert(event, order.clone());
        }
    }

    pub(super) fn follow(&mut self, asked: &Following) -> Result<EdgeReply, Problem> {
        let store = edges::of_device(&self.edges, asked.edge, asked.credential, asked.device)?.store;
        let from = match follow::stand(self.catalogue.feed.as_ref(), asked) {
            Stand::Nothing => {
                return Ok(EdgeReply::Followed(Followed { store, feed: None, from: 0, head: 0 }));
            }
            Stand::Behind(from) => from,
            Stand::SetBack => {
                let (edge, cursor) = (asked.edge, asked.cursor);
                tracing::warn!(%edge, cursor, "a store edge has changes that this hub never made; all stores get the whole catalogue");
                self.begin_feed();
                0
            }
        };
        let Some(feed) = &self.catalogue.feed else { return Err(ErrorCode::Internal.into()) };
        let (id, head) = (feed.id, feed.head);
        // Of another life a cursor says nothing, and is not noted.
        if asked.feed == Some(id) {
            self.note(asked, head);
        }
        Ok(EdgeReply::Followed(Followed { store, feed: Some(id), from, head }))
    }

    /// For a hub that was put back from a copy.
    pub(super) fn renew_feed(&mut self, by: &str) -> EdgeReply {
        tracing::info!(by, "all stores get the whole catalogue");
        self.begin_feed();
        EdgeReply::Done
    }

    /// Numbers of the old life would mean something else to devices that are not heard of yet.
    fn begin_feed(&mut self) {
        let Some(feed) = &mut self.catalogue.feed else { return };
        *feed = Feed { id: FeedId::new(), ..feed.clone() };
        self.desk.changes.feed = Some(feed.clone());
    }

    fn note(&mut self, asked: &Following, head: u64) {
        let now = Follower {
            edge: asked.edge,
            device: asked.device,
            feed: asked.feed,
            cursor: asked.cursor,
            loading: asked.loading,
            at: self.now,
        };
        if follow::is_worth_noting(self.followers.get(&asked.edge), &now, head) {
            Arc::make_mut(&mut self.followers).insert(now.edge, now.clone());
            self.desk.changes.followers.insert(now.edge, now);
        }
    }
}
