//! Writing what is settled into the sums: by the actor, between rounds, when it is time or somebody wants to read them.
//!
//! While the sums cannot be written, rounds go on until [`Pending::is_full`]; then devices are told to come again, so that
//! what the next owner has to read stays bounded.

use std::sync::Arc;
use std::time::{Duration, Instant};

use messages::Problem;
use ractor::{ActorProcessingErr, ActorRef};

use super::actor::{Asked, IngestMsg, RETRY_AFTER_S, State, begin, fenced, refuse};
use super::pending::{Fold, JournalEntry, Pending, REST};
use super::request::EdgeReply;
use super::show;
use crate::clock;
use crate::failpoint;
use crate::ports::StoreError;

/// After a fold that could not be written; a database that is away stays so for seconds.
const AGAIN: Duration = Duration::from_secs(1);

/// Of one actor.
pub(super) struct Folding {
    pending: Pending,
    /// Under way, for those who wait for it.
    working: Option<(Arc<Fold>, Vec<Asked>)>,
    /// Those who want to read sums.
    waiting: Vec<Asked>,
    /// The last one failed.
    not_before: Option<Instant>,
    /// The actor will be woken to look whether it is time.
    awaited: bool,
    folds: u64,
}

impl Folding {
    pub(super) fn new(journal: Vec<JournalEntry>) -> Self {
        let pending = Pending::found(journal, clock::now());
        Self { pending, working: None, waiting: Vec::new(), not_before: None, awaited: false, folds: 0 }
    }

    /// Is everything in the sums that has been acknowledged?
    pub(super) fn is_done(&self) -> bool {
        self.pending.is_empty() && self.working.is_none()
    }

    pub(super) fn is_working(&self) -> bool {
        self.working.is_some()
    }

    /// Must there be a fold before any round that has not begun?
    pub(super) fn is_wanted(&self) -> bool {
        !self.waiting.is_empty() || self.pending.is_due_after_another(clock::now())
    }

    /// How many rounds are not in the sums, and how many folds there were.
    pub(super) fn counts(&self) -> (usize, u64) {
        let under_way = self.working.as_ref().map_or(0, |(fold, _)| fold.rounds.len());
        (self.pending.rounds() + under_way, self.folds)
    }

    pub(super) fn wait(&mut self, asked: Asked) {
        self.waiting.push(asked);
    }

    /// Those who wait, to be told that it will not come.
    pub(super) fn leave(&mut self) -> Vec<Asked> {
        std::mem::take(&mut self.waiting)
    }

    /// A round has been committed.
    pub(super) fn add(&mut self, entry: JournalEntry) {
        if !entry.additions.is_empty() {
            self.pending.add(entry, clock::now());
        }
    }
}

/// Sees to it that the actor looks again when it may be time.
pub(super) fn wake(me: &ActorRef<IngestMsg>, state: &mut State) {
    if !state.folding.pending.is_empty() && !state.folding.awaited {
        state.folding.awaited = true;
        me.send_after(REST, || IngestMsg::Fold);
    }
}

/// It may be time.
pub(super) fn woken(me: &ActorRef<IngestMsg>, state: &mut State) {
    state.folding.awaited = false;
    begin(me, state);
    wake(me, state);
}

/// Starts a fold if there is one to be made before the next round. True: no round now.
pub(super) fn first(me: &ActorRef<IngestMsg>, state: &mut State) -> bool {
    let (now, idle) = (clock::now(), state.queue.is_empty());
    let folding = &mut state.folding;
    if folding.not_before.is_some_and(|until| now < until) {
        if folding.pending.is_full() {
            refuse_all(state, &Problem::from(StoreError::Unavailable("sums cannot be written".into())));
        }
        return state.folding.pending.is_full();
    }
    if folding.waiting.is_empty() && !folding.pending.is_due(idle, now) {
        return false;
    }
    let waiting = std::mem::take(&mut folding.waiting);
    let Some(fold) = folding.pending.take() else {
        waiting.into_iter().for_each(|asked| show::reply(asked, Ok(EdgeReply::Done)));
        return false;
    };
    failpoint::pass("ingest.before_fold");
    let fold = Arc::new(fold);
    folding.working = Some((fold.clone(), waiting));
    let (store, me) = (state.tools.store.clone(), me.clone());
    let (retailer, epoch, expected) = (state.retailer, state.epoch, state.version.next());
    tokio::spawn(async move {
        // In a task of its own, as rounds are: whatever happens, there is an end.
        let work = tokio::spawn(async move { store.fold(retailer, epoch, expected, fold).await });
        let result = work.await.unwrap_or_else(|failure| {
            tracing::error!(%failure, "a fold ended before its answer");
            Err(StoreError::Corrupt("the fold could not be carried out".into()))
        });
        // A stopped actor has nobody left to answer.
        drop(me.cast(IngestMsg::Folded(result)));
    });
    true
}

/// The fold has ended.
pub(super) fn ended(
    me: &ActorRef<IngestMsg>,
    state: &mut State,
    result: Result<(), StoreError>,
) -> Result<(), ActorProcessingErr> {
    let Some((fold, waiting)) = state.folding.working.take() else { return Ok(()) };
    match result {
        Ok(()) => {
            failpoint::pass("ingest.after_fold");
            state.version = state.version.next();
            state.folding.folds += 1;
            state.folding.not_before = None;
            waiting.into_iter().for_each(|asked| show::reply(asked, Ok(EdgeReply::Done)));
        }
        Err(StoreError::Fenced) => {
            fenced(me, state, waiting);
            return Ok(());
        }
        // What the store has is not known: start again from what it says.
        Err(error @ StoreError::Unknown(_)) => {
            for asked in waiting {
                refuse(asked, error.clone().into());
            }
            return Err(Box::new(error));
        }
        Err(error) => {
            tracing::warn!(retailer = %state.retailer, %error, "sums cannot be written; they are tried again");
            let now = clock::now();
            state.folding.pending.put_back(Arc::unwrap_or_clone(fold), now);
            state.folding.not_before = Some(now + AGAIN);
            let problem = Problem::from(error).with_retry_after(RETRY_AFTER_S);
            for asked in waiting {
                refuse(asked, problem.clone());
            }
        }
    }
    begin(me, state);
    wake(me, state);
    Ok(())
}

fn refuse_all(state: &mut State, problem: &Problem) {
    for asked in state.folding.leave().into_iter().chain(std::mem::take(&mut state.queue)) {
        refuse(asked, problem.clone().with_retry_after(RETRY_AFTER_S));
    }
}
