//! Places of store edges: making them, their tokens, revoking them. What edges themselves say is in
//! [`crate::ingestion`].

use std::time::Duration;

use actors::domain::EntityId;
use actors::ingest::request::{EdgeReply, EdgeRequest};
use actors::retailer::request::Request;
use messages::http::edges::{EdgeSpec, EdgeToken, EdgeView};
use messages::http::paging::Page;
use messages::{EdgeId, ErrorCode, Problem, Secret, StoreId, Timestamp};
use serde::Deserialize;
use utoipa::IntoParams;

use super::call::Call;
use super::figures::places;
use super::reply::Reply;
use crate::access::agent_token::Minted;
use crate::access::edge_token;

/// As for agents: long enough to drive to the shop.
const TOKEN_LIFETIME: Duration = Duration::from_secs(24 * 3_600);

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
pub(super) struct EdgeQuery {
    /// Only those of this store.
    #[param(value_type = Option<String>)]
    pub(super) store_id: Option<StoreId>,
}

/// All of them: there are at most five hundred.
pub(super) async fn list(call: Call) -> Result<Reply, Problem> {
    let EdgeQuery { store_id } = call.query()?;
    let items: Vec<EdgeView> = places(&call, store_id).await?;
    let total = items.len() as u64;
    Reply::json(&Page { items, next: None, total })
}

pub(super) async fn make(call: Call, spec: EdgeSpec) -> Result<Reply, Problem> {
    let (retailer, store): (_, StoreId) = (call.retailer()?, call.id("store")?);
    call.ask_entity(retailer, Request::Get(EntityId::Store(store))).await?;
    let edge = EdgeId::new();
    let minted = edge_token::mint_enrolment(retailer, edge);
    let (expires_at, author) = (Timestamp::now() + TOKEN_LIFETIME, call.caller()?.author());
    let (name, token) = (spec.name, minted.hash);
    done(&call, EdgeRequest::Make { edge, store, name, token, expires_at, author }).await?;
    let path = format!("/api/v1/retailers/{retailer}/edges/{edge}");
    Ok(token_reply(&call, edge, minted, expires_at)?.at(&path))
}

pub(super) async fn offer(call: Call) -> Result<Reply, Problem> {
    let (retailer, edge) = (call.retailer()?, call.id("edge")?);
    let minted = edge_token::mint_enrolment(retailer, edge);
    let (expires_at, author) = (Timestamp::now() + TOKEN_LIFETIME, call.caller()?.author());
    done(&call, EdgeRequest::Offer { edge, token: minted.hash, expires_at, author }).await?;
    token_reply(&call, edge, minted, expires_at)
}

fn token_reply(
    call: &Call,
    edge_id: EdgeId,
    minted: Minted,
    expires_at: Timestamp,
) -> Result<Reply, Problem> {
    let hub = &call.state.settings.public_url;
    let command = Secret::new(format!("edge-node enrol --hub {hub} --token {}", minted.text.expose()));
    Reply::json(&EdgeToken { edge_id, token: minted.text, expires_at, command })
}

/// Its next batch is refused, on an open stream too.
pub(super) async fn revoke(call: Call) -> Result<Reply, Problem> {
    let (edge, author) = (call.id("edge")?, call.caller()?.author());
    done(&call, EdgeRequest::Revoke { edge, author }).await?;
    Ok(Reply::empty())
}

pub(super) async fn remove(call: Call) -> Result<Reply, Problem> {
    let (edge, author) = (call.id("edge")?, call.caller()?.author());
    done(&call, EdgeRequest::Remove { edge, author }).await?;
    Ok(Reply::empty())
}

async fn done(call: &Call, request: EdgeRequest) -> Result<(), Problem> {
    match call.ask_edge(call.retailer()?, request).await? {
        EdgeReply::Done => Ok(()),
        _ => Err(ErrorCode::Internal.into()),
    }
}
