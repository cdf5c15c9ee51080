//! How many agents are taken in at once. When thousands come back together, each costs a retailer that is loaded and a
//! commit; all at once they would only make each other late, give up, and come again. So a few are served, some wait, and
//! the rest is told when to come.

use std::sync::Arc;
use std::time::Duration;

use messages::{ErrorCode, Problem};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Between their request and their welcome.
const AT_ONCE: usize = 48;
/// Requests that wait for their turn; each holds a connection.
const WAITING: usize = 2_000;
/// Well below the time an agent gives the answer to its request.
const WAIT: Duration = Duration::from_secs(6);
/// When those who are sent away may come again, in seconds: spread, or they would come together once more.
const COME_AGAIN: std::ops::RangeInclusive<u32> = 2..=15;

/// One for each node. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Turnstile {
    turns: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    wait: Duration,
}

/// A place among those who are taken in. Passed on to whoever sees the end of it.
#[derive(Debug)]
pub(super) struct Turn(#[expect(dead_code, reason = "kept for its drop")] OwnedSemaphorePermit);

impl Default for Turnstile {
    fn default() -> Self {
        Self::new(AT_ONCE, WAITING, WAIT)
    }
}

impl Turnstile {
    fn new(at_once: usize, waiting: usize, wait: Duration) -> Self {
        let [turns, waiting] = [at_once, waiting].map(|most| Arc::new(Semaphore::new(most)));
        Self { turns, waiting, wait }
    }

    /// Waits for a turn, in the order of coming.
    pub(super) async fn turn(&self) -> Result<Turn, Problem> {
        let _place = self.waiting.try_acquire().map_err(|_| come_again())?;
        match timeout(self.wait, Arc::clone(&self.turns).acquire_owned()).await {
            Ok(Ok(turn)) => Ok(Turn(turn)),
            _ => Err(come_again()),
        }
    }
}

fn come_again() -> Problem {
    let seconds = rand::random_range(COME_AGAIN);
    let detail = format!("very many agents are connecting; come again in {seconds} s");
    Problem::new(ErrorCode::Busy, detail).with_retry_after(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn so_many_are_taken_in_others_wait_and_the_rest_is_told_when_to_come() {
        let turnstile = Turnstile::new(1, 1, Duration::from_secs(60));
        let first = turnstile.turn().await.unwrap();
        let second = tokio::spawn({
            let turnstile = turnstile.clone();
            async move { turnstile.turn().await }
        });
        tokio::task::yield_now().await;
        let third = turnstile.turn().await.err().unwrap();
        assert_eq!(third.code, ErrorCode::Busy);
        assert!(COME_AGAIN.contains(&third.retry_after_s.unwrap()));
        drop(first);
        drop(second.await.unwrap().unwrap());
        assert!(turnstile.turn().await.is_ok());
    }

    #[tokio::test]
    async fn a_turn_that_nobody_gives_back_is_not_waited_for_without_end() {
        let turnstile = Turnstile::new(1, 1, Duration::from_millis(1));
        let _first = turnstile.turn().await.unwrap();
        for _ in 0..3 {
            assert_eq!(
                turnstile.turn().await.err().unwrap().code,
                ErrorCode::Busy,
                "and waiters leave no place taken"
            );
        }
    }
}
