//! `LiveHub`: topics and the consoles of this node that watch them, and the dashboard.
//!
//! A publication is encoded once for all its watchers. The dashboard is sent at most once each [`DASHBOARD_EVERY`].
//! Its mailbox is fed by retailers, each of which publishes at the pace of its commits and ticks.

pub mod fleet;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use messages::agent::Frame;
use messages::live::{Change, Entity, Tick, ToConsole, Topic, Totals};
use messages::permission::RetailerScope;
use messages::{ConnId, RetailerId, Version};
use ractor::rpc::CallResult;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use serde_json::{Value, json};
use tokio::time::timeout;

use self::fleet::Fleet;
use crate::failpoint;
use crate::live_conn::LiveConnMsg;
use crate::observe::Observable;
use crate::ports::{Board, LiveFeed, Publication, StoreError, Today};

/// Totals over all retailers are worth looking at once a second.
const DASHBOARD_EVERY: Duration = Duration::from_secs(1);
/// How long the store may take for the dashboard's figures.
const PATIENCE: Duration = Duration::from_secs(15);

pub struct LiveHub;

pub struct Arguments {
    pub board: Arc<dyn Board>,
    pub fleet: Fleet,
    pub consoles: Consoles,
}

/// Something on its way to consoles, encoded once.
#[derive(Debug)]
pub struct Outgoing {
    pub topic: Topic,
    pub kind: Kind,
    /// The frame as it is written to a socket.
    pub text: Arc<str>,
}

#[derive(Debug)]
pub enum Kind {
    Delta { after: Version, version: Version, changes: Arc<[Change]> },
    Tick,
    Gone,
}

pub enum LiveHubMsg {
    Publish(Publication),
    Join {
        topic: Topic,
        scope: RetailerScope,
        conn: ConnId,
        actor: ActorRef<LiveConnMsg>,
    },
    Leave {
        topic: Topic,
        conn: ConnId,
    },
    LeaveAll(ConnId),
    /// Which retailers are watched from this node?
    Watched(RpcReplyPort<Vec<RetailerId>>),
    DashboardDue,
    Today {
        scope: RetailerScope,
        today: Result<Today, StoreError>,
    },
    Observe(RpcReplyPort<Value>),
}

impl ractor::Message for LiveHubMsg {}

impl Observable for LiveHubMsg {
    fn observe(reply: RpcReplyPort<Value>) -> Self {
        Self::Observe(reply)
    }
}

/// Says which retailers are meant.
pub type Those = Arc<dyn Fn(RetailerId) -> bool + Send + Sync>;

/// The consoles of this node, and the way to the hub actor in its present life.
#[derive(Clone, Default)]
pub struct Consoles {
    inner: Arc<Mutex<ConsolesInner>>,
}

#[derive(Default)]
struct ConsolesInner {
    hub: Option<ActorRef<LiveHubMsg>>,
    all: HashMap<ConnId, ActorRef<LiveConnMsg>>,
}

impl Consoles {
    fn lock(&self) -> std::sync::MutexGuard<'_, ConsolesInner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new life of the hub actor knows no watchers: all consoles join again.
    pub fn set_hub(&self, hub: ActorRef<LiveHubMsg>) {
        let consoles: Vec<_> = {
            let mut inner = self.lock();
            inner.hub = Some(hub);
            inner.all.iter().map(|(conn, console)| (*conn, console.clone())).collect()
        };
        for (conn, console) in consoles {
            if console.cast(LiveConnMsg::Rejoin).is_err() {
                self.remove(conn);
            }
        }
    }

    pub fn put(&self, conn: ConnId, console: ActorRef<LiveConnMsg>) {
        self.lock().all.insert(conn, console);
    }

    pub fn remove(&self, conn: ConnId) {
        self.lock().all.remove(&conn);
        self.tell(LiveHubMsg::LeaveAll(conn));
    }

    /// Has the topics of these retailers joined again: their owner is another one, or news from it may be missing.
    pub fn rejoin(&self, those: &Those) {
        for console in self.all() {
            // One that is closing watches nothing.
            drop(console.cast(LiveConnMsg::RejoinThose(those.clone())));
        }
    }

    /// The retailers that are watched from this node.
    pub async fn watched(&self, within: Duration) -> Vec<RetailerId> {
        let hub = self.lock().hub.clone();
        let Some(hub) = hub else { return Vec::new() };
        match hub.call(LiveHubMsg::Watched, Some(within)).await {
            Ok(CallResult::Success(watched)) => watched,
            _ => Vec::new(),
        }
    }

    #[must_use]
    pub fn all(&self) -> Vec<ActorRef<LiveConnMsg>> {
        self.lock().all.values().cloned().collect()
    }

    /// Sends to the hub actor. While it restarts there is nobody to send to: consoles join again afterwards and
    /// notice by the version what they missed.
    pub fn tell(&self, message: LiveHubMsg) {
        let hub = self.lock().hub.clone();
        if hub.is_none_or(|hub| hub.cast(message).is_err()) {
            tracing::debug!("the live hub is restarting; a publication is not shown");
        }
    }
}

impl LiveFeed for Consoles {
    fn publish(&self, publication: Publication) {
        self.tell(LiveHubMsg::Publish(publication));
    }
}

#[derive(Clone)]
struct Watcher {
    actor: ActorRef<LiveConnMsg>,
    scope: RetailerScope,
}

pub struct State {
    args: Arguments,
    topics: HashMap<Topic, HashMap<ConnId, Watcher>>,
    timer: bool,
    /// Figures that the store has been asked for. Until all are there it is not asked again.
    asked: usize,
    /// What the watchers of each scope have seen last.
    shown: Vec<(RetailerScope, Totals)>,
    published: u64,
}

impl Actor for LiveHub {
    type Msg = LiveHubMsg;
    type State = State;
    type Arguments = Arguments;

    async fn pre_start(&self, _: ActorRef<LiveHubMsg>, args: Arguments) -> Result<State, ActorProcessingErr> {
        args.fleet.load(timeout(PATIENCE, args.board.summaries()).await??);
        Ok(State { args, topics: HashMap::new(), timer: false, asked: 0, shown: Vec::new(), published: 0 })
    }

    async fn handle(
        &self,
        me: ActorRef<LiveHubMsg>,
        message: LiveHubMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            LiveHubMsg::Publish(publication) => publish(&me, state, publication),
            LiveHubMsg::Join { topic, scope, conn, actor } => {
                state.topics.entry(topic).or_default().insert(conn, Watcher { actor, scope });
                if topic == Topic::Dashboard {
                    state.shown.clear();
                    dashboard_soon(&me, state);
                }
            }
            LiveHubMsg::Leave { topic, conn } => leave(state, topic, conn),
            LiveHubMsg::LeaveAll(conn) => {
                let watched: Vec<_> = state.topics.keys().copied().collect();
                for topic in watched {
                    leave(state, topic, conn);
                }
            }
            LiveHubMsg::Watched(reply) => {
                let mut watched: Vec<_> = state.topics.keys().filter_map(|topic| topic.retailer()).collect();
                watched.sort_unstable();
                watched.dedup();
                drop(reply.send(watched));
            }
            LiveHubMsg::DashboardDue => {
                state.timer = false;
                if state.asked == 0 {
                    look_up_today(&me, state);
                } else {
                    dashboard_soon(&me, state);
                }
            }
            LiveHubMsg::Today { scope, today } => {
                state.asked = state.asked.saturating_sub(1);
                show_totals(&me, state, scope, today);
            }
            LiveHubMsg::Observe(reply) => {
                let watchers: usize = state.topics.values().map(HashMap::len).sum();
                let snapshot =
                    json!({"topics": state.topics.len(), "watchers": watchers, "published": state.published});
                drop(reply.send(snapshot));
            }
        }
        Ok(())
    }
}

fn leave(state: &mut State, topic: Topic, conn: ConnId) {
    if let Some(watchers) = state.topics.get_mut(&topic) {
        watchers.remove(&conn);
        if watchers.is_empty() {
            state.topics.remove(&topic);
        }
    }
    if topic == Topic::Dashboard {
        let watchers = state.topics.get(&topic);
        let watched = |scope: &RetailerScope| {
            watchers.is_some_and(|all| all.values().any(|watcher| watcher.scope == *scope))
        };
        state.shown.retain(|(scope, _)| watched(scope));
    }
}

fn publish(me: &ActorRef<LiveHubMsg>, state: &mut State, publication: Publication) {
    failpoint::pass("live_hub.publish");
    state.published += 1;
    match publication {
        Publication::Committed { topic, after, version, changes } => {
            send_delta(state, topic, after, version, changes);
        }
        Publication::Ticked { topic, ticks } => send_ticks(state, topic, &ticks),
        Publication::Summary(summary) => {
            let topic = Topic::Summary(summary.id);
            if state.args.fleet.put(summary.clone()) {
                send_ticks(state, topic, &[Tick::Summary { summary }]);
                dashboard_soon(me, state);
            }
        }
        Publication::Run { run, .. } => {
            let topic = Topic::Run(run.retailer_id, run.id);
            let version = run.rev;
            let changes: Arc<[Change]> = Arc::new([Change::Put { entity: Entity::Run((*run).clone()) }]);
            send_delta(state, topic, Version(version.0.saturating_sub(1)), version, changes);
            dashboard_soon(me, state);
        }
        Publication::Stores(brief) => state.args.fleet.put_stores(brief),
        Publication::Gone(retailer) => gone(me, state, retailer),
    }
}

fn gone(me: &ActorRef<LiveHubMsg>, state: &mut State, retailer: RetailerId) {
    state.args.fleet.remove(retailer);
    let theirs: Vec<_> =
        state.topics.keys().filter(|topic| topic.retailer() == Some(retailer)).copied().collect();
    for topic in theirs {
        send(state, topic, Kind::Gone, &refusal(topic));
        state.topics.remove(&topic);
    }
    dashboard_soon(me, state);
}

/// What a watcher of something deleted is told.
#[must_use]
pub fn refusal(topic: Topic) -> ToConsole {
    let code = messages::ErrorCode::NotFound;
    ToConsole::Refused { topic, code, detail: "it has been deleted".into() }
}

fn send_delta(state: &State, topic: Topic, after: Version, version: Version, changes: Arc<[Change]>) {
    if !state.topics.contains_key(&topic) {
        return;
    }
    let frame = ToConsole::Delta { topic, after, version, changes: changes.to_vec() };
    send(state, topic, Kind::Delta { after, version, changes }, &frame);
}

fn send_ticks(state: &State, topic: Topic, ticks: &[Tick]) {
    if state.topics.contains_key(&topic) {
        send(state, topic, Kind::Tick, &ToConsole::Tick { topic, ticks: ticks.to_vec() });
    }
}

fn send(state: &State, topic: Topic, kind: Kind, frame: &ToConsole) {
    let Some(watchers) = state.topics.get(&topic) else { return };
    let Some(text) = encode(frame) else { return };
    let outgoing = Arc::new(Outgoing { topic, kind, text });
    for watcher in watchers.values() {
        // A console that is closing leaves by itself.
        drop(watcher.actor.cast(LiveConnMsg::FromHub(outgoing.clone())));
    }
}

/// The frame as text. Our own types always encode; if one does not, it is told and not shown.
#[must_use]
pub fn encode(frame: &ToConsole) -> Option<Arc<str>> {
    match serde_json::to_string(&Frame::new(frame)) {
        Ok(text) => Some(text.into()),
        Err(error) => {
            tracing::error!(%error, "a live frame cannot be encoded");
            None
        }
    }
}

fn dashboard_soon(me: &ActorRef<LiveHubMsg>, state: &mut State) {
    if state.topics.contains_key(&Topic::Dashboard) && !std::mem::replace(&mut state.timer, true) {
        me.send_after(DASHBOARD_EVERY, || LiveHubMsg::DashboardDue);
    }
}

/// Asks the store once for each scope that somebody watches with.
fn look_up_today(me: &ActorRef<LiveHubMsg>, state: &mut State) {
    let Some(watchers) = state.topics.get(&Topic::Dashboard) else { return };
    let mut asked: Vec<&RetailerScope> = Vec::new();
    for watcher in watchers.values() {
        if asked.contains(&&watcher.scope) {
            continue;
        }
        asked.push(&watcher.scope);
        let (board, scope, me) = (state.args.board.clone(), watcher.scope.clone(), me.clone());
        tokio::spawn(async move {
            let late = |_| Err(StoreError::Unavailable("the figures of the day took too long".into()));
            let today = timeout(PATIENCE, board.today(scope.clone())).await.unwrap_or_else(late);
            drop(me.cast(LiveHubMsg::Today { scope, today }));
        });
    }
    state.asked = asked.len();
}

fn show_totals(
    me: &ActorRef<LiveHubMsg>,
    state: &mut State,
    scope: RetailerScope,
    today: Result<Today, StoreError>,
) {
    let today = match today {
        Ok(today) => today,
        Err(error) => {
            tracing::warn!(%error, "the dashboard cannot be brought up to date; trying again");
            dashboard_soon(me, state);
            return;
        }
    };
    let totals = state.args.fleet.totals(&scope, today);
    if state.shown.iter().any(|(of, shown)| *of == scope && *shown == totals) {
        return;
    }
    state.shown.retain(|(of, _)| *of != scope);
    state.shown.push((scope.clone(), totals.clone()));
    let topic = Topic::Dashboard;
    let frame = ToConsole::Tick { topic, ticks: vec![Tick::Totals { totals }] };
    let Some(text) = encode(&frame) else { return };
    let outgoing = Arc::new(Outgoing { topic, kind: Kind::Tick, text });
    let watchers = state.topics.get(&topic).into_iter().flat_map(HashMap::values);
    for watcher in watchers.filter(|watcher| watcher.scope == scope) {
        drop(watcher.actor.cast(LiveConnMsg::FromHub(outgoing.clone())));
    }
}
