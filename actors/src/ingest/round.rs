//! One round: everything that waits is looked up together, decided on in order, and committed at once.
//!
//! What the numbers of a stream say to be new is taken to be new, and not looked up: the store refuses identifiers that are
//! there already, and then the round is carried out once more, with everything looked up ([`Trust`]). Repetitions are seldom,
//! and most of them are seen by their numbers.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use messages::edge::event::{AdjustmentReason, Fact, Sale};
use messages::version::Epoch;
use messages::{EdgeId, Problem, RetailerId, StreamId, Timestamp, Version};

use super::apply::Desk;
use super::catalogue::Catalogue;
use super::event::{self, SetAside};
use super::model::{Cursor, Edge, Feed, Follower, Known, Wanted};
use super::pending::Additions;
use super::request::{EdgeReply, EdgeRequest, LetterAct, Parcel, Sent};
use super::work::Table;
use super::{down, letters};
use crate::ports::{LedgerStore, StoreError};

/// How far streams are, as far as this life of the actor has seen them.
pub(super) type Cursors = HashMap<StreamId, Cursor>;

/// Streams that are remembered. Devices have one each and begin another when their disk is replaced; beyond it all are
/// forgotten, and looked up again.
const MOST_CURSORS: usize = 4_096;

/// What an actor hands to the task that does the work.
#[derive(Clone)]
pub(super) struct Round {
    pub(super) retailer: RetailerId,
    pub(super) epoch: Epoch,
    /// Of the latest commit.
    pub(super) version: Version,
    pub(super) edges: Arc<BTreeMap<EdgeId, Edge>>,
    pub(super) feed: Option<Feed>,
    pub(super) followers: Arc<BTreeMap<EdgeId, Follower>>,
    pub(super) cursors: Arc<Cursors>,
    pub(super) trust: Trust,
    pub(super) requests: Vec<Arc<EdgeRequest>>,
    pub(super) now: Timestamp,
}

/// Of whom it is taken that an event with a new number is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// The numbers; the store would notice.
    Numbers,
    /// Nobody: every identifier is looked up.
    Nobody,
}

/// What has come of it.
pub(super) struct Done {
    /// One a request.
    pub(super) answers: Vec<Result<EdgeReply, Problem>>,
    pub(super) version: Version,
    pub(super) edges: Arc<BTreeMap<EdgeId, Edge>>,
    pub(super) feed: Option<Feed>,
    pub(super) followers: Arc<BTreeMap<EdgeId, Follower>>,
    /// Of the streams that were touched.
    pub(super) cursors: Cursors,
    /// Events that were settled.
    pub(super) events: u64,
    pub(super) set_aside: u64,
    /// Dead letters that wait for somebody now, less those that did before.
    pub(super) letters: i64,
    /// To be in the sums later.
    pub(super) added: Additions,
}

pub(super) type Read = Result<Fact, SetAside>;

pub(super) fn remember(cursors: &mut Arc<Cursors>, touched: Cursors) {
    if touched.is_empty() {
        return;
    }
    let all = Arc::make_mut(cursors);
    if all.len() + touched.len() > MOST_CURSORS {
        all.clear();
    }
    all.extend(touched);
}

pub(super) async fn carry_out(store: &dyn LedgerStore, round: Round) -> Result<Done, StoreError> {
    if round.trust == Trust::Nobody {
        return attempt(store, round).await;
    }
    match attempt(store, round.clone()).await {
        Err(error @ (StoreError::Taken { .. } | StoreError::Corrupt(_))) => {
            tracing::debug!(retailer = %round.retailer, %error, "a round is carried out again, with everything looked up");
            attempt(store, Round { trust: Trust::Nobody, ..round }).await
        }
        outcome => outcome,
    }
}

async fn attempt(store: &dyn LedgerStore, round: Round) -> Result<Done, StoreError> {
    let Round { retailer, epoch, version, edges, feed, followers, cursors, trust, requests, now } = round;
    let (mut wanted, mut at) = (Wanted::default(), Cursors::new());
    for request in &requests {
        match &**request {
            EdgeRequest::Batch(parcel) => match cursors.get(&parcel.stream) {
                Some(cursor) => drop(at.insert(parcel.stream, cursor.clone())),
                None => drop(wanted.streams.insert(parcel.stream)),
            },
            EdgeRequest::Letter { event, .. } => drop(wanted.letters.insert(*event)),
            _ => {}
        }
        down::wanted_first(request, &mut wanted);
    }
    let mut first = look(store, retailer, std::mem::take(&mut wanted)).await?;
    at.extend(std::mem::take(&mut first.cursors));
    let reader = Reader { first: &first, edges: &edges, cursors: &at, trust };
    let mut read: Vec<Vec<Read>> =
        requests.iter().map(|request| reader.read_all(request, &mut wanted)).collect();
    let mut known = look(store, retailer, wanted).await?;
    let mut articles = std::mem::take(&mut known.catalogue);
    articles.extend(first.catalogue);
    known.orders.extend(first.orders);
    known.letters = first.letters;
    known.cursors = at;
    let catalogue = Catalogue::new(feed, articles, known.zones.keys().copied());
    let desk = Desk { known, ..Desk::default() };
    let mut table = Table { desk, retailer, edges, catalogue, followers, now, letters: 0 };
    let answers = requests
        .iter()
        .zip(&mut read)
        .map(|(request, read)| table.decide(request, std::mem::take(read)))
        .collect();
    let Table { desk, edges, catalogue, followers, letters, .. } = table;
    let (changes, cursors) = (desk.changes, desk.known.cursors);
    let (events, set_aside) = (changes.settled.len() as u64, changes.letters.len() as u64);
    let next = if changes.is_empty() { version } else { version.next() };
    let changes = Arc::new(changes);
    if next != version {
        store.write(retailer, epoch, next, changes.clone()).await?;
    }
    let added = Arc::unwrap_or_clone(changes).added;
    let (version, feed) = (next, catalogue.feed);
    Ok(Done { answers, version, edges, feed, followers, cursors, events, set_aside, letters, added })
}

async fn look(store: &dyn LedgerStore, retailer: RetailerId, wanted: Wanted) -> Result<Known, StoreError> {
    if wanted == Wanted::default() { Ok(Known::default()) } else { store.look(retailer, wanted).await }
}

/// Reads events, and notes what has to be known to apply them.
struct Reader<'a> {
    first: &'a Known,
    edges: &'a BTreeMap<EdgeId, Edge>,
    cursors: &'a Cursors,
    trust: Trust,
}

impl Reader<'_> {
    fn read_all(&self, request: &EdgeRequest, wanted: &mut Wanted) -> Vec<Read> {
        match request {
            EdgeRequest::Batch(parcel) => self.read_batch(parcel, wanted),
            EdgeRequest::Letter { event, act: LetterAct::Retry, .. } => match self.first.letters.get(event) {
                Some(letter) => {
                    wanted.stores.insert(letter.store);
                    // It has its number for long: what it says may have come another way since.
                    vec![read_one(&letters::event(letter), Trust::Nobody, wanted)]
                }
                None => Vec::new(),
            },
            _ => {
                down::wanted_then(request, &self.first.catalogue, wanted);
                Vec::new()
            }
        }
    }

    fn read_batch(&self, parcel: &Parcel, wanted: &mut Wanted) -> Vec<Read> {
        wanted.stores.extend(self.edges.get(&parcel.edge).map(|edge| edge.store));
        let settled = self.cursors.get(&parcel.stream).map_or(0, |cursor| cursor.settled);
        let one = |sent: &Sent| {
            if sent.seq <= settled || self.trust == Trust::Nobody {
                wanted.events.insert(sent.event_id);
            }
            read_one(sent, self.trust, wanted)
        };
        parcel.events.iter().map(one).collect()
    }
}

fn read_one(sent: &Sent, trust: Trust, wanted: &mut Wanted) -> Read {
    let fact = event::read(sent)?;
    match &fact {
        Fact::SaleRecorded(sale) => note_sale(sale, trust, wanted),
        Fact::RefundRecorded(refund) => {
            note_sale(&refund.sale, trust, wanted);
            wanted.sales.insert(refund.original_transaction_id);
        }
        Fact::TransactionVoided(void) if void.receipt.is_some() => {
            wanted.sales.insert(void.transaction_id);
        }
        Fact::PaymentCaptured(payment) if trust == Trust::Nobody => {
            wanted.payments.insert(payment.payment_id);
        }
        Fact::InventoryAdjusted(adjustment) if adjustment.reason == AdjustmentReason::Count => {
            wanted.orders.insert(sent.event_id);
        }
        _ => {}
    }
    Ok(fact)
}

/// No index keeps receipts apart, so they are always looked up.
fn note_sale(sale: &Sale, trust: Trust, wanted: &mut Wanted) {
    wanted.receipts.insert(sale.receipt.clone());
    if trust == Trust::Nobody {
        wanted.transactions.insert(sale.transaction_id);
    }
}
