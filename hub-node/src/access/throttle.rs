//! Slows down and locks out whoever fails to prove themselves again and again. Pure: time is passed in.
//!
//! An attempt is counted when it begins, not when it has failed: a thousand attempts sent at once get no further
//! than as many sent one after another. A success forgets what was counted.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How patient to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Policy {
    /// Attempts that cost nothing: people mistype.
    pub free: u32,
    /// With this many failures in a row the door is locked.
    pub lock_at: u32,
    pub lock_for: Duration,
    /// Failures older than this are forgotten.
    pub forget_after: Duration,
}

impl Policy {
    /// For one login name.
    pub(crate) const LOGIN: Self = Self {
        free: 5,
        lock_at: 10,
        lock_for: Duration::from_secs(15 * 60),
        forget_after: Duration::from_secs(15 * 60),
    };
    /// For one address, behind which a whole office may sit.
    pub(crate) const ADDRESS: Self = Self { free: 30, lock_at: 50, ..Self::LOGIN };
}

/// Entries kept. An entry is about 100 bytes, so this is a megabyte; past it the oldest that is not locked goes.
const MAX_ENTRIES: usize = 10_000;
/// Names longer than this are cut: nobody's name is, and the map must stay small.
const MAX_KEY: usize = 128;

#[derive(Debug, Clone, Copy)]
struct Entry {
    failures: u32,
    last: Instant,
    /// Not before this.
    until: Instant,
}

/// Counts of failures by name.
#[derive(Debug)]
pub(crate) struct Throttle {
    policy: Policy,
    entries: HashMap<String, Entry>,
}

impl Throttle {
    #[must_use]
    pub(crate) fn new(policy: Policy) -> Self {
        Self { policy, entries: HashMap::new() }
    }

    /// Counts an attempt. Refused with the time to wait, it does not count and must not be carried out.
    pub(crate) fn begin(&mut self, key: &str, now: Instant) -> Result<(), Duration> {
        self.check(key, now)?;
        let key = cut(key);
        if !self.entries.contains_key(key) {
            self.make_room(now);
        }
        let policy = self.policy;
        let entry =
            self.entries.entry(key.to_owned()).or_insert(Entry { failures: 0, last: now, until: now });
        entry.failures = entry.failures.saturating_add(1);
        entry.last = now;
        entry.until = now + policy.delay_after(entry.failures);
        Ok(())
    }

    /// Would an attempt be refused now, and for how long?
    pub(crate) fn check(&mut self, key: &str, now: Instant) -> Result<(), Duration> {
        let key = cut(key);
        let Some(entry) = self.entries.get(key) else { return Ok(()) };
        if entry.until > now {
            return Err(entry.until - now);
        }
        if self.policy.is_over(entry, now) {
            self.entries.remove(key);
        }
        Ok(())
    }

    /// The attempt succeeded: start anew.
    pub(crate) fn succeeded(&mut self, key: &str) {
        self.entries.remove(cut(key));
    }

    /// The attempt came to nothing for a reason of ours: it does not count.
    pub(crate) fn withdraw(&mut self, key: &str, now: Instant) {
        let policy = self.policy;
        if let Some(entry) = self.entries.get_mut(cut(key)) {
            entry.failures = entry.failures.saturating_sub(1);
            entry.until = now + policy.delay_after(entry.failures);
        }
    }

    fn make_room(&mut self, now: Instant) {
        if self.entries.len() < MAX_ENTRIES {
            return;
        }
        let policy = self.policy;
        self.entries.retain(|_, entry| !policy.is_over(entry, now));
        if self.entries.len() < MAX_ENTRIES {
            return;
        }
        let oldest = self.entries.iter().min_by_key(|(_, entry)| (entry.until > now, entry.last));
        if let Some(key) = oldest.map(|(key, _)| key.clone()) {
            self.entries.remove(&key);
        }
    }
}

impl Policy {
    fn delay_after(&self, failures: u32) -> Duration {
        if failures >= self.lock_at {
            self.lock_for
        } else if failures <= self.free {
            Duration::ZERO
        } else {
            // 1, 2, 4 … seconds, never longer than the lock itself.
            let doublings = (failures - self.free - 1).min(16);
            Duration::from_secs(1 << doublings).min(self.lock_for)
        }
    }

    fn is_over(&self, entry: &Entry, now: Instant) -> bool {
        let locked_out = entry.failures >= self.lock_at;
        entry.until <= now && (locked_out || now.duration_since(entry.last) >= self.forget_after)
    }
}

fn cut(key: &str) -> &str {
    let mut end = key.len().min(MAX_KEY);
    while !key.is_char_boundary(end) {
        end -= 1;
    }
    &key[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn failures_are_free_then_slow_then_locked() {
        let mut throttle = Throttle::new(Policy::LOGIN);
        let mut now = Instant::now();
        for attempt in 1..=5 {
            assert_eq!(throttle.begin("lan", now), Ok(()), "attempt {attempt}");
        }
        for wait in [0, 1, 2, 4, 8] {
            assert_eq!(throttle.check("lan", now).err().unwrap_or_default(), wait * SECOND);
            now += wait * SECOND;
            assert_eq!(throttle.begin("lan", now), Ok(()));
        }
        assert_eq!(throttle.begin("lan", now), Err(900 * SECOND), "the tenth failure locks");
        assert_eq!(throttle.begin("minh", now), Ok(()), "others are not affected");
        now += 900 * SECOND;
        for _ in 0..5 {
            assert_eq!(throttle.begin("lan", now), Ok(()), "after the lock it starts anew");
        }
    }

    #[test]
    fn a_refused_attempt_does_not_lengthen_the_wait() {
        let mut throttle = Throttle::new(Policy::LOGIN);
        let now = Instant::now();
        for _ in 0..6 {
            throttle.begin("lan", now).unwrap();
        }
        for _ in 0..100 {
            assert_eq!(throttle.begin("lan", now), Err(SECOND));
        }
    }

    #[test]
    fn success_and_time_forget_and_a_withdrawn_attempt_never_was() {
        let mut throttle = Throttle::new(Policy::LOGIN);
        let now = Instant::now();
        for _ in 0..6 {
            throttle.begin("lan", now).unwrap();
        }
        throttle.succeeded("lan");
        for _ in 0..6 {
            throttle.begin("lan", now).unwrap();
        }
        throttle.withdraw("lan", now);
        assert_eq!(throttle.check("lan", now), Ok(()));
        let later = now + Policy::LOGIN.forget_after;
        for _ in 0..5 {
            assert_eq!(throttle.begin("lan", later), Ok(()));
        }
    }

    #[test]
    fn the_map_stays_bounded_and_keeps_locks() {
        let mut throttle = Throttle::new(Policy::LOGIN);
        let now = Instant::now();
        let mut at = now;
        while throttle.check("victim", at).err().unwrap_or_default() < Policy::LOGIN.lock_for {
            at += throttle.check("victim", at).err().unwrap_or_default();
            throttle.begin("victim", at).unwrap();
        }
        for n in 0..MAX_ENTRIES * 2 {
            throttle.begin(&format!("name{n}"), at).unwrap();
        }
        assert!(throttle.entries.len() <= MAX_ENTRIES);
        assert!(throttle.check("victim", at).is_err(), "flooding with names does not unlock");
    }

    #[test]
    fn a_long_name_is_cut_at_a_character() {
        let mut throttle = Throttle::new(Policy::LOGIN);
        throttle.begin(&"ế".repeat(1_000), Instant::now()).unwrap();
        assert!(throttle.entries.keys().all(|key| key.len() <= MAX_KEY));
    }
}
