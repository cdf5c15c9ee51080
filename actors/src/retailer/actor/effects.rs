//! What follows a commit: consoles are told, agents sent to, runs watched.

use std::collections::HashSet;
use std::sync::Arc;

use messages::agent::{RunCommand, ToAgent};
use messages::connector::Credentials;
use messages::export::ExportOrder;
use messages::live::{Change, Topic};
use messages::run::RunFailure;
use messages::{ErrorCode, Problem, RunId, Version};
use ractor::ActorRef;

use super::super::decide::{self, Effect};
use super::super::watch::{self, Commit};
use super::{RetailerMsg, State, Work, goodbye};
use crate::clock;
use crate::domain::{EntityId, Job, Run, Write};
use crate::ports::Publication;

/// Tells the consoles of a commit.
pub(super) fn publish(state: &mut State, writes: &[Write]) {
    if writes.is_empty() {
        return;
    }
    for write in writes {
        // Before its last word, so that no progress of an ended run is shown after it.
        if let Write::Run(run) = write
            && run.state.is_over()
        {
            state.tools.watchers.release(run.id);
        }
    }
    let (version, now) = (state.documents.version, clock::now());
    let after = Version(version.0 - 1);
    let changes: Arc<[Change]> = writes
        .iter()
        .filter_map(|write| watch::change(write, state.retailer, &state.connections, now))
        .collect();
    state.history.push(Commit { version, changes: changes.clone() });
    let topic = Topic::Retailer(state.retailer);
    state.tools.feed.publish(Publication::Committed { topic, after, version, changes });
    for run in last_words(writes) {
        publish_run(state, run);
    }
    if writes.iter().any(|write| matches!(write, Write::Delete(EntityId::Retailer))) {
        state.tools.feed.publish(Publication::Gone(state.retailer));
    }
    publish_summary(state);
}

/// Each run as the commit leaves it. A commit may tell of its start and of its end, and whoever watches the run takes one
/// change of each version.
fn last_words(writes: &[Write]) -> Vec<&Run> {
    let mut seen = HashSet::new();
    let latest_first = writes.iter().rev().filter_map(|write| match write {
        Write::Run(run) if seen.insert(run.id) => Some(run),
        _ => None,
    });
    let mut runs: Vec<_> = latest_first.collect();
    runs.reverse();
    runs
}

/// A run's topic has its own watchers; and an open run has an actor that watches it.
fn publish_run(state: &State, run: &Run) {
    let view = run.view(state.retailer);
    let retailer_name = state.documents.retailer.as_ref().map(|r| r.spec.name.clone()).unwrap_or_default();
    state.tools.feed.publish(Publication::Run { retailer_name, run: Arc::new(view) });
    if !run.state.is_over() {
        state.tools.watchers.watch(state.retailer, run.id);
    }
}

pub(super) fn publish_summary(state: &State) {
    let online = state.connections.online(clock::now());
    if let Some(summary) = state.documents.summary(state.retailer, online) {
        state.tools.feed.publish(Publication::Summary(summary));
    }
}

/// Says goodbye to the agent's socket and forgets it, if that is the effect.
pub(super) fn dismiss(state: &mut State, effect: &Effect) {
    if let Effect::Dismiss(agent, code) = effect
        && let Some(conn) = state.connections.forget(*agent)
    {
        state.tools.downlink.send(conn, goodbye(*code));
    }
}

pub(super) fn carry_out(me: &ActorRef<RetailerMsg>, state: &mut State, effect: Effect) {
    match effect {
        Effect::SendRun(run) => send_run(state, run),
        Effect::SendCancel(run) => send_cancel(state, run),
        Effect::Send(agent, frame) => {
            if let Some(conn) = state.connections.conn(agent) {
                state.tools.downlink.send(conn, frame);
            }
        }
        Effect::Dismiss(..) => {}
        Effect::End => me.stop(Some("the retailer has been deleted".into())),
    }
}

fn send_run(state: &mut State, id: RunId) {
    let Some(run) = state.documents.runs.get(&id).filter(|run| !run.state.is_over()) else { return };
    let Some(conn) = state.connections.conn(run.agent_id) else { return };
    match command(state, run) {
        Ok(command) => state.tools.downlink.send(conn, ToAgent::Run(Box::new(command))),
        Err(problem) => {
            tracing::error!(run = %id, %problem, "a run cannot be sent");
            let failure = RunFailure { code: problem.code, detail: problem.detail };
            // Effects are carried out within a look at the queue, which goes on afterwards.
            state.queue.push_back(Work::Impossible(id, failure));
        }
    }
}

/// The run as its agent gets it. Only here are its credentials opened.
fn command(state: &State, run: &Run) -> Result<RunCommand, Problem> {
    let machine = state.documents.agents.get(&run.agent_id).and_then(|agent| agent.machine.as_ref());
    decide::fits(&run.plan.export, &run.plan.mapping, machine)?;
    let source_credentials = source_credentials(state, run)?;
    let sealed = if run.plan.destination.needs_credentials() {
        let gone =
            || Problem::new(ErrorCode::NotFound, "the destination has been deleted since the run was made");
        let destination = state.documents.destinations.get(&run.destination_id).ok_or_else(gone)?;
        destination.credentials.as_ref()
    } else {
        None
    };
    let credentials = sealed
        .map(|sealed| state.tools.unsealer.open(state.retailer, run.destination_id.into(), sealed))
        .transpose()?;
    Ok(RunCommand {
        command_id: run.command_id,
        epoch: state.epoch,
        run_id: run.id,
        job_id: run.job_id,
        job_name: run.job_name.clone(),
        source: run.plan.source.clone(),
        mapping: Box::new((*run.plan.mapping).clone()),
        destination: run.plan.destination.clone(),
        credentials,
        source_credentials,
        reject_rule: run.plan.reject_rule,
        timeout_s: run.plan.timeout_s,
        export: Some(run.plan.export).filter(|order| !order.is_plain()).map(|order| {
            let job = state.documents.jobs.get(&run.job_id);
            Box::new(ExportOrder { after: job.and_then(|job| job.delivered_by), ..order })
        }),
    })
}

/// What opens the run's source. The run keeps the source it was made with, and the job may name another by now: then
/// its secret is not for that server.
fn source_credentials(state: &State, run: &Run) -> Result<Option<Credentials>, Problem> {
    if !run.plan.source.needs_credentials() {
        return Ok(None);
    }
    let fits = |job: &&std::sync::Arc<Job>| run.plan.source.keeps_credentials_of(&job.spec.source);
    let job = state.documents.jobs.get(&run.job_id).filter(fits).ok_or_else(|| {
        let detail = "the job reads from another server since the run was made; start it again";
        Problem::new(ErrorCode::NotFound, detail)
    })?;
    let open = |sealed| state.tools.unsealer.open(state.retailer, run.job_id.into(), sealed);
    job.source_credentials.as_ref().map(open).transpose()
}

fn send_cancel(state: &State, id: RunId) {
    let Some(run) = state.documents.runs.get(&id) else { return };
    if let (Some(command_id), Some(conn)) = (run.cancel_id, state.connections.conn(run.agent_id)) {
        let cancel = ToAgent::Cancel { command_id, epoch: state.epoch, run_id: id };
        state.tools.downlink.send(conn, cancel);
    }
}
