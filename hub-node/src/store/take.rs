//! Taking a retailer over: raise its fence, then load it as it is.

use actors::domain::{Image, Run};
use actors::ports::StoreError;
use bson::{Document, doc};
use messages::version::Epoch;
use messages::{RunId, Timestamp, Version};

use super::documents::TenantDocument;
use super::documents::agent::AgentDoc;
use super::documents::destination::DestinationDoc;
use super::documents::fence::FenceDoc;
use super::documents::job::JobDoc;
use super::documents::receipt::{self, ReceiptDoc};
use super::documents::run::RunDoc;
use super::documents::shop::ShopDoc;
use super::documents::value::{StoredId as _, Unreadable, count, date, long};
use super::failure;
use super::retry::{WRITE, persist};
use super::tenant::{Fence, TenantDb};

/// A load that a commit has got in between is repeated. Only a commit of this same epoch that was under way can do
/// so, and that is one: more than a few repetitions mean that something is wrong.
const LOADS: usize = 5;
/// More than any retailer may have of a kind; a list that is cut would be a lie, so reaching it is an error.
const MOST: usize = 20_000;
/// Keys a client sends are forgotten beyond these: ten a minute for a day.
const RECEIPTS: usize = 14_400;

impl TenantDb {
    pub(super) async fn take(&self, epoch: Epoch) -> Result<Image, StoreError> {
        let mut fence = self.raise(Fence::Retailer, epoch).await?;
        for _ in 0..LOADS {
            // Not while the fence is raised: a dead hub's transaction may hold that up.
            let turn = self.turn_to_load().await;
            // Boxed: eight questions at once make a large future.
            let image = Box::pin(self.load(Version(count(fence.version, "version")?))).await?;
            drop(turn);
            let now = persist(WRITE, || self.fence(Fence::Retailer)).await?.ok_or(StoreError::Fenced)?;
            if now.epoch != long(epoch.0) {
                return Err(StoreError::Fenced);
            }
            if now.version == fence.version {
                return Ok(image);
            }
            fence = now;
        }
        Err(StoreError::Unavailable(format!("the retailer changed {LOADS} times while it was being loaded")))
    }

    /// From the answer on, nobody with a lower epoch can write.
    pub(super) async fn raise(&self, of: Fence, epoch: Epoch) -> Result<FenceDoc, StoreError> {
        let mine = long(epoch.0);
        let wanted = doc! { "epoch": { "$lte": mine } };
        let change = doc! {
            "$set": { "epoch": mine },
            "$max": { "sv": of.shape() },
            "$setOnInsert": { "version": 0_i64, "swept": false },
        };
        let raised = persist(WRITE, || {
            let raise = self.move_fence(of, wanted.clone(), change.clone(), true, None);
            async {
                match raise.await {
                    // There is a fence that is not as wanted, so the server tried to make a second one.
                    Err(error) if failure::is_duplicate_key(&error) => Ok(None),
                    other => other,
                }
            }
        });
        let fence = match raised.await? {
            Some(fence) => fence,
            // Also when two raise a new fence at once: then it is there now, at whoever's epoch.
            None => persist(WRITE, || self.move_fence(of, wanted.clone(), change.clone(), false, None))
                .await?
                .ok_or(StoreError::Fenced)?,
        };
        if fence.sv > of.shape() {
            return Err(StoreError::Corrupt(format!(
                "a later build has written behind this fence (shape {}, this build knows {}); roll the upgrade to its end",
                fence.sv,
                of.shape()
            )));
        }
        Ok(fence)
    }

    async fn load(&self, version: Version) -> Result<Image, StoreError> {
        let day_ago = date(Timestamp::now() - receipt::KEPT);
        let (retailer, shops, agents, destinations, jobs, open, recent, receipts) = tokio::try_join!(
            self.own_document(),
            self.all::<ShopDoc>(doc! {}),
            self.all::<AgentDoc>(doc! {}),
            self.all::<DestinationDoc>(doc! {}),
            self.all::<JobDoc>(doc! {}),
            self.all::<RunDoc>(doc! { "over": false }),
            self.find::<RunDoc>(doc! { "over": true }, doc! { "_id": -1 }, Image::RECENT_RUNS),
            self.find::<ReceiptDoc>(doc! { "at": { "$gte": day_ago } }, doc! { "at": -1 }, RECEIPTS),
        )?;
        let Some(retailer) = retailer else {
            // Not made yet, or deleted: what the sweep has still to take away is nobody's any more.
            return Ok(Image { version, ..Image::default() });
        };
        let mut runs: Vec<Run> = read_all(open)?;
        runs.extend(read_all::<RunDoc, Run>(recent)?);
        runs.sort_by_key(|run| run.id);
        Ok(Image {
            version,
            retailer: Some(retailer.try_into()?),
            stores: read_all(shops)?,
            agents: read_all(agents)?,
            destinations: read_all(destinations)?,
            jobs: read_all(jobs)?,
            runs,
            receipts: read_all(receipts)?,
        })
    }

    /// All of a kind, in the order of making.
    async fn all<T: TenantDocument>(&self, wanted: Document) -> Result<Vec<T>, StoreError> {
        let found = self.find::<T>(wanted, doc! { "_id": 1 }, MOST).await?;
        if found.len() == MOST {
            let what = T::COLLECTION;
            return Err(StoreError::Corrupt(format!(
                "the retailer has {MOST} {what} or more, which cannot be"
            )));
        }
        Ok(found)
    }

    /// Is there such a retailer? What a deleted one has left for the sweep does not count.
    pub(super) async fn exists(&self) -> Result<bool, StoreError> {
        Ok(self.own_document().await?.is_some())
    }

    /// A run of any age.
    pub(super) async fn run(&self, run: RunId) -> Result<Option<Run>, StoreError> {
        let found = self.find_one::<RunDoc>(doc! { "_id": run.stored() }).await?;
        Ok(found.map(TryInto::try_into).transpose()?)
    }
}

pub(super) fn read_all<D, T>(documents: Vec<D>) -> Result<Vec<T>, StoreError>
where
    T: TryFrom<D, Error = Unreadable>,
{
    Ok(documents.into_iter().map(T::try_from).collect::<Result<_, _>>()?)
}
