//! What the journal knows of one run, and what follows from it. Pure.

use std::collections::HashSet;

use messages::agent::RunCommand;
use messages::run::{Progress, RunFailure, RunOutcome};
use messages::version::Epoch;
use messages::{ErrorCode, JobId, RunId};
use serde::{Deserialize, Serialize};

/// A run that has taken the agent down this often will do so again.
pub const MAX_CRASHES: u32 = 5;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub run_id: RunId,
    /// Place in the order of acceptance.
    pub order: u64,
    pub stage: Stage,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum Stage {
    /// To be worked at.
    Open(Box<Open>),
    /// `unreported` is there until the end of the run has reached the spool.
    Over {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unreported: Option<End>,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Open {
    pub command: RunCommand,
    /// How often it was begun.
    pub attempt: u32,
    /// How often it was begun and the agent did not live to say how it went.
    pub crashes: u32,
    /// It has been begun, and not put back.
    pub working: bool,
    /// Somebody asked for it to stop.
    pub cancelled: bool,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct End {
    pub progress: Progress,
    #[serde(flatten)]
    pub outcome: RunOutcome,
}

impl End {
    /// An end before anything was done.
    #[must_use]
    pub fn untouched(outcome: RunOutcome) -> Self {
        Self { progress: Progress::default(), outcome }
    }

    #[must_use]
    pub fn failed(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self::untouched(RunOutcome::Failed(RunFailure { code, detail: detail.into() }))
    }
}

impl Entry {
    #[must_use]
    pub fn accepted(order: u64, command: RunCommand) -> Self {
        let open = Open { attempt: 0, crashes: 0, working: false, cancelled: false, command };
        Self { run_id: open.command.run_id, order, stage: Stage::Open(Box::new(open)) }
    }

    /// An entry of which only the name of its file is left.
    #[must_use]
    pub fn damaged(run_id: RunId) -> Self {
        let detail = "the agent's record of this run was damaged on its disk; start the run again";
        let end = End::failed(ErrorCode::Internal, detail);
        Self { run_id, order: 0, stage: Stage::Over { unreported: Some(end) } }
    }

    #[must_use]
    pub const fn open(&self) -> Option<&Open> {
        match &self.stage {
            Stage::Open(open) => Some(open),
            Stage::Over { .. } => None,
        }
    }

    /// Over, and its end is in the spool.
    #[must_use]
    pub const fn is_settled(&self) -> bool {
        matches!(self.stage, Stage::Over { unreported: None })
    }

    #[must_use]
    pub fn with(&self, stage: Stage) -> Self {
        Self { run_id: self.run_id, order: self.order, stage }
    }
}

/// What to do with a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// New: write it down, then accept.
    Keep,
    /// Accept; it was dealt with before.
    Known,
    Stale,
}

/// Judges a `run` or `cancel` by its epoch and by what is known of the run.
#[must_use]
pub fn judge(known: bool, epoch: Epoch, highest: Epoch) -> Answer {
    if epoch < highest {
        Answer::Stale
    } else if known {
        Answer::Known
    } else {
        Answer::Keep
    }
}

/// What to do at start with a run that was found in the journal.
#[derive(Debug, Clone, PartialEq)]
pub enum Recovery {
    Nothing,
    /// The spool has its end already.
    Settle,
    /// Tell its end.
    Report(End),
    /// Put it back to wait, with this record.
    Wait(Open),
}

/// `reported`: the end of this run is in the spool.
#[must_use]
pub fn recover(entry: &Entry, reported: bool) -> Recovery {
    match &entry.stage {
        Stage::Over { unreported: None } => Recovery::Nothing,
        _ if reported => Recovery::Settle,
        Stage::Over { unreported: Some(end) } => Recovery::Report(end.clone()),
        Stage::Open(open) if open.cancelled => Recovery::Report(End::untouched(RunOutcome::Cancelled)),
        Stage::Open(open) if !open.working => Recovery::Nothing,
        Stage::Open(open) if open.crashes + 1 >= MAX_CRASHES => {
            let detail =
                format!("given up: the agent went down {MAX_CRASHES} times while it worked at this run");
            Recovery::Report(End::failed(ErrorCode::Internal, detail))
        }
        Stage::Open(open) => {
            Recovery::Wait(Open { working: false, crashes: open.crashes + 1, ..open.as_ref().clone() })
        }
    }
}

/// The runs to begin now: the longest waiting ones, as many as there is room for, and one of each job: two of them
/// would each take the other's deliveries for its own.
#[must_use]
pub fn to_begin(in_order: &[&Entry], max_working: usize) -> Vec<RunId> {
    let working = || in_order.iter().filter_map(|entry| entry.open()).filter(|open| open.working);
    let mut busy: HashSet<JobId> = working().map(|open| open.command.job_id).collect();
    in_order
        .iter()
        .filter(|entry| entry.open().is_some_and(|open| !open.working && !open.cancelled))
        .filter(|entry| entry.open().is_some_and(|open| busy.insert(open.command.job_id)))
        .take(max_working.saturating_sub(working().count()))
        .map(|entry| entry.run_id)
        .collect()
}
