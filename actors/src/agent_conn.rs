//! `AgentConn`: one socket of an agent, on the node that accepted it. It ends with its socket.
//!
//! Stores what streams in, brings the rest to the retailer's actor wherever that lives, and acknowledges once both
//! are durable. Limits: [`MOST_PENDING`] report frames, [`MOST_ASKS`] questions to the retailer at once and
//! [`MOST_WAITING`] behind them, [`OUTBOUND`] frames to write; what goes beyond ends the socket, and the agent sends
//! again what was not acknowledged.

mod known;
mod reports;
pub mod sockets;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use messages::agent::{FromAgent, Hello, Report, ToAgent};
use messages::ids::SpoolId;
use messages::inspect::Finding;
use messages::run::LogLine;
use messages::validate::Validate as _;
use messages::{ErrorCode, Problem, RetailerId, Timestamp};
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::clock;
use crate::domain::SecretHash;
use crate::failpoint;
use crate::observe::Observable;
use crate::ports::{ConnAddr, LiveFeed, TenantStore};
use crate::retailer::request::{Request, Response, Router};
use crate::retailer::state::MOST_OPEN_RUNS;

/// Frames waiting to be written. A hello is answered with every open run of the agent and every cancel at once, so
/// those must fit; an agent that does not read them is gone or broken.
pub const OUTBOUND: usize = 2 * MOST_OPEN_RUNS + 64;
/// An agent has at most four report frames unacknowledged; a second reconnect may add as many.
const MOST_PENDING: usize = 8;
/// Questions to the retailer under way for one agent.
const MOST_ASKS: usize = 8;
/// Frames that wait until one of those is answered. An agent that is handed all its runs at once accepts them at once.
const MOST_WAITING: usize = 2 * MOST_OPEN_RUNS;
/// A socket that has not said hello by then is no agent.
const HELLO_WITHIN: Duration = Duration::from_secs(10);
const HEARTBEAT: Duration = Duration::from_secs(10);
/// Four heartbeats missed, and a bit.
const SILENT_AFTER: Duration = Duration::from_secs(45);
const CHECK_EVERY: Duration = Duration::from_secs(5);
/// How long the retailer may take to answer.
const PATIENCE: Duration = Duration::from_secs(15);
/// After a fault on the hub's side, the agent comes back this soon.
const COME_BACK_MS: u64 = 2_000;

pub struct AgentConn;

pub struct Arguments {
    pub retailer: RetailerId,
    pub conn: ConnAddr,
    pub credential: SecretHash,
    pub router: Arc<dyn Router>,
    pub store: Arc<dyn TenantStore>,
    pub feed: Arc<dyn LiveFeed>,
    /// To the task that writes the socket; the socket closes when this is dropped.
    pub outbound: mpsc::Sender<ToAgent>,
}

pub enum AgentConnMsg {
    Frame(FromAgent),
    /// The frame could not be read.
    Garbage(Problem),
    /// From the retailer's actor.
    Deliver(ToAgent),
    /// The retailer has a new actor.
    Attach,
    Attached(Result<Response, Problem>),
    Answered {
        what: &'static str,
        result: Result<Response, Problem>,
    },
    Stored(reports::Stored),
    Check,
    Observe(RpcReplyPort<Value>),
}

impl ractor::Message for AgentConnMsg {}

impl Observable for AgentConnMsg {
    fn observe(reply: RpcReplyPort<Value>) -> Self {
        Self::Observe(reply)
    }
}

pub struct State {
    args: Arguments,
    hello: Option<Hello>,
    attached: bool,
    attaching: bool,
    /// Asked to attach while that was under way: the owner may have changed, or not have reached this socket.
    attach_again: bool,
    /// What the retailer sent before the welcome was out.
    early: Vec<ToAgent>,
    heard: Instant,
    asks: usize,
    waiting: VecDeque<(&'static str, Request)>,
    next_seq: u64,
    pending: VecDeque<(SpoolId, Vec<Report>)>,
    storing: bool,
    stored: u64,
    /// Lent to the frame that is being stored.
    known: known::Known,
}

impl Actor for AgentConn {
    type Msg = AgentConnMsg;
    type State = State;
    type Arguments = Arguments;

    async fn pre_start(
        &self,
        me: ActorRef<AgentConnMsg>,
        args: Arguments,
    ) -> Result<State, ActorProcessingErr> {
        me.send_interval(CHECK_EVERY, || AgentConnMsg::Check);
        Ok(State {
            args,
            hello: None,
            attached: false,
            attaching: false,
            attach_again: false,
            early: Vec::new(),
            heard: clock::now(),
            asks: 0,
            waiting: VecDeque::new(),
            next_seq: 0,
            pending: VecDeque::new(),
            storing: false,
            stored: 0,
            known: known::Known::default(),
        })
    }

    async fn handle(
        &self,
        me: ActorRef<AgentConnMsg>,
        message: AgentConnMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            AgentConnMsg::Frame(frame) => {
                state.heard = clock::now();
                failpoint::pass("agent_conn.frame");
                receive(&me, state, frame);
            }
            AgentConnMsg::Garbage(problem) => goodbye(&me, state, &problem),
            AgentConnMsg::Deliver(frame) => deliver(&me, state, frame),
            AgentConnMsg::Attach => attach(&me, state),
            AgentConnMsg::Attached(result) => attached(&me, state, result),
            AgentConnMsg::Answered { what, result } => answered(&me, state, what, result),
            AgentConnMsg::Stored(stored) => reports::stored(&me, state, stored),
            AgentConnMsg::Check => check(&me, state),
            AgentConnMsg::Observe(reply) => drop(reply.send(snapshot(state))),
        }
        Ok(())
    }

    async fn post_stop(
        &self,
        _: ActorRef<AgentConnMsg>,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        // Also when the answer to its hello is still to come: it may have been attached meanwhile.
        if state.hello.is_some() {
            let (router, retailer, conn) = (state.args.router.clone(), state.args.retailer, state.args.conn);
            tokio::spawn(async move {
                if let Err(problem) = router.ask(retailer, Request::Detach { conn }, PATIENCE).await {
                    tracing::debug!(agent = %conn.agent, %problem, "the end of a socket was not noted");
                }
            });
        }
        Ok(())
    }
}

fn snapshot(state: &State) -> Value {
    json!({
        "retailer": state.args.retailer, "agent": state.args.conn.agent, "attached": state.attached,
        "silent_ms": clock::now().duration_since(state.heard).as_millis(), "reports_stored": state.stored,
        "reports_waiting": state.pending.len(), "asks": state.asks + state.waiting.len(),
        "to_write": OUTBOUND - state.args.outbound.capacity(),
    })
}

fn receive(me: &ActorRef<AgentConnMsg>, state: &mut State, frame: FromAgent) {
    let conn = state.args.conn;
    match frame {
        FromAgent::Hello(hello) => greet(me, state, hello),
        _ if state.hello.is_none() => {
            goodbye(me, state, &Problem::new(ErrorCode::UnexpectedFrame, "the first frame must be hello"));
        }
        FromAgent::Heartbeat { active } => {
            if let Some(hello) = &mut state.hello {
                hello.active.clone_from(&active);
            }
            ask(me, state, "heartbeat", Request::Alive { conn, active });
        }
        FromAgent::Accepted { command_id } => {
            ask(me, state, "accepted", Request::Accepted { conn, command: command_id });
        }
        FromAgent::Refused { command_id, code, mut detail } => {
            reports::cut(&mut detail, LogLine::MAX_TEXT);
            ask(me, state, "refused", Request::Refused { conn, command: command_id, code, detail });
        }
        FromAgent::CredentialSaved => ask(me, state, "credential_saved", Request::CredentialSaved { conn }),
        FromAgent::Inspected { command_id, mut finding } => {
            if let Finding::Failed { detail, .. } = &mut *finding {
                reports::cut(detail, LogLine::MAX_TEXT);
            }
            ask(me, state, "inspected", Request::Inspected { conn, command: command_id, finding });
        }
        FromAgent::Reports { spool_id, reports } => reports::receive(me, state, spool_id, reports),
    }
}

fn greet(me: &ActorRef<AgentConnMsg>, state: &mut State, hello: Hello) {
    if state.hello.is_some() {
        goodbye(me, state, &Problem::new(ErrorCode::UnexpectedFrame, "hello was said already"));
    } else if let Err(problem) = hello.machine.validate() {
        goodbye(me, state, &problem);
    } else {
        // Numbers begin with 1.
        state.next_seq = hello.next_seq.max(1);
        state.hello = Some(hello);
        attach(me, state);
    }
}

/// Makes this socket known to the retailer's actor.
fn attach(me: &ActorRef<AgentConnMsg>, state: &mut State) {
    let Some(hello) = state.hello.clone() else { return };
    if std::mem::replace(&mut state.attaching, true) {
        state.attach_again = true;
        return;
    }
    let (conn, credential) = (state.args.conn, state.args.credential);
    let request = Request::Attach { conn, credential, machine: hello.machine, active: hello.active };
    let (router, retailer, me) = (state.args.router.clone(), state.args.retailer, me.clone());
    tokio::spawn(async move {
        let result = router.ask(retailer, request, PATIENCE).await;
        drop(me.cast(AgentConnMsg::Attached(result)));
    });
}

fn attached(me: &ActorRef<AgentConnMsg>, state: &mut State, result: Result<Response, Problem>) {
    state.attaching = false;
    if let Err(problem) = result {
        goodbye(me, state, &problem);
        return;
    }
    if std::mem::take(&mut state.attach_again) {
        attach(me, state);
    }
    if std::mem::replace(&mut state.attached, true) {
        reports::store_next(me, state);
        return;
    }
    let welcome = ToAgent::Welcome {
        agent_id: state.args.conn.agent,
        heartbeat_s: u32::try_from(HEARTBEAT.as_secs()).unwrap_or(u32::MAX),
        server_time: Timestamp::now(),
    };
    write(me, state, welcome);
    for frame in std::mem::take(&mut state.early) {
        write(me, state, frame);
    }
    reports::store_next(me, state);
}

fn deliver(me: &ActorRef<AgentConnMsg>, state: &mut State, frame: ToAgent) {
    if state.attached || matches!(frame, ToAgent::Bye { .. }) {
        write(me, state, frame);
    } else if state.early.len() < OUTBOUND {
        state.early.push(frame);
    }
}

/// Asks the retailer, without waiting, or after others that are under way.
fn ask(me: &ActorRef<AgentConnMsg>, state: &mut State, what: &'static str, request: Request) {
    if state.waiting.len() >= MOST_WAITING {
        let detail = format!("{MOST_WAITING} frames wait for the retailer already; wait between frames");
        goodbye(me, state, &Problem::new(ErrorCode::RateLimited, detail));
        return;
    }
    state.waiting.push_back((what, request));
    ask_next(me, state);
}

fn ask_next(me: &ActorRef<AgentConnMsg>, state: &mut State) {
    while state.asks < MOST_ASKS
        && let Some((what, request)) = state.waiting.pop_front()
    {
        state.asks += 1;
        let (router, retailer, me) = (state.args.router.clone(), state.args.retailer, me.clone());
        tokio::spawn(async move {
            let result = router.ask(retailer, request, PATIENCE).await;
            drop(me.cast(AgentConnMsg::Answered { what, result }));
        });
    }
}

fn answered(
    me: &ActorRef<AgentConnMsg>,
    state: &mut State,
    what: &'static str,
    result: Result<Response, Problem>,
) {
    state.asks = state.asks.saturating_sub(1);
    ask_next(me, state);
    let Err(problem) = result else { return };
    match problem.code {
        ErrorCode::WrongState => attach(me, state),
        ErrorCode::AgentSuperseded | ErrorCode::AgentRevoked | ErrorCode::NotFound => {
            goodbye(me, state, &problem)
        }
        // The agent repeats what matters: reports until they are acknowledged, answers when the command comes again.
        _ => {
            tracing::debug!(agent = %state.args.conn.agent, what, %problem, "the retailer did not take a frame")
        }
    }
}

fn check(me: &ActorRef<AgentConnMsg>, state: &mut State) {
    let silent = clock::now().duration_since(state.heard);
    if state.hello.is_none() && silent > HELLO_WITHIN {
        goodbye(me, state, &Problem::new(ErrorCode::UnexpectedFrame, "no hello within 10 s"));
    } else if silent > SILENT_AFTER {
        goodbye(me, state, &Problem::new(ErrorCode::DeadlineExceeded, "no heartbeat within 45 s"));
    }
}

/// Says why, and closes.
fn goodbye(me: &ActorRef<AgentConnMsg>, state: &mut State, problem: &Problem) {
    let retry_after_ms = problem.retry.then_some(COME_BACK_MS);
    write(me, state, ToAgent::Bye { code: problem.code, detail: problem.detail.clone(), retry_after_ms });
}

/// Hands a frame to the socket's writer. A goodbye is the last one.
fn write(me: &ActorRef<AgentConnMsg>, state: &mut State, frame: ToAgent) {
    let last = matches!(frame, ToAgent::Bye { .. });
    let full = state.args.outbound.try_send(frame).is_err();
    if full && !last {
        tracing::warn!(agent = %state.args.conn.agent, "the agent does not read what is sent; closing its socket");
    }
    if full || last {
        me.stop(Some(if full { "the socket is closed or does not drain" } else { "goodbye" }.into()));
    }
}
