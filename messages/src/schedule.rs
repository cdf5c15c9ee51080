//! When a job runs by itself, and what becomes of a run that could not: the rules as people write them.
//!
//! Plain values only. What a cron expression means in a time zone is the hub's to say (`POST /schedule/preview`): the
//! table of zones is far larger than the console may be.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::validate::{Check, Validate};

/// A shop's data changes no faster, and each run costs the hub two commits.
pub const SHORTEST_INTERVAL_S: u32 = 5;
/// A year and a day: what is rarer is better pressed by hand.
pub const LONGEST_INTERVAL_S: u32 = 366 * 86_400;
/// An hour spreads 10,000 retailers to three a second.
pub const MOST_JITTER_S: u32 = 3_600;
/// Five numbers and names need a tenth of it.
pub const MOST_CRON_CHARACTERS: usize = 200;
/// More windows than that are a schedule of their own.
pub const MOST_WINDOWS: usize = 10;
/// The next times shown before a schedule is saved.
pub const PREVIEWED: usize = 5;

/// When a job runs by itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Schedule {
    /// When somebody presses the button.
    #[default]
    Manual,
    /// Every so many seconds of real time, counted from when the schedule was set.
    Interval { every_s: u32 },
    /// At the times of day that an expression of five fields names: minute, hour, day of the month, month, day of the week.
    Cron {
        expression: String,
        /// IANA name of the zone whose clock is meant; the retailer's unless told.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        time_zone: Option<String>,
    },
}

/// What is done about times that passed while nothing could start: the hub was down, or maintenance was on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum MissedRule {
    /// Only count them.
    Skip,
    /// Make up for all of them by one run.
    #[default]
    Once,
    /// Make up for each, oldest first.
    All,
}

/// What is done when a time comes while an earlier run of the job is still open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum OverlapRule {
    /// Leave that time out.
    #[default]
    Skip,
    /// Run after it.
    Queue,
    /// Stop the earlier run, then run.
    Cancel,
}

/// How often a run that failed for a passing reason is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct RetryRule {
    /// Further tries after the first; 0: none.
    pub attempts: u32,
    /// Before the first of them, in seconds; each further wait is twice as long.
    pub first_wait_s: u32,
    /// No wait is longer, in seconds.
    pub longest_wait_s: u32,
}

impl Default for RetryRule {
    fn default() -> Self {
        Self { attempts: 0, first_wait_s: 60, longest_wait_s: 3_600 }
    }
}

/// A job's rules about time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Timing {
    pub schedule: Schedule,
    pub missed: MissedRule,
    /// Times missed longer ago than this, in seconds, are not made up for.
    pub missed_window_s: u32,
    pub overlap: OverlapRule,
    /// Starts are put off by up to this many seconds, always the same for the same job.
    pub jitter_s: u32,
    pub retries: RetryRule,
    /// A run that its agent has not begun after so many seconds is not begun any more.
    pub expiry_s: u32,
    /// After so many failures in a row the schedule pauses itself; 0: never. At half of them it warns.
    pub pause_after: u32,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            schedule: Schedule::Manual,
            missed: MissedRule::default(),
            missed_window_s: 86_400,
            overlap: OverlapRule::default(),
            jitter_s: 0,
            retries: RetryRule::default(),
            expiry_s: 7 * 86_400,
            pause_after: 10,
        }
    }
}

/// A time that comes again and again, during which nothing starts by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MaintenanceWindow {
    /// Cron expression of five fields: when it begins.
    pub starts: String,
    pub length_min: u32,
    /// IANA name; the retailer's unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// What it is for.
    #[serde(default)]
    pub note: String,
}

/// Why a job's schedule stands still.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Paused {
    pub at: Timestamp,
    pub reason: String,
}

/// What a job's schedule has come to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ScheduleView {
    /// When it runs by itself next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Timestamp>,
    /// Times that passed without a run of their own.
    pub missed_slots: u64,
    /// Runs that failed since the last that succeeded.
    pub failures_in_row: u32,
    /// It has failed half as often as makes it pause.
    pub warning: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused: Option<Paused>,
}

/// When would this run?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PreviewRequest {
    pub schedule: Schedule,
    /// Zone of a schedule that names none, as the retailer's page has it.
    pub time_zone: String,
    #[serde(default)]
    pub maintenance: Vec<MaintenanceWindow>,
}

/// The next times, without jitter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Preview {
    /// The zone whose clock is meant.
    pub time_zone: String,
    pub next: Vec<PreviewedTime>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PreviewedTime {
    pub at: Timestamp,
    /// On the zone's clock, such as `Sun 29 Mar 2026 03:00 CEST`.
    pub text: String,
}

impl Schedule {
    #[must_use]
    pub const fn is_manual(&self) -> bool {
        matches!(self, Self::Manual)
    }
}

impl Validate for Schedule {
    fn check(&self, check: &mut Check) {
        match self {
            Self::Manual => {}
            Self::Interval { every_s } => {
                check.range("every_s", every_s, &SHORTEST_INTERVAL_S, &LONGEST_INTERVAL_S);
            }
            Self::Cron { expression, time_zone } => {
                check.text("expression", expression, MOST_CRON_CHARACTERS);
                if let Some(zone) = time_zone {
                    crate::http::retailers::check_time_zone(check, zone);
                }
            }
        }
    }
}

impl Validate for Timing {
    fn check(&self, check: &mut Check) {
        check.nested("schedule", |c| self.schedule.check(c));
        check.range("missed_window_s", &self.missed_window_s, &60, &(30 * 86_400));
        check.range("jitter_s", &self.jitter_s, &0, &MOST_JITTER_S);
        check.nested("retries", |c| {
            c.range("attempts", &self.retries.attempts, &0, &10);
            c.range("first_wait_s", &self.retries.first_wait_s, &1, &3_600);
            c.range("longest_wait_s", &self.retries.longest_wait_s, &1, &86_400);
        });
        check.range("expiry_s", &self.expiry_s, &60, &(30 * 86_400));
        check.range("pause_after", &self.pause_after, &0, &1_000);
    }
}

impl Validate for MaintenanceWindow {
    fn check(&self, check: &mut Check) {
        check.text("starts", &self.starts, MOST_CRON_CHARACTERS);
        check.range("length_min", &self.length_min, &1, &(7 * 1_440));
        check.optional_text("note", &self.note, 120);
        if let Some(zone) = &self.time_zone {
            crate::http::retailers::check_time_zone(check, zone);
        }
    }
}

/// Checks a list of windows under `maintenance.<place>`.
pub(crate) fn check_windows(check: &mut Check, windows: &[MaintenanceWindow]) {
    if windows.len() > MOST_WINDOWS {
        check.fail("maintenance", format!("must have at most {MOST_WINDOWS} windows"));
    }
    for (place, window) in windows.iter().enumerate().take(MOST_WINDOWS) {
        check.nested(&format!("maintenance.{place}"), |c| window.check(c));
    }
}

impl Validate for PreviewRequest {
    fn check(&self, check: &mut Check) {
        check.nested("schedule", |c| self.schedule.check(c));
        crate::http::retailers::check_time_zone(check, &self.time_zone);
        check_windows(check, &self.maintenance);
    }
}
