//! `Ingest`: takes in what store edges tell, one actor for each retailer, on the node that owns it.
//!
//! What arrives while a round is under way forms the next one, whichever device and connection it came by (group
//! commit); when much arrives, that one is decided on while the first is written (`ahead`). Callers are answered after the commit. Limits: [`MOST_IN_ROUND`] requests and [`MOST_EVENTS`] events a round;
//! how many requests wait at all is bounded where they are admitted, in [`super::host`].

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use messages::version::Epoch;
use messages::{EdgeId, ErrorCode, Problem, RetailerId, Timestamp, Version};
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::task::JoinHandle;

use super::ahead::{self, Behind};
use super::folding::{self, Folding};
use super::model::{Edge, Feed, Follower};
use super::pending::JournalEntry;
use super::request::{EdgeReply, EdgeRequest};
use super::round::{Cursors, Decided, Done, Draft, Round, Trust, decide, finish, remember};
use super::show::{self, Shown};
use crate::clock;
use crate::failpoint;
use crate::observe::Observable;
use crate::ports::{Bell, LedgerStore, LiveFeed, StoreError};
use crate::supervise::NotWanted;

/// As many as may wait.
pub const MOST_IN_ROUND: usize = 64;
/// Measured: a round of so many takes some fifteen milliseconds. Larger ones make devices wait and bring less through, since the
/// next one can only be decided on when as much waits again; below it each commit costs more than it carries.
pub const MOST_EVENTS: usize = 400;
/// For those who are told that the retailer has too much to do.
pub(super) const RETRY_AFTER_S: u32 = 1;

pub struct Ingest;

/// What the actors of all retailers work with.
#[derive(Clone)]
pub struct Tools {
    pub store: Arc<dyn LedgerStore>,
    /// Wakes whoever waits for something to come down.
    pub bell: Arc<dyn Bell>,
    pub feed: Arc<dyn LiveFeed>,
    pub clock: fn() -> Timestamp,
}

pub struct Arguments {
    pub retailer: RetailerId,
    /// Absent: this node does not own the retailer, and the start fails.
    pub epoch: Option<Epoch>,
    pub tools: Tools,
}

/// A request on its way through the actor. The permit is its place in the queue.
pub struct Asked {
    pub request: Arc<EdgeRequest>,
    pub reply: RpcReplyPort<Result<EdgeReply, Problem>>,
    pub deadline: Instant,
    pub permit: OwnedSemaphorePermit,
}

pub enum IngestMsg {
    Ask(Box<Asked>),
    /// The round that is being written was decided on so.
    Decided(Box<Draft>),
    Settled(Box<Outcome>),
    /// A fold has ended.
    Folded(Result<(), StoreError>),
    /// Is it time to write the sums?
    Fold,
    /// Is anybody silent?
    Look,
    /// Consoles were told of the ledger a while ago.
    Rested,
    Observe(RpcReplyPort<Value>),
}

impl ractor::Message for IngestMsg {}

impl Observable for IngestMsg {
    fn observe(reply: RpcReplyPort<Value>) -> Self {
        Self::Observe(reply)
    }
}

/// What a round's task reports.
pub struct Outcome {
    result: Result<Done, StoreError>,
}

pub struct State {
    pub(super) retailer: RetailerId,
    pub(super) epoch: Epoch,
    pub(super) tools: Tools,
    /// Of the latest commit, of a round or a fold.
    pub(super) version: Version,
    /// Of the latest round: folds change nothing that anybody is shown.
    pub(super) told: Version,
    pub(super) edges: Arc<BTreeMap<EdgeId, Edge>>,
    pub(super) shown: Shown,
    pub(super) folding: Folding,
    feed: Option<Feed>,
    followers: Arc<BTreeMap<EdgeId, Follower>>,
    cursors: Cursors,
    trust: Trust,
    pub(super) queue: VecDeque<Asked>,
    /// Of the round that is being written, or will be when it is decided on.
    pub(super) working: Option<Vec<Asked>>,
    /// What that leaves behind, while nothing has been built on it.
    pub(super) draft: Option<Draft>,
    pub(super) behind: Option<Behind>,
    /// So many of the queue's first entries are carried out one by one, to find the one that cannot be.
    pub(super) alone: usize,
    rounds: u64,
    events: u64,
    set_aside: u64,
    largest: usize,
}

impl Actor for Ingest {
    type Msg = IngestMsg;
    type State = State;
    type Arguments = Arguments;

    async fn pre_start(&self, me: ActorRef<IngestMsg>, args: Arguments) -> Result<State, ActorProcessingErr> {
        let Arguments { retailer, epoch, tools } = args;
        let not_owner = || NotWanted("this node does not own the retailer".into());
        let epoch = epoch.ok_or_else(not_owner)?;
        let ledger = match tools.store.open(retailer, epoch).await {
            Err(StoreError::Fenced) => return Err(not_owner().into()),
            opened => opened?,
        };
        me.send_interval(show::LOOK_EVERY, || IngestMsg::Look);
        let mut state = State {
            shown: Shown::new((tools.clock)(), ledger.letters),
            folding: Folding::new(ledger.journal),
            retailer,
            epoch,
            tools,
            version: ledger.version,
            told: ledger.version,
            edges: Arc::new(ledger.edges),
            feed: ledger.feed,
            followers: Arc::new(ledger.followers),
            cursors: Cursors::new(),
            trust: if ledger.remembers_singly { Trust::Nobody } else { Trust::Numbers },
            queue: VecDeque::new(),
            working: None,
            draft: None,
            behind: None,
            alone: 0,
            rounds: 0,
            events: 0,
            set_aside: 0,
            largest: 0,
        };
        folding::wake(&me, &mut state);
        Ok(state)
    }

    async fn handle(
        &self,
        me: ActorRef<IngestMsg>,
        message: IngestMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            IngestMsg::Ask(asked) => match show::at_once(&me, state, &asked.request) {
                Some(answer) => show::reply(*asked, answer),
                None => {
                    match &*asked.request {
                        EdgeRequest::Fold => state.folding.wait(*asked),
                        _ => state.queue.push_back(*asked),
                    }
                    begin(&me, state);
                }
            },
            IngestMsg::Decided(draft) => {
                state.draft = Some(*draft);
                begin(&me, state);
            }
            IngestMsg::Settled(outcome) => return settle(&me, state, *outcome),
            IngestMsg::Folded(result) => return folding::ended(&me, state, result),
            IngestMsg::Fold => folding::woken(&me, state),
            IngestMsg::Look => show::look(&me, state),
            IngestMsg::Rested => show::rested(&me, state),
            IngestMsg::Observe(reply) => drop(reply.send(snapshot(state))),
        }
        Ok(())
    }
}

fn snapshot(state: &State) -> Value {
    let (unfolded, folds) = state.folding.counts();
    json!({
        "retailer": state.retailer, "epoch": state.epoch, "version": state.version, "edges": state.edges.len(),
        "waiting": state.queue.len(), "working": state.working.as_ref().map_or(0, Vec::len),
        "behind": state.behind.as_ref().map_or(0, Behind::requests),
        "head": state.feed.as_ref().map(|feed| feed.head), "followers": state.followers.len(),
        "unfolded": unfolded, "folds": folds,
        "rounds": state.rounds, "events": state.events, "set_aside": state.set_aside, "largest_round": state.largest,
    })
}

/// Starts a round with what waits, unless one is under way or the sums come first.
pub(super) fn begin(me: &ActorRef<IngestMsg>, state: &mut State) {
    if state.working.is_some() {
        return ahead::begin(me, state);
    }
    if state.folding.is_working() || folding::first(me, state) {
        return;
    }
    let working = gather(state, |_| true);
    if working.is_empty() {
        return;
    }
    failpoint::pass("ingest.before_commit");
    let round = round_of(state, &working, None);
    state.working = Some(working);
    start(me, state, round, None);
}

/// A round of these, on top of what is committed or of the one that is being written.
pub(super) fn round_of(state: &mut State, asked: &[Asked], before: Option<Draft>) -> Round {
    state.largest = state.largest.max(asked.len());
    let (version, drafted, before) = match before {
        Some(draft) => (draft.version, draft.cursors, Some(draft.changes)),
        None => (state.version, Cursors::new(), None),
    };
    let mut cursors = Cursors::new();
    for one in asked {
        let EdgeRequest::Batch(parcel) = &*one.request else { continue };
        if let Some(cursor) = drafted.get(&parcel.stream).or_else(|| state.cursors.get(&parcel.stream)) {
            cursors.insert(parcel.stream, cursor.clone());
        }
    }
    Round {
        retailer: state.retailer,
        epoch: state.epoch,
        version,
        edges: state.edges.clone(),
        feed: state.feed.clone(),
        followers: state.followers.clone(),
        cursors,
        before,
        trust: state.trust,
        requests: asked.iter().map(|one| one.request.clone()).collect(),
        now: (state.tools.clock)(),
    }
}

/// Carries it out beside the actor: decides, waits for its turn if it has to, and writes.
pub(super) fn start(
    me: &ActorRef<IngestMsg>,
    state: &State,
    round: Round,
    turn: Option<oneshot::Receiver<()>>,
) {
    let (store, me) = (state.tools.store.clone(), me.clone());
    tokio::spawn(async move {
        let (ledger, first) = (store.clone(), round.clone());
        let decided = whole(tokio::spawn(async move { decide(&*ledger, first).await })).await;
        if let Some(turn) = turn
            && turn.await.is_err()
        {
            // The round before it came out otherwise: what was asked waits again.
            return;
        }
        // A stopped actor has nobody left to answer.
        if let Some(draft) = decided.as_ref().ok().and_then(Decided::draft) {
            drop(me.cast(IngestMsg::Decided(Box::new(draft))));
        }
        let result = whole(tokio::spawn(async move { finish(&*store, round, decided).await })).await;
        drop(me.cast(IngestMsg::Settled(Box::new(Outcome { result }))));
    });
}

/// Each step in a task of its own: whatever an event from outside does to the code that reads it, the round ends.
async fn whole<T>(step: JoinHandle<Result<T, StoreError>>) -> Result<T, StoreError> {
    step.await.unwrap_or_else(|failure| {
        tracing::error!(%failure, "a round of events ended before its answer");
        Err(StoreError::Corrupt("the round could not be carried out".into()))
    })
}

/// How many events a request counts for.
pub(super) fn size(request: &EdgeRequest) -> usize {
    match request {
        EdgeRequest::Batch(parcel) => parcel.events.len(),
        EdgeRequest::Import { rows, .. } => rows.len(),
        _ => 1,
    }
}

/// As much of the queue as fits into a round, up to the first that may not be in it. Who has waited too long is told so.
pub(super) fn gather(state: &mut State, may: fn(&Asked) -> bool) -> Vec<Asked> {
    let now = clock::now();
    let most = if state.alone > 0 { 1 } else { MOST_IN_ROUND };
    let (mut round, mut events) = (Vec::new(), 0);
    while round.len() < most {
        let Some(next) = state.queue.front().filter(|next| may(next)) else { break };
        let size = size(&next.request);
        if !round.is_empty() && events + size > MOST_EVENTS {
            break;
        }
        let Some(asked) = state.queue.pop_front() else { break };
        state.alone = state.alone.saturating_sub(1);
        if asked.deadline <= now {
            refuse(asked, ErrorCode::DeadlineExceeded.into());
            continue;
        }
        events += size;
        round.push(asked);
    }
    round
}

pub(super) fn refuse(asked: Asked, problem: Problem) {
    show::reply(asked, Err(problem));
}

/// The round has ended.
fn settle(me: &ActorRef<IngestMsg>, state: &mut State, outcome: Outcome) -> Result<(), ActorProcessingErr> {
    let Some(working) = state.working.take() else { return Ok(()) };
    state.draft = None;
    match outcome.result {
        Ok(done) => {
            if done.again {
                ahead::put_back(state);
            }
            failpoint::pass("ingest.after_commit");
            state.rounds += 1;
            state.events += done.events;
            state.set_aside += done.set_aside;
            state.folding.add(JournalEntry { round: done.version, additions: done.added });
            if done.version != state.version {
                (state.version, state.told) = (done.version, done.version);
            }
            state.edges = done.edges;
            state.followers = done.followers;
            remember(&mut state.cursors, done.cursors);
            if state.feed != done.feed {
                state.feed = done.feed;
                state.tools.bell.ring(state.retailer);
            }
            state.shown.count_letters(done.letters);
            let mut heard = Vec::new();
            for (asked, answer) in working.into_iter().zip(done.answers) {
                if answer.is_ok() {
                    heard.push(asked.request.clone());
                }
                show::reply(asked, answer);
            }
            show::settled(me, state, &heard);
        }
        Err(error) => {
            ahead::put_back(state);
            return give_up(me, state, working, error);
        }
    }
    ahead::go_on(state);
    begin(me, state);
    folding::wake(me, state);
    Ok(())
}

/// Another node owns the retailer.
pub(super) fn fenced(me: &ActorRef<IngestMsg>, state: &mut State, working: Vec<Asked>) {
    for asked in working.into_iter().chain(std::mem::take(&mut state.queue)).chain(state.folding.leave()) {
        refuse(asked, ErrorCode::NotOwner.into());
    }
    me.stop(Some("fenced: another node owns the retailer".into()));
}

/// Nothing of the round counts, or nobody knows whether it does.
fn give_up(
    me: &ActorRef<IngestMsg>,
    state: &mut State,
    working: Vec<Asked>,
    error: StoreError,
) -> Result<(), ActorProcessingErr> {
    match error {
        // One of them cannot be stored. Which?
        StoreError::Taken { .. } | StoreError::Corrupt(_) if working.len() > 1 => {
            state.alone = working.len();
            ahead::wait_again(state, working);
        }
        StoreError::Taken { .. } | StoreError::Corrupt(_) => {
            tracing::error!(retailer = %state.retailer, %error, "events cannot be stored");
            for asked in working {
                let problem = unstorable(&asked.request, &error);
                refuse(asked, problem);
            }
        }
        StoreError::Unavailable(_) => {
            let problem = Problem::from(error).with_retry_after(RETRY_AFTER_S);
            for asked in working {
                refuse(asked, problem.clone());
            }
        }
        StoreError::Fenced => {
            fenced(me, state, working);
            return Ok(());
        }
        // What the store has is not known: start again from what it says.
        StoreError::Unknown(_) => {
            for asked in working {
                refuse(asked, error.clone().into());
            }
            return Err(Box::new(error));
        }
    }
    begin(me, state);
    Ok(())
}

/// A device that is refused a batch for this reason sends half of it, and keeps the one event that cannot be taken.
fn unstorable(request: &EdgeRequest, error: &StoreError) -> Problem {
    match request {
        EdgeRequest::Batch(_) => Problem::new(ErrorCode::EventRefused, "the hub cannot store this event"),
        _ => error.clone().into(),
    }
}
