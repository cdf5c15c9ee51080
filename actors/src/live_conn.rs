//! `LiveConn`: one console's socket. It ends with its socket.
//!
//! Joins topics first and asks for their state then, so that nothing falls between the two. Limits: [`MAX_TOPICS`]
//! topics, [`MAX_FRAMES_A_SECOND`] frames and [`MAX_TOPICS_A_SECOND`] subscriptions in, [`OUTBOUND`] frames to write.
//! A console that reads too slowly is brought back by fresh snapshots once it reads again, and never costs more
//! memory than its queue.

mod catch_up;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use messages::live::{FromConsole, MAX_TOPICS, Subscription, ToConsole, Topic};
use messages::permission::Permission;
use messages::{ConnId, ErrorCode, Problem, SessionId, Timestamp, UserId};
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use self::catch_up::Watch;
use crate::clock;
use crate::failpoint;
use crate::live_hub::fleet::Fleet;
use crate::live_hub::{Consoles, LiveHubMsg, Outgoing, Those, encode};
use crate::observe::Observable;
use crate::ports::{Board, Doorman, Visitor};
use crate::retailer::request::{Router, Watched};

/// Frames waiting to be written to a console.
pub const OUTBOUND: usize = 64;
/// People click; they do not click fifty times a second.
pub const MAX_FRAMES_A_SECOND: u32 = 50;
/// Topics asked for in a second: coming back with all of them, and then some. Each may cost a snapshot.
pub const MAX_TOPICS_A_SECOND: usize = 2 * MAX_TOPICS;
/// A socket that has not been admitted by then is no console. What else it sends does not prolong this.
const HELLO_WITHIN: Duration = Duration::from_secs(10);
/// How long the check of a token may take.
const ADMIT_WITHIN: Duration = Duration::from_secs(8);
const CHECK_EVERY: Duration = Duration::from_secs(5);
/// A console pings every 25 s.
const SILENT_AFTER: Duration = Duration::from_secs(75);
/// How long after its token's end a console may take to send the new one.
const RENEWAL_GRACE: Duration = Duration::from_secs(30);
/// How soon a slow console is looked at again.
const LAG_CHECK: Duration = Duration::from_millis(500);
const COME_BACK_MS: u64 = 1_000;

/// What each topic needs: the other half of the permission table, beside the routes.
#[must_use]
pub const fn permission(topic: Topic) -> Permission {
    match topic {
        Topic::Dashboard | Topic::Summary(_) | Topic::Stores(_) => Permission::RetailerRead,
        Topic::Retailer(_) => Permission::ConfigRead,
        Topic::Run(..) => Permission::RunRead,
    }
}

pub struct LiveConn;

pub struct Arguments {
    pub conn: ConnId,
    pub router: Arc<dyn Router>,
    pub doorman: Arc<dyn Doorman>,
    pub board: Arc<dyn Board>,
    pub fleet: Fleet,
    pub consoles: Consoles,
    /// To the task that writes the socket; the socket closes when this is dropped.
    pub outbound: mpsc::Sender<Arc<str>>,
}

pub enum LiveConnMsg {
    Frame(FromConsole),
    /// The frame could not be read.
    Garbage(Problem),
    Admitted(Result<Visitor, Problem>),
    FromHub(Arc<Outgoing>),
    /// The state of a topic, asked for in the given round.
    Watched {
        topic: Topic,
        round: u64,
        result: Result<Watched, Problem>,
    },
    /// The state of a topic could not be had a while ago.
    AskAgain {
        topic: Topic,
        round: u64,
    },
    /// The hub actor has a new life.
    Rejoin,
    /// These retailers have a new owner, or news from it may be missing.
    RejoinThose(Those),
    /// The session is over.
    SessionEnded(SessionId),
    /// The user may do more or less than the token says: a new token tells.
    RightsChanged(UserId),
    Check,
    LagCheck,
    /// The node is stopping.
    ShutDown,
    Observe(RpcReplyPort<Value>),
}

impl ractor::Message for LiveConnMsg {}

impl Observable for LiveConnMsg {
    fn observe(reply: RpcReplyPort<Value>) -> Self {
        Self::Observe(reply)
    }
}

pub struct State {
    args: Arguments,
    visitor: Option<Visitor>,
    admitting: bool,
    watches: HashMap<Topic, Watch>,
    round: u64,
    opened: Instant,
    heard: Instant,
    pace: Pace,
    lag_timer: bool,
    resyncs: u64,
}

impl Actor for LiveConn {
    type Msg = LiveConnMsg;
    type State = State;
    type Arguments = Arguments;

    async fn pre_start(
        &self,
        me: ActorRef<LiveConnMsg>,
        args: Arguments,
    ) -> Result<State, ActorProcessingErr> {
        me.send_interval(CHECK_EVERY, || LiveConnMsg::Check);
        let now = clock::now();
        Ok(State {
            args,
            visitor: None,
            admitting: false,
            watches: HashMap::new(),
            round: 0,
            opened: now,
            heard: now,
            pace: Pace { second: now, frames: 0, topics: 0 },
            lag_timer: false,
            resyncs: 0,
        })
    }

    async fn handle(
        &self,
        me: ActorRef<LiveConnMsg>,
        message: LiveConnMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            LiveConnMsg::Frame(frame) => {
                failpoint::pass("live_conn.frame");
                receive(&me, state, frame);
            }
            LiveConnMsg::Garbage(problem) => {
                if count(&me, state, 0) {
                    say(&me, state, &error(&problem));
                }
            }
            LiveConnMsg::Admitted(result) => admitted(&me, state, result),
            LiveConnMsg::FromHub(outgoing) => catch_up::from_hub(&me, state, outgoing),
            LiveConnMsg::Watched { topic, round, result } => {
                catch_up::watched(&me, state, topic, round, result)
            }
            LiveConnMsg::AskAgain { topic, round } => catch_up::ask_again(&me, state, topic, round),
            LiveConnMsg::Rejoin => catch_up::rejoin(&me, state, |_| true),
            LiveConnMsg::RejoinThose(those) => {
                catch_up::rejoin(&me, state, |topic| topic.retailer().is_some_and(|of| those(of)));
            }
            LiveConnMsg::SessionEnded(session) => {
                if state.visitor.as_ref().is_some_and(|visitor| visitor.session == session) {
                    goodbye(&me, state, &ErrorCode::SessionRevoked.into());
                }
            }
            LiveConnMsg::RightsChanged(user) => {
                if state.visitor.as_ref().is_some_and(|visitor| visitor.user == user) {
                    goodbye(&me, state, &ErrorCode::TokenExpired.into());
                }
            }
            LiveConnMsg::Check => check(&me, state),
            LiveConnMsg::LagCheck => catch_up::lag_check(&me, state),
            LiveConnMsg::ShutDown => goodbye(&me, state, &ErrorCode::ShuttingDown.into()),
            LiveConnMsg::Observe(reply) => drop(reply.send(snapshot(state))),
        }
        Ok(())
    }

    async fn post_stop(&self, _: ActorRef<LiveConnMsg>, state: &mut State) -> Result<(), ActorProcessingErr> {
        state.args.consoles.remove(state.args.conn);
        Ok(())
    }
}

fn snapshot(state: &State) -> Value {
    json!({
        "user": state.visitor.as_ref().map(|visitor| visitor.user), "topics": state.watches.len(),
        "behind": state.watches.values().filter(|watch| watch.is_behind()).count(), "resyncs": state.resyncs, "to_write": OUTBOUND - state.args.outbound.capacity(),
    })
}

fn receive(me: &ActorRef<LiveConnMsg>, state: &mut State, frame: FromConsole) {
    state.heard = clock::now();
    let topics = if let FromConsole::Subscribe { topics } = &frame { topics.len() } else { 0 };
    if !count(me, state, topics) {
        return;
    }
    match frame {
        FromConsole::Hello { token } => {
            if std::mem::replace(&mut state.admitting, true) {
                return;
            }
            let (doorman, me) = (state.args.doorman.clone(), me.clone());
            tokio::spawn(async move {
                let late = |_| Err(ErrorCode::DeadlineExceeded.into());
                let result =
                    tokio::time::timeout(ADMIT_WITHIN, doorman.admit(&token)).await.unwrap_or_else(late);
                drop(me.cast(LiveConnMsg::Admitted(result)));
            });
        }
        FromConsole::Ping => say(me, state, &ToConsole::Pong),
        _ if state.visitor.is_none() => {
            let problem = Problem::new(ErrorCode::NotAuthenticated, "say hello with an access token first");
            say(me, state, &error(&problem));
        }
        FromConsole::Subscribe { topics } => {
            for subscription in topics {
                subscribe(me, state, subscription);
            }
        }
        FromConsole::Unsubscribe { topics } => {
            for topic in topics {
                state.watches.remove(&topic);
                state.args.consoles.tell(LiveHubMsg::Leave { topic, conn: state.args.conn });
            }
        }
    }
}

fn error(problem: &Problem) -> ToConsole {
    ToConsole::Error { code: problem.code, detail: problem.detail.clone() }
}

fn admitted(me: &ActorRef<LiveConnMsg>, state: &mut State, result: Result<Visitor, Problem>) {
    state.admitting = false;
    match result {
        Ok(visitor) => {
            let rights = |visitor: &Visitor| (visitor.user, visitor.role, visitor.scope.clone());
            let same = state.visitor.as_ref().is_some_and(|before| rights(before) == rights(&visitor));
            state.visitor = Some(visitor);
            tell(me, state, &ToConsole::Welcome { server_time: Timestamp::now() });
            if !same {
                // Another person, or other rights: what was watched is asked for anew, and refused where it must be.
                let topics: Vec<_> = state.watches.keys().copied().collect();
                for topic in topics {
                    subscribe(me, state, Subscription { topic, since: None });
                }
            }
        }
        Err(problem) => goodbye(me, state, &problem),
    }
}

/// Checked here, and again for each delivery by the scope that the watch was joined with.
fn allowed(visitor: &Visitor, topic: Topic) -> Result<(), Problem> {
    if !visitor.role.may(permission(topic)) {
        return Err(Problem::new(ErrorCode::Forbidden, "your role may not watch this"));
    }
    if topic.retailer().is_some_and(|retailer| !visitor.scope.admits(retailer)) {
        return Err(Problem::new(ErrorCode::NotFound, "there is no such retailer"));
    }
    Ok(())
}

fn subscribe(me: &ActorRef<LiveConnMsg>, state: &mut State, subscription: Subscription) {
    let Subscription { topic, since } = subscription;
    let Some(visitor) = &state.visitor else { return };
    let verdict = allowed(visitor, topic).and_then(|()| {
        let room = state.watches.contains_key(&topic) || state.watches.len() < MAX_TOPICS;
        let detail = || format!("one socket watches at most {MAX_TOPICS} topics; leave some first");
        if room { Ok(()) } else { Err(Problem::new(ErrorCode::LimitReached, detail())) }
    });
    match verdict {
        Ok(()) => catch_up::watch(me, state, topic, since),
        Err(problem) => refuse(me, state, topic, &problem),
    }
}

fn refuse(me: &ActorRef<LiveConnMsg>, state: &mut State, topic: Topic, problem: &Problem) {
    state.watches.remove(&topic);
    state.args.consoles.tell(LiveHubMsg::Leave { topic, conn: state.args.conn });
    tell(me, state, &ToConsole::Refused { topic, code: problem.code, detail: problem.detail.clone() });
}

fn check(me: &ActorRef<LiveConnMsg>, state: &mut State) {
    let silent = clock::now().duration_since(state.heard);
    let token_over =
        state.visitor.as_ref().is_some_and(|visitor| Timestamp::now() > visitor.until + RENEWAL_GRACE);
    if token_over {
        goodbye(me, state, &ErrorCode::TokenExpired.into());
    } else if state.visitor.is_none() && clock::now().duration_since(state.opened) > HELLO_WITHIN {
        goodbye(me, state, &ErrorCode::NotAuthenticated.into());
    } else if silent > SILENT_AFTER {
        goodbye(me, state, &Problem::new(ErrorCode::DeadlineExceeded, "no ping within 75 s"));
    }
}

fn goodbye(me: &ActorRef<LiveConnMsg>, state: &State, problem: &Problem) {
    let retry_after_ms = problem.retry.then_some(COME_BACK_MS);
    let bye = ToConsole::Bye { code: problem.code, detail: problem.detail.clone(), retry_after_ms };
    if let Some(text) = encode(&bye) {
        // A full queue means that nobody reads: then nobody misses the reason.
        drop(state.args.outbound.try_send(text));
    }
    me.stop(Some(problem.code.as_str().into()));
}

/// Says what may be left unsaid to a console that does not read.
fn say(me: &ActorRef<LiveConnMsg>, state: &State, frame: &ToConsole) {
    if !send(me, state, frame) {
        tracing::trace!("a console does not read what it is answered");
    }
}

/// Says what must not be missed: with the queue full, the console has to begin again.
fn tell(me: &ActorRef<LiveConnMsg>, state: &State, frame: &ToConsole) {
    if !send(me, state, frame) {
        goodbye(me, state, &ErrorCode::SlowReader.into());
    }
}

/// False: the queue is full.
fn send(me: &ActorRef<LiveConnMsg>, state: &State, frame: &ToConsole) -> bool {
    encode(frame).is_none_or(|text| push(me, state, text) != Pushed::Full)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pushed {
    Queued,
    Full,
    Closed,
}

/// Hands a frame to the socket's writer.
fn push(me: &ActorRef<LiveConnMsg>, state: &State, text: Arc<str>) -> Pushed {
    match state.args.outbound.try_send(text) {
        Ok(()) => Pushed::Queued,
        Err(mpsc::error::TrySendError::Full(_)) => Pushed::Full,
        Err(mpsc::error::TrySendError::Closed(_)) => {
            me.stop(Some("the socket is closed".into()));
            Pushed::Closed
        }
    }
}

/// What has come in within the second under way.
struct Pace {
    second: Instant,
    frames: u32,
    topics: usize,
}

/// Counts a frame. False: it was one too many, and the socket ends.
fn count(me: &ActorRef<LiveConnMsg>, state: &mut State, topics: usize) -> bool {
    let now = clock::now();
    if now.duration_since(state.pace.second) >= Duration::from_secs(1) {
        state.pace = Pace { second: now, frames: 0, topics: 0 };
    }
    state.pace.frames += 1;
    state.pace.topics = state.pace.topics.saturating_add(topics);
    if state.pace.frames <= MAX_FRAMES_A_SECOND && state.pace.topics <= MAX_TOPICS_A_SECOND {
        return true;
    }
    let detail =
        format!("more than {MAX_FRAMES_A_SECOND} frames or {MAX_TOPICS_A_SECOND} topics in a second");
    goodbye(me, state, &Problem::new(ErrorCode::RateLimited, detail));
    false
}
