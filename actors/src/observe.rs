//! What every actor can tell of itself, and the register in which supervisors keep their children.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use messages::Timestamp;
use messages::http::admin::{ActorList, ActorStatus, ActorView};
use ractor::{ActorRef, Message, RpcReplyPort};
use serde_json::Value;

/// A message type with a question for the actor's snapshot. Answering must be cheap: no I/O, no big copies.
pub trait Observable: Message {
    fn observe(reply: RpcReplyPort<Value>) -> Self;
}

/// Asks one actor for its snapshot; `None` when it does not answer in time.
pub type Observe = Arc<dyn Fn() -> BoxFuture<'static, Option<Value>> + Send + Sync>;

/// An actor that cannot say in this time what it does is shown as silent.
const PATIENCE: Duration = Duration::from_millis(500);

/// How to ask this actor.
pub fn observer<M: Observable>(actor: ActorRef<M>) -> Observe {
    Arc::new(move || {
        let actor = actor.clone();
        Box::pin(async move {
            match actor.call(M::observe, Some(PATIENCE)).await {
                Ok(ractor::rpc::CallResult::Success(snapshot)) => Some(snapshot),
                _ => None,
            }
        })
    })
}

/// What a supervisor knows of a child.
#[derive(Clone)]
pub struct Entry {
    pub kind: &'static str,
    pub status: ActorStatus,
    pub restarts: u64,
    pub last_failure: Option<String>,
    pub started_at: Timestamp,
    pub observe: Option<Observe>,
}

/// All actors of this process by their path in the tree. Cheap to clone.
#[derive(Clone, Default)]
pub struct Register {
    entries: Arc<Mutex<BTreeMap<String, Entry>>>,
    restarts: Arc<AtomicU64>,
}

impl Register {
    /// A page that a person looks at; a hub with 10,000 retailers has more actors than anyone reads.
    pub const MAX_LISTED: usize = 500;
    /// Snapshots asked for at once.
    const CONCURRENT: usize = 32;

    pub fn put(&self, path: &str, entry: Entry) {
        self.lock().insert(path.to_owned(), entry);
    }

    pub fn update(&self, path: &str, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.lock().get_mut(path) {
            change(entry);
        }
    }

    /// An actor ended and is started again.
    pub fn count_restart(&self) {
        self.restarts.fetch_add(1, Ordering::Relaxed);
    }

    /// Of all actors there ever were.
    #[must_use]
    pub fn restarts(&self) -> u64 {
        self.restarts.load(Ordering::Relaxed)
    }

    #[must_use]
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    pub fn remove(&self, path: &str) {
        self.lock().remove(path);
    }

    /// Names of what is there, for tests that look for leftovers.
    #[must_use]
    pub fn paths(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    /// The tree with each actor's snapshot.
    pub async fn list(&self) -> ActorList {
        let (total, entries): (usize, Vec<_>) = {
            let all = self.lock();
            let first = all.iter().take(Self::MAX_LISTED);
            (all.len(), first.map(|(path, entry)| (path.clone(), entry.clone())).collect())
        };
        let truncated = total > entries.len();
        let actors = futures_util::stream::iter(entries)
            .map(|(path, entry)| look(path, entry))
            .buffered(Self::CONCURRENT)
            .collect()
            .await;
        ActorList { total: total as u64, truncated, actors }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Entry>> {
        // A panic while holding the lock leaves whole entries behind: the map is usable.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn look(path: String, entry: Entry) -> ActorView {
    let mut status = entry.status;
    let snapshot = match (&entry.observe, status) {
        (Some(observe), ActorStatus::Running) => observe().await.unwrap_or_else(|| {
            status = ActorStatus::Silent;
            Value::Null
        }),
        _ => Value::Null,
    };
    ActorView {
        path,
        kind: entry.kind.to_owned(),
        status,
        restarts: entry.restarts,
        last_failure: entry.last_failure,
        started_at: entry.started_at,
        snapshot,
    }
}
