//! WebSockets: `/ws/agent` and `/ws/live`; and sessions over HTTPS for agents to whom WebSockets are blocked.
//!
//! Own upgrade inside a warp filter, because warp's reserves 128 KiB for each idle socket. One task reads and writes a
//! socket and hands frames to its actor; the actor ends with the socket and the socket with its actor.
//! Limits: size of a frame, [`MOST_A_SECOND`] frames in, the actors' own queues out.

mod agent;
mod doorman;
mod live;
mod pump;
mod sessions;
mod strangers;
mod turnstile;
mod upgrade;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actors::agent_conn::sockets::AgentSockets;
use actors::live_hub::Consoles;
use actors::live_hub::fleet::Fleet;
use actors::ports::{Board, LiveFeed};
use actors::retailer::request::Router;
use actors::supervise::SupervisorHandle;
use messages::ids::BootId;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use warp::Filter as _;
use warp::filters::BoxedFilter;
use warp::reply::Response;

pub(crate) use self::strangers::Strangers;
pub(crate) use self::turnstile::Turnstile;
use crate::access::Access;
use crate::store::Store;

/// An agent sends its backlog as fast as it is acknowledged; this only stops a defect from filling mailboxes.
pub(crate) const MOST_A_SECOND: u32 = 500;

/// What sockets are served with. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Sockets {
    pub(crate) boot: BootId,
    pub(crate) router: Arc<dyn Router>,
    pub(crate) store: Store,
    pub(crate) board: Arc<dyn Board>,
    /// To the consoles of all nodes.
    pub(crate) feed: Arc<dyn LiveFeed>,
    pub(crate) access: Access,
    pub(crate) agents: AgentSockets,
    pub(crate) consoles: Consoles,
    pub(crate) fleet: Fleet,
    /// Supervises the connections' actors.
    pub(crate) supervisor: SupervisorHandle,
    /// Every socket's task, so that a stop can wait for the goodbyes.
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
    /// Over how many milliseconds the sockets leave, once they are to.
    pub(crate) parting: Arc<AtomicU64>,
    /// Reached by the world as, for the check of a console's origin.
    pub(crate) public_url: String,
    pub(crate) strangers: Arc<Strangers>,
    pub(crate) turnstile: Turnstile,
}

impl Sockets {
    /// Asks every socket to come back elsewhere, spread over a time, and lets no new one in.
    pub(crate) fn part(&self, spread: Duration) {
        let spread = u64::try_from(spread.as_millis()).unwrap_or(u64::MAX);
        self.parting.store(spread, Ordering::Relaxed);
        self.stop.cancel();
        self.tasks.close();
    }

    /// Waits until it is this socket's turn to leave. Says whether others will take it in.
    async fn turn_to_part(&self) -> bool {
        self.stop.cancelled().await;
        let spread = self.parting.load(Ordering::Relaxed);
        if spread > 0 {
            tokio::time::sleep(Duration::from_millis(rand::random_range(0..spread))).await;
        }
        spread > 0
    }
}

/// All of these paths as one filter; anything else is left to the REST table.
#[must_use]
pub(crate) fn filter(sockets: Sockets) -> BoxedFilter<(Response,)> {
    let for_agents = sockets.clone();
    let over_https = sessions::filter(sockets.clone());
    let agent = warp::path!("ws" / "agent")
        .and(warp::get())
        .and(upgrade::asked())
        .then(move |asked| agent::connect(for_agents.clone(), asked));
    let live = warp::path!("ws" / "live")
        .and(warp::get())
        .and(upgrade::asked())
        .then(move |asked| live::connect(sockets.clone(), asked));
    agent.or(live).unify().or(over_https).unify().boxed()
}
