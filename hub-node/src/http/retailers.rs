//! Retailers themselves.

use actors::domain::EntityId;
use actors::ports::Board as _;
use actors::retailer::request::{Draft, Request};
use messages::http::paging::ListQuery;
use messages::http::retailers::RetailerSpec;
use messages::{ErrorCode, Problem, RetailerId};
use sha2::{Digest as _, Sha256};

use super::call::Call;
use super::config::show;
use super::reply::Reply;
use crate::store::ScopedDb;

/// Read from the store, which knows all retailers; what only the live actors know is laid over it.
pub(super) async fn list(call: Call) -> Result<Reply, Problem> {
    let db = ScopedDb::new(&call.state.store, call.caller()?.scope.clone());
    let query = call.query::<ListQuery>()?;
    let mut page = if query.state.as_deref() == Some("agent_down") {
        db.retailers_among(&query, &call.state.fleet.with_agent_down()).await?
    } else {
        db.retailers(&query).await?
    };
    page.items = call.state.fleet.overlay(page.items);
    Reply::json(&page)
}

/// The dashboard for those who cannot watch it live.
pub(super) async fn totals(call: Call) -> Result<Reply, Problem> {
    let scope = &call.caller()?.scope;
    let today = call.state.store.today(scope.clone()).await?;
    Reply::json(&call.state.fleet.totals(scope, today))
}

pub(super) async fn create(call: Call, spec: RetailerSpec) -> Result<Reply, Problem> {
    let retailer = new_id(&call)?;
    let request = Request::Create {
        id: EntityId::Retailer,
        draft: Draft::Retailer(spec),
        author: call.caller()?.author(),
        idempotency: call.idempotency()?,
    };
    let made = call.ask_entity(retailer, request).await?;
    Ok(show(&made)?.at(&format!("/api/v1/retailers/{}", made.key().id)))
}

/// Of a retailer that the caller makes, if the caller may.
pub(super) fn new_id(call: &Call) -> Result<RetailerId, Problem> {
    if call.caller()?.scope.allow.is_some() {
        let detail =
            "you look after assigned retailers only, and would not see a new one; ask an administrator";
        return Err(Problem::new(ErrorCode::Forbidden, detail));
    }
    Ok(call.idempotency()?.as_deref().map_or_else(RetailerId::new, identifier_for))
}

pub(super) async fn get(call: Call) -> Result<Reply, Problem> {
    show(&call.ask_entity(call.retailer()?, Request::Get(EntityId::Retailer)).await?)
}

pub(super) async fn update(call: Call, spec: RetailerSpec) -> Result<Reply, Problem> {
    let (expected, author) = (call.expected()?, call.caller()?.author());
    let request = Request::Update { id: EntityId::Retailer, draft: Draft::Retailer(spec), expected, author };
    show(&call.ask_entity(call.retailer()?, request).await?)
}

pub(super) async fn delete(call: Call) -> Result<Reply, Problem> {
    let (expected, author) = (call.expected()?, call.caller()?.author());
    call.ask_done(call.retailer()?, Request::Delete { id: EntityId::Retailer, expected, author }).await?;
    Ok(Reply::empty())
}

/// A repeated request must reach the actor that the first one reached, and that is found by the retailer's id: so
/// with a key the id follows from it (a UUID of version 8) instead of being drawn.
fn identifier_for(key: &str) -> RetailerId {
    let digest: [u8; 32] = Sha256::digest(format!("retailer|{key}").as_bytes()).into();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    RetailerId::from_uuid(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_key_has_one_identifier() {
        assert_eq!(identifier_for("a"), identifier_for("a"));
        assert_ne!(identifier_for("a"), identifier_for("b"));
        assert_eq!(identifier_for("a").as_uuid().get_version_num(), 8);
    }
}
