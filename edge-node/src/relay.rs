//! `Relay`: sends the outbox to the hub, in order, until it is empty; woken by each sale, by the line coming back and by
//! its own waits. Child of the edge. A round (read, send, write down) is a task of its own, so that a handler never
//! waits; one round is under way at a time, which keeps the order.
//!
//! Limits: [`MAX_EVENTS`] events and a mebibyte a batch; waits double from half a second to a minute. It never holds the
//! writer longer than one small update, so tills do not feel it.

pub mod choice;
pub mod grpc;
pub mod plan;
pub mod transport;

use std::sync::Arc;
use std::time::Duration;

use actors::backoff::Backoff;
use actors::observe::Observable;
use actors::{clock, failpoint};
use messages::edge::event::{Fact, Withheld};
use messages::edge::ingest::{BATCH_VERSION, EventBatch, IngestAnswer, MAX_EVENTS};
use messages::{Problem, Timestamp};
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::config::SyncProtocol;
use crate::connectivity::judge::News;
use crate::links::Links;
use crate::store::Store;
use choice::Choice;
use plan::{SendFault, Sent, Step};
use transport::Transport;

const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

pub struct Relay;

#[derive(Clone)]
pub struct RelayArguments {
    pub store: Store,
    pub links: Arc<Links>,
    pub http: Arc<dyn Transport>,
    pub grpc: Arc<dyn Transport>,
    pub protocol: SyncProtocol,
}

pub enum RelayMsg {
    /// There may be something to send.
    Wake,
    /// The line has come back.
    BackOnline,
    /// A wait is over.
    Due(u64),
    Done(Box<Round>),
    Observe(RpcReplyPort<Value>),
}

impl ractor::Message for RelayMsg {}

impl Observable for RelayMsg {
    fn observe(reply: RpcReplyPort<Value>) -> Self {
        Self::Observe(reply)
    }
}

/// How a round went.
pub enum Round {
    /// There was nothing to send.
    Nothing,
    /// It was sent, and what followed from it is written down.
    Did { step: Step, way: SyncProtocol, line_failed: bool },
    /// The database did not do its part.
    Store(Problem),
}

pub struct RelayState {
    arguments: RelayArguments,
    choice: Choice,
    waits: Backoff,
    /// Failures in a row.
    attempts: u32,
    /// Events in the next batch.
    most: usize,
    /// Where the hub sent us back to the last time.
    rewound: Option<u64>,
    phase: Phase,
    /// There was news while a round was under way.
    again: bool,
    wait: u64,
    watchers: Vec<JoinHandle<()>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Idle,
    Sending,
    Waiting,
}

impl Actor for Relay {
    type Msg = RelayMsg;
    type State = RelayState;
    type Arguments = RelayArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<RelayMsg>,
        arguments: RelayArguments,
    ) -> Result<RelayState, ActorProcessingErr> {
        let (store, links) = (arguments.store.clone(), Arc::clone(&arguments.links));
        let (woken, online) = (myself.clone(), myself.clone());
        let watchers = vec![
            tokio::spawn(async move {
                loop {
                    store.events().await;
                    if woken.cast(RelayMsg::Wake).is_err() {
                        return;
                    }
                }
            }),
            tokio::spawn(async move {
                loop {
                    links.back_online.notified().await;
                    if online.cast(RelayMsg::BackOnline).is_err() {
                        return;
                    }
                }
            }),
        ];
        myself.cast(RelayMsg::Wake)?;
        Ok(RelayState {
            choice: Choice::new(arguments.protocol),
            arguments,
            waits: Backoff::new(FIRST_WAIT, LONGEST_WAIT, 0.3),
            attempts: 0,
            most: MAX_EVENTS,
            rewound: None,
            phase: Phase::Idle,
            again: false,
            wait: 0,
            watchers,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<RelayMsg>,
        message: RelayMsg,
        state: &mut RelayState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            RelayMsg::Wake if state.phase == Phase::Idle => begin(&myself, state),
            RelayMsg::Wake => state.again = true,
            RelayMsg::BackOnline if state.phase == Phase::Waiting => begin(&myself, state),
            RelayMsg::BackOnline => {}
            RelayMsg::Due(wait) if wait == state.wait && state.phase == Phase::Waiting => {
                begin(&myself, state);
            }
            RelayMsg::Due(_) => {}
            RelayMsg::Done(round) => ended(&myself, state, *round),
            RelayMsg::Observe(reply) => {
                let phase = format!("{:?}", state.phase);
                let _ignored =
                    reply.send(json!({"phase": phase, "attempts": state.attempts, "most": state.most}));
            }
        }
        Ok(())
    }

    async fn post_stop(
        &self,
        _myself: ActorRef<RelayMsg>,
        state: &mut RelayState,
    ) -> Result<(), ActorProcessingErr> {
        for watcher in &state.watchers {
            watcher.abort();
        }
        Ok(())
    }
}

fn begin(me: &ActorRef<RelayMsg>, state: &mut RelayState) {
    failpoint::pass("relay.round");
    state.phase = Phase::Sending;
    state.again = false;
    let way = state.choice.way(clock::now());
    state.arguments.links.transport.send_replace(name(way));
    let (arguments, most, attempts, me) = (state.arguments.clone(), state.most, state.attempts, me.clone());
    tokio::spawn(async move {
        let round = round(&arguments, way, most, attempts).await.unwrap_or_else(Round::Store);
        // Without an actor nobody goes on; its next life begins from what is written down.
        let _ignored = me.cast(RelayMsg::Done(Box::new(round)));
    });
}

const fn name(way: SyncProtocol) -> &'static str {
    match way {
        SyncProtocol::Http => "http",
        SyncProtocol::Grpc => "grpc",
    }
}

async fn round(
    arguments: &RelayArguments,
    way: SyncProtocol,
    most: usize,
    attempts: u32,
) -> Result<Round, Problem> {
    let (batch, position) = arguments
        .store
        .read(move |store| Ok((store.next_batch(BATCH_VERSION, most)?, store.position()?)))
        .await?;
    if batch.events.is_empty() {
        return Ok(Round::Nothing);
    }
    let transport = match way {
        SyncProtocol::Http => &arguments.http,
        SyncProtocol::Grpc => &arguments.grpc,
    };
    let outcome = transport.send(&batch).await;
    let sent = Sent::of(&batch, position.last_seq);
    let step = plan::after(&sent, &outcome);
    tell(&arguments.links, &outcome);
    write_down(&arguments.store, &batch, &step, attempts).await?;
    let line_failed = matches!(outcome, Err(SendFault::Line(_)));
    Ok(Round::Did { step, way, line_failed })
}

/// A batch is the best look at the line there is.
fn tell(links: &Links, outcome: &Result<IngestAnswer, SendFault>) {
    links.heard_of_line(match outcome {
        Ok(_) => News::Accepted,
        Err(SendFault::Refused(problem)) if plan::turns_us_away(problem) => {
            News::Refused(problem.detail.clone())
        }
        Err(SendFault::Refused(_)) => News::Reached,
        Err(SendFault::Line(fault)) => News::Fault(fault.clone()),
    });
}

async fn write_down(store: &Store, batch: &EventBatch, step: &Step, attempts: u32) -> Result<(), Problem> {
    let (step, now) = (step.clone(), Timestamp::now());
    // What the note stands for is read from the batch: the refusal does not say.
    let kinds: Vec<_> = batch.events.iter().map(|event| (event.event_id, event.kind.clone())).collect();
    store
        .write(move |tx| match step {
            Step::Settle { settled, errors } => tx.settle(settled, &errors, now),
            Step::Rewind { expected } => tx.rewind(expected),
            Step::NewStream => tx.begin_stream(now).map(|_| ()),
            Step::Withhold { event, fact: Fact::Withheld(note) } => {
                let kind = kinds.into_iter().find(|(id, _)| *id == event).map(|(_, kind)| kind);
                let note = Withheld { kind: kind.unwrap_or_default(), ..note };
                tx.withhold(event, &Fact::Withheld(note), now)
            }
            Step::Wait { why, .. } => tx.note_failure(attempts.saturating_add(1), &why),
            Step::Withhold { .. } | Step::Smaller { .. } => Ok(()),
        })
        .await
}

fn ended(me: &ActorRef<RelayMsg>, state: &mut RelayState, round: Round) {
    state.phase = Phase::Idle;
    match round {
        Round::Nothing => {
            if state.again {
                begin(me, state);
            }
        }
        Round::Store(problem) => {
            tracing::warn!(detail = problem.detail, "the relay could not read or write the outbox");
            pause(me, state, Duration::ZERO);
        }
        Round::Did { step, way, line_failed } => {
            let other_way = line_failed && state.choice.failed(way, clock::now());
            if other_way {
                tracing::warn!("the stream to the hub did not get through; HTTP for now");
            }
            follow(me, state, step, other_way);
        }
    }
}

fn follow(me: &ActorRef<RelayMsg>, state: &mut RelayState, step: Step, other_way: bool) {
    match step {
        Step::Settle { errors, .. } => {
            for error in &errors {
                tracing::warn!(event = %error.event_id, code = %error.code, detail = error.detail, "the hub set an event aside");
            }
            state.attempts = 0;
            state.rewound = None;
            state.waits.reset();
            state.most = plan::grow(state.most);
            begin(me, state);
        }
        Step::Rewind { expected } => {
            tracing::warn!(expected, "the hub asks for earlier events again");
            if state.rewound.replace(expected) == Some(expected) {
                pause(me, state, Duration::ZERO);
            } else {
                begin(me, state);
            }
        }
        Step::NewStream => {
            tracing::warn!("the hub knows numbers that were never given here; a new stream begins");
            // A hub that says so again and again is not listened to faster and faster.
            pause(me, state, Duration::ZERO);
        }
        Step::Smaller { most } => {
            state.most = most;
            begin(me, state);
        }
        Step::Withhold { event, .. } => {
            tracing::error!(%event, "no hub takes this event; it is parked here");
            begin(me, state);
        }
        Step::Wait { why, .. } if other_way => {
            tracing::debug!(why, "trying the other way");
            begin(me, state);
        }
        Step::Wait { least, why } => {
            state.attempts = state.attempts.saturating_add(1);
            tracing::debug!(why, attempts = state.attempts, "events could not be sent");
            pause(me, state, least);
        }
    }
}

fn pause(me: &ActorRef<RelayMsg>, state: &mut RelayState, least: Duration) {
    state.phase = Phase::Waiting;
    state.wait += 1;
    let (wait, due) = (state.waits.next_wait().max(least), state.wait);
    me.send_after(wait, move || RelayMsg::Due(due));
}
