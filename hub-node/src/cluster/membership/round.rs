//! The keeper's calls to the database, each in a task of its own.

use std::sync::Arc;
use std::time::Duration;

use actors::ports::StoreError;
use messages::ids::BootId;
use ractor::ActorRef;
use tokio::time::timeout;

use super::{MembershipMsg, State, seats};
use crate::cluster::clock::Moment;
use crate::cluster::placement::moves;
use crate::store::{LeaseName, OwnershipStore, ShardRow};

/// Looks at whether a process is gone: its sockets may close in any order.
const PROBES: [Duration; 3] = [Duration::ZERO, Duration::from_millis(150), Duration::from_millis(600)];

/// Registers or renews, looks, and takes what is free and meant for this node.
pub(super) fn begin(
    myself: &ActorRef<MembershipMsg>,
    state: &State,
    name: Option<LeaseName>,
    asked_at: Moment,
) {
    let (store, patience, keeper) = (state.store.clone(), state.terms.call, myself.clone());
    let given = state.surrenders.given();
    tokio::spawn(async move {
        let tell = |message| keeper.cast(message).is_ok();
        let outcome = timeout(patience, round(&store, name, asked_at, given, &tell)).await;
        let failed = match outcome {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error),
            Err(_) => Some(StoreError::Unavailable(format!("no answer within {patience:?}"))),
        };
        if let Some(error) = failed {
            tell(MembershipMsg::Failed(error));
        }
        tell(MembershipMsg::RoundOver);
    });
}

/// The confirmation is told before the look is begun, because the clock runs.
async fn round(
    store: &OwnershipStore,
    name: Option<LeaseName>,
    asked_at: Moment,
    given: u64,
    tell: &(impl Fn(MembershipMsg) -> bool + Sync),
) -> Result<(), StoreError> {
    let name = match name {
        Some(name) => {
            let alive = store.renew(name).await?;
            tell(MembershipMsg::Renewed { asked_at, alive });
            if !alive {
                return Ok(());
            }
            name
        }
        None => {
            let name = store.register().await?;
            tell(MembershipMsg::Registered { asked_at, name });
            name
        }
    };
    let mut picture = store.look().await?;
    let owners = |shard| {
        let row = picture.shards.iter().find(|row| row.shard == shard);
        row.and_then(|row| picture.living_owner(row))
    };
    let take = moves(store.boot(), &seats(&picture), owners, 0).take;
    if !take.is_empty() {
        let rows: Vec<ShardRow> =
            picture.shards.iter().filter(|row| take.contains(&row.shard)).copied().collect();
        store.take(name, &rows).await?;
        picture = store.look().await?;
    }
    tell(MembershipMsg::Looked { name, given, picture: Box::new(picture) });
    Ok(())
}

/// The link to a node broke. If nobody listens at its address any more, its process is gone, and its lease need not be
/// waited for: whatever it may still have had under way, the fences keep out.
pub(super) fn suspect(myself: &ActorRef<MembershipMsg>, state: &State, boot: BootId) {
    let Some(node) = state.picture.nodes.iter().find(|node| node.boot == boot) else { return };
    let Some(address) = node.cluster_address.clone() else { return };
    let (lease, store, patience) = (node.lease, state.store.clone(), state.terms.call);
    let (surroundings, keeper, map) = (Arc::clone(&state.surroundings), myself.clone(), state.map.clone());
    tokio::spawn(async move {
        for wait in PROBES {
            tokio::time::sleep(wait).await;
            if surroundings.is_gone(address.clone()).await {
                match timeout(patience, store.declare_dead(boot, lease)).await {
                    Ok(Ok(())) => {
                        map.found_gone(boot);
                        tracing::warn!(node = %boot, "a node is gone; its shards are taken over");
                    }
                    Ok(Err(error)) => {
                        tracing::warn!(node = %boot, %error, "a gone node's lease must run out")
                    }
                    Err(_) => tracing::warn!(node = %boot, "a gone node's lease must run out"),
                }
                break;
            }
        }
        drop(keeper.cast(MembershipMsg::LookNow));
    });
}

/// Asks for this node's own departure.
pub(super) fn leave(myself: &ActorRef<MembershipMsg>, state: &State) {
    let (store, patience, keeper) = (state.store.clone(), state.terms.call, myself.clone());
    tokio::spawn(async move {
        match timeout(patience, store.ask_to_leave(store.boot())).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the shards cannot be given away before the stop"),
            Err(_) => tracing::warn!("the shards cannot be given away before the stop"),
        }
        drop(keeper.cast(MembershipMsg::LookNow));
    });
}
