//! Starts and ends the actors that watch open runs, and finds them. Cheap to clone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use messages::run::Progress;
use messages::{RetailerId, RunId};
use ractor::ActorRef;

use super::actor::{Arguments, JobRun, JobRunMsg};
use crate::ports::{LiveFeed, Publication};
use crate::supervise::{ChildSpec, RestartPolicy, SupervisorHandle};

/// Asks a retailer to review a run; false when that cannot be done now.
pub type Review = Arc<dyn Fn(RetailerId, RunId) -> bool + Send + Sync>;

type Addresses = Mutex<HashMap<RunId, ActorRef<JobRunMsg>>>;

#[derive(Clone)]
pub struct Watchers {
    supervisor: SupervisorHandle,
    feed: Arc<dyn LiveFeed>,
    review: Review,
    addresses: Arc<Addresses>,
}

impl Watchers {
    #[must_use]
    pub fn new(supervisor: SupervisorHandle, feed: Arc<dyn LiveFeed>, review: Review) -> Self {
        Self { supervisor, feed, review, addresses: Arc::default() }
    }

    /// Makes sure that the run is watched.
    pub fn watch(&self, retailer: RetailerId, run: RunId) {
        let feed: Arc<dyn LiveFeed> =
            Arc::new(WhileWatched { run, addresses: self.addresses.clone(), feed: self.feed.clone() });
        let review = self.review.clone();
        let make = move || {
            let review = review.clone();
            let review = Arc::new(move |run| review(retailer, run));
            (JobRun, Arguments { retailer, run, feed: feed.clone(), review })
        };
        let addresses = self.addresses.clone();
        let announce = move |actor| drop(lock(&addresses).insert(run, actor));
        let addresses = self.addresses.clone();
        let end = Arc::new(move |actor| {
            let mut all = lock(&addresses);
            if all.get(&run).is_some_and(|known| known.get_id() == actor) {
                all.remove(&run);
            }
        });
        let id = format!("run:{run}");
        let spec =
            ChildSpec::announced(id, "job_run", RestartPolicy::ONE_OF_MANY, make, announce).on_end(end);
        if !self.supervisor.add(spec) {
            tracing::debug!(%run, "not watched: the node is stopping");
        }
    }

    /// The run is over: no progress of it is shown once this has returned.
    pub fn release(&self, run: RunId) {
        lock(&self.addresses).remove(&run);
        self.supervisor.remove(format!("run:{run}"));
    }

    /// News for the run's watcher. One that is just restarting misses it; the next news is never far.
    pub fn progress(&self, retailer: RetailerId, run: RunId, progress: Progress) {
        let actor = lock(&self.addresses).get(&run).cloned();
        let told = actor.is_some_and(|actor| actor.cast(JobRunMsg::Progress(progress)).is_ok());
        if !told {
            self.watch(retailer, run);
        }
    }
}

fn lock(addresses: &Addresses) -> MutexGuard<'_, HashMap<RunId, ActorRef<JobRunMsg>>> {
    addresses.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Shows what a watcher tells as long as its run is watched: progress that comes after the result would put the
/// consoles back to an earlier count, and nothing would correct it.
struct WhileWatched {
    run: RunId,
    addresses: Arc<Addresses>,
    feed: Arc<dyn LiveFeed>,
}

impl LiveFeed for WhileWatched {
    fn publish(&self, publication: Publication) {
        let all = lock(&self.addresses);
        if all.contains_key(&self.run) {
            self.feed.publish(publication);
        }
    }
}

#[cfg(test)]
mod tests;
