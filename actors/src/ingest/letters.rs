//! Deciding on events that were set aside. Pure.

use messages::edge::event::Fact;
use messages::http::dead_letters::LetterState;
use messages::{ErrorCode, Problem, Timestamp, Version};

use super::event::SetAside;
use super::model::{Letter, Origin};
use super::request::{Parcel, Sent};
use crate::ingest::model::Edge;

/// The letter of an event that was set aside.
pub(super) fn letter(edge: &Edge, parcel: &Parcel, sent: &Sent, why: SetAside, now: Timestamp) -> Letter {
    Letter {
        event: sent.event_id,
        rev: Version(1),
        state: LetterState::Open,
        store: edge.store,
        edge: edge.id,
        device: parcel.device,
        stream: parcel.stream,
        seq: sent.seq,
        kind: sent.kind.clone(),
        version: sent.version,
        occurred_at: sent.occurred_at,
        received_at: now,
        code: why.code,
        detail: why.detail,
        retries: 0,
        data: sent.data.clone(),
        edited: false,
        decided_at: None,
        decided_by: None,
    }
}

/// The event as the letter has it now.
pub(super) fn event(letter: &Letter) -> Sent {
    Sent {
        event_id: letter.event,
        seq: letter.seq,
        kind: letter.kind.clone(),
        version: letter.version,
        occurred_at: letter.occurred_at,
        data: letter.data.clone(),
    }
}

pub(super) const fn origin(letter: &Letter) -> Origin {
    Origin { store: letter.store, edge: letter.edge, event: letter.event }
}

/// May it be decided on, by somebody who saw this revision?
pub(super) fn decidable(letter: Option<&Letter>, expected: Version) -> Result<&Letter, Problem> {
    let letter = letter.ok_or_else(|| Problem::new(ErrorCode::NotFound, "there is no such dead letter"))?;
    if letter.rev != expected {
        let detail =
            format!("you changed revision {expected}, but revision {} is the present one", letter.rev);
        let current = serde_json::to_value(letter.view()).unwrap_or_default();
        return Err(Problem::new(ErrorCode::Conflict, detail).with_current(current));
    }
    if letter.state == LetterState::Open {
        return Ok(letter);
    }
    let detail = format!("it was decided on before: it is {}", letter.state.as_str());
    Err(Problem::new(ErrorCode::WrongState, detail))
}

pub(super) fn edited(letter: &Letter, data: &str) -> Letter {
    Letter { rev: letter.rev.next(), data: data.to_owned(), edited: true, ..letter.clone() }
}

pub(super) fn decided(letter: &Letter, state: LetterState, by: &str, now: Timestamp) -> Letter {
    Letter {
        rev: letter.rev.next(),
        state,
        decided_at: Some(now),
        decided_by: Some(by.to_owned()),
        ..letter.clone()
    }
}

/// It was tried again, to no avail.
pub(super) fn failed_again(letter: &Letter, why: SetAside) -> Letter {
    Letter {
        rev: letter.rev.next(),
        retries: letter.retries.saturating_add(1),
        code: why.code,
        detail: why.detail,
        ..letter.clone()
    }
}

/// What stands in for an event that only the device has cannot be applied.
pub(super) fn is_elsewhere(fact: &Fact) -> bool {
    matches!(fact, Fact::Withheld(_))
}
