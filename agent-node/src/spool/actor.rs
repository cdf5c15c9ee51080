//! The spool's actor: the one owner of the [`Store`], between the runs that report and the uplink that sends.
//!
//! Stands under the agent's root. Each message is one piece of disk work beside the runtime, with a deadline;
//! a disk that does not answer ends the actor. Callers wait for their answer before they send more, so the
//! mailbox holds a message per run and one of the uplink.

use std::path::PathBuf;
use std::sync::Arc;

use actors::observe::Observable;
use messages::RunId;
use messages::agent::Report;
use messages::ids::SpoolId;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use serde_json::{Value, json};

use super::store::{Limits, SpoolError, Store};
use crate::connector::Failure;
use crate::held::Held;
use crate::links::Links;

pub struct SpoolActor;

#[derive(Clone)]
pub struct SpoolArguments {
    pub folder: PathBuf,
    pub limits: Limits,
    pub links: Arc<Links>,
}

/// Where the next report to send stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub spool_id: SpoolId,
    pub next_seq: u64,
}

/// Reports to send in one frame.
#[derive(Debug, Clone)]
pub struct Batch {
    pub spool_id: SpoolId,
    pub reports: Vec<Report>,
}

pub enum SpoolMsg {
    /// Keep these facts, in order.
    Append(Vec<Report>, RpcReplyPort<Result<(), Failure>>),
    /// The latest of a run; earlier ones that were not sent are forgotten.
    Progress(Report),
    /// The next reports to send; empty when there are none.
    HandOut(RpcReplyPort<Batch>),
    Acknowledge {
        spool_id: SpoolId,
        through: u64,
    },
    /// A new socket: hand out from the first unacknowledged.
    Rewind(RpcReplyPort<Standing>),
    HasFinished(RunId, RpcReplyPort<bool>),
    /// Make everything durable.
    Flush(RpcReplyPort<()>),
    Observe(RpcReplyPort<Value>),
}

impl ractor::Message for SpoolMsg {}

impl Observable for SpoolMsg {
    fn observe(reply: RpcReplyPort<Value>) -> Self {
        Self::Observe(reply)
    }
}

pub struct SpoolState {
    store: Held<Store>,
    links: Arc<Links>,
}

impl Actor for SpoolActor {
    type Msg = SpoolMsg;
    type State = SpoolState;
    type Arguments = SpoolArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<SpoolMsg>,
        arguments: SpoolArguments,
    ) -> Result<SpoolState, ActorProcessingErr> {
        let SpoolArguments { folder, limits, links } = arguments;
        let store = crate::disk::off_thread(move || Store::open(folder, limits)).await?;
        links.spool.set(&myself);
        Ok(SpoolState { store: Held::new(store), links })
    }

    async fn handle(
        &self,
        _myself: ActorRef<SpoolMsg>,
        message: SpoolMsg,
        state: &mut SpoolState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            SpoolMsg::Append(reports, reply) => state.append(reports, reply).await?,
            SpoolMsg::Progress(report) => {
                state.store.here()?.note_progress(report);
                state.links.facts_waiting.notify_one();
            }
            SpoolMsg::HandOut(reply) => {
                let reports = state.store.work(Store::hand_out).await?.unwrap_or_else(|error| {
                    tracing::error!(%error, "the spool could not be read");
                    Vec::new()
                });
                let spool_id = state.store.here()?.id();
                let _ignored = reply.send(Batch { spool_id, reports });
            }
            SpoolMsg::Acknowledge { spool_id, through } => {
                state.store.work(move |store| store.acknowledge(spool_id, through)).await??;
            }
            SpoolMsg::Rewind(reply) => {
                let store = state.store.here()?;
                store.rewind();
                let _ignored = reply.send(Standing { spool_id: store.id(), next_seq: store.next_unacked() });
            }
            SpoolMsg::HasFinished(run, reply) => {
                let _ignored = reply.send(state.store.here()?.has_finished(run));
            }
            SpoolMsg::Flush(reply) => {
                state.store.work(Store::sync).await??;
                let _ignored = reply.send(());
            }
            SpoolMsg::Observe(reply) => {
                let store = state.store.here()?;
                let _ignored = reply.send(json!({"waiting": store.waiting(), "bytes": store.bytes()}));
            }
        }
        Ok(())
    }
}

impl SpoolState {
    async fn append(
        &mut self,
        reports: Vec<Report>,
        reply: RpcReplyPort<Result<(), Failure>>,
    ) -> Result<(), ActorProcessingErr> {
        let kept = self.store.work(move |store| store.append(&reports)).await?;
        self.links.facts_waiting.notify_one();
        let broken = kept.as_ref().err().is_some_and(|error| !error.is_full());
        let _ignored = reply.send(kept.map_err(|error| failure(&error)));
        // After a write that failed for another reason than room, files and memory are compared anew.
        if broken { Err("the spool could not be written".into()) } else { Ok(()) }
    }
}

fn failure(error: &SpoolError) -> Failure {
    let code = if error.is_full() { messages::ErrorCode::DiskFull } else { messages::ErrorCode::Internal };
    Failure::new(code, error.to_string())
}
