//! What each request of a round comes to, one after the other, each seeing what those before it have changed. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use messages::edge::ingest::{EventError, IngestAnswer};
use messages::http::dead_letters::LetterState;
use messages::{EdgeId, ErrorCode, EventId, Problem, RetailerId, Timestamp, Version};

use super::apply::{Desk, Source, apply, withheld};
use super::catalogue::Catalogue;
use super::event::{self, SetAside};
use super::model::{Cursor, Edge, Follower, Origin, Settled};
use super::plan::{Plan, plan};
use super::request::{EdgeReply, EdgeRequest, LetterAct, Parcel};
use super::round::Read;
use super::{edges, letters, local};
use crate::domain::EnrolToken;

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
    pub(super) fn decide(&mut self, request: &EdgeRequest, read: Vec<Read>) -> Result<EdgeReply, Problem> {
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
            // Answered without a round, see `show` and `folding`.
            EdgeRequest::Pulse { .. } | EdgeRequest::Heard | EdgeRequest::Mark | EdgeRequest::Fold => {
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
