//! Who owns what, as this node saw it last: what requests are routed by.
//!
//! It may be old by a moment, and nothing depends on its truth: an owner that is one no longer says so, and every
//! write is fenced.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use messages::http::cluster::{MOVES_TOLD, MoveReason, MoveView};
use messages::ids::BootId;
use messages::version::Epoch;
use messages::{RetailerId, Timestamp};
use tokio::sync::watch;

use super::shard::{SHARDS, Shard, shard_of};
use crate::store::{NodeRow, Picture};

/// A shard's owner, if it has a living one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    pub owner: Option<BootId>,
    pub epoch: Epoch,
}

/// Living nodes and the places of all shards, at one instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topology {
    nodes: BTreeMap<BootId, NodeRow>,
    places: Vec<Place>,
}

impl Default for Topology {
    fn default() -> Self {
        Self { nodes: BTreeMap::new(), places: vec![Place::default(); usize::from(SHARDS)] }
    }
}

impl Topology {
    #[must_use]
    pub fn of(picture: &Picture) -> Self {
        let mut topology = Self::default();
        for row in &picture.shards {
            topology.put(row.shard, Place { owner: picture.living_owner(row), epoch: row.epoch });
        }
        topology.nodes = picture.nodes.iter().map(|node| (node.boot, node.clone())).collect();
        topology
    }

    pub(super) fn put(&mut self, shard: Shard, place: Place) {
        if let Some(known) = self.places.get_mut(shard.index()) {
            *known = place;
        }
    }

    #[must_use]
    pub fn place(&self, shard: Shard) -> Place {
        self.places.get(shard.index()).copied().unwrap_or_default()
    }

    #[must_use]
    pub fn owner_of(&self, retailer: RetailerId) -> Option<BootId> {
        self.place(shard_of(retailer)).owner
    }

    pub fn nodes(&self) -> impl Iterator<Item = &NodeRow> {
        self.nodes.values()
    }

    #[must_use]
    pub fn node(&self, boot: BootId) -> Option<&NodeRow> {
        self.nodes.get(&boot)
    }

    #[must_use]
    pub fn shards_of(&self, boot: BootId) -> usize {
        self.places.iter().filter(|place| place.owner == Some(boot)).count()
    }

    /// Shards whose place is not what it was.
    #[must_use]
    pub fn moved_since(&self, before: &Self) -> Vec<Shard> {
        Shard::all().filter(|shard| self.place(*shard) != before.place(*shard)).collect()
    }
}

/// Changes of hands, and what is needed to tell the next one.
#[derive(Debug, Default)]
struct Chronicle {
    moves: VecDeque<MoveView>,
    /// The last living owner of each shard.
    last: BTreeMap<Shard, BootId>,
    /// Nodes that this one has found gone.
    gone: BTreeSet<BootId>,
}

/// For everybody who asks. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Map {
    current: watch::Receiver<Arc<Topology>>,
    chronicle: Arc<Mutex<Chronicle>>,
}

/// For the keeper alone.
#[derive(Debug, Clone)]
pub struct MapKeeper {
    current: Arc<watch::Sender<Arc<Topology>>>,
    chronicle: Arc<Mutex<Chronicle>>,
}

/// A keeper and its handle; nobody owns anything yet.
#[must_use]
pub fn map() -> (MapKeeper, Map) {
    let (sender, current) = watch::channel(Arc::new(Topology::default()));
    let chronicle = Arc::default();
    (MapKeeper { current: sender.into(), chronicle: Arc::clone(&chronicle) }, Map { current, chronicle })
}

impl Map {
    #[must_use]
    pub fn now(&self) -> Arc<Topology> {
        self.current.borrow().clone()
    }

    /// For waiting until it is different.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Arc<Topology>> {
        self.current.clone()
    }

    /// The latest changes of hands, newest first.
    #[must_use]
    pub fn moves(&self) -> Vec<MoveView> {
        self.chronicle.lock().unwrap_or_else(PoisonError::into_inner).moves.iter().rev().copied().collect()
    }
}

impl MapKeeper {
    pub(super) fn publish(&self, topology: Topology) {
        self.current.send_if_modified(|current| {
            if **current == topology {
                return false;
            }
            self.record(current, &topology);
            *current = Arc::new(topology);
            true
        });
    }

    /// One shard has changed hands, by this node's own doing.
    pub(super) fn moved(&self, shard: Shard, place: Place) {
        let mut topology = (**self.current.borrow()).clone();
        topology.put(shard, place);
        self.publish(topology);
    }

    /// A node's process was found gone. Another node may have found so first, and its shards have moved already.
    pub(super) fn found_gone(&self, boot: BootId) {
        let mut chronicle = self.chronicle.lock().unwrap_or_else(PoisonError::into_inner);
        chronicle.gone.insert(boot);
        for told in &mut chronicle.moves {
            if told.from == Some(boot) && told.why == MoveReason::LeaseRanOut {
                told.why = MoveReason::OwnerGone;
            }
        }
    }

    fn record(&self, before: &Topology, after: &Topology) {
        let at = Timestamp::now();
        let mut chronicle = self.chronicle.lock().unwrap_or_else(PoisonError::into_inner);
        let Chronicle { moves, last, gone } = &mut *chronicle;
        for shard in after.moved_since(before) {
            let Place { owner: Some(to), epoch } = after.place(shard) else { continue };
            let from = last.insert(shard, to);
            if from != Some(to) {
                let why = why(from, epoch, before, after, gone);
                moves.push_back(MoveView { at, shard: shard.number(), epoch, from, to, why });
            }
        }
        gone.retain(|boot| last.values().any(|owner| owner == boot));
        let surplus = moves.len().saturating_sub(MOVES_TOLD);
        moves.drain(..surplus);
    }
}

/// As far as it can be told from outside. Pure.
fn why(
    from: Option<BootId>,
    epoch: Epoch,
    before: &Topology,
    after: &Topology,
    gone: &BTreeSet<BootId>,
) -> MoveReason {
    let Some(from) = from else {
        return if epoch.0 <= 1 { MoveReason::First } else { MoveReason::Unknown };
    };
    match (after.node(from), before.node(from)) {
        (Some(owner), _) | (None, Some(owner)) if owner.leaving => MoveReason::Drained,
        (Some(_), _) => MoveReason::Balanced,
        (None, _) if gone.contains(&from) => MoveReason::OwnerGone,
        (None, _) => MoveReason::LeaseRanOut,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moves_are_kept_newest_first_and_not_for_ever() {
        let (keeper, map) = map();
        let (one, two) = (BootId::new(), BootId::new());
        let place = |owner, epoch| Place { owner: Some(owner), epoch: Epoch(epoch) };
        for shard in Shard::all() {
            keeper.moved(shard, place(one, 1));
        }
        assert_eq!((map.now().shards_of(one), map.moves().len()), (256, MOVES_TOLD));
        let first = Shard::all().next().unwrap();
        keeper.moved(first, place(two, 2));
        let newest = map.moves()[0];
        assert_eq!((newest.shard, newest.from, newest.to), (first.number(), Some(one), two));
        // A new epoch under the same owner is no change of hands, but it is told to watchers.
        let mut watch = map.watch();
        watch.mark_unchanged();
        keeper.moved(first, place(two, 3));
        assert!(watch.has_changed().unwrap());
        assert_eq!(map.moves()[0], newest);
    }

    #[test]
    fn a_move_is_told_as_the_owners_end_also_when_that_is_learnt_later() {
        let (keeper, map) = map();
        let (one, two) = (BootId::new(), BootId::new());
        let place = |owner, epoch| Place { owner: Some(owner), epoch: Epoch(epoch) };
        let mut shards = Shard::all();
        let (early, late) = (shards.next().unwrap(), shards.next().unwrap());
        keeper.moved(early, place(one, 1));
        keeper.moved(late, place(one, 1));
        keeper.moved(early, place(two, 2));
        assert_eq!(map.moves()[0].why, MoveReason::LeaseRanOut);
        keeper.found_gone(one);
        keeper.moved(late, place(two, 2));
        let why: Vec<MoveReason> = map.moves().iter().take(2).map(|told| told.why).collect();
        assert_eq!(why, [MoveReason::OwnerGone, MoveReason::OwnerGone]);
    }
}
