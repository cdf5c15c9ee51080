//! From joining a topic to following it: snapshot, what happened meanwhile, then each change as it comes.

use std::sync::Arc;
use std::time::Duration;

use messages::live::{Entity, ToConsole, Topic, Totals};
use messages::{ErrorCode, Problem, RetailerId, Version};
use ractor::ActorRef;

use super::{LAG_CHECK, LiveConnMsg, OUTBOUND, Pushed, State, allowed, push, refuse, send};
use crate::ingest::request::{EdgeReply, EdgeRequest};
use crate::live_hub::{Kind, LiveHubMsg, Outgoing};
use crate::retailer::request::{Request, Response, Router, Watched};

/// How long a topic's state may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// News kept while a topic's state is on its way. More than this, and the state is asked for again.
const MOST_WAITING: usize = 256;
/// First and longest wait before a topic that cannot be had now is asked for again. Other topics go on meanwhile.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
const AGAIN_AT_LONGEST: Duration = Duration::from_secs(30);
/// Snapshots asked for at once after a lag: they are to fit the queue beside the news.
const CATCH_UP_AT_ONCE: usize = OUTBOUND / 4;

/// One topic that a console follows.
pub(super) struct Watch {
    /// Which question for the topic's state is the valid one.
    round: u64,
    /// The version that the console had when it was asked.
    since: Option<Version>,
    /// How often the question has failed.
    failures: u32,
    phase: Phase,
}

enum Phase {
    /// The state is on its way; what happens meanwhile is kept.
    Waiting(Vec<Arc<Outgoing>>),
    /// Everything up to this version has been sent.
    Live(Version),
    /// The console reads too slowly and has missed something: it gets a fresh snapshot once it reads again.
    Behind,
}

impl Watch {
    /// The version from which the console can go on, if it has missed nothing so far.
    const fn reached(&self) -> Option<Version> {
        match self.phase {
            Phase::Live(version) => Some(version),
            Phase::Waiting(_) => self.since,
            Phase::Behind => None,
        }
    }

    pub(super) const fn is_behind(&self) -> bool {
        matches!(self.phase, Phase::Behind)
    }
}

/// Joins the topic, then asks for its state: in this order nothing is missed.
pub(super) fn watch(me: &ActorRef<LiveConnMsg>, state: &mut State, topic: Topic, since: Option<Version>) {
    let Some(visitor) = &state.visitor else { return };
    state.args.consoles.tell(LiveHubMsg::Join {
        topic,
        scope: visitor.scope.clone(),
        conn: state.args.conn,
        actor: me.clone(),
    });
    state.round += 1;
    let round = state.round;
    state.watches.insert(topic, Watch { round, since, failures: 0, phase: Phase::Waiting(Vec::new()) });
    ask(me, state, topic, since, round);
}

/// Asks for a topic's state, without waiting.
fn ask(me: &ActorRef<LiveConnMsg>, state: &State, topic: Topic, since: Option<Version>, round: u64) {
    let Some(visitor) = &state.visitor else { return };
    let (router, board, fleet) =
        (state.args.router.clone(), state.args.board.clone(), state.args.fleet.clone());
    let (scope, me) = (visitor.scope.clone(), me.clone());
    tokio::spawn(async move {
        let result = match topic.retailer() {
            Some(retailer) if matches!(topic, Topic::Stores(_)) => stores(&*router, retailer).await,
            Some(retailer) => match router.ask(retailer, Request::Watch { topic, since }, PATIENCE).await {
                Ok(Response::Watched(watched)) => Ok(watched),
                Ok(_) => Err(ErrorCode::Internal.into()),
                Err(problem) => Err(problem),
            },
            None => match tokio::time::timeout(PATIENCE, board.today(scope.clone())).await {
                Ok(Ok(today)) => Ok(dashboard(fleet.totals(&scope, today))),
                Ok(Err(error)) => Err(error.into()),
                Err(_) => Err(ErrorCode::DeadlineExceeded.into()),
            },
        };
        drop(me.cast(LiveConnMsg::Watched { topic, round, result }));
    });
}

/// The ledger has an actor and versions of its own.
async fn stores(router: &dyn Router, retailer: RetailerId) -> Result<Watched, Problem> {
    match router.ask(retailer, Request::Edge(Arc::new(EdgeRequest::Mark)), PATIENCE).await? {
        Response::Edge(EdgeReply::Mark(mark)) => {
            Ok(Watched::Snapshot { version: Version(0), entities: vec![Entity::Ledger(mark)] })
        }
        _ => Err(ErrorCode::Internal.into()),
    }
}

/// A topic that could not be had is asked for again.
pub(super) fn ask_again(me: &ActorRef<LiveConnMsg>, state: &State, topic: Topic, round: u64) {
    if let Some(watch) = state.watches.get(&topic).filter(|watch| watch.round == round) {
        ask(me, state, topic, watch.since, round);
    }
}

fn dashboard(totals: Totals) -> Watched {
    Watched::Snapshot { version: Version(0), entities: vec![Entity::Totals(totals)] }
}

/// The state of a topic has arrived.
pub(super) fn watched(
    me: &ActorRef<LiveConnMsg>,
    state: &mut State,
    topic: Topic,
    round: u64,
    result: Result<Watched, Problem>,
) {
    // Left since, or asked again since.
    let Some(watch) = state.watches.get_mut(&topic).filter(|watch| watch.round == round) else { return };
    let (frames, version) = match result {
        Ok(Watched::Snapshot { version, entities }) => {
            (vec![ToConsole::Snapshot { topic, version, entities }], version)
        }
        Ok(Watched::Since { deltas, version, ticks }) => {
            // One step from where the console is to where the retailer is.
            let after = deltas.first().map(|first| first.after);
            let changes = deltas.into_iter().flat_map(|delta| delta.changes).collect();
            let delta = after.map(|after| ToConsole::Delta { topic, after, version, changes });
            let ticks = (!ticks.is_empty()).then_some(ToConsole::Tick { topic, ticks });
            (delta.into_iter().chain(ticks).collect(), version)
        }
        Err(problem) if problem.retry => {
            // The retailer moves, or the store is away.
            let wait = AGAIN_AFTER.saturating_mul(1 << watch.failures.min(5)).min(AGAIN_AT_LONGEST);
            watch.failures += 1;
            tracing::debug!(%topic, %problem, "a topic cannot be had now");
            me.send_after(wait, move || LiveConnMsg::AskAgain { topic, round });
            return;
        }
        Err(problem) => {
            refuse(me, state, topic, &problem);
            return;
        }
    };
    let Phase::Waiting(kept) = std::mem::replace(&mut watch.phase, Phase::Live(version)) else { return };
    for frame in frames {
        if !send(me, state, &frame) {
            fall_behind(me, state, topic);
            return;
        }
    }
    for outgoing in kept {
        from_hub(me, state, outgoing);
    }
}

/// News of a topic.
pub(super) fn from_hub(me: &ActorRef<LiveConnMsg>, state: &mut State, outgoing: Arc<Outgoing>) {
    let topic = outgoing.topic;
    // At delivery as at subscription: whoever may not watch it any more gets nothing.
    let admitted = state.visitor.as_ref().is_some_and(|visitor| allowed(visitor, topic).is_ok());
    let Some(watch) = state.watches.get_mut(&topic).filter(|_| admitted) else { return };
    let mine = match &mut watch.phase {
        Phase::Behind => return,
        Phase::Waiting(kept) if kept.len() < MOST_WAITING => {
            kept.push(outgoing);
            return;
        }
        Phase::Waiting(_) => {
            self::watch(me, state, topic, None);
            return;
        }
        Phase::Live(version) => *version,
    };
    let sent = match &outgoing.kind {
        Kind::Tick => push(me, state, outgoing.text.clone()),
        Kind::Gone => {
            let pushed = push(me, state, outgoing.text.clone());
            // One that could not be told is asked for again, and refused then.
            if pushed == Pushed::Queued {
                state.watches.remove(&topic);
            }
            pushed
        }
        Kind::Delta { version, .. } if *version <= mine => return,
        Kind::Delta { after, version, .. } if *after == mine => {
            watch.phase = Phase::Live(*version);
            push(me, state, outgoing.text.clone())
        }
        // Commits that do not concern a run are not told to those who watch it, so its versions have holes.
        Kind::Delta { version, changes, .. } if matches!(topic, Topic::Run(..)) => {
            watch.phase = Phase::Live(*version);
            let changes = changes.to_vec();
            let sent = send(me, state, &ToConsole::Delta { topic, after: mine, version: *version, changes });
            if sent { Pushed::Queued } else { Pushed::Full }
        }
        Kind::Delta { .. } => {
            state.resyncs += 1;
            self::watch(me, state, topic, Some(mine));
            return;
        }
    };
    if sent == Pushed::Full {
        fall_behind(me, state, topic);
    }
}

/// The queue is full: nothing more of this topic until the console has read.
fn fall_behind(me: &ActorRef<LiveConnMsg>, state: &mut State, topic: Topic) {
    if let Some(watch) = state.watches.get_mut(&topic) {
        watch.phase = Phase::Behind;
        lag_check_soon(me, state);
    }
}

fn lag_check_soon(me: &ActorRef<LiveConnMsg>, state: &mut State) {
    if !std::mem::replace(&mut state.lag_timer, true) {
        me.send_after(LAG_CHECK, || LiveConnMsg::LagCheck);
    }
}

/// The hub actor has lost its memory, or news may be missing: join again and catch up from where we are.
pub(super) fn rejoin(me: &ActorRef<LiveConnMsg>, state: &mut State, wanted: impl Fn(Topic) -> bool) {
    // Those that are behind catch up by themselves, and join again then.
    let present = state.watches.iter().filter(|(topic, watch)| wanted(**topic) && !watch.is_behind());
    let topics: Vec<_> = present.map(|(topic, watch)| (*topic, watch.reached())).collect();
    for (topic, since) in topics {
        watch(me, state, topic, since);
    }
}

/// A slow console gets fresh snapshots once half its queue is free, a few at a time.
pub(super) fn lag_check(me: &ActorRef<LiveConnMsg>, state: &mut State) {
    state.lag_timer = false;
    if state.args.outbound.is_closed() {
        me.stop(Some("the socket is closed".into()));
        return;
    }
    let behind: Vec<_> =
        state.watches.iter().filter(|(_, watch)| watch.is_behind()).map(|(topic, _)| *topic).collect();
    let room = if state.args.outbound.capacity() < OUTBOUND / 2 { 0 } else { CATCH_UP_AT_ONCE };
    for topic in behind.iter().take(room) {
        state.resyncs += 1;
        watch(me, state, *topic, None);
    }
    if behind.len() > room {
        lag_check_soon(me, state);
    }
}
