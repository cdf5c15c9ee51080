//! `Follow`: asks the hub for what comes down to this store, and applies it, one question after the other. Child of the
//! edge. A round (read where we stand, ask, apply, write down) is a task of its own, so that a handler never waits.
//!
//! Limits: a page has at most 250 changes; the writer gets them in pieces of [`plan::PIECE`] and whoever sells has a turn
//! between two; waits double from half a second to a minute. Nothing here stands between a till and its receipt.

pub mod plan;
pub mod transport;

use std::sync::Arc;
use std::time::Duration;

use actors::backoff::Backoff;
use actors::observe::Observable;
use actors::{clock, failpoint};
use messages::edge::Currency;
use messages::edge::status::LinkState;
use messages::{Problem, Timestamp};
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::config::SyncProtocol;
use crate::links::Links;
use crate::relay::choice::Choice;
use crate::relay::plan::SendFault;
use crate::store::Store;
use plan::{Course, Step};
use transport::Transport;

const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Between two questions that were answered with nothing: a hub that does not wait is not asked in a circle.
const NOTHING_NEW: Duration = Duration::from_millis(300);

pub struct Follow;

#[derive(Clone)]
pub struct FollowArguments {
    pub store: Store,
    pub links: Arc<Links>,
    pub http: Arc<dyn Transport>,
    pub grpc: Arc<dyn Transport>,
    pub protocol: SyncProtocol,
    /// The store's own; prices of another one are not taken.
    pub currency: Currency,
    /// How long the hub may keep a question.
    pub wait: Duration,
}

pub enum FollowMsg {
    /// The line has come back.
    BackOnline,
    /// A wait is over.
    Due(u64),
    Done(Box<Round>),
    Observe(RpcReplyPort<Value>),
}

impl ractor::Message for FollowMsg {}

impl Observable for FollowMsg {
    fn observe(reply: RpcReplyPort<Value>) -> Self {
        Self::Observe(reply)
    }
}

/// How a round went.
pub enum Round {
    /// Something was applied: there may be more.
    Applied,
    Nothing,
    Failed {
        least: Duration,
        why: String,
        way: SyncProtocol,
        line_failed: bool,
    },
    /// The database did not do its part.
    Store(Problem),
}

pub struct FollowState {
    arguments: FollowArguments,
    choice: Choice,
    waits: Backoff,
    waiting: bool,
    wait: u64,
    failures: u32,
    round: Option<JoinHandle<()>>,
    watcher: JoinHandle<()>,
}

impl Actor for Follow {
    type Msg = FollowMsg;
    type State = FollowState;
    type Arguments = FollowArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<FollowMsg>,
        arguments: FollowArguments,
    ) -> Result<FollowState, ActorProcessingErr> {
        let mut line = arguments.links.connectivity.subscribe();
        let woken = myself.clone();
        let watcher = tokio::spawn(async move {
            while line.changed().await.is_ok() {
                let online = line.borrow_and_update().state == LinkState::Online;
                if online && woken.cast(FollowMsg::BackOnline).is_err() {
                    return;
                }
            }
        });
        let mut state = FollowState {
            choice: Choice::new(arguments.protocol),
            arguments,
            waits: Backoff::new(FIRST_WAIT, LONGEST_WAIT, 0.3),
            waiting: false,
            wait: 0,
            failures: 0,
            round: None,
            watcher,
        };
        begin(&myself, &mut state);
        Ok(state)
    }

    async fn handle(
        &self,
        myself: ActorRef<FollowMsg>,
        message: FollowMsg,
        state: &mut FollowState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            FollowMsg::BackOnline if state.waiting => begin(&myself, state),
            FollowMsg::BackOnline => {}
            FollowMsg::Due(wait) if wait == state.wait && state.waiting => begin(&myself, state),
            FollowMsg::Due(_) => {}
            FollowMsg::Done(round) => ended(&myself, state, *round),
            FollowMsg::Observe(reply) => {
                let _ignored = reply.send(json!({"waiting": state.waiting, "failures": state.failures}));
            }
        }
        Ok(())
    }

    async fn post_stop(
        &self,
        _myself: ActorRef<FollowMsg>,
        state: &mut FollowState,
    ) -> Result<(), ActorProcessingErr> {
        state.watcher.abort();
        // Cut off wherever it is, it has either written a piece or not.
        if let Some(round) = state.round.take() {
            round.abort();
        }
        Ok(())
    }
}

fn begin(me: &ActorRef<FollowMsg>, state: &mut FollowState) {
    failpoint::pass("follow.round");
    state.waiting = false;
    let way = state.choice.way(clock::now());
    let (arguments, me) = (state.arguments.clone(), me.clone());
    state.round = Some(tokio::spawn(async move {
        let round = round(&arguments, way).await.unwrap_or_else(Round::Store);
        // Without an actor nobody goes on; its next life begins from what is written down.
        let _ignored = me.cast(FollowMsg::Done(Box::new(round)));
    }));
}

async fn round(arguments: &FollowArguments, way: SyncProtocol) -> Result<Round, Problem> {
    let store = &arguments.store;
    let (standing, device) =
        store.read(|store| Ok((store.catalogue()?.standing, store.installation()?.device_id))).await?;
    let question = standing.question(device, arguments.wait);
    let transport = match way {
        SyncProtocol::Http => &arguments.http,
        SyncProtocol::Grpc => &arguments.grpc,
    };
    let outcome = transport.ask(&question).await;
    match plan::after(&standing, &question, outcome.as_ref(), arguments.currency) {
        Step::Own => Ok(Round::Nothing),
        Step::Follow(course) => {
            let is_news = !course.pieces.is_empty() || course.begin.is_some() || course.finish;
            carry_out(store, *course).await?;
            Ok(if is_news { Round::Applied } else { Round::Nothing })
        }
        Step::Wait { least, why } => {
            let told = why.clone();
            store.write(move |tx| tx.note_catalogue_error(&told)).await?;
            let line_failed = matches!(outcome, Err(SendFault::Line(_)));
            Ok(Round::Failed { least, why, way, line_failed })
        }
    }
}

/// Each piece is a commit with the cursor behind it: cut off anywhere, the next life goes on there.
async fn carry_out(store: &Store, course: Course) -> Result<(), Problem> {
    let Course { begin, pieces, finish, head, is_all, unknown } = course;
    for what in &unknown {
        tracing::warn!(what, "a change of the catalogue is left out; a newer edge may know it");
    }
    if let Some((feed, until)) = begin {
        tracing::info!(%feed, changes = until, "a whole catalogue is being taken over");
        store.write(move |tx| tx.begin_load(feed, until)).await?;
    }
    for piece in pieces {
        if !store.write(move |tx| tx.apply_piece(&piece, Timestamp::now())).await? {
            // Another life has been here meanwhile; it knows better.
            return Ok(());
        }
    }
    if finish {
        store.write(|tx| tx.finish_load(Timestamp::now())).await?;
        tracing::info!("tills sell from the catalogue that was taken over");
    }
    store.write(move |tx| tx.hear_catalogue(head, is_all, Timestamp::now())).await
}

fn ended(me: &ActorRef<FollowMsg>, state: &mut FollowState, round: Round) {
    state.round = None;
    match round {
        Round::Applied => {
            well(state);
            begin(me, state);
        }
        Round::Nothing => {
            well(state);
            pause(me, state, NOTHING_NEW);
        }
        Round::Store(problem) => {
            tracing::warn!(detail = problem.detail, "what came down could not be read or written");
            let wait = state.waits.next_wait();
            pause(me, state, wait);
        }
        Round::Failed { least, why, way, line_failed } => {
            if line_failed && state.choice.failed(way, clock::now()) {
                tracing::debug!(why, "trying the other way");
                begin(me, state);
                return;
            }
            state.failures = state.failures.saturating_add(1);
            tracing::debug!(why, failures = state.failures, "the hub did not say what has changed");
            let wait = state.waits.next_wait().max(least);
            pause(me, state, wait);
        }
    }
}

fn well(state: &mut FollowState) {
    state.failures = 0;
    state.waits.reset();
}

fn pause(me: &ActorRef<FollowMsg>, state: &mut FollowState, wait: Duration) {
    state.waiting = true;
    state.wait += 1;
    let due = state.wait;
    me.send_after(wait, move || FollowMsg::Due(due));
}
