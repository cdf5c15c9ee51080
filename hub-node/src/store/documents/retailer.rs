//! Retailers. The latest run stands beside the retailer's own fields, so that the list can be sorted by it.

use actors::domain::Retailer;
use bson::{DateTime, doc};
use messages::http::retailers::{RetailerSpec, RunBrief};
use messages::run::RunState;
use messages::{RetailerId, RunId};
use mongodb::IndexModel;
use serde::{Deserialize, Serialize};

use super::run::{read_state, state_text};
use super::timing::WindowDoc;
use super::value::{StampDoc, StoredId, Unreadable, count, date, fold, long, small, time};
use super::{Entity, Stored, TenantDocument, check_shape, index, unique};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RetailerDoc {
    #[serde(rename = "_id")]
    pub(crate) id: bson::Uuid,
    pub(crate) sv: i32,
    pub(crate) stamp: StampDoc,
    pub(crate) code: String,
    pub(crate) name: String,
    pub(crate) name_key: String,
    pub(crate) currency: String,
    pub(crate) time_zone: String,
    pub(crate) contact: String,
    pub(crate) notes: String,
    pub(crate) enabled: bool,
    #[serde(default)]
    pub(crate) maintenance: Vec<WindowDoc>,
    #[serde(default = "most_runs")]
    pub(crate) most_runs: i64,
    /// Kept by commits that write runs, not by those that write the retailer: see `commit::plan`.
    #[serde(default, skip_serializing)]
    pub(crate) last_run: Option<BriefDoc>,
    /// When the latest run reached its state; 1970 when there is none, so that sorting needs no special case.
    #[serde(default = "never", skip_serializing)]
    pub(crate) last_run_at: DateTime,
}

/// Of retailers from before there was a limit.
fn most_runs() -> i64 {
    messages::http::retailers::most_runs().into()
}

pub(crate) const fn never() -> DateTime {
    DateTime::from_millis(0)
}

impl Stored for RetailerDoc {
    const COLLECTION: &'static str = "retailers";
    const SHAPE: i32 = 1;

    fn indexes() -> Vec<IndexModel> {
        vec![
            // Over all retailers, hence without `retailer_id` before it.
            unique("code_unique", doc! { "code": 1 }),
            index("by_name", doc! { "name_key": 1, "retailer_id": 1 }),
            index("by_last_run", doc! { "last_run_at": 1, "retailer_id": 1 }),
        ]
    }
}

impl TenantDocument for RetailerDoc {}

impl Entity for RetailerDoc {
    fn unique(&self) -> Vec<(&'static str, &'static str, String)> {
        vec![("code_unique", "code", self.code.clone())]
    }
}

impl From<&Retailer> for RetailerDoc {
    fn from(retailer: &Retailer) -> Self {
        let RetailerSpec { code, name, currency, time_zone, contact, notes, enabled, maintenance, most_runs } =
            retailer.spec.clone();
        Self {
            id: retailer.id.stored(),
            sv: Self::SHAPE,
            stamp: retailer.stamp.into(),
            name_key: fold(&name),
            code,
            name,
            currency,
            time_zone,
            contact,
            notes,
            enabled,
            maintenance: maintenance.iter().map(Into::into).collect(),
            most_runs: most_runs.into(),
            last_run: None,
            last_run_at: never(),
        }
    }
}

impl TryFrom<RetailerDoc> for Retailer {
    type Error = Unreadable;

    fn try_from(stored: RetailerDoc) -> Result<Self, Unreadable> {
        check_shape::<RetailerDoc>(stored.sv)?;
        Ok(Self {
            id: RetailerId::read(stored.id),
            stamp: stored.stamp.try_into()?,
            spec: RetailerSpec {
                code: stored.code,
                name: stored.name,
                currency: stored.currency,
                time_zone: stored.time_zone,
                contact: stored.contact,
                notes: stored.notes,
                enabled: stored.enabled,
                maintenance: stored
                    .maintenance
                    .into_iter()
                    .map(TryInto::try_into)
                    .collect::<Result<_, _>>()?,
                most_runs: small(stored.most_runs, "most_runs")?,
            },
        })
    }
}

/// [`RunBrief`] as stored, in retailers and jobs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct BriefDoc {
    pub(crate) id: bson::Uuid,
    pub(crate) state: String,
    pub(crate) at: DateTime,
    pub(crate) sent: i64,
    pub(crate) rejected: i64,
}

impl From<&RunBrief> for BriefDoc {
    fn from(brief: &RunBrief) -> Self {
        Self {
            id: brief.id.stored(),
            state: state_text(brief.state),
            at: date(brief.at),
            sent: long(brief.sent),
            rejected: long(brief.rejected),
        }
    }
}

impl TryFrom<BriefDoc> for RunBrief {
    type Error = Unreadable;

    fn try_from(stored: BriefDoc) -> Result<Self, Unreadable> {
        Ok(Self {
            id: RunId::read(stored.id),
            state: read_state(&stored.state)?,
            at: time(stored.at),
            sent: count(stored.sent, "sent")?,
            rejected: count(stored.rejected, "rejected")?,
        })
    }
}

/// A run that ended in one of these makes its job a failing one, and counts among the failures of its day.
pub(crate) const fn is_failure(state: RunState) -> bool {
    matches!(state, RunState::Failed | RunState::TimedOut | RunState::Lost)
}
