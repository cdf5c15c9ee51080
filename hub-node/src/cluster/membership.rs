//! The keeper of this node's lease and shards.
//!
//! Place in the tree: child of the hub's supervisor, one per process. It ticks; a tick may start one round of calls to
//! the database, as a task whose results come back as messages, so the keeper itself never waits and notices the end
//! of its lease on time. Limits: one round under way, [`GIVES_AT_ONCE`] shards being given away, each call with a
//! deadline.
//!
//! A new life after a failure knows nothing of the lease of the former one: it takes a new lease, and gets its shards
//! back with the next epoch. That is safe, and rare.

mod round;
mod surrender;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use actors::observe::Observable;
use actors::ports::StoreError;
use futures_util::future::BoxFuture;
use messages::ids::BootId;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use serde_json::{Value, json};
use tokio::time::timeout;

use self::surrender::Surrenders;
use super::clock::Moment;
use super::data_dir::DataDir;
use super::lease::{Act, Lease, LeaseTerms};
use super::ownership::{Claims, OwnershipKeeper};
use super::placement::{Seat, moves};
use super::shard::Shard;
use super::topology::{MapKeeper, Place, Topology};
use crate::store::{LeaseName, OwnershipStore, Picture};

/// Often enough that the end of a lease is told within a fraction of its margin.
const TICK: Duration = Duration::from_millis(100);
/// Each is a short pause for its retailers, so that few have one at a time; a node with a third of all shards is
/// drained in some seconds all the same.
const GIVES_AT_ONCE: usize = 4;
/// A node that leaves is in more of a hurry than one that has a shard too many.
const GIVES_AT_ONCE_LEAVING: usize = 16;

/// What the keeper needs of the rest of the node.
pub trait Surroundings: Send + Sync + 'static {
    /// Lets the retailers of a shard that is served here no longer finish what they have accepted, and stops them.
    fn vacate(&self, shard: Shard) -> BoxFuture<'static, ()>;

    /// A shard was given to this node: it shall look.
    fn tell_moved(&self, to: BootId);

    /// The process that listened at this address is gone: nobody listens there now.
    fn is_gone(&self, address: String) -> BoxFuture<'static, bool>;
}

pub struct MembershipArguments {
    pub store: Arc<OwnershipStore>,
    pub terms: LeaseTerms,
    pub keeper: OwnershipKeeper,
    pub map: MapKeeper,
    pub surroundings: Arc<dyn Surroundings>,
    /// Proof that earlier processes of this directory are dead; see `store::NodeRecord::data_dir`.
    pub data_dir: DataDir,
}

pub struct State {
    store: Arc<OwnershipStore>,
    terms: LeaseTerms,
    keeper: OwnershipKeeper,
    map: MapKeeper,
    surroundings: Arc<dyn Surroundings>,
    lease: Lease,
    name: Option<LeaseName>,
    /// As of the last look, without what was given away since.
    claims: Claims,
    /// Claims were withdrawn because the lease may have run out; they come back if it turns out that it has not.
    withdrawn: bool,
    surrenders: Surrenders,
    picture: Picture,
    calling: bool,
    begun_at: Moment,
    /// Something has happened that is worth a look before the next renewal.
    look_soon: bool,
    /// A shard was seen that nobody serves. It is meant for another node, or nodes that saw different pictures each left
    /// it to another: this one looks again before its next renewal.
    unserved: bool,
    registrations: u64,
    renewals: u64,
    failures: u64,
    last_error: Option<String>,
    _data_dir: DataDir,
}

pub enum MembershipMsg {
    Tick,
    /// Somebody has reason to believe that there is something new.
    LookNow,
    /// The link to a node broke.
    LinkLost(BootId),
    /// Give everything away: this node is about to stop.
    Leave,
    Registered {
        asked_at: Moment,
        name: LeaseName,
    },
    /// `false`: the lease has run out.
    Renewed {
        asked_at: Moment,
        alive: bool,
    },
    Looked {
        name: LeaseName,
        /// How many shards had been given away when the look began.
        given: u64,
        picture: Box<Picture>,
    },
    Failed(StoreError),
    /// The round is over, with or without success.
    RoundOver,
    /// A shard was given away, or was this node's no longer; or it is not known.
    HandedOver {
        shard: Shard,
        result: Result<(), StoreError>,
    },
    Observe(RpcReplyPort<Value>),
}

impl ractor::Message for MembershipMsg {}

impl Observable for MembershipMsg {
    fn observe(reply: RpcReplyPort<Value>) -> Self {
        Self::Observe(reply)
    }
}

/// See the module.
pub struct Membership;

impl Actor for Membership {
    type Msg = MembershipMsg;
    type State = State;
    type Arguments = MembershipArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        arguments: MembershipArguments,
    ) -> Result<State, ActorProcessingErr> {
        let MembershipArguments { store, terms, keeper, map, surroundings, data_dir } = arguments;
        // What a former life has published is not backed by anything that this one knows.
        keeper.revoke();
        myself.send_interval(TICK, || MembershipMsg::Tick);
        myself.cast(MembershipMsg::Tick)?;
        Ok(State {
            store,
            terms,
            keeper,
            map,
            surroundings,
            lease: Lease::new(terms),
            name: None,
            claims: Claims::default(),
            withdrawn: false,
            surrenders: Surrenders::default(),
            picture: Picture::default(),
            calling: false,
            begun_at: Moment::now(),
            look_soon: false,
            unserved: false,
            registrations: 0,
            renewals: 0,
            failures: 0,
            last_error: None,
            _data_dir: data_dir,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: MembershipMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            MembershipMsg::Tick => state.tick(&myself),
            MembershipMsg::LookNow => state.look_soon(&myself),
            MembershipMsg::LinkLost(boot) => round::suspect(&myself, state, boot),
            MembershipMsg::Leave => round::leave(&myself, state),
            MembershipMsg::Registered { asked_at, name } => state.registered(asked_at, name),
            MembershipMsg::Renewed { asked_at, alive } => state.renewed(asked_at, alive),
            MembershipMsg::Looked { name, given, picture } => state.looked(&myself, name, given, *picture),
            MembershipMsg::Failed(error) => state.failed(&error),
            MembershipMsg::RoundOver => {
                state.calling = false;
                if state.look_soon {
                    state.tick(&myself);
                }
            }
            MembershipMsg::HandedOver { shard, result } => state.handed_over(&myself, shard, result),
            MembershipMsg::Observe(reply) => {
                if reply.send(state.snapshot()).is_err() {
                    tracing::trace!("whoever asked for the snapshot is gone");
                }
            }
        }
        Ok(())
    }

    /// A clean stop lets go at once; others need not wait for the lease to run out.
    async fn post_stop(&self, _: ActorRef<Self::Msg>, state: &mut State) -> Result<(), ActorProcessingErr> {
        state.keeper.revoke();
        if let Some(name) = state.name.take() {
            match timeout(state.terms.call, state.store.release(name)).await {
                Ok(Ok(())) => tracing::info!("lease released"),
                Ok(Err(error)) => tracing::warn!(%error, "the lease was not released and will run out"),
                Err(_) => tracing::warn!("the lease was not released in time and will run out"),
            }
        }
        Ok(())
    }
}

impl State {
    fn tick(&mut self, myself: &ActorRef<MembershipMsg>) {
        let now = Moment::now();
        if !self.lease.holds(now) && !self.withdrawn && !self.claims.is_empty() {
            tracing::error!(
                shards = self.claims.len(),
                "the lease may have run out: no shard is served until it is renewed"
            );
            self.withdrawn = true;
            self.keeper.publish(Claims::default());
        }
        if self.calling {
            return;
        }
        match (self.lease.next(now), self.name) {
            (Act::Wait(_), Some(name)) if self.looks_now(now) => {
                self.look_soon = false;
                self.begin(myself, Some(name), now);
            }
            (Act::Wait(_), _) => {}
            (Act::Renew, Some(name)) => self.begin(myself, Some(name), now),
            (Act::Register | Act::Renew, _) => self.begin(myself, None, now),
        }
    }

    fn begin(&mut self, myself: &ActorRef<MembershipMsg>, name: Option<LeaseName>, now: Moment) {
        self.calling = true;
        self.begun_at = now;
        round::begin(myself, self, name, now);
    }

    fn looks_now(&self, now: Moment) -> bool {
        self.look_soon || (self.unserved && self.begun_at.until(now) >= self.terms.retry_after)
    }

    fn look_soon(&mut self, myself: &ActorRef<MembershipMsg>) {
        self.look_soon = true;
        self.tick(myself);
    }

    fn registered(&mut self, asked_at: Moment, name: LeaseName) {
        self.registrations += 1;
        self.name = Some(name);
        self.claims = Claims::default();
        self.confirmed(asked_at);
    }

    fn renewed(&mut self, asked_at: Moment, alive: bool) {
        if alive {
            self.renewals += 1;
            self.confirmed(asked_at);
        } else {
            tracing::error!("the lease has run out: every shard is given up and must be taken again");
            self.name = None;
            self.claims = Claims::default();
            self.lease.lost(Moment::now());
            self.keeper.revoke();
        }
    }

    fn confirmed(&mut self, asked_at: Moment) {
        self.last_error = None;
        self.lease.confirmed(asked_at);
        self.keeper.confirm_until(self.lease.valid_until());
        if std::mem::take(&mut self.withdrawn) && self.lease.holds(Moment::now()) {
            self.publish();
        }
    }

    fn looked(&mut self, myself: &ActorRef<MembershipMsg>, name: LeaseName, given: u64, picture: Picture) {
        if self.name != Some(name) {
            return;
        }
        let me = (self.store.boot(), name);
        let gone = self.surrenders.settled(given);
        let mine =
            picture.shards.iter().filter(|row| row.owner == Some(me) && !gone.contains_key(&row.shard));
        let claims = Claims::new(mine.map(|row| (row.shard, row.epoch)));
        let (before, after) = (self.claims.len(), claims.len());
        if after > before {
            tracing::info!(gained = after - before, owned = after, "shards taken");
        }
        self.claims = claims;
        let mut topology = Topology::of(&picture);
        for (shard, place) in gone {
            topology.put(shard, place);
        }
        self.unserved = picture.shards.iter().any(|row| picture.living_owner(row).is_none());
        self.picture = picture;
        self.publish();
        self.map.publish(topology);
        self.rebalance(myself);
    }

    /// What is served here: what was seen to be this node's, less what is being given away.
    fn publish(&mut self) {
        if self.lease.holds(Moment::now()) {
            self.keeper.publish(self.claims.without(|shard| self.surrenders.under_way(shard)));
        } else {
            // The next tick finds nothing to withdraw; the next renewal publishes.
            self.withdrawn = true;
        }
    }

    /// Begins to give away what others should have.
    fn rebalance(&mut self, myself: &ActorRef<MembershipMsg>) {
        let me = self.store.boot();
        let seats = seats(&self.picture);
        let leaving = seats.iter().any(|seat| seat.node == me && seat.leaving);
        let at_once = if leaving { GIVES_AT_ONCE_LEAVING } else { GIVES_AT_ONCE };
        let room = at_once.saturating_sub(self.surrenders.count());
        let owners = self.owners();
        let wanted = moves(me, &seats, |shard| owners.get(&shard).copied(), room);
        for (shard, to) in wanted.give {
            self.surrender(myself, shard, to);
        }
        self.publish();
    }

    /// Living owners, shards under way counted as arrived.
    fn owners(&self) -> BTreeMap<Shard, BootId> {
        let owner = |row: &crate::store::ShardRow| {
            self.surrenders.successor(row.shard).or_else(|| self.picture.living_owner(row))
        };
        self.picture.shards.iter().filter_map(|row| Some((row.shard, owner(row)?))).collect()
    }

    fn surrender(&mut self, myself: &ActorRef<MembershipMsg>, shard: Shard, to: BootId) {
        let (Some(lease), Some(epoch)) = (self.name, self.claims.epoch(shard)) else { return };
        let successor = self.picture.nodes.iter().find(|node| node.boot == to);
        let Some(its_lease) = successor.map(|node| node.lease) else { return };
        self.surrenders.begin(shard, to, epoch);
        // Published before the retailers are asked to finish: nothing new is accepted.
        self.publish();
        surrender::carry_out(myself, self, lease, shard, epoch, (to, its_lease));
    }

    fn handed_over(
        &mut self,
        myself: &ActorRef<MembershipMsg>,
        shard: Shard,
        result: Result<(), StoreError>,
    ) {
        match result {
            Ok(()) => {
                if let Some((to, epoch)) = self.surrenders.done(shard) {
                    self.claims = self.claims.without(|other| other == shard);
                    self.map.moved(shard, Place { owner: Some(to), epoch });
                    self.surroundings.tell_moved(to);
                }
            }
            // It is this node's or the successor's: the next look tells.
            Err(error) => {
                tracing::warn!(%shard, %error, "it is not known whether a shard was given away");
                self.surrenders.unsure(shard);
            }
        }
        if self.surrenders.count() == 0 {
            self.look_soon(myself);
        } else {
            self.rebalance(myself);
        }
    }

    fn failed(&mut self, error: &StoreError) {
        self.failures += 1;
        if self.last_error.is_none() {
            tracing::warn!(%error, "the lease could not be renewed");
        }
        self.last_error = Some(error.to_string());
        self.lease.failed(Moment::now());
    }

    fn snapshot(&self) -> Value {
        let now = Moment::now();
        json!({
            "shards": self.claims.len(),
            "giving_away": self.surrenders.count(),
            "nodes": self.picture.nodes.len(),
            "valid": self.lease.holds(now),
            "valid_for_ms": u64::try_from(now.until(self.lease.valid_until()).as_millis()).unwrap_or(u64::MAX),
            "registrations": self.registrations,
            "renewals": self.renewals,
            "failures": self.failures,
            "last_error": self.last_error,
        })
    }
}

fn seats(picture: &Picture) -> Vec<Seat> {
    picture.nodes.iter().map(|node| Seat { node: node.boot, leaving: node.leaving }).collect()
}
