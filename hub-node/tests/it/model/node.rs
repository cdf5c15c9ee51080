//! A hub node: what `cluster::membership` and the retailer's actor do, cut into the steps between which others may act.
//!
//! The lease is the real `cluster::lease::Lease`; the rest is what its callers keep.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use hub_node::cluster::clock::Moment;
use hub_node::cluster::lease::{Act, Lease, LeaseTerms};

use super::server::{Batch, Boot, LIVES, Request, Row, TTL};

/// A tick of everybody's clock.
pub(super) const TICK: u64 = 1_000;

/// Two ticks a lease. The node gives it up half a tick before the server does: whoever acts at the very tick at which
/// the server lets others begin is found out.
fn terms() -> LeaseTerms {
    let ticks = |count: u64| Duration::from_millis(count * TICK);
    LeaseTerms {
        ttl: ticks(TTL.unsigned_abs().into()),
        renew_every: ticks(1),
        margin: Duration::from_millis(TICK / 2),
        retry_after: ticks(1),
        call: ticks(1),
    }
}

/// How far membership is in its round: renew, read the shards, read the leases, act on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Keeper {
    Idle,
    /// The lease is registered or renewed, or is refused; the answer is on its way.
    Answered {
        lease: u8,
        alive: bool,
    },
    /// The shards have been read, the leases not yet.
    Seen(Row),
    /// A compare-and-set is on its way.
    Taking {
        row: Row,
    },
    /// The shard is not served any more, and is handed over.
    Giving {
        row: Row,
        to: (Boot, u8),
    },
}

/// The retailer's actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Actor {
    Off,
    /// About to raise the fence and load.
    Raising {
        epoch: u8,
    },
    Serving {
        epoch: u8,
        version: u8,
        image: u8,
    },
    /// A commit is on its way.
    Committing {
        write: u8,
        batch: Batch,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) index: u8,
    pub(super) life: u8,
    pub(super) up: bool,
    /// Its own monotonic clock.
    pub(super) clock: u64,
    pub(super) lease: Lease,
    /// When the call under way was begun.
    asked_at: u64,
    pub(super) name: Option<u8>,
    /// Names that it has used in this life.
    pub(super) names: u8,
    pub(super) keeper: Keeper,
    /// The shard is this node's, as it saw last, under this epoch.
    pub(super) claim: Option<u8>,
    pub(super) actor: Actor,
}

impl Hash for Node {
    /// Times are told from now, and what is over is over: so states that behave alike are one.
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (self.index, self.life, self.up, self.name, self.names).hash(hasher);
        (self.keeper, self.claim, self.actor).hash(hasher);
        let now = self.now();
        let held = self.lease.next(Moment::from_micros(u64::MAX)) == Act::Renew;
        let acts_in = match self.lease.next(now) {
            Act::Wait(at) => now.until(at),
            Act::Register | Act::Renew => Duration::ZERO,
        };
        (held, now.until(self.lease.valid_until()), acts_in).hash(hasher);
        if matches!(self.keeper, Keeper::Answered { .. }) {
            (self.clock - self.asked_at).min(TTL.unsigned_abs() as u64 * TICK).hash(hasher);
        }
    }
}

impl Node {
    pub(super) fn new(index: u8) -> Self {
        Self {
            index,
            life: 0,
            up: true,
            clock: 0,
            lease: Lease::new(terms()),
            asked_at: 0,
            name: None,
            names: 0,
            keeper: Keeper::Idle,
            claim: None,
            actor: Actor::Off,
        }
    }

    pub(super) const fn boot(&self) -> Boot {
        self.index * LIVES + self.life
    }

    /// Something is to be done before time goes on, unless the process is paused, or the network slow.
    pub(super) fn is_due(&self) -> bool {
        let under_way = self.keeper != Keeper::Idle
            || matches!(self.actor, Actor::Raising { .. } | Actor::Committing { .. });
        self.up && (under_way || !matches!(self.lease.next(self.now()), Act::Wait(_)))
    }

    pub(super) fn now(&self) -> Moment {
        Moment::from_millis(self.clock)
    }

    /// `Ownership::owned_epoch`.
    pub(super) fn owned_epoch(&self, heeds_lease: bool) -> Option<u8> {
        if heeds_lease && !self.lease.holds(self.now()) { None } else { self.claim }
    }

    /// `State::tick` of membership: what the real lease says is to be asked now.
    pub(super) fn ask(&mut self) -> Option<Request> {
        let boot = self.boot();
        let request = match (self.lease.next(self.now()), self.name) {
            (Act::Wait(_), _) => return None,
            (Act::Renew, Some(lease)) => Request::Renew { boot, lease },
            (Act::Register | Act::Renew, _) => {
                self.names += 1;
                Request::Register { boot, lease: self.names }
            }
        };
        self.asked_at = self.clock;
        Some(request)
    }

    /// `State::registered` and `State::renewed` of membership; then the shards are read.
    pub(super) fn hear(&mut self, lease: u8, alive: bool, row: Row) {
        if !alive {
            self.lease.lost(self.now());
            self.name = None;
            self.claim = None;
            self.keeper = Keeper::Idle;
            return;
        }
        if self.name != Some(lease) {
            self.name = Some(lease);
            self.claim = None;
        }
        self.lease.confirmed(Moment::from_millis(self.asked_at));
        self.keeper = Keeper::Seen(row);
    }

    /// The call took too long, or broke.
    pub(super) fn fail(&mut self) {
        self.lease.failed(self.now());
        self.keeper = Keeper::Idle;
    }

    pub(super) fn crash(&mut self) {
        self.up = false;
        self.lease = Lease::new(terms());
        self.name = None;
        self.names = 0;
        self.keeper = Keeper::Idle;
        self.claim = None;
        self.actor = Actor::Off;
    }

    pub(super) fn restart(&mut self) {
        self.life += 1;
        self.up = true;
    }
}
