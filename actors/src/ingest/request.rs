//! What can be asked of a retailer's ingestion, from this node or another.

use std::collections::BTreeMap;
use std::sync::Arc;

use messages::edge::catalogue::Bundle;
use messages::edge::ingest::IngestAnswer;
use messages::edge::pulse::EdgePulse;
use messages::edge::{Amount, Quantity, TaxRate};
use messages::http::articles::{ArticleSpec, ArticleState, ImportAnswer, StockOrderView};
use messages::http::dead_letters::LetterView;
use messages::live::LedgerMark;
use messages::run::Presence;
use messages::{DeviceId, EdgeId, EventId, FeedId, StoreId, StreamId, Timestamp, Version};
use serde::{Deserialize, Serialize};

use super::model::Article;
use crate::domain::SecretHash;
use crate::retailer::request::Author;

/// A question or a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum EdgeRequest {
    /// Make a place for a device of a store, with a token to take it. Answer: [`EdgeReply::Done`].
    Make {
        edge: EdgeId,
        store: StoreId,
        name: String,
        token: SecretHash,
        expires_at: Timestamp,
        author: Author,
    },
    /// Another token for a place that is there. Answer: [`EdgeReply::Done`].
    Offer { edge: EdgeId, token: SecretHash, expires_at: Timestamp, author: Author },
    /// Swap the token for a credential. Answer: [`EdgeReply::Enrolled`].
    Enrol { edge: EdgeId, token: SecretHash, credential: SecretHash, device: Device },
    /// Void token and credential. Answer: [`EdgeReply::Done`].
    Revoke { edge: EdgeId, author: Author },
    /// Forget a place that has no credential. What it brought stays. Answer: [`EdgeReply::Done`].
    Remove { edge: EdgeId, author: Author },
    /// Is this credential valid? Answer: [`EdgeReply::Done`].
    Admit { edge: EdgeId, credential: SecretHash },
    /// Apply events. Answer: [`EdgeReply::Ingested`] after the commit.
    Batch(Arc<Parcel>),
    /// A device tells of itself. Answered from memory, and gone with it: [`EdgeReply::Done`].
    Pulse { edge: EdgeId, credential: SecretHash, pulse: EdgePulse },
    /// Which devices are heard of? Answer: [`EdgeReply::Heard`].
    Heard,
    /// How far is the ledger? Answer: [`EdgeReply::Mark`].
    Mark,
    /// Decide on an event that was set aside. Answer: [`EdgeReply::Letter`].
    Letter { event: EventId, expected: Version, act: LetterAct, author: Author },
    /// Make, change or withdraw an article. Answer: [`EdgeReply::Article`].
    Article { act: Box<ArticleAct>, author: Author },
    /// Apply what is different of some rows of a file. Answer: [`EdgeReply::Imported`].
    Import { rows: Vec<ArticleRow>, author: Author },
    /// Have every store take the whole catalogue over anew. Answer: [`EdgeReply::Done`].
    RenewFeed { author: Author },
    /// Put a store's stock right. Answer: [`EdgeReply::Ordered`].
    Correct { order: Correct, author: Author },
    /// Where does this device go on with what comes down? Answer: [`EdgeReply::Followed`].
    Follow(Following),
    /// Have all that was acknowledged in the sums, for somebody who is about to read them. Answer: [`EdgeReply::Done`].
    Fold,
}

impl EdgeRequest {
    /// May it be asked again when its outcome is not known? The revision of a letter or an article has moved on after the
    /// first time, which the second would call a conflict.
    #[must_use]
    pub const fn is_repeatable(&self) -> bool {
        !matches!(self, Self::Letter { .. } | Self::Article { .. })
    }
}

/// The device that takes a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    pub id: DeviceId,
    pub name: String,
    pub version: String,
}

/// A batch, of a form that has been checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parcel {
    pub edge: EdgeId,
    pub credential: SecretHash,
    pub device: DeviceId,
    pub stream: StreamId,
    pub oldest_seq: u64,
    /// In the order of their numbers, without gaps; at least one.
    pub events: Vec<Sent>,
}

/// One event as it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    pub event_id: EventId,
    pub seq: u64,
    pub kind: String,
    pub version: u16,
    pub occurred_at: Timestamp,
    /// JSON text.
    pub data: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LetterAct {
    /// Keep this text in the event's place.
    Edit { data: String },
    /// Apply it now.
    Retry,
    /// It shall not count.
    Discard,
}

/// What is to become of an article. Specs have been checked for their form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ArticleAct {
    Create(ArticleSpec),
    Replace { spec: ArticleSpec, expected: Version },
    Withdraw { sku: String, expected: Version },
}

/// A row of a file of articles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArticleRow {
    /// Of the file, counted from 1.
    pub line: u64,
    pub sku: String,
    pub patch: ArticlePatch,
}

/// Whether a value is touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Put<T> {
    #[default]
    Keep,
    Set(T),
}

impl<T> Put<T> {
    pub fn over(self, place: &mut T) {
        if let Self::Set(value) = self {
            *place = value;
        }
    }
}

/// What a row says of an article.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ArticlePatch {
    pub name: Put<String>,
    pub barcode: Put<Option<String>>,
    pub category: Put<String>,
    pub unit: Put<String>,
    pub price: Put<Amount>,
    pub tax_rate: Put<TaxRate>,
    pub weighed: Put<bool>,
    pub plu: Put<Option<u32>>,
    pub blocked: Put<Option<String>>,
    pub bundle: Put<Option<Bundle>>,
    /// Nothing: the store has no price of its own any more.
    pub prices: BTreeMap<StoreId, Option<Amount>>,
    pub state: Put<ArticleState>,
}

/// A correction of stock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correct {
    /// Minted by the caller; the device's event will have it.
    pub event: EventId,
    pub store: StoreId,
    pub edge: Option<EdgeId>,
    pub sku: String,
    pub delta: Quantity,
    pub note: String,
}

/// What a device has of what comes down to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Following {
    pub edge: EdgeId,
    pub credential: SecretHash,
    pub device: DeviceId,
    pub feed: Option<FeedId>,
    pub cursor: u64,
    pub loading: bool,
}

/// Where a device goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Followed {
    pub store: StoreId,
    /// Absent: there is nothing to come down.
    pub feed: Option<FeedId>,
    /// It gets what is behind this number, up to `head`.
    pub from: u64,
    pub head: u64,
}

/// What a request was answered with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum EdgeReply {
    Done,
    Enrolled { store: StoreId },
    Ingested(IngestAnswer),
    Letter(Box<LetterView>),
    Article(Box<Article>),
    Imported(ImportAnswer),
    Ordered(Box<StockOrderView>),
    Followed(Followed),
    Heard(Vec<Heard>),
    Mark(LedgerMark),
}

/// What is known of a device beside its events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    pub edge: EdgeId,
    pub presence: Presence,
    pub last_seen_at: Option<Timestamp>,
    pub pulse: Option<EdgePulse>,
}
