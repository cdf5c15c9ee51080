//! Letting agents in: tokens, enrolment, rotation and revocation. Adding and changing agents is in [`super::config`].

use std::time::Duration;

use actors::retailer::request::{Request, Response};
use messages::http::agents::{EnrolGrant, EnrolRequest, EnrolmentToken};
use messages::inspect::InspectRequest;
use messages::{ErrorCode, Problem, Secret, Timestamp};

use super::call::{Call, unexpected};
use super::reply::Reply;
use crate::access::agent_token;

/// Long enough to drive to the shop, short enough that a forgotten note is worthless.
const TOKEN_LIFETIME: Duration = Duration::from_secs(24 * 3_600);

/// The agent's patience and the way there and back; shorter than a request may take.
const LOOK_WITHIN: Duration = Duration::from_secs(messages::inspect::PATIENCE_S + 6);

/// Makes a one-time token and the line to run at the site.
pub(super) async fn offer(call: Call) -> Result<Reply, Problem> {
    let (retailer, agent) = (call.retailer()?, call.id("agent")?);
    let minted = agent_token::mint_enrolment(retailer, agent);
    let expires_at = Timestamp::now() + TOKEN_LIFETIME;
    let author = call.caller()?.author();
    call.ask_done(retailer, Request::OfferEnrolment { agent, token: minted.hash, expires_at, author })
        .await?;
    let hub = &call.state.settings.public_url;
    let command = Secret::new(format!("agent-node enrol --hub {hub} --token {}", minted.text.expose()));
    Reply::json(&EnrolmentToken { token: minted.text, expires_at, command })
}

/// Voids token and credential; an open socket is closed.
pub(super) async fn revoke(call: Call) -> Result<Reply, Problem> {
    let (agent, author) = (call.id("agent")?, call.caller()?.author());
    call.ask_done(call.retailer()?, Request::Revoke { agent, author }).await?;
    Ok(Reply::empty())
}

/// Gives the agent a new credential, which no person sees.
pub(super) async fn rotate(call: Call) -> Result<Reply, Problem> {
    let (retailer, agent) = (call.retailer()?, call.id("agent")?);
    let minted = agent_token::mint_credential(retailer, agent);
    let author = call.caller()?.author();
    let request = Request::Rotate { agent, credential: minted.text, hash: minted.hash, author };
    call.ask_done(retailer, request).await?;
    Ok(Reply::empty())
}

/// What the agent finds at a source or a destination that somebody is about to use. Nothing is changed there.
pub(super) async fn inspect(call: Call, request: InspectRequest) -> Result<Reply, Problem> {
    let (retailer, agent) = (call.retailer()?, call.id("agent")?);
    let (sort, kind) = request.subject.connector();
    tracing::info!(%retailer, %agent, user = %call.caller()?.user, sort, kind, "an agent is asked to look");
    let request = Request::Inspect { agent, request: Box::new(request) };
    match call.state.router.ask(retailer, request, LOOK_WITHIN).await? {
        Response::Found(finding) => Reply::json(&*finding),
        other => Err(unexpected(&other)),
    }
}

/// The agent swaps its token for a credential. The token names its retailer, so no login is needed.
pub(super) async fn enrol(call: Call, request: EnrolRequest) -> Result<Reply, Problem> {
    let wrong = || {
        Problem::new(
            ErrorCode::EnrolmentTokenWrong,
            "the enrolment token is wrong, used up or too old; make a new one in the console",
        )
    };
    let proof = agent_token::parse_enrolment(request.token.expose().trim()).ok_or_else(wrong)?;
    let credential = agent_token::mint_credential(proof.retailer, proof.agent);
    let ask = Request::Enrol {
        agent: proof.agent,
        token: proof.hash,
        credential: credential.hash,
        machine: request.machine,
    };
    match call.ask(proof.retailer, ask).await {
        Ok(Response::Enrolled { agent_name, retailer_name }) => Reply::json(&EnrolGrant {
            retailer_id: proof.retailer,
            agent_id: proof.agent,
            agent_name,
            retailer_name,
            credential: credential.text,
        }),
        Ok(other) => Err(unexpected(&other)),
        // Whether the agent exists is nobody's business without a token for it.
        Err(problem) if problem.code == ErrorCode::NotFound => Err(wrong()),
        Err(problem) => Err(problem),
    }
}
