//! What can be asked of a retailer's actor, from this node or another.

use messages::agent::{Fact, Report};
use messages::connector::DestinationConfig;
use messages::export::RunMode;
use messages::http::agents::{AgentSpec, Machine};
use messages::http::configuration::{Configuration, ImportReport};
use messages::http::jobs::JobSpec;
use messages::http::paging::{ListQuery, Page};
use messages::http::retailers::RetailerSpec;
use messages::http::runs::QueueQuery;
use messages::http::stores::StoreSpec;
use messages::ids::SpoolId;
use messages::inspect::{Finding, InspectRequest};
use messages::live::{Change, Entity, Tick, Topic};
use messages::{
    AgentId, CommandId, DestinationId, ErrorCode, JobId, RetailerId, RunId, Secret, Timestamp, UserId,
    Version,
};
use serde::{Deserialize, Serialize};

use crate::domain::{EntityId, Sealed, SecretHash};
use crate::ingest::request::{EdgeReply, EdgeRequest};
use crate::ports::ConnAddr;

/// Who asks, for the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Author {
    pub id: UserId,
    pub name: String,
}

/// The content of a thing to be made or changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Draft {
    Retailer(RetailerSpec),
    Store(StoreSpec),
    Agent(AgentSpec),
    /// Credentials are sealed before they come here; absent on change, the stored ones stay.
    Destination {
        name: String,
        config: DestinationConfig,
        enabled: bool,
        credentials: Option<Sealed>,
    },
    /// On change, the credentials of its source stay.
    Job(JobSpec),
    /// A job whose source is opened by these from now on; they are sealed before they come here.
    OpenedJob {
        spec: Box<JobSpec>,
        source_credentials: Sealed,
    },
}

impl Draft {
    /// A job, and the credentials that are new to its source.
    #[must_use]
    pub fn as_job(&self) -> Option<(&JobSpec, Option<&Sealed>)> {
        match self {
            Self::Job(spec) => Some((spec, None)),
            Self::OpenedJob { spec, source_credentials } => Some((spec, Some(source_credentials))),
            _ => None,
        }
    }

    pub fn as_job_mut(&mut self) -> Option<&mut JobSpec> {
        match self {
            Self::Job(spec) => Some(spec),
            Self::OpenedJob { spec, .. } => Some(spec),
            _ => None,
        }
    }
}

/// Which list is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ListOf {
    Stores,
    Agents,
    Destinations,
    Jobs,
}

/// A question or a command. Drafts have been validated by the edge for their form; the actor checks what
/// depends on other documents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Request {
    /// One thing as it is now. Answer: [`Response::Entity`].
    Get(EntityId),
    /// One page. Answer: [`Response::Page`].
    List {
        of: ListOf,
        query: ListQuery,
    },
    /// Make a thing under an identifier that the caller minted (so that a repetition is harmless).
    /// With an idempotency key seen before, the answer is what was made then. Answer: [`Response::Entity`].
    Create {
        id: EntityId,
        draft: Draft,
        author: Author,
        idempotency: Option<String>,
    },
    /// Change it if `expected` is still its revision. Answer: [`Response::Entity`].
    Update {
        id: EntityId,
        draft: Draft,
        expected: Version,
        author: Author,
    },
    /// All that people have configured. Answer: [`Response::Configuration`].
    Configuration,
    /// Make all of these or none, and the retailer first if it is given; what is there by its name stays as it is. The
    /// caller minted the identifiers, and nothing refers to what comes later. Answer: [`Response::Imported`].
    Import {
        retailer: Option<Box<RetailerSpec>>,
        things: Vec<(EntityId, Draft)>,
        /// Only say what would be done.
        dry_run: bool,
        author: Author,
    },
    /// Replace a destination's sealed credentials by the same under another key, if they are still those.
    /// Answer: [`Response::Done`].
    Reseal {
        destination: DestinationId,
        before: Sealed,
        after: Sealed,
    },
    /// The same for the credentials of a job's source. Answer: [`Response::Done`].
    ResealSource {
        job: JobId,
        before: Sealed,
        after: Sealed,
    },
    /// Answer: [`Response::Done`].
    Delete {
        id: EntityId,
        expected: Version,
        author: Author,
    },

    /// Start a run of a job. Answer: [`Response::Entity`] with the run.
    StartRun {
        job: JobId,
        run: RunId,
        /// Absent in requests of a node that knows no modes.
        #[serde(default)]
        mode: RunMode,
        author: Author,
        idempotency: Option<String>,
    },
    /// Start a run, under the identifier given, that may do the harm for which this one was stopped.
    /// Answer: [`Response::Entity`] with the run that was started.
    ApproveRun {
        stopped: RunId,
        run: RunId,
        author: Author,
    },
    /// Record that a run that was stopped shall not be done. Answer: [`Response::Entity`] with the stopped run.
    RefuseRun {
        stopped: RunId,
        author: Author,
    },
    /// Ask a run to stop. Answer: [`Response::Entity`] with the run.
    CancelRun {
        run: RunId,
        author: Author,
    },

    /// Have a job's schedule stand still, or go on. Answer: [`Response::Entity`] with the job.
    SetPaused {
        job: JobId,
        paused: bool,
        author: Author,
    },
    /// The runs that wait, in the order in which they go out. Answer: [`Response::Page`].
    Queue(QueueQuery),
    /// Have these waiting runs go first, in this order. Answer: [`Response::Done`].
    OrderQueue {
        runs: Vec<RunId>,
        author: Author,
    },
    /// Cancel what waits. Answer: [`Response::Done`].
    PurgeQueue {
        query: QueueQuery,
        author: Author,
    },

    /// Let an agent enrol with a token of this hash. Answer: [`Response::Done`].
    OfferEnrolment {
        agent: AgentId,
        token: SecretHash,
        expires_at: Timestamp,
        author: Author,
    },
    /// Swap the token for a credential. Answer: [`Response::Enrolled`].
    Enrol {
        agent: AgentId,
        token: SecretHash,
        credential: SecretHash,
        machine: Machine,
    },
    /// Void the agent's credential and close its socket. Answer: [`Response::Done`].
    Revoke {
        agent: AgentId,
        author: Author,
    },
    /// Send the agent a new credential; the old one is void once it is saved. Answer: [`Response::Done`].
    Rotate {
        agent: AgentId,
        credential: Secret,
        hash: SecretHash,
        author: Author,
    },
    /// Is this credential valid? Answer: [`Response::Known`].
    Introduce {
        agent: AgentId,
        credential: SecretHash,
    },
    /// The same as nodes of the build before ask it, which number sockets by themselves (ADR 0032). Answer: [`Response::Done`].
    Authenticate {
        agent: AgentId,
        credential: SecretHash,
    },

    /// A socket of an agent said hello. Answer: [`Response::Attached`]; commands follow through the downlink.
    Attach {
        conn: ConnAddr,
        credential: SecretHash,
        machine: Machine,
        active: Vec<RunId>,
    },
    /// The socket is gone.
    Detach {
        conn: ConnAddr,
    },
    /// Any frame counts as a sign of life. Answer: [`Response::Done`], or `agent_superseded`.
    Alive {
        conn: ConnAddr,
        active: Vec<RunId>,
    },
    Accepted {
        conn: ConnAddr,
        command: CommandId,
    },
    Refused {
        conn: ConnAddr,
        command: CommandId,
        code: ErrorCode,
        detail: String,
    },
    CredentialSaved {
        conn: ConnAddr,
    },
    /// Numbered facts, in order. Answer: [`Response::Acknowledged`] once all are stored.
    Reports {
        conn: ConnAddr,
        spool: SpoolId,
        reports: Vec<Report>,
    },

    /// Have an agent look at a source or a destination. Answer: [`Response::Found`].
    Inspect {
        agent: AgentId,
        request: Box<InspectRequest>,
    },
    /// What an agent found.
    Inspected {
        conn: ConnAddr,
        command: CommandId,
        finding: Box<Finding>,
    },

    /// Something of store edges, for the actor that takes it in beside the retailer's own. Answer: [`Response::Edge`].
    Edge(std::sync::Arc<EdgeRequest>),

    /// The state of a topic, or what has changed since a version. Answer: [`Response::Watched`].
    Watch {
        topic: Topic,
        since: Option<Version>,
    },
}

/// What a request was answered with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Response {
    Done,
    Entity(Box<Entity>),
    Page(Page<Entity>),
    Configuration(Box<Configuration>),
    Imported(ImportReport),
    Enrolled {
        agent_name: String,
        retailer_name: String,
    },
    /// The credential is the agent's; a socket that shows it may go by this number.
    Known {
        generation: u64,
    },
    Attached,
    Acknowledged {
        through: u64,
    },
    Watched(Watched),
    Edge(EdgeReply),
    Found(Box<Finding>),
}

/// How a watcher catches up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Watched {
    Snapshot {
        version: Version,
        entities: Vec<Entity>,
    },
    /// The commits after the version that was named; none, when nothing has happened. The ticks are what they do not
    /// tell: each agent's presence and each open run's progress as they are now.
    Since {
        deltas: Vec<WatchedDelta>,
        version: Version,
        ticks: Vec<Tick>,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WatchedDelta {
    pub after: Version,
    pub version: Version,
    pub changes: Vec<Change>,
}

impl Request {
    /// Makes the retailer itself: it is not there yet.
    #[must_use]
    pub const fn makes_retailer(&self) -> bool {
        matches!(self, Self::Create { id: EntityId::Retailer, .. } | Self::Import { retailer: Some(_), .. })
    }

    /// Only reads: may be answered before the commits under way are done.
    #[must_use]
    pub const fn is_read(&self) -> bool {
        matches!(
            self,
            Self::Get(_)
                | Self::List { .. }
                | Self::Queue(_)
                | Self::Configuration
                | Self::Introduce { .. }
                | Self::Authenticate { .. }
                | Self::Watch { .. }
        )
    }
}

impl Request {
    /// Carried out twice, it has the effect of once: things are made under identifiers that the caller minted, and
    /// agents' reports are numbered.
    #[must_use]
    pub fn is_repeatable(&self) -> bool {
        if let Self::Edge(request) = self {
            return request.is_repeatable();
        }
        matches!(
            self,
            Self::Create { .. }
                | Self::Import { .. }
                | Self::Reseal { .. }
                | Self::ResealSource { .. }
                | Self::StartRun { .. }
                | Self::ApproveRun { .. }
                | Self::RefuseRun { .. }
                | Self::CancelRun { .. }
                | Self::SetPaused { .. }
                | Self::OrderQueue { .. }
                | Self::PurgeQueue { .. }
                | Self::Attach { .. }
                | Self::Detach { .. }
                | Self::Alive { .. }
                | Self::Accepted { .. }
                | Self::Refused { .. }
                | Self::CredentialSaved { .. }
                | Self::Reports { .. }
                | Self::Inspect { .. }
                | Self::Inspected { .. }
        )
    }
}

/// Facts that are stored elsewhere than in the retailer's documents.
#[must_use]
pub const fn is_stream(fact: &Fact) -> bool {
    matches!(fact, Fact::Log { .. } | Fact::Rejected { .. } | Fact::Progress(_) | Fact::Dropped { .. })
}

/// Asks retailers' actors, on whatever node they live.
pub trait Router: Send + Sync + 'static {
    /// `deadline` is how long the caller can wait; the answer comes before that, in whatever form.
    fn ask(
        &self,
        retailer: RetailerId,
        request: Request,
        deadline: std::time::Duration,
    ) -> futures_util::future::BoxFuture<'_, Result<Response, messages::Problem>>;
}
