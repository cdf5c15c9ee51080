//! Frames between agent and hub on `/ws/agent`: JSON text, `{"v":1,"t":"…",…}`.
//!
//! The agent proves itself with its credential in the upgrade request. Commands repeat until they are answered;
//! what the agent reports is numbered, kept on its disk and repeated until the hub has acknowledged it.

use serde::{Deserialize, Serialize};

use crate::connector::{Credentials, DestinationConfig, SourceConfig};
use crate::export::{ExportOrder, Survey};
use crate::http::agents::Machine;
use crate::http::jobs::RejectRule;
use crate::ids::SpoolId;
use crate::inspect::{Finding, Subject};
use crate::mapping::Mapping;
use crate::run::{LogLevel, Progress, Reject, RunOutcome};
use crate::version::{Epoch, PROTOCOL};
use crate::{AgentId, CommandId, ErrorCode, JobId, RunId, Secret, Timestamp};

/// No frame is larger; the receiver closes the socket with 1009 if one is.
pub const MAX_FRAME: usize = 256 * 1024;
/// Reports of one frame.
pub const MAX_REPORTS: usize = 128;

/// A frame with its protocol version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Frame<T> {
    pub v: u16,
    #[serde(flatten)]
    pub body: T,
}

impl<T> Frame<T> {
    pub const fn new(body: T) -> Self {
        Self { v: PROTOCOL, body }
    }
}

/// What the agent says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum FromAgent {
    /// First frame on a socket.
    Hello(Hello),
    /// At the pace that `welcome` names. `active` are the runs at work.
    Heartbeat { active: Vec<RunId> },
    /// The command is on disk and will be carried out, or has been before.
    Accepted { command_id: CommandId },
    /// The command will not be carried out.
    Refused { command_id: CommandId, code: ErrorCode, detail: String },
    /// Numbered facts, in order without gaps.
    Reports { spool_id: SpoolId, reports: Vec<Report> },
    /// The new credential is on disk; the old one may go.
    CredentialSaved,
    /// What was found where the hub asked to look.
    Inspected { command_id: CommandId, finding: Box<Finding> },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    pub machine: Machine,
    pub spool_id: SpoolId,
    /// Number of the oldest report that is still to be acknowledged, or of the next one to be made.
    pub next_seq: u64,
    /// Runs that are on the agent's disk and not finished.
    pub active: Vec<RunId>,
}

/// One numbered fact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// From 1 upwards within a spool.
    pub seq: u64,
    pub at: Timestamp,
    pub run_id: RunId,
    #[serde(flatten)]
    pub fact: Fact,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Fact {
    /// Work begins; `attempt` counts from 1 and grows when a crash made the agent begin again.
    Started {
        attempt: u32,
    },
    Log {
        level: LogLevel,
        text: String,
    },
    Progress(Progress),
    Rejected {
        reject: RejectedItem,
    },
    /// What the run found before it sent anything. Told at most once an attempt, and only of runs with an order.
    Surveyed {
        survey: Box<Survey>,
    },
    /// Debug lines that had to be given up because the spool was full.
    Dropped {
        lines: u64,
    },
    /// The last fact of a run.
    Finished {
        progress: Progress,
        #[serde(flatten)]
        outcome: RunOutcome,
    },
}

/// A [`Reject`] whose run is that of the report around it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectedItem {
    pub row: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<crate::item::ItemField>,
    pub reason: String,
    pub raw: String,
}

impl RejectedItem {
    #[must_use]
    pub fn of_run(self, run_id: RunId) -> Reject {
        let Self { row, column, field, reason, raw } = self;
        Reject { run_id, row, column, field, reason, raw }
    }
}

/// What the hub says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum ToAgent {
    /// Answer to `hello`.
    Welcome {
        agent_id: AgentId,
        heartbeat_s: u32,
        server_time: Timestamp,
    },
    Run(Box<RunCommand>),
    /// Stop this run; a run that is over stays as it is.
    Cancel {
        command_id: CommandId,
        epoch: Epoch,
        run_id: RunId,
    },
    /// Look at a source or a destination, change nothing, and answer `inspected`. Only for agents that can.
    Inspect(Box<InspectCommand>),
    /// Every report up to and including `through` is stored.
    Ack {
        spool_id: SpoolId,
        through: u64,
    },
    /// A new credential; answer `credential_saved` once it is on disk. Until then both are valid.
    Credential {
        credential: Secret,
    },
    /// The last frame was not accepted.
    Error {
        code: ErrorCode,
        detail: String,
    },
    /// The hub will close now. Come back after `retry_after_ms`, or not before ten minutes when it is absent.
    Bye {
        code: ErrorCode,
        detail: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after_ms: Option<u64>,
    },
}

/// The way around blocked WebSockets: `POST /agent/v1/sessions` answers with this. The same frames then go up and down
/// in [`Batch`]es.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionGrant {
    /// Part of the addresses that follow, and as secret as the credential.
    pub session: String,
    /// The longest that a poll is held open.
    pub poll_s: u32,
}

/// Frames in order, numbered from 1 within a session and a direction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Batch<F> {
    /// Number of the first one; of the next one, when there is none.
    pub first: u64,
    pub frames: Vec<F>,
}

impl<F> Batch<F> {
    /// Frames of one batch.
    pub const MOST: usize = 128;
    /// Bytes of all its frames; a single larger one goes alone.
    pub const MOST_BYTES: usize = 2 * MAX_FRAME;
}

/// Answer to a batch from the agent: the number that the hub takes next. Everything before it has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    pub next: u64,
}

/// Look at this, in at most [`crate::inspect::PATIENCE_S`] seconds. Nothing of it is kept: an agent that restarts has
/// forgotten it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InspectCommand {
    pub command_id: CommandId,
    #[serde(flatten)]
    pub subject: Subject,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Credentials>,
}

/// Carry out a run. The same `run_id` may arrive more than once and is carried out once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunCommand {
    pub command_id: CommandId,
    /// Commands with a lower epoch than the highest seen come from a former owner and are refused.
    pub epoch: Epoch,
    pub run_id: RunId,
    pub job_id: JobId,
    pub job_name: String,
    pub source: SourceConfig,
    /// How its columns become items. Only for agents that can.
    #[serde(default, skip_serializing_if = "Mapping::is_empty")]
    pub mapping: Box<Mapping>,
    pub destination: DestinationConfig,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Credentials>,
    /// What opens the source, if it needs to be opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_credentials: Option<Credentials>,
    pub reject_rule: RejectRule,
    pub timeout_s: u32,
    /// What is sent of it, and when to stop and ask. Absent: everything, and nothing is compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub export: Option<Box<ExportOrder>>,
}
