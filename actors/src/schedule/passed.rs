//! What is to be done about slots whose time has come. Pure.

use std::collections::VecDeque;
use std::time::Duration;

use messages::Timestamp;
use messages::schedule::MissedRule;

use super::plan::Plan;

/// A slot that is looked at within this counts as met: a take-over takes up to fifteen seconds, a database that comes
/// back a little longer.
pub const PUNCTUAL: Duration = Duration::from_secs(60);
/// Runs made up for at once; older slots are only counted. More would be the queue of a whole day.
pub const MOST_MADE_UP: usize = 20;
/// Slots counted one by one; whoever was away for longer than so many minutes gets no exact figure.
const MOST_COUNTED: usize = 50_000;
/// A clock this far ahead of what is settled was wrong then or is wrong now: it is not waited for. Less than that is a
/// clock set back, for which the schedule waits, so that nothing runs twice.
pub const CLOCK_SLACK: Duration = Duration::from_secs(90 * 60);

/// What has come since the last look.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Passed {
    /// The slot that is met.
    pub on_time: Option<Timestamp>,
    /// Missed slots that get a run all the same, oldest first.
    pub made_up: Vec<Timestamp>,
    /// Slots that were missed, whatever is done about them.
    pub missed: u64,
    /// Everything up to here is settled by this.
    pub settled: Timestamp,
}

/// Looks at the slots after `settled` whose runs should have started by `now`. `None`: there are none, or maintenance
/// is on.
#[must_use]
pub fn passed(
    plan: &Plan,
    rule: MissedRule,
    window: Duration,
    settled: Timestamp,
    now: Timestamp,
) -> Option<Passed> {
    if plan.held_until(now).is_some() {
        return None;
    }
    let mut slots: VecDeque<Timestamp> = VecDeque::new();
    let mut count = 0_usize;
    let mut at = settled;
    while let Some(slot) = plan.slot_after(at).filter(|slot| plan.due(*slot) <= now) {
        if count == MOST_COUNTED {
            // Far behind: what came in between is left out of the count.
            at = now - PUNCTUAL;
            count += 1;
            continue;
        }
        count += 1;
        at = slot;
        slots.push_back(slot);
        if slots.len() > MOST_MADE_UP + 1 {
            slots.pop_front();
        }
    }
    let newest = *slots.back()?;
    let mut passed = Passed { settled: newest, ..Passed::default() };
    if now.since(plan.due(newest)) <= PUNCTUAL {
        passed.on_time = slots.pop_back();
    }
    passed.missed = (count - usize::from(passed.on_time.is_some())) as u64;
    slots.retain(|slot| now.since(plan.due(*slot)) <= window);
    passed.made_up = match rule {
        MissedRule::Skip => Vec::new(),
        // The run that starts now makes up for them.
        MissedRule::Once if passed.on_time.is_some() => Vec::new(),
        MissedRule::Once => slots.back().copied().into_iter().collect(),
        MissedRule::All => slots.into_iter().rev().take(MOST_MADE_UP).rev().collect(),
    };
    Some(passed)
}

/// From where on slots count: what is settled, unless a clock that was wrong has settled the future.
#[must_use]
pub fn settled_by(settled: Timestamp, now: Timestamp) -> Timestamp {
    if settled.since(now) > CLOCK_SLACK { now } else { settled }
}
