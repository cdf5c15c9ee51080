//! How many sockets an agent has had, as the build before counts them.

use mongodb::IndexModel;
use serde::{Deserialize, Serialize};

use super::{Stored, TenantDocument, index};

/// One per agent, `_id` being the agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GenerationDoc {
    #[serde(rename = "_id")]
    pub(crate) id: bson::Uuid,
    pub(crate) sv: i32,
    pub(crate) generation: i64,
}

impl Stored for GenerationDoc {
    const COLLECTION: &'static str = "generations";
    const SHAPE: i32 = 1;

    fn indexes() -> Vec<IndexModel> {
        // For the sweep.
        vec![index("by_retailer", bson::doc! { "retailer_id": 1 })]
    }
}

impl TenantDocument for GenerationDoc {}
