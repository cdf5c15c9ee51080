//! Runs: their plan, their state, and every change of it.

use std::sync::Arc;

use actors::domain::{Run, RunPlan};
use bson::{DateTime, doc};
use messages::http::runs::Trigger;
use messages::run::{Actor, Progress, RunFailure, RunState, Transition};
use messages::{AgentId, CommandId, DestinationId, ErrorCode, JobId, RunId, UserId};
use mongodb::IndexModel;
use serde::{Deserialize, Serialize};

use super::connector::ConnectorDoc;
use super::export::{OrderDoc, SurveyDoc, VerdictDoc};
use super::job::RejectRuleDoc;
use super::mapping::MappingDoc;
use super::timing::{RetriesDoc, WaitDoc};
use super::value::{StampDoc, StoredId, Unreadable, count, date, long, small, time};
use super::{Entity, Stored, TenantDocument, check_shape, index};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RunDoc {
    #[serde(rename = "_id")]
    pub(crate) id: bson::Uuid,
    pub(crate) sv: i32,
    pub(crate) stamp: StampDoc,
    pub(crate) job_id: bson::Uuid,
    pub(crate) job_name: String,
    pub(crate) agent_id: bson::Uuid,
    pub(crate) destination_id: bson::Uuid,
    pub(crate) trigger: TriggerDoc,
    pub(crate) plan: PlanDoc,
    pub(crate) state: String,
    /// Nothing more is expected of it. Follows from `state`.
    pub(crate) over: bool,
    pub(crate) command_id: bson::Uuid,
    pub(crate) cancel_id: Option<bson::Uuid>,
    pub(crate) attempt: i64,
    pub(crate) progress: ProgressDoc,
    pub(crate) failure: Option<FailureDoc>,
    pub(crate) transitions: Vec<TransitionDoc>,
    pub(crate) started_at: Option<DateTime>,
    pub(crate) finished_at: Option<DateTime>,
    #[serde(default)]
    pub(crate) wait: Option<WaitDoc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) survey: Option<SurveyDoc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) verdict: Option<VerdictDoc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) approves: Option<bson::Uuid>,
    /// Read by lists over retailers; written by `tenant`, like everywhere.
    #[serde(default, skip_serializing)]
    pub(crate) retailer_id: Option<bson::Uuid>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TriggerDoc {
    Manual,
    Schedule,
    Retry,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PlanDoc {
    source: ConnectorDoc,
    /// Absent in runs that have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mapping: Option<MappingDoc>,
    destination: ConnectorDoc,
    reject_rule: RejectRuleDoc,
    timeout_s: i64,
    /// Absent in runs from before there were retries.
    #[serde(default)]
    retries: Option<RetriesDoc>,
    /// Absent in runs from before there were orders.
    #[serde(default)]
    export: Option<OrderDoc>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProgressDoc {
    pub(crate) read: i64,
    pub(crate) sent: i64,
    pub(crate) rejected: i64,
    /// Absent in runs that left nothing out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) left_out: i64,
    pub(crate) bytes_read: i64,
    pub(crate) bytes_total: i64,
    pub(crate) bytes_sent: i64,
    pub(crate) elapsed_ms: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FailureDoc {
    code: String,
    detail: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct TransitionDoc {
    state: String,
    at: DateTime,
    by: ByDoc,
    note: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ByDoc {
    User { id: bson::Uuid, name: String },
    Agent { id: bson::Uuid },
    Hub,
    Schedule,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_zero(count: &i64) -> bool {
    *count == 0
}

impl Stored for RunDoc {
    const COLLECTION: &'static str = "runs";
    const SHAPE: i32 = 1;

    fn indexes() -> Vec<IndexModel> {
        vec![
            index("newest", doc! { "retailer_id": 1, "_id": -1 }),
            index("newest_of_job", doc! { "retailer_id": 1, "job_id": 1, "_id": -1 }),
            index("newest_in_state", doc! { "retailer_id": 1, "state": 1, "_id": -1 }),
            index("open", doc! { "over": 1, "retailer_id": 1, "_id": -1 }),
            index("of_day", doc! { "stamp.created_at": 1, "retailer_id": 1 }),
        ]
    }
}

impl TenantDocument for RunDoc {}

impl Entity for RunDoc {
    fn unique(&self) -> Vec<(&'static str, &'static str, String)> {
        Vec::new()
    }
}

pub(crate) fn state_text(state: RunState) -> String {
    state.as_str().to_owned()
}

pub(crate) fn read_state(text: &str) -> Result<RunState, Unreadable> {
    let known = RunState::ALL.into_iter().find(|state| state.as_str() == text);
    known.ok_or_else(|| Unreadable(format!("\"{text}\" is no state of a run")))
}

impl TryFrom<&Run> for RunDoc {
    type Error = Unreadable;

    fn try_from(run: &Run) -> Result<Self, Unreadable> {
        Ok(Self {
            id: run.id.stored(),
            sv: Self::SHAPE,
            stamp: run.stamp.into(),
            job_id: run.job_id.stored(),
            job_name: run.job_name.clone(),
            agent_id: run.agent_id.stored(),
            destination_id: run.destination_id.stored(),
            trigger: match run.trigger {
                Trigger::Manual => TriggerDoc::Manual,
                Trigger::Schedule => TriggerDoc::Schedule,
                Trigger::Retry => TriggerDoc::Retry,
            },
            plan: PlanDoc {
                source: ConnectorDoc::of_source(&run.plan.source)?,
                mapping: MappingDoc::of(&run.plan.mapping)?,
                destination: ConnectorDoc::of_destination(&run.plan.destination)?,
                reject_rule: run.plan.reject_rule.into(),
                timeout_s: run.plan.timeout_s.into(),
                retries: Some(run.plan.retries.into()),
                export: Some((&run.plan.export).into()),
            },
            state: state_text(run.state),
            over: run.state.is_over(),
            command_id: run.command_id.stored(),
            cancel_id: run.cancel_id.map(StoredId::stored),
            attempt: run.attempt.into(),
            progress: (&run.progress).into(),
            failure: run.failure.as_ref().map(|failure| FailureDoc {
                code: failure.code.as_str().to_owned(),
                detail: failure.detail.clone(),
            }),
            transitions: run.transitions.iter().map(Into::into).collect(),
            started_at: run.started_at.map(date),
            finished_at: run.finished_at.map(date),
            wait: Some((&run.wait).into()),
            survey: run.survey.as_deref().map(TryInto::try_into).transpose()?,
            verdict: run.verdict.as_ref().map(Into::into),
            approves: run.approves.map(StoredId::stored),
            retailer_id: None,
        })
    }
}

impl TryFrom<RunDoc> for Run {
    type Error = Unreadable;

    fn try_from(stored: RunDoc) -> Result<Self, Unreadable> {
        check_shape::<RunDoc>(stored.sv)?;
        let transitions = stored.transitions.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?;
        Ok(Self {
            id: RunId::read(stored.id),
            stamp: stored.stamp.try_into()?,
            job_id: JobId::read(stored.job_id),
            job_name: stored.job_name,
            agent_id: AgentId::read(stored.agent_id),
            destination_id: DestinationId::read(stored.destination_id),
            trigger: match stored.trigger {
                TriggerDoc::Manual => Trigger::Manual,
                TriggerDoc::Schedule => Trigger::Schedule,
                TriggerDoc::Retry => Trigger::Retry,
            },
            plan: RunPlan {
                source: stored.plan.source.source()?,
                mapping: Arc::new(MappingDoc::read(stored.plan.mapping)?),
                destination: stored.plan.destination.destination()?,
                reject_rule: stored.plan.reject_rule.try_into()?,
                timeout_s: small(stored.plan.timeout_s, "plan.timeout_s")?,
                retries: stored.plan.retries.map(TryInto::try_into).transpose()?.unwrap_or_default(),
                export: stored.plan.export.map(TryInto::try_into).transpose()?.unwrap_or_default(),
            },
            state: read_state(&stored.state)?,
            command_id: CommandId::read(stored.command_id),
            cancel_id: stored.cancel_id.map(CommandId::read),
            attempt: small(stored.attempt, "attempt")?,
            progress: stored.progress.try_into()?,
            failure: stored
                .failure
                .map(|failure| RunFailure { code: ErrorCode::parse(&failure.code), detail: failure.detail }),
            transitions,
            started_at: stored.started_at.map(time),
            finished_at: stored.finished_at.map(time),
            wait: stored.wait.map(TryInto::try_into).transpose()?.unwrap_or_default(),
            survey: stored.survey.and_then(|survey| survey.read()),
            verdict: stored.verdict.map(Into::into),
            approves: stored.approves.map(RunId::read),
        })
    }
}

impl From<&Progress> for ProgressDoc {
    fn from(progress: &Progress) -> Self {
        Self {
            read: long(progress.read),
            sent: long(progress.sent),
            rejected: long(progress.rejected),
            left_out: long(progress.left_out),
            bytes_read: long(progress.bytes_read),
            bytes_total: long(progress.bytes_total),
            bytes_sent: long(progress.bytes_sent),
            elapsed_ms: long(progress.elapsed_ms),
        }
    }
}

impl TryFrom<ProgressDoc> for Progress {
    type Error = Unreadable;

    fn try_from(stored: ProgressDoc) -> Result<Self, Unreadable> {
        Ok(Self {
            read: count(stored.read, "progress.read")?,
            sent: count(stored.sent, "progress.sent")?,
            rejected: count(stored.rejected, "progress.rejected")?,
            left_out: count(stored.left_out, "progress.left_out")?,
            bytes_read: count(stored.bytes_read, "progress.bytes_read")?,
            bytes_total: count(stored.bytes_total, "progress.bytes_total")?,
            bytes_sent: count(stored.bytes_sent, "progress.bytes_sent")?,
            elapsed_ms: count(stored.elapsed_ms, "progress.elapsed_ms")?,
        })
    }
}

impl From<&Transition> for TransitionDoc {
    fn from(transition: &Transition) -> Self {
        let by = match &transition.actor {
            Actor::User { id, name } => ByDoc::User { id: id.stored(), name: name.clone() },
            Actor::Agent { id } => ByDoc::Agent { id: id.stored() },
            Actor::Hub => ByDoc::Hub,
            Actor::Schedule => ByDoc::Schedule,
        };
        Self {
            state: state_text(transition.state),
            at: date(transition.at),
            by,
            note: transition.note.clone(),
        }
    }
}

impl TryFrom<TransitionDoc> for Transition {
    type Error = Unreadable;

    fn try_from(stored: TransitionDoc) -> Result<Self, Unreadable> {
        let actor = match stored.by {
            ByDoc::User { id, name } => Actor::User { id: UserId::read(id), name },
            ByDoc::Agent { id } => Actor::Agent { id: AgentId::read(id) },
            ByDoc::Hub => Actor::Hub,
            ByDoc::Schedule => Actor::Schedule,
        };
        Ok(Self { state: read_state(&stored.state)?, at: time(stored.at), actor, note: stored.note })
    }
}
