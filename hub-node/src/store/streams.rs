//! Logs and rejected items: append-only, outside the fence, idempotent by their own numbers.
//!
//! Many lines come, none of them decides anything, and each names its place: so any node may write them, as often as
//! it takes, without a transaction.

use actors::ports::StoreError;
use bson::{Document, doc};
use messages::RunId;
use messages::ids::SpoolId;
use messages::run::{LogLine, Reject};
use mongodb::error::Error;

use super::documents::Stored as _;
use super::documents::log::LogDoc;
use super::documents::reject::RejectDoc;
use super::documents::value::StoredId as _;
use super::failure;
use super::retry::{WRITE, persist};
use super::take::read_all;
use super::tenant::{Change, TenantDb, Update};

/// More than a run's page ever shows at once.
const MOST_LINES: u32 = 5_000;

impl TenantDb {
    pub(super) async fn append_logs(&self, spool: SpoolId, lines: &[LogLine]) -> Result<(), StoreError> {
        let owned = |line: &LogLine| self.owned(&LogDoc::new(self.retailer(), spool, line));
        let documents: Vec<Document> = lines.iter().map(owned).collect::<Result<_, _>>()?;
        persist(WRITE, || self.insert_new::<LogDoc>(documents.clone())).await
    }

    pub(super) async fn append_rejects(&self, rejects: &[Reject]) -> Result<(), StoreError> {
        if rejects.is_empty() {
            return Ok(());
        }
        let replacement = |reject: &Reject| {
            let document = self.owned(&RejectDoc::new(self.retailer(), reject))?;
            let filter = doc! { "_id": document.get("_id").cloned() };
            Ok(Update { filter, change: Change::Replace(document), upsert: true })
        };
        let updates: Vec<Update> = rejects.iter().map(replacement).collect::<Result<_, StoreError>>()?;
        persist(WRITE, || self.replace_together(RejectDoc::COLLECTION, &updates)).await?
    }

    /// One transaction, not for its atomicity: the server then syncs its log once and not once a row, which is ten
    /// times faster.
    async fn replace_together(
        &self,
        collection: &str,
        updates: &[Update],
    ) -> Result<Result<(), StoreError>, Error> {
        let mut session = self.begin().await?;
        match self.update(collection, updates, Some(&mut session)).await? {
            Ok(()) => session.commit_transaction().await.map(Ok),
            // Two attempts of a run tell of the same row at once: the repetition replaces instead of making.
            Err(refusal) if matches!(refusal.code, failure::DUPLICATE_KEY | failure::WRITE_CONFLICT) => {
                Err(std::io::Error::new(std::io::ErrorKind::Interrupted, refusal.message).into())
            }
            Err(refusal) => Ok(Err(StoreError::Unavailable(refusal.message))),
        }
    }

    /// The latest lines, oldest first.
    pub(super) async fn latest_logs(&self, run: RunId, limit: u32) -> Result<Vec<LogLine>, StoreError> {
        let limit = limit.clamp(1, MOST_LINES) as usize;
        let newest_first = doc! { "at": -1, "seq": -1 };
        let found = self.find::<LogDoc>(doc! { "run_id": run.stored() }, newest_first, limit).await?;
        let mut lines: Vec<LogLine> = read_all(found)?;
        lines.reverse();
        Ok(lines)
    }
}
