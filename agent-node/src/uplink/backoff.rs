//! How long to wait before the next attempt to reach the hub. Pure, but for the dice.

use std::time::Duration;

use actors::backoff::Backoff as Waits;
use messages::{ErrorCode, Problem};

/// A refused credential does not get better by asking often.
pub const REFUSED: Duration = Duration::from_secs(60);
/// A revoked agent looks now and then whether it has been let in again.
pub const REVOKED: Duration = Duration::from_secs(600);
/// No hub can send an agent away for longer: nobody would be there to call it back.
const LONGEST: Duration = Duration::from_secs(3_600);

/// Doubles from half a second to a minute; each wait is a random share of that, so that the agents of a
/// hub that comes back do not all come at once.
#[derive(Debug)]
pub struct Backoff(Waits);

impl Default for Backoff {
    fn default() -> Self {
        // A jitter of 1 draws from nothing to double: half the ceiling makes that nothing to the ceiling.
        Self(Waits::new(Duration::from_millis(250), Duration::from_secs(30), 1.0))
    }
}

impl Backoff {
    pub fn reset(&mut self) {
        self.0.reset();
    }

    pub fn next_wait(&mut self) -> Duration {
        self.0.next_wait()
    }

    /// The wait after a refused upgrade.
    pub fn after_refusal(&mut self, problem: &Problem) -> Duration {
        let own = self.next_wait();
        let least = match problem.code {
            ErrorCode::AgentRevoked => REVOKED,
            _ if matches!(problem.status, 401 | 403) => REFUSED,
            _ => Duration::ZERO,
        };
        let asked = Duration::from_secs(problem.retry_after_s.unwrap_or(0).into());
        own.max(least).max(asked).min(LONGEST)
    }

    /// The wait after the hub has sent the agent away. "Never" is read as seldom: an agent that stopped
    /// asking could only be brought back by somebody at the shop.
    pub fn after_bye(&mut self, retry_after_ms: Option<u64>) -> Duration {
        retry_after_ms.map_or(REVOKED, Duration::from_millis).min(LONGEST)
    }
}

/// A number between 0 and 1.
pub fn dice() -> f64 {
    const WHOLE: Duration = Duration::from_secs(1);
    // Drawn from nothing to double.
    Waits::new(WHOLE, WHOLE, 1.0).next_wait().as_secs_f64() / (2.0 * WHOLE.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_stay_below_a_doubling_ceiling() {
        for _ in 0..200 {
            let mut backoff = Backoff::default();
            for ceiling in [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000] {
                let wait = backoff.next_wait();
                assert!(wait <= Duration::from_millis(ceiling), "{wait:?} of {ceiling}");
            }
        }
    }

    #[test]
    fn waits_differ() {
        let draws: std::collections::BTreeSet<_> = (0..50).map(|_| Backoff::default().next_wait()).collect();
        assert!(draws.len() > 25, "{draws:?}");
    }

    #[test]
    fn dice_fall_between_nothing_and_one() {
        let draws: Vec<_> = (0..200).map(|_| dice()).collect();
        assert!(draws.iter().all(|draw| (0.0..=1.0).contains(draw)), "{draws:?}");
        assert!(draws.iter().any(|draw| *draw < 0.3) && draws.iter().any(|draw| *draw > 0.7));
    }

    #[test]
    fn it_never_gives_up_and_begins_again_after_a_reset() {
        let mut backoff = Backoff::default();
        for _ in 0..1_000 {
            assert!(backoff.next_wait() <= Duration::from_secs(60));
        }
        backoff.reset();
        assert!(backoff.next_wait() <= Duration::from_millis(500));
    }

    #[test]
    fn refusals_wait_as_the_code_says() {
        for (problem, least) in [
            (Problem::from(ErrorCode::NotAuthenticated), REFUSED),
            (Problem::from(ErrorCode::AgentRevoked), REVOKED),
            (Problem::from(ErrorCode::Busy).with_retry_after(7), Duration::from_secs(7)),
            (Problem::from(ErrorCode::Busy), Duration::ZERO),
        ] {
            let wait = Backoff::default().after_refusal(&problem);
            assert!(wait >= least && wait <= least + Duration::from_secs(1), "{problem:?}: {wait:?}");
        }
    }

    #[test]
    fn a_bye_names_the_time() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.after_bye(Some(1_500)), Duration::from_millis(1_500));
        assert_eq!(backoff.after_bye(None), REVOKED);
        assert_eq!(backoff.after_bye(Some(u64::MAX)), LONGEST);
    }
}
