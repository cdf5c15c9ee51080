//! What ingestion keeps, as its actor works with it: not what is stored and not what is shown.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use messages::edge::checkout::PaymentKind;
use messages::edge::event::{Payment, Sale, Void};
use messages::edge::{Amount, Currency, Quantity, ReceiptNumber};
use messages::http::articles::{ArticleSpec, ArticleView, StockOrderView};
use messages::http::dead_letters::{LetterState, LetterView};
use messages::http::reports::Day;
use messages::{
    DeviceId, EdgeId, ErrorCode, EventId, FeedId, PaymentId, RetailerId, StoreId, StreamId, Timestamp,
    TransactionId, Version,
};
use serde::{Deserialize, Serialize};

use super::pending::{Additions, JournalEntry};
use super::request::Device;
use crate::domain::{EnrolToken, SecretHash};

/// A place for one device of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    pub id: EdgeId,
    pub store: StoreId,
    pub name: String,
    pub created_at: Timestamp,
    pub token: Option<EnrolToken>,
    pub credential: Option<SecretHash>,
    pub revoked: bool,
    pub device: Option<Device>,
    pub enrolled_at: Option<Timestamp>,
}

/// How far one stream of a device has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    pub stream: StreamId,
    pub device: DeviceId,
    pub edge: EdgeId,
    pub store: StoreId,
    pub settled: u64,
    /// Events that the device had no longer when they were missed.
    pub lost: u64,
    pub last_event_at: Timestamp,
    pub last_batch_at: Timestamp,
    /// The latest sale or refund in it, by the device's clock.
    pub last_sale_at: Option<Timestamp>,
}

/// That an event was settled, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    pub event: EventId,
    pub stream: StreamId,
    pub seq: u64,
    pub at: Timestamp,
}

/// Where and when something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    pub store: StoreId,
    pub edge: EdgeId,
    pub event: EventId,
}

/// A day and hour of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot {
    pub day: Day,
    pub hour: u8,
}

/// A sale or a refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaleRecord {
    pub origin: Origin,
    pub slot: Slot,
    pub sale: Sale,
    /// Present on a refund.
    pub refund: Option<RefundOf>,
    /// What has been given back of it, positive.
    pub returned: Amount,
    pub voided_at: Option<Timestamp>,
}

/// What a refund gives back, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundOf {
    pub transaction: TransactionId,
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentRecord {
    pub origin: Origin,
    pub slot: Slot,
    pub payment: Payment,
}

impl PaymentRecord {
    /// Does all that is said of the sale hold for the payment as well?
    #[must_use]
    pub fn belongs_to(&self, sale: &SaleRecord) -> bool {
        let (origin, of) = (&self.origin, &sale.origin);
        (origin.store, origin.edge, self.slot, self.payment.currency)
            == (of.store, of.edge, sale.slot, sale.sale.currency)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoidRecord {
    pub origin: Origin,
    pub slot: Slot,
    pub void: Void,
}

/// A change of a sale that is stored already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SaleMark {
    pub returned: Amount,
    pub voided_at: Option<Timestamp>,
}

/// Stock of one article in one store that moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StockMove {
    /// What there was before, by the device's count; counts if the article is not known here yet.
    pub before: Quantity,
    pub delta: Quantity,
    pub at: Timestamp,
}

impl StockMove {
    /// `later` has come after this.
    pub fn add(&mut self, later: Self) {
        self.delta = self.delta + later.delta;
        self.at = self.at.max(later.at);
    }
}

/// Which sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SlotKey {
    pub store: StoreId,
    pub slot: Slot,
    pub currency: CurrencyKey,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ArticleKey {
    pub store: StoreId,
    pub day: Day,
    pub sku: String,
    pub currency: CurrencyKey,
}

/// A currency that sorts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CurrencyKey([u8; 3]);

impl From<Currency> for CurrencyKey {
    fn from(currency: Currency) -> Self {
        let mut letters = [b'X'; 3];
        letters.iter_mut().zip(currency.as_str().bytes()).for_each(|(to, from)| *to = from);
        Self(letters)
    }
}

impl CurrencyKey {
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Capital ASCII letters by construction.
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }
}

/// What is added to the sums of an hour. See [`messages::http::reports::SalesSums`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SlotSums {
    pub sales: i64,
    pub refunds: i64,
    pub voids: i64,
    pub gross: i64,
    pub discount: i64,
    pub net: i64,
    pub tax: i64,
    pub total: i64,
    pub rounding: i64,
    pub refunded: i64,
    pub cash: i64,
    pub card: i64,
    pub qr: i64,
}

impl SlotSums {
    /// Adds a sale or refund, or with `sign` −1 takes one out again.
    pub fn add_sale(&mut self, record: &SaleRecord, sign: i64) {
        let totals = &record.sale.totals;
        if record.refund.is_some() {
            self.refunds += sign;
            self.refunded += sign * totals.total.minor();
        } else {
            self.sales += sign;
        }
        self.gross += sign * totals.gross.minor();
        self.discount += sign * totals.discount.minor();
        self.net += sign * totals.net.minor();
        self.tax += sign * totals.tax.minor();
        self.total += sign * totals.total.minor();
        self.rounding += sign * totals.rounding.minor();
    }

    pub const fn add_payment(&mut self, kind: PaymentKind, amount: Amount) {
        match kind {
            PaymentKind::Cash => self.cash += amount.minor(),
            PaymentKind::Card => self.card += amount.minor(),
            PaymentKind::Qr => self.qr += amount.minor(),
        }
    }
}

/// What is added to an article's sums of a day.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ArticleSums {
    pub name: String,
    pub unit: String,
    /// Thousandths.
    pub quantity: i64,
    pub net: i64,
    pub tax: i64,
    pub total: i64,
}

impl ArticleSums {
    /// `later` has come after this: its words count.
    pub fn add(&mut self, later: Self) {
        self.name = later.name;
        self.unit = later.unit;
        self.quantity += later.quantity;
        self.net += later.net;
        self.tax += later.tax;
        self.total += later.total;
    }
}

/// An event that was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    pub event: EventId,
    pub rev: Version,
    pub state: LetterState,
    pub store: StoreId,
    pub edge: EdgeId,
    pub device: DeviceId,
    pub stream: StreamId,
    pub seq: u64,
    pub kind: String,
    pub version: u16,
    pub occurred_at: Timestamp,
    pub received_at: Timestamp,
    pub code: ErrorCode,
    pub detail: String,
    pub retries: u32,
    pub data: String,
    pub edited: bool,
    pub decided_at: Option<Timestamp>,
    pub decided_by: Option<String>,
}

impl Letter {
    #[must_use]
    pub fn view(&self) -> LetterView {
        LetterView {
            event_id: self.event,
            rev: self.rev,
            state: self.state,
            store_id: self.store,
            edge_id: self.edge,
            device_id: self.device,
            stream_id: self.stream,
            seq: self.seq,
            kind: self.kind.clone(),
            version: self.version,
            occurred_at: self.occurred_at,
            received_at: self.received_at,
            code: self.code,
            detail: self.detail.clone(),
            retries: self.retries,
            data: serde_json::from_str(&self.data)
                .unwrap_or_else(|_| serde_json::Value::String(self.data.clone())),
            edited: self.edited,
            decided_at: self.decided_at,
            decided_by: self.decided_by.clone(),
        }
    }
}

/// One life of what comes down to the stores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    pub id: FeedId,
    /// The number of the latest change.
    pub head: u64,
    /// Articles that are kept, withdrawn ones among them.
    pub articles: u64,
}

/// An article at its latest change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Article {
    pub spec: ArticleSpec,
    /// The number of that change.
    pub seq: u64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub updated_by: String,
}

impl Article {
    #[must_use]
    pub const fn rev(&self) -> Version {
        Version(self.seq)
    }

    #[must_use]
    pub fn view(self, retailer: RetailerId) -> ArticleView {
        ArticleView {
            retailer_id: retailer,
            rev: self.rev(),
            spec: self.spec,
            created_at: self.created_at,
            updated_at: self.updated_at,
            updated_by: self.updated_by,
        }
    }
}

/// How far a device is with what comes down to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Follower {
    pub edge: EdgeId,
    pub device: DeviceId,
    pub feed: Option<FeedId>,
    pub cursor: u64,
    pub loading: bool,
    pub at: Timestamp,
}

/// Stock that head office has put right, for one device to carry out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockOrder {
    /// Of the event by which the device tells that it was done.
    pub event: EventId,
    pub seq: u64,
    pub store: StoreId,
    pub edge: EdgeId,
    pub sku: String,
    pub delta: Quantity,
    pub note: String,
    pub ordered_at: Timestamp,
    pub ordered_by: String,
    pub done_at: Option<Timestamp>,
}

impl StockOrder {
    #[must_use]
    pub fn view(self) -> StockOrderView {
        StockOrderView {
            event_id: self.event,
            seq: self.seq,
            store_id: self.store,
            edge_id: self.edge,
            sku: self.sku,
            delta: self.delta,
            note: self.note,
            ordered_at: self.ordered_at,
            ordered_by: self.ordered_by,
            done_at: self.done_at,
        }
    }
}

/// The start of an actor: what it always needs.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    pub version: Version,
    pub edges: BTreeMap<EdgeId, Edge>,
    /// Absent until there is something to come down.
    pub feed: Option<Feed>,
    pub followers: BTreeMap<EdgeId, Follower>,
    /// Dead letters that nobody has decided on.
    pub letters: u64,
    /// What is not in the sums yet, in the order of the rounds.
    pub journal: Vec<JournalEntry>,
    /// Events are remembered that an earlier build has settled, of which the store would not notice that they come again.
    pub remembers_singly: bool,
}

/// What a round has to know before it decides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    pub streams: BTreeSet<StreamId>,
    pub events: BTreeSet<EventId>,
    /// Of which it is asked whether they are there.
    pub transactions: BTreeSet<TransactionId>,
    /// Of which it is asked whether a sale has them.
    pub receipts: BTreeSet<ReceiptNumber>,
    /// That are wanted whole: they are to be voided, or something of them comes back.
    pub sales: BTreeSet<TransactionId>,
    /// With the transaction each was for: payments that came with their sale are found there.
    pub payments: BTreeSet<(TransactionId, PaymentId)>,
    pub letters: BTreeSet<EventId>,
    pub stores: BTreeSet<StoreId>,
    /// Articles by their own number, by the one they are scanned by, and by their short one.
    pub skus: BTreeSet<String>,
    pub barcodes: BTreeSet<String>,
    pub plus: BTreeSet<u32>,
    /// Corrections of stock by the event that tells that they were done.
    pub orders: BTreeSet<EventId>,
}

/// What the store says to it.
#[derive(Debug, Clone, Default)]
pub struct Known {
    pub cursors: HashMap<StreamId, Cursor>,
    pub events: HashSet<EventId>,
    pub transactions: HashSet<TransactionId>,
    pub receipts: HashSet<ReceiptNumber>,
    pub sales: HashMap<TransactionId, SaleRecord>,
    pub payments: HashSet<PaymentId>,
    pub letters: HashMap<EventId, Letter>,
    /// Time zones of the stores that there are.
    pub zones: HashMap<StoreId, String>,
    /// By their own number, however they were found.
    pub catalogue: HashMap<String, Article>,
    pub orders: HashMap<EventId, StockOrder>,
}

/// The changes of one commit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    pub edges: BTreeMap<EdgeId, Edge>,
    pub edges_removed: BTreeSet<EdgeId>,
    pub cursors: BTreeMap<StreamId, Cursor>,
    pub settled: Vec<Settled>,
    pub letters: BTreeMap<EventId, Letter>,
    pub sales: BTreeMap<TransactionId, SaleRecord>,
    pub marks: BTreeMap<TransactionId, SaleMark>,
    pub payments: Vec<PaymentRecord>,
    pub voids: Vec<VoidRecord>,
    pub slots: BTreeMap<SlotKey, SlotSums>,
    /// Written down beside the rest, to be in the sums later.
    pub added: Additions,
    pub feed: Option<Feed>,
    pub catalogue: BTreeMap<String, Article>,
    pub followers: BTreeMap<EdgeId, Follower>,
    pub orders: BTreeMap<EventId, StockOrder>,
}

impl Changes {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
