//! What the consoles are told: commits as changes of topics, kept for those who missed a few. Pure.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use messages::live::{Change, Entity, EntityKey, Tick};
use messages::{RetailerId, Version};

use super::presence::Connections;
use super::request::WatchedDelta;
use super::state::State;
use crate::domain::{Agent, EntityId, Write};

/// Commits kept for consoles that come back. A console that missed more takes a snapshot, which is cheaper by then.
pub const KEPT: usize = 256;

/// The changes of one commit on the retailer's topic.
#[derive(Debug, Clone)]
pub struct Commit {
    pub version: Version,
    pub changes: Arc<[Change]>,
}

/// The latest commits.
#[derive(Debug, Default)]
pub struct History {
    commits: VecDeque<Commit>,
}

impl History {
    pub fn push(&mut self, commit: Commit) {
        if self.commits.len() == KEPT {
            self.commits.pop_front();
        }
        self.commits.push_back(commit);
    }

    /// What happened after `since`; `None` when that is not known any more.
    #[must_use]
    pub fn since(&self, since: Version, current: Version) -> Option<Vec<WatchedDelta>> {
        let known = since == current
            || self.commits.front().is_some_and(|oldest| oldest.version.0 <= since.0 + 1 && since < current);
        if !known {
            return None;
        }
        let missed = self.commits.iter().filter(|commit| commit.version > since);
        let delta = |commit: &Commit| WatchedDelta {
            after: Version(commit.version.0 - 1),
            version: commit.version,
            changes: commit.changes.to_vec(),
        };
        Some(missed.map(delta).collect())
    }
}

/// What a write looks like to a console. Receipts are nobody's business.
#[must_use]
pub fn change(
    write: &Write,
    retailer: RetailerId,
    connections: &Connections,
    now: Instant,
) -> Option<Change> {
    let entity = match write {
        Write::Retailer(x) => Entity::Retailer(x.view()),
        Write::Store(x) => Entity::Store(x.view(retailer)),
        Write::Agent(x) => agent(x, retailer, connections, now),
        Write::Destination(x) => Entity::Destination(x.view(retailer)),
        Write::Job(x) => Entity::Job(x.view(retailer)),
        Write::Run(x) => Entity::Run(x.view(retailer)),
        Write::Delete(id) => return Some(Change::Remove { key: key(*id, retailer) }),
        Write::Receipt(_) => return None,
    };
    Some(Change::Put { entity })
}

#[must_use]
pub fn agent(agent: &Agent, retailer: RetailerId, connections: &Connections, now: Instant) -> Entity {
    let (presence, last_seen_at) = connections.presence(agent.id, agent.last_seen_at, now);
    Entity::Agent(agent.view(retailer, presence, last_seen_at))
}

fn key(id: EntityId, retailer: RetailerId) -> EntityKey {
    let text = match id {
        EntityId::Retailer => retailer.to_string(),
        EntityId::Store(id) => id.to_string(),
        EntityId::Agent(id) => id.to_string(),
        EntityId::Destination(id) => id.to_string(),
        EntityId::Job(id) => id.to_string(),
        EntityId::Run(id) => id.to_string(),
    };
    EntityKey { kind: id.kind().to_owned(), id: text }
}

/// What commits do not tell of a retailer's topic, as it is now.
#[must_use]
pub fn ticks(state: &State, connections: &Connections, now: Instant) -> Vec<Tick> {
    let presences = state.agents.values().filter_map(|agent| {
        let (presence, last_seen_at) = connections.presence(agent.id, agent.last_seen_at, now);
        last_seen_at.map(|last_seen_at| Tick::Presence { agent_id: agent.id, presence, last_seen_at })
    });
    let progress = state.open_runs().map(|run| Tick::Progress { run_id: run.id, progress: run.progress });
    presences.chain(progress).collect()
}

/// Everything on the retailer's topic.
#[must_use]
pub fn snapshot(state: &State, retailer: RetailerId, connections: &Connections, now: Instant) -> Vec<Entity> {
    let mut entities = Vec::new();
    entities.extend(state.retailer.iter().map(|x| Entity::Retailer(x.view())));
    entities.extend(state.stores.values().map(|x| Entity::Store(x.view(retailer))));
    entities.extend(state.agents.values().map(|x| agent(x, retailer, connections, now)));
    entities.extend(state.destinations.values().map(|x| Entity::Destination(x.view(retailer))));
    entities.extend(state.jobs.values().map(|x| Entity::Job(x.view(retailer))));
    entities.extend(state.runs.values().map(|x| Entity::Run(x.view(retailer))));
    entities
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(versions: std::ops::RangeInclusive<u64>) -> History {
        let mut history = History::default();
        for version in versions {
            let key = EntityKey { kind: "job".into(), id: version.to_string() };
            history.push(Commit { version: Version(version), changes: Arc::new([Change::Remove { key }]) });
        }
        history
    }

    fn missed(history: &History, since: u64, current: u64) -> Option<Vec<u64>> {
        let deltas = history.since(Version(since), Version(current))?;
        Some(deltas.iter().map(|delta| delta.version.0).collect())
    }

    #[test]
    fn a_console_gets_exactly_what_it_missed_or_a_snapshot() {
        let kept = history(5..=8);
        assert_eq!(missed(&kept, 8, 8), Some(vec![]));
        assert_eq!(missed(&kept, 6, 8), Some(vec![7, 8]));
        assert_eq!(missed(&kept, 4, 8), Some(vec![5, 6, 7, 8]));
        assert_eq!(missed(&kept, 3, 8), None, "version 4 is gone");
        assert_eq!(missed(&kept, 9, 8), None, "a version from the future, of another life");
        assert_eq!(missed(&History::default(), 3, 8), None);
        assert_eq!(missed(&History::default(), 8, 8), Some(vec![]));
    }

    #[test]
    fn only_so_many_are_kept() {
        let kept = history(1..=KEPT as u64 + 10);
        assert_eq!(kept.commits.len(), KEPT);
        assert_eq!(missed(&kept, 9, KEPT as u64 + 10), None);
        assert_eq!(missed(&kept, 10, KEPT as u64 + 10).map(|m| m.len()), Some(KEPT));
    }
}
