//! Agents' credentials and sockets. Pure.

use messages::agent::ToAgent;
use messages::http::agents::Machine;
use messages::run::RunState;
use messages::{AgentId, ErrorCode, Problem, RunId, Secret, Timestamp};

use super::super::state::State;
use super::{Context, Decision, Effect, not_found, queue, runs};
use crate::domain::{Agent, AgentAccess, EnrolToken, EntityId, SecretHash, Write};

fn find(state: &State, id: AgentId) -> Result<&Agent, Problem> {
    state.agents.get(&id).map(AsRef::as_ref).ok_or_else(|| not_found(EntityId::Agent(id)))
}

pub(super) fn offer(
    state: &State,
    id: AgentId,
    token: SecretHash,
    expires_at: Timestamp,
    cx: Context<'_>,
) -> Result<Decision, Problem> {
    let agent = find(state, id)?;
    let access = AgentAccess { token: Some(EnrolToken { hash: token, expires_at }), ..agent.access.clone() };
    let agent = Agent { access, stamp: cx.touched(agent.stamp), ..agent.clone() };
    Ok(Decision { writes: vec![Write::Agent(agent)], ..Decision::default() })
}

pub(super) fn enrol(
    state: &State,
    id: AgentId,
    token: SecretHash,
    credential: SecretHash,
    machine: &Machine,
    cx: Context<'_>,
) -> Result<Decision, Problem> {
    let wrong = || {
        Problem::new(
            ErrorCode::EnrolmentTokenWrong,
            "the token is wrong, used up or too old; make a new one in the console",
        )
    };
    let agent = find(state, id).map_err(|_| wrong())?;
    let offered = agent.access.token.ok_or_else(wrong)?;
    if offered.hash != token || offered.expires_at < cx.now {
        return Err(wrong());
    }
    let access = AgentAccess { credential: Some(credential), ..AgentAccess::default() };
    let enrolled = Agent {
        access,
        machine: Some(machine.clone()),
        enrolled_at: Some(cx.now),
        stamp: cx.touched(agent.stamp),
        ..agent.clone()
    };
    let retailer_name = state.retailer.as_ref().map(|r| r.spec.name.clone()).unwrap_or_default();
    let response = super::Response::Enrolled { agent_name: agent.spec.name.clone(), retailer_name };
    let decision = Decision {
        writes: vec![Write::Agent(enrolled)],
        answer: super::Answer::Response(response),
        effects: vec![],
    };
    // Whoever was connected with the former credential is not this agent any more.
    Ok(decision.with(Effect::Dismiss(id, ErrorCode::AgentSuperseded)))
}

pub(super) fn revoke(state: &State, id: AgentId, cx: Context<'_>) -> Result<Decision, Problem> {
    let agent = find(state, id)?;
    let access = AgentAccess { revoked: true, ..AgentAccess::default() };
    // Its connection ends with this; nothing else would note when it was seen last.
    let last_seen_at = cx.connections.conn(id).map_or(agent.last_seen_at, |_| Some(cx.now));
    let revoked = Agent { access, last_seen_at, stamp: cx.touched(agent.stamp), ..agent.clone() };
    let decision = Decision { writes: vec![Write::Agent(revoked)], ..Decision::default() };
    Ok(decision.with(Effect::Dismiss(id, ErrorCode::AgentRevoked)))
}

pub(super) fn rotate(
    state: &State,
    id: AgentId,
    credential: &Secret,
    hash: SecretHash,
    cx: Context<'_>,
) -> Result<Decision, Problem> {
    let agent = find(state, id)?;
    if agent.access.credential.is_none() || cx.connections.conn(id).is_none() {
        let detail = "the agent is not connected; a new credential can only be handed over on its connection";
        return Err(Problem::new(ErrorCode::WrongState, detail));
    }
    let access = AgentAccess { next_credential: Some(hash), ..agent.access.clone() };
    let rotated = Agent { access, stamp: cx.touched(agent.stamp), ..agent.clone() };
    let decision = Decision { writes: vec![Write::Agent(rotated)], ..Decision::default() };
    Ok(decision.with(Effect::Send(id, ToAgent::Credential { credential: credential.clone() })))
}

/// The agent if the credential is its present or its next one.
pub(super) fn authenticate(state: &State, id: AgentId, credential: SecretHash) -> Result<&Agent, Problem> {
    let refused = |code: ErrorCode, detail: &str| Err(Problem::new(code, detail));
    let Some(agent) = state.agents.get(&id) else {
        return refused(ErrorCode::BadCredentials, "the agent is not known here; enrol it again");
    };
    let known = [agent.access.credential, agent.access.next_credential];
    if known.contains(&Some(credential)) {
        Ok(agent)
    } else if agent.access.revoked {
        refused(
            ErrorCode::AgentRevoked,
            "this agent was revoked in the console; enrol it again with a new token",
        )
    } else {
        refused(
            ErrorCode::BadCredentials,
            "the credential is not valid; enrol the agent again with a new token",
        )
    }
}

/// A hello: note what the agent says of itself, hand it what waits for it.
pub(super) fn attach(
    state: &State,
    id: AgentId,
    credential: SecretHash,
    machine: &Machine,
    active: &[RunId],
    cx: Context<'_>,
) -> Result<Decision, Problem> {
    let agent = authenticate(state, id, credential)?;
    let mut decision =
        Decision { answer: super::Answer::Response(super::Response::Attached), ..Decision::default() };
    let mut next = agent.clone();
    next.machine = Some(machine.clone());
    if agent.access.next_credential == Some(credential) {
        next.access = AgentAccess { credential: Some(credential), ..AgentAccess::default() };
    }
    if agent.last_seen_at.is_none() {
        next.last_seen_at = Some(cx.now);
    }
    if next != *agent {
        next.stamp = cx.touched(agent.stamp);
        decision.writes.push(Write::Agent(next));
    }
    let work = gets_work(state, agent);
    if work {
        dispatch_queued(state, id, cx, &mut decision);
    }
    for run in state.open_runs().filter(|run| run.agent_id == id) {
        // What the agent does not list it has not got, or has finished: it answers from its journal either way.
        if work && run.state != RunState::Queued && !active.contains(&run.id) {
            decision.effects.push(Effect::SendRun(run.id));
        }
        if run.cancel_id.is_some() {
            decision.effects.push(Effect::SendCancel(run.id));
        }
    }
    Ok(decision)
}

/// While either is disabled, nothing goes out.
pub(super) fn gets_work(state: &State, agent: &Agent) -> bool {
    agent.spec.enabled && state.retailer.as_ref().is_some_and(|retailer| retailer.spec.enabled)
}

/// Sends an agent what has waited for it.
fn dispatch_queued(state: &State, id: AgentId, cx: Context<'_>, decision: &mut Decision) {
    let ready = queue::ready(state, cx);
    for run in ready.iter().filter_map(|run| state.runs.get(run)).filter(|run| run.agent_id == id) {
        runs::dispatch(run, cx, decision);
    }
}

/// After a change that lets connected agents work again: they get what was held back meanwhile.
pub(super) fn resume(before: &State, after: &State, cx: Context<'_>, decision: &mut Decision) {
    for agent in after.agents.values().filter(|agent| gets_work(after, agent)) {
        let held = before.agents.get(&agent.id).is_some_and(|agent| !gets_work(before, agent));
        if held && cx.connections.conn(agent.id).is_some() {
            dispatch_queued(after, agent.id, cx, decision);
            let sent =
                after.open_runs().filter(|run| run.agent_id == agent.id && run.state != RunState::Queued);
            decision.effects.extend(sent.map(|run| Effect::SendRun(run.id)));
        }
    }
}

/// The socket is gone: keep when the agent was last seen.
pub(super) fn detach(state: &State, id: AgentId, cx: Context<'_>) -> Result<Decision, Problem> {
    let agent = find(state, id)?;
    let seen = Agent { last_seen_at: Some(cx.now), ..agent.clone() };
    Ok(Decision { writes: vec![Write::Agent(seen)], ..Decision::default() })
}

pub(super) fn credential_saved(state: &State, id: AgentId, cx: Context<'_>) -> Result<Decision, Problem> {
    let agent = find(state, id)?;
    let Some(next) = agent.access.next_credential else { return Ok(Decision::default()) };
    let access = AgentAccess { credential: Some(next), next_credential: None, ..agent.access.clone() };
    let saved = Agent { access, stamp: cx.touched(agent.stamp), ..agent.clone() };
    Ok(Decision { writes: vec![Write::Agent(saved)], ..Decision::default() })
}
