//! Jobs: what is exported from where to where.

use serde::{Deserialize, Serialize};

use super::access::yes;
use super::retailers::RunBrief;
use crate::connector::{Credentials, SourceConfig};
use crate::export::ExportRules;
use crate::mapping::Mapping;
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
    /// How its columns become the fields of an item, beyond the names that the source gives them.
    #[serde(default, skip_serializing_if = "Mapping::is_empty")]
    pub mapping: Box<Mapping>,
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

/// A job with what opens its source: what a request to make or change one says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobBody {
    #[serde(flatten)]
    pub spec: JobSpec,
    /// Write only. Left out on change, the stored ones stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_credentials: Option<Credentials>,
}

impl From<JobSpec> for JobBody {
    fn from(spec: JobSpec) -> Self {
        Self { spec, source_credentials: None }
    }
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
    /// Credentials for the source are stored; what they are is not told.
    #[serde(default)]
    pub has_source_credentials: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_run: Option<RunBrief>,
    #[serde(default)]
    pub standing: Box<ScheduleView>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl Validate for JobSpec {
    fn check(&self, check: &mut Check) {
        check.text("name", &self.name, 120);
        check.nested("source", |c| self.source.check(c));
        check.nested("mapping", |c| self.mapping.check(c));
        check.nested("export", |c| self.export.check(c));
        check.range("timeout_s", &self.timeout_s, &10, &86_400);
        self.timing.check(check);
        let partial = matches!(&self.source, SourceConfig::Singer(from) if from.incremental);
        check.ensure(
            !partial || !self.export.need_comparison(),
            "source.incremental",
            "must be off where the job compares or guards: what the tap leaves out would look as if it were gone",
        );
    }
}

impl Validate for JobBody {
    fn check(&self, check: &mut Check) {
        self.spec.check(check);
        if let Some(credentials) = &self.source_credentials {
            check.nested("source_credentials", |c| credentials.check(c));
            let source = &self.spec.source;
            if !source.accepts(credentials) {
                check.fail("source_credentials", format!("must be {}", source.wanted_credentials()));
            }
        }
    }
}
