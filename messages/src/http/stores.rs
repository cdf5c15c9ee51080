//! Stores: the shops of a retailer.

use serde::{Deserialize, Serialize};

use super::access::yes;
use super::retailers::check_time_zone;
use crate::validate::{Check, Validate};
use crate::{RetailerId, StoreId, Timestamp, Version};

/// A store as people write it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StoreSpec {
    /// Short handle, unique within the retailer.
    pub code: String,
    pub name: String,
    #[serde(default)]
    pub address: String,
    pub time_zone: String,
    #[serde(default = "yes")]
    pub enabled: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StoreView {
    pub id: StoreId,
    pub retailer_id: RetailerId,
    pub rev: Version,
    #[serde(flatten)]
    pub spec: StoreSpec,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl Validate for StoreSpec {
    fn check(&self, check: &mut Check) {
        check.handle("code", &self.code, 40);
        check.text("name", &self.name, 120);
        check.optional_text("address", &self.address, 500);
        check_time_zone(check, &self.time_zone);
    }
}
