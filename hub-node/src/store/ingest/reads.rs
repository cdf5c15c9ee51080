//! Lists and reports of what store edges brought. Any node may read; nothing here changes anything.

pub(super) mod figures;
mod reports;
mod stock;

use std::collections::HashMap;

use actors::ingest::model::{Cursor, Edge, Feed, Follower, Letter};
use bson::{Binary, DateTime, Document, doc};
use messages::http::agents::Enrolment;
use messages::http::dead_letters::{LetterQuery, LetterState, LetterView};
use messages::http::edges::{EdgeView, FollowView, StreamView};
use messages::http::paging::Page;
use messages::http::reports::{SaleListQuery, SaleView};
use messages::run::Presence;
use messages::{EdgeId, ErrorCode, EventId, Problem, RetailerId, StoreId, TransactionId};

use super::super::documents::shop::ShopDoc;
use super::super::documents::value::{StoredId as _, Unreadable};
use super::super::reads::cursor::{cut, decode, encode};
use super::super::tenant::{ScopedDb, TenantDb, number};
use super::article_doc::{FeedDoc, FollowerDoc};
use super::edge_doc::{EdgeDoc, StreamDoc};
use super::key;
use super::letter_doc::LetterDoc;
use super::sale_doc::SaleDoc;

/// Places of edges are limited to 500; each device begins a new stream when its disk is replaced, which is seldom.
const MOST_EDGES: usize = 1_000;
const MOST_STREAMS: usize = 5_000;

impl TenantDb {
    /// All places of store edges, or those of one store, in the order of making.
    pub async fn edges(&self, store: Option<StoreId>) -> Result<Vec<EdgeView>, Problem> {
        self.must_exist().await?;
        let wanted = store.map_or_else(Document::new, |store| doc! { "store_id": store.stored() });
        let open = doc! { "state": LetterState::Open.as_str() };
        let by_edge = vec![doc! { "$group": { "_id": "$edge_id", "count": { "$sum": 1 } } }];
        let (edges, streams, letters, feed, followers) = tokio::try_join!(
            self.find::<EdgeDoc>(wanted, doc! { "_id": 1 }, MOST_EDGES),
            self.find::<StreamDoc>(doc! {}, doc! { "last_batch_at": -1 }, MOST_STREAMS),
            self.aggregate::<LetterDoc>(open, by_edge),
            self.find_one::<FeedDoc>(doc! { "_id": self.retailer().stored() }),
            self.find::<FollowerDoc>(doc! {}, doc! { "_id": 1 }, MOST_EDGES),
        )?;
        let head = feed.map(Feed::try_from).transpose().map_err(unreadable)?.map_or(0, |feed| feed.head);
        let mut following = HashMap::new();
        for stored in followers {
            let Follower { edge, cursor, loading, at, .. } = stored.try_into().map_err(unreadable)?;
            following.insert(edge, FollowView { cursor, head, loading, asked_at: at });
        }
        let mut latest = HashMap::new();
        for stream in streams {
            let cursor = Cursor::try_from(stream).map_err(unreadable)?;
            latest.entry(cursor.edge).or_insert(cursor);
        }
        let mut waiting = HashMap::new();
        for row in letters {
            if let Some(edge) = row.get("_id").and_then(as_uuid) {
                let count = number(&row, "count").and_then(|count| u64::try_from(count).ok());
                waiting.insert(EdgeId::read(edge), count.unwrap_or(0));
            }
        }
        let view = |stored| {
            let edge = Edge::try_from(stored).map_err(unreadable)?;
            let (stream, letters) = (latest.get(&edge.id), waiting.get(&edge.id).copied());
            let catalogue = following.get(&edge.id).cloned();
            let view = edge_view(self.retailer(), edge, stream, letters.unwrap_or(0));
            Ok(EdgeView { catalogue, ..view })
        };
        edges.into_iter().map(view).collect()
    }

    /// Events that were set aside, newest first.
    pub async fn letters(&self, query: &LetterQuery) -> Result<Page<LetterView>, Problem> {
        const LIST: &str = "dead-letters";
        self.must_exist().await?;
        let state = query.state.unwrap_or(LetterState::Open);
        let mut all = doc! { "state": state.as_str() };
        if let Some(store) = query.store_id {
            all.insert("store_id", store.stored());
        }
        let mut wanted = all.clone();
        if let Some(cursor) = &query.cursor {
            let (at, id): (DateTime, Binary) = decode(LIST, cursor)?;
            wanted.insert("$or", before("received_at", at, id));
        }
        let size = query.page_size();
        let (rows, total) = tokio::try_join!(
            self.find::<LetterDoc>(wanted, doc! { "received_at": -1, "_id": -1 }, size + 1),
            self.count::<LetterDoc>(all),
        )?;
        let (rows, next) = cut(rows, size, |last| encode(LIST, (last.received_at, last.id.clone())))?;
        let view = |row| Letter::try_from(row).map(|letter| letter.view()).map_err(unreadable);
        Ok(Page { items: rows.into_iter().map(view).collect::<Result<_, _>>()?, next, total })
    }

    pub async fn letter(&self, event: EventId) -> Result<LetterView, Problem> {
        let found = self.find_one::<LetterDoc>(doc! { "_id": key(self.retailer(), event) }).await?;
        let letter =
            found.ok_or_else(|| Problem::new(ErrorCode::NotFound, "there is no such dead letter"))?;
        Ok(Letter::try_from(letter).map_err(unreadable)?.view())
    }

    /// Sales and refunds, newest first.
    pub async fn sales(&self, query: &SaleListQuery) -> Result<Page<SaleView>, Problem> {
        const LIST: &str = "sales";
        self.must_exist().await?;
        let mut all = Document::new();
        if let Some(store) = query.store_id {
            all.insert("store_id", store.stored());
        }
        if let Some(receipt) = query.receipt.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
            all.insert("receipt", receipt);
        }
        let mut wanted = all.clone();
        if let Some(cursor) = &query.cursor {
            let (at, id): (DateTime, Binary) = decode(LIST, cursor)?;
            wanted.insert("$or", before("finalised_at", at, id));
        }
        let size = query.limit.unwrap_or(50).clamp(1, 100) as usize;
        let (rows, total) = tokio::try_join!(
            self.find::<SaleDoc>(wanted, doc! { "finalised_at": -1, "_id": -1 }, size + 1),
            self.count::<SaleDoc>(all),
        )?;
        let (rows, next) = cut(rows, size, |last| encode(LIST, (last.finalised_at, last.id.clone())))?;
        let items = rows.into_iter().map(|row| row.view().map_err(unreadable)).collect::<Result<_, _>>()?;
        Ok(Page { items, next, total })
    }

    pub async fn sale(&self, transaction: TransactionId) -> Result<SaleView, Problem> {
        let found = self.find_one::<SaleDoc>(doc! { "_id": key(self.retailer(), transaction) }).await?;
        let sale = found.ok_or_else(|| Problem::new(ErrorCode::NotFound, "there is no such sale"))?;
        sale.view().map_err(unreadable)
    }
}

impl ScopedDb {
    /// Whose store it is, within the scope.
    pub async fn retailer_of(&self, store: StoreId) -> Result<RetailerId, Problem> {
        let only = vec![doc! { "$project": { "retailer_id": 1 } }, doc! { "$limit": 1 }];
        let found = self.aggregate::<ShopDoc>(doc! { "_id": store.stored() }, only).await?;
        let owner = found.first().and_then(|shop| shop.get("retailer_id")).and_then(as_uuid);
        let missing = || Problem::new(ErrorCode::NotFound, "there is no such store");
        owner.map(RetailerId::read).ok_or_else(missing)
    }
}

/// What comes after this place in a list, newest first.
fn before(field: &str, at: DateTime, id: Binary) -> Vec<Document> {
    vec![doc! { field: { "$lt": at } }, doc! { field: at, "_id": { "$lt": id } }]
}

fn as_uuid(value: &bson::Bson) -> Option<bson::Uuid> {
    match value {
        bson::Bson::Binary(binary) => binary.to_uuid().ok(),
        _ => None,
    }
}

pub(super) fn unreadable(error: Unreadable) -> Problem {
    actors::ports::StoreError::from(error).into()
}

fn edge_view(retailer: RetailerId, edge: Edge, stream: Option<&Cursor>, dead_letters: u64) -> EdgeView {
    let enrolment = if edge.credential.is_some() {
        Enrolment::Enrolled
    } else if edge.token.is_some() {
        Enrolment::Pending
    } else if edge.revoked {
        Enrolment::Revoked
    } else {
        Enrolment::NotEnrolled
    };
    let (device_id, device_name, version) = match edge.device {
        Some(device) => (Some(device.id), Some(device.name), Some(device.version)),
        None => (None, None, None),
    };
    EdgeView {
        id: edge.id,
        retailer_id: retailer,
        store_id: edge.store,
        name: edge.name,
        enrolment,
        token_expires_at: edge.token.map(|token| token.expires_at),
        device_id,
        device_name,
        version,
        enrolled_at: edge.enrolled_at,
        stream: stream.map(|cursor| StreamView {
            stream_id: cursor.stream,
            settled_seq: cursor.settled,
            lost: cursor.lost,
            last_event_at: cursor.last_event_at,
            last_batch_at: cursor.last_batch_at,
            last_sale_at: cursor.last_sale_at,
        }),
        catalogue: None,
        // The actor that takes its events in knows more.
        presence: Presence::Unknown,
        last_seen_at: stream.map(|cursor| cursor.last_batch_at),
        backlog: None,
        oldest_unsent_at: None,
        dead_letters,
        created_at: edge.created_at,
    }
}
