//! The steps of a run as the page draws them. Pure.

use messages::http::runs::RunView;
use messages::run::{RunState, Transition};

/// How a step of the stepper looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    Done,
    Current,
    Ahead,
    Failed,
    Stopped,
}

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    pub state: RunState,
    pub mark: Mark,
    /// The record of it, once it has happened.
    pub transition: Option<Transition>,
}

/// Queued, dispatched, running, and how it ended or should end. Steps that were left out are not drawn once it is over.
#[must_use]
pub fn steps(run: &RunView) -> Vec<Step> {
    let reached = |state| run.transitions.iter().rev().find(|transition| transition.state == state).cloned();
    let mut steps = Vec::new();
    for state in [RunState::Queued, RunState::Dispatched, RunState::Running] {
        let transition = reached(state);
        let mark = match (run.state == state, transition.is_some()) {
            (true, _) => Mark::Current,
            (_, true) => Mark::Done,
            _ if run.state.is_over() => continue,
            _ => Mark::Ahead,
        };
        steps.push(Step { state, mark, transition });
    }
    let end = if run.state.is_over() { run.state } else { RunState::Succeeded };
    let mark = match end {
        _ if !run.state.is_over() => Mark::Ahead,
        RunState::Succeeded => Mark::Done,
        RunState::Cancelled => Mark::Stopped,
        _ => Mark::Failed,
    };
    steps.push(Step { state: end, mark, transition: reached(end) });
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(states: &[&str]) -> RunView {
        let id = "01890a5d-ac96-774b-bcce-b302099a8057";
        let transitions: Vec<_> = states
            .iter()
            .enumerate()
            .map(|(at, state)| serde_json::json!({"state": state, "at": at, "by": "hub"}))
            .collect();
        serde_json::from_value(serde_json::json!({
            "id": id, "retailer_id": id, "rev": 1, "job_id": id, "job_name": "Prices", "agent_id": id,
            "state": states.last().unwrap(), "trigger": "manual", "progress": {}, "attempt": 1, "cancelling": false,
            "transitions": transitions, "timeout_s": 60, "created_at": 5
        }))
        .unwrap()
    }

    #[test]
    fn a_step_that_was_taken_twice_shows_the_last_time() {
        let steps = steps(&run(&["queued", "dispatched", "queued", "dispatched", "running"]));
        let at: Vec<_> = steps.iter().map(|step| step.transition.as_ref().map(|t| t.at.0)).collect();
        assert_eq!(at, [Some(2), Some(3), Some(4), None]);
    }

    #[test]
    fn each_course_is_drawn() {
        use Mark::{Ahead, Current, Done, Failed, Stopped};
        for (states, marks) in [
            (&["queued"][..], vec![Current, Ahead, Ahead, Ahead]),
            (&["queued", "dispatched", "running"], vec![Done, Done, Current, Ahead]),
            (&["queued", "dispatched", "running", "succeeded"], vec![Done, Done, Done, Done]),
            (&["queued", "cancelled"], vec![Done, Stopped]),
            (&["queued", "dispatched", "lost"], vec![Done, Done, Failed]),
            (&["queued", "dispatched", "running", "timed_out"], vec![Done, Done, Done, Failed]),
        ] {
            let drawn: Vec<_> = steps(&run(states)).iter().map(|step| step.mark).collect();
            assert_eq!(drawn, marks, "{states:?}");
        }
    }
}
