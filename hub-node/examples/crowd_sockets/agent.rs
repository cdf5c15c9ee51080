//! An agent as far as its socket goes: hello, heartbeats, and coming back. It has no work.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use super::line::{End, Head, Line, Place, Waits};
use super::wave::Member;

/// How long an agent waits for the answer to its hello.
const WELCOME_WITHIN: Duration = Duration::from_secs(20);
const HEARTBEAT: &str = r#"{"v":1,"t":"heartbeat","active":[]}"#;

/// Stays connected until the program ends.
pub(crate) async fn live(
    place: Arc<Place>,
    credential: String,
    mut cut: watch::Receiver<u32>,
    member: Member,
) {
    let machine = json!({
        "agent_version": "0.1.0", "os": "Debian GNU/Linux 13 (x86_64)", "host": "till-1",
        "capabilities": ["source:csv", "destination:local_file", "destination:sftp"],
    });
    let spool = uuid::Uuid::now_v7();
    let hello =
        json!({"v": 1, "t": "hello", "machine": machine, "spool_id": spool, "next_seq": 1, "active": []});
    let hello = hello.to_string();
    let mut waits = Waits::new();
    loop {
        waits.wait().await;
        cut.mark_unchanged();
        let Err(end) = session(&place, &credential, &hello, &mut cut, &member).await;
        waits.ended(end, &member).await;
    }
}

async fn session(
    place: &Place,
    credential: &str,
    hello: &str,
    cut: &mut watch::Receiver<u32>,
    member: &Member,
) -> Result<std::convert::Infallible, End> {
    let mut line = Line::open(place, "/ws/agent", Some(credential)).await?;
    line.say(hello).await?;
    let welcome =
        timeout(WELCOME_WITHIN, line.next()).await.map_err(|_| End::lost("no welcome within 20 s"))??;
    let every = match head(&welcome)? {
        Head { t: "welcome", heartbeat_s: Some(every), .. } => Duration::from_secs(every.max(1)),
        other => return Err(other.end()),
    };
    let _open = member.ready().await;
    let mut heartbeats = interval_at(Instant::now(), every);
    heartbeats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = cut.changed() => return Err(End::Cut),
            _ = heartbeats.tick() => line.say(HEARTBEAT).await?,
            frame = line.next() => return Err(head(&frame?)?.end()),
        }
    }
}

fn head(frame: &str) -> Result<Head<'_>, End> {
    serde_json::from_str(frame).map_err(|failure| End::lost(format!("unreadable frame: {failure}")))
}
