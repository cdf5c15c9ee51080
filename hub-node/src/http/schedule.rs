//! Schedules: what one would mean, pausing and resuming one, and the queue of runs that wait.

use actors::retailer::request::{Request, Response};
use actors::schedule::preview::preview;
use messages::http::runs::{QueueOrder, QueueQuery};
use messages::schedule::PreviewRequest;
use messages::{Problem, Timestamp};

use super::call::{Call, unexpected};
use super::config::{View, show};
use super::reply::Reply;

/// Asks no retailer: the rules are in the question.
pub(super) async fn next_times(_: Call, request: PreviewRequest) -> Result<Reply, Problem> {
    Reply::json(&preview(&request, Timestamp::now())?)
}

pub(super) async fn pause(call: Call) -> Result<Reply, Problem> {
    set_paused(call, true).await
}

pub(super) async fn resume(call: Call) -> Result<Reply, Problem> {
    set_paused(call, false).await
}

async fn set_paused(call: Call, paused: bool) -> Result<Reply, Problem> {
    let request = Request::SetPaused { job: call.id("job")?, paused, author: call.caller()?.author() };
    show(&call.ask_entity(call.retailer()?, request).await?)
}

/// From the actor, which knows the order.
pub(super) async fn queue(call: Call) -> Result<Reply, Problem> {
    match call.ask(call.retailer()?, Request::Queue(call.query()?)).await? {
        Response::Page(page) => Reply::json(&page.map(View)),
        other => Err(unexpected(&other)),
    }
}

pub(super) async fn reorder(call: Call, order: QueueOrder) -> Result<Reply, Problem> {
    let request = Request::OrderQueue { runs: order.runs, author: call.caller()?.author() };
    call.ask_done(call.retailer()?, request).await?;
    Ok(Reply::empty())
}

pub(super) async fn purge(call: Call) -> Result<Reply, Problem> {
    let query = call.query::<QueueQuery>()?;
    let request = Request::PurgeQueue { query, author: call.caller()?.author() };
    call.ask_done(call.retailer()?, request).await?;
    Ok(Reply::empty())
}
