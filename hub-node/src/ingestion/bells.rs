//! Who waits here for something to come down to a retailer's stores, and what wakes them. Only says that there may be
//! something: what it is, and whether it is meant for them, they ask. A bell that was missed costs a wait and no change.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use actors::ports::Bell;
use messages::RetailerId;
use tokio::sync::watch;

use crate::cluster::others::Others;
use crate::cluster::wire::Notice;

/// The bells of this node. Cheap to clone.
#[derive(Clone, Default)]
pub struct Bells(Arc<Mutex<HashMap<RetailerId, watch::Sender<()>>>>);

/// An ear at a retailer's bell. The bell is taken down with the last of them.
pub struct Ear {
    bells: Bells,
    retailer: RetailerId,
    rung: watch::Receiver<()>,
}

impl Bells {
    /// Hears everything from now on.
    #[must_use]
    pub fn listen(&self, retailer: RetailerId) -> Ear {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let rung = all.entry(retailer).or_insert_with(|| watch::Sender::new(())).subscribe();
        Ear { bells: self.clone(), retailer, rung }
    }
}

impl Bell for Bells {
    fn ring(&self, retailer: RetailerId) {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bell) = all.get(&retailer) {
            bell.send_replace(());
        }
    }
}

impl Ear {
    /// Until it has rung since this was last awaited.
    pub async fn rung(&mut self) {
        if self.rung.changed().await.is_err() {
            // The bell cannot go while somebody listens.
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        let mut all = self.bells.0.lock().unwrap_or_else(PoisonError::into_inner);
        // This ear is still counted.
        if all.get(&self.retailer).is_some_and(|bell| bell.receiver_count() <= 1) {
            all.remove(&self.retailer);
        }
    }
}

/// Rings on every node: anywhere a device may wait.
pub struct ClusterBell {
    pub bells: Bells,
    pub others: Others,
}

impl Bell for ClusterBell {
    fn ring(&self, retailer: RetailerId) {
        self.bells.ring(retailer);
        if self.others.links().is_some() {
            self.others.tell(self.others.reachable(), &Notice::CatalogueChanged(retailer));
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn a_bell_is_heard_by_all_who_listen_and_leaves_nothing_behind() {
        let bells = Bells::default();
        let (mine, other) = (RetailerId::new(), RetailerId::new());
        bells.ring(mine);
        let (mut one, mut two) = (bells.listen(mine), bells.listen(mine));
        assert_eq!(one.rung().now_or_never(), None, "what was before is asked for anyway");
        bells.ring(other);
        assert_eq!(one.rung().now_or_never(), None);
        bells.ring(mine);
        bells.ring(mine);
        assert_eq!((one.rung().now_or_never(), two.rung().now_or_never()), (Some(()), Some(())));
        assert_eq!(one.rung().now_or_never(), None);
        drop(one);
        bells.ring(mine);
        assert_eq!(two.rung().now_or_never(), Some(()));
        drop(two);
        assert!(bells.0.lock().unwrap().is_empty());
    }
}
