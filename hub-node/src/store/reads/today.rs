//! What the dashboard shows: every retailer's row, and the day so far.

use std::collections::HashMap;

use actors::domain::Run;
use actors::ports::{Board, StoreError, Today};
use bson::{Bson, doc};
use futures_util::future::BoxFuture;
use messages::http::retailers::RetailerSummary;
use messages::live::LatestRun;
use messages::permission::RetailerScope;
use messages::run::RunState;
use messages::{RetailerId, Timestamp};

use crate::store::documents::job::JobDoc;
use crate::store::documents::retailer::{RetailerDoc, is_failure};
use crate::store::documents::run::RunDoc;
use crate::store::documents::value::{StoredId as _, date};
use crate::store::handle::Store;
use crate::store::tenant::{ScopedDb, number};

/// Rows in the dashboard's list of latest runs.
const LATEST: usize = 20;
const DAY_MS: i64 = 86_400_000;

impl Board for Store {
    fn summaries(&self) -> BoxFuture<'_, Result<Vec<RetailerSummary>, StoreError>> {
        Box::pin(async move { ScopedDb::new(self, RetailerScope::default()).all_summaries().await })
    }

    fn due(&self, by: Timestamp) -> BoxFuture<'_, Result<Vec<RetailerId>, StoreError>> {
        Box::pin(async move { ScopedDb::new(self, RetailerScope::default()).due(by).await })
    }

    fn today(&self, scope: RetailerScope) -> BoxFuture<'_, Result<Today, StoreError>> {
        Box::pin(async move { ScopedDb::new(self, scope).today(Timestamp::now()).await })
    }
}

impl ScopedDb {
    /// By the index on the next look of each job.
    async fn due(&self, by: Timestamp) -> Result<Vec<RetailerId>, StoreError> {
        let due = doc! { "cadence.next_look": { "$lte": date(by) } };
        let group = doc! { "$group": { "_id": "$retailer_id" } };
        let found = self.aggregate::<JobDoc>(due, vec![group]).await?;
        let ids = found.into_iter().filter_map(|mut group| match group.remove("_id") {
            Some(Bson::Binary(id)) => id.to_uuid().ok().map(RetailerId::read),
            _ => None,
        });
        Ok(ids.collect())
    }

    /// Counts the runs that were made since midnight UTC, with what has become of them.
    pub async fn today(&self, now: Timestamp) -> Result<Today, StoreError> {
        let midnight = Timestamp(now.0 - now.0.rem_euclid(DAY_MS));
        let of_day = doc! { "stamp.created_at": { "$gte": date(midnight) } };
        let failures: Vec<Bson> = RunState::ALL
            .into_iter()
            .filter(|state| is_failure(*state))
            .map(|state| state.as_str().into())
            .collect();
        let group = doc! { "$group": {
            "_id": Bson::Null,
            "runs": { "$sum": 1 },
            "failed": { "$sum": { "$cond": [{ "$in": ["$state", failures] }, 1, 0] } },
            "items": { "$sum": "$progress.sent" },
        } };
        let (sums, latest) = tokio::try_join!(self.aggregate::<RunDoc>(of_day, vec![group]), self.latest())?;
        let sums = sums.into_iter().next().unwrap_or_default();
        let sum = |key| number(&sums, key).and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
        Ok(Today { runs: sum("runs"), failed: sum("failed"), items: sum("items"), latest })
    }

    async fn latest(&self) -> Result<Vec<LatestRun>, StoreError> {
        let runs = self.find::<RunDoc>(doc! {}, doc! { "_id": -1 }, LATEST).await?;
        let ids: Vec<Bson> = runs.iter().filter_map(|run| run.retailer_id).map(Bson::from).collect();
        let retailers =
            self.find::<RetailerDoc>(doc! { "_id": { "$in": ids } }, doc! { "_id": 1 }, LATEST).await?;
        let names: HashMap<_, _> =
            retailers.into_iter().map(|retailer| (retailer.id.bytes(), retailer.name)).collect();
        let mut latest = Vec::with_capacity(runs.len());
        for run in runs {
            let Some(retailer_id) = run.retailer_id else { continue };
            // Of a retailer that is deleted and not swept yet.
            let Some(name) = names.get(&retailer_id.bytes()) else { continue };
            let run = Run::try_from(run)?;
            let brief = run.brief();
            latest.push(LatestRun {
                retailer_id: RetailerId::read(retailer_id),
                retailer_name: name.clone(),
                run_id: run.id,
                job_name: run.job_name,
                state: brief.state,
                at: brief.at,
                sent: brief.sent,
                rejected: brief.rejected,
            });
        }
        Ok(latest)
    }
}
