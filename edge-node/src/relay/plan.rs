//! What to do after each round of sending. Pure: no I/O, no clock.
//!
//! | the hub says | we |
//! |---|---|
//! | settled up to n | go on behind n; park what it set aside |
//! | send from e on | go back to e, or to the oldest we hold |
//! | it knows numbers that we never gave | begin a new stream: this database was set back |
//! | this batch cannot be read | send half of it; an event alone is withheld and told so in its place |
//! | not now, or nothing | wait, longer each time |
//! | we do not want you | wait a minute: somebody has to do something |

use std::time::Duration;

use messages::edge::event::{Fact, Withheld};
use messages::edge::ingest::{EventBatch, EventError, IngestAnswer, MAX_EVENTS};
use messages::{ErrorCode, EventId, Problem};

use crate::line::LineFault;

/// A refused credential does not get better by asking often.
pub const REFUSED_WAIT: Duration = Duration::from_secs(60);

/// How a batch could not be delivered.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SendFault {
    #[error(transparent)]
    Line(#[from] LineFault),
    #[error(transparent)]
    Refused(#[from] Problem),
}

/// What a batch looked like, for judging its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Ids with their numbers, in order. Never empty.
    pub events: Vec<(EventId, u64)>,
    pub oldest_seq: u64,
    /// The last number this device ever gave.
    pub last_seq: u64,
}

impl Sent {
    #[must_use]
    pub fn of(batch: &EventBatch, last_seq: u64) -> Self {
        let events = batch.events.iter().map(|event| (event.event_id, event.seq)).collect();
        Self { events, oldest_seq: batch.oldest_seq, last_seq }
    }

    fn first(&self) -> u64 {
        self.events.first().map_or(1, |(_, seq)| *seq)
    }

    fn last(&self) -> u64 {
        self.events.last().map_or(0, |(_, seq)| *seq)
    }
}

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Everything up to here is done; these were set aside by the hub.
    Settle { settled: u64, errors: Vec<EventError> },
    /// Send from here on again.
    Rewind { expected: u64 },
    /// Number what is unsent anew, under a new name.
    NewStream,
    /// Try with fewer.
    Smaller { most: usize },
    /// This one goes to nobody.
    Withhold { event: EventId, fact: Fact },
    /// Try again later: at least so long, and as the back-off says.
    Wait { least: Duration, why: String },
}

/// Reads the answer to a batch.
#[must_use]
pub fn after(sent: &Sent, outcome: &Result<IngestAnswer, SendFault>) -> Step {
    match outcome {
        Ok(answer) => answered(sent, answer),
        Err(SendFault::Line(fault)) => Step::Wait { least: Duration::ZERO, why: fault.detail.clone() },
        Err(SendFault::Refused(problem)) => refused(sent, problem),
    }
}

fn answered(sent: &Sent, answer: &IngestAnswer) -> Step {
    if answer.settled_seq > sent.last_seq {
        return Step::NewStream;
    }
    if let Some(expected) = answer.expected_seq {
        if expected > sent.last_seq.saturating_add(1) {
            return Step::NewStream;
        }
        if expected < sent.first() {
            let from = expected.max(sent.oldest_seq);
            if from >= sent.first() {
                // It asks for what we no longer hold, and was told so in `oldest_seq`: a hub of ours goes on then.
                let why = format!("the hub asks for event {expected}, which is no longer here");
                return Step::Wait { least: REFUSED_WAIT, why };
            }
            return Step::Rewind { expected: from };
        }
    }
    let settled = answer.settled_seq.min(sent.last());
    if settled < sent.first() {
        let why = "the hub answered without having settled anything".to_owned();
        return Step::Wait { least: Duration::ZERO, why };
    }
    let ours = |error: &&EventError| sent.events.iter().any(|(id, _)| *id == error.event_id);
    Step::Settle { settled, errors: answer.errors.iter().filter(ours).cloned().collect() }
}

fn refused(sent: &Sent, problem: &Problem) -> Step {
    let asked = Duration::from_secs(problem.retry_after_s.unwrap_or(0).into());
    let poisoned = matches!(
        problem.code,
        ErrorCode::MalformedRequest
            | ErrorCode::InvalidField
            | ErrorCode::BodyTooLarge
            | ErrorCode::EventMalformed
            | ErrorCode::EventUnknown
            | ErrorCode::EventRefused
    );
    match (problem.code, sent.events.as_slice()) {
        (ErrorCode::StreamReset, _) => Step::NewStream,
        (_, [(event, _)]) if poisoned => Step::Withhold {
            event: *event,
            fact: Fact::Withheld(Withheld {
                kind: String::new(),
                code: problem.code.as_str().to_owned(),
                detail: problem.detail.clone(),
            }),
        },
        (_, events) if poisoned => Step::Smaller { most: (events.len() / 2).max(1) },
        _ if problem.retry => Step::Wait { least: asked, why: problem.to_string() },
        _ => Step::Wait { least: REFUSED_WAIT.max(asked), why: problem.to_string() },
    }
}

/// How many events the next batch may have: after a poisoned one it grows again step by step.
#[must_use]
pub fn grow(most: usize) -> usize {
    (most * 2).min(MAX_EVENTS)
}

/// Whether the hub, as opposed to the line, has turned us away.
#[must_use]
pub const fn turns_us_away(problem: &Problem) -> bool {
    matches!(problem.status, 401 | 403)
}

#[cfg(test)]
mod tests;
