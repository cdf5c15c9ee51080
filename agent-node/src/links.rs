//! Where the agent's actors find each other. A slot is filled by the actor's start, so it points to the latest life.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use actors::supervise::SupervisorHandle;
use actors::supervise::supervisor::SupervisorMsg;
use messages::RunId;
use ractor::rpc::CallResult;
use ractor::{ActorRef, Message, RpcReplyPort};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use crate::machine::Has;
use crate::runner::RunnerMsg;
use crate::spool::SpoolMsg;
use crate::uplink::UplinkMsg;

/// Longest wait for another actor's answer: a little more than the slowest disk is allowed to take.
pub const CALL_DEADLINE: Duration = Duration::from_secs(65);
/// Longest wait for another actor to come up.
const START_DEADLINE: Duration = Duration::from_secs(10);

/// One for each agent in the process.
#[derive(Default)]
pub struct Links {
    pub spool: Slot<SpoolMsg>,
    pub runner: Slot<RunnerMsg>,
    pub uplink: Slot<UplinkMsg>,
    workers: Slot<SupervisorMsg>,
    /// There may be facts to send.
    pub facts_waiting: Notify,
    /// As it is told to the hub.
    pub has: watch::Sender<Has>,
    runs: RwLock<RunLists>,
    at_work: Arc<watch::Sender<usize>>,
}

/// The runs of this agent, as told to the hub.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunLists {
    /// On the disk and not finished.
    pub journalled: Vec<RunId>,
    pub working: Vec<RunId>,
}

/// Held by the work at a run until it has let go of its files.
pub struct AtWork(Arc<watch::Sender<usize>>);

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}

impl Links {
    pub fn set_runs(&self, runs: RunLists) {
        *self.runs.write().unwrap_or_else(PoisonError::into_inner) = runs;
    }

    #[must_use]
    pub fn runs(&self) -> RunLists {
        self.runs.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn set_workers(&self, supervisor: &ActorRef<SupervisorMsg>) {
        self.workers.set(supervisor);
    }

    /// The supervisor of the workers.
    #[must_use]
    pub fn workers(&self) -> Option<SupervisorHandle> {
        self.workers.get().map(SupervisorHandle::of)
    }

    #[must_use]
    pub fn begin_work(&self) -> AtWork {
        self.at_work.send_modify(|count| *count += 1);
        AtWork(Arc::clone(&self.at_work))
    }

    /// Waits until no work is left over from an earlier life of the runner.
    pub async fn all_work_ended(&self) -> Result<(), Absent> {
        let mut at_work = self.at_work.subscribe();
        match timeout(START_DEADLINE * 2, at_work.wait_for(|count| *count == 0)).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(Absent),
        }
    }
}

/// The present life of one actor.
pub struct Slot<M>(watch::Sender<Option<ActorRef<M>>>);

/// The other actor is between two lives, or does not answer in time. Asking again is safe and may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a part of the agent is being restarted")]
pub struct Absent;

impl<M> Default for Slot<M> {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl<M: Message> Slot<M> {
    pub fn set(&self, actor: &ActorRef<M>) {
        self.0.send_replace(Some(actor.clone()));
    }

    fn get(&self) -> Option<ActorRef<M>> {
        self.0.borrow().clone()
    }

    /// Waits until the actor has come up for the first time.
    pub async fn ready(&self) -> Result<(), Absent> {
        match timeout(START_DEADLINE, self.0.subscribe().wait_for(Option::is_some)).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(Absent),
        }
    }

    /// Tells the actor, if it is there.
    pub fn tell(&self, message: M) -> Result<(), Absent> {
        self.get().ok_or(Absent)?.cast(message).map_err(|_| Absent)
    }

    /// Asks the actor and waits for its answer.
    pub async fn ask<T, F>(&self, message: F) -> Result<T, Absent>
    where
        T: Send + 'static,
        F: FnOnce(RpcReplyPort<T>) -> M,
    {
        let actor = self.get().ok_or(Absent)?;
        match actor.call(message, Some(CALL_DEADLINE)).await {
            Ok(CallResult::Success(answer)) => Ok(answer),
            _ => Err(Absent),
        }
    }
}
