//! Events that were set aside: looking at them, mending them, trying again, discarding.

use actors::ingest::request::{EdgeReply, EdgeRequest, LetterAct};
use messages::http::dead_letters::{LetterEdit, LetterQuery, LetterView};
use messages::{ErrorCode, EventId, Problem};

use super::call::Call;
use super::reply::Reply;
use crate::store::TenantDb;

pub(super) async fn list(call: Call) -> Result<Reply, Problem> {
    let query: LetterQuery = call.query()?;
    Reply::json(&TenantDb::new(&call.state.store, call.retailer()?).letters(&query).await?)
}

pub(super) async fn get(call: Call) -> Result<Reply, Problem> {
    let event: EventId = call.id("event")?;
    show(&TenantDb::new(&call.state.store, call.retailer()?).letter(event).await?)
}

pub(super) async fn edit(call: Call, edit: LetterEdit) -> Result<Reply, Problem> {
    decide(call, LetterAct::Edit { data: edit.data.to_string() }).await
}

/// Whether it went through the answer says: `state` is `applied`, or `open` with the reason.
pub(super) async fn retry(call: Call) -> Result<Reply, Problem> {
    decide(call, LetterAct::Retry).await
}

pub(super) async fn discard(call: Call) -> Result<Reply, Problem> {
    decide(call, LetterAct::Discard).await
}

async fn decide(call: Call, act: LetterAct) -> Result<Reply, Problem> {
    let (event, expected, author) = (call.id("event")?, call.expected()?, call.caller()?.author());
    match call.ask_edge(call.retailer()?, EdgeRequest::Letter { event, expected, act, author }).await? {
        EdgeReply::Letter(letter) => show(&letter),
        _ => Err(ErrorCode::Internal.into()),
    }
}

fn show(letter: &LetterView) -> Result<Reply, Problem> {
    Ok(Reply::json(letter)?.with_rev(letter.rev))
}
