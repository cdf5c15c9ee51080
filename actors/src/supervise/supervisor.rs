//! The supervisor actor: keeps its list of children running.
//!
//! Limits: [`MAX_WAITING`] callers wait for one child to come up; beyond that they are told to come back.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use messages::Timestamp;
use messages::http::admin::ActorStatus;
use ractor::{
    Actor, ActorCell, ActorId, ActorProcessingErr, ActorRef, RpcReplyPort, SpawnErr, SupervisionEvent,
};
use serde_json::{Value, json};

use super::policy::{Ended, Failures, Verdict};
use super::spec::{ChildSpec, NotWanted, Started};
use crate::clock;
use crate::observe::{Entry, Observable, Register, observer};

/// Callers that wait for the same child: as many as one retailer may have requests under way.
const MAX_WAITING: usize = 256;
/// How long a stopping supervisor waits for its children.
const STOP_PATIENCE: Duration = Duration::from_secs(10);
/// A child that was given up is tried again after this: what was wrong may have been put right.
const SECOND_CHANCE: Duration = Duration::from_secs(300);

/// Keeps children running. See the module's parent for the rules.
pub struct Supervisor;

pub struct SupervisorArgs {
    /// Path of this supervisor in the tree; children's paths begin with it.
    pub path: String,
    pub register: Register,
    /// Started in this order, stopped in the reverse.
    pub children: Vec<ChildSpec>,
}

pub enum SupervisorMsg {
    /// Adds a child. One with this id that is there already is left alone.
    Add(ChildSpec),
    /// Adds the child unless it is there, and answers once it runs. No answer means that it does not come up.
    Ensure(ChildSpec, RpcReplyPort<Result<(), Absent>>),
    /// Ends a child for good.
    Remove(String),
    Due {
        id: String,
        life: u64,
    },
    Spawned {
        id: String,
        life: u64,
        outcome: Box<Result<Started, SpawnErr>>,
    },
    Observe(RpcReplyPort<Value>),
}

impl ractor::Message for SupervisorMsg {}

impl Observable for SupervisorMsg {
    fn observe(reply: RpcReplyPort<Value>) -> Self {
        Self::Observe(reply)
    }
}

/// Why a child cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Absent {
    #[error("it failed too often and was given up")]
    GivenUp,
    #[error("too many are waiting for it already")]
    TooManyWaiting,
    #[error("it was removed, or there was nothing for it to do")]
    Removed,
}

struct Slot {
    spec: ChildSpec,
    /// Number of the present or coming start, so that late news of an earlier one is recognised.
    life: u64,
    cell: Option<ActorCell>,
    failures: Failures,
    given_up: bool,
    waiting: Vec<RpcReplyPort<Result<(), Absent>>>,
}

pub struct State {
    path: String,
    register: Register,
    since: Instant,
    slots: HashMap<String, Slot>,
    /// In the order of starting.
    order: Vec<String>,
    by_actor: HashMap<ActorId, String>,
    /// Starts so far: no two lives have the same number, whichever child they are of.
    lives: u64,
    restarts: u64,
}

impl State {
    fn child_path(&self, id: &str) -> String {
        format!("{}/{id}", self.path)
    }
}

/// Sends work to a supervisor. Cheap to clone.
#[derive(Clone)]
pub struct SupervisorHandle {
    actor: ActorRef<SupervisorMsg>,
}

impl SupervisorHandle {
    /// Starts a supervisor that is nobody's child: the root of a tree.
    pub async fn root(args: SupervisorArgs) -> Result<Self, SpawnErr> {
        let (path, register) = (args.path.clone(), args.register.clone());
        let (actor, _) = Actor::spawn(None, Supervisor, args).await?;
        let entry = Entry {
            kind: "supervisor",
            status: ActorStatus::Running,
            restarts: 0,
            last_failure: None,
            started_at: Timestamp::now(),
            observe: Some(observer(actor.clone())),
        };
        register.put(&path, entry);
        Ok(Self { actor })
    }

    #[must_use]
    pub const fn of(actor: ActorRef<SupervisorMsg>) -> Self {
        Self { actor }
    }

    /// Adds a child; false when the supervisor is gone.
    pub fn add(&self, spec: ChildSpec) -> bool {
        self.actor.cast(SupervisorMsg::Add(spec)).is_ok()
    }

    pub fn remove(&self, id: impl Into<String>) -> bool {
        self.actor.cast(SupervisorMsg::Remove(id.into())).is_ok()
    }

    /// Makes sure that the child runs.
    pub async fn ensure(&self, spec: ChildSpec, patience: Duration) -> Result<(), EnsureError> {
        use ractor::rpc::CallResult;
        match self.actor.call(|reply| SupervisorMsg::Ensure(spec, reply), Some(patience)).await {
            Ok(CallResult::Success(Ok(()))) => Ok(()),
            Ok(CallResult::Success(Err(absent))) => Err(EnsureError::Absent(absent)),
            Ok(CallResult::Timeout) => Err(EnsureError::Timeout),
            Ok(CallResult::SenderError) | Err(_) => Err(EnsureError::Stopping),
        }
    }

    /// Stops the supervisor after its children.
    pub async fn stop(&self, reason: &str) {
        let patience = STOP_PATIENCE + Duration::from_secs(1);
        if self.actor.get_cell().stop_and_wait(Some(reason.to_owned()), Some(patience)).await.is_err() {
            tracing::warn!(reason, "a supervisor did not stop in time");
        }
    }
}

/// Why [`SupervisorHandle::ensure`] failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnsureError {
    #[error(transparent)]
    Absent(Absent),
    #[error("it did not start in time")]
    Timeout,
    #[error("its supervisor is stopping")]
    Stopping,
}

impl Actor for Supervisor {
    type Msg = SupervisorMsg;
    type State = State;
    type Arguments = SupervisorArgs;

    async fn pre_start(
        &self,
        me: ActorRef<SupervisorMsg>,
        args: SupervisorArgs,
    ) -> Result<State, ActorProcessingErr> {
        let mut state = State {
            path: args.path,
            register: args.register,
            since: clock::now(),
            slots: HashMap::new(),
            order: Vec::new(),
            by_actor: HashMap::new(),
            lives: 0,
            restarts: 0,
        };
        for spec in args.children {
            add(&me, &mut state, spec);
        }
        Ok(state)
    }

    async fn handle(
        &self,
        me: ActorRef<SupervisorMsg>,
        message: SupervisorMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            SupervisorMsg::Add(spec) => add(&me, state, spec),
            SupervisorMsg::Ensure(spec, reply) => ensure(&me, state, spec, reply),
            SupervisorMsg::Remove(id) => remove(state, &id),
            SupervisorMsg::Due { id, life } => due(&me, state, &id, life),
            SupervisorMsg::Spawned { id, life, outcome } => spawned(&me, state, &id, life, *outcome),
            SupervisorMsg::Observe(reply) => {
                let given_up = state.slots.values().filter(|slot| slot.given_up).count();
                let snapshot =
                    json!({"children": state.slots.len(), "restarts": state.restarts, "given_up": given_up});
                answer(reply, snapshot);
            }
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        me: ActorRef<SupervisorMsg>,
        event: SupervisionEvent,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorFailed(who, error) => {
                ended(&me, state, who.get_id(), Ended::Failed, &error.to_string());
            }
            SupervisionEvent::ActorTerminated(who, _, reason) => {
                let reason = reason.unwrap_or_default();
                let how = if reason == "killed" { Ended::Failed } else { Ended::Orderly };
                ended(&me, state, who.get_id(), how, &reason);
            }
            _ => {}
        }
        Ok(())
    }

    async fn post_stop(
        &self,
        _me: ActorRef<SupervisorMsg>,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let deadline = clock::now() + STOP_PATIENCE;
        while let Some(id) = state.order.pop() {
            let left = deadline.saturating_duration_since(clock::now());
            let Some(slot) = state.slots.remove(&id) else { continue };
            if let Some(cell) = slot.cell {
                if cell.stop_and_wait(Some("supervisor stops".into()), Some(left)).await.is_err() {
                    tracing::warn!(child = %state.child_path(&id), "did not stop in time, killing it");
                    cell.kill();
                }
                slot.spec.tell_end(cell.get_id());
            }
            state.register.remove(&state.child_path(&id));
        }
        state.register.remove(&state.path);
        Ok(())
    }
}

/// Answers a caller; one that has stopped waiting is no error.
fn answer<T>(reply: RpcReplyPort<T>, value: T) {
    drop(reply.send(value));
}

fn add(me: &ActorRef<SupervisorMsg>, state: &mut State, spec: ChildSpec) {
    if state.slots.contains_key(&spec.id) {
        return;
    }
    let id = spec.id.clone();
    let entry = Entry {
        kind: spec.kind,
        status: ActorStatus::Starting,
        restarts: 0,
        last_failure: None,
        started_at: Timestamp::now(),
        observe: None,
    };
    state.register.put(&state.child_path(&id), entry);
    state.lives += 1;
    let life = state.lives;
    let slot =
        Slot { spec, life, cell: None, failures: Failures::default(), given_up: false, waiting: Vec::new() };
    state.slots.insert(id.clone(), slot);
    state.order.push(id.clone());
    begin(me, state, &id, life);
}

fn ensure(
    me: &ActorRef<SupervisorMsg>,
    state: &mut State,
    spec: ChildSpec,
    reply: RpcReplyPort<Result<(), Absent>>,
) {
    let id = spec.id.clone();
    add(me, state, spec);
    let Some(slot) = state.slots.get_mut(&id) else { return };
    slot.waiting.retain(|waiting| !waiting.is_closed());
    // Of one that has died already, the event is on the way.
    if slot.cell.as_ref().is_some_and(is_alive) {
        answer(reply, Ok(()));
    } else if slot.given_up {
        answer(reply, Err(Absent::GivenUp));
    } else if slot.waiting.len() >= MAX_WAITING {
        answer(reply, Err(Absent::TooManyWaiting));
    } else {
        slot.waiting.push(reply);
    }
}

/// Has it started and not begun to end? It is "starting" until its `post_start` is over, and takes messages all the while.
fn is_alive(cell: &ActorCell) -> bool {
    (cell.get_status() as u8) < ractor::ActorStatus::Stopping as u8
}

/// The wait before a restart is over.
fn due(me: &ActorRef<SupervisorMsg>, state: &mut State, id: &str, life: u64) {
    let Some(slot) = state.slots.get_mut(id).filter(|slot| slot.life == life) else { return };
    if std::mem::take(&mut slot.given_up) {
        slot.failures = Failures::default();
    }
    begin(me, state, id, life);
}

/// Starts a child in a task of its own: its `pre_start` may wait for the store, its supervisor may not.
fn begin(me: &ActorRef<SupervisorMsg>, state: &State, id: &str, life: u64) {
    let Some(slot) = state.slots.get(id).filter(|slot| slot.life == life && slot.cell.is_none()) else {
        return;
    };
    let (start, me, id) = (slot.spec.start.clone(), me.clone(), id.to_owned());
    tokio::spawn(async move {
        let outcome = Box::new(start(me.get_cell()).await);
        drop(me.cast(SupervisorMsg::Spawned { id, life, outcome }));
    });
}

fn spawned(
    me: &ActorRef<SupervisorMsg>,
    state: &mut State,
    id: &str,
    life: u64,
    outcome: Result<Started, SpawnErr>,
) {
    let path = state.child_path(id);
    let current = state.slots.get_mut(id).filter(|slot| slot.life == life && slot.cell.is_none());
    match (current, outcome) {
        // It has ended before this message: its event found no slot and is made up for here.
        (Some(_), Ok(started)) if !is_alive(&started.cell) => {
            fail(me, state, id, Ended::Failed, "ended while starting");
        }
        (Some(slot), Ok(started)) => {
            let actor = started.cell.get_id();
            slot.cell = Some(started.cell);
            let waiting = std::mem::take(&mut slot.waiting);
            state.by_actor.insert(actor, id.to_owned());
            (started.announce)();
            state.register.update(&path, |entry| {
                entry.status = ActorStatus::Running;
                entry.started_at = Timestamp::now();
                entry.observe = Some(started.observe);
            });
            for reply in waiting {
                answer(reply, Ok(()));
            }
        }
        (Some(_), Err(error)) => {
            let unwanted = matches!(&error, SpawnErr::StartupFailed(cause) if cause.is::<NotWanted>());
            let how = if unwanted { Ended::Orderly } else { Ended::Failed };
            fail(me, state, id, how, &error.to_string());
        }
        (None, Ok(started)) => started.cell.stop(Some("no longer wanted".into())),
        (None, Err(_)) => {}
    }
}

fn ended(me: &ActorRef<SupervisorMsg>, state: &mut State, actor: ActorId, how: Ended, why: &str) {
    let Some(id) = state.by_actor.remove(&actor) else { return };
    if let Some(slot) = state.slots.get_mut(&id)
        && slot.cell.as_ref().is_some_and(|cell| cell.get_id() == actor)
    {
        slot.cell = None;
        slot.spec.tell_end(actor);
        fail(me, state, &id, how, why);
    }
}

/// A child has ended or could not start: ask the policy and act on it.
fn fail(me: &ActorRef<SupervisorMsg>, state: &mut State, id: &str, how: Ended, why: &str) {
    let path = state.child_path(id);
    let now = clock::now().duration_since(state.since);
    let Some(slot) = state.slots.get_mut(id) else { return };
    match slot.failures.judge(&slot.spec.policy, how, now) {
        Verdict::Remove => {
            if how == Ended::Failed {
                tracing::warn!(child = %path, why, "failed; it is not restarted");
            }
            forget(state, id);
        }
        Verdict::RestartAfter(wait) => {
            state.lives += 1;
            slot.life = state.lives;
            let (life, id) = (slot.life, id.to_owned());
            state.restarts += 1;
            state.register.count_restart();
            tracing::warn!(child = %path, why, wait_ms = wait.as_millis(), "ended; restarting it");
            state.register.update(&path, |entry| {
                entry.status = ActorStatus::BackingOff;
                entry.restarts += 1;
                entry.last_failure = Some(why.to_owned());
                entry.observe = None;
            });
            me.send_after(wait, move || SupervisorMsg::Due { id, life });
        }
        Verdict::GiveUp => {
            slot.given_up = true;
            let (life, given_up) = (slot.life, id.to_owned());
            me.send_after(SECOND_CHANCE, move || SupervisorMsg::Due { id: given_up, life });
            for reply in std::mem::take(&mut slot.waiting) {
                answer(reply, Err(Absent::GivenUp));
            }
            tracing::error!(child = %path, why, "failed too often; given up");
            if let Some(give_up) = slot.spec.give_up.clone() {
                give_up(id);
            }
            state.register.update(&path, |entry| {
                entry.status = ActorStatus::GivenUp;
                entry.last_failure = Some(why.to_owned());
                entry.observe = None;
            });
        }
    }
}

fn remove(state: &mut State, id: &str) {
    if let Some(slot) = state.slots.get(id)
        && let Some(cell) = &slot.cell
    {
        cell.stop(Some("removed".into()));
        state.by_actor.remove(&cell.get_id());
        slot.spec.tell_end(cell.get_id());
    }
    forget(state, id);
}

fn forget(state: &mut State, id: &str) {
    if let Some(slot) = state.slots.remove(id) {
        for reply in slot.waiting {
            answer(reply, Err(Absent::Removed));
        }
    }
    state.order.retain(|other| other != id);
    state.register.remove(&state.child_path(id));
}
