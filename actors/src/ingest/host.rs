//! `IngestHost`: the ingestion of this node's retailers, started when first asked for. The likeness of
//! [`crate::host::Host`], which it stands beside and which asks it.
//!
//! Limits: [`MOST_WAITING`] requests wait at one retailer; more are told that it is busy.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use messages::version::Epoch;
use messages::{ErrorCode, Problem, RetailerId};
use ractor::rpc::CallResult;
use ractor::{ActorId, ActorRef, MessagingErr};
use tokio::sync::Semaphore;

use super::actor::{Arguments, Asked, Ingest, IngestMsg, RETRY_AFTER_S, Tools};
use super::request::{EdgeReply, EdgeRequest};
use crate::clock;
use crate::host::{Ownership, Tried, absent};
use crate::supervise::supervisor::{Absent, EnsureError};
use crate::supervise::{ChildSpec, RestartPolicy, SupervisorHandle};

/// A batch may have a mebibyte: this bounds what one retailer's devices can make a node hold.
pub const MOST_WAITING: usize = 128;

#[derive(Clone)]
struct Address {
    actor: ActorRef<IngestMsg>,
    epoch: Option<Epoch>,
    room: Arc<Semaphore>,
}

type Addresses = Arc<Mutex<HashMap<RetailerId, Address>>>;

/// See the module.
pub struct IngestHost {
    supervisor: SupervisorHandle,
    addresses: Addresses,
    ownership: Ownership,
    tools: Tools,
}

impl IngestHost {
    #[must_use]
    pub fn new(supervisor: SupervisorHandle, ownership: Ownership, tools: Tools) -> Self {
        Self { supervisor, addresses: Addresses::default(), ownership, tools }
    }

    fn get(&self, retailer: RetailerId) -> Option<Address> {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner).get(&retailer).cloned()
    }

    /// Lets those finish what they have accepted, and stops them. Called once ownership has ended.
    pub async fn vacate(&self, wanted: impl Fn(RetailerId) -> bool, patience: Duration) {
        let leaving: Vec<_> = {
            let all = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
            all.iter().filter(|(id, _)| wanted(**id)).map(|(id, address)| (*id, address.clone())).collect()
        };
        let leaving = leaving.into_iter().map(|(retailer, address)| async move {
            let everyone = u32::try_from(MOST_WAITING).unwrap_or(u32::MAX);
            if tokio::time::timeout(patience, address.room.acquire_many(everyone)).await.is_err() {
                tracing::warn!(%retailer, "batches of events were under way when the retailer moved; they come again");
            }
            self.stop(retailer, &address);
        });
        futures_util::future::join_all(leaving).await;
    }

    fn stop(&self, retailer: RetailerId, address: &Address) {
        remove(&self.addresses, retailer, address.actor.get_id());
        if !self.supervisor.remove(child_id(retailer)) {
            tracing::debug!(%retailer, "ingestion is stopping everywhere");
        }
    }

    fn spec(&self, retailer: RetailerId) -> ChildSpec {
        let (ownership, tools) = (self.ownership.clone(), self.tools.clone());
        let made = Arc::new(Mutex::new(None));
        let making = made.clone();
        let make = move || {
            let epoch = ownership(retailer);
            *making.lock().unwrap_or_else(PoisonError::into_inner) = epoch;
            (Ingest, Arguments { retailer, epoch, tools: tools.clone() })
        };
        let addresses = self.addresses.clone();
        let announce = move |actor| {
            let epoch = *made.lock().unwrap_or_else(PoisonError::into_inner);
            let address = Address { actor, epoch, room: Arc::new(Semaphore::new(MOST_WAITING)) };
            addresses.lock().unwrap_or_else(PoisonError::into_inner).insert(retailer, address);
        };
        let addresses = self.addresses.clone();
        let end = Arc::new(move |actor| remove(&addresses, retailer, actor));
        ChildSpec::announced(child_id(retailer), "ingest", RestartPolicy::ONE_OF_MANY, make, announce)
            .on_end(end)
    }

    /// The actor's address, starting it if need be. The retailer is known to exist.
    async fn find(&self, retailer: RetailerId, until: Instant) -> Result<Address, Tried<EdgeReply>> {
        if let Some(address) = self.get(retailer) {
            return Ok(address);
        }
        let patience = until.saturating_duration_since(clock::now());
        match self.supervisor.ensure(self.spec(retailer), patience).await {
            Ok(()) => self.get(retailer).ok_or(Tried::NotSent),
            Err(EnsureError::Absent(Absent::Removed)) => Err(Tried::NotSent),
            Err(error) => Err(Tried::Answered(Err(absent(error)))),
        }
    }

    pub(crate) fn is_running(&self, retailer: RetailerId) -> bool {
        self.get(retailer).is_some()
    }

    pub(crate) async fn try_ask(
        &self,
        retailer: RetailerId,
        request: Arc<EdgeRequest>,
        until: Instant,
    ) -> Tried<EdgeReply> {
        let Some(epoch) = (self.ownership)(retailer) else {
            return Tried::Answered(Err(ErrorCode::NotOwner.into()));
        };
        let address = match self.find(retailer, until).await {
            Ok(address) => address,
            Err(tried) => return tried,
        };
        if address.epoch != Some(epoch) {
            // Somebody else may have owned it in between: what this one remembers may be old.
            self.stop(retailer, &address);
            return Tried::NotSent;
        }
        let Ok(permit) = address.room.clone().try_acquire_owned() else {
            let detail = format!("{MOST_WAITING} requests of store edges wait at this retailer already");
            let busy = Problem::new(ErrorCode::Busy, detail).with_retry_after(RETRY_AFTER_S);
            return Tried::Answered(Err(busy));
        };
        let left = until.saturating_duration_since(clock::now());
        let message = |reply| IngestMsg::Ask(Box::new(Asked { request, reply, deadline: until, permit }));
        match address.actor.call(message, Some(left)).await {
            Ok(CallResult::Success(answer)) => Tried::Answered(answer),
            Ok(CallResult::Timeout) => Tried::Unknown(ErrorCode::DeadlineExceeded),
            Ok(CallResult::SenderError) => {
                remove(&self.addresses, retailer, address.actor.get_id());
                Tried::Unknown(ErrorCode::OutcomeUnknown)
            }
            Err(MessagingErr::SendErr(_) | MessagingErr::ChannelClosed | MessagingErr::InvalidActorType) => {
                remove(&self.addresses, retailer, address.actor.get_id());
                Tried::NotSent
            }
        }
    }
}

fn remove(addresses: &Addresses, retailer: RetailerId, actor: ActorId) {
    let mut all = addresses.lock().unwrap_or_else(PoisonError::into_inner);
    if all.get(&retailer).is_some_and(|known| known.actor.get_id() == actor) {
        all.remove(&retailer);
    }
}

fn child_id(retailer: RetailerId) -> String {
    format!("ingest:{retailer}")
}
