//! What the tests of the actors share: fakes of all ports, sample documents, waiting for conditions, and a bench
//! that fails a test which leaves actors behind. Built for tests only.

pub(crate) mod bench;
pub(crate) mod fakes;
pub(crate) mod router;
pub(crate) mod samples;
pub(crate) mod store;

use std::time::Duration;

/// Longer than anything a test waits for, paused or not.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until `holds`. Looks again each millisecond, of virtual time when the clock is paused.
pub(crate) async fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(1)).await; // poll: looked at again
        }
    });
    waited.await.unwrap_or_else(|_| panic!("never: {what}"));
}
