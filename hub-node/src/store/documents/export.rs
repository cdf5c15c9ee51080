//! What a job sends and what its guard lets pass, what one run was told of it, what the run found, and what somebody
//! decided. Documents from before there was any of it read as "everything, unguarded".

use bson::DateTime;
use messages::RunId;
use messages::UserId;
use messages::export::{
    ExportOrder, ExportRules, Harm, HarmGuard, RunMode, Scope, Survey, VanishedRule, Verdict,
};
use serde::{Deserialize, Serialize};

use super::value::{StoredId as _, Unreadable, count, date, long, small, time};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ScopeDoc {
    Full,
    Incremental,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum VanishedDoc {
    Keep,
    ZeroStock,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ModeDoc {
    Usual,
    Full,
    Dry,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RulesDoc {
    scope: ScopeDoc,
    vanished: VanishedDoc,
    vanished_percent: Option<i64>,
    zeroed_percent: Option<i64>,
    repriced_percent: Option<i64>,
    repriced_by_percent: i64,
    floor: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct HarmDoc {
    vanished: i64,
    zeroed: i64,
    repriced: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OrderDoc {
    rules: RulesDoc,
    mode: ModeDoc,
    approved: Option<HarmDoc>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VerdictDoc {
    at: DateTime,
    user_id: bson::Uuid,
    user_name: String,
    approved_by_run: Option<bson::Uuid>,
}

/// What a run found, as JSON: nothing is ever searched inside it, and it is shown and no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SurveyDoc {
    body: String,
    /// For people who look into the database.
    vanished: i64,
    zeroed: i64,
    repriced: i64,
}

impl From<&ExportRules> for RulesDoc {
    fn from(rules: &ExportRules) -> Self {
        let HarmGuard { vanished_percent, zeroed_percent, repriced_percent, repriced_by_percent, floor } =
            rules.guard;
        Self {
            scope: match rules.scope {
                Scope::Full => ScopeDoc::Full,
                Scope::Incremental => ScopeDoc::Incremental,
            },
            vanished: match rules.vanished {
                VanishedRule::Keep => VanishedDoc::Keep,
                VanishedRule::ZeroStock => VanishedDoc::ZeroStock,
            },
            vanished_percent: vanished_percent.map(Into::into),
            zeroed_percent: zeroed_percent.map(Into::into),
            repriced_percent: repriced_percent.map(Into::into),
            repriced_by_percent: repriced_by_percent.into(),
            floor: long(floor),
        }
    }
}

impl TryFrom<RulesDoc> for ExportRules {
    type Error = Unreadable;

    fn try_from(stored: RulesDoc) -> Result<Self, Unreadable> {
        let share = |share: Option<i64>, what| share.map(|share| small(share, what)).transpose();
        Ok(Self {
            scope: match stored.scope {
                ScopeDoc::Full => Scope::Full,
                ScopeDoc::Incremental => Scope::Incremental,
            },
            vanished: match stored.vanished {
                VanishedDoc::Keep => VanishedRule::Keep,
                VanishedDoc::ZeroStock => VanishedRule::ZeroStock,
            },
            guard: HarmGuard {
                vanished_percent: share(stored.vanished_percent, "export.vanished_percent")?,
                zeroed_percent: share(stored.zeroed_percent, "export.zeroed_percent")?,
                repriced_percent: share(stored.repriced_percent, "export.repriced_percent")?,
                repriced_by_percent: small(stored.repriced_by_percent, "export.repriced_by_percent")?,
                floor: count(stored.floor, "export.floor")?,
            },
        })
    }
}

impl From<&ExportOrder> for OrderDoc {
    fn from(order: &ExportOrder) -> Self {
        let harm = |Harm { vanished, zeroed, repriced }: Harm| HarmDoc {
            vanished: long(vanished),
            zeroed: long(zeroed),
            repriced: long(repriced),
        };
        Self {
            rules: (&order.rules).into(),
            mode: match order.mode {
                RunMode::Usual => ModeDoc::Usual,
                RunMode::Full => ModeDoc::Full,
                RunMode::Dry => ModeDoc::Dry,
            },
            approved: order.approved.map(harm),
        }
    }
}

impl TryFrom<OrderDoc> for ExportOrder {
    type Error = Unreadable;

    fn try_from(stored: OrderDoc) -> Result<Self, Unreadable> {
        let harm = |HarmDoc { vanished, zeroed, repriced }: HarmDoc| {
            Ok(Harm {
                vanished: count(vanished, "approved.vanished")?,
                zeroed: count(zeroed, "approved.zeroed")?,
                repriced: count(repriced, "approved.repriced")?,
            })
        };
        Ok(Self {
            rules: stored.rules.try_into()?,
            mode: match stored.mode {
                ModeDoc::Usual => RunMode::Usual,
                ModeDoc::Full => RunMode::Full,
                ModeDoc::Dry => RunMode::Dry,
            },
            approved: stored.approved.map(harm).transpose()?,
            // Filled in when the run goes out.
            after: None,
        })
    }
}

impl From<&Verdict> for VerdictDoc {
    fn from(verdict: &Verdict) -> Self {
        Self {
            at: date(verdict.at),
            user_id: verdict.user_id.stored(),
            user_name: verdict.user_name.clone(),
            approved_by_run: verdict.approved_by_run.map(|run| run.stored()),
        }
    }
}

impl From<VerdictDoc> for Verdict {
    fn from(stored: VerdictDoc) -> Self {
        Self {
            at: time(stored.at),
            user_id: UserId::read(stored.user_id),
            user_name: stored.user_name,
            approved_by_run: stored.approved_by_run.map(RunId::read),
        }
    }
}

impl TryFrom<&Survey> for SurveyDoc {
    type Error = Unreadable;

    fn try_from(survey: &Survey) -> Result<Self, Unreadable> {
        let body = serde_json::to_string(survey)
            .map_err(|error| Unreadable(format!("what a run found cannot be written: {error}")))?;
        let Harm { vanished, zeroed, repriced } = survey.harm;
        Ok(Self { body, vanished: long(vanished), zeroed: long(zeroed), repriced: long(repriced) })
    }
}

impl SurveyDoc {
    /// Of a form that this build does not know, it is as if the run had found nothing: a run is more than that.
    pub(crate) fn read(&self) -> Option<Box<Survey>> {
        serde_json::from_str(&self.body).ok()
    }
}
