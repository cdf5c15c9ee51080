//! What the areas share: a database of one's own on a real server, waiting for conditions, sample things.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what is wrong by panicking; clippy exempts test functions, but not what they call"
)]

pub(crate) mod sample;
pub(crate) mod server;

use std::future::Future;
use std::time::{Duration, Instant};

pub(crate) use server::{TestServer, TestStore};

/// A store on a database of its own. The server behind it is shared by the tests of this process that run at once.
pub(crate) async fn store() -> TestStore {
    TestStore::open(server::shared()).await
}

/// Waits until `check` gives something; fails after `patience`, naming what was waited for.
pub(crate) async fn eventually<T, F>(what: &str, patience: Duration, mut check: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = check().await {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {patience:?} for {what}");
        tokio::time::sleep(Duration::from_millis(10)).await; // poll: the pace of asking
    }
}
