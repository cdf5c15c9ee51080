//! Who owns what: one at a time, the next one only when the first one's lease is over.

use std::path::Path;
use std::time::Duration;

use actors::domain::Write;
use actors::observe::Observable as _;
use actors::ports::{StoreError, TenantStore as _};
use hub_node::cluster::{
    DataDir, LeaseTerms, Membership, MembershipArguments, MembershipMsg, Ownership, ownership, shard_of,
};
use hub_node::store::{NodeRecord, OwnershipStore, Store};
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
        address: "$127.0.0.1:1".into(),
        version: "0.1.0".into(),
        data_dir: data_dir.into(),
    };
    OwnershipStore::new(store.clone(), node, ttl)
}

#[tokio::test]
async fn a_living_owner_is_not_robbed_and_a_dead_one_is_replaced() {
    let store = store().await;
    let ttl = Duration::from_millis(1_500);
    let [first, second] = ["one", "two"].map(|dir| ownership_store(&store, dir, ttl));
    let lease = first.register().await.unwrap();
    let claimed = first.claim(lease).await.unwrap();
    assert_eq!((claimed.epochs.len(), claimed.gained), (SHARDS, SHARDS));
    assert!(claimed.epochs.values().all(|epoch| *epoch == Epoch(1)));
    assert_eq!(first.claim(lease).await.unwrap().gained, 0);

    let other = second.register().await.unwrap();
    assert_eq!(second.claim(other).await.unwrap().epochs.len(), 0, "the first one lives");
    assert!(first.renew(lease).await.unwrap());
    // From here on the first one is silent, as if it were paused.
    let taken = eventually("the first lease to run out", PATIENCE, || async {
        assert!(second.renew(other).await.unwrap());
        let claimed = second.claim(other).await.unwrap();
        (claimed.gained > 0).then_some(claimed)
    })
    .await;
    assert_eq!(taken.epochs.len(), SHARDS);
    assert!(taken.epochs.values().all(|epoch| *epoch == Epoch(2)));
    // The first one wakes up: its lease does not live again, and a new one finds nothing free.
    assert!(!first.renew(lease).await.unwrap());
    let anew = first.register().await.unwrap();
    assert_eq!(first.claim(anew).await.unwrap().epochs.len(), 0);
    // Let go, everything is free at once.
    second.release(other).await.unwrap();
    let back = first.claim(anew).await.unwrap();
    assert!(back.epochs.len() == SHARDS && back.epochs.values().all(|epoch| *epoch == Epoch(3)));
}

#[tokio::test]
async fn the_next_process_of_a_data_directory_does_not_wait_for_the_last() {
    let store = store().await;
    let long = Duration::from_secs(600);
    let dead = ownership_store(&store, "mine", long);
    let lease = dead.register().await.unwrap();
    assert_eq!(dead.claim(lease).await.unwrap().gained, SHARDS);
    let next = ownership_store(&store, "mine", long);
    let stranger = ownership_store(&store, "other", long);
    let lease = stranger.register().await.unwrap();
    assert_eq!(stranger.claim(lease).await.unwrap().gained, 0);
    let lease = next.register().await.unwrap();
    let claimed = next.claim(lease).await.unwrap();
    assert!(claimed.gained == SHARDS && claimed.epochs.values().all(|epoch| *epoch == Epoch(2)));
}

#[tokio::test]
async fn nodes_that_claim_at_once_share_without_overlap() {
    let store = store().await;
    let nodes: Vec<_> =
        (0..4).map(|n| ownership_store(&store, &format!("dir-{n}"), Duration::from_secs(60))).collect();
    let claims = nodes.iter().map(|node| async move {
        let lease = node.register().await.unwrap();
        node.claim(lease).await.unwrap();
        // Once more, when everybody has had their turn.
        node.claim(lease).await.unwrap().epochs
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
}

async fn node(store: &TestStore, folder: &Path, terms: LeaseTerms) -> Node {
    let data_dir = DataDir::lock(folder).unwrap();
    let (keeper, ownership) = ownership();
    let store = ownership_store(store, data_dir.name(), terms.ttl);
    let arguments = MembershipArguments { store, terms, keeper, data_dir };
    let (actor, ended) = Actor::spawn(None, Membership, arguments).await.unwrap();
    Node { actor, ended, ownership }
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
    eventually("some renewals", PATIENCE, || async {
        let seen = second.actor.call(MembershipMsg::observe, Some(PATIENCE)).await.unwrap().unwrap();
        assert_eq!(second.ownership.owned_epoch(shard_of(retailer)), None);
        assert_eq!(first.ownership.epoch_of(retailer), Some(Epoch(1)));
        (seen["renewals"].as_u64() > Some(2)).then_some(())
    })
    .await;

    let stopped = std::time::Instant::now();
    first.actor.stop(None);
    first.ended.await.unwrap();
    assert_eq!(first.ownership.epoch_of(retailer), None);
    assert!(watch.borrow_and_update().is_empty());
    assert_eq!(owned_epoch(&second.ownership, retailer, "the take-over").await, Epoch(2));
    assert!(stopped.elapsed() < terms.ttl, "a clean stop is not waited out");
    second.actor.stop(None);
    second.ended.await.unwrap();
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
