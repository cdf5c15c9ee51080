//! What to do when a child has ended. Pure: times are passed in.

use std::collections::VecDeque;
use std::time::Duration;

/// Which ends are followed by a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    /// Whatever ended it.
    Always,
    /// A failure; an orderly end removes the child.
    OnFailure,
    /// Nothing: the child belongs to something that ended with it, such as a socket.
    Never,
}

/// How often and how fast a child is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestartPolicy {
    pub restart: Restart,
    pub first_wait: Duration,
    pub longest_wait: Duration,
    /// More failures than this within `window`, and the child is given up.
    pub most_failures: usize,
    pub window: Duration,
}

impl RestartPolicy {
    /// For what the hub cannot do without: fast at first, never given up within reason.
    pub const ESSENTIAL: Self = Self {
        restart: Restart::Always,
        first_wait: Duration::from_millis(50),
        longest_wait: Duration::from_secs(5),
        most_failures: 60,
        window: Duration::from_secs(60),
    };

    /// For one of many, such as a retailer: a defect in its data must not burn the machine.
    pub const ONE_OF_MANY: Self = Self {
        restart: Restart::OnFailure,
        first_wait: Duration::from_millis(50),
        longest_wait: Duration::from_secs(10),
        most_failures: 10,
        window: Duration::from_secs(60),
    };

    /// For what ends with its socket.
    pub const BOUND: Self = Self { restart: Restart::Never, ..Self::ONE_OF_MANY };
}

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    Orderly,
    /// It panicked, returned an error, was killed or could not start.
    Failed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    RestartAfter(Duration),
    /// Nothing is wrong; forget it.
    Remove,
    /// Too many failures: somebody must look.
    GiveUp,
}

/// The failures of one child that still count.
#[derive(Debug, Clone, Default)]
pub struct Failures {
    /// Ages are kept as times since the supervisor started, oldest first.
    at: VecDeque<Duration>,
}

impl Failures {
    /// Judges an end at the time `now` since the supervisor started.
    pub fn judge(&mut self, policy: &RestartPolicy, ended: Ended, now: Duration) -> Verdict {
        match (policy.restart, ended) {
            (Restart::Never, _) | (Restart::OnFailure, Ended::Orderly) => return Verdict::Remove,
            (Restart::Always, Ended::Orderly) => return Verdict::RestartAfter(policy.first_wait),
            (_, Ended::Failed) => {}
        }
        self.at.push_back(now);
        while self.at.front().is_some_and(|&at| now.saturating_sub(at) > policy.window) {
            self.at.pop_front();
        }
        if self.at.len() > policy.most_failures {
            return Verdict::GiveUp;
        }
        // The streak is what is left in the window, so a child that has run well for a while starts fast again.
        let doublings = u32::try_from(self.at.len() - 1).unwrap_or(u32::MAX).min(20);
        let wait = policy.first_wait.saturating_mul(1 << doublings);
        Verdict::RestartAfter(wait.min(policy.longest_wait))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RestartPolicy = RestartPolicy {
        restart: Restart::OnFailure,
        first_wait: Duration::from_millis(20),
        longest_wait: Duration::from_millis(100),
        most_failures: 4,
        window: Duration::from_secs(10),
    };

    #[test]
    fn waits_grow_and_the_fifth_failure_in_the_window_gives_up() {
        let mut failures = Failures::default();
        let verdicts: Vec<_> =
            (0..5).map(|s| failures.judge(&POLICY, Ended::Failed, Duration::from_secs(s))).collect();
        let waits = [20, 40, 80, 100].map(|ms| Verdict::RestartAfter(Duration::from_millis(ms)));
        assert_eq!(verdicts[..4], waits);
        assert_eq!(verdicts[4], Verdict::GiveUp);
    }

    #[test]
    fn failures_grow_old() {
        let mut failures = Failures::default();
        for at in [0, 20, 40, 60, 80, 100] {
            let verdict = failures.judge(&POLICY, Ended::Failed, Duration::from_secs(at));
            assert_eq!(verdict, Verdict::RestartAfter(POLICY.first_wait), "at {at} s");
        }
    }

    #[test]
    fn who_is_restarted_after_what() {
        use Ended::{Failed, Orderly};
        for (restart, ended, again) in [
            (Restart::Always, Orderly, true),
            (Restart::Always, Failed, true),
            (Restart::OnFailure, Orderly, false),
            (Restart::OnFailure, Failed, true),
            (Restart::Never, Orderly, false),
            (Restart::Never, Failed, false),
        ] {
            let verdict =
                Failures::default().judge(&RestartPolicy { restart, ..POLICY }, ended, Duration::ZERO);
            assert_eq!(matches!(verdict, Verdict::RestartAfter(_)), again, "{restart:?} {ended:?}");
        }
    }
}
