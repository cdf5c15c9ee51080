//! Credentials that are still sealed under a key which is to be retired.

use actors::domain::{Destination, Job, Sealed, SecretOf};
use actors::ports::StoreError;
use bson::{Bson, Document, doc};
use messages::RetailerId;

use crate::store::documents::destination::DestinationDoc;
use crate::store::documents::job::JobDoc;
use crate::store::documents::value::StoredId as _;
use crate::store::tenant::{ScopedDb, TenantDb};

/// A retailer has at most 200 destinations and 500 jobs.
const MOST: usize = 1_000;

fn under_others(field: &str, active: &str) -> Document {
    let mut filter = Document::new();
    filter.insert(format!("{field}.key_id"), doc! { "$exists": true, "$ne": active });
    filter
}

const DESTINATION: &str = "credentials";
const SOURCE: &str = "source_credentials";

impl ScopedDb {
    /// Retailers with credentials under another key than the active one.
    pub async fn retailers_sealed_under_others(&self, active: &str) -> Result<Vec<RetailerId>, StoreError> {
        let group = || vec![doc! { "$group": { "_id": "$retailer_id" } }];
        let mut groups = self.aggregate::<DestinationDoc>(under_others(DESTINATION, active), group()).await?;
        groups.extend(self.aggregate::<JobDoc>(under_others(SOURCE, active), group()).await?);
        let id = |mut group: Document| match group.remove("_id") {
            Some(Bson::Binary(binary)) => binary.to_uuid().ok().map(RetailerId::read),
            _ => None,
        };
        let mut retailers: Vec<_> = groups.into_iter().filter_map(id).collect();
        retailers.sort_unstable();
        retailers.dedup();
        Ok(retailers)
    }
}

impl TenantDb {
    /// The retailer's credentials under another key than the active one.
    pub async fn sealed_under_others(&self, active: &str) -> Result<Vec<(SecretOf, Sealed)>, StoreError> {
        let by_id = || doc! { "_id": 1 };
        let mut sealed = Vec::new();
        for stored in self.find::<DestinationDoc>(under_others(DESTINATION, active), by_id(), MOST).await? {
            let destination = Destination::try_from(stored)?;
            sealed.extend(destination.credentials.map(|credentials| (destination.id.into(), credentials)));
        }
        for stored in self.find::<JobDoc>(under_others(SOURCE, active), by_id(), MOST).await? {
            let job = Job::try_from(stored)?;
            sealed.extend(job.source_credentials.map(|credentials| (job.id.into(), credentials)));
        }
        Ok(sealed)
    }
}
