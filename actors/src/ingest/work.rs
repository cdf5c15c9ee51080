//! One round: everything that waits is looked up together, decided on in order, and committed at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use messages::edge::event::{AdjustmentReason, Fact, Sale};
use messages::edge::ingest::{EventError, IngestAnswer};
use messages::http::dead_letters::LetterState;
use messages::version::Epoch;
use messages::{EdgeId, ErrorCode, EventId, Problem, RetailerId, Timestamp, Version};

use super::apply::{Desk, Source, apply, withheld};
use super::catalogue::Catalogue;
use super::event::{self, SetAside};
use super::model::{Cursor, Edge, Feed, Follower, Known, Origin, Settled, Wanted};
use super::plan::{Plan, plan};
use super::request::{EdgeReply, EdgeRequest, LetterAct, Parcel, Sent};
use super::{down, edges, letters, local};
use crate::domain::EnrolToken;
use crate::ports::{LedgerStore, StoreError};

/// What an actor hands to the task that does the work.
pub(super) struct Round {
    pub(super) retailer: RetailerId,
    pub(super) epoch: Epoch,
    /// Of the latest commit.
    pub(super) version: Version,
    pub(super) edges: Arc<BTreeMap<EdgeId, Edge>>,
    pub(super) feed: Option<Feed>,
    pub(super) followers: Arc<BTreeMap<EdgeId, Follower>>,
    pub(super) requests: Vec<Arc<EdgeRequest>>,
    pub(super) now: Timestamp,
}

/// What has come of it.
pub(super) struct Done {
    /// One a request.
    pub(super) answers: Vec<Result<EdgeReply, Problem>>,
    pub(super) version: Version,
    pub(super) edges: Arc<BTreeMap<EdgeId, Edge>>,
    pub(super) feed: Option<Feed>,
    pub(super) followers: Arc<BTreeMap<EdgeId, Follower>>,
    /// Events that were settled.
    pub(super) events: u64,
    pub(super) set_aside: u64,
    /// Dead letters that wait for somebody now, less those that did before.
    pub(super) letters: i64,
}

type Read = Result<Fact, SetAside>;

pub(super) async fn carry_out(store: &dyn LedgerStore, round: Round) -> Result<Done, StoreError> {
    let Round { retailer, epoch, version, edges, feed, followers, requests, now } = round;
    let mut wanted = Wanted::default();
    for request in &requests {
        if let EdgeRequest::Letter { event, .. } = &**request {
            wanted.letters.insert(*event);
        }
        down::wanted_first(request, &mut wanted);
    }
    let first = look(store, retailer, std::mem::take(&mut wanted)).await?;
    let mut read: Vec<Vec<Read>> =
        requests.iter().map(|request| read_all(request, &first, &edges, &mut wanted)).collect();
    let mut known = look(store, retailer, wanted).await?;
    let mut articles = std::mem::take(&mut known.catalogue);
    articles.extend(first.catalogue);
    known.orders.extend(first.orders);
    known.letters = first.letters;
    let catalogue = Catalogue::new(feed, articles, known.zones.keys().copied());
    let desk = Desk { known, ..Desk::default() };
    let mut table = Table { desk, retailer, edges, catalogue, followers, now, letters: 0 };
    let answers = requests
        .iter()
        .zip(&mut read)
        .map(|(request, read)| table.decide(request, std::mem::take(read)))
        .collect();
    let (changes, letters) = (table.desk.changes, table.letters);
    let (events, set_aside) = (changes.settled.len() as u64, changes.letters.len() as u64);
    let next = if changes.is_empty() { version } else { version.next() };
    if next != version {
        store.write(retailer, epoch, next, Arc::new(changes)).await?;
    }
    let (feed, followers) = (table.catalogue.feed, table.followers);
    Ok(Done { answers, version: next, edges: table.edges, feed, followers, events, set_aside, letters })
}

async fn look(store: &dyn LedgerStore, retailer: RetailerId, wanted: Wanted) -> Result<Known, StoreError> {
    if wanted == Wanted::default() { Ok(Known::default()) } else { store.look(retailer, wanted).await }
}

/// Reads the events of a request, and notes what has to be known to apply them.
fn read_all(
    request: &EdgeRequest,
    first: &Known,
    edges: &BTreeMap<EdgeId, Edge>,
    wanted: &mut Wanted,
) -> Vec<Read> {
    match request {
        EdgeRequest::Batch(parcel) => {
            wanted.streams.insert(parcel.stream);
            wanted.events.extend(parcel.events.iter().map(|sent| sent.event_id));
            wanted.stores.extend(edges.get(&parcel.edge).map(|edge| edge.store));
            parcel.events.iter().map(|sent| read_one(sent, wanted)).collect()
        }
        EdgeRequest::Letter { event, act: LetterAct::Retry, .. } => match first.letters.get(event) {
            Some(letter) => {
                wanted.stores.insert(letter.store);
                vec![read_one(&letters::event(letter), wanted)]
            }
            None => Vec::new(),
        },
        _ => {
            down::wanted_then(request, &first.catalogue, wanted);
            Vec::new()
        }
    }
}

fn read_one(sent: &Sent, wanted: &mut Wanted) -> Read {
    let fact = event::read(sent)?;
    match &fact {
        Fact::SaleRecorded(sale) => note_sale(sale, wanted),
        Fact::RefundRecorded(refund) => {
            note_sale(&refund.sale, wanted);
            wanted.sales.insert(refund.original_transaction_id);
        }
        Fact::TransactionVoided(void) if void.receipt.is_some() => {
            wanted.sales.insert(void.transaction_id);
        }
        Fact::PaymentCaptured(payment) => drop(wanted.payments.insert(payment.payment_id)),
        Fact::InventoryAdjusted(adjustment) if adjustment.reason == AdjustmentReason::Count => {
            wanted.orders.insert(sent.event_id);
        }
        _ => {}
    }
    Ok(fact)
}

fn note_sale(sale: &Sale, wanted: &mut Wanted) {
    wanted.transactions.insert(sale.transaction_id);
    wanted.receipts.insert(sale.receipt.clone());
}

/// Events that tell of a sale or of its return.
const SOLD: [&str; 2] = ["sale_recorded", "refund_recorded"];

/// When something was sold or taken back last, going by the names of the events.
fn latest_sale(parcel: &Parcel) -> Option<Timestamp> {
    parcel.events.iter().filter(|sent| SOLD.contains(&sent.kind.as_str())).map(|sent| sent.occurred_at).max()
}

/// What the requests of a round are decided on, one after the other.
pub(super) struct Table {
    pub(super) desk: Desk,
    pub(super) retailer: RetailerId,
    pub(super) edges: Arc<BTreeMap<EdgeId, Edge>>,
    pub(super) catalogue: Catalogue,
    pub(super) followers: Arc<BTreeMap<EdgeId, Follower>>,
    pub(super) now: Timestamp,
    pub(super) letters: i64,
}

impl Table {
    fn decide(&mut self, request: &EdgeRequest, read: Vec<Read>) -> Result<EdgeReply, Problem> {
        let token = |hash: &_, expires_at: &_| EnrolToken { hash: *hash, expires_at: *expires_at };
        match request {
            EdgeRequest::Make { edge, store, name, token: hash, expires_at, .. } => {
                let made =
                    edges::make(&self.edges, (*edge, *store, name), token(hash, expires_at), self.now)?;
                Ok(self.put(made))
            }
            EdgeRequest::Offer { edge, token: hash, expires_at, .. } => {
                let offered = edges::offer(&self.edges, *edge, token(hash, expires_at))?;
                Ok(self.put([offered]))
            }
            EdgeRequest::Enrol { edge, token, credential, device } => {
                let changed = edges::enrol(&self.edges, *edge, (*token, *credential), device, self.now)?;
                self.put(changed);
                let store = edges::authenticate(&self.edges, *edge, *credential)?.store;
                Ok(EdgeReply::Enrolled { store })
            }
            EdgeRequest::Revoke { edge, .. } => {
                let revoked = edges::revoke(&self.edges, *edge)?;
                Ok(self.put([revoked]))
            }
            EdgeRequest::Remove { edge, .. } => {
                edges::removable(&self.edges, *edge)?;
                Arc::make_mut(&mut self.edges).remove(edge);
                self.desk.changes.edges.remove(edge);
                Arc::make_mut(&mut self.followers).remove(edge);
                self.desk.changes.followers.remove(edge);
                self.desk.changes.edges_removed.insert(*edge);
                Ok(EdgeReply::Done)
            }
            EdgeRequest::Admit { edge, credential } => {
                edges::authenticate(&self.edges, *edge, *credential).map(|_| EdgeReply::Done)
            }
            EdgeRequest::Batch(parcel) => self.batch(parcel, read).map(EdgeReply::Ingested),
            EdgeRequest::Letter { event, expected, act, author } => {
                self.letter(*event, *expected, act, &author.name, read)
            }
            EdgeRequest::Article { act, author } => self.article(act, author),
            EdgeRequest::Import { rows, author } => Ok(self.import(rows, author)),
            EdgeRequest::Correct { order, author } => self.correct(order, author),
            EdgeRequest::RenewFeed { author } => Ok(self.renew_feed(&author.name)),
            EdgeRequest::Follow(asked) => self.follow(asked),
            // Answered without a round, see `show`.
            EdgeRequest::Pulse { .. } | EdgeRequest::Heard | EdgeRequest::Mark => {
                Err(ErrorCode::Internal.into())
            }
        }
    }

    fn put(&mut self, changed: impl IntoIterator<Item = Edge>) -> EdgeReply {
        for edge in changed {
            Arc::make_mut(&mut self.edges).insert(edge.id, edge.clone());
            self.desk.changes.edges.insert(edge.id, edge);
        }
        EdgeReply::Done
    }

    fn batch(&mut self, parcel: &Parcel, read: Vec<Read>) -> Result<IngestAnswer, Problem> {
        let edge = edges::of_device(&self.edges, parcel.edge, parcel.credential, parcel.device)?.clone();
        let Some(zone) = self.desk.known.zones.get(&edge.store) else {
            let detail = "the store of this edge has been deleted at the hub";
            return Err(Problem::new(ErrorCode::Disabled, detail));
        };
        let zone = local::zone(zone);
        let before = self.desk.known.cursors.get(&parcel.stream);
        if before.is_some_and(|cursor| cursor.device != parcel.device) {
            let detail = "this stream belongs to another device; begin a new one";
            return Err(Problem::new(ErrorCode::StreamReset, detail));
        }
        let (settled, lost) = before.map_or((0, 0), |cursor| (cursor.settled, cursor.lost));
        let sold = latest_sale(parcel).max(before.and_then(|cursor| cursor.last_sale_at));
        let is_known = |event: EventId| self.desk.known.events.contains(&event);
        let plan = plan(settled, parcel.oldest_seq, &parcel.events, is_known)
            .map_err(|reset| Problem::new(ErrorCode::StreamReset, reset.to_string()))?;
        if plan.lost > 0 {
            tracing::warn!(edge = %edge.id, stream = %parcel.stream, events = plan.lost, "a store edge has lost events");
        }
        let answer = self.settle(&edge, parcel, &plan, read, &zone);
        if plan.settled > settled {
            let cursor = Cursor {
                stream: parcel.stream,
                device: parcel.device,
                edge: edge.id,
                store: edge.store,
                settled: plan.settled,
                lost: lost + plan.lost,
                last_event_at: parcel.events.last().map_or(self.now, |event| event.occurred_at),
                last_batch_at: self.now,
                last_sale_at: sold,
            };
            self.desk.known.cursors.insert(parcel.stream, cursor.clone());
            self.desk.changes.cursors.insert(parcel.stream, cursor);
        }
        Ok(answer)
    }

    /// Applies what is new of a batch, or sets it aside.
    fn settle(
        &mut self,
        edge: &Edge,
        parcel: &Parcel,
        plan: &Plan,
        read: Vec<Read>,
        zone: &jiff::tz::TimeZone,
    ) -> IngestAnswer {
        let mut answer = IngestAnswer {
            duplicates: plan.duplicates.clone(),
            settled_seq: plan.settled,
            expected_seq: plan.expected,
            ..IngestAnswer::default()
        };
        let mut read: Vec<Option<Read>> = read.into_iter().map(Some).collect();
        for at in &plan.fresh {
            let (Some(sent), Some(fact)) = (parcel.events.get(*at), read.get_mut(*at).and_then(Option::take))
            else {
                continue;
            };
            let origin = Origin { store: edge.store, edge: edge.id, event: sent.event_id };
            let source = Source { origin, zone: zone.clone(), occurred_at: sent.occurred_at };
            let noted = fact.as_ref().ok().and_then(withheld);
            let outcome = fact.and_then(|fact| apply(&mut self.desk, &source, fact));
            match &outcome {
                Ok(()) => {
                    answer.accepted.push(sent.event_id);
                    self.carried_out(sent.event_id);
                }
                Err(why) => answer.errors.push(EventError {
                    event_id: sent.event_id,
                    seq: sent.seq,
                    code: why.code,
                    detail: why.detail.clone(),
                }),
            }
            if let Some(why) = outcome.err().or(noted) {
                let letter = letters::letter(edge, parcel, sent, why, self.now);
                self.desk.changes.letters.insert(letter.event, letter);
                self.letters += 1;
            }
            self.desk.known.events.insert(sent.event_id);
            self.desk.changes.settled.push(Settled {
                event: sent.event_id,
                stream: parcel.stream,
                seq: sent.seq,
                at: self.now,
            });
        }
        answer
    }

    fn letter(
        &mut self,
        event: EventId,
        expected: Version,
        act: &LetterAct,
        by: &str,
        mut read: Vec<Read>,
    ) -> Result<EdgeReply, Problem> {
        let letter = letters::decidable(self.desk.known.letters.get(&event), expected)?.clone();
        let after = match act {
            LetterAct::Edit { data } => letters::edited(&letter, data),
            LetterAct::Discard => letters::decided(&letter, LetterState::Discarded, by, self.now),
            LetterAct::Retry => match self.retry(&letter, read.pop()) {
                Ok(()) => letters::decided(&letter, LetterState::Applied, by, self.now),
                Err(why) => letters::failed_again(&letter, why),
            },
        };
        tracing::info!(event = %event, state = after.state.as_str(), by, "a dead letter was decided on");
        self.letters -= i64::from(after.state != LetterState::Open);
        self.desk.known.letters.insert(event, after.clone());
        self.desk.changes.letters.insert(event, after.clone());
        Ok(EdgeReply::Letter(Box::new(after.view())))
    }

    fn retry(&mut self, letter: &super::model::Letter, read: Option<Read>) -> Result<(), SetAside> {
        let fact = read.unwrap_or_else(|| Err(event::refused("it could not be read")))?;
        if letters::is_elsewhere(&fact) {
            return Err(event::refused(
                "only the device has this event; send it again there, and discard this",
            ));
        }
        let Some(zone) = self.desk.known.zones.get(&letter.store) else {
            return Err(event::refused("its store has been deleted"));
        };
        let source = Source {
            origin: letters::origin(letter),
            zone: local::zone(zone),
            occurred_at: letter.occurred_at,
        };
        apply(&mut self.desk, &source, fact)?;
        self.carried_out(letter.event);
        Ok(())
    }
}
