//! Two runs of a job side by side. Pure.

use messages::http::runs::{RunView, Trigger};

use super::format::{bytes, count, duration};
use super::words;

/// One thing that both runs have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub label: &'static str,
    pub this: String,
    pub other: String,
    /// What this one has more or less, where that can be said.
    pub change: Option<String>,
}

impl Row {
    #[must_use]
    pub fn differs(&self) -> bool {
        self.this != self.other
    }

    fn words(label: &'static str, [this, other]: [String; 2]) -> Self {
        Self { label, this, other, change: None }
    }

    fn numbers(label: &'static str, [this, other]: [u64; 2], show: fn(u64) -> String) -> Self {
        let change = (this != other).then(|| {
            let sign = if this > other { '+' } else { '−' };
            format!("{sign}{}", show(this.abs_diff(other)))
        });
        Self { label, this: show(this), other: show(other), change }
    }
}

/// What is worth comparing. Counts of a survey only if both have one.
#[must_use]
pub fn rows(this: &RunView, other: &RunView) -> Vec<Row> {
    let both = [this, other];
    let of = |figure: fn(&RunView) -> u64| both.map(figure);
    let ended = |run: &RunView| match &run.failure {
        Some(failure) => format!("{}: {}", words::run_state(run.state).0, failure.code.title()),
        None => words::run_state(run.state).0.to_owned(),
    };
    let mut rows = vec![
        Row::words("Ended", both.map(ended)),
        Row::words("Began by", both.map(|run| trigger(run.trigger).to_owned())),
        Row::words("Kind", both.map(|run| words::run_mode(run.mode).to_owned())),
        Row::numbers("Items read", of(|run| run.progress.read), count),
        Row::numbers("Items sent", of(|run| run.progress.sent), count),
        Row::numbers("Items rejected", of(|run| run.progress.rejected), count),
        Row::numbers("Read from the source", of(|run| run.progress.bytes_read), bytes),
        Row::numbers("Written to the destination", of(|run| run.progress.bytes_sent), bytes),
        Row::numbers("Time at work", of(|run| run.progress.elapsed_ms), duration),
        Row::numbers("Time in the queue", both.map(queued_ms), duration),
        Row::numbers("Items a second", both.map(rate), count),
    ];
    if let (Some(mine), Some(theirs)) = (&this.survey, &other.survey) {
        rows.extend([
            Row::numbers("New", [mine.new, theirs.new], count),
            Row::numbers("Changed", [mine.changed, theirs.changed], count),
            Row::numbers("Unchanged", [mine.unchanged, theirs.unchanged], count),
            Row::numbers("Vanished", [mine.harm.vanished, theirs.harm.vanished], count),
        ]);
    }
    rows
}

const fn trigger(trigger: Trigger) -> &'static str {
    match trigger {
        Trigger::Manual => "Somebody",
        Trigger::Schedule => "Schedule",
        Trigger::Retry => "Retry",
    }
}

/// From the making of the run until it was begun.
fn queued_ms(run: &RunView) -> u64 {
    let begun = run.started_at.or(run.finished_at).unwrap_or(run.created_at);
    u64::try_from(begun.0 - run.created_at.0).unwrap_or(0)
}

fn rate(run: &RunView) -> u64 {
    (run.progress.read * 1_000).checked_div(run.progress.elapsed_ms).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use messages::Timestamp;
    use messages::run::Progress;

    use super::*;

    fn run() -> RunView {
        let id = "01890a5d-ac96-774b-bcce-b302099a8057";
        serde_json::from_value(serde_json::json!({
            "id": id, "retailer_id": id, "rev": 1, "job_id": id, "job_name": "Prices", "agent_id": id,
            "state": "succeeded", "trigger": "manual", "progress": {}, "attempt": 1, "cancelling": false,
            "transitions": [], "timeout_s": 60, "created_at": 5
        }))
        .unwrap()
    }

    #[test]
    fn what_differs_is_told_with_its_size() {
        let mut this = run();
        this.created_at = Timestamp(1_000);
        this.started_at = Some(Timestamp(3_500));
        this.progress = Progress { read: 1_200, sent: 1_190, elapsed_ms: 2_000, ..Progress::default() };
        let mut other = this.clone();
        other.progress = Progress { read: 1_500, sent: 1_190, elapsed_ms: 0, ..Progress::default() };
        let rows = rows(&this, &other);
        let row = |label: &str| rows.iter().find(|row| row.label == label).unwrap().clone();
        assert_eq!(row("Items read").change.as_deref(), Some("−300"));
        assert!(!row("Items sent").differs() && row("Items sent").change.is_none());
        assert_eq!((row("Items a second").this.as_str(), row("Items a second").other.as_str()), ("600", "0"));
        assert!(rows.iter().all(|row| row.label != "New"), "neither was surveyed");
    }
}
