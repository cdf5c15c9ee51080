//! The one actor of this node that other nodes can send to. Place in the tree: child of the keeper, one per process, in
//! the process group `link:<boot id>`.
//!
//! It never waits: a question becomes a task that holds the way back, bounded by a window for each node that asks.
//! Whatever arrives gets an answer, also what cannot be read and what belongs to a newer version, because whoever asked
//! would otherwise wait for its whole deadline.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use messages::ids::BootId;
use ractor::message::{BoxedDowncastErr, SerializedMessage};
use ractor::{Actor, ActorProcessingErr, ActorRef, Message, RpcReplyPort, pg};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout_at;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Shared;
use super::api::{Refusal, Trace};
use super::envelope::{
    Envelope, MAX_ANSWER, MAX_BODY, Outcome, PROTOCOL, Ping, Pong, Unreadable, read, share, write,
    write_outcome,
};
use super::gauge::ASK_LIMIT;

/// Process groups of links are in a scope of their own.
const SCOPE: &str = "hub";
/// Questions of one node at work here, as a multiple of its own window: those it has given up may still run.
const PATIENCE: usize = 2;
/// Callers remembered; beyond it those with nothing at work are forgotten.
const MAX_CALLERS: usize = 256;

/// The group in which a node's link is found.
pub(super) fn group(boot: BootId) -> String {
    format!("link:{boot}")
}

/// The link of the node behind a session, once the session has told of it.
pub(super) fn find(boot: BootId, node_id: u64) -> Option<ActorRef<LinkMsg>> {
    let members = pg::get_scoped_members(&SCOPE.to_owned(), &group(boot));
    let here =
        |id: ractor::ActorId| matches!(id, ractor::ActorId::Remote { node_id: of, .. } if of == node_id);
    members.into_iter().find(|cell| here(cell.get_id())).map(ActorRef::from)
}

/// What can be sent to a link. The bodies are envelopes in bytes: `ractor_cluster` drops in silence what it cannot
/// decode, so nothing is left for it to decode.
pub(super) enum LinkMsg {
    Ask(Vec<u8>, RpcReplyPort<Vec<u8>>),
    Tell(Vec<u8>),
    Ping(Vec<u8>, RpcReplyPort<Vec<u8>>),
    /// Something that only a newer version knows.
    Strange(String, Option<RpcReplyPort<Vec<u8>>>),
}

const ASK: &str = "ask";
const TELL: &str = "tell";
const PING: &str = "ping";

impl Message for LinkMsg {
    fn serializable() -> bool {
        true
    }

    fn serialize(self) -> Result<SerializedMessage, BoxedDowncastErr> {
        let call = |variant: &str, args, reply| SerializedMessage::Call {
            variant: variant.to_owned(),
            args,
            reply,
            metadata: None,
        };
        match self {
            Self::Ask(args, reply) => Ok(call(ASK, args, reply)),
            Self::Ping(args, reply) => Ok(call(PING, args, reply)),
            Self::Tell(args) => {
                Ok(SerializedMessage::Cast { variant: TELL.to_owned(), args, metadata: None })
            }
            Self::Strange(..) => Err(BoxedDowncastErr),
        }
    }

    fn deserialize(message: SerializedMessage) -> Result<Self, BoxedDowncastErr> {
        match message {
            SerializedMessage::Call { variant, args, reply, .. } => Ok(match variant.as_str() {
                ASK => Self::Ask(args, reply),
                PING => Self::Ping(args, reply),
                _ => Self::Strange(variant, Some(reply)),
            }),
            SerializedMessage::Cast { variant, args, .. } => {
                Ok(if variant == TELL { Self::Tell(args) } else { Self::Strange(variant, None) })
            }
            SerializedMessage::CallReply(..) => Err(BoxedDowncastErr),
        }
    }
}

/// What came in since the process started.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) asks: AtomicU64,
    pub(super) tells: AtomicU64,
    pub(super) pings: AtomicU64,
    pub(super) busy: AtomicU64,
    pub(super) late: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) unreadable: AtomicU64,
    pub(super) missed: AtomicU64,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

pub(super) struct HubLink;

pub(super) struct State {
    shared: Arc<Shared>,
    callers: HashMap<BootId, Caller>,
    /// Ends the tasks that answer, when this life ends in whatever way.
    stop: CancellationToken,
    _ends: DropGuard,
}

/// A node that asks and tells.
struct Caller {
    /// The connection that the counts belong to.
    life: u64,
    dropped: u64,
    window: Arc<Semaphore>,
}

impl Actor for HubLink {
    type Msg = LinkMsg;
    type State = State;
    type Arguments = Arc<Shared>;

    async fn pre_start(
        &self,
        myself: ActorRef<LinkMsg>,
        shared: Arc<Shared>,
    ) -> Result<State, ActorProcessingErr> {
        pg::join_scoped(SCOPE.to_owned(), group(shared.boot), vec![myself.get_cell()]);
        let stop = CancellationToken::new();
        Ok(State { shared, callers: HashMap::new(), _ends: stop.clone().drop_guard(), stop })
    }

    async fn handle(
        &self,
        _: ActorRef<LinkMsg>,
        message: LinkMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            LinkMsg::Ask(bytes, port) => state.ask(Bytes::from(bytes), port),
            LinkMsg::Tell(bytes) => state.tell(&Bytes::from(bytes)),
            LinkMsg::Ping(bytes, port) => state.ping(&bytes, port),
            LinkMsg::Strange(what, port) => state.strange(&what, port),
        }
        Ok(())
    }
}

impl State {
    fn ask(&mut self, bytes: Bytes, port: RpcReplyPort<Vec<u8>>) {
        count(&self.shared.counts.asks);
        let mut reply = Reply { port: Some(port), shared: self.shared.clone(), to: None };
        let envelope: Envelope<'_> = match read(&bytes) {
            Ok(envelope) => envelope,
            Err(wrong) => return reply.send(&self.unreadable(wrong, "question")),
        };
        reply.to = Some(envelope.from);
        if envelope.body.0.len() > MAX_BODY {
            let refusal = Refusal::TooLarge { bytes: envelope.body.0.len(), limit: MAX_BODY };
            return reply.send(&Outcome::Refused(refusal));
        }
        self.hear_of_dropped(envelope.from, envelope.life, envelope.dropped);
        let left = Duration::from_millis(envelope.left_ms);
        let Some(until) = Instant::now().checked_add(left).filter(|_| !left.is_zero()) else {
            count(&self.shared.counts.late);
            return reply.send(&Outcome::Late);
        };
        let caller = self.caller(envelope.from, envelope.life);
        let Ok(place) = caller.window.clone().try_acquire_owned() else {
            return reply.send(&Outcome::Busy);
        };
        let question = Question {
            from: envelope.from,
            body: share(&bytes, envelope.body),
            until,
            trace: envelope.trace,
        };
        tokio::spawn(question.answer(self.shared.clone(), place, reply, self.stop.clone()));
    }

    fn tell(&mut self, bytes: &Bytes) {
        count(&self.shared.counts.tells);
        let envelope: Envelope<'_> = match read(bytes) {
            Ok(envelope) => envelope,
            Err(wrong) => {
                self.unreadable(wrong, "tell");
                return;
            }
        };
        self.hear_of_dropped(envelope.from, envelope.life, envelope.dropped);
        let (from, body) = (envelope.from, share(bytes, envelope.body));
        guarded("a tell", || self.shared.inbound.tell(from, body));
    }

    fn ping(&mut self, bytes: &[u8], port: RpcReplyPort<Vec<u8>>) {
        count(&self.shared.counts.pings);
        match read::<Ping>(bytes) {
            Ok(ping) => {
                self.hear_of_dropped(ping.from, ping.life, ping.dropped);
                let pong = Pong { protocol: PROTOCOL, boot: self.shared.boot };
                send(port, write(&pong).unwrap_or_default());
            }
            Err(wrong) => send(port, write_outcome(&self.unreadable(wrong, "ping"))),
        }
    }

    fn strange(&self, what: &str, port: Option<RpcReplyPort<Vec<u8>>>) {
        count(&self.shared.counts.unreadable);
        let what: String = what.chars().take(40).collect();
        tracing::warn!(what, "another node has sent a kind of message that this version does not know");
        if let Some(port) = port {
            let text = format!("messages of kind {what:?} are not known, versions up to {PROTOCOL} are");
            send(port, write_outcome(&Outcome::Refused(Refusal::UnsupportedProtocol(text))));
        }
    }

    fn unreadable(&self, wrong: Unreadable, what: &str) -> Outcome {
        count(&self.shared.counts.unreadable);
        let refusal = Refusal::from(wrong);
        tracing::warn!(%refusal, what, "a message of another node cannot be read");
        Outcome::Refused(refusal)
    }

    /// The sender counts what it dropped on this connection; a count that has grown is told first.
    fn hear_of_dropped(&mut self, from: BootId, life: u64, dropped: u64) {
        let caller = self.caller(from, life);
        let missed = dropped.saturating_sub(caller.dropped);
        caller.dropped = caller.dropped.max(dropped);
        if missed > 0 {
            self.shared.counts.missed.fetch_add(missed, Ordering::Relaxed);
            guarded("news of missed tells", || self.shared.inbound.missed(from, missed));
        }
    }

    fn caller(&mut self, from: BootId, life: u64) -> &mut Caller {
        let most = self.shared.config.terms.window * PATIENCE;
        if self.callers.len() >= MAX_CALLERS && !self.callers.contains_key(&from) {
            self.callers.retain(|_, caller| caller.window.available_permits() < most);
        }
        let window = || Arc::new(Semaphore::new(most));
        let caller =
            self.callers.entry(from).or_insert_with(|| Caller { life, dropped: 0, window: window() });
        if caller.life != life {
            (caller.life, caller.dropped) = (life, 0);
        }
        caller
    }
}

/// The way back. Whatever becomes of the task that holds it, whoever asked is answered.
struct Reply {
    port: Option<RpcReplyPort<Vec<u8>>>,
    shared: Arc<Shared>,
    to: Option<BootId>,
}

impl Reply {
    fn send(mut self, outcome: &Outcome) {
        let Some(port) = self.port.take() else { return };
        let live = self.to.and_then(|to| self.shared.live(to));
        let bytes = match outcome {
            // Answers that nobody fetches must not pile up in memory.
            Outcome::Done(body) if live.is_some_and(|live| !live.admit(body.len(), ASK_LIMIT)) => {
                count(&self.shared.counts.busy);
                // It was carried out, so "busy" would be a lie.
                write_outcome(&Outcome::Failed)
            }
            outcome => {
                match outcome {
                    Outcome::Busy => count(&self.shared.counts.busy),
                    Outcome::Failed => count(&self.shared.counts.failed),
                    _ => {}
                }
                write_outcome(outcome)
            }
        };
        send(port, bytes);
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if let Some(port) = self.port.take() {
            count(&self.shared.counts.failed);
            send(port, write_outcome(&Outcome::Failed));
        }
    }
}

struct Question {
    from: BootId,
    body: Bytes,
    until: Instant,
    trace: Option<Trace>,
}

impl Question {
    async fn answer(
        self,
        shared: Arc<Shared>,
        place: OwnedSemaphorePermit,
        reply: Reply,
        stop: CancellationToken,
    ) {
        let inbound = shared.inbound.clone();
        let work = async move { inbound.ask(self.from, self.body, self.until, self.trace).await };
        let outcome = tokio::select! {
            biased;
            () = stop.cancelled() => Outcome::Failed,
            answer = timeout_at(self.until.into(), work) => match answer {
                Ok(body) if body.len() > MAX_ANSWER => {
                    let text = format!("{} bytes, and {MAX_ANSWER} are carried", body.len());
                    Outcome::Refused(Refusal::AnswerTooLarge(text))
                }
                Ok(body) => Outcome::Done(body),
                Err(_) => {
                    count(&shared.counts.late);
                    Outcome::Late
                }
            },
        };
        drop(place);
        reply.send(&outcome);
    }
}

fn send(port: RpcReplyPort<Vec<u8>>, bytes: Vec<u8>) {
    if port.send(bytes).is_err() {
        tracing::trace!("whoever asked has stopped waiting");
    }
}

/// Runs code of others on our actors: its panic must not cost the links.
pub(super) fn guarded(what: &str, call: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(call)).is_err() {
        tracing::error!(what, "handling it has panicked");
    }
}

#[cfg(test)]
mod tests;
