//! Rules about time as stored: a job's schedule and how far it has come, a retailer's maintenance windows, how a run
//! waits. Documents from before there were any read as "by hand, no windows".

use actors::domain::{Cadence, Wait};
use bson::DateTime;
use messages::RunId;
use messages::schedule::{MaintenanceWindow, MissedRule, OverlapRule, Paused, RetryRule, Schedule, Timing};
use serde::{Deserialize, Serialize};

use super::value::{StoredId as _, Unreadable, count, date, long, small, time};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum ScheduleDoc {
    Manual,
    Interval { every_s: i64 },
    Cron { expression: String, time_zone: Option<String> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum MissedDoc {
    Skip,
    Once,
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OverlapDoc {
    Skip,
    Queue,
    Cancel,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RetriesDoc {
    attempts: i64,
    first_wait_s: i64,
    longest_wait_s: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TimingDoc {
    schedule: ScheduleDoc,
    missed: MissedDoc,
    missed_window_s: i64,
    overlap: OverlapDoc,
    jitter_s: i64,
    retries: RetriesDoc,
    expiry_s: i64,
    pause_after: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WindowDoc {
    starts: String,
    length_min: i64,
    time_zone: Option<String>,
    note: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CadenceDoc {
    anchor: DateTime,
    settled: DateTime,
    /// Indexed, for the owner of a shard to know whom to start. Absent: nothing is to come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_look: Option<DateTime>,
    next_at: Option<DateTime>,
    missed_slots: i64,
    failures_in_row: i64,
    paused: Option<PausedDoc>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct PausedDoc {
    at: DateTime,
    reason: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WaitDoc {
    slot: Option<DateTime>,
    retry_of: Option<bson::Uuid>,
    try_no: i64,
    not_before: Option<DateTime>,
    expires_at: Option<DateTime>,
    place: i64,
}

impl From<RetryRule> for RetriesDoc {
    fn from(rule: RetryRule) -> Self {
        Self {
            attempts: rule.attempts.into(),
            first_wait_s: rule.first_wait_s.into(),
            longest_wait_s: rule.longest_wait_s.into(),
        }
    }
}

impl TryFrom<RetriesDoc> for RetryRule {
    type Error = Unreadable;

    fn try_from(stored: RetriesDoc) -> Result<Self, Unreadable> {
        Ok(Self {
            attempts: small(stored.attempts, "retries.attempts")?,
            first_wait_s: small(stored.first_wait_s, "retries.first_wait_s")?,
            longest_wait_s: small(stored.longest_wait_s, "retries.longest_wait_s")?,
        })
    }
}

impl From<&Timing> for TimingDoc {
    fn from(timing: &Timing) -> Self {
        Self {
            schedule: match &timing.schedule {
                Schedule::Manual => ScheduleDoc::Manual,
                Schedule::Interval { every_s } => ScheduleDoc::Interval { every_s: (*every_s).into() },
                Schedule::Cron { expression, time_zone } => {
                    ScheduleDoc::Cron { expression: expression.clone(), time_zone: time_zone.clone() }
                }
            },
            missed: match timing.missed {
                MissedRule::Skip => MissedDoc::Skip,
                MissedRule::Once => MissedDoc::Once,
                MissedRule::All => MissedDoc::All,
            },
            missed_window_s: timing.missed_window_s.into(),
            overlap: match timing.overlap {
                OverlapRule::Skip => OverlapDoc::Skip,
                OverlapRule::Queue => OverlapDoc::Queue,
                OverlapRule::Cancel => OverlapDoc::Cancel,
            },
            jitter_s: timing.jitter_s.into(),
            retries: timing.retries.into(),
            expiry_s: timing.expiry_s.into(),
            pause_after: timing.pause_after.into(),
        }
    }
}

impl TryFrom<TimingDoc> for Timing {
    type Error = Unreadable;

    fn try_from(stored: TimingDoc) -> Result<Self, Unreadable> {
        Ok(Self {
            schedule: match stored.schedule {
                ScheduleDoc::Manual => Schedule::Manual,
                ScheduleDoc::Interval { every_s } => {
                    Schedule::Interval { every_s: small(every_s, "schedule.every_s")? }
                }
                ScheduleDoc::Cron { expression, time_zone } => Schedule::Cron { expression, time_zone },
            },
            missed: match stored.missed {
                MissedDoc::Skip => MissedRule::Skip,
                MissedDoc::Once => MissedRule::Once,
                MissedDoc::All => MissedRule::All,
            },
            missed_window_s: small(stored.missed_window_s, "missed_window_s")?,
            overlap: match stored.overlap {
                OverlapDoc::Skip => OverlapRule::Skip,
                OverlapDoc::Queue => OverlapRule::Queue,
                OverlapDoc::Cancel => OverlapRule::Cancel,
            },
            jitter_s: small(stored.jitter_s, "jitter_s")?,
            retries: stored.retries.try_into()?,
            expiry_s: small(stored.expiry_s, "expiry_s")?,
            pause_after: small(stored.pause_after, "pause_after")?,
        })
    }
}

impl From<&MaintenanceWindow> for WindowDoc {
    fn from(window: &MaintenanceWindow) -> Self {
        let MaintenanceWindow { starts, length_min, time_zone, note } = window.clone();
        Self { starts, length_min: length_min.into(), time_zone, note }
    }
}

impl TryFrom<WindowDoc> for MaintenanceWindow {
    type Error = Unreadable;

    fn try_from(stored: WindowDoc) -> Result<Self, Unreadable> {
        let WindowDoc { starts, length_min, time_zone, note } = stored;
        Ok(Self { starts, length_min: small(length_min, "maintenance.length_min")?, time_zone, note })
    }
}

impl From<&Cadence> for CadenceDoc {
    fn from(cadence: &Cadence) -> Self {
        Self {
            anchor: date(cadence.anchor),
            settled: date(cadence.settled),
            next_look: cadence.next_look.map(date),
            next_at: cadence.next_at.map(date),
            missed_slots: long(cadence.missed_slots),
            failures_in_row: cadence.failures_in_row.into(),
            paused: cadence
                .paused
                .as_ref()
                .map(|paused| PausedDoc { at: date(paused.at), reason: paused.reason.clone() }),
        }
    }
}

impl TryFrom<CadenceDoc> for Cadence {
    type Error = Unreadable;

    fn try_from(stored: CadenceDoc) -> Result<Self, Unreadable> {
        Ok(Self {
            anchor: time(stored.anchor),
            settled: time(stored.settled),
            next_look: stored.next_look.map(time),
            next_at: stored.next_at.map(time),
            missed_slots: count(stored.missed_slots, "missed_slots")?,
            failures_in_row: small(stored.failures_in_row, "failures_in_row")?,
            paused: stored.paused.map(|paused| Paused { at: time(paused.at), reason: paused.reason }),
        })
    }
}

impl From<&Wait> for WaitDoc {
    fn from(wait: &Wait) -> Self {
        Self {
            slot: wait.slot.map(date),
            retry_of: wait.retry_of.map(|run| run.stored()),
            try_no: wait.try_no.into(),
            not_before: wait.not_before.map(date),
            expires_at: wait.expires_at.map(date),
            place: wait.place,
        }
    }
}

impl TryFrom<WaitDoc> for Wait {
    type Error = Unreadable;

    fn try_from(stored: WaitDoc) -> Result<Self, Unreadable> {
        Ok(Self {
            slot: stored.slot.map(time),
            retry_of: stored.retry_of.map(RunId::read),
            try_no: small(stored.try_no, "try_no")?,
            not_before: stored.not_before.map(time),
            expires_at: stored.expires_at.map(time),
            place: stored.place,
        })
    }
}
