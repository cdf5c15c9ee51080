//! Stored shapes: one file an entity, with its collection, its indexes, and conversion from and to domain types.
//!
//! A stored shape is its own type, never a wire type: either may change without the other. Every document carries
//! `sv`, the version of its shape; a document of a newer shape is refused, not guessed at. Documents of retailers
//! get their `retailer_id` from [`super::tenant`] when written, so no conversion can forget it or set it wrong.

pub(super) mod agent;
pub(super) mod connector;
pub(super) mod destination;
pub(super) mod export;
pub(super) mod fence;
pub(super) mod generation;
pub(super) mod job;
pub(super) mod log;
pub(super) mod mapping;
pub(super) mod meta;
pub(super) mod node;
pub(super) mod receipt;
pub(super) mod reject;
pub(super) mod retailer;
pub(super) mod run;
pub(super) mod shop;
pub(super) mod timing;
pub(super) mod value;

#[cfg(test)]
mod tests;

use std::time::Duration;

use bson::{Document, doc};
use mongodb::IndexModel;
use mongodb::options::IndexOptions;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::ingest::article_doc::{FeedDoc, FollowerDoc, GoodsDoc, OrderDoc};
use super::ingest::edge_doc::{EdgeDoc, StreamDoc};
use super::ingest::inbox_doc::{InboxDoc, InboxPartDoc};
use super::ingest::journal_doc::JournalDoc;
use super::ingest::letter_doc::LetterDoc;
use super::ingest::sale_doc::{PaymentDoc, SaleDoc, VoidDoc};
use super::ingest::shelf_doc::{ArticleShelfDoc, StockShelfDoc};
use super::ingest::sums_doc::{ArticleDoc, SlotDoc, StockDoc};
use super::tenant::Fence;
use value::Unreadable;

/// A stored shape.
pub(super) trait Stored: Serialize + DeserializeOwned + Send + Sync + Unpin + 'static {
    const COLLECTION: &'static str;
    /// Version of the shape that this build writes.
    const SHAPE: i32;
    fn indexes() -> Vec<IndexModel>;
}

/// A document of one retailer. Reached through [`super::tenant`] only.
pub(super) trait TenantDocument: Stored {}

/// A document of the system: users, nodes, shards.
pub(super) trait SystemDocument: Stored {}

/// A tenant document that is written in a commit.
pub(super) trait Entity: TenantDocument {
    /// What must be unique, as (index, field in messages to people, value).
    fn unique(&self) -> Vec<(&'static str, &'static str, String)>;
}

/// The collections of entities and their indexes, as they are created at start.
pub(super) fn declared() -> Vec<(&'static str, Vec<IndexModel>)> {
    fn of<T: Stored>() -> (&'static str, Vec<IndexModel>) {
        (T::COLLECTION, T::indexes())
    }
    vec![
        of::<fence::FenceDoc>(),
        of::<retailer::RetailerDoc>(),
        of::<shop::ShopDoc>(),
        of::<agent::AgentDoc>(),
        of::<destination::DestinationDoc>(),
        of::<job::JobDoc>(),
        of::<run::RunDoc>(),
        of::<receipt::ReceiptDoc>(),
        of::<log::LogDoc>(),
        of::<reject::RejectDoc>(),
        of::<generation::GenerationDoc>(),
        of::<node::NodeDoc>(),
        of::<node::ShardDoc>(),
        (Fence::Ledger.collection(), Vec::new()),
        of::<EdgeDoc>(),
        of::<StreamDoc>(),
        of::<InboxDoc>(),
        of::<InboxPartDoc>(),
        of::<LetterDoc>(),
        of::<SaleDoc>(),
        of::<PaymentDoc>(),
        of::<VoidDoc>(),
        of::<StockDoc>(),
        of::<SlotDoc>(),
        of::<ArticleDoc>(),
        of::<JournalDoc>(),
        of::<StockShelfDoc>(),
        of::<ArticleShelfDoc>(),
        of::<FeedDoc>(),
        of::<GoodsDoc>(),
        of::<FollowerDoc>(),
        of::<OrderDoc>(),
        of::<super::users::UserDoc>(),
        of::<super::sessions::SessionDoc>(),
    ]
}

/// Refuses shapes that a later build has written.
pub(super) fn check_shape<T: Stored>(found: i32) -> Result<(), Unreadable> {
    if found <= T::SHAPE {
        Ok(())
    } else {
        Err(Unreadable(format!(
            "a document of \"{}\" has shape {found}, this build knows {} at most",
            T::COLLECTION,
            T::SHAPE
        )))
    }
}

pub(super) fn index(name: &str, keys: Document) -> IndexModel {
    IndexModel::builder().keys(keys).options(IndexOptions::builder().name(name.to_owned()).build()).build()
}

pub(super) fn unique(name: &str, keys: Document) -> IndexModel {
    let options = IndexOptions::builder().name(name.to_owned()).unique(true).build();
    IndexModel::builder().keys(keys).options(options).build()
}

/// Documents go by themselves this long after the date in `field`.
pub(super) fn expiring(name: &str, field: &str, after: Duration) -> IndexModel {
    let options = IndexOptions::builder().name(name.to_owned()).expire_after(after).build();
    IndexModel::builder().keys(doc! { field: 1 }).options(options).build()
}
