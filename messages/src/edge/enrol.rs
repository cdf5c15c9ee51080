//! How a store edge becomes known to a hub: `POST /v1/edges/enrol`.

use serde::{Deserialize, Serialize};

use crate::{DeviceId, RetailerId, Secret, StoreId};

/// Where edges enrol at a hub.
pub const PATH: &str = "/v1/edges/enrol";

/// Swaps a token from the console for a credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EdgeEnrolRequest {
    pub token: Secret,
    /// Made by the device when it was installed.
    pub device_id: DeviceId,
    /// Of the machine, for people.
    pub device_name: String,
    pub version: String,
}

/// Given once; a token is used up by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EdgeEnrolGrant {
    pub retailer_id: RetailerId,
    pub store_id: StoreId,
    pub store_name: String,
    pub credential: Secret,
}
