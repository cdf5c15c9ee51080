//! A retailer's documents in memory. Pure: a cache of what the store has, changed only by what was committed.
//!
//! Cloning is cheap (the documents are shared), which is how a batch is staged before it is committed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use messages::http::retailers::RetailerSummary;
use messages::live::Entity;
use messages::run::RunState;
use messages::{AgentId, DestinationId, JobId, RetailerId, RunId, StoreId, Timestamp, Version};

use super::presence::Connections;
use super::watch;
use crate::domain::{Agent, Destination, EntityId, Image, Job, Receipt, Retailer, Run, Store, Write};

/// How many of each a retailer may have: far above any real one, far below what would hurt its neighbours.
pub const MOST_STORES: usize = 500;
pub const MOST_AGENTS: usize = 500;
pub const MOST_DESTINATIONS: usize = 200;
pub const MOST_JOBS: usize = 500;
/// Runs waiting or at work. More than that is a button pressed in a loop.
pub const MOST_OPEN_RUNS: usize = 200;
/// Idempotency keys remembered for [`RECEIPT_LIFE`].
pub const MOST_RECEIPTS: usize = 2_000;
pub const RECEIPT_LIFE: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

#[derive(Debug, Clone, Default)]
pub struct State {
    pub version: Version,
    pub retailer: Option<Arc<Retailer>>,
    pub stores: BTreeMap<StoreId, Arc<Store>>,
    pub agents: BTreeMap<AgentId, Arc<Agent>>,
    pub destinations: BTreeMap<DestinationId, Arc<Destination>>,
    pub jobs: BTreeMap<JobId, Arc<Job>>,
    /// Open runs, and the latest closed ones. Identifiers are time-ordered, so the map is too.
    pub runs: BTreeMap<RunId, Arc<Run>>,
    pub receipts: BTreeMap<String, (EntityId, Timestamp)>,
}

impl State {
    #[must_use]
    pub fn of(image: Image) -> Self {
        let mut state = Self { version: image.version, ..Self::default() };
        let writes = image
            .retailer
            .map(Write::Retailer)
            .into_iter()
            .chain(image.stores.into_iter().map(Write::Store))
            .chain(image.agents.into_iter().map(Write::Agent))
            .chain(image.destinations.into_iter().map(Write::Destination))
            .chain(image.jobs.into_iter().map(Write::Job))
            .chain(image.runs.into_iter().map(Write::Run))
            .chain(image.receipts.into_iter().map(Write::Receipt));
        for write in writes {
            state.apply(&write);
        }
        state
    }

    /// Takes over what a write says.
    pub fn apply(&mut self, write: &Write) {
        match write {
            Write::Retailer(x) => self.retailer = Some(Arc::new(x.clone())),
            Write::Store(x) => drop(self.stores.insert(x.id, Arc::new(x.clone()))),
            Write::Agent(x) => drop(self.agents.insert(x.id, Arc::new(x.clone()))),
            Write::Destination(x) => drop(self.destinations.insert(x.id, Arc::new(x.clone()))),
            Write::Job(x) => drop(self.jobs.insert(x.id, Arc::new(x.clone()))),
            Write::Run(x) => {
                self.runs.insert(x.id, Arc::new(x.clone()));
                self.forget_old_runs();
            }
            Write::Receipt(Receipt { key, made, at }) => self.remember(key.clone(), *made, *at),
            Write::Delete(id) => self.delete(*id),
        }
    }

    fn delete(&mut self, id: EntityId) {
        match id {
            EntityId::Retailer => *self = Self { version: self.version, ..Self::default() },
            EntityId::Store(id) => drop(self.stores.remove(&id)),
            EntityId::Agent(id) => drop(self.agents.remove(&id)),
            EntityId::Destination(id) => drop(self.destinations.remove(&id)),
            EntityId::Job(id) => drop(self.jobs.remove(&id)),
            EntityId::Run(id) => drop(self.runs.remove(&id)),
        }
    }

    fn remember(&mut self, key: String, made: EntityId, at: Timestamp) {
        self.receipts.insert(key, (made, at));
        if self.receipts.len() > MOST_RECEIPTS {
            self.receipts.retain(|_, (_, then)| at.since(*then) < RECEIPT_LIFE);
        }
        while self.receipts.len() > MOST_RECEIPTS {
            let oldest = self.receipts.iter().min_by_key(|(_, (_, then))| *then).map(|(key, _)| key.clone());
            let Some(oldest) = oldest else { break };
            self.receipts.remove(&oldest);
        }
    }

    fn forget_old_runs(&mut self) {
        let closed = self.runs.values().filter(|run| run.state.is_over()).count();
        let surplus = closed.saturating_sub(Image::RECENT_RUNS);
        let old: Vec<_> =
            self.runs.values().filter(|run| run.state.is_over()).take(surplus).map(|run| run.id).collect();
        for id in old {
            self.runs.remove(&id);
        }
    }

    pub fn open_runs(&self) -> impl Iterator<Item = &Arc<Run>> {
        self.runs.values().filter(|run| !run.state.is_over())
    }

    /// The retailer's row in lists, with `agents_online` of the agents connected.
    #[must_use]
    pub fn summary(&self, id: RetailerId, agents_online: usize) -> Option<RetailerSummary> {
        let retailer = self.retailer.as_ref()?;
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let failing = |job: &&Arc<Job>| {
            let last = job.last_run.as_ref().map(|run| run.state);
            matches!(last, Some(RunState::Failed | RunState::TimedOut | RunState::Lost))
        };
        Some(RetailerSummary {
            id,
            code: retailer.spec.code.clone(),
            name: retailer.spec.name.clone(),
            enabled: retailer.spec.enabled,
            stores: count(self.stores.len()),
            agents_total: count(self.agents.len()),
            agents_online: count(agents_online),
            jobs: count(self.jobs.len()),
            runs_active: count(self.open_runs().count()),
            jobs_failing: count(self.jobs.values().filter(failing).count()),
            last_run: self.runs.values().next_back().map(|run| run.brief()),
        })
    }
}

/// One thing as consoles and REST clients see it.
#[must_use]
pub fn entity(
    state: &State,
    id: EntityId,
    retailer: RetailerId,
    connections: &Connections,
    now: Instant,
) -> Option<Entity> {
    Some(match id {
        EntityId::Retailer => Entity::Retailer(state.retailer.as_ref()?.view()),
        EntityId::Store(id) => Entity::Store(state.stores.get(&id)?.view(retailer)),
        EntityId::Agent(id) => watch::agent(state.agents.get(&id)?, retailer, connections, now),
        EntityId::Destination(id) => Entity::Destination(state.destinations.get(&id)?.view(retailer)),
        EntityId::Job(id) => Entity::Job(state.jobs.get(&id)?.view(retailer)),
        EntityId::Run(id) => Entity::Run(state.runs.get(&id)?.view(retailer)),
    })
}

/// The same as a JSON document, for problem details.
#[must_use]
pub fn view_json(
    state: &State,
    id: EntityId,
    retailer: RetailerId,
    connections: &Connections,
    now: Instant,
) -> serde_json::Value {
    let document = match entity(state, id, retailer, connections, now) {
        Some(Entity::Retailer(x)) => serde_json::to_value(x),
        Some(Entity::Store(x)) => serde_json::to_value(x),
        Some(Entity::Agent(x)) => serde_json::to_value(x),
        Some(Entity::Destination(x)) => serde_json::to_value(x),
        Some(Entity::Job(x)) => serde_json::to_value(x),
        Some(Entity::Run(x)) => serde_json::to_value(x),
        _ => return serde_json::Value::Null,
    };
    document.unwrap_or_default()
}
