//! A console as far as its socket goes: it watches the dashboard and some retailers.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Instant, interval_at, timeout};

use super::line::{End, Head, Line, Place, Waits};
use super::shops::Shop;
use super::wave::Member;

/// A technician has some tabs open.
const WATCHED: usize = 3;
const PING_EVERY: Duration = Duration::from_secs(25);
const PING: &str = r#"{"v":1,"t":"ping"}"#;
/// The hub asks again for what it could not have at once; this is for several such waits.
const SNAPSHOTS_WITHIN: Duration = Duration::from_secs(60);

/// The retailers that one console watches, spread over all of them.
pub(crate) fn watched(console: usize, shops: &[Shop]) -> Vec<String> {
    let many = shops.len();
    (0..WATCHED.min(many)).map(|n| shops[(console * WATCHED + n) % many].retailer.clone()).collect()
}

/// Stays connected until the program ends.
pub(crate) async fn live(
    place: Arc<Place>,
    mut tokens: watch::Receiver<String>,
    retailers: Vec<String>,
    mut cut: watch::Receiver<u32>,
    member: Member,
) {
    let mut waits = Waits::new();
    loop {
        waits.wait().await;
        cut.mark_unchanged();
        let Err(end) = session(&place, &mut tokens, &retailers, &mut cut, &member).await;
        waits.ended(end, &member).await;
    }
}

async fn session(
    place: &Place,
    tokens: &mut watch::Receiver<String>,
    retailers: &[String],
    cut: &mut watch::Receiver<u32>,
    member: &Member,
) -> Result<std::convert::Infallible, End> {
    let mut line = Line::open(place, "/ws/live", None).await?;
    line.say(&hello(tokens)).await?;
    timeout(SNAPSHOTS_WITHIN, everything(&mut line, retailers))
        .await
        .map_err(|_| End::lost("no snapshots within 60 s"))??;
    let _open = member.ready().await;
    let mut pings = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
    loop {
        tokio::select! {
            _ = cut.changed() => return Err(End::Cut),
            _ = pings.tick() => line.say(PING).await?,
            changed = tokens.changed() => {
                changed.map_err(|_| End::Cut)?;
                line.say(&hello(tokens)).await?;
            }
            frame = line.next() => match head(&frame?)? {
                Head { t: "tick" | "delta" | "snapshot" | "pong" | "welcome", .. } => {}
                other => return Err(other.end()),
            },
        }
    }
}

/// Subscribes, and waits for the first state of all that was asked for.
async fn everything(line: &mut Line, retailers: &[String]) -> Result<(), End> {
    let topics: Vec<_> = std::iter::once(json!({"topic": "dashboard"}))
        .chain(retailers.iter().map(|retailer| json!({"topic": format!("retailer:{retailer}")})))
        .collect();
    let mut missing = topics.len();
    while missing > 0 {
        let frame = line.next().await?;
        match head(&frame)? {
            Head { t: "welcome", .. } => {
                line.say(&json!({"v": 1, "t": "subscribe", "topics": topics}).to_string()).await?;
            }
            Head { t: "snapshot", .. } => missing -= 1,
            Head { t: "tick" | "delta", .. } => {}
            other => return Err(other.end()),
        }
    }
    Ok(())
}

fn hello(tokens: &mut watch::Receiver<String>) -> String {
    json!({"v": 1, "t": "hello", "token": *tokens.borrow_and_update()}).to_string()
}

fn head(frame: &str) -> Result<Head<'_>, End> {
    serde_json::from_str(frame).map_err(|failure| End::lost(format!("unreadable frame: {failure}")))
}
