//! A look inside the running hub.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// `GET /admin/actors`: one row an actor, in the order of the tree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ActorList {
    /// Actors that live now.
    pub total: u64,
    /// The tree is cut here, so that the answer stays small.
    pub truncated: bool,
    pub actors: Vec<ActorView>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ActorView {
    /// Path in the tree, such as `hub/shards/retailer:0189…`.
    pub path: String,
    /// What kind of actor it is, such as `retailer`.
    pub kind: String,
    pub status: ActorStatus,
    /// How often its supervisor has started it again.
    pub restarts: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<String>,
    pub started_at: Timestamp,
    /// What the actor says of itself; different for each kind.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub snapshot: serde_json::Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ActorStatus {
    Starting,
    Running,
    /// Failed; its supervisor waits before starting it again.
    BackingOff,
    /// Failed too often; somebody must look.
    GivenUp,
    Stopped,
    /// Did not answer in time when asked for its snapshot.
    Silent,
}
