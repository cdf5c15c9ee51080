//! Waiting for a condition, with a limit that says what was waited for.

use std::time::{Duration, Instant};

/// Generous: these machines are shared, and a test that waits too short proves nothing.
pub(super) const PATIENCE: Duration = Duration::from_secs(90);

/// Asks until there is an answer.
pub(super) async fn until<T, F>(what: &str, mut ask: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} for {what}");
        tokio::time::sleep(Duration::from_millis(50)).await; // poll: the pace of asking
    }
}
