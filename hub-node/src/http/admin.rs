//! A look inside the running hub.

use messages::Problem;

use super::call::Call;
use super::reply::Reply;

pub(super) async fn actors(call: Call) -> Result<Reply, Problem> {
    Reply::json(&call.state.actors.list().await)
}
