//! Which nodes have consoles that watch which retailers of ours. Pure but for its lock.
//!
//! A node that asks for a retailer's state wants its news from then on: it is noted before the question is answered,
//! so that nothing falls between the two. From time to time each node tells all that it watches, and what is not
//! among that ends.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use messages::RetailerId;
use messages::ids::BootId;

/// A list that was made before a question was asked may arrive after it: what is younger than this is not taken away.
const YOUNG: Duration = Duration::from_secs(60);

type Noted = HashMap<RetailerId, Instant>;

/// Cheap to clone.
#[derive(Clone, Default)]
pub struct Interest {
    theirs: Arc<Mutex<HashMap<BootId, Noted>>>,
}

impl Interest {
    pub fn note(&self, node: BootId, retailer: RetailerId, now: Instant) {
        self.lock().entry(node).or_default().insert(retailer, now);
    }

    /// Everything that a node watches.
    pub fn replace(&self, node: BootId, watched: &[RetailerId], now: Instant) {
        let mut theirs = self.lock();
        let noted = theirs.entry(node).or_default();
        noted.retain(|retailer, at| {
            now.duration_since(*at) < YOUNG || watched.binary_search(retailer).is_ok()
        });
        for retailer in watched {
            noted.entry(*retailer).or_insert(now);
        }
    }

    pub fn forget(&self, node: BootId) {
        self.lock().remove(&node);
    }

    #[must_use]
    pub fn of(&self, retailer: RetailerId) -> Vec<BootId> {
        let theirs = self.lock();
        theirs.iter().filter(|(_, noted)| noted.contains_key(&retailer)).map(|(node, _)| *node).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<BootId, Noted>> {
        self.theirs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_ends_what_it_does_not_name_unless_that_is_young() {
        let (interest, node, now) = (Interest::default(), BootId::new(), Instant::now());
        let (old, young, listed) = (RetailerId::new(), RetailerId::new(), RetailerId::new());
        interest.note(node, old, now);
        interest.note(node, young, now + YOUNG);
        interest.replace(node, &[listed], now + YOUNG);
        assert_eq!(interest.of(old), []);
        assert_eq!((interest.of(young), interest.of(listed)), (vec![node], vec![node]));
        interest.forget(node);
        assert_eq!(interest.of(listed), []);
    }
}
