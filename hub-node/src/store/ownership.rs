//! Who owns which shard: nodes with leases by the server's clock, and shards taken by compare-and-set.
//!
//! Rules that make it safe:
//! * A lease that has run out never lives again. Renewal is refused from the server's instant of expiry on; the node
//!   then takes a lease of a new name. So "this lease is dead", once seen, stays true.
//! * A shard names node *and lease* of its owner, and is taken from a dead pair by compare-and-set, `epoch + 1`.
//!   Two that both saw the pair dead cannot both take it.
//! * A look reads the shards first and the leases after: an owner that is seen and found dead then is dead for good.
//!   The other way round, a node that registered between the two would be robbed.
//! * An owner that gives a shard away names its successor by compare-and-set, `epoch + 1`: the shard is never free
//!   in between.
//! * A node that holds the lock on a data directory, or listens where another node said that it does, proves that
//!   node dead: see [`NodeRecord`].
//!
//! Only the database decides; what to do when is pure and in `cluster::lease` and `cluster::placement`.

use std::time::Duration;

use actors::ports::StoreError;
use bson::{Bson, Document, doc};
use futures_util::TryStreamExt as _;
use messages::Timestamp;
use messages::ids::{BootId, MsgId};
use messages::version::Epoch;
use mongodb::Collection;
use mongodb::error::{Error, ErrorKind};

use super::documents::Stored as _;
use super::documents::node::{NodeDoc, ShardDoc};
use super::documents::value::{StoredId as _, count, time};
use super::failure;
use super::handle::Store;
use crate::cluster::shard::{SHARDS, Shard};

/// Nodes that have been gone this long are forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_hours(24);

/// What a node says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeRecord {
    pub boot: BootId,
    /// What people call the machine.
    pub name: String,
    /// Where people and agents reach it.
    pub address: String,
    /// Where other nodes reach it; absent, when it was not told to be one of several. Only one process can listen
    /// there: a node found under the same address in the database is an earlier process, and dead.
    pub cluster_address: Option<String>,
    pub version: String,
    /// Names the data directory that this process holds locked. A node found under the same name in the database is
    /// an earlier process of this directory: the lock was free, so that process is dead, and its lease need not be
    /// waited for. After a crash of the only hub this is the difference between serving at once and after 6 s.
    pub data_dir: String,
}

/// A lease, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseName([u8; 16]);

impl LeaseName {
    fn new() -> Self {
        Self(MsgId::new().as_uuid().into_bytes())
    }

    fn stored(self) -> bson::Uuid {
        bson::Uuid::from_bytes(self.0)
    }
}

/// A node as the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeRow {
    pub boot: BootId,
    pub name: String,
    pub lease: LeaseName,
    pub lease_until: Timestamp,
    pub address: String,
    pub cluster_address: Option<String>,
    pub version: String,
    pub leaving: bool,
    pub started_at: Timestamp,
}

/// A shard as the database has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardRow {
    pub shard: Shard,
    pub owner: Option<(BootId, LeaseName)>,
    pub epoch: Epoch,
}

/// Shards and living nodes at one look.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Picture {
    /// Those whose lease is to be respected.
    pub nodes: Vec<NodeRow>,
    pub shards: Vec<ShardRow>,
}

impl Picture {
    /// The owner of a row, if it lives.
    #[must_use]
    pub fn living_owner(&self, row: &ShardRow) -> Option<BootId> {
        let (boot, lease) = row.owner?;
        self.nodes.iter().any(|node| node.boot == boot && node.lease == lease).then_some(boot)
    }
}

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

    /// What this node says of itself.
    #[must_use]
    pub fn record(&self) -> NodeRecord {
        self.node.clone()
    }

    #[must_use]
    pub const fn boot(&self) -> BootId {
        self.node.boot
    }

    /// Takes a new lease. Shards held under an earlier one are no longer this node's.
    pub async fn register(&self) -> Result<LeaseName, StoreError> {
        let lease = LeaseName::new();
        let fields = doc! {
            "sv": NodeDoc::SHAPE, "lease": lease.stored(), "lease_until": self.until(),
            "name": literal(&self.node.name), "address": literal(&self.node.address),
            "cluster_address": self.node.cluster_address.as_deref().map_or(Bson::Null, literal),
            "version": literal(&self.node.version), "data_dir": literal(&self.node.data_dir), "started_at": "$$NOW",
        };
        self.nodes()
            .update_one(doc! { "_id": self.node.boot.stored() }, vec![doc! { "$set": fields }])
            .upsert(true)
            .await
            .map_err(unavailable)?;
        Ok(lease)
    }

    /// Lengthens the lease; `false`: it has run out, and is gone for good.
    pub async fn renew(&self, lease: LeaseName) -> Result<bool, StoreError> {
        let alive = doc! {
            "_id": self.node.boot.stored(), "lease": lease.stored(),
            "$expr": { "$gt": ["$lease_until", "$$NOW"] },
        };
        let longer = vec![doc! { "$set": { "lease_until": self.until() } }];
        let renewed = self.nodes().update_one(alive, longer).await.map_err(unavailable)?;
        Ok(renewed.matched_count == 1)
    }

    /// Gives up the lease, and with it every shard. For a clean stop.
    pub async fn release(&self, lease: LeaseName) -> Result<(), StoreError> {
        self.declare_dead(self.node.boot, lease).await
    }

    /// Ends another node's lease, whose process is known to be gone.
    pub async fn declare_dead(&self, boot: BootId, lease: LeaseName) -> Result<(), StoreError> {
        let its = doc! { "_id": boot.stored(), "lease": lease.stored() };
        self.nodes().delete_one(its).await.map(|_| ()).map_err(unavailable)
    }

    /// Asks a node to give all its shards away. `false`: there is no such node.
    pub async fn ask_to_leave(&self, boot: BootId) -> Result<bool, StoreError> {
        let leave = doc! { "$set": { "leaving": true } };
        let asked = self.nodes().update_one(doc! { "_id": boot.stored() }, leave).await;
        asked.map(|update| update.matched_count == 1).map_err(unavailable)
    }

    /// Everything at once. To be made after a renewal, so that this node is in it.
    pub async fn look(&self) -> Result<Picture, StoreError> {
        self.try_look().await.map_err(unavailable)
    }

    async fn try_look(&self) -> Result<Picture, Error> {
        let shards: Vec<ShardDoc> =
            self.shards().find(doc! {}).sort(doc! { "_id": 1 }).await?.try_collect().await?;
        let mine = doc! { "_id": self.node.boot.stored() };
        let stranger = self.not_an_earlier_life();
        let living = doc! { "$or": [mine, stranger], "$expr": { "$gt": ["$lease_until", "$$NOW"] } };
        let nodes: Vec<NodeDoc> =
            self.nodes().find(living).sort(doc! { "_id": 1 }).await?.try_collect().await?;
        Ok(Picture {
            nodes: nodes.into_iter().map(node_row).collect(),
            shards: shards.iter().map(shard_row).collect::<Result<_, _>>()?,
        })
    }

    /// Every node that is not forgotten, the dead ones too.
    pub async fn known(&self) -> Result<Vec<NodeRow>, StoreError> {
        let found = self.nodes().find(doc! {}).sort(doc! { "_id": 1 }).await.map_err(unavailable)?;
        let nodes: Vec<NodeDoc> = found.try_collect().await.map_err(unavailable)?;
        Ok(nodes.into_iter().map(node_row).collect())
    }

    /// Takes shards whose owners were found dead or absent. Those that somebody else has taken meanwhile stay as they
    /// are. A handful of operations whatever the number of shards: one per owner that has died.
    pub async fn take(&self, lease: LeaseName, free: &[ShardRow]) -> Result<(), StoreError> {
        for (owner, shards) in by_owner(free) {
            let still = doc! { "_id": { "$in": shards }, "owner": owner.0, "lease": owner.1 };
            self.shards().update_many(still, change(self.node.boot, lease)).await.map_err(unavailable)?;
        }
        self.forget_the_dead().await.map_err(unavailable)
    }

    /// Gives a shard of this node to another. `false`: it was this node's no longer.
    pub async fn hand_over(
        &self,
        lease: LeaseName,
        row: ShardRow,
        to: (BootId, LeaseName),
    ) -> Result<bool, StoreError> {
        let still = doc! {
            "_id": i32::from(row.shard.number()), "owner": self.node.boot.stored(), "lease": lease.stored(),
            "epoch": i64::try_from(row.epoch.0).unwrap_or(i64::MAX),
        };
        let given = self.shards().update_one(still, change(to.0, to.1)).await.map_err(unavailable)?;
        Ok(given.matched_count == 1)
    }

    /// Nodes whose lease ended long ago, and earlier processes of this data directory.
    async fn forget_the_dead(&self) -> Result<(), Error> {
        let long_ago = doc! { "$dateSubtract": {
            "startDate": "$$NOW", "unit": "millisecond", "amount": millis(FORGOTTEN_AFTER),
        } };
        let me = self.node.boot.stored();
        let dead = doc! {
            "_id": { "$ne": me },
            "$or": [
                // An earlier one: this process may itself be dead by the time that the command arrives.
                { "_id": { "$lt": me }, "$nor": [self.not_an_earlier_life()] },
                { "$expr": { "$lt": ["$lease_until", long_ago] } },
            ],
        };
        self.nodes().delete_many(dead).await.map(|_| ())
    }

    /// What every node has in common that is not an earlier process of this one.
    fn not_an_earlier_life(&self) -> Document {
        let mut other = doc! { "data_dir": { "$ne": &self.node.data_dir } };
        if let Some(address) = &self.node.cluster_address {
            other.insert("cluster_address", doc! { "$ne": address });
        }
        other
    }

    fn nodes(&self) -> Collection<NodeDoc> {
        self.store.system::<NodeDoc>()
    }

    fn shards(&self) -> Collection<ShardDoc> {
        self.store.system::<ShardDoc>()
    }

    fn until(&self) -> Document {
        doc! { "$dateAdd": { "startDate": "$$NOW", "unit": "millisecond", "amount": millis(self.ttl) } }
    }
}

/// The change of hands.
fn change(to: BootId, lease: LeaseName) -> Document {
    doc! { "$set": { "owner": to.stored(), "lease": lease.stored() }, "$inc": { "epoch": 1_i64 } }
}

fn node_row(node: NodeDoc) -> NodeRow {
    NodeRow {
        boot: BootId::read(node.id),
        name: node.name,
        lease: LeaseName(node.lease.bytes()),
        lease_until: time(node.lease_until),
        address: node.address,
        cluster_address: node.cluster_address,
        version: node.version,
        leaving: node.leaving,
        started_at: time(node.started_at),
    }
}

fn shard_row(shard: &ShardDoc) -> Result<ShardRow, Error> {
    let number = Shard::new(shard.id).ok_or_else(|| corrupt(format!("there is no shard {}", shard.id)))?;
    let owner = shard.owner.zip(shard.lease);
    Ok(ShardRow {
        shard: number,
        owner: owner.map(|(node, lease)| (BootId::read(node), LeaseName(lease.bytes()))),
        epoch: Epoch(count(shard.epoch, "epoch").map_err(|error| corrupt(error.0))?),
    })
}

type Owner = (Option<bson::Uuid>, Option<bson::Uuid>);

/// Shards gathered by their owner. Pure.
fn by_owner(rows: &[ShardRow]) -> Vec<(Owner, Vec<i32>)> {
    let mut gathered: Vec<(Owner, Vec<i32>)> = Vec::new();
    for row in rows {
        let owner =
            row.owner.map_or((None, None), |(node, lease)| (Some(node.stored()), Some(lease.stored())));
        let shard = i32::from(row.shard.number());
        match gathered.iter_mut().find(|(other, _)| *other == owner) {
            Some((_, shards)) => shards.push(shard),
            None => gathered.push((owner, vec![shard])),
        }
    }
    gathered
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

fn unavailable(error: Error) -> StoreError {
    failure::to_store_error(&error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_taken_owner_by_owner() {
        let dead = |lease| Some((BootId::new(), LeaseName([lease; 16])));
        let (one, two) = (dead(1), dead(2));
        let owners = [None, one, two, one, None];
        let rows: Vec<_> = Shard::all()
            .zip(owners)
            .map(|(shard, owner)| ShardRow { shard, owner, epoch: Epoch(3) })
            .collect();
        let gathered: Vec<_> = by_owner(&rows).into_iter().map(|(_, shards)| shards).collect();
        assert_eq!(gathered, [vec![0, 4], vec![1, 3], vec![2]]);
    }

    #[test]
    fn an_owner_under_an_earlier_lease_does_not_live() {
        let boot = BootId::new();
        let node = NodeRow {
            boot,
            name: String::new(),
            lease: LeaseName([2; 16]),
            lease_until: Timestamp(0),
            address: String::new(),
            cluster_address: None,
            version: String::new(),
            leaving: false,
            started_at: Timestamp(0),
        };
        let picture = Picture { nodes: vec![node], shards: Vec::new() };
        let shard = Shard::all().next().unwrap();
        let owned = |lease| ShardRow { shard, owner: Some((boot, LeaseName([lease; 16]))), epoch: Epoch(1) };
        assert_eq!(picture.living_owner(&owned(2)), Some(boot));
        assert_eq!(picture.living_owner(&owned(1)), None);
        let stranger = Some((BootId::new(), LeaseName([2; 16])));
        assert_eq!(picture.living_owner(&ShardRow { shard, owner: stranger, epoch: Epoch(1) }), None);
    }
}
