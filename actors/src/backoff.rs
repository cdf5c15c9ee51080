//! Growing waits between attempts. The only module that knows the `backoff` crate, which is no longer maintained:
//! replacing it means replacing this file.

use std::time::Duration;

use ::backoff::ExponentialBackoff;
use ::backoff::backoff::Backoff as _;

/// Doubling waits from `first` to `longest`, each shortened or lengthened at random by `jitter`.
#[derive(Debug)]
pub struct Backoff {
    inner: ExponentialBackoff,
    longest: Duration,
}

impl Backoff {
    /// `jitter` is a share between 0 (none) and 1 (from nothing to double).
    #[must_use]
    pub fn new(first: Duration, longest: Duration, jitter: f64) -> Self {
        let inner = ExponentialBackoff {
            current_interval: first,
            initial_interval: first,
            randomization_factor: jitter.clamp(0.0, 1.0),
            multiplier: 2.0,
            max_interval: longest,
            // The crate would give up after 15 minutes. Giving up is the caller's decision.
            max_elapsed_time: None,
            ..ExponentialBackoff::default()
        };
        Self { inner, longest }
    }

    /// The next wait.
    pub fn next_wait(&mut self) -> Duration {
        self.inner.next_backoff().unwrap_or(self.longest)
    }

    /// After a success: the next failure waits for the first interval again.
    pub fn reset(&mut self) {
        self.inner.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_to_the_longest_and_start_over() {
        let mut waits = Backoff::new(Duration::from_millis(20), Duration::from_millis(100), 0.0);
        let millis: Vec<_> = (0..5).map(|_| waits.next_wait().as_millis()).collect();
        assert_eq!(millis, [20, 40, 80, 100, 100]);
        waits.reset();
        assert_eq!(waits.next_wait().as_millis(), 20);
    }

    #[test]
    fn jitter_stays_within_its_share() {
        let mut waits = Backoff::new(Duration::from_millis(100), Duration::from_millis(100), 0.5);
        for _ in 0..200 {
            let wait = waits.next_wait().as_millis();
            assert!((50..=151).contains(&wait), "{wait}");
        }
    }
}
