//! Who owns what: one at a time, the next one only when the first one's lease is over.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actors::domain::Write;
use actors::observe::Observable as _;
use actors::ports::{StoreError, TenantStore as _};
use futures_util::future::BoxFuture;
use hub_node::cluster::{
    DataDir, LeaseTerms, Map, Membership, MembershipArguments, MembershipMsg, Ownership, Shard, Surroundings,
    map, ownership,
};
use hub_node::store::{LeaseName, NodeRecord, OwnershipStore, ShardRow, Store};
use messages::ids::BootId;
use messages::version::Epoch;
use messages::{RetailerId, Version};
use ractor::{Actor, ActorRef};
use tokio::task::JoinHandle;

use crate::support::{TestStore, eventually, sample, store};

const SHARDS: usize = 256;
const PATIENCE: Duration = Duration::from_secs(20);

fn ownership_store(store: &Store, data_dir: &str, ttl: Duration) -> OwnershipStore {
    let node = NodeRecord {
        boot: BootId::new(),
        name: "$host".into(),
        address: "$127.0.0.1:1".into(),
        cluster_address: None,
        version: "0.1.0".into(),
        data_dir: data_dir.into(),
    };
    OwnershipStore::new(store.clone(), node, ttl)
}

/// Takes everything that is free, and tells what is this node's then, and how much of it is new.
async fn claim(store: &OwnershipStore, lease: LeaseName) -> (BTreeMap<Shard, Epoch>, usize) {
    let mine = |rows: &[ShardRow]| -> BTreeMap<Shard, Epoch> {
        let mine = rows.iter().filter(|row| row.owner == Some((store.boot(), lease)));
        mine.map(|row| (row.shard, row.epoch)).collect()
    };
    let picture = store.look().await.unwrap();
    let free: Vec<_> =
        picture.shards.iter().filter(|row| picture.living_owner(row).is_none()).copied().collect();
    let before = mine(&picture.shards).len();
    store.take(lease, &free).await.unwrap();
    let after = mine(&store.look().await.unwrap().shards);
    let gained = after.len() - before;
    (after, gained)
}

#[tokio::test]
async fn a_living_owner_is_not_robbed_and_a_dead_one_is_replaced() {
    let store = store().await;
    let ttl = Duration::from_millis(1_500);
    let [first, second] = ["one", "two"].map(|dir| ownership_store(&store, dir, ttl));
    let lease = first.register().await.unwrap();
    let (epochs, gained) = claim(&first, lease).await;
    assert_eq!((epochs.len(), gained), (SHARDS, SHARDS));
    assert!(epochs.values().all(|epoch| *epoch == Epoch(1)));
    assert_eq!(claim(&first, lease).await.1, 0);

    let other = second.register().await.unwrap();
    assert_eq!(claim(&second, other).await.0.len(), 0, "the first one lives");
    assert!(first.renew(lease).await.unwrap());
    // From here on the first one is silent, as if it were paused.
    let taken = eventually("the first lease to run out", PATIENCE, || async {
        assert!(second.renew(other).await.unwrap());
        let (epochs, gained) = claim(&second, other).await;
        (gained > 0).then_some(epochs)
    })
    .await;
    assert_eq!(taken.len(), SHARDS);
    assert!(taken.values().all(|epoch| *epoch == Epoch(2)));
    // The first one wakes up: its lease does not live again, and a new one finds nothing free.
    assert!(!first.renew(lease).await.unwrap());
    let anew = first.register().await.unwrap();
    assert_eq!(claim(&first, anew).await.0.len(), 0);
    // Let go, everything is free at once.
    second.release(other).await.unwrap();
    let (back, _) = claim(&first, anew).await;
    assert!(back.len() == SHARDS && back.values().all(|epoch| *epoch == Epoch(3)));
}

#[tokio::test]
async fn the_next_process_of_a_data_directory_does_not_wait_for_the_last() {
    let store = store().await;
    let long = Duration::from_secs(600);
    let dead = ownership_store(&store, "mine", long);
    let lease = dead.register().await.unwrap();
    assert_eq!(claim(&dead, lease).await.1, SHARDS);
    let next = ownership_store(&store, "mine", long);
    let stranger = ownership_store(&store, "other", long);
    let lease = stranger.register().await.unwrap();
    assert_eq!(claim(&stranger, lease).await.1, 0);
    let lease = next.register().await.unwrap();
    let (epochs, gained) = claim(&next, lease).await;
    assert!(gained == SHARDS && epochs.values().all(|epoch| *epoch == Epoch(2)));
}

#[tokio::test]
async fn nodes_that_claim_at_once_share_without_overlap() {
    let store = store().await;
    let nodes: Vec<_> =
        (0..4).map(|n| ownership_store(&store, &format!("dir-{n}"), Duration::from_secs(60))).collect();
    let claims = nodes.iter().map(|node| async move {
        let lease = node.register().await.unwrap();
        claim(node, lease).await;
        // Once more, when everybody has had their turn.
        claim(node, lease).await.0
    });
    let owned = futures_util::future::join_all(claims).await;
    let mut all: Vec<_> = owned.iter().flat_map(|epochs| epochs.keys().copied()).collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(
        (owned.iter().map(std::collections::BTreeMap::len).sum::<usize>(), all.len()),
        (SHARDS, SHARDS)
    );
}

struct Node {
    actor: ActorRef<MembershipMsg>,
    ended: JoinHandle<()>,
    ownership: Ownership,
    map: Map,
}

/// Nothing lives on these nodes, and no node tells another anything: each finds out by itself.
struct Nobody;

impl Surroundings for Nobody {
    fn vacate(&self, _: Shard) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }

    fn tell_moved(&self, _: BootId) {}

    fn is_gone(&self, _: String) -> BoxFuture<'static, bool> {
        Box::pin(std::future::ready(true))
    }
}

impl Node {
    /// The node's name, as another one sees it.
    fn boot(&self, other: &Self) -> BootId {
        let mine = self.ownership.changed();
        let shard = mine.borrow().iter().next().map(|(shard, _)| shard).unwrap();
        other.map.now().place(shard).owner.unwrap()
    }
}

async fn node(store: &TestStore, folder: &Path, terms: LeaseTerms) -> Node {
    let data_dir = DataDir::lock(folder).unwrap();
    let (keeper, ownership) = ownership();
    let (map_keeper, map) = map();
    let store = ownership_store(store, data_dir.name(), terms.ttl);
    let store = Arc::new(store);
    let surroundings: Arc<dyn Surroundings> = Arc::new(Nobody);
    let arguments = MembershipArguments { store, terms, keeper, map: map_keeper, surroundings, data_dir };
    let (actor, ended) = Actor::spawn(None, Membership, arguments).await.unwrap();
    Node { actor, ended, ownership, map }
}

async fn owned_epoch(ownership: &Ownership, retailer: RetailerId, what: &str) -> Epoch {
    eventually(what, PATIENCE, || async { ownership.epoch_of(retailer) }).await
}

#[tokio::test]
async fn the_keeper_claims_renews_and_lets_go() {
    let store = store().await;
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let terms = LeaseTerms::of(Duration::from_secs(3));
    let retailer = RetailerId::new();
    let first = node(&store, folders[0].path(), terms).await;
    assert_eq!(owned_epoch(&first.ownership, retailer, "the first claim").await, Epoch(1));
    let mut watch = first.ownership.changed();
    assert_eq!(watch.borrow_and_update().len(), SHARDS);

    let second = node(&store, folders[1].path(), terms).await;
    let shares = || (first.ownership.changed().borrow().len(), second.ownership.changed().borrow().len());
    eventually("even shares", PATIENCE, || async { (shares() == (128, 128)).then_some(()) }).await;
    // Given away, not taken: each shard has changed hands once, and none has two owners.
    for shard in Shard::all() {
        let owners = [&first, &second].map(|node| node.ownership.owned_epoch(shard));
        assert!(matches!(owners, [Some(Epoch(1)), None] | [None, Some(Epoch(2))]), "{shard}: {owners:?}");
    }
    eventually("some renewals", PATIENCE, || async {
        let seen = second.actor.call(MembershipMsg::observe, Some(PATIENCE)).await.unwrap().unwrap();
        (seen["renewals"].as_u64() > Some(2)).then_some(())
    })
    .await;
    assert_eq!(shares(), (128, 128), "nothing moves once shares are even");
    assert_eq!(first.map.now().shards_of(second.boot(&first)), 128);

    let stopped = std::time::Instant::now();
    first.actor.stop(None);
    first.ended.await.unwrap();
    assert_eq!(first.ownership.epoch_of(retailer), None);
    assert!(watch.borrow_and_update().is_empty());
    eventually("the take-over", PATIENCE, || async {
        (second.ownership.changed().borrow().len() == SHARDS).then_some(())
    })
    .await;
    assert_eq!(second.ownership.epoch_of(retailer), Some(Epoch(2)), "moved once, one way or the other");
    assert!(stopped.elapsed() < terms.ttl, "a clean stop is not waited out");
    second.actor.stop(None);
    second.ended.await.unwrap();
}

#[tokio::test]
async fn a_node_that_leaves_gives_everything_and_keeps_nothing() {
    let store = store().await;
    let folders = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let terms = LeaseTerms::of(Duration::from_secs(3));
    let first = node(&store, folders[0].path(), terms).await;
    let second = node(&store, folders[1].path(), terms).await;
    let third = node(&store, folders[2].path(), terms).await;
    let shares = || [&first, &second, &third].map(|node| node.ownership.changed().borrow().len());
    eventually("even shares", PATIENCE, || async {
        let shares = shares();
        (shares.iter().sum::<usize>() == SHARDS && shares.iter().all(|share| (85..=86).contains(share)))
            .then_some(())
    })
    .await;
    first.actor.cast(MembershipMsg::Leave).unwrap();
    eventually("nothing left", PATIENCE, || async { (shares() == [0, 128, 128]).then_some(()) }).await;
    for node in [first, second, third] {
        node.actor.stop(None);
        node.ended.await.unwrap();
    }
}

#[tokio::test]
async fn a_node_found_gone_is_not_waited_for() {
    let store = store().await;
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let terms = LeaseTerms::of(Duration::from_secs(60));
    let gone = ownership_store(&store, "gone", Duration::from_secs(600));
    let gone = OwnershipStore::new(
        store.clone(),
        NodeRecord { cluster_address: Some("a:1".into()), ..gone.record() },
        Duration::from_secs(600),
    );
    let lease = gone.register().await.unwrap();
    claim(&gone, lease).await;
    let other = node(&store, folders[0].path(), terms).await;
    eventually("the other is seen", PATIENCE, || async { other.map.now().node(gone.boot()).map(|_| ()) })
        .await;
    assert!(other.ownership.changed().borrow().is_empty());
    other.actor.cast(MembershipMsg::LinkLost(gone.boot())).unwrap();
    eventually("the take-over", PATIENCE, || async {
        (other.ownership.changed().borrow().len() == SHARDS).then_some(())
    })
    .await;
    assert!(!gone.renew(lease).await.unwrap(), "should it live after all, it finds out");
    assert_eq!(other.map.moves()[0].why, messages::http::cluster::MoveReason::OwnerGone);
    other.actor.stop(None);
    other.ended.await.unwrap();
}

#[tokio::test]
async fn a_paused_owner_can_write_nothing() {
    let store = store().await;
    let retailer = RetailerId::new();
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let terms = LeaseTerms::of(Duration::from_millis(1_200));
    let paused = node(&store, folders[0].path(), terms).await;
    let old = owned_epoch(&paused.ownership, retailer, "the first claim").await;
    store.take(retailer, old).await.unwrap();
    let (writes, image) = sample::whole(retailer, "fresh");
    store.commit(retailer, old, Version(1), writes.into()).await.unwrap();
    // Killed without letting go: nobody renews any more, like a process that is stopped.
    paused.actor.kill();
    paused.ended.await.unwrap();

    let next = node(&store, folders[1].path(), terms).await;
    let new = owned_epoch(&next.ownership, retailer, "the lease of the paused one to run out").await;
    assert_eq!(paused.ownership.epoch_of(retailer), None, "it has stopped by its own clock before that");
    assert_eq!(new, Epoch(old.0 + 1));
    assert_eq!(store.take(retailer, new).await.unwrap(), image);
    // It wakes up in the middle of a commit that it had decided on before.
    let late = vec![Write::Store(sample::shop("late"))];
    assert_eq!(store.commit(retailer, old, Version(2), late.into()).await, Err(StoreError::Fenced));
    assert_eq!(store.take(retailer, new).await.unwrap(), image);
    next.actor.stop(None);
    next.ended.await.unwrap();
}
