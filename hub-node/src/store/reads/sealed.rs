//! Credentials that are still sealed under a key which is to be retired.

use actors::domain::{Destination, Sealed};
use actors::ports::StoreError;
use bson::{Bson, Document, doc};
use messages::{DestinationId, RetailerId};

use crate::store::documents::destination::DestinationDoc;
use crate::store::documents::value::StoredId as _;
use crate::store::tenant::{ScopedDb, TenantDb};

/// A retailer has at most 200 destinations.
const MOST: usize = 1_000;

fn under_others(active: &str) -> Document {
    doc! { "credentials.key_id": { "$exists": true, "$ne": active } }
}

impl ScopedDb {
    /// Retailers with credentials under another key than the active one.
    pub async fn retailers_sealed_under_others(&self, active: &str) -> Result<Vec<RetailerId>, StoreError> {
        let group = doc! { "$group": { "_id": "$retailer_id" } };
        let groups = self.aggregate::<DestinationDoc>(under_others(active), vec![group]).await?;
        let id = |mut group: Document| match group.remove("_id") {
            Some(Bson::Binary(binary)) => binary.to_uuid().ok().map(RetailerId::read),
            _ => None,
        };
        Ok(groups.into_iter().filter_map(id).collect())
    }
}

impl TenantDb {
    /// The retailer's credentials under another key than the active one.
    pub async fn sealed_under_others(
        &self,
        active: &str,
    ) -> Result<Vec<(DestinationId, Sealed)>, StoreError> {
        let found = self.find::<DestinationDoc>(under_others(active), doc! { "_id": 1 }, MOST).await?;
        let mut sealed = Vec::new();
        for stored in found {
            let destination = Destination::try_from(stored)?;
            sealed.extend(destination.credentials.map(|credentials| (destination.id, credentials)));
        }
        Ok(sealed)
    }
}
