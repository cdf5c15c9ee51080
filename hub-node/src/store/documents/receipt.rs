//! Receipts: what was made for an idempotency key, kept for a day.

use std::time::Duration;

use actors::domain::{EntityId, Receipt};
use bson::{DateTime, doc};
use messages::{AgentId, DestinationId, JobId, RetailerId, RunId, StoreId};
use mongodb::IndexModel;
use serde::{Deserialize, Serialize};

use super::value::{StoredId, Unreadable, date, time};
use super::{Stored, TenantDocument, check_shape, expiring, index};

/// A client that repeats a request after longer than this will be taken for a new one.
pub(crate) const KEPT: Duration = Duration::from_hours(24);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ReceiptDoc {
    /// `<retailer>:<key>`: keys are chosen by clients, so they are unique within a retailer only.
    #[serde(rename = "_id")]
    pub(crate) id: String,
    pub(crate) key: String,
    pub(crate) sv: i32,
    pub(crate) made: MadeDoc,
    pub(crate) at: DateTime,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MadeDoc {
    kind: String,
    id: Option<bson::Uuid>,
}

impl Stored for ReceiptDoc {
    const COLLECTION: &'static str = "receipts";
    const SHAPE: i32 = 1;

    fn indexes() -> Vec<IndexModel> {
        vec![expiring("expiry", "at", KEPT), index("latest", doc! { "retailer_id": 1, "at": -1 })]
    }
}

impl TenantDocument for ReceiptDoc {}

impl ReceiptDoc {
    pub(crate) fn new(retailer: RetailerId, receipt: &Receipt) -> Self {
        let id = match receipt.made {
            EntityId::Retailer => None,
            EntityId::Store(id) => Some(id.stored()),
            EntityId::Agent(id) => Some(id.stored()),
            EntityId::Destination(id) => Some(id.stored()),
            EntityId::Job(id) => Some(id.stored()),
            EntityId::Run(id) => Some(id.stored()),
        };
        Self {
            id: format!("{retailer}:{}", receipt.key),
            key: receipt.key.clone(),
            sv: Self::SHAPE,
            made: MadeDoc { kind: receipt.made.kind().to_owned(), id },
            at: date(receipt.at),
        }
    }
}

impl TryFrom<ReceiptDoc> for Receipt {
    type Error = Unreadable;

    fn try_from(stored: ReceiptDoc) -> Result<Self, Unreadable> {
        check_shape::<ReceiptDoc>(stored.sv)?;
        let made = match (stored.made.kind.as_str(), stored.made.id) {
            ("retailer", None) => EntityId::Retailer,
            ("store", Some(id)) => EntityId::Store(StoreId::read(id)),
            ("agent", Some(id)) => EntityId::Agent(AgentId::read(id)),
            ("destination", Some(id)) => EntityId::Destination(DestinationId::read(id)),
            ("job", Some(id)) => EntityId::Job(JobId::read(id)),
            ("run", Some(id)) => EntityId::Run(RunId::read(id)),
            (kind, _) => return Err(Unreadable(format!("a receipt names \"{kind}\", which is no entity"))),
        };
        Ok(Self { key: stored.key, made, at: time(stored.at) })
    }
}
