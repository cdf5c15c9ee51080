//! The next round, decided on while one is written, so that the store does not wait for us between two of them.
//!
//! It begins when as much waits as is being written (sooner it would only make rounds smaller), takes events and nothing
//! else, and is written when its turn comes: after the one before it is in the store as it was decided. When that came out
//! otherwise, its requests wait again, as if it had not been.

use ractor::ActorRef;
use tokio::sync::oneshot;

use super::actor::{Asked, IngestMsg, MOST_EVENTS, State, gather, round_of, size, start};
use super::request::EdgeRequest;
use crate::failpoint;

/// The round behind the one that is being written.
pub(super) struct Behind {
    asked: Vec<Asked>,
    turn: oneshot::Sender<()>,
}

impl Behind {
    pub(super) const fn requests(&self) -> usize {
        self.asked.len()
    }
}

pub(super) fn is_batch(asked: &Asked) -> bool {
    matches!(*asked.request, EdgeRequest::Batch(_))
}

/// Is there as much to be done as is being done?
fn is_worth_it(state: &State) -> bool {
    let working = state.working.iter().flatten().map(|asked| size(&asked.request)).sum::<usize>();
    let enough = working.min(MOST_EVENTS);
    let mut waiting = 0;
    state.queue.iter().take_while(|asked| is_batch(asked)).any(|asked| {
        waiting += size(&asked.request);
        waiting >= enough
    })
}

/// Begins it, if it is time.
pub(super) fn begin(me: &ActorRef<IngestMsg>, state: &mut State) {
    // Requests that are carried out one by one are to be told apart, and sums come before rounds that have not begun.
    if state.behind.is_some() || state.alone > 0 || state.folding.is_wanted() || !is_worth_it(state) {
        return;
    }
    let Some(draft) = state.draft.take() else { return };
    let asked = gather(state, is_batch);
    if asked.is_empty() {
        state.draft = Some(draft);
        return;
    }
    let round = round_of(state, &asked, Some(draft));
    let (turn, comes) = oneshot::channel();
    state.behind = Some(Behind { asked, turn });
    start(me, state, round, Some(comes));
}

/// The round before it is in the store, as it was decided.
pub(super) fn go_on(state: &mut State) {
    let Some(Behind { asked, turn }) = state.behind.take() else { return };
    failpoint::pass("ingest.before_commit");
    match turn.send(()) {
        Ok(()) => state.working = Some(asked),
        Err(()) => wait_again(state, asked),
    }
}

/// The round before it has come out otherwise than it was decided.
pub(super) fn put_back(state: &mut State) {
    if let Some(Behind { asked, .. }) = state.behind.take() {
        wait_again(state, asked);
    }
}

/// Before all that came later.
pub(super) fn wait_again(state: &mut State, asked: Vec<Asked>) {
    for asked in asked.into_iter().rev() {
        state.queue.push_front(asked);
    }
}
