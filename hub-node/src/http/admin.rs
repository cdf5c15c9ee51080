//! A look inside the running hub.

use messages::Problem;
use messages::ids::BootId;

use super::call::Call;
use super::reply::Reply;

pub(super) async fn cluster(call: Call) -> Result<Reply, Problem> {
    Reply::json(&call.state.cluster.view().await?)
}

pub(super) async fn drain(call: Call) -> Result<Reply, Problem> {
    let node: BootId = call.id("node")?;
    call.state.cluster.drain(node).await?;
    tracing::info!(by = %call.caller()?.user, %node, "a node was asked to hand its shards over");
    Ok(Reply::empty())
}

pub(super) async fn actors(call: Call) -> Result<Reply, Problem> {
    Reply::json(&call.state.actors.list().await)
}
