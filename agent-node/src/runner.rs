//! The runner's actor: keeps accepted runs in the journal, works at some at a time, tells how each ended.
//!
//! Stands under the agent's root; `worker` is an actor for each run at work, `pipeline` what it does, `reporter`
//! how it tells. A run is accepted when it is on the disk, and over when its end is in the spool.

mod comparison;
mod look;
pub mod pipeline;
pub mod reporter;
pub mod worker;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actors::observe::Observable;
use actors::supervise::{ChildSpec, RestartPolicy};
use messages::agent::{Fact, FromAgent, Report, RunCommand, ToAgent};
use messages::run::RunOutcome;
use messages::version::Epoch;
use messages::{CommandId, ErrorCode, RunId, Timestamp};
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, watch};

use crate::connector::{Failure, Means};
use crate::held::Held;
use crate::journal::entry::{Answer, End, Open, Recovery, judge, recover, to_begin};
use crate::journal::{Entry, Journal, Stage};
use crate::links::{Links, RunLists};
use crate::spool::SpoolMsg;
use worker::{RunWorker, StopReason, WorkerArguments, WorkerEnd};

/// Until an end that could not be reported (the disk is full, the spool is being restarted) is tried again.
const REPORT_AGAIN: Duration = Duration::from_secs(5);

/// Runs that may be open at once. The hub has at most eight commands under way; more than this many waiting
/// runs are a mistake that should be seen.
const MAX_OPEN: usize = 256;

pub struct Runner;

#[derive(Clone)]
pub struct RunnerArguments {
    pub folder: PathBuf,
    pub max_runs: usize,
    pub links: Arc<Links>,
    pub means: Arc<Means>,
}

pub enum RunnerMsg {
    /// `run`, `cancel` or `inspect` from the hub.
    Command(Box<ToAgent>),
    Ended {
        run_id: RunId,
        end: WorkerEnd,
    },
    /// Begin what there is room for.
    Begin,
    /// Try again to report ends that the spool did not take.
    ReportEnds,
    /// No new work; answers when no run is at work, or when told so by the deadline of the one who asks.
    Drain(RpcReplyPort<()>),
    /// Stop the runs at work; they stay in the journal and begin again at the next start.
    Interrupt,
    Observe(RpcReplyPort<Value>),
}

impl ractor::Message for RunnerMsg {}

impl Observable for RunnerMsg {
    fn observe(reply: RpcReplyPort<Value>) -> Self {
        Self::Observe(reply)
    }
}

pub struct RunnerState {
    journal: Held<Journal>,
    max_runs: usize,
    links: Arc<Links>,
    means: Arc<Means>,
    /// Room for looks.
    looking: Arc<Semaphore>,
    /// Runs at work, and how to stop them.
    workers: HashMap<RunId, watch::Sender<Option<StopReason>>>,
    /// Set when no new work is begun.
    draining: bool,
    drained: Vec<RpcReplyPort<()>>,
    report_again: bool,
}

impl Actor for Runner {
    type Msg = RunnerMsg;
    type State = RunnerState;
    type Arguments = RunnerArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<RunnerMsg>,
        arguments: RunnerArguments,
    ) -> Result<RunnerState, ActorProcessingErr> {
        let RunnerArguments { folder, max_runs, links, means } = arguments;
        links.spool.ready().await?;
        links.all_work_ended().await?;
        let journal = crate::disk::off_thread(move || Journal::open(folder)).await?;
        let mut state = RunnerState {
            journal: Held::new(journal),
            max_runs,
            links,
            means,
            looking: Arc::new(Semaphore::new(look::MOST)),
            workers: HashMap::new(),
            draining: false,
            drained: Vec::new(),
            report_again: false,
        };
        state.recover().await?;
        state.links.runner.set(&myself);
        state.publish()?;
        myself.cast(RunnerMsg::Begin)?;
        Ok(state)
    }

    async fn handle(
        &self,
        myself: ActorRef<RunnerMsg>,
        message: RunnerMsg,
        state: &mut RunnerState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            RunnerMsg::Command(command) => match *command {
                ToAgent::Inspect(look) => {
                    look::begin(*look, &state.looking, &state.means, &state.links);
                    return Ok(());
                }
                command => state.command(command).await?,
            },
            RunnerMsg::Ended { run_id, end } => state.ended(run_id, end).await?,
            RunnerMsg::Begin => {}
            RunnerMsg::ReportEnds => {
                state.report_again = false;
                state.recover().await?;
            }
            RunnerMsg::Drain(reply) => {
                state.draining = true;
                state.drained.push(reply);
            }
            RunnerMsg::Interrupt => {
                state.draining = true;
                state.tell_workers(StopReason::Interrupted);
            }
            RunnerMsg::Observe(reply) => {
                let open = state.links.runs().journalled.len();
                let _ignored = reply.send(json!({"open": open, "working": state.workers.len()}));
                return Ok(());
            }
        }
        state.begin(&myself).await?;
        state.publish()?;
        if state.report_again {
            myself.send_after(REPORT_AGAIN, || RunnerMsg::ReportEnds);
            state.report_again = false;
        }
        if state.workers.is_empty() {
            for reply in state.drained.drain(..) {
                let _ignored = reply.send(());
            }
        }
        Ok(())
    }

    async fn post_stop(
        &self,
        _myself: ActorRef<RunnerMsg>,
        state: &mut RunnerState,
    ) -> Result<(), ActorProcessingErr> {
        state.tell_workers(StopReason::Interrupted);
        Ok(())
    }
}

impl RunnerState {
    /// What the journal left over from an earlier life, and ends that were not reported.
    async fn recover(&mut self) -> Result<(), ActorProcessingErr> {
        let found: Vec<Entry> = self
            .journal
            .here()?
            .in_order()
            .into_iter()
            .filter(|entry| !entry.is_settled())
            .cloned()
            .collect();
        for entry in found {
            if self.workers.contains_key(&entry.run_id) {
                continue;
            }
            let run_id = entry.run_id;
            let Ok(reported) = self.links.spool.ask(|reply| SpoolMsg::HasFinished(run_id, reply)).await
            else {
                self.report_again = true;
                continue;
            };
            match recover(&entry, reported) {
                Recovery::Nothing => {}
                Recovery::Settle => self.settle(&entry).await?,
                Recovery::Report(end) => self.finish(&entry, end).await?,
                Recovery::Wait(open) => {
                    tracing::info!(%run_id, crashes = open.crashes, "a run that was interrupted begins again");
                    self.put(entry.with(Stage::Open(Box::new(open)))).await??;
                }
            }
        }
        Ok(())
    }

    async fn command(&mut self, command: ToAgent) -> Result<(), ActorProcessingErr> {
        let (command_id, epoch, run_id) = match &command {
            ToAgent::Run(run) => (run.command_id, run.epoch, run.run_id),
            ToAgent::Cancel { command_id, epoch, run_id } => (*command_id, *epoch, *run_id),
            _ => return Ok(()),
        };
        let highest = self.journal.here()?.epoch();
        let known = self.journal.here()?.get(run_id).cloned();
        let answer = judge(known.is_some(), epoch, highest);
        if answer == Answer::Stale {
            let detail = format!("epoch {epoch} is lower than {highest}, which was seen already");
            self.refuse(command_id, ErrorCode::StaleEpoch, detail);
            return Ok(());
        }
        let done = match command {
            ToAgent::Run(_) if known.is_some() => self.raise(epoch).await?,
            ToAgent::Run(run) => self.accept(*run).await?,
            _ => self.cancel(run_id, epoch, known).await?,
        };
        match done {
            Ok(()) => self.say(FromAgent::Accepted { command_id }),
            Err(failure) => self.refuse(command_id, failure.code, failure.detail),
        }
        Ok(())
    }

    async fn accept(&mut self, run: RunCommand) -> Result<Result<(), Failure>, ActorProcessingErr> {
        let journal = self.journal.here()?;
        let open = journal.in_order().iter().filter(|entry| entry.open().is_some()).count();
        if open >= MAX_OPEN {
            let detail = format!("{open} runs are waiting on this agent already");
            return Ok(Err(Failure::new(ErrorCode::LimitReached, detail)));
        }
        if let Err(failure) = self.raise(run.epoch).await? {
            return Ok(Err(failure));
        }
        let entry = Entry::accepted(self.journal.here()?.next_order(), run);
        tracing::info!(run_id = %entry.run_id, "a run was accepted");
        Ok(self.put(entry).await?.map_err(|error| unwritten(&error)))
    }

    async fn cancel(
        &mut self,
        run_id: RunId,
        epoch: Epoch,
        known: Option<Entry>,
    ) -> Result<Result<(), Failure>, ActorProcessingErr> {
        if let Err(failure) = self.raise(epoch).await? {
            return Ok(Err(failure));
        }
        let cancelled = || End::untouched(RunOutcome::Cancelled);
        let Some(entry) = known else {
            // Its `run` was lost on the way. Should it still arrive, it finds that the run is over.
            let order = self.journal.here()?.next_order();
            let entry = Entry { run_id, order, stage: Stage::Over { unreported: Some(cancelled()) } };
            self.finish(&entry, cancelled()).await?;
            return Ok(Ok(()));
        };
        let Some(open) = entry.open() else { return Ok(Ok(())) };
        let marked = entry.with(Stage::Open(Box::new(Open { cancelled: true, ..open.clone() })));
        if let Err(error) = self.put(marked.clone()).await? {
            return Ok(Err(unwritten(&error)));
        }
        match self.workers.get(&run_id) {
            Some(stop) => {
                stop.send_replace(Some(StopReason::Cancelled));
            }
            None => self.finish(&marked, cancelled()).await?,
        }
        Ok(Ok(()))
    }

    async fn ended(&mut self, run_id: RunId, end: WorkerEnd) -> Result<(), ActorProcessingErr> {
        self.workers.remove(&run_id);
        let Some(entry) = self.journal.here()?.get(run_id).cloned() else { return Ok(()) };
        let Some(open) = entry.open().cloned() else { return Ok(()) };
        match end {
            WorkerEnd::Finished(end) => self.finish(&entry, end).await?,
            WorkerEnd::Interrupted => {
                let back = Open { working: false, ..open };
                // If the disk does not take this, the next start counts it as a crash.
                if let Err(error) = self.put(entry.with(Stage::Open(Box::new(back)))).await? {
                    tracing::warn!(%run_id, %error, "an interrupted run could not be put back");
                }
            }
            WorkerEnd::Panicked => {
                tracing::error!(%run_id, attempt = open.attempt, "an attempt broke off inside; the agent goes on");
                match recover(&entry, false) {
                    Recovery::Wait(again) => self.put(entry.with(Stage::Open(Box::new(again)))).await??,
                    Recovery::Report(end) => self.finish(&entry, end).await?,
                    Recovery::Nothing | Recovery::Settle => {}
                }
            }
        }
        Ok(())
    }

    /// First the journal, then the spool, then the journal again: whatever is cut off in between is mended at start.
    async fn finish(&mut self, entry: &Entry, end: End) -> Result<(), ActorProcessingErr> {
        let run_id = entry.run_id;
        let over = entry.with(Stage::Over { unreported: Some(end.clone()) });
        if let Err(error) = self.put(over.clone()).await? {
            tracing::error!(%run_id, %error, "the end of a run could not be journalled");
            self.journal.here()?.remember(over);
        }
        let End { progress, outcome } = end;
        let report =
            Report { seq: 0, at: Timestamp::now(), run_id, fact: Fact::Finished { progress, outcome } };
        match self.links.spool.ask(|reply| SpoolMsg::Append(vec![report], reply)).await {
            Ok(Ok(())) => self.settle(entry).await,
            Ok(Err(failure)) => {
                tracing::error!(%run_id, %failure, "the end of a run could not be spooled; it is tried again");
                self.report_again = true;
                Ok(())
            }
            Err(_) => {
                self.report_again = true;
                Ok(())
            }
        }
    }

    /// Notes that the end of a run is in the spool.
    async fn settle(&mut self, entry: &Entry) -> Result<(), ActorProcessingErr> {
        let settled = entry.with(Stage::Over { unreported: None });
        if let Err(error) = self.put(settled.clone()).await? {
            tracing::error!(run_id = %entry.run_id, %error, "the end of a run could not be journalled");
            self.journal.here()?.remember(settled);
        }
        Ok(())
    }

    async fn begin(&mut self, myself: &ActorRef<RunnerMsg>) -> Result<(), ActorProcessingErr> {
        if self.draining {
            return Ok(());
        }
        let entries = self.journal.here()?.in_order();
        let due = to_begin(&entries, self.max_runs);
        let over: Vec<RunId> =
            entries.iter().filter(|entry| entry.open().is_none()).map(|entry| entry.run_id).collect();
        for run_id in due {
            let Some(entry) = self.journal.here()?.get(run_id).cloned() else { continue };
            let Some(open) = entry.open() else { continue };
            let begun = Open { working: true, attempt: open.attempt + 1, ..open.clone() };
            if let Err(error) = self.put(entry.with(Stage::Open(Box::new(begun.clone())))).await? {
                let failure = unwritten(&error);
                self.finish(&entry, End::failed(failure.code, failure.detail)).await?;
                continue;
            }
            let (stop, stopped) = watch::channel(None);
            self.workers.insert(run_id, stop);
            let arguments = WorkerArguments {
                command: begun.command,
                attempt: begun.attempt,
                over: over.clone(),
                links: Arc::clone(&self.links),
                runner: myself.clone(),
                means: Arc::clone(&self.means),
                stop: stopped,
            };
            let worker = ChildSpec::new(run_id.to_string(), "run_worker", RestartPolicy::BOUND, move || {
                (RunWorker, arguments.clone())
            });
            if !self.links.workers().is_some_and(|workers| workers.add(worker)) {
                // Their supervisor is being restarted; it is as if the attempt had broken off.
                myself.cast(RunnerMsg::Ended { run_id, end: WorkerEnd::Interrupted })?;
            }
        }
        Ok(())
    }

    fn publish(&mut self) -> Result<(), ActorProcessingErr> {
        let working = self.workers.keys().copied().collect();
        let entries = self.journal.here()?.in_order();
        let journalled =
            entries.iter().filter(|entry| entry.open().is_some()).map(|entry| entry.run_id).collect();
        self.links.set_runs(RunLists { journalled, working });
        Ok(())
    }

    fn tell_workers(&self, reason: StopReason) {
        for stop in self.workers.values() {
            // Who was cancelled already is stopping.
            stop.send_if_modified(|old| old.is_none() && old.replace(reason).is_none());
        }
    }

    async fn put(&mut self, entry: Entry) -> Result<std::io::Result<()>, ActorProcessingErr> {
        Ok(self.journal.work(move |journal| journal.put(entry)).await?)
    }

    async fn raise(&mut self, epoch: Epoch) -> Result<Result<(), Failure>, ActorProcessingErr> {
        if epoch == self.journal.here()?.epoch() {
            return Ok(Ok(()));
        }
        let raised = self.journal.work(move |journal| journal.raise_epoch(epoch)).await?;
        Ok(raised.map_err(|error| unwritten(&error)))
    }

    fn refuse(&self, command_id: CommandId, code: ErrorCode, detail: String) {
        tracing::warn!(%command_id, %code, detail, "a command was refused");
        self.say(FromAgent::Refused { command_id, code, detail });
    }

    fn say(&self, frame: FromAgent) {
        // Without an uplink the hub gets no answer, and asks again.
        let _unheard = self.links.uplink.tell(crate::uplink::UplinkMsg::Say(frame));
    }
}

fn unwritten(error: &std::io::Error) -> Failure {
    if crate::disk::is_full(error) {
        return Failure::new(ErrorCode::DiskFull, "the disk of the agent's machine is full; make room there");
    }
    Failure::new(ErrorCode::Internal, format!("the agent could not write its journal: {error}"))
}
