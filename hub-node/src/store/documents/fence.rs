//! The fence of a retailer: who may write, and how many commits there have been. Also its tombstone.

use bson::{Binary, DateTime};
use mongodb::IndexModel;
use serde::{Deserialize, Serialize};

use super::{Stored, TenantDocument, index};

/// One per retailer, `_id` being the retailer. It outlives the retailer: a deleted one's fence says so, and keeps
/// late writers out for good.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct FenceDoc {
    #[serde(rename = "_id")]
    pub(crate) id: bson::Uuid,
    pub(crate) sv: i32,
    pub(crate) epoch: i64,
    pub(crate) version: i64,
    /// Digest of the batch that led to `version`: tells a writer that lost its connection while committing
    /// whether it was its own batch that went through.
    #[serde(default)]
    pub(crate) last_commit: Option<Binary>,
    #[serde(default)]
    pub(crate) deleted_at: Option<DateTime>,
    /// What the deleted retailer left behind is gone too.
    #[serde(default)]
    pub(crate) swept: bool,
}

impl Stored for FenceDoc {
    const COLLECTION: &'static str = "fences";
    const SHAPE: i32 = 1;

    fn indexes() -> Vec<IndexModel> {
        // For the sweep; only deleted retailers have the field.
        vec![index("deleted", bson::doc! { "swept": 1, "deleted_at": 1, "retailer_id": 1 })]
    }
}

impl TenantDocument for FenceDoc {}
