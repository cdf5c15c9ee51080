//! What the agent tells whoever started it and keeps it running: systemd, Windows' manager of services, or nobody.

use std::time::Duration;

use crate::links::Links;

/// From a stop to the end beyond the grace: interrupted runs 12 s, the spool 10 s, the tree 10 s, and room for a slow disk.
const BEYOND_THE_GRACE: Duration = Duration::from_secs(45);

/// How the agent stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// All its parts are up. Whether the hub can be reached is another matter: an agent without a hub works on.
    Ready,
    /// It was told to stop, or gives up, and will have ended within this time.
    Stopping { within: Duration },
}

impl Standing {
    /// Stopping, with runs that may go on for `grace`.
    #[must_use]
    pub const fn stopping(grace: Duration) -> Self {
        Self::Stopping { within: grace.saturating_add(BEYOND_THE_GRACE) }
    }
}

/// Wants to know how the agent stands. Called on the agent's only thread: it may not wait.
pub trait Keeper: Send + Sync {
    fn tell(&self, standing: Standing);
}

/// An agent that was started by hand.
#[derive(Debug, Clone, Copy)]
pub struct Nobody;

impl Keeper for Nobody {
    fn tell(&self, _: Standing) {}
}

/// Waits until every part of the agent has come up for the first time.
pub async fn all_up(links: &Links) {
    // A part that does not come up is tried again by its supervisor, which has the last word.
    while links.spool.ready().await.is_err() {}
    while links.runner.ready().await.is_err() {}
    while links.uplink.ready().await.is_err() {}
}
