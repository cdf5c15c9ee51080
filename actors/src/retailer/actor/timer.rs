//! The one timer of a retailer: it goes off when something is due by itself, a slot of a schedule above all.
//!
//! What is due is told by wall time, what is waited by monotonic time. So the wall clock is asked again after each
//! wake, and no wait is longer than `Tools::longest_wait`: a clock that is set is noticed within it.

use std::time::{Duration, Instant};

use ractor::ActorRef;
use tokio::task::JoinHandle;

use super::super::decide;
use super::{RetailerMsg, State};
use crate::clock;

/// Between two looks, whatever they find: a slot starts within a second, and nothing spins.
const SHORTEST: Duration = Duration::from_millis(10);
/// After a commit that failed.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// The timer that runs.
#[derive(Default)]
pub(super) struct Timer {
    set: Option<(Instant, JoinHandle<()>)>,
    not_before: Option<Instant>,
}

impl Timer {
    pub(super) fn went_off(&mut self) {
        self.set = None;
    }

    /// The store did not take a commit: what was due is tried again a little later.
    pub(super) fn hold_off(&mut self) {
        self.not_before = Some(clock::now() + AFTER_FAILURE);
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if let Some((_, timer)) = self.set.take() {
            timer.abort();
        }
    }
}

/// Sets the timer for what is due next. A commit under way sets it when it is done.
pub(super) fn arm(me: &ActorRef<RetailerMsg>, state: &mut State) {
    if state.committing.is_some() {
        return;
    }
    let wall = (state.tools.clock)();
    let now = clock::now();
    state.timer.not_before = state.timer.not_before.filter(|until| *until > now);
    let Some(due) = decide::next_wake(&state.documents, wall) else {
        drop(std::mem::take(&mut state.timer));
        return;
    };
    let mut at = now + due.since(wall).clamp(SHORTEST, state.tools.longest_wait);
    if let Some(until) = state.timer.not_before {
        at = at.max(until);
    }
    match state.timer.set.take() {
        // It goes off early enough, and looks again.
        Some((set, timer)) if set <= at && set > now => state.timer.set = Some((set, timer)),
        earlier => {
            if let Some((_, timer)) = earlier {
                timer.abort();
            }
            let me = me.clone();
            let timer = tokio::spawn(async move {
                tokio::time::sleep_until(at.into()).await;
                // A stopped actor has nothing that is due.
                drop(me.cast(RetailerMsg::Due));
            });
            state.timer.set = Some((at, timer));
        }
    }
}
