//! Nodes with their leases, and the shards they own.

use bson::{DateTime, doc};
use mongodb::IndexModel;
use serde::{Deserialize, Serialize};

use super::{Stored, SystemDocument, index};

/// One start of a hub. `_id` is its boot id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct NodeDoc {
    #[serde(rename = "_id")]
    pub(crate) id: bson::Uuid,
    pub(crate) sv: i32,
    /// Name of the lease. A lease that has run out never lives again: the node takes a new one.
    pub(crate) lease: bson::Uuid,
    /// By the server's clock.
    pub(crate) lease_until: DateTime,
    /// Of the machine.
    #[serde(default)]
    pub(crate) name: String,
    pub(crate) address: String,
    /// Where other nodes reach it.
    #[serde(default)]
    pub(crate) cluster_address: Option<String>,
    pub(crate) version: String,
    /// Of the data directory that this node holds locked.
    pub(crate) data_dir: String,
    pub(crate) started_at: DateTime,
    /// It was asked to give its shards away.
    #[serde(default)]
    pub(crate) leaving: bool,
}

impl Stored for NodeDoc {
    const COLLECTION: &'static str = "nodes";
    const SHAPE: i32 = 1;

    fn indexes() -> Vec<IndexModel> {
        vec![index("by_lease", doc! { "lease_until": 1 })]
    }
}

impl SystemDocument for NodeDoc {}

/// One slice of the retailers. Free, when its owner's lease is not the one named here or has run out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ShardDoc {
    #[serde(rename = "_id")]
    pub(crate) id: i32,
    pub(crate) sv: i32,
    /// Node and lease together name the owner.
    pub(crate) owner: Option<bson::Uuid>,
    pub(crate) lease: Option<bson::Uuid>,
    /// How often the shard has changed hands.
    pub(crate) epoch: i64,
}

impl Stored for ShardDoc {
    const COLLECTION: &'static str = "shards";
    const SHAPE: i32 = 1;

    fn indexes() -> Vec<IndexModel> {
        Vec::new()
    }
}

impl SystemDocument for ShardDoc {}
