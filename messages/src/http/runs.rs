//! Runs, their logs and rejected items.

use serde::{Deserialize, Serialize};

use crate::export::{RunMode, Survey, Verdict};
use crate::run::{Progress, RunFailure, RunState, Transition};
use crate::validate::{Check, Validate};
use crate::{AgentId, JobId, RetailerId, RunId, Timestamp, Version};

/// Why a run was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// Somebody pressed the button, or called the interface.
    Manual,
    /// Its time had come.
    Schedule,
    /// An earlier run failed for a reason that may have passed.
    Retry,
}

/// How much of what was read has reached the destination, once a run is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Moved {
    Nothing,
    /// Some items arrived, others were rejected or not reached.
    Part,
    All,
}

/// Which queue is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[serde(default)]
pub struct QueueQuery {
    /// Only what waits for this agent.
    #[cfg_attr(feature = "openapi", param(value_type = Option<String>, format = "uuid"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentId>,
    /// Only runs of this job.
    #[cfg_attr(feature = "openapi", param(value_type = Option<String>, format = "uuid"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<JobId>,
}

/// The order in which waiting runs are to go out. Those that are not named come after them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct QueueOrder {
    pub runs: Vec<RunId>,
}

impl Validate for QueueOrder {
    fn check(&self, check: &mut Check) {
        // As many as may wait at a retailer.
        check.ensure(self.runs.len() <= 200, "runs", "must name at most 200 runs");
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RunView {
    pub id: RunId,
    pub retailer_id: RetailerId,
    pub rev: Version,
    pub job_id: JobId,
    /// Name of the job when the run was made.
    pub job_name: String,
    pub agent_id: AgentId,
    pub state: RunState,
    pub trigger: Trigger,
    pub progress: Progress,
    /// How often the agent began it; more than one after a crash.
    pub attempt: u32,
    /// Somebody asked for it to stop, and the agent has not answered yet.
    pub cancelling: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<RunFailure>,
    /// In the order in which they happened; the first is the making of the run.
    pub transitions: Vec<Transition>,
    pub timeout_s: u32,
    /// The time of the schedule that it is the run of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<Timestamp>,
    /// The first run of those that try the same thing again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<RunId>,
    /// Which try it is, counted from 1.
    #[serde(default = "first")]
    pub try_no: u32,
    /// It waits until then, for the reason of the failure to pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// If it still waits then, it is not begun any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Once it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved: Option<Moved>,
    #[serde(default, skip_serializing_if = "RunMode::is_usual")]
    pub mode: RunMode,
    /// What it found before it sent anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub survey: Option<Box<Survey>>,
    /// What was decided about it, if the guard stopped it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Box<Verdict>>,
    /// The run that the guard had stopped and that somebody approved: this one does it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approves: Option<RunId>,
    pub created_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
}

const fn first() -> u32 {
    1
}

/// Which end of a log comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum LogOrder {
    /// From the beginning on, as one reads a file.
    #[default]
    Oldest,
    /// The latest line first, each page further back.
    Newest,
}

impl LogOrder {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Oldest => "oldest",
            Self::Newest => "newest",
        }
    }
}

/// Which log lines of a run are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[serde(default)]
pub struct LogQuery {
    /// Text to look for, without regard to case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
    /// This level and above.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<crate::run::LogLevel>,
    /// Which end to begin at; the oldest line unless told. A cursor belongs to its order.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(inline))]
    pub order: Option<LogOrder>,
    /// `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Lines a page, 1 to 1000; 200 unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}
