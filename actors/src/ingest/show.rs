//! What the actor tells of itself beside its rounds: who is heard of, and how far the ledger is. Needs no store.
//!
//! Consoles are told that the ledger has moved on, not what has changed in it: see ADR 0023. They are told at most once
//! each [`SHOW_EVERY`], however many rounds there are.

use std::sync::Arc;
use std::time::Duration;

use messages::live::{LedgerMark, Tick, Topic};
use messages::{Problem, Timestamp};
use ractor::ActorRef;

use super::actor::{Asked, IngestMsg, State};
use super::edges;
use super::pulse::Pulses;
use super::request::{EdgeReply, EdgeRequest};
use crate::ports::{LedgerBrief, Publication};

/// Two a second: a page reads again at most once a second, and the one behind is for what came meanwhile.
pub(super) const SHOW_EVERY: Duration = Duration::from_millis(500);
/// How soon silence is noticed, beyond the time that it takes to count as such.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Looks after which dashboards are told again what they may have missed: a minute.
const TELL_AGAIN: u32 = 12;

/// What is shown.
pub(super) struct Shown {
    pulses: Pulses,
    /// Counts changes that are not committed.
    changes: u64,
    told: Option<LedgerMark>,
    /// Consoles were told a moment ago.
    resting: bool,
    /// Dead letters that wait for somebody.
    letters: u64,
    /// What dashboards were told, and how many looks ago.
    brief: Option<(LedgerBrief, u32)>,
}

impl Shown {
    pub(super) const fn new(now: Timestamp, letters: u64) -> Self {
        Self { pulses: Pulses::new(now), changes: 0, told: None, resting: false, letters, brief: None }
    }

    /// A round has been committed that set some aside, or decided on some.
    pub(super) const fn count_letters(&mut self, change: i64) {
        self.letters = self.letters.saturating_add_signed(change);
    }
}

fn mark(state: &State) -> LedgerMark {
    LedgerMark { epoch: state.epoch, version: state.told, pulse: state.shown.changes }
}

/// The answer to what needs no round.
pub(super) fn at_once(
    me: &ActorRef<IngestMsg>,
    state: &mut State,
    request: &EdgeRequest,
) -> Option<Result<EdgeReply, Problem>> {
    let now = (state.tools.clock)();
    Some(match request {
        EdgeRequest::Pulse { edge, credential, pulse } => {
            edges::authenticate(&state.edges, *edge, *credential).map(drop).map(|()| {
                state.shown.changes += u64::from(state.shown.pulses.hear(*edge, Some(pulse.clone()), now));
                show(me, state);
                EdgeReply::Done
            })
        }
        EdgeRequest::Heard => Ok(EdgeReply::Heard(state.shown.pulses.told(&state.edges, now))),
        EdgeRequest::Fold if state.folding.is_done() => Ok(EdgeReply::Done),
        EdgeRequest::Mark => Ok(EdgeReply::Mark(mark(state))),
        _ => return None,
    })
}

/// A round has been committed: its devices were heard of.
pub(super) fn settled(me: &ActorRef<IngestMsg>, state: &mut State, heard: &[Arc<EdgeRequest>]) {
    let now = (state.tools.clock)();
    for request in heard {
        if let EdgeRequest::Batch(parcel) = &**request {
            state.shown.changes += u64::from(state.shown.pulses.hear(parcel.edge, None, now));
        }
    }
    show(me, state);
}

/// Time has passed.
pub(super) fn look(me: &ActorRef<IngestMsg>, state: &mut State) {
    let now = (state.tools.clock)();
    state.shown.changes += u64::from(state.shown.pulses.look(&state.edges, now));
    show(me, state);
    brief(state, now);
}

/// Tells dashboards how the devices are, when that has changed and each minute.
fn brief(state: &mut State, now: Timestamp) {
    if state.edges.is_empty() {
        return;
    }
    let (devices, backlog) = state.shown.pulses.counts(&state.edges, now);
    let brief = LedgerBrief { retailer: state.retailer, devices, backlog, dead_letters: state.shown.letters };
    let looks = match state.shown.brief {
        Some((told, looks)) if told == brief && looks < TELL_AGAIN => looks + 1,
        _ => {
            state.tools.feed.publish(Publication::Stores(brief));
            0
        }
    };
    state.shown.brief = Some((brief, looks));
}

/// What was told last has been on show for long enough.
pub(super) fn rested(me: &ActorRef<IngestMsg>, state: &mut State) {
    state.shown.resting = false;
    show(me, state);
}

/// Tells consoles how far the ledger is, if it has moved on and they were not told just now.
fn show(me: &ActorRef<IngestMsg>, state: &mut State) {
    let mark = mark(state);
    if state.shown.resting || state.shown.told == Some(mark) {
        return;
    }
    state.shown.told = Some(mark);
    state.shown.resting = true;
    me.send_after(SHOW_EVERY, || IngestMsg::Rested);
    let (topic, ticks) = (Topic::Stores(state.retailer), Arc::new([Tick::Ledger { mark }]));
    state.tools.feed.publish(Publication::Ticked { topic, ticks });
}

/// Answers a caller; one that has gone needs no answer.
pub(super) fn reply(asked: Asked, answer: Result<EdgeReply, Problem>) {
    let Asked { reply, permit, .. } = asked;
    drop(reply.send(answer));
    drop(permit);
}
