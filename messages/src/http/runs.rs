//! Runs, their logs and rejected items.

use serde::{Deserialize, Serialize};

use crate::run::{Progress, RunFailure, RunState, Transition};
use crate::{AgentId, JobId, RetailerId, RunId, Timestamp, Version};

/// Why a run was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// Somebody pressed the button, or called the interface.
    Manual,
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
    pub created_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
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
