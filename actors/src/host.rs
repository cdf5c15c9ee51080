//! `ShardHost`: the retailers of this node, started when first asked for, found without asking anyone.
//!
//! Limits: [`MOST_WAITING`] requests wait at one retailer; more are told that it is busy.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use messages::version::Epoch;
use messages::{ErrorCode, Problem, RetailerId, RunId};
use ractor::rpc::CallResult;
use ractor::{ActorId, ActorRef, MessagingErr};
use tokio::sync::Semaphore;

use crate::clock;
use crate::ingest::host::IngestHost;
use crate::ingest::request::EdgeRequest;
use crate::retailer::actor::{Arguments, Asked, Retailer, RetailerMsg, Tools};
use crate::retailer::request::{Request, Response, Router};
use crate::supervise::supervisor::{Absent, EnsureError};
use crate::supervise::{ChildSpec, RestartPolicy, SupervisorHandle};

/// Beyond this a retailer's callers would wait longer than their deadlines anyway.
pub const MOST_WAITING: usize = 256;
/// Times a request is sent again that has certainly not been carried out.
const MOST_TRIES: usize = 3;

/// Says which epoch this node owns a retailer with, if it does.
pub type Ownership = Arc<dyn Fn(RetailerId) -> Option<Epoch> + Send + Sync>;

#[derive(Clone)]
struct Address {
    actor: ActorRef<RetailerMsg>,
    /// That its memory is of. Ownership that was lost and won again has a higher one.
    epoch: Option<Epoch>,
    room: Arc<Semaphore>,
}

/// Where the actors of this node's retailers live.
#[derive(Clone, Default)]
pub struct Addresses(Arc<Mutex<HashMap<RetailerId, Address>>>);

impl Addresses {
    fn get(&self, retailer: RetailerId) -> Option<Address> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&retailer).cloned()
    }

    fn put(&self, retailer: RetailerId, actor: ActorRef<RetailerMsg>, epoch: Option<Epoch>) {
        let address = Address { actor, epoch, room: Arc::new(Semaphore::new(MOST_WAITING)) };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(retailer, address);
    }

    fn those(&self, wanted: impl Fn(RetailerId) -> bool) -> Vec<(RetailerId, Address)> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter(|(id, _)| wanted(**id)).map(|(id, address)| (*id, address.clone())).collect()
    }

    #[must_use]
    pub fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn remove(&self, retailer: RetailerId, actor: ActorId) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.get(&retailer).is_some_and(|known| known.actor.get_id() == actor) {
            all.remove(&retailer);
        }
    }

    /// Asks a retailer to look at a run again; false when it does not live here now.
    #[must_use]
    pub fn review(&self, retailer: RetailerId, run: RunId) -> bool {
        self.get(retailer).is_some_and(|address| address.actor.cast(RetailerMsg::Review(run)).is_ok())
    }
}

pub struct Host {
    supervisor: SupervisorHandle,
    addresses: Addresses,
    ownership: Ownership,
    tools: Tools,
    /// What store edges tell is taken in beside the retailer's own actor.
    ingest: Option<IngestHost>,
}

impl Host {
    #[must_use]
    pub const fn new(
        supervisor: SupervisorHandle,
        addresses: Addresses,
        ownership: Ownership,
        tools: Tools,
    ) -> Self {
        Self { supervisor, addresses, ownership, tools, ingest: None }
    }

    #[must_use]
    pub fn with_ingest(self, ingest: IngestHost) -> Self {
        Self { ingest: Some(ingest), ..self }
    }

    /// Has the retailer an actor on this node now?
    #[must_use]
    pub fn lives_here(&self, retailer: RetailerId) -> bool {
        self.addresses.get(retailer).is_some()
    }

    /// Starts the retailer's actor without asking it anything: it has runs or schedules to look after.
    pub async fn wake(&self, retailer: RetailerId, patience: Duration) -> Result<(), Problem> {
        self.supervisor.ensure(self.spec(retailer), patience).await.map_err(absent)
    }

    /// Lets those of this node's retailers that it owns no longer finish what they have accepted, and stops them.
    /// To be called once ownership has ended, so that nothing new comes in.
    pub async fn vacate(&self, wanted: impl Fn(RetailerId) -> bool, patience: Duration) {
        let ingest = async {
            if let Some(ingest) = &self.ingest {
                ingest.vacate(&wanted, patience).await;
            }
        };
        tokio::join!(ingest, self.vacate_retailers(&wanted, patience));
    }

    async fn vacate_retailers(&self, wanted: impl Fn(RetailerId) -> bool, patience: Duration) {
        let leaving = self.addresses.those(wanted).into_iter().map(|(retailer, address)| async move {
            let everyone = u32::try_from(MOST_WAITING).unwrap_or(u32::MAX);
            // With every place in the queue taken, nobody else waits for an answer.
            if tokio::time::timeout(patience, address.room.acquire_many(everyone)).await.is_err() {
                tracing::warn!(%retailer, "a retailer still had requests when it moved; they are asked again");
            }
            self.stop(retailer, &address);
        });
        futures_util::future::join_all(leaving).await;
    }

    fn stop(&self, retailer: RetailerId, address: &Address) {
        self.addresses.remove(retailer, address.actor.get_id());
        if !self.supervisor.remove(child_id(retailer)) {
            tracing::debug!(%retailer, "the retailers are stopping all together");
        }
    }

    fn spec(&self, retailer: RetailerId) -> ChildSpec {
        let (ownership, tools) = (self.ownership.clone(), self.tools.clone());
        // One life after the other: what was made last is what is announced next.
        let made = Arc::new(Mutex::new(None));
        let making = made.clone();
        let make = move || {
            let epoch = ownership(retailer);
            *making.lock().unwrap_or_else(PoisonError::into_inner) = epoch;
            (Retailer, Arguments { retailer, epoch, tools: tools.clone() })
        };
        let addresses = self.addresses.clone();
        let announce = move |actor| {
            let epoch = *made.lock().unwrap_or_else(PoisonError::into_inner);
            addresses.put(retailer, actor, epoch);
        };
        let addresses = self.addresses.clone();
        let end = Arc::new(move |actor| addresses.remove(retailer, actor));
        let id = child_id(retailer);
        ChildSpec::announced(id, "retailer", RestartPolicy::ONE_OF_MANY, make, announce).on_end(end)
    }

    /// The actor's address, starting it if need be.
    async fn find(
        &self,
        retailer: RetailerId,
        request: &Request,
        until: Instant,
    ) -> Result<Address, Tried<Response>> {
        let refused = |problem: Problem| Tried::Answered(Err(problem));
        if let Some(address) = self.addresses.get(retailer) {
            return Ok(address);
        }
        // An identifier from outside must not make an actor, let alone a fence, for a retailer that is not there.
        let makes = request.makes_retailer();
        if !makes {
            self.must_exist(retailer, until).await.map_err(refused)?;
        }
        let patience = until.saturating_duration_since(clock::now());
        match self.supervisor.ensure(self.spec(retailer), patience).await {
            Ok(()) => self.addresses.get(retailer).ok_or(Tried::NotSent),
            // It was just ending in good order, or this node does not own it: the next try finds out which.
            Err(EnsureError::Absent(Absent::Removed)) => Err(Tried::NotSent),
            Err(error) => Err(refused(absent(error))),
        }
    }

    /// Something of store edges, for the actor that takes it in.
    async fn try_edge(
        &self,
        retailer: RetailerId,
        request: &Arc<EdgeRequest>,
        until: Instant,
    ) -> Tried<Response> {
        let Some(ingest) = &self.ingest else { return Tried::Answered(Err(ErrorCode::Internal.into())) };
        if !ingest.is_running(retailer)
            && let Err(problem) = self.must_exist(retailer, until).await
        {
            return Tried::Answered(Err(problem));
        }
        match ingest.try_ask(retailer, request.clone(), until).await {
            Tried::Answered(answer) => Tried::Answered(answer.map(Response::Edge)),
            Tried::NotSent => Tried::NotSent,
            Tried::Unknown(code) => Tried::Unknown(code),
        }
    }

    async fn must_exist(&self, retailer: RetailerId, until: Instant) -> Result<(), Problem> {
        match tokio::time::timeout_at(until.into(), self.tools.store.exists(retailer)).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err(Problem::new(ErrorCode::NotFound, "there is no such retailer")),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(ErrorCode::DeadlineExceeded.into()),
        }
    }

    async fn try_ask(&self, retailer: RetailerId, request: &Request, until: Instant) -> Tried<Response> {
        if let Request::Edge(request) = request {
            return self.try_edge(retailer, request, until).await;
        }
        let Some(epoch) = (self.ownership)(retailer) else {
            return Tried::Answered(Err(ErrorCode::NotOwner.into()));
        };
        let address = match self.find(retailer, request, until).await {
            Ok(address) => address,
            Err(tried) => return tried,
        };
        if address.epoch != Some(epoch) {
            // Somebody else may have owned it in between: what this one remembers may be old.
            self.stop(retailer, &address);
            return Tried::NotSent;
        }
        let Ok(permit) = address.room.clone().try_acquire_owned() else {
            let detail =
                format!("{MOST_WAITING} requests wait at this retailer already; try again in a moment");
            return Tried::Answered(Err(Problem::new(ErrorCode::Busy, detail)));
        };
        let left = until.saturating_duration_since(clock::now());
        let request = request.clone();
        let message = |reply| RetailerMsg::Ask(Box::new(Asked { request, reply, deadline: until, permit }));
        match address.actor.call(message, Some(left)).await {
            Ok(CallResult::Success(answer)) => Tried::Answered(answer),
            Ok(CallResult::Timeout) => Tried::Unknown(ErrorCode::DeadlineExceeded),
            // It failed while the request was with it.
            Ok(CallResult::SenderError) => {
                self.addresses.remove(retailer, address.actor.get_id());
                Tried::Unknown(ErrorCode::OutcomeUnknown)
            }
            Err(MessagingErr::SendErr(_) | MessagingErr::ChannelClosed | MessagingErr::InvalidActorType) => {
                self.addresses.remove(retailer, address.actor.get_id());
                Tried::NotSent
            }
        }
    }
}

fn child_id(retailer: RetailerId) -> String {
    format!("retailer:{retailer}")
}

/// What has come of one attempt.
pub(crate) enum Tried<T> {
    Answered(Result<T, Problem>),
    /// The actor was gone before it got the request.
    NotSent,
    Unknown(ErrorCode),
}

pub(crate) fn absent(error: EnsureError) -> Problem {
    match error {
        EnsureError::Absent(Absent::GivenUp) => Problem::new(
            ErrorCode::Internal,
            "this retailer's actor failed again and again and was given up for five minutes; see the actors page",
        ),
        EnsureError::Absent(_) => ErrorCode::Busy.into(),
        EnsureError::Timeout => {
            Problem::new(ErrorCode::StoreUnavailable, "the retailer could not be loaded in time")
        }
        EnsureError::Stopping => ErrorCode::ShuttingDown.into(),
    }
}

impl Router for Host {
    fn ask(
        &self,
        retailer: RetailerId,
        request: Request,
        deadline: Duration,
    ) -> BoxFuture<'_, Result<Response, Problem>> {
        Box::pin(async move {
            let until = clock::now() + deadline;
            // What happens twice to the same effect may be asked again even when its outcome is not known.
            let harmless = request.is_read() || request.is_repeatable();
            let mut unknown = ErrorCode::NotOwner;
            for _ in 0..MOST_TRIES {
                match self.try_ask(retailer, &request, until).await {
                    Tried::Answered(answer) => return answer,
                    Tried::NotSent => {}
                    Tried::Unknown(ErrorCode::OutcomeUnknown) if harmless => {
                        unknown = ErrorCode::OutcomeUnknown
                    }
                    Tried::Unknown(code) => return Err(code.into()),
                }
                if clock::now() >= until {
                    return Err(ErrorCode::DeadlineExceeded.into());
                }
            }
            Err(unknown.into())
        })
    }
}
