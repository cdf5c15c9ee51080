//! Jobs: what is exported from where to where.

use serde::{Deserialize, Serialize};

use super::access::yes;
use super::retailers::RunBrief;
use crate::connector::SourceConfig;
use crate::export::ExportRules;
use crate::schedule::{ScheduleView, Timing};
use crate::validate::{Check, Validate};
use crate::{AgentId, DestinationId, JobId, RetailerId, Timestamp, Version};

/// A job as people write it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobSpec {
    pub name: String,
    pub agent_id: AgentId,
    pub destination_id: DestinationId,
    pub source: SourceConfig,
    #[serde(default)]
    pub reject_rule: RejectRule,
    /// How much of it is sent, and when a run stops to ask.
    #[serde(default)]
    pub export: Box<ExportRules>,
    /// Longest time a run may work, in seconds.
    #[serde(default = "default_timeout_s")]
    pub timeout_s: u32,
    #[serde(default = "yes")]
    pub enabled: bool,
    /// When it runs by itself, and what becomes of runs that could not.
    #[serde(flatten)]
    pub timing: Timing,
}

const fn default_timeout_s() -> u32 {
    3_600
}

/// What happens when items are not sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "rule", rename_all = "snake_case")]
pub enum RejectRule {
    /// Send the rest, keep the rejected ones with their reason.
    #[default]
    Continue,
    /// Stop before anything is sent when more than this many items are rejected.
    StopAbove { items: u64 },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobView {
    pub id: JobId,
    pub retailer_id: RetailerId,
    pub rev: Version,
    #[serde(flatten)]
    pub spec: JobSpec,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_run: Option<RunBrief>,
    #[serde(default)]
    pub standing: ScheduleView,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl Validate for JobSpec {
    fn check(&self, check: &mut Check) {
        check.text("name", &self.name, 120);
        check.nested("source", |c| self.source.check(c));
        check.nested("export", |c| self.export.check(c));
        check.range("timeout_s", &self.timeout_s, &10, &86_400);
        self.timing.check(check);
    }
}
