//! [`Ownership`]: what everybody asks before acting for a retailer. Cheap, and wrong in one direction only.
//!
//! The answer turns to "no" by itself when the lease may have run out, whether or not the keeper gets to say so: the
//! deadline stands beside the table and is compared with the clock at each question.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use messages::RetailerId;
use messages::version::Epoch;
use tokio::sync::watch;

use super::clock::Moment;
use super::shard::{SHARDS, Shard, shard_of};

/// The shards of this node with their epochs, at one instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    epochs: Arc<[Option<Epoch>]>,
}

impl Default for Claims {
    fn default() -> Self {
        Self { epochs: vec![None; usize::from(SHARDS)].into() }
    }
}

impl Claims {
    #[must_use]
    pub fn new(owned: impl IntoIterator<Item = (Shard, Epoch)>) -> Self {
        let mut epochs = vec![None; usize::from(SHARDS)];
        for (shard, epoch) in owned {
            if let Some(place) = epochs.get_mut(shard.index()) {
                *place = Some(epoch);
            }
        }
        Self { epochs: epochs.into() }
    }

    #[must_use]
    pub fn epoch(&self, shard: Shard) -> Option<Epoch> {
        self.epochs.get(shard.index()).copied().flatten()
    }

    /// The rest, when those that are named are taken out.
    #[must_use]
    pub fn without(&self, out: impl Fn(Shard) -> bool) -> Self {
        Self::new(self.iter().filter(|(shard, _)| !out(*shard)))
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.epochs.iter().flatten().count()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn iter(&self) -> impl Iterator<Item = (Shard, Epoch)> + '_ {
        Shard::all().filter_map(|shard| self.epoch(shard).map(|epoch| (shard, epoch)))
    }
}

/// For everybody who asks. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Ownership {
    valid_until: Arc<AtomicU64>,
    claims: watch::Receiver<Claims>,
}

/// For the keeper alone.
#[derive(Debug, Clone)]
pub struct OwnershipKeeper {
    valid_until: Arc<AtomicU64>,
    claims: Arc<watch::Sender<Claims>>,
}

/// A keeper and its handle; nothing is owned yet.
#[must_use]
pub fn ownership() -> (OwnershipKeeper, Ownership) {
    let (sender, claims) = watch::channel(Claims::default());
    let valid_until = Arc::new(AtomicU64::new(0));
    (
        OwnershipKeeper { valid_until: valid_until.clone(), claims: sender.into() },
        Ownership { valid_until, claims },
    )
}

impl Ownership {
    /// The epoch under which this node may act for the shard now.
    #[must_use]
    pub fn owned_epoch(&self, shard: Shard) -> Option<Epoch> {
        if self.is_valid() { self.claims.borrow().epoch(shard) } else { None }
    }

    /// The epoch under which this node may act for the retailer now.
    #[must_use]
    pub fn epoch_of(&self, retailer: RetailerId) -> Option<Epoch> {
        self.owned_epoch(shard_of(retailer))
    }

    /// Does this node hold a lease now?
    #[must_use]
    pub fn is_valid(&self) -> bool {
        Moment::now() < Moment::from_micros(self.valid_until.load(Ordering::Acquire))
    }

    /// Gains and losses of shards, as they are noticed. For starting and stopping what lives on a shard; whether one
    /// may act is asked of [`Ownership::owned_epoch`], each time.
    #[must_use]
    pub fn changed(&self) -> watch::Receiver<Claims> {
        self.claims.clone()
    }
}

impl OwnershipKeeper {
    pub(super) fn confirm_until(&self, moment: Moment) {
        self.valid_until.store(moment.as_micros(), Ordering::Release);
    }

    /// Watchers are told only of what is different.
    pub(super) fn publish(&self, claims: Claims) {
        self.claims.send_if_modified(|current| {
            let differs = *current != claims;
            if differs {
                *current = claims;
            }
            differs
        });
    }

    /// The right to act ends first, then the table is emptied: never a new right over an old table.
    pub(super) fn revoke(&self) {
        self.confirm_until(Moment::default());
        self.publish(Claims::default());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_right_ends_by_itself() {
        let (keeper, handle) = ownership();
        let shard = Shard::new(7).unwrap();
        keeper.publish(Claims::new([(shard, Epoch(3))]));
        assert_eq!(handle.owned_epoch(shard), None, "no lease yet");
        keeper.confirm_until(Moment::now().plus(Duration::from_millis(30)));
        assert_eq!(handle.owned_epoch(shard), Some(Epoch(3)));
        let deadline = Moment::now().plus(Duration::from_secs(5));
        while handle.owned_epoch(shard).is_some() {
            assert!(Moment::now() < deadline, "the right did not end");
            std::thread::yield_now();
        }
        assert!(!handle.changed().borrow().is_empty(), "nobody has said so, and yet it is over");
    }

    #[test]
    fn watchers_hear_of_differences_only() {
        let (keeper, handle) = ownership();
        let mut watch = handle.changed();
        let claims = Claims::new([(Shard::new(0).unwrap(), Epoch(1)), (Shard::new(255).unwrap(), Epoch(2))]);
        keeper.publish(claims.clone());
        assert!(watch.has_changed().unwrap());
        assert_eq!(watch.borrow_and_update().len(), 2);
        keeper.publish(claims);
        assert!(!watch.has_changed().unwrap());
        keeper.revoke();
        assert!(watch.borrow_and_update().is_empty());
    }
}
