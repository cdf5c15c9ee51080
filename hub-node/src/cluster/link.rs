//! Links between hub nodes: who is connected, and carrying bytes from one node to another.
//!
//! ```text
//! api        what users see: questions, tells, outcomes
//! book       who is dialled, when, and what becomes of each connection            pure
//! envelope   what travels, in bytes                                               pure
//! greeting   the first words on a connection: which cluster, which process       pure
//! gauge      how much is under way, and how long it takes                         pure
//! keeper     the actor that keeps the book and acts on it
//! sessions   events of ractor_cluster's sessions, as messages
//! door       the accept loop: TLS, greeting, limits
//! dial       connecting to another node; probing an address
//! socket     options of a socket, and the stream that ractor_cluster is given
//! live       one link that is up: asking, telling, heartbeat
//! hub_link   the one actor of this node that others can send to
//! tls        certificates, and what they must say
//! ```
//!
//! Transport only: bodies are opaque, and nothing here decides who owns what. Only this module sees `ractor_cluster`,
//! which carries frames between connected nodes and nothing else: connections, their proof, heartbeats, limits and
//! deadlines are made here. Nobody may conclude from a link that a node lives or owns something.
//!
//! Promises: an ask has one outcome, within its deadline; tells arrive in order, at most once, and what is dropped is
//! told; memory per node is bounded; one bad node or message never harms the link of another.

mod api;
mod book;
mod dial;
mod door;
mod envelope;
mod gauge;
mod greeting;
mod hub_link;
mod keeper;
mod live;
mod sessions;
mod socket;
mod tls;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use actors::supervise::{ChildSpec, RestartPolicy, SupervisorHandle};
use bytes::Bytes;
use messages::ids::BootId;
use ractor::ActorRef;
use tokio::net::TcpListener;

pub use self::api::{
    AskError, Inbound, LinkConfig, LinkError, LinkState, LinkTerms, LinkView, Lost, Peer, Probe, Refusal,
    RoundTrip, Trace,
};
pub use self::dial::probe;
use self::envelope::MAX_BODY;
use self::keeper::{Arguments, Keeper, KeeperMsg};
use self::live::Live;
pub use self::tls::{LinkTls, LinkTlsError, NAME as CERTIFICATE_NAME};

/// Starting is local work: a listener on loopback and three actors.
const START: Duration = Duration::from_secs(10);
/// Answers under way get this long when links are stopped.
const STOP: Duration = Duration::from_secs(5);
/// Its name under the supervisor.
const CHILD: &str = "links";

/// What the keeper, the actors and the handles of one node share.
struct Shared {
    boot: BootId,
    config: LinkConfig,
    local_address: SocketAddr,
    /// Kept while keepers come and go, so that the port stays ours; gone when links are stopped.
    listener: Mutex<Option<Arc<TcpListener>>>,
    inbound: Arc<dyn Inbound>,
    /// Replaced when certificates are renewed.
    tls: RwLock<LinkTls>,
    /// Links that have answered once.
    live: RwLock<HashMap<BootId, Arc<Live>>>,
    /// What [`Links::keep`] said last; a keeper that starts anew reads it.
    wanted: Mutex<Vec<Peer>>,
    keeper: Mutex<Option<ActorRef<KeeperMsg>>>,
    views: Mutex<Vec<LinkView>>,
    counts: hub_link::Counts,
}

/// The links of this node. Cheap to clone.
#[derive(Clone)]
pub struct Links {
    shared: Arc<Shared>,
    supervisor: SupervisorHandle,
}

impl Links {
    /// Listens, and starts what keeps the links under `supervisor`. No other node is linked before
    /// [`keep`](Self::keep) names it.
    pub async fn start(
        config: LinkConfig,
        boot: BootId,
        supervisor: &SupervisorHandle,
        inbound: Arc<dyn Inbound>,
    ) -> Result<Self, LinkError> {
        let address = config.listen;
        let failed = |source| LinkError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let local_address = listener.local_addr().map_err(failed)?;
        let shared = Arc::new(Shared {
            boot,
            tls: RwLock::new(config.tls.clone()),
            config,
            local_address,
            listener: Mutex::new(Some(Arc::new(listener))),
            inbound,
            live: RwLock::default(),
            wanted: Mutex::default(),
            keeper: Mutex::default(),
            views: Mutex::default(),
            counts: hub_link::Counts::default(),
        });
        let (kept, announced) = (shared.clone(), shared.clone());
        let make = move || (Keeper, Arguments { shared: kept.clone() });
        let announce = move |keeper: ActorRef<KeeperMsg>| {
            *lock(&announced.keeper) = Some(keeper.clone());
            // What was said while there was no keeper.
            keeper.cast(KeeperMsg::Wanted).unwrap_or_else(|_| tracing::debug!("the keeper has just ended"));
        };
        let spec = ChildSpec::announced(CHILD, "links", RestartPolicy::ESSENTIAL, make, announce);
        supervisor.ensure(spec, START).await.map_err(|error| LinkError::Actor(error.to_string()))?;
        Ok(Self { shared, supervisor: supervisor.clone() })
    }

    #[must_use]
    pub fn local_address(&self) -> SocketAddr {
        self.shared.local_address
    }

    /// The nodes that live, as membership sees them. New ones are dialled (by the smaller boot id of the two), lost
    /// ones again and again, and links to nodes that are not named any more are cut. This node itself is left out.
    pub fn keep(&self, peers: Vec<Peer>) {
        *lock(&self.shared.wanted) = peers;
        self.shared.tell_keeper(KeeperMsg::Wanted);
    }

    /// Asks another node. `within` is the time until an answer is of no more use; it travels with the question.
    /// Dropping the future gives up the answer, not the question.
    pub async fn ask(
        &self,
        to: BootId,
        body: Bytes,
        within: Duration,
        trace: Option<Trace>,
    ) -> Result<Bytes, AskError> {
        if body.len() > MAX_BODY {
            return Err(Refusal::TooLarge { bytes: body.len(), limit: MAX_BODY }.into());
        }
        let live = self.shared.up(to).ok_or(AskError::NoLink)?;
        live.ask(&body, within, trace).await
    }

    /// Tells another node something it can do without. False: there is no link, or too much is under way; in the
    /// second case the other node learns that it missed something.
    pub fn tell(&self, to: BootId, body: &Bytes) -> bool {
        self.shared.up(to).is_some_and(|live| live.tell(body))
    }

    #[must_use]
    pub fn is_up(&self, peer: BootId) -> bool {
        self.shared.up(peer).is_some()
    }

    /// All nodes that can be asked and told now.
    #[must_use]
    pub fn up(&self) -> Vec<BootId> {
        let live = self.shared.live.read().unwrap_or_else(PoisonError::into_inner);
        live.iter().filter(|(_, live)| live.is_announced()).map(|(boot, _)| *boot).collect()
    }

    /// All nodes that are listed or connected, for the admin page.
    #[must_use]
    pub fn views(&self) -> Vec<LinkView> {
        let mut views = lock(&self.shared.views).clone();
        for view in &mut views {
            if let Some(live) = self.shared.live(view.peer) {
                live.describe(view);
            }
        }
        views
    }

    /// Connections made from now on use these certificates; those that stand are kept.
    pub fn replace_tls(&self, tls: LinkTls) {
        self.shared.replace_tls(tls);
    }

    /// Cuts all links and stops listening.
    pub async fn stop(&self) {
        let keeper = lock(&self.shared.keeper).take();
        self.supervisor.remove(CHILD);
        lock(&self.shared.listener).take();
        if let Some(keeper) = keeper
            && keeper.get_cell().wait(Some(STOP)).await.is_err()
        {
            tracing::warn!("the links did not stop in time");
        }
    }
}

impl Shared {
    fn live(&self, peer: BootId) -> Option<Arc<Live>> {
        self.live.read().unwrap_or_else(PoisonError::into_inner).get(&peer).cloned()
    }

    /// The link, if it was announced as up.
    fn up(&self, peer: BootId) -> Option<Arc<Live>> {
        self.live(peer).filter(|live| live.is_announced())
    }

    fn tls(&self) -> LinkTls {
        self.tls.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn replace_tls(&self, tls: LinkTls) {
        *self.tls.write().unwrap_or_else(PoisonError::into_inner) = tls;
    }

    fn tell_keeper(&self, message: KeeperMsg) {
        let keeper = lock(&self.keeper).clone();
        // Without a keeper nothing is lost: the next one begins with what is wanted.
        if keeper.is_none_or(|keeper| keeper.cast(message).is_err()) {
            tracing::debug!("the keeper of links is not there at the moment");
        }
    }
}

/// A panic while holding one of these locks leaves whole values behind.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
