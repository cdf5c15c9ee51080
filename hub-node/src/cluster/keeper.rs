//! The way to the membership actor in its present life.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use messages::ids::BootId;
use ractor::ActorRef;

use super::membership::MembershipMsg;

/// A thousand requests may wait for the same shard; one look serves them all.
const LOOKS_APART: Duration = Duration::from_millis(50);

/// Cheap to clone.
#[derive(Clone, Default)]
pub struct KeeperHandle {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    actor: Option<ActorRef<MembershipMsg>>,
    looked: Option<Instant>,
}

impl KeeperHandle {
    pub fn set(&self, actor: ActorRef<MembershipMsg>) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).actor = Some(actor);
    }

    /// There may be something new in the database.
    pub fn look_soon(&self) {
        {
            let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            if inner.looked.is_some_and(|at| now.duration_since(at) < LOOKS_APART) {
                return;
            }
            inner.looked = Some(now);
        }
        self.cast(MembershipMsg::LookNow);
    }

    /// A shard was said to be this node's now.
    pub fn look_now(&self) {
        self.cast(MembershipMsg::LookNow);
    }

    pub fn link_lost(&self, peer: BootId) {
        self.cast(MembershipMsg::LinkLost(peer));
    }

    /// Gives everything away.
    pub fn leave(&self) {
        self.cast(MembershipMsg::Leave);
    }

    fn cast(&self, message: MembershipMsg) {
        let actor = self.inner.lock().unwrap_or_else(PoisonError::into_inner).actor.clone();
        if actor.is_none_or(|actor| actor.cast(message).is_err()) {
            tracing::debug!("the keeper of the lease is restarting; it looks by itself then");
        }
    }
}
