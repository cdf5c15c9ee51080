//! The fenced group commit: one transaction that first advances the retailer's fence, then writes.
//!
//! The fence is advanced only from `(epoch: mine, version: expected - 1)`, so whoever is no longer the owner, and
//! whoever lags behind, writes nothing. A commit whose answer is lost is repeated: the fence names the digest of the
//! batch that led to its version, so the repetition finds out that it is done, and it happens once.

pub(super) mod plan;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use actors::domain::{Image, Run, Write};
use actors::ports::{StoreError, TenantStore};
use bson::{Document, doc};
use futures_util::future::BoxFuture;
use messages::ids::SpoolId;
use messages::run::{LogLine, Reject};
use messages::version::Epoch;
use messages::{RetailerId, RunId, Timestamp, Version};
use mongodb::ClientSession;
use mongodb::error::{Error, TRANSIENT_TRANSACTION_ERROR, UNKNOWN_TRANSACTION_COMMIT_RESULT};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use self::plan::{Action, Plan, Step, plan};
use super::documents::value::{bytes, date, long};
use super::failure;
use super::handle::Store;
use super::retry::{WRITE, waits};
use super::tenant::{Fence, Refusal, TenantDb};

/// How long a commit is tried. Longer than a restart of the embedded server or an election takes, shorter than
/// clients wait.
const DEADLINE: Duration = WRITE;
/// How long a commit waits until it may begin.
const TURN: Duration = Duration::from_secs(8);
/// For finding out, after the deadline, what has become of a commit.
const INQUIRY: Duration = Duration::from_secs(2);

impl TenantStore for Store {
    fn take(&self, retailer: RetailerId, epoch: Epoch) -> BoxFuture<'_, Result<Image, StoreError>> {
        Box::pin(async move { TenantDb::new(self, retailer).take(epoch).await })
    }

    fn exists(&self, retailer: RetailerId) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(async move { TenantDb::new(self, retailer).exists().await })
    }

    fn commit(
        &self,
        retailer: RetailerId,
        epoch: Epoch,
        expected: Version,
        writes: Arc<[Write]>,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let plan = plan(retailer, epoch, expected, &writes)?;
            let tenant = TenantDb::new(self, retailer);
            Commit { tenant, fence: Fence::Retailer, epoch, expected, plan }.carry_out().await
        })
    }

    fn append_logs(
        &self,
        retailer: RetailerId,
        spool: SpoolId,
        lines: Vec<LogLine>,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { TenantDb::new(self, retailer).append_logs(spool, &lines).await })
    }

    fn append_rejects(
        &self,
        retailer: RetailerId,
        rejects: Vec<Reject>,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { TenantDb::new(self, retailer).append_rejects(&rejects).await })
    }

    fn count_rejects(&self, retailer: RetailerId, run: RunId) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(async move { TenantDb::new(self, retailer).count_rejects(run).await })
    }

    fn latest_logs(
        &self,
        retailer: RetailerId,
        run: RunId,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<LogLine>, StoreError>> {
        Box::pin(async move { TenantDb::new(self, retailer).latest_logs(run, limit).await })
    }

    fn run(&self, retailer: RetailerId, run: RunId) -> BoxFuture<'_, Result<Option<Run>, StoreError>> {
        Box::pin(async move { TenantDb::new(self, retailer).run(run).await })
    }
}

/// One commit, behind either fence.
pub(super) struct Commit {
    pub(super) tenant: TenantDb,
    pub(super) fence: Fence,
    pub(super) epoch: Epoch,
    pub(super) expected: Version,
    pub(super) plan: Plan,
}

/// Why an attempt did not end well.
enum Trouble {
    /// The fence is not where this commit starts from.
    FenceElsewhere,
    /// Another attempt may do.
    Passing(String),
    /// The connection broke while the server was committing.
    Doubtful(String),
    /// Nothing was written, and nothing will be.
    Refused(StoreError),
}

/// How far an attempt came, for when its time runs out in the middle.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Writing,
    Committing,
}

/// What the fence says of this commit.
enum Verdict {
    Committed,
    NotYet,
    Fenced,
}

impl Commit {
    pub(super) async fn carry_out(&self) -> Result<(), StoreError> {
        // Its time is its own: cut off in the middle, it would keep its session at the server for a minute.
        let Ok(_turn) = timeout(TURN, self.tenant.turn_to_commit()).await else {
            return Err(StoreError::Unavailable(format!("more commits wait than are done in {TURN:?}")));
        };
        let deadline = Instant::now() + DEADLINE;
        let mut waits = waits();
        let mut in_doubt = None;
        loop {
            let mut phase = Phase::Writing;
            let outcome = timeout_at(deadline, self.attempt(&mut phase)).await;
            let reason = match outcome {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(Trouble::Refused(error))) => return Err(error),
                Ok(Err(Trouble::FenceElsewhere)) => match timeout_at(deadline, self.verdict()).await {
                    Ok(Ok(Verdict::Committed)) => return Ok(()),
                    Ok(Ok(Verdict::Fenced)) => return Err(StoreError::Fenced),
                    Ok(Ok(Verdict::NotYet)) => "the fence moved while it was looked at".to_owned(),
                    Ok(Err(error)) => failure::sentence(&error),
                    Err(_) => "no answer in time".to_owned(),
                },
                Ok(Err(Trouble::Passing(reason))) => reason,
                Ok(Err(Trouble::Doubtful(reason))) => in_doubt.insert(reason).clone(),
                Err(_) => {
                    let reason = format!("no answer within {DEADLINE:?}");
                    if phase == Phase::Committing { in_doubt.insert(reason).clone() } else { reason }
                }
            };
            let wait = waits.next_wait();
            if Instant::now() + wait >= deadline {
                return self.give_up(in_doubt, reason).await;
            }
            tracing::debug!(retailer = %self.tenant.retailer(), version = %self.expected, reason, "commit repeated");
            sleep(wait).await;
        }
    }

    /// Out of time. When the outcome is in doubt, a last look at the fence may still settle it.
    async fn give_up(&self, in_doubt: Option<String>, reason: String) -> Result<(), StoreError> {
        let Some(doubt) = in_doubt else {
            return Err(StoreError::Unavailable(reason));
        };
        match tokio::time::timeout(INQUIRY, self.verdict()).await {
            Ok(Ok(Verdict::Committed)) => Ok(()),
            Ok(Ok(Verdict::Fenced)) => Err(StoreError::Fenced),
            // Not there yet is no proof: the server may still be at it.
            _ => Err(StoreError::Unknown(doubt)),
        }
    }

    async fn attempt(&self, phase: &mut Phase) -> Result<(), Trouble> {
        *phase = Phase::Writing;
        let mut session = self.tenant.begin().await.map_err(before_commit)?;
        self.advance_fence(&mut session).await?;
        for step in &self.plan.steps {
            self.step(step, &mut session).await?;
        }
        *phase = Phase::Committing;
        self.end(&mut session).await
    }

    async fn advance_fence(&self, session: &mut ClientSession) -> Result<(), Trouble> {
        let Some(start) = self.expected.0.checked_sub(1) else {
            return Err(Trouble::Refused(StoreError::Corrupt(
                "a commit must lead to version 1 or higher".into(),
            )));
        };
        let wanted = doc! { "epoch": long(self.epoch.0), "version": long(start) };
        let moved =
            self.tenant.move_fence(self.fence, wanted, self.fence_change(), false, Some(session)).await;
        moved.map_err(before_commit)?.map(|_| ()).ok_or(Trouble::FenceElsewhere)
    }

    fn fence_change(&self) -> Document {
        let mut set = doc! { "last_commit": bytes(self.plan.digest.clone()) };
        match self.plan.retailer_lives {
            Some(false) => {
                set.insert("deleted_at", date(Timestamp::now()));
                set.insert("swept", false);
            }
            Some(true) => {
                set.insert("deleted_at", bson::Bson::Null);
            }
            None => {}
        }
        doc! { "$inc": { "version": 1_i64 }, "$set": set }
    }

    async fn step(&self, step: &Step, session: &mut ClientSession) -> Result<(), Trouble> {
        let reply = match &step.action {
            Action::Update(updates, _) => self.tenant.update(step.collection, updates, Some(session)).await,
            Action::Insert(documents) => self.tenant.insert(step.collection, documents, session).await,
            Action::Delete(filters) => self.tenant.delete(step.collection, filters, Some(session)).await,
        };
        match reply {
            Ok(Ok(())) => Ok(()),
            Ok(Err(refusal)) => Err(refused(step, &refusal)),
            // Some servers end the whole command instead of naming the statement.
            Err(error) if failure::is_duplicate_key(&error) => {
                let message = failure::sentence(&error);
                Err(refused(step, &Refusal { index: usize::MAX, code: failure::DUPLICATE_KEY, message }))
            }
            Err(error) => Err(before_commit(error)),
        }
    }

    /// The driver repeats a commit once by itself; [`Commit::carry_out`] does the rest, through the fence.
    async fn end(&self, session: &mut ClientSession) -> Result<(), Trouble> {
        match session.commit_transaction().await {
            Ok(()) => Ok(()),
            Err(error) if error.contains_label(UNKNOWN_TRANSACTION_COMMIT_RESULT) => {
                Err(Trouble::Doubtful(failure::sentence(&error)))
            }
            Err(error) if error.contains_label(TRANSIENT_TRANSACTION_ERROR) => {
                Err(Trouble::Passing(failure::sentence(&error)))
            }
            // Neither label: be careful and let the fence decide.
            Err(error) => Err(Trouble::Doubtful(failure::sentence(&error))),
        }
    }

    async fn verdict(&self) -> Result<Verdict, Error> {
        let Some(fence) = self.tenant.fence(self.fence).await? else {
            return Ok(Verdict::Fenced);
        };
        let ours = fence.last_commit.as_ref().is_some_and(|digest| digest.bytes == self.plan.digest);
        // The epoch may have been raised since: what is committed stays committed, and is acknowledged.
        if ours && fence.version == long(self.expected.0) {
            return Ok(Verdict::Committed);
        }
        if fence.epoch == long(self.epoch.0) && fence.version == long(self.expected.0) - 1 {
            return Ok(Verdict::NotYet);
        }
        if fence.epoch == long(self.epoch.0) {
            // An earlier life of the same actor got in between: this one's memory is out of date.
            tracing::warn!(
                retailer = %self.tenant.retailer(), stored = fence.version, expected = %self.expected,
                "a commit met another version under its own epoch"
            );
        }
        Ok(Verdict::Fenced)
    }
}

/// Errors up to the commit leave nothing behind: the transaction is aborted.
fn before_commit(error: Error) -> Trouble {
    if failure::is_passing(&error) {
        Trouble::Passing(failure::sentence(&error))
    } else {
        Trouble::Refused(failure::to_store_error(&error))
    }
}

/// Finds which value of which statement is in use already.
fn refused(step: &Step, refusal: &Refusal) -> Trouble {
    match refusal.code {
        failure::WRITE_CONFLICT => Trouble::Passing(refusal.message.clone()),
        failure::DUPLICATE_KEY => {
            let Action::Update(_, claims) = &step.action else {
                return Trouble::Refused(StoreError::Corrupt(refusal.message.clone()));
            };
            let named = claims.get(refusal.index).map_or(claims.as_slice(), std::slice::from_ref);
            let taken = named.iter().flatten().find(|(index, _, _)| refusal.message.contains(index));
            Trouble::Refused(match taken {
                Some((_, field, value)) => StoreError::Taken { field, value: value.clone() },
                None => StoreError::Corrupt(format!("an identifier is in use: {}", refusal.message)),
            })
        }
        _ => Trouble::Refused(StoreError::Unavailable(refusal.message.clone())),
    }
}
