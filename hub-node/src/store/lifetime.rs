//! How long a transaction that nobody ends may hold what it has written.
//!
//! A hub that is killed in the middle of a commit leaves one, and so does a connection that breaks. Until the server
//! aborts it, the retailer's next owner cannot raise the fence. MongoDB waits a minute by default; our transactions take
//! milliseconds. On our own server the limit is set, on others it is looked at.

use std::time::Duration;

use bson::{Bson, doc};
use mongodb::Client;

use super::failure;

const PARAMETER: &str = "transactionLifetimeLimitSeconds";
const WANTED: i32 = 3;
/// Above this a take-over may outlast what is promised.
const TOLERATED: f64 = 5.0;
const PATIENCE: Duration = Duration::from_secs(2);

/// The parameter is forgotten when the server ends, so this belongs to each start.
pub(super) async fn limit(client: &Client) -> mongodb::error::Result<()> {
    client.database("admin").run_command(doc! { "setParameter": 1, PARAMETER: WANTED }).await.map(drop)
}

/// Tells the log when a retailer may stay unserved for long after its node was killed.
pub(super) async fn look(client: &Client) {
    let question = doc! { "getParameter": 1, PARAMETER: 1 };
    let asked = tokio::time::timeout(PATIENCE, client.database("admin").run_command(question)).await;
    let seconds = match asked {
        Ok(Ok(answer)) => answer.get(PARAMETER).and_then(seconds),
        Ok(Err(error)) => {
            tracing::debug!(reason = failure::sentence(&error), "this user may not look at {PARAMETER}");
            None
        }
        Err(_) => None,
    };
    if let Some(seconds) = seconds.filter(|&seconds| seconds > TOLERATED) {
        tracing::warn!(
            seconds,
            "after a hub is killed in the middle of a write, its retailer may wait this long: set {PARAMETER} of the \
             database to {WANTED}"
        );
    }
}

fn seconds(value: &Bson) -> Option<f64> {
    match value {
        Bson::Int32(seconds) => Some(f64::from(*seconds)),
        Bson::Double(seconds) => Some(*seconds),
        Bson::Int64(seconds) => i32::try_from(*seconds).ok().map(f64::from),
        _ => None,
    }
}
