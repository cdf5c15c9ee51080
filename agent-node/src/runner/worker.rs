//! The worker of one run: an actor around the task that does the work, so that the work is seen, can be stopped
//! and may fall over. It is never restarted: what follows from its end is for the runner to decide.

use std::sync::Arc;

use actors::observe::Observable;
use messages::RunId;
use messages::agent::RunCommand;
use messages::run::Progress;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::pipeline;
use super::{RunnerMsg, reporter::Reporter};
use crate::connector::{ForRun, Means};
use crate::journal::entry::End;
use crate::links::Links;

pub struct RunWorker;

#[derive(Clone)]
pub struct WorkerArguments {
    pub command: RunCommand,
    pub attempt: u32,
    /// Runs that this agent has finished with; what they left at a destination may be taken away.
    pub over: Vec<RunId>,
    pub links: Arc<Links>,
    pub runner: ActorRef<RunnerMsg>,
    pub means: Arc<Means>,
    /// Why to stop, once there is a reason; a runner that is gone counts as an interruption.
    pub stop: watch::Receiver<Option<StopReason>>,
}

/// Why a run is to stop before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    Cancelled,
    /// The agent stops; the run goes on after its next start.
    Interrupted,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq)]
pub enum WorkerEnd {
    Finished(End),
    Interrupted,
    Panicked,
}

pub enum WorkerMsg {
    /// The work has ended and the runner knows.
    Done,
    Observe(RpcReplyPort<Value>),
}

impl ractor::Message for WorkerMsg {}

impl Observable for WorkerMsg {
    fn observe(reply: RpcReplyPort<Value>) -> Self {
        Self::Observe(reply)
    }
}

pub struct WorkerState {
    attempt: u32,
    shown: watch::Receiver<Progress>,
    work: tokio::task::AbortHandle,
}

impl Actor for RunWorker {
    type Msg = WorkerMsg;
    type State = WorkerState;
    type Arguments = WorkerArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<WorkerMsg>,
        arguments: WorkerArguments,
    ) -> Result<WorkerState, ActorProcessingErr> {
        let WorkerArguments { command, attempt, over, links, runner, means, stop } = arguments;
        let run_id = command.run_id;
        let run = ForRun { run_id, over };
        let (show, shown) = watch::channel(Progress::default());
        let at_work = links.begin_work();
        let work = tokio::spawn(async move {
            let _at_work = at_work;
            let reporter = Reporter::new(run_id, links, show);
            Box::pin(pipeline::run(&command, &run, attempt, reporter, &means, stop)).await
        });
        let abort = work.abort_handle();
        tokio::spawn(async move {
            let end = match work.await {
                Ok(end) => end,
                Err(error) if error.is_cancelled() => WorkerEnd::Interrupted,
                Err(error) => {
                    tracing::error!(%run_id, %error, "the work at a run broke off");
                    WorkerEnd::Panicked
                }
            };
            // A runner that is gone finds in the journal that the run was at work; a worker that is gone needs no word.
            let _ignored = runner.cast(RunnerMsg::Ended { run_id, end });
            let _ignored = myself.cast(WorkerMsg::Done);
        });
        Ok(WorkerState { attempt, shown, work: abort })
    }

    async fn handle(
        &self,
        myself: ActorRef<WorkerMsg>,
        message: WorkerMsg,
        state: &mut WorkerState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            WorkerMsg::Done => myself.stop(None),
            WorkerMsg::Observe(reply) => {
                let snapshot = json!({"attempt": state.attempt, "progress": *state.shown.borrow()});
                let _ignored = reply.send(snapshot);
            }
        }
        Ok(())
    }

    async fn post_stop(
        &self,
        _myself: ActorRef<WorkerMsg>,
        state: &mut WorkerState,
    ) -> Result<(), ActorProcessingErr> {
        state.work.abort();
        Ok(())
    }
}
