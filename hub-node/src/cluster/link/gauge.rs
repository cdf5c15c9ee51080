//! How much is under way on a link, and how long it takes. Pure.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::api::RoundTrip;

/// What a message costs in queues beside its body: its envelope, and about 600 bytes measured in the actors on its way.
const OVERHEAD: u64 = 600;
/// Tells stop here, so that questions still pass.
pub(super) const TELL_LIMIT: u64 = 4 << 20;
/// Questions and answers stop here. With the largest answer this bounds what a hung node costs in memory.
pub(super) const ASK_LIMIT: u64 = 16 << 20;
/// A confirmation is asked for whenever so much is unconfirmed.
const CONFIRM_AT: u64 = 512 << 10;
/// Samples of the round trip: two minutes of heartbeats.
const SAMPLES: usize = 128;

/// Bytes handed to the connection and bytes that the other node has confirmed. Links keep order, so the answer to a
/// ping confirms all that was sent before it.
#[derive(Debug, Default)]
pub(super) struct Flow {
    sent: AtomicU64,
    confirmed: AtomicU64,
    /// Up to where a confirmation was asked for.
    asked: AtomicU64,
}

impl Flow {
    /// Takes room for a body, unless that passes `limit`. One body always passes when nothing is under way.
    pub(super) fn admit(&self, body: usize, limit: u64) -> bool {
        let cost = OVERHEAD + body as u64;
        let fits = |sent: u64| {
            let under_way = sent.saturating_sub(self.confirmed.load(Ordering::Acquire));
            (under_way == 0 || under_way + cost <= limit).then_some(sent + cost)
        };
        self.sent.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits).is_ok()
    }

    pub(super) fn unconfirmed(&self) -> u64 {
        self.sent.load(Ordering::Acquire).saturating_sub(self.confirmed.load(Ordering::Acquire))
    }

    /// Whether to ask for a confirmation before the next beat. True once for each stretch.
    pub(super) fn wants_confirmation(&self) -> bool {
        let sent = self.sent.load(Ordering::Acquire);
        let due = |asked: u64| (sent.saturating_sub(asked) >= CONFIRM_AT).then_some(sent);
        self.asked.fetch_update(Ordering::AcqRel, Ordering::Acquire, due).is_ok()
    }

    /// What a ping that is sent now confirms.
    pub(super) fn mark(&self) -> u64 {
        let sent = self.sent.load(Ordering::Acquire);
        self.asked.fetch_max(sent, Ordering::AcqRel);
        sent
    }

    pub(super) fn confirm(&self, mark: u64) {
        self.confirmed.fetch_max(mark, Ordering::AcqRel);
    }
}

/// Beats without an answer. Counted in beats of our own, not by the clock: when this process was paused, the other
/// node gets its chance to answer first.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    missed: u32,
    answered: bool,
}

impl Pulse {
    pub(super) const fn answered(&mut self) {
        self.answered = true;
    }

    /// A beat is over: is the other node silent for too long?
    pub(super) fn beat(&mut self, most: u32) -> bool {
        self.missed = if std::mem::take(&mut self.answered) { 0 } else { self.missed + 1 };
        self.missed >= most
    }
}

/// The latest round trips.
#[derive(Debug, Default)]
pub(super) struct RoundTrips {
    samples: VecDeque<Duration>,
}

impl RoundTrips {
    pub(super) fn add(&mut self, sample: Duration) {
        if self.samples.len() == SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
    }

    pub(super) fn summary(&self) -> Option<RoundTrip> {
        let mut sorted: Vec<_> = self.samples.iter().copied().collect();
        sorted.sort_unstable();
        let at = |percent: usize| sorted.get((sorted.len().saturating_sub(1)) * percent / 100).copied();
        Some(RoundTrip { p50: at(50)?, p99: at(99)? })
    }
}

#[cfg(test)]
mod tests;
