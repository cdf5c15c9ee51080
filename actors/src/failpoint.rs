//! Named points at which a test makes an actor panic, to see that it is restarted and nothing is lost.
//!
//! Armed by `GROCERYSYNC_FAILPOINTS=name@3,other@1` (panic at the third and first passing) or by [`arm`].
//! Unarmed, a point costs one relaxed load.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// The variable that arms points when a process starts.
pub const VARIABLE: &str = "GROCERYSYNC_FAILPOINTS";

/// Every point there is. A test walks this list.
pub const POINTS: &[&str] = &[
    "retailer.before_commit",
    "retailer.after_commit",
    "retailer.report",
    "ingest.before_commit",
    "ingest.after_commit",
    "ingest.before_fold",
    "ingest.after_fold",
    "job_run.tick",
    "agent_conn.frame",
    "live_conn.frame",
    "live_hub.publish",
    "store_guard.check",
    "run_worker.batch",
    "edge_writer.before_commit",
    "edge_writer.after_commit",
    "relay.round",
    "connectivity.probe",
];

static ANY_ARMED: AtomicBool = AtomicBool::new(false);

fn armed() -> &'static Mutex<HashMap<String, u32>> {
    static ARMED: OnceLock<Mutex<HashMap<String, u32>>> = OnceLock::new();
    ARMED.get_or_init(Mutex::default)
}

/// Makes the `passing`-th passing of `name` from now on panic, once.
pub fn arm(name: &str, passing: u32) {
    armed().lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), passing.max(1));
    ANY_ARMED.store(true, Ordering::Relaxed);
}

/// Arms what the environment variable names. Unknown names are returned, to be complained about.
pub fn arm_from(variable: &str) -> Vec<String> {
    let mut unknown = Vec::new();
    for part in variable.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (name, count) = part.split_once('@').unwrap_or((part, "1"));
        match (POINTS.contains(&name), count.parse()) {
            (true, Ok(count)) => arm(name, count),
            _ => unknown.push(part.to_owned()),
        }
    }
    unknown
}

/// Passes the point `name`; panics when it is armed and its turn has come.
#[expect(clippy::panic, reason = "this is what the module is for")]
pub fn pass(name: &'static str) {
    if !ANY_ARMED.load(Ordering::Relaxed) {
        return;
    }
    let strike = {
        let mut points = armed().lock().unwrap_or_else(PoisonError::into_inner);
        match points.get_mut(name) {
            Some(left) if *left <= 1 => {
                points.remove(name);
                true
            }
            Some(left) => {
                *left -= 1;
                false
            }
            None => false,
        }
    };
    if strike {
        panic!("failpoint {name}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strikes_at_its_turn_and_once() {
        assert_eq!(arm_from("job_run.tick@2, nonsense@1"), ["nonsense@1"]);
        pass("job_run.tick");
        assert!(std::panic::catch_unwind(|| pass("job_run.tick")).is_err());
        pass("job_run.tick");
    }
}
