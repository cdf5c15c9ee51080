//! The uplink's actor: keeps one line to the hub open and is where the others hand over what is to be said.
//!
//! ```text
//! link                connect, hold a session, wait, again
//! fallback, backoff   pure: which way, and when
//! session             pure: what a frame or the clock leads to; one for both ways
//! line                what carries the frames: a WebSocket, or
//! https               posts and polls, where something in between blocks WebSockets
//! ```
//!
//! Stands under the agent's root. The line lives in a task of its own ([`link`]), whose end comes back as a
//! message. Answers wait in a bounded queue; what does not fit or meets no line is dropped, for the hub
//! repeats every command that was not answered.

pub mod backoff;
pub mod fallback;
pub(crate) mod https;
pub mod line;
pub mod link;
pub mod session;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actors::observe::Observable;
use messages::agent::FromAgent;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::identity::Identity;
use crate::links::Links;
use crate::net::{Dialer, HubAddress};
use fallback::{Chooser, Setting};
use link::{Hub, Link};

/// Answers to commands; a hub has at most eight commands under way for an agent.
const OUTBOX: usize = 64;
/// For the close frame to get through.
const CLOSE_DEADLINE: Duration = Duration::from_secs(3);

pub struct UplinkActor;

#[derive(Clone)]
pub struct UplinkArguments {
    /// Tried in this order.
    pub hubs: Vec<HubAddress>,
    pub dialer: Dialer,
    pub transport: Setting,
    /// While on HTTPS, a WebSocket is tried so often.
    pub websocket_again: Duration,
    /// The folder with the identity.
    pub data_dir: PathBuf,
    pub links: Arc<Links>,
}

/// How the connection stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkState {
    Connecting,
    Online { hub: String, over: &'static str },
    Waiting { reason: String },
}

pub enum UplinkMsg {
    Say(FromAgent),
    Observe(RpcReplyPort<Value>),
    /// From the link's task; it only ends when it was told to or is broken.
    LinkEnded,
}

impl ractor::Message for UplinkMsg {}

impl Observable for UplinkMsg {
    fn observe(reply: RpcReplyPort<Value>) -> Self {
        Self::Observe(reply)
    }
}

pub struct UplinkState {
    outbox: mpsc::Sender<FromAgent>,
    shown: watch::Receiver<LinkState>,
    stop: CancellationToken,
    link: Option<tokio::task::JoinHandle<()>>,
}

impl Actor for UplinkActor {
    type Msg = UplinkMsg;
    type State = UplinkState;
    type Arguments = UplinkArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<UplinkMsg>,
        arguments: UplinkArguments,
    ) -> Result<UplinkState, ActorProcessingErr> {
        let UplinkArguments { hubs, dialer, transport, websocket_again, data_dir, links } = arguments;
        let chosen = |address| Hub { address, chooser: Chooser::new(transport, websocket_again) };
        let hubs = hubs.into_iter().map(chosen).collect();
        let folder = data_dir.clone();
        let identity = crate::disk::off_thread(move || Ok(Identity::load(&folder))).await??;
        let (outbox, waiting) = mpsc::channel(OUTBOX);
        let (show, shown) = watch::channel(LinkState::Connecting);
        let stop = CancellationToken::new();
        links.spool.ready().await?;
        links.runner.ready().await?;
        links.uplink.set(&myself);
        let link =
            Link { hubs, dialer, data_dir, identity, links, outbox: waiting, show, stop: stop.clone() };
        let task = tokio::spawn(async move {
            link.run().await;
        });
        let watcher = tokio::spawn(async move {
            if let Err(error) = task.await {
                tracing::error!(%error, "the connection's task broke off");
            }
            // Nobody listens when the actor is gone, which is what ended the task.
            let _ignored = myself.cast(UplinkMsg::LinkEnded);
        });
        Ok(UplinkState { outbox, shown, stop, link: Some(watcher) })
    }

    async fn handle(
        &self,
        _myself: ActorRef<UplinkMsg>,
        message: UplinkMsg,
        state: &mut UplinkState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            UplinkMsg::Say(frame) => {
                if state.outbox.try_send(frame).is_err() {
                    tracing::debug!("an answer was dropped; the hub will ask again");
                }
                Ok(())
            }
            UplinkMsg::Observe(reply) => {
                let _ignored = reply.send(json!({"link": format!("{:?}", *state.shown.borrow())}));
                Ok(())
            }
            UplinkMsg::LinkEnded if state.stop.is_cancelled() => Ok(()),
            UplinkMsg::LinkEnded => Err("the connection's task ended by itself".into()),
        }
    }

    async fn post_stop(
        &self,
        _myself: ActorRef<UplinkMsg>,
        state: &mut UplinkState,
    ) -> Result<(), ActorProcessingErr> {
        state.stop.cancel();
        if let Some(link) = state.link.take() {
            let _too_late = timeout(CLOSE_DEADLINE, link).await;
        }
        Ok(())
    }
}
