//! What the database knows of itself: its schema version, who is changing it just now, and whose it is.

use bson::{Binary, DateTime};
use mongodb::IndexModel;
use serde::{Deserialize, Serialize};

use super::{Stored, SystemDocument};

/// One document, `_id` "schema".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SchemaDoc {
    #[serde(rename = "_id")]
    pub(crate) id: String,
    pub(crate) version: i32,
    #[serde(default)]
    pub(crate) lease_owner: Option<bson::Uuid>,
    #[serde(default)]
    pub(crate) lease_until: Option<DateTime>,
}

impl Stored for SchemaDoc {
    const COLLECTION: &'static str = "meta";
    const SHAPE: i32 = 1;

    fn indexes() -> Vec<IndexModel> {
        Vec::new()
    }
}

impl SystemDocument for SchemaDoc {}

/// What all nodes of one system share. One document beside the schema's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ClusterDoc {
    #[serde(rename = "_id")]
    pub(crate) id: String,
    pub(crate) name: bson::Uuid,
    pub(crate) key_id: String,
    pub(crate) key_proof: Binary,
}

impl ClusterDoc {
    pub(crate) const ID: &'static str = "cluster";
}

impl Stored for ClusterDoc {
    const COLLECTION: &'static str = "meta";
    const SHAPE: i32 = 1;

    fn indexes() -> Vec<IndexModel> {
        Vec::new()
    }
}

impl SystemDocument for ClusterDoc {}
