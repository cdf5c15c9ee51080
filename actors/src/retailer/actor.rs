//! `Retailer`: one actor for each retailer, on the node that owns it.
//!
//! Requests that arrive while a commit is under way form the next one (group commit). Callers are answered, consoles
//! told and agents sent to only after it. Limits: [`MOST_IN_BATCH`] requests a commit; how many requests wait at all
//! is bounded where they are admitted, in [`crate::host`].

mod batch;
mod effects;
mod looks;
mod read;
mod recall;
#[cfg(test)]
mod tests;
mod timer;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use messages::agent::{Fact, ToAgent};
use messages::live::{Tick, Topic};
use messages::run::{Presence, RunFailure};
use messages::version::Epoch;
use messages::{CommandId, ErrorCode, Problem, RetailerId, RunId, Timestamp};
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use serde_json::{Value, json};
use tokio::sync::OwnedSemaphorePermit;

use self::batch::{Batch, Outcome};
use self::recall::{Found, Recalled};
use super::decide;
use super::presence::{Connections, Generations, Stray};
use super::request::{Request, Response};
use super::state::State as Documents;
use super::watch::History;
use crate::clock;
use crate::observe::Observable;
use crate::ports::{ConnAddr, Downlink, LiveFeed, Publication, StoreError, TenantStore, Unsealer};
use crate::run::watchers::Watchers;
use crate::supervise::NotWanted;

/// A transaction of this many small documents still commits in milliseconds.
pub const MOST_IN_BATCH: usize = 64;

pub struct Retailer;

/// What a retailer's actor works with.
#[derive(Clone)]
pub struct Tools {
    pub store: Arc<dyn TenantStore>,
    pub unsealer: Arc<dyn Unsealer>,
    pub downlink: Arc<dyn Downlink>,
    pub feed: Arc<dyn LiveFeed>,
    pub watchers: Watchers,
    pub clock: fn() -> Timestamp,
    /// The wall clock is asked again at least this often while something is to come by itself: so late a clock that
    /// was set forward is noticed.
    pub longest_wait: Duration,
    pub generations: Generations,
}

/// [`Tools::longest_wait`] of a real node.
pub const LONGEST_WAIT: Duration = Duration::from_secs(60);

pub struct Arguments {
    pub retailer: RetailerId,
    /// Absent: this node does not own the retailer, and the start fails.
    pub epoch: Option<Epoch>,
    pub tools: Tools,
}

pub type Reply = RpcReplyPort<Result<Response, Problem>>;

/// A request on its way through the actor. The permit is its place in the queue.
pub struct Asked {
    pub request: Request,
    pub reply: Reply,
    pub deadline: Instant,
    pub permit: OwnedSemaphorePermit,
}

pub enum RetailerMsg {
    Ask(Box<Asked>),
    Committed(Outcome),
    /// A run was read back for a report on it.
    Recalled(Box<Found>),
    /// Look at an open run again.
    Review(RunId),
    PresenceDue,
    /// Something is due by itself.
    Due,
    /// An agent had long enough to look.
    LookDue(CommandId),
    Observe(RpcReplyPort<Value>),
}

impl ractor::Message for RetailerMsg {}

impl Observable for RetailerMsg {
    fn observe(reply: RpcReplyPort<Value>) -> Self {
        Self::Observe(reply)
    }
}

/// Something to decide on.
enum Work {
    Asked(Box<Asked>),
    Review(RunId),
    /// Schedules and waiting runs.
    Tick,
    /// The run cannot be sent.
    Impossible(RunId, RunFailure),
}

pub struct State {
    retailer: RetailerId,
    epoch: Epoch,
    tools: Tools,
    documents: Documents,
    connections: Connections,
    history: History,
    queue: VecDeque<Work>,
    committing: Option<Batch>,
    /// So many of the queue's first entries are committed one by one, to find the one that cannot be.
    alone: usize,
    /// Runs read back for the reports in the queue.
    recalled: Recalled,
    /// When the next look at the agents' presence is due.
    presence_due: Option<Instant>,
    commits: u64,
    timer: timer::Timer,
    looks: looks::Looks,
}

impl Actor for Retailer {
    type Msg = RetailerMsg;
    type State = State;
    type Arguments = Arguments;

    async fn pre_start(
        &self,
        _: ActorRef<RetailerMsg>,
        args: Arguments,
    ) -> Result<State, ActorProcessingErr> {
        let Arguments { retailer, epoch, tools } = args;
        let not_owner = || NotWanted("this node does not own the retailer".into());
        let epoch = epoch.ok_or_else(not_owner)?;
        let image = match tools.store.take(retailer, epoch).await {
            Err(StoreError::Fenced) => return Err(not_owner().into()),
            taken => taken?,
        };
        let mut documents = Documents::of(image);
        decide::foresee(&mut documents, (tools.clock)());
        Ok(State {
            retailer,
            epoch,
            tools,
            documents,
            connections: Connections::starting(clock::now()),
            history: History::default(),
            queue: VecDeque::new(),
            committing: None,
            alone: 0,
            recalled: Recalled::default(),
            presence_due: None,
            commits: 0,
            timer: timer::Timer::default(),
            looks: looks::Looks::default(),
        })
    }

    async fn post_start(
        &self,
        me: ActorRef<RetailerMsg>,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        for run in state.documents.open_runs() {
            state.tools.watchers.watch(state.retailer, run.id);
        }
        state.tools.downlink.announce(state.retailer);
        effects::publish_summary(state);
        tell_presence(&me, state);
        timer::arm(&me, state);
        Ok(())
    }

    async fn handle(
        &self,
        me: ActorRef<RetailerMsg>,
        message: RetailerMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            RetailerMsg::Ask(asked) => admit(&me, state, asked),
            RetailerMsg::Committed(outcome) => return batch::settle(&me, state, outcome),
            RetailerMsg::Recalled(found) => recall::found(&me, state, *found),
            RetailerMsg::Review(run) => review(&me, state, run),
            RetailerMsg::PresenceDue => {
                // A timer that an earlier one has overtaken finds nothing due.
                if state.presence_due.take_if(|due| *due <= clock::now()).is_some() {
                    tell_presence(&me, state);
                }
            }
            RetailerMsg::Due => {
                state.timer.went_off();
                state.queue.push_back(Work::Tick);
                batch::begin(&me, state);
                timer::arm(&me, state);
            }
            RetailerMsg::LookDue(command) => looks::late(state, command),
            RetailerMsg::Observe(reply) => drop(reply.send(snapshot(state))),
        }
        Ok(())
    }

    /// An orderly end: whoever owns the retailer next watches its runs.
    async fn post_stop(&self, _: ActorRef<RetailerMsg>, state: &mut State) -> Result<(), ActorProcessingErr> {
        for run in state.documents.open_runs() {
            state.tools.watchers.release(run.id);
        }
        Ok(())
    }
}

/// A watcher asks about its run. One that is over was ended by an earlier life, which could not say so.
fn review(me: &ActorRef<RetailerMsg>, state: &mut State, run: RunId) {
    if state.documents.runs.get(&run).is_none_or(|run| run.state.is_over()) {
        state.tools.watchers.release(run);
        return;
    }
    state.queue.push_back(Work::Review(run));
    batch::begin(me, state);
}

fn snapshot(state: &State) -> Value {
    json!({
        "retailer": state.retailer, "epoch": state.epoch, "version": state.documents.version,
        "commits": state.commits, "waiting": state.queue.len(), "committing": state.committing.is_some(),
        "agents_online": state.connections.online(clock::now()), "open_runs": state.documents.open_runs().count(),
        "next_due": decide::next_wake(&state.documents, (state.tools.clock)()),
    })
}

/// Reads are answered from what is committed; sockets' own affairs need no commit; the rest waits for one.
fn admit(me: &ActorRef<RetailerMsg>, state: &mut State, asked: Box<Asked>) {
    if asked.request.is_read() {
        read::answer(state, *asked);
        return;
    }
    if matches!(asked.request, Request::Inspect { .. }) {
        looks::begin(me, state, *asked);
        return;
    }
    if let Some(run) = recall::wanted(state, &asked.request) {
        recall::begin(me, state, run, asked);
        return;
    }
    match touch_socket(me, state, &asked.request) {
        Ok(true) => {
            state.queue.push_back(Work::Asked(asked));
            batch::begin(me, state);
        }
        Ok(false) => drop(asked.reply.send(Ok(Response::Done))),
        Err(problem) => drop(asked.reply.send(Err(problem))),
    }
}

/// Keeps the table of sockets. True: there is something to commit as well.
fn touch_socket(me: &ActorRef<RetailerMsg>, state: &mut State, request: &Request) -> Result<bool, Problem> {
    let now = clock::now();
    let at = (state.tools.clock)();
    let commits = match request {
        Request::Attach { conn, credential, active, .. } => {
            decide::authenticate(&state.documents, conn.agent, *credential)?;
            let replaced = state.connections.attach(*conn, active.clone(), now, at).map_err(stray)?;
            if let Some(old) = replaced {
                looks::lost(state, old);
                state.tools.downlink.send(old, goodbye(ErrorCode::AgentSuperseded));
            }
            true
        }
        Request::Alive { conn, active } => {
            state.connections.alive(*conn, Some(active.clone()), now, at).map_err(stray)?;
            false
        }
        Request::Detach { conn } => {
            looks::lost(state, *conn);
            state.connections.detach(*conn)
        }
        Request::Inspected { conn, command, finding } => {
            state.connections.alive(*conn, None, now, at).map_err(stray)?;
            looks::found(state, *conn, *command, finding);
            false
        }
        Request::Accepted { conn, .. }
        | Request::Refused { conn, .. }
        | Request::CredentialSaved { conn } => {
            state.connections.alive(*conn, None, now, at).map_err(stray)?;
            true
        }
        Request::Reports { conn, reports, .. } => {
            state.connections.alive(*conn, None, now, at).map_err(stray)?;
            show_progress(state, *conn, reports);
            true
        }
        _ => true,
    };
    tell_presence(me, state);
    Ok(commits)
}

fn stray(stray: Stray) -> Problem {
    match stray {
        Stray::Superseded => ErrorCode::AgentSuperseded.into(),
        Stray::Unknown => Problem::new(ErrorCode::WrongState, "the socket is not attached"),
    }
}

fn goodbye(code: ErrorCode) -> ToAgent {
    // A superseded or revoked agent has nothing to come back for soon; its own rules say when it tries.
    ToAgent::Bye { code, detail: code.title().to_owned(), retry_after_ms: None }
}

/// Progress is not worth a commit: it goes to the run's watcher, and into the documents with the result.
fn show_progress(state: &mut State, conn: ConnAddr, reports: &[messages::agent::Report]) {
    crate::failpoint::pass("retailer.report");
    for report in reports {
        let Fact::Progress(progress) = &report.fact else { continue };
        let Some(run) = state.documents.runs.get_mut(&report.run_id) else { continue };
        if run.agent_id == conn.agent && !run.state.is_over() {
            Arc::make_mut(run).progress = *progress;
            state.tools.watchers.progress(state.retailer, report.run_id, *progress);
        }
    }
}

/// Tells the consoles what has changed about the agents, and sets the clock for the next change.
fn tell_presence(me: &ActorRef<RetailerMsg>, state: &mut State) {
    let now = clock::now();
    let mut changed = state.connections.changes(now);
    if state.connections.settles(now) {
        // Those that have not come since this actor started are away.
        let away = state.documents.agents.values().filter(|agent| !state.connections.has_seen(agent.id));
        changed.extend(away.filter_map(|agent| Some((agent.id, Presence::Down, agent.last_seen_at?))));
    }
    if !changed.is_empty() {
        let ticks: Arc<[Tick]> = changed
            .into_iter()
            .map(|(agent_id, presence, last_seen_at)| Tick::Presence { agent_id, presence, last_seen_at })
            .collect();
        let topic = Topic::Retailer(state.retailer);
        state.tools.feed.publish(Publication::Ticked { topic, ticks });
        effects::publish_summary(state);
    }
    if let Some(wait) = state.connections.next_change(now)
        && state.presence_due.is_none_or(|due| now + wait < due)
    {
        state.presence_due = Some(now + wait);
        // Timers are exact to the millisecond only.
        me.send_after(wait + Duration::from_millis(10), || RetailerMsg::PresenceDue);
    }
}
