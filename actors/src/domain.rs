//! The things a retailer consists of, as its actor holds them.
//!
//! Not what is stored and not what is shown: the store converts to and from documents, [`view`] makes what is shown.

pub mod view;

use std::sync::Arc;

use messages::connector::{DestinationConfig, SourceConfig};
use messages::export::{ExportOrder, Survey, Verdict};
use messages::http::agents::{AgentSpec, Machine};
use messages::http::jobs::{JobSpec, RejectRule};
use messages::http::retailers::{RetailerSpec, RunBrief};
use messages::http::runs::Trigger;
use messages::http::stores::StoreSpec;
use messages::mapping::Mapping;
use messages::run::{Progress, RunFailure, RunState, Transition};
use messages::schedule::{Paused, RetryRule};
use messages::{AgentId, CommandId, DestinationId, JobId, RetailerId, RunId, StoreId, Timestamp, Version};
use serde::{Deserialize, Serialize};

/// When something was made and last changed. `rev` is the commit that changed it last, and its ETag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    pub rev: Version,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retailer {
    pub id: RetailerId,
    pub stamp: Stamp,
    pub spec: RetailerSpec,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    pub id: StoreId,
    pub stamp: Stamp,
    pub spec: StoreSpec,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    pub id: AgentId,
    pub stamp: Stamp,
    pub spec: AgentSpec,
    pub access: AgentAccess,
    pub enrolled_at: Option<Timestamp>,
    pub machine: Option<Machine>,
    pub last_seen_at: Option<Timestamp>,
}

/// How an agent proves itself. Only hashes: the hub could not tell the secrets if it wanted to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AgentAccess {
    /// A one-time token that waits to be swapped.
    pub token: Option<EnrolToken>,
    pub credential: Option<SecretHash>,
    /// The credential that replaces it once the agent has it on disk.
    pub next_credential: Option<SecretHash>,
    pub revoked: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EnrolToken {
    pub hash: SecretHash,
    pub expires_at: Timestamp,
}

/// SHA-256 of a random secret of 256 bits, which needs no salt and no slow hash.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretHash(pub [u8; 32]);

impl std::fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretHash(…)")
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    pub id: DestinationId,
    pub stamp: Stamp,
    pub name: String,
    pub config: DestinationConfig,
    pub enabled: bool,
    pub credentials: Option<Sealed>,
}

/// A secret under authenticated encryption; which key opens it is named, the key is elsewhere.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    pub key_id: String,
    /// Nonce and ciphertext with its tag.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealed(key {})", self.key_id)
    }
}

/// The thing a sealed secret belongs to: moved to another one, it does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretOf {
    Destination(DestinationId),
    /// The source of a job.
    Job(JobId),
}

impl SecretOf {
    /// As people call it.
    #[must_use]
    pub const fn what(self) -> &'static str {
        match self {
            Self::Destination(_) => "destination",
            Self::Job(_) => "source",
        }
    }
}

impl From<DestinationId> for SecretOf {
    fn from(id: DestinationId) -> Self {
        Self::Destination(id)
    }
}

impl From<JobId> for SecretOf {
    fn from(id: JobId) -> Self {
        Self::Job(id)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    pub id: JobId,
    pub stamp: Stamp,
    pub spec: JobSpec,
    /// What opens the source.
    pub source_credentials: Option<Sealed>,
    pub last_run: Option<RunBrief>,
    /// The last run that may have brought anything to the destination.
    pub delivered_by: Option<RunId>,
    pub cadence: Cadence,
}

/// How far a job's schedule has come. It moves in the same commits that make its runs, so whoever owns the retailer
/// next goes on exactly there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cadence {
    /// When the schedule was set: intervals are counted from here.
    pub anchor: Timestamp,
    /// Every slot up to this one has been run, left out or counted as missed.
    pub settled: Timestamp,
    /// When the schedule must be looked at next: a slot, or the end of a maintenance window.
    pub next_look: Option<Timestamp>,
    /// When the job runs next, as it is shown.
    pub next_at: Option<Timestamp>,
    pub missed_slots: u64,
    pub failures_in_row: u32,
    pub paused: Option<Paused>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    pub id: RunId,
    pub stamp: Stamp,
    pub job_id: JobId,
    pub job_name: String,
    pub agent_id: AgentId,
    pub destination_id: DestinationId,
    pub trigger: Trigger,
    pub plan: RunPlan,
    pub state: RunState,
    /// Of the command that carries the run to the agent; the same however often it is sent.
    pub command_id: CommandId,
    /// Of the command that asks the agent to stop it, once somebody did.
    pub cancel_id: Option<CommandId>,
    pub attempt: u32,
    pub progress: Progress,
    pub failure: Option<RunFailure>,
    pub transitions: Vec<Transition>,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub wait: Wait,
    /// What it found before it sent anything.
    pub survey: Option<Box<Survey>>,
    /// What was decided about it, if the guard stopped it.
    pub verdict: Option<Verdict>,
    /// The stopped run that it does after all.
    pub approves: Option<RunId>,
}

/// Where a run comes from, and how it waits for its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// The time of the schedule that it is the run of.
    pub slot: Option<Timestamp>,
    /// The first of the runs that try the same again.
    pub retry_of: Option<RunId>,
    /// Which try it is, counted from 1.
    pub try_no: u32,
    pub not_before: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
    /// Place in the queue: lower goes first, equal ones in the order of making.
    pub place: i64,
}

impl Default for Wait {
    fn default() -> Self {
        Self { slot: None, retry_of: None, try_no: 1, not_before: None, expires_at: None, place: 0 }
    }
}

/// What the job said when the run was made. Changing the job does not change runs under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunPlan {
    pub source: SourceConfig,
    pub mapping: Arc<Mapping>,
    pub destination: DestinationConfig,
    pub reject_rule: RejectRule,
    pub timeout_s: u32,
    pub retries: RetryRule,
    pub export: ExportOrder,
}

/// A retailer as loaded from the store when its actor starts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Image {
    /// The fence's version: every commit up to it is in this image.
    pub version: Version,
    /// Absent: the retailer has not been made yet, or has been deleted.
    pub retailer: Option<Retailer>,
    pub stores: Vec<Store>,
    pub agents: Vec<Agent>,
    pub destinations: Vec<Destination>,
    pub jobs: Vec<Job>,
    /// Every run that is not over, and the latest [`Image::RECENT_RUNS`] that are.
    pub runs: Vec<Run>,
    /// Idempotency keys of the last day, with what was made for them.
    pub receipts: Vec<Receipt>,
}

impl Image {
    /// What a retailer's page shows without paging.
    pub const RECENT_RUNS: usize = 50;
}

/// What a repeated request is answered from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    pub key: String,
    pub made: EntityId,
    pub at: Timestamp,
}

/// Names one thing of a retailer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EntityId {
    Retailer,
    Store(StoreId),
    Agent(AgentId),
    Destination(DestinationId),
    Job(JobId),
    Run(RunId),
}

impl EntityId {
    /// The kind as it is written in live frames and messages to people.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Retailer => "retailer",
            Self::Store(_) => "store",
            Self::Agent(_) => "agent",
            Self::Destination(_) => "destination",
            Self::Job(_) => "job",
            Self::Run(_) => "run",
        }
    }
}

/// One change of a retailer's documents, as the store carries it out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    Retailer(Retailer),
    Store(Store),
    Agent(Agent),
    Destination(Destination),
    Job(Job),
    Run(Run),
    /// Deleting the retailer deletes everything it has.
    Delete(EntityId),
    Receipt(Receipt),
}
