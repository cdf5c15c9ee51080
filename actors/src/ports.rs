//! What the actors need from outside, as traits that a node implements and a test fakes.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use messages::agent::ToAgent;
use messages::connector::Credentials;
use messages::http::figures::DeviceCounts;
use messages::http::retailers::RetailerSummary;
use messages::http::runs::RunView;
use messages::ids::{BootId, SpoolId};
use messages::live::{Change, LatestRun, Tick, Topic};
use messages::permission::{RetailerScope, Role};
use messages::run::{LogLine, Reject};
use messages::version::Epoch;
use messages::{
    AgentId, ConnId, ErrorCode, Problem, RetailerId, RunId, Secret, SessionId, Timestamp, UserId, Version,
};
use serde::{Deserialize, Serialize};

use crate::domain::{Image, Run, Sealed, SecretOf, Write};
use crate::ingest::model::{Changes, Known, Ledger, Wanted};
use crate::ingest::pending::Fold;

/// Why the store did not do what it was asked to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The fence carries a higher epoch: another node owns the retailer now.
    #[error("the retailer has a new owner")]
    Fenced,
    /// A value that must be unique is in use. Nothing was written.
    #[error("{field} \"{value}\" is in use")]
    Taken { field: &'static str, value: String },
    /// Nothing was written; trying again may help.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The connection broke while committing: it may have been written or not.
    #[error("it is not known whether the database has committed: {0}")]
    Unknown(String),
    /// What is stored cannot be read by this build.
    #[error("a stored document cannot be read: {0}")]
    Corrupt(String),
}

impl StoreError {
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Fenced => ErrorCode::NotOwner,
            Self::Taken { .. } => ErrorCode::NameTaken,
            Self::Unavailable(_) => ErrorCode::StoreUnavailable,
            Self::Unknown(_) => ErrorCode::OutcomeUnknown,
            Self::Corrupt(_) => ErrorCode::Internal,
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

/// The documents of retailers. Every call is for one retailer; nothing reaches across. Every call ends by itself within
/// seconds, whatever becomes of the database: the actors wait for it without a deadline of their own.
pub trait TenantStore: Send + Sync + 'static {
    /// Raises the retailer's fence to `epoch` (making it at version 0 if there is none), then loads.
    /// With a higher epoch in the fence: [`StoreError::Fenced`].
    fn take(&self, retailer: RetailerId, epoch: Epoch) -> BoxFuture<'_, Result<Image, StoreError>>;

    /// Is there such a retailer? Asked before an actor is started for an identifier that came from outside.
    fn exists(&self, retailer: RetailerId) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// Writes all or nothing in one transaction that first advances the fence by one.
    /// `expected` is the version that this commit must lead to.
    fn commit(
        &self,
        retailer: RetailerId,
        epoch: Epoch,
        expected: Version,
        writes: Arc<[Write]>,
    ) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Appends lines to runs' logs; a line that is there already (same spool, same number) is skipped.
    fn append_logs(
        &self,
        retailer: RetailerId,
        spool: SpoolId,
        lines: Vec<LogLine>,
    ) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Keeps rejected items; one that is there already (same run and row) is replaced, so a second attempt of
    /// a run does not double them.
    fn append_rejects(
        &self,
        retailer: RetailerId,
        rejects: Vec<Reject>,
    ) -> BoxFuture<'_, Result<(), StoreError>>;

    /// How many rejected items of a run are kept.
    fn count_rejects(&self, retailer: RetailerId, run: RunId) -> BoxFuture<'_, Result<u64, StoreError>>;

    /// The latest lines of a run's log, oldest first.
    fn latest_logs(
        &self,
        retailer: RetailerId,
        run: RunId,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<LogLine>, StoreError>>;

    /// A run of any age.
    fn run(&self, retailer: RetailerId, run: RunId) -> BoxFuture<'_, Result<Option<Run>, StoreError>>;
}

/// What store edges brought. Fenced by a fence of its own beside the retailer's, with the same rules; every call ends by
/// itself within seconds.
pub trait LedgerStore: Send + Sync + 'static {
    /// Raises the fence to `epoch`, then loads what is always needed. With a higher epoch there: [`StoreError::Fenced`].
    fn open(&self, retailer: RetailerId, epoch: Epoch) -> BoxFuture<'_, Result<Ledger, StoreError>>;

    /// What a round has to know. Read without the fence: whoever has been overtaken meanwhile cannot commit.
    fn look(&self, retailer: RetailerId, wanted: Wanted) -> BoxFuture<'_, Result<Known, StoreError>>;

    /// Writes all or nothing in one transaction that first advances the fence by one, to `expected`. Everything is made ready
    /// before this returns, so that it can be waiting when its turn comes; nothing is written before that is awaited.
    fn write(
        &self,
        retailer: RetailerId,
        epoch: Epoch,
        expected: Version,
        changes: &Changes,
    ) -> BoxFuture<'static, Result<(), StoreError>>;

    /// Adds what some rounds have added to the sums, and forgets their journal, in one transaction as above.
    fn fold(
        &self,
        retailer: RetailerId,
        epoch: Epoch,
        expected: Version,
        fold: Arc<Fold>,
    ) -> BoxFuture<'_, Result<(), StoreError>>;
}

/// Wakes those who wait for something to come down to a retailer's stores, on whatever node they wait. Never waits and
/// never fails: whoever misses it asks again after a while.
pub trait Bell: Send + Sync + 'static {
    fn ring(&self, retailer: RetailerId);
}

/// Opens what is sealed. Sealing happens where secrets come in, before an actor sees them.
pub trait Unsealer: Send + Sync + 'static {
    fn open(&self, retailer: RetailerId, of: SecretOf, sealed: &Sealed) -> Result<Credentials, Problem>;
}

/// One socket of an agent, wherever it landed. The highest generation of an agent counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ConnAddr {
    pub node: BootId,
    pub conn: ConnId,
    pub agent: AgentId,
    pub generation: u64,
}

/// Carries frames to agents' sockets, on this node or another. What cannot be delivered is dropped: commands are
/// sent again when the agent says hello.
pub trait Downlink: Send + Sync + 'static {
    fn send(&self, to: ConnAddr, frame: ToAgent);

    /// The retailer has a new actor, which knows no sockets yet: its agents' sockets attach again.
    fn announce(&self, retailer: RetailerId);
}

/// What a retailer's actor tells the consoles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Publication {
    /// A commit, in the order of versions.
    Committed { topic: Topic, after: Version, version: Version, changes: Arc<[Change]> },
    /// Values without a version.
    Ticked { topic: Topic, ticks: Arc<[Tick]> },
    /// The retailer's row; the dashboard is made of these.
    Summary(RetailerSummary),
    /// A run was made, moved on or ended.
    Run { retailer_name: String, run: Arc<RunView> },
    /// How the devices of a retailer's stores are, for the dashboard. Told again now and then, for nodes that come later.
    Stores(LedgerBrief),
    /// The retailer is gone: its topics are refused from now on.
    Gone(RetailerId),
}

/// The devices of a retailer's stores together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerBrief {
    pub retailer: RetailerId,
    pub devices: DeviceCounts,
    pub backlog: u64,
    pub dead_letters: u64,
}

impl Publication {
    /// Who it is about.
    #[must_use]
    pub fn retailer(&self) -> Option<RetailerId> {
        match self {
            Self::Committed { topic, .. } | Self::Ticked { topic, .. } => topic.retailer(),
            Self::Summary(summary) => Some(summary.id),
            Self::Run { run, .. } => Some(run.retailer_id),
            Self::Stores(brief) => Some(brief.retailer),
            Self::Gone(retailer) => Some(*retailer),
        }
    }

    /// Everybody has a use for it, also those who watch the dashboard only.
    #[must_use]
    pub const fn is_for_all(&self) -> bool {
        matches!(self, Self::Summary(_) | Self::Run { .. } | Self::Stores(_) | Self::Gone(_))
    }
}

/// A person at a console, as their access token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visitor {
    pub user: UserId,
    pub session: SessionId,
    pub role: Role,
    pub scope: RetailerScope,
    /// When the token ends. The console renews it before that.
    pub until: Timestamp,
}

/// Reads access tokens.
pub trait Doorman: Send + Sync + 'static {
    fn admit<'a>(&'a self, token: &'a Secret) -> BoxFuture<'a, Result<Visitor, Problem>>;
}

/// What has happened today, as the store knows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Today {
    pub runs: u64,
    pub failed: u64,
    pub items: u64,
    /// The latest runs, newest first.
    pub latest: Vec<LatestRun>,
}

/// What the dashboard starts from.
pub trait Board: Send + Sync + 'static {
    /// Every retailer's row; agents count as away.
    fn summaries(&self) -> BoxFuture<'_, Result<Vec<RetailerSummary>, StoreError>>;

    /// The retailers with a schedule that must be looked at by then: whoever owns them starts them.
    fn due(&self, by: Timestamp) -> BoxFuture<'_, Result<Vec<RetailerId>, StoreError>>;

    /// The day so far of the retailers in scope.
    fn today(&self, scope: RetailerScope) -> BoxFuture<'_, Result<Today, StoreError>>;
}

/// Brings publications to whoever watches. Never waits and never fails: a watcher that misses something notices by
/// the version and asks again.
pub trait LiveFeed: Send + Sync + 'static {
    fn publish(&self, publication: Publication);
}
