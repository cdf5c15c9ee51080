//! What a request changes. Pure: documents in, writes and effects out; the actor commits and carries out.
//!
//! Everything that depends on other documents is checked here: references, uniqueness, limits, states, revisions.

mod agents;
mod approval;
mod config;
mod import;
mod job;
mod queue;
mod runs;
mod schedule;
#[cfg(test)]
mod tests;

use std::time::Instant;

use messages::agent::ToAgent;
use messages::run::RunFailure;
use messages::{AgentId, ErrorCode, Problem, RetailerId, RunId, Timestamp, Version};

use super::presence::Connections;
use super::request::{Request, Response};
use super::state::{RECEIPT_LIFE, State};
use crate::domain::{EntityId, Receipt, Stamp, Write};

/// What a decision may depend on beside the documents.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    pub retailer: RetailerId,
    /// The version that the commit under way will have.
    pub version: Version,
    pub now: Timestamp,
    pub instant: Instant,
    pub connections: &'a Connections,
}

impl Context<'_> {
    /// The stamp of something made now.
    const fn born(&self) -> Stamp {
        Stamp { rev: self.version, created_at: self.now, updated_at: self.now }
    }

    /// The stamp of something changed now.
    const fn touched(&self, before: Stamp) -> Stamp {
        Stamp { rev: self.version, created_at: before.created_at, updated_at: self.now }
    }
}

/// What to do. Nothing of it counts before the writes are committed.
#[derive(Debug, Default, PartialEq)]
pub struct Decision {
    pub writes: Vec<Write>,
    pub answer: Answer,
    pub effects: Vec<Effect>,
}

#[derive(Debug, Default, PartialEq)]
pub enum Answer {
    #[default]
    Done,
    /// The thing as it is after the commit.
    Entity(EntityId),
    Response(Response),
}

/// What follows a commit.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Carry the run to its agent; dropped if the agent is away, for it is sent again at its next hello.
    SendRun(RunId),
    SendCancel(RunId),
    Send(AgentId, ToAgent),
    /// Say goodbye to the agent's socket and forget it.
    Dismiss(AgentId, ErrorCode),
    /// The retailer is gone.
    End,
}

impl Decision {
    fn entity(id: EntityId, writes: Vec<Write>) -> Self {
        Self { writes, answer: Answer::Entity(id), effects: Vec::new() }
    }

    fn with(mut self, effect: Effect) -> Self {
        self.effects.push(effect);
        self
    }
}

/// The one entrance. Reads and sockets' own affairs do not come here.
pub fn decide(state: &State, request: &Request, cx: Context<'_>) -> Result<Decision, Problem> {
    if state.retailer.is_none() && !request.makes_retailer() {
        return Err(Problem::new(ErrorCode::NotFound, "there is no such retailer"));
    }
    match request {
        Request::Create { id, draft, idempotency, .. } => {
            repeated(state, idempotency.as_deref(), *id, || config::create(state, *id, draft, cx), cx)
        }
        Request::Update { id, draft, expected, .. } => config::update(state, *id, draft, *expected, cx),
        Request::Import { retailer, things, dry_run, .. } => {
            import::import(state, retailer.as_deref(), things, *dry_run, cx)
        }
        Request::Reseal { destination, before, after } => config::reseal(state, *destination, before, after),
        Request::ResealSource { job, before, after } => config::reseal_source(state, *job, before, after),
        Request::Delete { id, expected, .. } => config::delete(state, *id, *expected, cx),
        Request::StartRun { job, run, mode, author, idempotency } => {
            let id = EntityId::Run(*run);
            let start = || runs::start(state, *job, *run, *mode, author, cx);
            repeated(state, idempotency.as_deref(), id, start, cx)
        }
        Request::ApproveRun { stopped, run, author } => approval::approve(state, *stopped, *run, author, cx),
        Request::RefuseRun { stopped, author } => approval::refuse(state, *stopped, author, cx),
        Request::CancelRun { run, author } => runs::cancel(state, *run, author, cx),
        Request::SetPaused { job, paused, author } => schedule::set_paused(state, *job, *paused, author, cx),
        Request::OrderQueue { runs, .. } => queue::reorder(state, runs, cx),
        Request::PurgeQueue { query, author } => Ok(queue::purge(state, query, author, cx)),
        Request::OfferEnrolment { agent, token, expires_at, .. } => {
            agents::offer(state, *agent, *token, *expires_at, cx)
        }
        Request::Enrol { agent, token, credential, machine } => {
            agents::enrol(state, *agent, *token, *credential, machine, cx)
        }
        Request::Revoke { agent, .. } => agents::revoke(state, *agent, cx),
        Request::Rotate { agent, credential, hash, .. } => {
            agents::rotate(state, *agent, credential, *hash, cx)
        }
        Request::Attach { conn, credential, machine, active } => {
            agents::attach(state, conn.agent, *credential, machine, active, cx)
        }
        Request::Detach { conn } => agents::detach(state, conn.agent, cx),
        Request::CredentialSaved { conn } => agents::credential_saved(state, conn.agent, cx),
        Request::Accepted { conn, command } => runs::accepted(state, conn.agent, *command, cx),
        Request::Refused { conn, command, code, detail } => {
            runs::refused(state, conn.agent, *command, *code, detail, cx)
        }
        Request::Reports { conn, reports, .. } => runs::reports(state, conn.agent, reports, cx),
        Request::Get(_)
        | Request::List { .. }
        | Request::Queue(_)
        | Request::Configuration
        | Request::Watch { .. }
        | Request::Introduce { .. }
        | Request::Authenticate { .. }
        | Request::Alive { .. }
        | Request::Inspect { .. }
        | Request::Inspected { .. }
        | Request::Edge(_) => Ok(Decision::default()),
    }
}

/// Looks at an open run again after a while: see [`crate::run::machine::patience`].
pub fn review(state: &State, run: RunId, cx: Context<'_>) -> Option<Decision> {
    runs::review(state, run, cx)
}

/// Serves what happens by itself: schedules, expiries, runs whose turn has come.
pub fn tick(state: &State, cx: Context<'_>) -> Decision {
    schedule::tick(state, cx)
}

/// Sends the waiting runs for which there is room after what was decided before.
pub fn refill(state: &State, cx: Context<'_>) -> Decision {
    queue::refill(state, cx)
}

pub use approval::fits;
pub use queue::waiting;
pub use schedule::{foresee, next_wake};

/// Ends a run that cannot even be sent.
pub fn impossible(state: &State, run: RunId, failure: RunFailure, cx: Context<'_>) -> Option<Decision> {
    runs::impossible(state, run, failure, cx)
}

/// Is this the agent's credential, or the one that is to replace it?
pub fn authenticate(
    state: &State,
    agent: AgentId,
    credential: crate::domain::SecretHash,
) -> Result<(), Problem> {
    agents::authenticate(state, agent, credential).map(drop)
}

/// Does what was asked unless the key says that it has been done.
fn repeated(
    state: &State,
    key: Option<&str>,
    wanted: EntityId,
    act: impl FnOnce() -> Result<Decision, Problem>,
    cx: Context<'_>,
) -> Result<Decision, Problem> {
    let Some(key) = key else { return act() };
    let receipt = state.receipts.get(key).filter(|(_, at)| cx.now.since(*at) < RECEIPT_LIFE);
    if let Some((made, _)) = receipt {
        if made.kind() == wanted.kind() {
            return Ok(Decision::entity(*made, Vec::new()));
        }
        let detail = format!(
            "this idempotency key was used to make a {}; use a new key for each request",
            made.kind()
        );
        return Err(Problem::new(ErrorCode::WrongState, detail));
    }
    let mut decision = act()?;
    if let Answer::Entity(made) = decision.answer {
        decision.writes.push(Write::Receipt(Receipt { key: key.to_owned(), made, at: cx.now }));
    }
    Ok(decision)
}

fn not_found(id: EntityId) -> Problem {
    let kind = id.kind();
    Problem::new(ErrorCode::NotFound, format!("there is no such {kind}; it may have been deleted"))
}
