//! The next times of a schedule that is still being written. Pure.

use messages::schedule::{
    MaintenanceWindow, PREVIEWED, Preview, PreviewRequest, PreviewedTime, Schedule, Timing,
};
use messages::{FieldError, JobId, Problem, Timestamp};

use super::plan::{Basis, Plan, Windows};
use super::zone::Zone;

/// The next five, without jitter.
pub fn preview(request: &PreviewRequest, now: Timestamp) -> Result<Preview, Problem> {
    let timing = Timing { schedule: request.schedule.clone(), ..Timing::default() };
    let basis = Basis { anchor: now, zone: &request.time_zone, maintenance: &request.maintenance };
    let plan = Plan::of(JobId::from_uuid(Default::default()), &timing, basis).map_err(Problem::invalid)?;
    let name = match &request.schedule {
        Schedule::Cron { time_zone: Some(zone), .. } => zone,
        _ => &request.time_zone,
    };
    let zone: Zone = name.parse().map_err(|error: super::zone::UnknownZone| {
        Problem::invalid(vec![FieldError { field: "time_zone".into(), detail: error.to_string() }])
    })?;
    let first = plan.run_after(now);
    let next = std::iter::successors(first, |last| plan.run_after(*last)).take(PREVIEWED);
    let next = next.map(|at| PreviewedTime { at, text: zone.text(at) }).collect();
    Ok(Preview { time_zone: name.clone(), next })
}

/// What is wrong with a job's schedule, beyond its form.
pub fn check_timing(timing: &Timing, zone: &str) -> Result<(), Problem> {
    let basis = Basis { anchor: Timestamp(0), zone, maintenance: &[] };
    let plan = Plan::of(JobId::from_uuid(Default::default()), timing, basis);
    plan.map(drop).map_err(Problem::invalid)
}

/// What is wrong with a retailer's zone and windows, beyond their form.
pub fn check_windows(zone: &str, maintenance: &[MaintenanceWindow]) -> Result<(), Problem> {
    let mut faults = Windows::of(maintenance, "UTC").err().unwrap_or_default();
    if let Err(error) = zone.parse::<Zone>() {
        faults.insert(0, FieldError { field: "time_zone".into(), detail: error.to_string() });
    }
    if faults.is_empty() { Ok(()) } else { Err(Problem::invalid(faults)) }
}
