//! The protocol of ownership in every order of events: leases, placement, hand-over, fence, commits.
//!
//! Three nodes, one database, one shard with one retailer. Time goes by in ticks, two to a lease. Nodes may be late by whole
//! ticks, die and come back, lose messages, or have them arrive when nobody waits any more; clocks may go wrong, and the
//! living may be declared dead. What is pure is the hub's own code: `cluster::lease::Lease` and `cluster::placement::moves`;
//! what is a query is mirrored in `server`, under its name. How much of each may happen is bounded ([`Scope`]); within the
//! bounds every order is looked at.
//!
//! Steps are cut where another's step in between makes a difference, and no finer: the server answers a renewal at the
//! moment at which it is asked for, because a slow question only shortens the node's right to act and not the lease; a node
//! reads the shards when it hears of its renewal, because later reading only makes what it knows less old.

mod node;
mod server;
mod world;

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use stateright::{Checker, HasDiscoveries, Model as _};

use world::{Cluster, LOST, OLD_EPOCH, Scope};

/// Nothing goes wrong, and placement moves what it likes.
const CALM: Scope = Scope {
    nodes: 3,
    fenced: true,
    heeds_lease: true,
    writes: 1,
    epochs: 2,
    names: 1,
    pauses: 0,
    crashes: 0,
    losses: 0,
    skews: 0,
    slanders: 0,
    leaves: 0,
};

/// Steps from state to state; a scope has about a million. More would take long and fill the memory, and comes of a
/// mistake in the model, such as a clock that is part of a state.
const MOST_STEPS: usize = 5_000_000;

fn explored(scope: Scope, until: HasDiscoveries) -> impl Checker<Cluster> {
    let checker =
        Cluster::new(scope).checker().finish_when(until).target_state_count(MOST_STEPS).spawn_bfs().join();
    eprintln!("{} states, {} steps deep", checker.unique_state_count(), checker.max_depth());
    assert!(checker.state_count() < MOST_STEPS, "not everything was looked at");
    checker
}

/// Looks at everything within the scope: what must hold does, and what must be possible is.
fn holds(scope: Scope) -> impl Checker<Cluster> {
    let checker = explored(scope, HasDiscoveries::AnyFailures);
    let mut found = checker.discoveries();
    for property in checker.model().properties() {
        let path = found.remove(property.name).map(stateright::Path::into_actions);
        match (property.expectation.discovery_is_failure(), path) {
            (true, Some(path)) => panic!("not always: {}, for {path:#?}", property.name),
            (false, None) => panic!("never: {}", property.name),
            _ => {}
        }
    }
    checker
}

#[test]
fn model_nodes_that_are_paused() {
    // A whole lease and a tick of one node, or less of several.
    holds(Scope { pauses: 3, ..CALM });
}

#[test]
fn model_several_writes_and_owners() {
    holds(Scope { pauses: 1, writes: 2, epochs: 3, names: 2, ..CALM });
}

#[test]
fn model_a_node_dies_and_comes_back() {
    holds(Scope { crashes: 1, names: 2, ..CALM });
}

#[test]
fn model_messages_are_lost_or_come_late() {
    holds(Scope { pauses: 1, losses: 1, ..CALM });
}

#[test]
fn model_a_node_is_asked_to_leave() {
    let checker = holds(Scope { pauses: 1, leaves: 1, ..CALM });
    assert!(checker.model().handed_over.load(Ordering::Relaxed), "nothing was handed over");
}

/// The database's clock jumps by half a lease, or a node's stands still: two nodes may believe that they own the
/// retailer, and one of them writes.
#[test]
fn model_clocks_go_wrong() {
    holds(Scope { pauses: 1, skews: 1, ..CALM });
}

/// Why a node whose address refuses connections can be declared dead at once: even if it lives, nothing is lost.
#[test]
fn model_a_living_node_is_declared_dead() {
    holds(Scope { pauses: 1, slanders: 1, ..CALM });
}

/// The lease spares the nodes disputes; what is stored does not depend on it.
#[test]
fn model_the_fence_is_enough_without_the_lease() {
    holds(Scope { pauses: 2, heeds_lease: false, ..CALM });
}

/// And the lease is not enough without the fence: a commit that is under way when its sender is paused arrives after
/// the lease. If this is not found, the model proves nothing.
#[test]
fn model_without_the_fence_two_write_and_acknowledged_writes_are_lost() {
    let both = HasDiscoveries::AllOf(BTreeSet::from([OLD_EPOCH, LOST]));
    let checker = explored(Scope { pauses: 3, writes: 2, fenced: false, ..CALM }, both);
    let found = checker.discoveries();
    assert!(found.contains_key(OLD_EPOCH), "two writers were not found");
    assert!(found.contains_key(LOST), "a lost write was not found");
}
