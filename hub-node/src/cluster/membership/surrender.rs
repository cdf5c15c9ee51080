//! Shards on their way to another node: served here no longer, and not known to be there yet.

use std::collections::BTreeMap;
use std::time::Duration;

use actors::ports::StoreError;
use messages::ids::BootId;
use messages::version::Epoch;
use ractor::ActorRef;
use tokio::time::timeout;

use super::{MembershipMsg, State};
use crate::cluster::shard::Shard;
use crate::cluster::topology::Place;
use crate::store::{LeaseName, ShardRow};

/// How long the retailers of a shard may take to finish what they have accepted. Whatever is not done by then learns
/// from the fence that it is too late, and is asked again of the new owner.
const FINISH: Duration = Duration::from_secs(5);

/// What is under way, and what arrived since the last look began.
#[derive(Debug, Default)]
pub(super) struct Surrenders {
    under_way: BTreeMap<Shard, Surrender>,
    arrived: BTreeMap<Shard, (u64, Place)>,
    /// Shards that have arrived so far: tells looks apart that began before one did.
    given: u64,
}

#[derive(Debug, Clone, Copy)]
struct Surrender {
    to: BootId,
    epoch: Epoch,
    /// The database did not say whether it has changed hands; looks that begin after so many arrivals tell.
    unsure_since: Option<u64>,
}

impl Surrenders {
    pub(super) const fn given(&self) -> u64 {
        self.given
    }

    pub(super) fn count(&self) -> usize {
        self.under_way.len()
    }

    pub(super) fn under_way(&self, shard: Shard) -> bool {
        self.under_way.contains_key(&shard)
    }

    pub(super) fn successor(&self, shard: Shard) -> Option<BootId> {
        self.under_way.get(&shard).map(|surrender| surrender.to)
    }

    pub(super) fn begin(&mut self, shard: Shard, to: BootId, epoch: Epoch) {
        self.under_way.insert(shard, Surrender { to, epoch, unsure_since: None });
    }

    /// It has arrived. Answers where, and with which epoch.
    pub(super) fn done(&mut self, shard: Shard) -> Option<(BootId, Epoch)> {
        let Surrender { to, epoch, .. } = self.under_way.remove(&shard)?;
        self.given += 1;
        let epoch = Epoch(epoch.0 + 1);
        self.arrived.insert(shard, (self.given, Place { owner: Some(to), epoch }));
        Some((to, epoch))
    }

    pub(super) fn unsure(&mut self, shard: Shard) {
        self.given += 1;
        if let Some(surrender) = self.under_way.get_mut(&shard) {
            surrender.unsure_since = Some(self.given);
        }
    }

    /// A look that began after `given` arrivals has told. What arrived later is not in it and is answered; doubts that
    /// are older than the look are over.
    pub(super) fn settled(&mut self, given: u64) -> BTreeMap<Shard, Place> {
        self.arrived.retain(|_, (number, _)| *number > given);
        self.under_way.retain(|_, surrender| surrender.unsure_since.is_none_or(|since| since > given));
        self.arrived.iter().map(|(shard, (_, place))| (*shard, *place)).collect()
    }
}

/// Lets the shard's retailers finish, then names the successor.
pub(super) fn carry_out(
    myself: &ActorRef<MembershipMsg>,
    state: &State,
    lease: LeaseName,
    shard: Shard,
    epoch: Epoch,
    to: (BootId, LeaseName),
) {
    let (store, patience, keeper) = (state.store.clone(), state.terms.call, myself.clone());
    let vacated = state.surroundings.vacate(shard);
    tokio::spawn(async move {
        if timeout(FINISH, vacated).await.is_err() {
            tracing::warn!(%shard, "some retailers did not finish in time before their shard moved");
        }
        let row = ShardRow { shard, owner: Some((store.boot(), lease)), epoch };
        let late = |_| Err(StoreError::Unknown(format!("no answer within {patience:?}")));
        let result = timeout(patience, store.hand_over(lease, row, to)).await.unwrap_or_else(late);
        // Not this node's any more: then it is with somebody, and that is what was wanted.
        drop(keeper.cast(MembershipMsg::HandedOver { shard, result: result.map(|_| ()) }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(number: i32) -> Shard {
        Shard::new(number).unwrap()
    }

    #[test]
    fn a_look_that_began_before_the_arrival_does_not_bring_the_shard_back() {
        let (mut surrenders, to) = (Surrenders::default(), BootId::new());
        surrenders.begin(shard(1), to, Epoch(4));
        let early = surrenders.given();
        assert_eq!(surrenders.done(shard(1)), Some((to, Epoch(5))));
        let place = Place { owner: Some(to), epoch: Epoch(5) };
        assert_eq!(surrenders.settled(early), BTreeMap::from([(shard(1), place)]));
        assert_eq!(surrenders.settled(surrenders.given()), BTreeMap::new(), "a later look knows by itself");
    }

    #[test]
    fn a_doubt_lasts_until_a_look_that_began_after_it() {
        let mut surrenders = Surrenders::default();
        surrenders.begin(shard(1), BootId::new(), Epoch(4));
        let early = surrenders.given();
        surrenders.unsure(shard(1));
        surrenders.settled(early);
        assert!(surrenders.under_way(shard(1)), "it may have arrived after that look");
        surrenders.settled(surrenders.given());
        assert!(!surrenders.under_way(shard(1)));
    }
}
