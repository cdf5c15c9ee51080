//! What is known of one live topic: its entities at a version, and how a frame changes them.
//! Pure. The connection asks `apply` what to do next; it holds no socket.

use std::collections::BTreeMap;
use std::rc::Rc;

use messages::http::agents::AgentView;
use messages::http::destinations::DestinationView;
use messages::http::jobs::JobView;
use messages::http::retailers::{RetailerSummary, RetailerView};
use messages::http::runs::RunView;
use messages::http::stores::StoreView;
use messages::live::{Change, Entity, EntityKey, LedgerMark, Tick, Totals};
use messages::run::LogLine;
use messages::{AgentId, ErrorCode, RunId, Version};

/// Log lines kept of a run's topic. The page that shows them keeps its own, longer list.
const MAX_LOG: usize = 2_000;

/// What a frame means for a topic.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    Snapshot {
        version: Version,
        entities: Vec<Entity>,
    },
    Delta {
        after: Version,
        version: Version,
        changes: Vec<Change>,
    },
    Tick(Vec<Tick>),
    Refused {
        code: ErrorCode,
        detail: String,
    },
    /// Fetched by REST, which tells no version.
    Polled(Vec<Entity>),
}

/// What to do after a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Changed,
    Unchanged,
    /// Something was missed: subscribe again, without a version.
    Gap,
}

/// One topic as the console has it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TopicState {
    /// In the order in which they came; a few hundred at most.
    entities: Vec<(EntityKey, Rc<Entity>)>,
    /// Apart from the rest, by place in the agent's numbering: they are many and come often.
    log: BTreeMap<u64, Rc<LogLine>>,
    /// Absent until a snapshot has come, and after polling.
    pub version: Option<Version>,
    pub loaded: bool,
    pub refused: Option<(ErrorCode, String)>,
}

impl TopicState {
    /// Applies one input. A delta that does not follow is never applied.
    pub fn apply(&mut self, input: Input) -> Outcome {
        match input {
            Input::Snapshot { version, entities } => {
                self.replace(entities);
                self.version = Some(version);
                Outcome::Changed
            }
            Input::Polled(entities) => {
                self.replace(entities);
                self.version = None;
                Outcome::Changed
            }
            Input::Delta { after, version, changes } => {
                if self.version != Some(after) {
                    return Outcome::Gap;
                }
                self.version = Some(version);
                let any = !changes.is_empty();
                changes.into_iter().for_each(|change| self.change(change));
                if any { Outcome::Changed } else { Outcome::Unchanged }
            }
            Input::Tick(ticks) => {
                // Before the snapshot there is nothing to update, and the snapshot will hold the values.
                let mut any = false;
                for tick in if self.loaded { ticks } else { Vec::new() } {
                    any |= self.tick(tick);
                }
                if any { Outcome::Changed } else { Outcome::Unchanged }
            }
            Input::Refused { code, detail } => {
                self.refused = Some((code, detail));
                self.version = None;
                Outcome::Changed
            }
        }
    }

    fn replace(&mut self, entities: Vec<Entity>) {
        self.entities.clear();
        self.log.clear();
        entities.into_iter().for_each(|entity| self.put(entity));
        self.loaded = true;
        self.refused = None;
    }

    fn change(&mut self, change: Change) {
        match change {
            Change::Put { entity } => self.put(entity),
            Change::Remove { key } => {
                self.entities.retain(|(other, _)| *other != key);
                if key.kind == "log" {
                    key.id.parse().ok().and_then(|seq: u64| self.log.remove(&seq));
                }
            }
        }
    }

    fn tick(&mut self, tick: Tick) -> bool {
        match tick {
            Tick::Presence { agent_id, presence, last_seen_at } => {
                self.alter("agent", agent_id.to_string(), |entity| {
                    if let Entity::Agent(agent) = entity {
                        agent.presence = presence;
                        agent.last_seen_at = Some(last_seen_at);
                    }
                })
            }
            Tick::Progress { run_id, progress } => self.alter("run", run_id.to_string(), |entity| {
                if let Entity::Run(run) = entity {
                    run.progress = progress;
                }
            }),
            Tick::Log { lines } => {
                let any = !lines.is_empty();
                lines.into_iter().for_each(|line| self.put(Entity::Log(line)));
                any
            }
            Tick::Summary { summary } => {
                self.put(Entity::Summary(summary));
                true
            }
            Tick::Totals { totals } => {
                self.put(Entity::Totals(totals));
                true
            }
            Tick::Ledger { mark } => {
                self.put(Entity::Ledger(mark));
                true
            }
        }
    }

    fn put(&mut self, entity: Entity) {
        if let Entity::Log(line) = entity {
            self.log.insert(line.seq, Rc::new(line));
            if self.log.len() > MAX_LOG {
                self.log.pop_first();
            }
        } else {
            let key = entity.key();
            match self.entities.iter_mut().find(|(other, _)| *other == key) {
                Some((_, old)) => *old = Rc::new(entity),
                None => self.entities.push((key, Rc::new(entity))),
            }
        }
    }

    fn alter(&mut self, kind: &str, id: String, f: impl FnOnce(&mut Entity)) -> bool {
        let key = EntityKey { kind: kind.to_owned(), id };
        match self.entities.iter_mut().find(|(other, _)| *other == key) {
            Some((_, entity)) => {
                f(Rc::make_mut(entity));
                true
            }
            None => false,
        }
    }

    fn pick<'a, T: 'a>(
        &'a self,
        f: impl Fn(&'a Entity) -> Option<&'a T> + 'a,
    ) -> impl Iterator<Item = &'a T> {
        self.entities.iter().filter_map(move |(_, entity)| f(entity))
    }
}

/// What pages read.
impl TopicState {
    #[must_use]
    pub fn totals(&self) -> Option<&Totals> {
        self.pick(|e| if let Entity::Totals(x) = e { Some(x) } else { None }).next()
    }

    #[must_use]
    pub fn ledger(&self) -> Option<LedgerMark> {
        self.pick(|e| if let Entity::Ledger(x) = e { Some(x) } else { None }).next().copied()
    }

    #[must_use]
    pub fn summary(&self) -> Option<&RetailerSummary> {
        self.pick(|e| if let Entity::Summary(x) = e { Some(x) } else { None }).next()
    }

    #[must_use]
    pub fn retailer(&self) -> Option<&RetailerView> {
        self.pick(|e| if let Entity::Retailer(x) = e { Some(x) } else { None }).next()
    }

    /// By name, as people look for them.
    #[must_use]
    pub fn stores(&self) -> Vec<&StoreView> {
        by_name(self.pick(|e| if let Entity::Store(x) = e { Some(x) } else { None }), |x| &x.spec.name)
    }

    #[must_use]
    pub fn agents(&self) -> Vec<&AgentView> {
        by_name(self.pick(|e| if let Entity::Agent(x) = e { Some(x) } else { None }), |x| &x.spec.name)
    }

    #[must_use]
    pub fn destinations(&self) -> Vec<&DestinationView> {
        by_name(self.pick(|e| if let Entity::Destination(x) = e { Some(x) } else { None }), |x| &x.name)
    }

    #[must_use]
    pub fn jobs(&self) -> Vec<&JobView> {
        by_name(self.pick(|e| if let Entity::Job(x) = e { Some(x) } else { None }), |x| &x.spec.name)
    }

    /// Newest first.
    #[must_use]
    pub fn runs(&self) -> Vec<&RunView> {
        let mut runs = Vec::<&RunView>::new();
        for run in self.pick(|e| if let Entity::Run(x) = e { Some(x) } else { None }) {
            let place = runs.partition_point(|other| (other.created_at, other.id) > (run.created_at, run.id));
            runs.insert(place, run);
        }
        runs
    }

    #[must_use]
    pub fn run(&self, id: RunId) -> Option<&RunView> {
        self.pick(|e| if let Entity::Run(x) = e { Some(x) } else { None }).find(|run| run.id == id)
    }

    #[must_use]
    pub fn agent(&self, id: AgentId) -> Option<&AgentView> {
        self.pick(|e| if let Entity::Agent(x) = e { Some(x) } else { None }).find(|agent| agent.id == id)
    }

    /// In the agent's order.
    #[must_use]
    pub fn log(&self) -> impl DoubleEndedIterator<Item = &Rc<LogLine>> {
        self.log.values()
    }
}

/// Sorted by putting each in its place: the lists are short, and a sorter for each kind would be long.
fn by_name<'a, T: 'a>(items: impl Iterator<Item = &'a T>, name: impl Fn(&T) -> &String) -> Vec<&'a T> {
    let (mut names, mut sorted) = (Vec::<String>::new(), Vec::new());
    for item in items {
        let name = name(item).to_lowercase();
        let place = names.partition_point(|other| *other <= name);
        names.insert(place, name);
        sorted.insert(place, item);
    }
    sorted
}

#[cfg(test)]
mod tests;
