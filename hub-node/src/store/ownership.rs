//! Who owns which shard: nodes with leases by the server's clock, and shards taken by compare-and-set.
//!
//! Rules that make it safe:
//! * A lease that has run out never lives again. Renewal is refused from the server's instant of expiry on; the node
//!   then takes a lease of a new name. So "this lease is dead", once seen, stays true.
//! * A shard names node *and lease* of its owner, and is taken from a dead pair by compare-and-set, `epoch + 1`.
//!   Two that both saw the pair dead cannot both take it.
//! * A node that holds the lock on a data directory proves that every other node of that directory is dead: see
//!   [`NodeRecord::data_dir`].
//!
//! Only the database decides; the decision what to do when is pure and in `cluster::lease`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use actors::ports::StoreError;
use bson::{Bson, Document, doc};
use futures_util::TryStreamExt as _;
use messages::ids::{BootId, MsgId};
use messages::version::Epoch;
use mongodb::error::{Error, ErrorKind};

use super::documents::Stored as _;
use super::documents::node::{NodeDoc, ShardDoc};
use super::documents::value::{StoredId as _, count};
use super::failure;
use super::handle::Store;
use crate::cluster::shard::{SHARDS, Shard};

/// Nodes that have been gone this long are forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_hours(24);

/// What a node says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeRecord {
    pub boot: BootId,
    /// Where other nodes reach it.
    pub address: String,
    pub version: String,
    /// Names the data directory that this process holds locked. A node found under the same name in the database is
    /// an earlier process of this directory: the lock was free, so that process is dead, and its lease need not be
    /// waited for. After a crash of the only hub this is the difference between serving at once and after 6 s.
    pub data_dir: String,
}

/// The shards that are this node's, after a round of claiming.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Claimed {
    pub epochs: BTreeMap<Shard, Epoch>,
    /// How many of them came with this round.
    pub gained: usize,
}

/// A lease of this node, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseName(bson::Uuid);

/// The collections of ownership. Calls are made once, without repetition: whoever calls has its own clock to keep.
#[derive(Debug, Clone)]
pub struct OwnershipStore {
    store: Store,
    node: NodeRecord,
    ttl: Duration,
}

impl OwnershipStore {
    /// `ttl` must be that of `cluster::lease`.
    #[must_use]
    pub const fn new(store: Store, node: NodeRecord, ttl: Duration) -> Self {
        Self { store, node, ttl }
    }

    /// Takes a new lease. Shards held under an earlier one are no longer this node's.
    pub async fn register(&self) -> Result<LeaseName, StoreError> {
        let lease = bson::Uuid::from_bytes(MsgId::new().as_uuid().into_bytes());
        let fields = doc! {
            "sv": NodeDoc::SHAPE, "lease": lease, "lease_until": self.until(), "address": literal(&self.node.address),
            "version": literal(&self.node.version), "data_dir": literal(&self.node.data_dir), "started_at": "$$NOW",
        };
        let nodes = self.store.system::<NodeDoc>();
        nodes
            .update_one(doc! { "_id": self.node.boot.stored() }, vec![doc! { "$set": fields }])
            .upsert(true)
            .await
            .map_err(|error| failure::to_store_error(&error))?;
        Ok(LeaseName(lease))
    }

    /// Lengthens the lease; `false`: it has run out, and is gone for good.
    pub async fn renew(&self, lease: LeaseName) -> Result<bool, StoreError> {
        let alive = doc! {
            "_id": self.node.boot.stored(), "lease": lease.0,
            "$expr": { "$gt": ["$lease_until", "$$NOW"] },
        };
        let longer = vec![doc! { "$set": { "lease_until": self.until() } }];
        let renewed = self.store.system::<NodeDoc>().update_one(alive, longer).await;
        renewed.map(|update| update.matched_count == 1).map_err(|error| failure::to_store_error(&error))
    }

    /// Gives up the lease, and with it every shard. For a clean stop.
    pub async fn release(&self, lease: LeaseName) -> Result<(), StoreError> {
        let mine = doc! { "_id": self.node.boot.stored(), "lease": lease.0 };
        let released = self.store.system::<NodeDoc>().delete_one(mine).await;
        released.map(|_| ()).map_err(|error| failure::to_store_error(&error))
    }

    /// Takes every shard that is free, and tells which are this node's then. A handful of operations whatever the
    /// number of shards: one per owner that has died.
    pub async fn claim(&self, lease: LeaseName) -> Result<Claimed, StoreError> {
        self.try_claim(lease).await.map_err(|error| failure::to_store_error(&error))
    }

    async fn try_claim(&self, lease: LeaseName) -> Result<Claimed, Error> {
        let alive = self.living().await?;
        let before = self.shards().await?;
        let me = (Some(self.node.boot.stored()), Some(lease.0));
        let shards = self.store.system::<ShardDoc>();
        for ((owner, its_lease), free) in free_by_owner(&before, &alive) {
            let still = doc! { "_id": { "$in": free }, "owner": owner, "lease": its_lease };
            let mine = doc! { "$set": { "owner": me.0, "lease": me.1 }, "$inc": { "epoch": 1_i64 } };
            shards.update_many(still, mine).await?;
        }
        let after = self.shards().await?;
        let is_mine = |shard: &&ShardDoc| (shard.owner, shard.lease) == me;
        let had = before.iter().filter(is_mine).count();
        let mut epochs = BTreeMap::new();
        for shard in after.iter().filter(is_mine) {
            let number =
                Shard::new(shard.id).ok_or_else(|| corrupt(format!("there is no shard {}", shard.id)))?;
            epochs.insert(number, Epoch(count(shard.epoch, "epoch").map_err(|error| corrupt(error.0))?));
        }
        if epochs.len() > had {
            self.forget_the_dead().await?;
        }
        Ok(Claimed { gained: epochs.len().saturating_sub(had), epochs })
    }

    /// Nodes with their leases that are to be respected, this one's among them.
    async fn living(&self) -> Result<BTreeSet<([u8; 16], [u8; 16])>, Error> {
        let me = self.node.boot.stored();
        let not_dead = doc! {
            "$or": [{ "_id": me }, { "data_dir": { "$ne": &self.node.data_dir } }],
            "$expr": { "$gt": ["$lease_until", "$$NOW"] },
        };
        let nodes: Vec<NodeDoc> = self.store.system::<NodeDoc>().find(not_dead).await?.try_collect().await?;
        Ok(nodes.into_iter().map(|node| (node.id.bytes(), node.lease.bytes())).collect())
    }

    async fn shards(&self) -> Result<Vec<ShardDoc>, Error> {
        self.store.system::<ShardDoc>().find(doc! {}).sort(doc! { "_id": 1 }).await?.try_collect().await
    }

    /// Nodes whose lease ended long ago, and earlier processes of this data directory.
    async fn forget_the_dead(&self) -> Result<(), Error> {
        let long_ago = doc! { "$dateSubtract": {
            "startDate": "$$NOW", "unit": "millisecond", "amount": millis(FORGOTTEN_AFTER),
        } };
        let dead = doc! {
            "_id": { "$ne": self.node.boot.stored() },
            "$or": [
                { "data_dir": &self.node.data_dir },
                { "$expr": { "$lt": ["$lease_until", long_ago] } },
            ],
        };
        self.store.system::<NodeDoc>().delete_many(dead).await.map(|_| ())
    }

    fn until(&self) -> Document {
        doc! { "$dateAdd": { "startDate": "$$NOW", "unit": "millisecond", "amount": millis(self.ttl) } }
    }
}

type Owner = (Option<bson::Uuid>, Option<bson::Uuid>);

/// Shards whose owner is dead or absent, gathered by that owner. Pure.
fn free_by_owner(shards: &[ShardDoc], alive: &BTreeSet<([u8; 16], [u8; 16])>) -> Vec<(Owner, Vec<i32>)> {
    let mut free: Vec<(Owner, Vec<i32>)> = Vec::new();
    for shard in shards {
        let owner = (shard.owner, shard.lease);
        if let (Some(node), Some(lease)) = owner
            && alive.contains(&(node.bytes(), lease.bytes()))
        {
            continue;
        }
        match free.iter_mut().find(|(other, _)| *other == owner) {
            Some((_, shards)) => shards.push(shard.id),
            None => free.push((owner, vec![shard.id])),
        }
    }
    free
}

/// Makes the shards of a new database. Those that are there stay as they are.
pub(super) async fn make_shards(store: &Store) -> Result<(), Error> {
    let fresh = |id| ShardDoc { id, sv: ShardDoc::SHAPE, owner: None, lease: None, epoch: 0 };
    let shards: Vec<ShardDoc> = (0..i32::from(SHARDS)).map(fresh).collect();
    match store.system::<ShardDoc>().insert_many(shards).ordered(false).await {
        Ok(_) => Ok(()),
        Err(error) if super::tenant::only_duplicates(&error) => Ok(()),
        Err(error) => Err(error),
    }
}

/// In a pipeline a text that begins with a dollar would be taken for a field.
fn literal(text: &str) -> Bson {
    doc! { "$literal": text }.into()
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

fn corrupt(what: String) -> Error {
    ErrorKind::Custom(std::sync::Arc::new(what)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uuid(n: u8) -> bson::Uuid {
        bson::Uuid::from_bytes([n; 16])
    }

    fn shard(id: i32, owner: Option<(u8, u8)>) -> ShardDoc {
        let (owner, lease) =
            owner.map_or((None, None), |(node, lease)| (Some(uuid(node)), Some(uuid(lease))));
        ShardDoc { id, sv: 1, owner, lease, epoch: 3 }
    }

    #[test]
    fn only_what_has_no_living_owner_is_free() {
        let alive = BTreeSet::from([([1; 16], [10; 16])]);
        let shards = [
            shard(0, None),
            shard(1, Some((1, 10))),
            // The same node under an earlier lease.
            shard(2, Some((1, 9))),
            shard(3, Some((2, 20))),
            shard(4, Some((2, 20))),
        ];
        let free: Vec<Vec<i32>> =
            free_by_owner(&shards, &alive).into_iter().map(|(_, shards)| shards).collect();
        assert_eq!(free, [vec![0], vec![2], vec![3, 4]]);
    }

    #[test]
    fn a_free_shard_is_never_one_of_a_living_owner() {
        let alive = BTreeSet::from([([1; 16], [10; 16]), ([2; 16], [20; 16])]);
        let owners = [None, Some((1, 10)), Some((1, 20)), Some((2, 10)), Some((2, 20)), Some((3, 30))];
        let shards: Vec<_> = (0..36).map(|n| shard(n, owners[usize::try_from(n).unwrap() % 6])).collect();
        let free: Vec<_> =
            free_by_owner(&shards, &alive).into_iter().flat_map(|(_, shards)| shards).collect();
        assert_eq!(free.len(), 24);
        assert!(free.iter().all(|n| !matches!(n % 6, 1 | 4)));
    }
}
