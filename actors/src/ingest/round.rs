//! One round: everything that waits is looked up together, decided on in order, and committed at once.
//!
//! What the numbers of a stream say to be new is taken to be new, and not looked up: the store refuses identifiers that are
//! there already, and then the round is carried out once more, with everything looked up ([`Trust`]). Repetitions are seldom,
//! and most of them are seen by their numbers.
//!
//! Deciding and writing are two steps, so that the next round can be decided on while one is written (`ahead`).

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use messages::edge::event::{AdjustmentReason, Fact, Sale};
use messages::version::Epoch;
use messages::{EdgeId, Problem, RetailerId, StreamId, Timestamp, TransactionId, Version};

use super::apply::Desk;
use super::catalogue::Catalogue;
use super::event::{self, SetAside};
use super::model::{Changes, Cursor, Edge, Feed, Follower, Known, Wanted};
use super::pending::Additions;
use super::request::{EdgeReply, EdgeRequest, LetterAct, Parcel, Sent};
use super::work::Table;
use super::{down, letters, overlay};
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
    /// Of its streams, as far as they are remembered.
    pub(super) cursors: Cursors,
    /// What the round before it writes: the store may not have that yet.
    pub(super) before: Option<Arc<Changes>>,
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
    /// It was decided on once more: what was decided first does not count.
    pub(super) again: bool,
}

/// What is to be written, and what comes of it then.
pub(super) struct Decided {
    changes: Arc<Changes>,
    /// Made ready; nothing is to be written for what only repeats.
    write: Option<BoxFuture<'static, Result<(), StoreError>>>,
    done: Done,
    /// It changes events and what comes of them, and nothing else.
    only_events: bool,
}

/// What a round leaves behind that is being written, for the one after it.
#[derive(Debug, Clone)]
pub struct Draft {
    pub(super) version: Version,
    /// Of its streams.
    pub(super) cursors: Cursors,
    pub(super) changes: Arc<Changes>,
}

pub(super) type Read = Result<Fact, SetAside>;

pub(super) fn remember(cursors: &mut Cursors, touched: Cursors) {
    if cursors.len() + touched.len() > MOST_CURSORS {
        cursors.clear();
    }
    cursors.extend(touched);
}

/// Decides on all requests of a round, and makes ready what is to be written.
pub(super) async fn decide(store: &dyn LedgerStore, round: Round) -> Result<Decided, StoreError> {
    let (mut table, read) = look_up(store, &round).await?;
    let Round { retailer, epoch, version: before, requests, .. } = round;
    let answers =
        requests.iter().zip(read).map(|(request, read)| table.decide(request, read)).collect::<Vec<_>>();
    let Table { desk, edges, catalogue, followers, letters, .. } = table;
    let (changes, cursors) = (desk.changes, desk.known.cursors);
    let (events, set_aside) = (changes.settled.len() as u64, changes.letters.len() as u64);
    let version = if changes.is_empty() { before } else { before.next() };
    let write = (version != before).then(|| store.write(retailer, epoch, version, &changes));
    let (feed, added, again) = (catalogue.feed, Additions::default(), false);
    let done =
        Done { answers, version, edges, feed, followers, cursors, events, set_aside, letters, added, again };
    let only_events = requests.iter().all(|request| matches!(**request, EdgeRequest::Batch(_)));
    Ok(Decided { changes: Arc::new(changes), write, done, only_events })
}

/// What the requests are decided on, and what the events of each say.
async fn look_up(store: &dyn LedgerStore, round: &Round) -> Result<(Table, Vec<Vec<Read>>), StoreError> {
    let (mut wanted, mut at) = (Wanted::default(), round.cursors.clone());
    for request in &round.requests {
        match &**request {
            EdgeRequest::Batch(parcel) if !at.contains_key(&parcel.stream) => {
                wanted.streams.insert(parcel.stream);
            }
            EdgeRequest::Letter { event, .. } => drop(wanted.letters.insert(*event)),
            _ => {}
        }
        down::wanted_first(request, &mut wanted);
    }
    let mut first = look(store, round.retailer, std::mem::take(&mut wanted)).await?;
    at.extend(std::mem::take(&mut first.cursors));
    let reader = Reader { first: &first, edges: &round.edges, cursors: &at, trust: round.trust };
    let read = round.requests.iter().map(|request| reader.read_all(request, &mut wanted)).collect();
    let mut known = look(store, round.retailer, wanted.clone()).await?;
    if let Some(before) = &round.before {
        overlay::lay(before, &wanted, &mut known);
    }
    let mut articles = std::mem::take(&mut known.catalogue);
    articles.extend(first.catalogue);
    known.orders.extend(first.orders);
    known.letters = first.letters;
    known.cursors = at;
    let table = Table {
        retailer: round.retailer,
        edges: round.edges.clone(),
        catalogue: Catalogue::new(round.feed.clone(), articles, known.zones.keys().copied()),
        desk: Desk { known, ..Desk::default() },
        followers: round.followers.clone(),
        now: round.now,
        letters: 0,
    };
    Ok((table, read))
}

impl Decided {
    /// For the round after it, unless that has to wait for this one.
    pub(super) fn draft(&self) -> Option<Draft> {
        let Done { version, cursors, .. } = &self.done;
        let draft = || Draft { version: *version, cursors: cursors.clone(), changes: self.changes.clone() };
        self.only_events.then(draft)
    }

    async fn write(self) -> Result<Done, StoreError> {
        let Self { changes, write, done, .. } = self;
        if let Some(write) = write {
            write.await?;
        }
        // The round after it may still look at the rest.
        let added = Arc::try_unwrap(changes).map_or_else(|shared| shared.added.clone(), |own| own.added);
        Ok(Done { added, ..done })
    }
}

/// Writes what was decided.
pub(super) async fn finish(
    store: &dyn LedgerStore,
    round: Round,
    decided: Result<Decided, StoreError>,
) -> Result<Done, StoreError> {
    let written = match decided {
        Ok(decided) => decided.write().await,
        Err(error) => Err(error),
    };
    match written {
        Err(error @ (StoreError::Taken { .. } | StoreError::Corrupt(_))) if round.trust == Trust::Numbers => {
            tracing::debug!(retailer = %round.retailer, %error, "a round is carried out again, with everything looked up");
            // The round before it has been written by now.
            let round = Round { trust: Trust::Nobody, before: None, ..round };
            let done = decide(store, round).await?.write().await?;
            Ok(Done { again: true, ..done })
        }
        outcome => outcome,
    }
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
        let mut sales: HashSet<TransactionId> = HashSet::new();
        let one = |sent: &Sent| {
            if sent.seq <= settled || self.trust == Trust::Nobody {
                wanted.events.insert(sent.event_id);
            }
            let read = read_one(sent, self.trust, wanted);
            match &read {
                Ok(Fact::SaleRecorded(sale)) if sent.seq > settled => drop(sales.insert(sale.transaction_id)),
                // Nothing keeps those apart that are stored with their sale.
                Ok(Fact::PaymentCaptured(payment)) if !sales.contains(&payment.transaction_id) => {
                    wanted.payments.insert((payment.transaction_id, payment.payment_id));
                }
                _ => {}
            }
            read
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
            wanted.payments.insert((payment.transaction_id, payment.payment_id));
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
