//! WebSockets: `/ws/agent` and `/ws/live`.
//!
//! Own upgrade inside a warp filter, because warp's reserves 128 KiB for each idle socket. One task reads and writes a
//! socket and hands frames to its actor; the actor ends with the socket and the socket with its actor.
//! Limits: size of a frame, [`MOST_A_SECOND`] frames in, the actors' own queues out.

mod agent;
mod doorman;
mod live;
mod pump;
mod upgrade;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use actors::agent_conn::sockets::AgentSockets;
use actors::live_hub::Consoles;
use actors::live_hub::fleet::Fleet;
use actors::ports::{Board, TenantStore};
use actors::retailer::request::Router;
use actors::supervise::SupervisorHandle;
use messages::ids::BootId;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use warp::Filter as _;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use crate::access::Access;

/// An agent sends its backlog as fast as it is acknowledged; this only stops a defect from filling mailboxes.
pub(crate) const MOST_A_SECOND: u32 = 500;

/// What sockets are served with. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Sockets {
    pub(crate) boot: BootId,
    pub(crate) router: Arc<dyn Router>,
    pub(crate) store: Arc<dyn TenantStore>,
    pub(crate) board: Arc<dyn Board>,
    pub(crate) access: Access,
    pub(crate) agents: AgentSockets,
    pub(crate) consoles: Consoles,
    pub(crate) fleet: Fleet,
    /// Supervises the connections' actors.
    pub(crate) supervisor: SupervisorHandle,
    /// Every socket's task, so that a stop can wait for the goodbyes.
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
    /// Reached by the world as, for the check of a console's origin.
    pub(crate) public_url: String,
    pub(crate) generations: Arc<Generations>,
}

/// Counts connections so that of two sockets of an agent the later one is known. Starts from the time, so that it
/// grows across restarts too.
pub(crate) struct Generations(AtomicU64);

impl Default for Generations {
    fn default() -> Self {
        let now = messages::Timestamp::now().0;
        // Room for a thousand connections in each millisecond before a restart could catch up.
        Self(AtomicU64::new(u64::try_from(now).unwrap_or(0) * 1_000))
    }
}

impl Generations {
    fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

/// Both paths as one filter; anything else is left to the REST table.
#[must_use]
pub(crate) fn filter(sockets: Sockets) -> BoxedFilter<(Response,)> {
    let for_agents = sockets.clone();
    let agent = warp::path!("ws" / "agent")
        .and(warp::get())
        .and(upgrade::asked())
        .then(move |asked| agent::connect(for_agents.clone(), asked));
    let live = warp::path!("ws" / "live")
        .and(warp::get())
        .and(upgrade::asked())
        .then(move |asked| live::connect(sockets.clone(), asked));
    agent.or(live).unify().boxed()
}
