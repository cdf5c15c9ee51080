//! Repeats operations that are harmless to repeat, until they succeed or their time is up.

use std::future::Future;
use std::time::Duration;

use actors::backoff::Backoff;
use actors::ports::StoreError;
use tokio::time::{Instant, sleep, timeout_at};

use super::failure;

/// Reads for people: a page that takes longer is not waited for.
pub(super) const READ: Duration = Duration::from_secs(8);
/// Writes: long enough to outlive a restart of the embedded server or an election of a replica set.
pub(super) const WRITE: Duration = Duration::from_secs(10);

/// Waits between attempts: the embedded server is back in well under a second, so ask often.
pub(super) fn waits() -> Backoff {
    Backoff::new(Duration::from_millis(20), Duration::from_millis(500), 0.5)
}

/// Runs `operation` again while it fails in a way that passes, for at most `patience`.
pub(super) async fn persist<T, F>(
    patience: Duration,
    mut operation: impl FnMut() -> F,
) -> Result<T, StoreError>
where
    F: Future<Output = mongodb::error::Result<T>>,
{
    let deadline = Instant::now() + patience;
    let mut waits = waits();
    loop {
        let error = match timeout_at(deadline, operation()).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => error,
            Err(_) => return Err(StoreError::Unavailable(format!("no answer within {patience:?}"))),
        };
        let wait = waits.next_wait();
        if !failure::is_passing(&error) || Instant::now() + wait >= deadline {
            return Err(failure::to_store_error(&error));
        }
        sleep(wait).await;
    }
}
