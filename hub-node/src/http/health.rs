//! Is the hub alive, and should it get requests?

use messages::{ErrorCode, Problem};
use serde::Serialize;
use utoipa::ToSchema;

use super::call::Call;
use super::reply::Reply;

/// The answer of a healthy hub.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(super) struct Health {
    pub status: &'static str,
    pub version: &'static str,
}

const HEALTHY: Health = Health { status: "ok", version: env!("CARGO_PKG_VERSION") };

/// The process answers: that is all it takes not to be killed.
pub(super) async fn live(_: Call) -> Result<Reply, Problem> {
    Reply::json(&HEALTHY)
}

/// It also has its database and its lease, and is not about to stop.
pub(super) async fn ready(call: Call) -> Result<Reply, Problem> {
    if call.state.draining.is_cancelled() {
        return Err(ErrorCode::ShuttingDown.into());
    }
    call.state.store.ping().await?;
    if !call.state.cluster.has_lease() {
        let detail = "this node has no lease at the moment; it takes one as soon as the database lets it";
        return Err(Problem::new(ErrorCode::StoreUnavailable, detail));
    }
    Reply::json(&HEALTHY)
}
