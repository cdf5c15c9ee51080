//! Takes away what deleted retailers have left behind: runs, receipts, logs, rejected items, numbers of
//! sockets, and all that its store edges brought.
//!
//! The deletion itself is one small transaction; what may be many documents goes here, in pieces, found through the
//! tombstone in the fence. Any node may sweep, at any time, as often as it likes.

use std::time::Duration;

use actors::ports::StoreError;
use bson::doc;
use messages::{RetailerId, Timestamp};

use super::documents::Stored as _;
use super::documents::generation::GenerationDoc;
use super::documents::log::LogDoc;
use super::documents::receipt::ReceiptDoc;
use super::documents::reject::RejectDoc;
use super::documents::run::RunDoc;
use super::documents::value::{StoredId as _, time};
use super::handle::Store;
use super::ingest;
use super::retry::persist;
use super::tenant::{Fence, TenantDb, tombstones};

/// Retailers of one sweep; the rest waits for the next.
const AT_ONCE: i64 = 20;
/// An agent of the deleted retailer may have lines under way; after this long none can come any more.
const LAST_WORDS: Duration = Duration::from_mins(10);
/// Deleting a long history is one command, and takes its time.
const PATIENCE: Duration = Duration::from_mins(2);

/// What a sweep has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Deleted retailers that were looked at.
    pub retailers: usize,
    /// Those of them that are done with.
    pub finished: usize,
}

impl Store {
    /// One round. Call it now and then, from any node.
    pub async fn sweep_deleted(&self) -> Result<Swept, StoreError> {
        let mut swept = Swept::default();
        for fence in tombstones(self, AT_ONCE).await? {
            let Some(deleted_at) = fence.deleted_at else { continue };
            let tenant = TenantDb::new(self, RetailerId::read(fence.id));
            tenant.clear().await?;
            swept.retailers += 1;
            if Timestamp::now().since(time(deleted_at)) > LAST_WORDS {
                let still_deleted = doc! { "deleted_at": deleted_at };
                let done = doc! { "$set": { "swept": true } };
                persist(PATIENCE, || {
                    tenant.move_fence(Fence::Retailer, still_deleted.clone(), done.clone(), false, None)
                })
                .await?;
                swept.finished += 1;
            }
        }
        Ok(swept)
    }
}

impl TenantDb {
    async fn clear(&self) -> Result<(), StoreError> {
        // Nobody has this epoch: no sale that is still on its way comes in after this.
        let nobody = doc! { "$set": { "epoch": i64::MAX } };
        persist(PATIENCE, || self.move_fence(Fence::Ledger, doc! {}, nobody.clone(), false, None)).await?;
        for collection in ingest::COLLECTIONS {
            self.clear_one(collection).await?;
        }
        for collection in [
            RunDoc::COLLECTION,
            ReceiptDoc::COLLECTION,
            LogDoc::COLLECTION,
            RejectDoc::COLLECTION,
            GenerationDoc::COLLECTION,
        ] {
            self.clear_one(collection).await?;
        }
        Ok(())
    }

    async fn clear_one(&self, collection: &str) -> Result<(), StoreError> {
        let everything = [doc! {}];
        let reply = persist(PATIENCE, || self.delete(collection, &everything, None)).await?;
        reply.map_err(|refusal| StoreError::Unavailable(refusal.message))
    }
}
