//! Looks at shops: somebody who sets up a job asks what an agent finds at a source or a destination, and waits.
//!
//! Nothing of it is committed or stored. A question that is lost with this actor, its node or the agent's line is answered
//! with an error, or asked again by the router: a look changes nothing. Limits: [`MOST_LOOKS`] of one agent at a time,
//! each for [`WITHIN`].

use std::collections::HashMap;
use std::time::{Duration, Instant};

use messages::agent::{InspectCommand, ToAgent};
use messages::connector::Credentials;
use messages::inspect::{CAPABILITY, Finding, InspectRequest, PATIENCE_S, Subject};
use messages::{AgentId, CommandId, ErrorCode, FieldError, Problem};
use ractor::ActorRef;
use tokio::sync::OwnedSemaphorePermit;

use super::{Asked, Reply, RetailerMsg, State};
use crate::clock;
use crate::domain::{Sealed, SecretOf};
use crate::ports::ConnAddr;
use crate::retailer::request::{Request, Response};

/// One person tries one thing after the other; a second may do so at the same time.
const MOST_LOOKS: usize = 2;
/// The agent's own patience, and the way there and back.
const WITHIN: Duration = Duration::from_secs(PATIENCE_S + 4);
/// Before whoever asks stops waiting, so that they hear why.
const AHEAD: Duration = Duration::from_millis(300);

/// Who waits for what an agent finds.
#[derive(Default)]
pub(super) struct Looks(HashMap<CommandId, Waiting>);

struct Waiting {
    conn: ConnAddr,
    reply: Reply,
    _permit: OwnedSemaphorePermit,
}

pub(super) fn begin(me: &ActorRef<RetailerMsg>, state: &mut State, asked: Asked) {
    let Asked { request, reply, deadline, permit } = asked;
    let Request::Inspect { agent, request } = request else { return };
    match prepared(state, agent, *request) {
        Ok((conn, command)) => {
            let id = command.command_id;
            state.looks.0.insert(id, Waiting { conn, reply, _permit: permit });
            state.tools.downlink.send(conn, ToAgent::Inspect(Box::new(command)));
            me.send_after(patience(deadline), move || RetailerMsg::LookDue(id));
        }
        Err(problem) => drop(reply.send(Err(problem))),
    }
}

fn patience(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(clock::now()).saturating_sub(AHEAD).min(WITHIN)
}

/// The command, and where it goes; or why there is nobody to ask.
fn prepared(
    state: &State,
    id: AgentId,
    request: InspectRequest,
) -> Result<(ConnAddr, InspectCommand), Problem> {
    let gone = || Problem::new(ErrorCode::NotFound, "there is no such agent of this retailer");
    let agent = state.documents.agents.get(&id).ok_or_else(gone)?;
    let name = &agent.spec.name;
    if !agent.spec.enabled {
        let detail = format!("the agent \"{name}\" is disabled; enable it first");
        return Err(Problem::new(ErrorCode::Disabled, detail));
    }
    let offline = || {
        let detail = format!(
            "the agent \"{name}\" is not connected; see on its machine that it runs and reaches the hub"
        );
        Problem::new(ErrorCode::AgentOffline, detail)
    };
    let conn = state.connections.conn(id).ok_or_else(offline)?;
    let machine = agent.machine.as_ref().ok_or_else(offline)?;
    if !machine.knows(CAPABILITY) {
        let detail = format!(
            "the agent \"{name}\" (version {}) cannot look into sources and destinations; update it",
            machine.agent_version
        );
        return Err(Problem::new(ErrorCode::AgentTooOld, detail));
    }
    let (sort, kind) = request.subject.connector();
    if !machine.can(sort, kind) {
        let detail = format!(
            "the agent \"{name}\" (version {}) has no {sort} of the kind {kind}; update it, or choose another",
            machine.agent_version
        );
        return Err(Problem::new(ErrorCode::Unsupported, detail));
    }
    if state.looks.0.values().filter(|waiting| waiting.conn.agent == id).count() >= MOST_LOOKS {
        let detail = format!("the agent \"{name}\" is looking at something else already; wait a moment");
        return Err(Problem::new(ErrorCode::Busy, detail));
    }
    let credentials = credentials(state, &request)?;
    Ok((conn, InspectCommand { command_id: CommandId::new(), subject: request.subject, credentials }))
}

/// What was given, or what is stored, as long as it goes where it was meant to go: who may look must not be able to have
/// a shop's password sent to a server of their own.
fn credentials(state: &State, request: &InspectRequest) -> Result<Option<Credentials>, Problem> {
    if !request.subject.needs_credentials() {
        return Ok(None);
    }
    if request.credentials.is_some() {
        return Ok(request.credentials.clone());
    }
    let (of, sealed) = stored(state, request).ok_or_else(|| {
        let wanted = request.subject.wanted_credentials();
        let detail = format!("enter {wanted}: none is stored for this server and user");
        Problem::invalid(vec![FieldError { field: "credentials".into(), detail }])
    })?;
    state.tools.unsealer.open(state.retailer, of, sealed).map(Some)
}

fn stored<'s>(state: &'s State, request: &InspectRequest) -> Option<(SecretOf, &'s Sealed)> {
    match &request.subject {
        Subject::Source { source } => {
            let job = state.documents.jobs.get(&request.job_id?)?;
            let sealed = job.source_credentials.as_ref()?;
            source.keeps_credentials_of(&job.spec.source).then_some((job.id.into(), sealed))
        }
        Subject::Destination { destination } => {
            let known = state.documents.destinations.get(&request.destination_id?)?;
            let sealed = known.credentials.as_ref()?;
            destination.keeps_credentials_of(&known.config).then_some((known.id.into(), sealed))
        }
    }
}

/// An agent has looked. What nobody waits for any more is forgotten.
pub(super) fn found(state: &mut State, conn: ConnAddr, command: CommandId, finding: &Finding) {
    if state.looks.0.get(&command).is_some_and(|waiting| waiting.conn == conn) {
        answer(state, command, Ok(Response::Found(Box::new(finding.clone()))));
    }
}

/// The line is gone over which the answers would come.
pub(super) fn lost(state: &mut State, conn: ConnAddr) {
    let of = state.looks.0.iter().filter(|(_, waiting)| waiting.conn == conn);
    let lost: Vec<_> = of.map(|(command, _)| *command).collect();
    for command in lost {
        let detail = "the agent's line to the hub broke while it was looking; try again";
        answer(state, command, Err(Problem::new(ErrorCode::AgentOffline, detail)));
    }
}

pub(super) fn late(state: &mut State, command: CommandId) {
    let detail =
        format!("the agent did not answer within {PATIENCE_S} seconds; what it looks at may be slow or away");
    answer(state, command, Err(Problem::new(ErrorCode::DeadlineExceeded, detail)));
}

fn answer(state: &mut State, command: CommandId, answer: Result<Response, Problem>) {
    if let Some(Waiting { reply, .. }) = state.looks.0.remove(&command) {
        // Whoever asked may have gone away.
        drop(reply.send(answer));
    }
}
