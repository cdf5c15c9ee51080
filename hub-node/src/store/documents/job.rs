//! Jobs. Whether a job fails is kept as a field of its own, for the list of retailers to count.

use actors::domain::Job;
use bson::doc;
use messages::http::jobs::{JobSpec, RejectRule};
use messages::{AgentId, DestinationId, JobId, RunId};
use mongodb::IndexModel;
use serde::{Deserialize, Serialize};

use super::connector::ConnectorDoc;
use super::destination::SealedDoc;
use super::export::RulesDoc;
use super::mapping::MappingDoc;
use super::retailer::{BriefDoc, is_failure};
use super::timing::{CadenceDoc, TimingDoc};
use super::value::{StampDoc, StoredId, Unreadable, count, fold, long, small};
use super::{Entity, Stored, TenantDocument, check_shape, index, unique};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct JobDoc {
    #[serde(rename = "_id")]
    pub(crate) id: bson::Uuid,
    pub(crate) sv: i32,
    pub(crate) stamp: StampDoc,
    pub(crate) name: String,
    pub(crate) name_key: String,
    pub(crate) agent_id: bson::Uuid,
    pub(crate) destination_id: bson::Uuid,
    pub(crate) source: ConnectorDoc,
    /// Absent in jobs from before sources had secrets, and in those whose source needs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) source_credentials: Option<SealedDoc>,
    /// Absent in jobs that have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mapping: Option<MappingDoc>,
    pub(crate) reject_rule: RejectRuleDoc,
    pub(crate) timeout_s: i64,
    pub(crate) enabled: bool,
    pub(crate) last_run: Option<BriefDoc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) delivered_by: Option<bson::Uuid>,
    /// Absent in jobs from before there were rules about what is sent.
    #[serde(default)]
    pub(crate) export: Option<RulesDoc>,
    /// Absent in jobs from before there were schedules.
    #[serde(default)]
    pub(crate) timing: Option<TimingDoc>,
    #[serde(default)]
    pub(crate) cadence: Option<CadenceDoc>,
    /// The latest run failed. Follows from `last_run`.
    pub(crate) failing: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "snake_case")]
pub(crate) enum RejectRuleDoc {
    Continue,
    StopAbove { items: i64 },
}

impl From<RejectRule> for RejectRuleDoc {
    fn from(rule: RejectRule) -> Self {
        match rule {
            RejectRule::Continue => Self::Continue,
            RejectRule::StopAbove { items } => Self::StopAbove { items: long(items) },
        }
    }
}

impl TryFrom<RejectRuleDoc> for RejectRule {
    type Error = Unreadable;

    fn try_from(stored: RejectRuleDoc) -> Result<Self, Unreadable> {
        Ok(match stored {
            RejectRuleDoc::Continue => Self::Continue,
            RejectRuleDoc::StopAbove { items } => {
                Self::StopAbove { items: count(items, "reject_rule.items")? }
            }
        })
    }
}

impl Stored for JobDoc {
    const COLLECTION: &'static str = "jobs";
    const SHAPE: i32 = 1;

    fn indexes() -> Vec<IndexModel> {
        vec![
            unique("name_unique", doc! { "retailer_id": 1, "name_key": 1 }),
            index("failing", doc! { "failing": 1, "retailer_id": 1 }),
            // Over all retailers: whose schedule is to be looked at soon.
            index("due", doc! { "cadence.next_look": 1, "retailer_id": 1 }),
        ]
    }
}

impl TenantDocument for JobDoc {}

impl Entity for JobDoc {
    fn unique(&self) -> Vec<(&'static str, &'static str, String)> {
        vec![("name_unique", "name", self.name.clone())]
    }
}

impl TryFrom<&Job> for JobDoc {
    type Error = Unreadable;

    fn try_from(job: &Job) -> Result<Self, Unreadable> {
        Ok(Self {
            id: job.id.stored(),
            sv: Self::SHAPE,
            stamp: job.stamp.into(),
            name: job.spec.name.clone(),
            name_key: fold(&job.spec.name),
            agent_id: job.spec.agent_id.stored(),
            destination_id: job.spec.destination_id.stored(),
            source: ConnectorDoc::of_source(&job.spec.source)?,
            source_credentials: job.source_credentials.as_ref().map(Into::into),
            mapping: MappingDoc::of(&job.spec.mapping)?,
            reject_rule: job.spec.reject_rule.into(),
            export: Some(job.spec.export.as_ref().into()),
            timeout_s: job.spec.timeout_s.into(),
            enabled: job.spec.enabled,
            last_run: job.last_run.as_ref().map(Into::into),
            delivered_by: job.delivered_by.map(StoredId::stored),
            timing: Some((&job.spec.timing).into()),
            cadence: Some((&job.cadence).into()),
            failing: job.last_run.as_ref().is_some_and(|run| is_failure(run.state)),
        })
    }
}

impl TryFrom<JobDoc> for Job {
    type Error = Unreadable;

    fn try_from(stored: JobDoc) -> Result<Self, Unreadable> {
        check_shape::<JobDoc>(stored.sv)?;
        Ok(Self {
            id: JobId::read(stored.id),
            stamp: stored.stamp.try_into()?,
            spec: JobSpec {
                name: stored.name,
                agent_id: AgentId::read(stored.agent_id),
                destination_id: DestinationId::read(stored.destination_id),
                source: stored.source.source()?,
                mapping: Box::new(MappingDoc::read(stored.mapping)?),
                reject_rule: stored.reject_rule.try_into()?,
                export: Box::new(stored.export.map(TryInto::try_into).transpose()?.unwrap_or_default()),
                timeout_s: small(stored.timeout_s, "timeout_s")?,
                enabled: stored.enabled,
                timing: stored.timing.map(TryInto::try_into).transpose()?.unwrap_or_default(),
            },
            source_credentials: stored.source_credentials.map(Into::into),
            last_run: stored.last_run.map(TryInto::try_into).transpose()?,
            delivered_by: stored.delivered_by.map(RunId::read),
            cadence: stored.cadence.map(TryInto::try_into).transpose()?.unwrap_or_default(),
        })
    }
}
