//! `Housekeeping`: work that nobody waits for. Clears what deleted retailers leave behind, and seals credentials anew
//! after the keys have been rotated. One round at a time, each bounded; a failed round is tried again with the next.

use std::sync::Arc;
use std::time::Duration;

use actors::domain::SecretOf;
use actors::observe::Observable;
use actors::retailer::request::{Request, Router};
use messages::permission::RetailerScope;
use messages::{Problem, RetailerId, Timestamp};
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use serde_json::{Value, json};

use crate::access::Sealer;
use crate::store::{ScopedDb, Store, TenantDb};

/// Soon after the start, when the hub is not busy with its agents' return any more.
const FIRST: Duration = Duration::from_secs(60);
const EVERY: Duration = Duration::from_secs(3_600);
/// For one credential to be sealed anew.
const PATIENCE: Duration = Duration::from_secs(15);

pub(super) struct Housekeeping;

pub(super) struct Arguments {
    pub(super) store: Store,
    pub(super) sealer: Sealer,
    pub(super) router: Arc<dyn Router>,
}

pub(super) enum HousekeepingMsg {
    Begin,
    Done(Result<Round, Problem>),
    Observe(RpcReplyPort<Value>),
}

/// What a round has done.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Round {
    swept: u64,
    resealed: u64,
}

impl ractor::Message for HousekeepingMsg {}

impl Observable for HousekeepingMsg {
    fn observe(reply: RpcReplyPort<Value>) -> Self {
        Self::Observe(reply)
    }
}

pub(super) struct State {
    tools: Arc<Arguments>,
    rounds: u64,
    total: Round,
    last_at: Option<Timestamp>,
    last_error: Option<String>,
}

impl Actor for Housekeeping {
    type Msg = HousekeepingMsg;
    type State = State;
    type Arguments = Arguments;

    async fn pre_start(
        &self,
        me: ActorRef<HousekeepingMsg>,
        args: Arguments,
    ) -> Result<State, ActorProcessingErr> {
        me.send_after(FIRST, || HousekeepingMsg::Begin);
        Ok(State {
            tools: Arc::new(args),
            rounds: 0,
            total: Round::default(),
            last_at: None,
            last_error: None,
        })
    }

    async fn handle(
        &self,
        me: ActorRef<HousekeepingMsg>,
        message: HousekeepingMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            HousekeepingMsg::Begin => {
                let tools = state.tools.clone();
                tokio::spawn(async move {
                    let outcome = round(&tools).await;
                    // A stopped actor has nothing to note.
                    drop(me.cast(HousekeepingMsg::Done(outcome)));
                });
            }
            HousekeepingMsg::Done(outcome) => {
                note(state, outcome);
                me.send_after(EVERY, || HousekeepingMsg::Begin);
            }
            HousekeepingMsg::Observe(reply) => drop(reply.send(snapshot(state))),
        }
        Ok(())
    }
}

fn snapshot(state: &State) -> Value {
    json!({
        "rounds": state.rounds, "last_at": state.last_at, "last_error": state.last_error,
        "retailers_cleared": state.total.swept, "credentials_resealed": state.total.resealed,
    })
}

fn note(state: &mut State, outcome: Result<Round, Problem>) {
    state.rounds += 1;
    state.last_at = Some(Timestamp::now());
    match outcome {
        Ok(round) => {
            state.last_error = None;
            state.total.swept += round.swept;
            state.total.resealed += round.resealed;
            if round.resealed > 0 {
                tracing::info!(credentials = round.resealed, "credentials were sealed under the active key");
            }
        }
        Err(problem) => {
            tracing::warn!(%problem, "housekeeping did not finish; it is tried again in an hour");
            state.last_error = Some(problem.to_string());
        }
    }
}

async fn round(tools: &Arguments) -> Result<Round, Problem> {
    let swept = tools.store.sweep_deleted().await?;
    let active = tools.sealer.active_key();
    let everybody = ScopedDb::new(&tools.store, RetailerScope::default());
    let mut resealed = 0;
    for retailer in everybody.retailers_sealed_under_others(active).await? {
        resealed += reseal(tools, retailer, active).await?;
    }
    Ok(Round { swept: swept.retailers as u64, resealed })
}

async fn reseal(tools: &Arguments, retailer: RetailerId, active: &str) -> Result<u64, Problem> {
    let mut done = 0;
    for (of, before) in TenantDb::new(&tools.store, retailer).sealed_under_others(active).await? {
        match tools.sealer.reseal(retailer, of, &before) {
            Ok(Some(after)) => {
                let request = match of {
                    SecretOf::Destination(destination) => Request::Reseal { destination, before, after },
                    SecretOf::Job(job) => Request::ResealSource { job, before, after },
                };
                tools.router.ask(retailer, request, PATIENCE).await?;
                done += 1;
            }
            Ok(None) => {}
            // One that cannot be opened must not keep the others from the new key.
            Err(problem) => {
                tracing::error!(%retailer, ?of, %problem, "credentials cannot be sealed anew")
            }
        }
    }
    Ok(done)
}
