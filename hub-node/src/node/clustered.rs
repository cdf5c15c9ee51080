//! The part of the composition that makes one node of several.

use std::sync::Arc;
use std::time::Duration;

use actors::host::Host;
use actors::supervise::{ChildSpec, RestartPolicy, SupervisorHandle};
use futures_util::future::BoxFuture;
use messages::ids::BootId;
use tokio::time::timeout;

use super::NodeError;
use crate::access::Keyring;
use crate::cluster::inbox::Inbox;
use crate::cluster::keeper::KeeperHandle;
use crate::cluster::link::{LinkConfig, LinkTerms, LinkTls, Links, Probe, probe};
use crate::cluster::others::Others;
use crate::cluster::wire::Notice;
use crate::cluster::{
    DataDir, LeaseTerms, Map, MapKeeper, Membership, MembershipArguments, Ownership, OwnershipKeeper, Shard,
    Surroundings, map, ownership, shard_of,
};
use crate::config::Config;
use crate::store::{Identity, KeyProof, NodeRecord, OwnershipStore, Store};

/// What a retailer may take to finish before its shard is handed over.
const FINISH: Duration = Duration::from_secs(4);
/// Connecting to a port of a machine that lives takes microseconds; refusing takes no longer.
const PROBE: Duration = Duration::from_millis(500);
/// How long the first sight of the shards may take: the lease of a node that has died must run out first.
const FIRST_SIGHT: Duration = Duration::from_secs(20);
/// An earlier life of this node may still seem to live for the length of its lease.
const OTHERS_GONE: Duration = Duration::from_secs(8);

/// This node's place among the others.
pub(super) struct Place {
    pub(super) boot: BootId,
    pub(super) ownership: Ownership,
    pub(super) map: Map,
    pub(super) others: Others,
    pub(super) keeper: KeeperHandle,
    ownership_keeper: OwnershipKeeper,
    map_keeper: MapKeeper,
}

impl Place {
    pub(super) fn new() -> Self {
        let (ownership_keeper, ownership) = ownership();
        let (map_keeper, map) = map();
        Self {
            boot: BootId::new(),
            ownership,
            map,
            others: Others::default(),
            keeper: KeeperHandle::default(),
            ownership_keeper,
            map_keeper,
        }
    }

    /// Links to the other nodes, if this node is to be one of several. Answers with the address they reach it under.
    pub(super) async fn link(
        &self,
        config: &Config,
        identity: &Identity,
        hub: &SupervisorHandle,
        inbox: Inbox,
    ) -> Result<Option<String>, NodeError> {
        let Some(settings) = config.cluster() else { return Ok(None) };
        let tls = LinkTls::from_files(settings.certificate, settings.key, settings.authority)?;
        let links = LinkConfig {
            listen: settings.listen,
            address: settings.address.clone(),
            cluster: identity.name.clone(),
            tls,
            terms: LinkTerms::default(),
        };
        let links = Links::start(links, self.boot, hub, Arc::new(inbox)).await?;
        // Port 0 was a wish for any.
        let address = match settings.address.strip_suffix(":0") {
            Some(host) => format!("{host}:{}", links.local_address().port()),
            None => settings.address,
        };
        self.others.connect(links);
        Ok(Some(address))
    }

    /// Starts the keeper of this node's lease.
    pub(super) fn claim(
        &self,
        store: &Arc<OwnershipStore>,
        data_dir: &DataDir,
        hub: &SupervisorHandle,
        host: &Arc<Host>,
    ) {
        let surroundings: Arc<dyn Surroundings> =
            Arc::new(Neighbourhood { host: Arc::clone(host), others: self.others.clone() });
        let (store, data_dir) = (Arc::clone(store), data_dir.clone());
        let (keeper, map) = (self.ownership_keeper.clone(), self.map_keeper.clone());
        let make = move || {
            let arguments = MembershipArguments {
                store: Arc::clone(&store),
                terms: LeaseTerms::default(),
                keeper: keeper.clone(),
                map: map.clone(),
                surroundings: Arc::clone(&surroundings),
                data_dir: data_dir.clone(),
            };
            (Membership, arguments)
        };
        let reached = self.keeper.clone();
        let announce = move |actor| reached.set(actor);
        hub.add(ChildSpec::announced("membership", "membership", RestartPolicy::ESSENTIAL, make, announce));
    }

    /// Waits until every shard has an owner: before that some requests would be refused.
    pub(super) async fn settled(&self, config: &Config) -> Result<(), NodeError> {
        let mut map = self.map.watch();
        let whole = map.wait_for(|map| Shard::all().all(|shard| map.place(shard).owner.is_some()));
        if timeout(FIRST_SIGHT, whole).await.is_err() {
            tracing::warn!("some shards have no owner yet; requests for their retailers wait");
        }
        let linked = config.cluster().is_some();
        let fits = |node: &crate::store::NodeRow| {
            node.boot == self.boot || (linked && node.cluster_address.is_some())
        };
        let mut map = self.map.watch();
        let alike = map.wait_for(|map| map.nodes().all(fits));
        if timeout(OTHERS_GONE, alike).await.is_ok() {
            return Ok(());
        }
        let other = self.map.now().nodes().find(|node| !fits(node)).map(|node| node.address.clone());
        Err(NodeError::NotAlone { address: other.unwrap_or_default() })
    }

    /// Would somebody take this node's shards?
    pub(super) fn has_successors(&self) -> bool {
        self.others.links().is_some()
            && self.map.now().nodes().any(|node| node.boot != self.boot && !node.leaving)
    }

    /// Gives every shard to others, as far as there is time.
    pub(super) async fn give_everything(&self, within: Duration) {
        self.keeper.leave();
        let mut claims = self.ownership.changed();
        let gone = timeout(within, claims.wait_for(crate::cluster::Claims::is_empty)).await.is_ok();
        let left = self.map.now().shards_of(self.boot);
        if gone && left == 0 {
            tracing::info!("all shards are with other nodes");
        } else {
            tracing::warn!(
                left,
                "some shards are not with other nodes yet; they are taken once the lease is released"
            );
        }
    }
}

/// What this node says of itself to the database.
pub(super) fn record(boot: BootId, data_dir: &DataDir, address: &str, cluster: Option<String>) -> NodeRecord {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    NodeRecord {
        boot,
        name: name.trim().to_owned(),
        address: address.to_owned(),
        cluster_address: cluster,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        data_dir: data_dir.name().to_owned(),
    }
}

/// All nodes must have the same keys: what one seals, another opens.
pub(super) async fn check_keys(store: &Store, keyring: &Keyring) -> Result<Identity, NodeError> {
    let active = keyring.active();
    let mine = KeyProof { id: active.id().to_owned(), proof: active.proof() };
    let identity = store.identity(&mine).await.map_err(|error| NodeError::Identity(error.to_string()))?;
    let known = keyring.find(&identity.key.id).is_some_and(|key| key.proof() == identity.key.proof);
    if !known {
        return Err(NodeError::OtherKeys { key: identity.key.id });
    }
    if identity.key != mine {
        // The active key was changed, and the one before is still at hand.
        store
            .change_key(&identity.key, &mine)
            .await
            .map_err(|error| NodeError::Identity(error.to_string()))?;
    }
    Ok(identity)
}

struct Neighbourhood {
    host: Arc<Host>,
    others: Others,
}

impl Surroundings for Neighbourhood {
    fn vacate(&self, shard: Shard) -> BoxFuture<'static, ()> {
        let host = Arc::clone(&self.host);
        Box::pin(async move { host.vacate(|retailer| shard_of(retailer) == shard, FINISH).await })
    }

    fn tell_moved(&self, to: BootId) {
        self.others.tell([to], &Notice::Moved);
    }

    fn is_gone(&self, address: String) -> BoxFuture<'static, bool> {
        Box::pin(async move { probe(&address, PROBE).await == Probe::Refused })
    }
}
