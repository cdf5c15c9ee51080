//! A job's schedule made ready: its slots one after the other, and the maintenance windows that hold them up. Pure.

use std::time::Duration;

use jiff::civil::DateTime;
use messages::schedule::{MaintenanceWindow, Schedule, Timing};
use messages::{FieldError, JobId, Timestamp};

use super::cron::Cron;
use super::zone::Zone;

/// Windows that follow each other without a gap, looked through before they count as one without an end; and slots in
/// windows, before the schedule counts as one that never runs.
const PATIENCE: usize = 1_000;

/// Slots of a job: when they are, and how long after each the run starts.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    when: When,
    /// How long after its slot a run starts: the job's own share of the jitter.
    offset: Duration,
    windows: Windows,
}

#[derive(Debug, Clone, PartialEq)]
enum When {
    Never,
    Every { anchor: Timestamp, every: Duration },
    Cron { cron: Cron, zone: Zone },
}

/// What a schedule is made ready from.
#[derive(Debug, Clone, Copy)]
pub struct Basis<'a> {
    /// When the schedule was set.
    pub anchor: Timestamp,
    /// The retailer's zone.
    pub zone: &'a str,
    pub maintenance: &'a [MaintenanceWindow],
}

impl Plan {
    /// Faults carry the names of the fields of a job.
    pub fn of(job: JobId, timing: &Timing, basis: Basis<'_>) -> Result<Self, Vec<FieldError>> {
        let offset = offset(job, timing.jitter_s);
        let when = When::of(&timing.schedule, basis)?;
        let windows = Windows::of(basis.maintenance, basis.zone)?;
        Ok(Self { when, offset, windows })
    }

    /// The first slot after `after`, in maintenance or not.
    #[must_use]
    pub fn slot_after(&self, after: Timestamp) -> Option<Timestamp> {
        match &self.when {
            When::Never => None,
            When::Every { anchor, every } => {
                let every = i64::try_from(every.as_millis()).ok().filter(|every| *every > 0)?;
                let passed = after.0.saturating_sub(anchor.0).div_euclid(every).max(0);
                Some(Timestamp(anchor.0.checked_add(every.checked_mul(passed + 1)?)?))
            }
            When::Cron { cron, zone } => next_on_clock(cron, zone, after),
        }
    }

    /// When the run of a slot starts.
    #[must_use]
    pub fn due(&self, slot: Timestamp) -> Timestamp {
        slot + self.offset
    }

    /// The end of the maintenance that is on at `at`; the far future, if it never ends.
    #[must_use]
    pub fn held_until(&self, at: Timestamp) -> Option<Timestamp> {
        self.windows.held_until(at)
    }

    /// When the schedule must be looked at, everything up to `settled` being settled: as the next slot comes, or as the
    /// maintenance ends that it falls into.
    #[must_use]
    pub fn look_after(&self, settled: Timestamp) -> Option<Timestamp> {
        let due = self.due(self.slot_after(settled)?);
        Some(self.held_until(due).unwrap_or(due))
    }

    /// When the job runs next by itself: never within maintenance.
    #[must_use]
    pub fn run_after(&self, settled: Timestamp) -> Option<Timestamp> {
        let mut slot = self.slot_after(settled)?;
        for _ in 0..PATIENCE {
            let due = self.due(slot);
            let Some(end) = self.held_until(due) else { return Some(due) };
            // The first slot whose run starts at the end or later.
            slot = self.slot_after(end - self.offset - Duration::from_millis(1))?;
        }
        None
    }
}

impl When {
    fn of(schedule: &Schedule, basis: Basis<'_>) -> Result<Self, Vec<FieldError>> {
        match schedule {
            Schedule::Manual => Ok(Self::Never),
            Schedule::Interval { every_s } => {
                Ok(Self::Every { anchor: basis.anchor, every: Duration::from_secs((*every_s).into()) })
            }
            Schedule::Cron { expression, time_zone } => {
                let zone = time_zone.as_deref().unwrap_or(basis.zone);
                clock(expression, zone, "schedule.expression", "schedule.time_zone")
                    .map(|(cron, zone)| Self::Cron { cron, zone })
            }
        }
    }
}

fn clock(
    expression: &str,
    zone: &str,
    field: &str,
    zone_field: &str,
) -> Result<(Cron, Zone), Vec<FieldError>> {
    let fault = |field: &str, detail: String| FieldError { field: field.into(), detail };
    match (expression.parse::<Cron>(), zone.parse::<Zone>()) {
        (Ok(cron), Ok(zone)) => Ok((cron, zone)),
        (cron, zone) => {
            let cron = cron.err().map(|error| fault(field, error.to_string()));
            let zone = zone.err().map(|error| fault(zone_field, error.to_string()));
            Err(cron.into_iter().chain(zone).collect())
        }
    }
}

fn next_on_clock(cron: &Cron, zone: &Zone, after: Timestamp) -> Option<Timestamp> {
    let shown = zone.clock(after)?;
    let mut from: DateTime = shown.date().at(shown.hour(), shown.minute(), 0, 0);
    loop {
        let time = cron.first_from(from)?;
        let slot = zone.instant_of(time)?;
        // Times that the clock shows a second time have been, and so has what it leapt over.
        if slot > after {
            return Some(slot);
        }
        from = time.checked_add(jiff::SignedDuration::from_mins(1)).ok()?;
    }
}

/// The same for the same job on every node: spread evenly by its identifier.
fn offset(job: JobId, jitter_s: u32) -> Duration {
    let bytes = job.as_uuid().into_bytes();
    // FNV-1a.
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    Duration::from_millis((hash >> 8) % (u64::from(jitter_s) * 1_000 + 1))
}

/// The maintenance windows of a retailer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Windows(Vec<Window>);

#[derive(Debug, Clone, PartialEq)]
struct Window {
    cron: Cron,
    zone: Zone,
    length: Duration,
}

impl Windows {
    /// Faults carry the names of the fields of a retailer.
    pub fn of(windows: &[MaintenanceWindow], zone: &str) -> Result<Self, Vec<FieldError>> {
        let mut faults = Vec::new();
        let mut made = Vec::new();
        for (place, window) in windows.iter().enumerate() {
            let zone = window.time_zone.as_deref().unwrap_or(zone);
            let field = |name: &str| format!("maintenance.{place}.{name}");
            match clock(&window.starts, zone, &field("starts"), &field("time_zone")) {
                Ok((cron, zone)) => {
                    let length = Duration::from_secs(60 * u64::from(window.length_min));
                    made.push(Window { cron, zone, length });
                }
                Err(more) => faults.extend(more),
            }
        }
        if faults.is_empty() { Ok(Self(made)) } else { Err(faults) }
    }

    /// See [`Plan::held_until`].
    #[must_use]
    pub fn held_until(&self, at: Timestamp) -> Option<Timestamp> {
        let end_of = |at: Timestamp| self.0.iter().filter_map(|window| window.end_at(at)).max();
        let mut end = end_of(at)?;
        for _ in 0..PATIENCE {
            match end_of(end) {
                None => return Some(end),
                Some(later) => end = later,
            }
        }
        Some(Timestamp(i64::MAX))
    }
}

impl Window {
    /// The end of the window that `at` lies in. It is in one that began after `at - length`.
    fn end_at(&self, at: Timestamp) -> Option<Timestamp> {
        let start = next_on_clock(&self.cron, &self.zone, at - self.length)?;
        (start <= at).then(|| start + self.length)
    }
}
