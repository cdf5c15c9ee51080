//! `Connectivity`: looks at the line to the hub again and again, and tells everybody when it goes and comes back.
//! Child of the edge; probes run in tasks of their own. What it concludes stands in [`judge`]; what it tells the hub on
//! that occasion, in [`pulse`].

pub mod judge;
pub mod pulse;

use std::sync::Arc;
use std::time::Duration;

use actors::failpoint;
use actors::observe::Observable;
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use messages::Timestamp;
use messages::edge::status::{LinkState, OfflineCause};
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::line::{HttpLine, LineFault};
use crate::links::Links;
use judge::{Judge, News};
use pulse::Pulse;

/// Where a hub says that it can serve.
const READY: &str = "/health/ready";
/// For the answer to a look.
pub const PROBE_PATIENCE: Duration = Duration::from_secs(5);
/// For a whole look, a little more than its longest step, which so can name itself: three looks and the waits between
/// them end within half a minute.
const LOOK: Duration = Duration::from_secs(6);

pub struct ConnectivityActor;

#[derive(Clone)]
pub struct ConnectivityArguments {
    pub line: Arc<HttpLine>,
    pub every: Duration,
    pub links: Arc<Links>,
    pub pulse: Pulse,
}

pub enum ConnectivityMsg {
    Look,
    /// From a look of its own, or from the relay.
    Heard(News),
    Observe(RpcReplyPort<Value>),
}

impl ractor::Message for ConnectivityMsg {}

impl Observable for ConnectivityMsg {
    fn observe(reply: RpcReplyPort<Value>) -> Self {
        Self::Observe(reply)
    }
}

pub struct ConnectivityState {
    arguments: ConnectivityArguments,
    judge: Judge,
}

impl Actor for ConnectivityActor {
    type Msg = ConnectivityMsg;
    type State = ConnectivityState;
    type Arguments = ConnectivityArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<ConnectivityMsg>,
        arguments: ConnectivityArguments,
    ) -> Result<ConnectivityState, ActorProcessingErr> {
        let judge = Judge::new(arguments.links.connectivity.borrow().clone());
        arguments.links.set_connectivity(&myself);
        myself.cast(ConnectivityMsg::Look)?;
        Ok(ConnectivityState { arguments, judge })
    }

    async fn handle(
        &self,
        myself: ActorRef<ConnectivityMsg>,
        message: ConnectivityMsg,
        state: &mut ConnectivityState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            ConnectivityMsg::Look => {
                failpoint::pass("connectivity.probe");
                let ConnectivityArguments { line, every, pulse, .. } = state.arguments.clone();
                tokio::spawn(async move {
                    let news = look(&line).await;
                    // Nobody listens when the actor is gone; its next life looks for itself.
                    let reached = news == News::Reached;
                    let _ignored = myself.cast(ConnectivityMsg::Heard(news));
                    if reached {
                        pulse.send(&line).await;
                    }
                    myself.send_after(every, || ConnectivityMsg::Look);
                });
            }
            ConnectivityMsg::Heard(news) => conclude(state, news),
            ConnectivityMsg::Observe(reply) => {
                let shown = state.judge.present();
                let _ignored = reply.send(json!({"state": shown.state, "cause": shown.cause}));
            }
        }
        Ok(())
    }
}

async fn look(line: &HttpLine) -> News {
    let Ok(request) = Request::get(READY).body(Full::new(Bytes::new())) else { return News::Reached };
    let looked = timeout(LOOK, line.send(request)).await.unwrap_or_else(|_| {
        Err(LineFault::new(OfflineCause::HubDown, format!("{} did not answer in time", line.to())))
    });
    match looked {
        Ok(answer) if answer.status.is_success() => News::Reached,
        Ok(answer) => {
            let detail = format!("{} answers with status {}", line.to(), answer.status);
            News::Fault(LineFault::new(OfflineCause::HubDown, detail))
        }
        Err(fault) => News::Fault(fault),
    }
}

fn conclude(state: &mut ConnectivityState, news: News) {
    let before = state.judge.present().state;
    let changed = state.judge.hear(news, Timestamp::now());
    let present = state.judge.present().clone();
    if changed {
        let (now, cause, detail) = (present.state, present.cause, &present.detail);
        match now {
            LinkState::Offline => {
                tracing::warn!(?cause, detail, "the hub cannot be reached; selling goes on")
            }
            _ => tracing::info!(state = ?now, "the line to the hub"),
        }
        if now == LinkState::Online && before != LinkState::Online {
            state.arguments.links.back_online.notify_one();
        }
        state.arguments.links.connectivity.send_replace(present);
    } else {
        // The time of the last contact is shown and is no news.
        state.arguments.links.connectivity.send_if_modified(|shown| {
            shown.last_contact = present.last_contact;
            false
        });
    }
}
