//! What a batch's numbers mean, given how far its stream is. Pure.

use messages::EventId;

use super::request::Sent;

/// What is to be done with a batch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Plan {
    /// Places in the batch of the events that are to be applied or set aside, in order.
    pub(super) fresh: Vec<usize>,
    pub(super) duplicates: Vec<EventId>,
    /// The last settled number after it.
    pub(super) settled: u64,
    /// Events that will never come.
    pub(super) lost: u64,
    /// The number that is missing.
    pub(super) expected: Option<u64>,
}

/// A settled number came with an event that is not known: the device counts from anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("number {seq} of this stream was used for another event; begin a new stream")]
pub(super) struct Reset {
    pub(super) seq: u64,
}

/// `settled` is the last settled number of the stream; `is_known` says whether an event was settled before, in whichever
/// stream. The batch's numbers have no gaps.
pub(super) fn plan(
    settled: u64,
    oldest: u64,
    events: &[Sent],
    is_known: impl Fn(EventId) -> bool,
) -> Result<Plan, Reset> {
    let mut plan = Plan { settled, ..Plan::default() };
    let mut here = Vec::with_capacity(events.len());
    for (at, event) in events.iter().enumerate() {
        if event.seq > plan.settled + 1 && oldest > plan.settled + 1 {
            plan.lost += oldest - 1 - plan.settled;
            plan.settled = oldest - 1;
        }
        let known = is_known(event.event_id) || here.contains(&event.event_id);
        if event.seq <= plan.settled {
            if !known {
                return Err(Reset { seq: event.seq });
            }
            plan.duplicates.push(event.event_id);
        } else if event.seq == plan.settled + 1 {
            plan.settled = event.seq;
            if known {
                plan.duplicates.push(event.event_id);
            } else {
                here.push(event.event_id);
                plan.fresh.push(at);
            }
        } else {
            plan.expected = Some(plan.settled + 1);
            break;
        }
    }
    Ok(plan)
}

#[cfg(test)]
mod tests;
