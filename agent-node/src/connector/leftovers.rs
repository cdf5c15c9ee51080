//! Names of files that are being written, and which of them nobody will ever finish. Pure.
//!
//! A run writes `.<name>.<run>.part` beside `<name>`. When its line is cut or its machine goes down for good,
//! that file stays; the next run to the same name takes it away. It must not take the file of a run that is
//! still being worked at, here or at another agent, so it goes by the list of open runs and by age.

use std::time::{Duration, SystemTime};

use messages::RunId;

/// Longer than any run may take (a day, and the hour a hub waits on top): older than this is nobody's.
const NOBODYS_AFTER: Duration = Duration::from_secs(25 * 3_600);

/// The run a sink writes for, and what this agent knows of others.
#[derive(Debug, Clone)]
pub struct ForRun {
    pub run_id: RunId,
    /// Runs that this agent finished with, however they ended.
    pub over: Vec<RunId>,
}

impl ForRun {
    /// A run about whose predecessors nothing is known.
    #[must_use]
    pub const fn alone(run_id: RunId) -> Self {
        Self { run_id, over: Vec::new() }
    }

    /// The temporary name for a file of this name; the same in each attempt at the run.
    #[must_use]
    pub fn temp_name(&self, name: &str) -> String {
        temp_name(name, &self.run_id.to_string())
    }

    /// May this file, found beside `name`, be taken away?
    #[must_use]
    pub fn is_left_over(
        &self,
        found: &str,
        name: &str,
        changed: Option<SystemTime>,
        now: SystemTime,
    ) -> bool {
        let Some(run_id) = run_of(found, name) else { return false };
        if run_id == self.run_id {
            return false;
        }
        let age = changed.and_then(|changed| now.duration_since(changed).ok());
        self.over.contains(&run_id) || age.is_some_and(|age| age > NOBODYS_AFTER)
    }
}

/// Hidden, for folders are watched.
#[must_use]
pub fn temp_name(name: &str, tag: &str) -> String {
    format!(".{name}.{tag}.part")
}

/// The run that wrote a temporary file for `name`.
fn run_of(found: &str, name: &str) -> Option<RunId> {
    found.strip_prefix('.')?.strip_prefix(name)?.strip_prefix('.')?.strip_suffix(".part")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_that_nobody_finishes_are_left_over() {
        let [mine, over, other] = [RunId::new(), RunId::new(), RunId::new()];
        let run = ForRun { run_id: mine, over: vec![over, mine] };
        let now = SystemTime::now();
        let ago = |hours: u64| now - Duration::from_secs(hours * 3_600);
        let temp = |run: RunId| temp_name("items.csv", &run.to_string());
        for (found, changed, left_over) in [
            (temp(over), Some(now), true),
            (temp(over), None, true),
            (temp(mine), Some(ago(99)), false),
            (temp(other), Some(ago(24)), false),
            (temp(other), Some(ago(26)), true),
            (temp(other), Some(now + Duration::from_secs(9)), false),
            (temp(other), None, false),
            (temp_name("other.csv", &over.to_string()), Some(ago(99)), false),
            (temp_name("items.csv", "check"), Some(ago(99)), false),
            ("items.csv".to_owned(), Some(ago(99)), false),
            (format!("items.csv.{over}.part"), Some(ago(99)), false),
        ] {
            assert_eq!(run.is_left_over(&found, "items.csv", changed, now), left_over, "{found}");
        }
        assert_eq!(run.temp_name("items.csv"), format!(".items.csv.{mine}.part"));
    }
}
