//! A job's rules about time, and a retailer's maintenance windows, out of their forms. Pure.

use messages::FieldError;
use messages::schedule::{MaintenanceWindow, MissedRule, OverlapRule, RetryRule, Schedule, Timing};

use super::fault;
use crate::state::form::FormValues;

/// What an interval is told in: value, label, seconds.
pub const UNITS: [(&str, &str, u32); 3] =
    [("s", "seconds", 1), ("min", "minutes", 60), ("h", "hours", 3_600)];

/// The largest unit that tells an interval in whole numbers, and how many of it.
#[must_use]
pub fn in_units(seconds: u32) -> (u32, &'static str) {
    let unit = UNITS.iter().rev().find(|(_, _, size)| seconds.is_multiple_of(*size)).unwrap_or(&UNITS[0]);
    (seconds / unit.2, unit.0)
}

/// The schedule alone: the preview asks for it while the rest is still being typed.
#[must_use]
pub fn schedule(kind: &str, every: &str, unit: &str, expression: &str, zone: &str) -> Schedule {
    match kind {
        "interval" => {
            let size = UNITS.iter().find(|(value, ..)| *value == unit).map_or(60, |(.., size)| *size);
            Schedule::Interval { every_s: every.trim().parse::<u32>().unwrap_or(0).saturating_mul(size) }
        }
        "cron" => Schedule::Cron {
            expression: expression.trim().to_owned(),
            time_zone: Some(zone.trim().to_owned()).filter(|zone| !zone.is_empty()),
        },
        _ => Schedule::Manual,
    }
}

/// Fields that were not drawn keep what the job has by default.
pub fn timing(form: &FormValues, early: &mut Vec<FieldError>) -> Timing {
    let usual = Timing::default();
    let mut number = |name: &str, usual: u32| {
        if form.text(name).is_empty() {
            return usual;
        }
        form.number(name).unwrap_or_else(|error| {
            early.push(error);
            usual
        })
    };
    let hours = |seconds: u32| seconds / 3_600;
    let retries = RetryRule {
        attempts: number("retries.attempts", usual.retries.attempts),
        first_wait_s: number("retries.first_wait_s", usual.retries.first_wait_s),
        longest_wait_s: number("retries.longest_wait_s", usual.retries.longest_wait_s),
    };
    Timing {
        schedule: schedule(
            &form.text("schedule.kind"),
            &form.text("schedule.every"),
            &form.text("schedule.unit"),
            &form.text("schedule.expression"),
            &form.text("schedule.time_zone"),
        ),
        missed: match form.text("missed").as_str() {
            "skip" => MissedRule::Skip,
            "all" => MissedRule::All,
            _ => MissedRule::Once,
        },
        missed_window_s: number("missed_window_h", hours(usual.missed_window_s)).saturating_mul(3_600),
        overlap: match form.text("overlap").as_str() {
            "queue" => OverlapRule::Queue,
            "cancel" => OverlapRule::Cancel,
            _ => OverlapRule::Skip,
        },
        jitter_s: number("jitter_s", usual.jitter_s),
        retries,
        expiry_s: number("expiry_h", hours(usual.expiry_s)).saturating_mul(3_600),
        pause_after: number("pause_after", usual.pause_after),
    }
}

/// Faults are told under the names that the hub gives its fields; the form has a few of its own.
pub fn rename(errors: &mut [FieldError]) {
    for error in errors {
        *error = match error.field.as_str() {
            "schedule.every_s" => fault("schedule.every", "must lie between 5 seconds and 366 days"),
            "missed_window_s" => fault("missed_window_h", "must lie between 1 and 720 hours"),
            "expiry_s" => fault("expiry_h", "must lie between 1 and 720 hours"),
            _ => continue,
        };
    }
}

/// One window a line: the five fields of its start, its length, its zone if it has one, and what it is for.
#[must_use]
pub fn windows_text(windows: &[MaintenanceWindow]) -> String {
    let line = |window: &MaintenanceWindow| {
        let zone = window.time_zone.as_ref().map(|zone| format!(" {zone}")).unwrap_or_default();
        let note = if window.note.is_empty() { String::new() } else { format!(" # {}", window.note) };
        format!("{} | {} min{zone}{note}", window.starts, window.length_min)
    };
    windows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The other way round.
pub fn windows(text: &str) -> Result<Vec<MaintenanceWindow>, FieldError> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(|line| window(line).ok_or_else(|| wrong(line))).collect()
}

fn window(line: &str) -> Option<MaintenanceWindow> {
    let (said, note) = line.split_once('#').unwrap_or((line, ""));
    let (starts, length) = said.split_once('|')?;
    let mut words = length.split_whitespace();
    let length_min = words.next()?.parse().ok()?;
    let zone = words.find(|word| *word != "min").map(ToOwned::to_owned);
    Some(MaintenanceWindow {
        starts: starts.trim().to_owned(),
        length_min,
        time_zone: zone,
        note: note.trim().to_owned(),
    })
}

fn wrong(line: &str) -> FieldError {
    let detail = format!("\"{line}\" is no window; write one such as 0 2 * * sun | 90 min # stock taking");
    FieldError { field: "maintenance".into(), detail }
}
