//! The keeper of this node's lease and shards.
//!
//! Place in the tree: child of the hub's supervisor, one per process. It ticks; a tick may start one call to the
//! database, as a task whose result comes back as a message, so the keeper itself never waits and notices the end of
//! its lease on time. Limits: one call under way, each with a deadline.
//!
//! A new life after a failure knows nothing of the lease of the former one: it takes a new lease, and gets its shards
//! back with the next epoch. That is safe, and rare.

use std::sync::Arc;
use std::time::Duration;

use actors::observe::Observable;
use actors::ports::StoreError;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::clock::Moment;
use super::data_dir::DataDir;
use super::lease::{Act, Lease, LeaseTerms};
use super::ownership::{Claims, OwnershipKeeper};
use crate::store::{Claimed, LeaseName, OwnershipStore};

/// Often enough that the end of a lease is told within a tenth of its margin of seconds.
const TICK: Duration = Duration::from_millis(100);

pub struct MembershipArguments {
    pub store: OwnershipStore,
    pub terms: LeaseTerms,
    pub keeper: OwnershipKeeper,
    /// Proof that earlier processes of this directory are dead; see `store::NodeRecord::data_dir`.
    pub data_dir: DataDir,
}

pub struct State {
    store: Arc<OwnershipStore>,
    terms: LeaseTerms,
    keeper: OwnershipKeeper,
    lease: Lease,
    name: Option<LeaseName>,
    claims: Claims,
    /// Claims were withdrawn because the lease may have run out; they come back if it turns out that it has not.
    withdrawn: bool,
    calling: bool,
    registrations: u64,
    renewals: u64,
    failures: u64,
    last_error: Option<String>,
    _data_dir: DataDir,
}

pub enum MembershipMsg {
    Tick,
    Registered {
        asked_at: Moment,
        name: LeaseName,
    },
    /// `false`: the lease has run out.
    Renewed {
        asked_at: Moment,
        alive: bool,
    },
    Claimed {
        name: LeaseName,
        claimed: Claimed,
    },
    Failed(StoreError),
    /// The call is over, with or without success.
    CallOver,
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
        let MembershipArguments { store, terms, keeper, data_dir } = arguments;
        // What a former life has published is not backed by anything that this one knows.
        keeper.revoke();
        myself.send_interval(TICK, || MembershipMsg::Tick);
        myself.cast(MembershipMsg::Tick)?;
        Ok(State {
            store: Arc::new(store),
            terms,
            keeper,
            lease: Lease::new(terms),
            name: None,
            claims: Claims::default(),
            withdrawn: false,
            calling: false,
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
            MembershipMsg::Registered { asked_at, name } => state.registered(asked_at, name),
            MembershipMsg::Renewed { asked_at, alive } => state.renewed(asked_at, alive),
            MembershipMsg::Claimed { name, claimed } => state.claimed(name, &claimed),
            MembershipMsg::Failed(error) => state.failed(&error),
            MembershipMsg::CallOver => state.calling = false,
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
            (Act::Wait(_), _) => {}
            (Act::Renew, Some(name)) => self.call(myself, Some(name), now),
            (Act::Register | Act::Renew, _) => self.call(myself, None, now),
        }
    }

    fn call(&mut self, myself: &ActorRef<MembershipMsg>, name: Option<LeaseName>, asked_at: Moment) {
        self.calling = true;
        let (store, patience, keeper) = (self.store.clone(), self.terms.call, myself.clone());
        tokio::spawn(async move {
            let tell = |message| keeper.cast(message).is_ok();
            let outcome = timeout(patience, call(&store, name, asked_at, &tell)).await;
            let failed = match outcome {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error),
                Err(_) => Some(StoreError::Unavailable(format!("no answer within {patience:?}"))),
            };
            if let Some(error) = failed {
                tell(MembershipMsg::Failed(error));
            }
            tell(MembershipMsg::CallOver);
        });
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
            tracing::error!("the lease has run out: every shard is given up and must be claimed again");
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
            self.keeper.publish(self.claims.clone());
        }
    }

    fn claimed(&mut self, name: LeaseName, claimed: &Claimed) {
        if self.name != Some(name) {
            return;
        }
        if claimed.gained > 0 {
            tracing::info!(gained = claimed.gained, owned = claimed.epochs.len(), "shards claimed");
        }
        self.claims = Claims::new(claimed.epochs.iter().map(|(shard, epoch)| (*shard, *epoch)));
        if self.lease.holds(Moment::now()) {
            self.keeper.publish(self.claims.clone());
        } else {
            // The next tick finds nothing to withdraw; the next renewal publishes.
            self.withdrawn = true;
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
            "valid": self.lease.holds(now),
            "valid_for_ms": u64::try_from(now.until(self.lease.valid_until()).as_millis()).unwrap_or(u64::MAX),
            "registrations": self.registrations,
            "renewals": self.renewals,
            "failures": self.failures,
            "last_error": self.last_error,
        })
    }
}

/// Registers or renews, then claims what is free. The confirmation is told before the claim is begun, because the
/// clock runs.
async fn call(
    store: &OwnershipStore,
    name: Option<LeaseName>,
    asked_at: Moment,
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
    let claimed = store.claim(name).await?;
    tell(MembershipMsg::Claimed { name, claimed });
    Ok(())
}
