//! Destinations: where a retailer's items are sent.

use serde::{Deserialize, Serialize};

use super::access::yes;
use crate::connector::{Credentials, DestinationConfig};
use crate::validate::{Check, Validate};
use crate::{DestinationId, RetailerId, Timestamp, Version};

/// A destination as people write it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DestinationSpec {
    pub name: String,
    pub config: DestinationConfig,
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Write only. Left out on change, the stored ones stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Credentials>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DestinationView {
    pub id: DestinationId,
    pub retailer_id: RetailerId,
    pub rev: Version,
    pub name: String,
    pub config: DestinationConfig,
    pub enabled: bool,
    /// Credentials are stored; what they are is not told.
    pub has_credentials: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl Validate for DestinationSpec {
    fn check(&self, check: &mut Check) {
        check.text("name", &self.name, 120);
        check.nested("config", |c| self.config.check(c));
        if let Some(credentials) = &self.credentials {
            check.nested("credentials", |c| credentials.check(c));
            if !self.config.accepts(credentials) {
                check.fail("credentials", format!("must be {}", self.config.wanted_credentials()));
            }
        }
    }
}
