//! The very first administrator.

use messages::Problem;
use messages::http::access::{SetupRequest, SetupStatus};

use super::call::Call;
use super::reply::Reply;
use super::session::grant;

pub(super) async fn status(call: Call) -> Result<Reply, Problem> {
    Reply::json(&SetupStatus { required: call.state.access.setup_required().await? })
}

pub(super) async fn set_up(call: Call, request: SetupRequest) -> Result<Reply, Problem> {
    let granted = call.state.access.set_up(&request, &call.client).await?;
    grant(&call, &granted)
}
