//! Runs as everyone sees them: states, progress, log lines, rejected items.

use serde::{Deserialize, Serialize};

use crate::connector::source::is_default;
use crate::item::ItemField;
use crate::{AgentId, ErrorCode, RunId, Timestamp, UserId};

/// Where a run stands. `docs/protocol.md` draws the machine; the hub keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Recorded, not yet sent to the agent.
    Queued,
    /// Sent to the agent, which has not yet said that it has it on disk.
    Dispatched,
    /// On the agent's disk; it works, or will after its restart.
    Running,
    Succeeded,
    Failed,
    Cancelled,
    TimedOut,
    /// The agent went silent for longer than the run was allowed to take. A late report still decides.
    Lost,
}

impl RunState {
    pub const ALL: [Self; 8] = [
        Self::Queued,
        Self::Dispatched,
        Self::Running,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
        Self::TimedOut,
        Self::Lost,
    ];

    /// Nothing more is expected of it.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled | Self::TimedOut | Self::Lost)
    }

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Dispatched => "dispatched",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timed_out",
            Self::Lost => "lost",
        }
    }
}

/// Who caused a change of state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Actor {
    User {
        id: UserId,
        name: String,
    },
    Agent {
        id: AgentId,
    },
    Hub,
    /// The job's own schedule.
    Schedule,
}

/// One change of state, recorded once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Transition {
    pub state: RunState,
    pub at: Timestamp,
    #[serde(flatten)]
    pub actor: Actor,
    /// Why, where that is not plain from the state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Progress {
    /// Items taken from the source, sound or not.
    pub read: u64,
    /// Items that the destination has.
    pub sent: u64,
    pub rejected: u64,
    /// Rows that the job's filter left out; they are not among those read.
    #[serde(skip_serializing_if = "is_default")]
    pub left_out: u64,
    /// Bytes taken from the source.
    pub bytes_read: u64,
    /// Size of the source, where it is known: with it the console tells how long the rest will take.
    pub bytes_total: u64,
    /// Bytes written to the destination.
    pub bytes_sent: u64,
    /// Time spent working, on the agent's monotonic clock.
    pub elapsed_ms: u64,
}

/// Why a run did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RunFailure {
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub code: ErrorCode,
    /// What was wrong, and what to do.
    pub detail: String,
}

/// How the agent says a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum RunOutcome {
    Succeeded,
    Failed(RunFailure),
    Cancelled,
    TimedOut,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
}

impl LogLevel {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// One line of a run's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LogLine {
    pub run_id: RunId,
    /// Place in the agent's own numbering; orders lines of equal time.
    pub seq: u64,
    pub at: Timestamp,
    pub level: LogLevel,
    pub text: String,
}

impl LogLine {
    /// Longer lines are cut by the agent, with a mark.
    pub const MAX_TEXT: usize = 2_000;
}

/// An item that was not accepted, with its place in the source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Reject {
    pub run_id: RunId,
    /// Line of the source, counted from 1, the header being line 1.
    pub row: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<ItemField>,
    pub reason: String,
    /// The row as it was read, cut to [`Reject::MAX_RAW`].
    pub raw: String,
}

impl Reject {
    pub const MAX_RAW: usize = 1_000;
    /// Kept per run; further ones are only counted. A file that is wholly wrong repeats itself.
    pub const MAX_KEPT: u64 = 10_000;
}

/// Whether an agent can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// Never connected.
    Never,
    /// Connected, nothing to do.
    Online,
    /// Connected, at work.
    Busy,
    /// Silent for 30 s.
    Unknown,
    /// Silent for 120 s, or gone.
    Down,
}

impl Presence {
    #[must_use]
    pub const fn is_connected(self) -> bool {
        matches!(self, Self::Online | Self::Busy)
    }
}
