//! The agent: the daemon at a retailer's site. Connects outward to the hub, reads the point of sale, writes to
//! the shop platform, reports.
//!
//! ```text
//! agent ─┬─ spool    what runs report, on the disk until the hub has it
//!        ├─ workers ── one for each run at work ─ connectors
//!        ├─ runner   the journal of accepted runs; decides what is worked at
//!        └─ uplink   one line to the hub: a WebSocket, or HTTPS where that is blocked
//! ```
//!
//! Knows nothing of the hub's store and listens on no port. [`run`] is the daemon; `main.rs` only starts it, and
//! [`service`] lets the system do so.

pub mod belongings;
pub mod check;
pub mod cli;
pub mod config;
pub mod connector;
pub mod delivered;
pub mod disk;
pub mod enrol;
pub mod held;
pub mod identity;
pub mod journal;
pub mod links;
pub mod machine;
pub mod net;
pub mod plugins;
pub mod readers;
pub mod runner;
pub mod service;
pub mod spool;
pub mod telemetry;
pub mod uplink;

use std::convert::Infallible;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actors::observe::Register;
use actors::supervise::{ChildSpec, RestartPolicy, Supervisor, SupervisorArgs, SupervisorHandle};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use config::Config;
use identity::{Identity, IdentityError};
use links::Links;
use net::{Dialer, NetError};
use runner::{Runner, RunnerArguments, RunnerMsg};
use service::keeper::{self, Keeper, Nobody, Standing};
use spool::{SpoolActor, SpoolArguments, SpoolMsg};
use uplink::{UplinkActor, UplinkArguments};

/// For runs that were interrupted to take back what they wrote.
const INTERRUPT_DEADLINE: Duration = Duration::from_secs(12);

/// A read of standard input cannot be interrupted and must not hold up the end of the process.
pub const LEFTOVERS: Duration = Duration::from_millis(200);

/// What the agent runs on. One thread: an idle agent should cost a till nothing. Disk work gets threads that go when it is
/// done.
pub fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .thread_keep_alive(Duration::from_secs(2))
        // Each run at work reads on one of them; sixteen runs leave room for the spool and the journal.
        .max_blocking_threads(64)
        .build()
}

/// Why the agent cannot run.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error("the data folder {} cannot be used: {source}", path.display())]
    Folder { path: PathBuf, source: std::io::Error },
    #[error("another agent is at work in {}; stop it first", .0.display())]
    Taken(PathBuf),
    #[error(transparent)]
    Trust(#[from] NetError),
    #[error("{0}")]
    Hub(String),
    #[error("the agent could not be started: {0}")]
    Start(String),
    #[error("a part of the agent failed again and again; see the log above")]
    GivenUp,
}

/// Runs the agent until `shutdown` comes, or until a part of it cannot be kept running.
pub async fn run(config: Config, shutdown: impl Future<Output = ()>) -> Result<(), AgentError> {
    run_under(config, shutdown, &Nobody).await
}

/// [`run`], with somebody who wants to know how the agent stands.
pub async fn run_under(
    config: Config,
    shutdown: impl Future<Output = ()>,
    keeper: &dyn Keeper,
) -> Result<(), AgentError> {
    let folder = |source| AgentError::Folder { path: config.data_dir.clone(), source };
    disk::create_private_dir(&config.data_dir).map_err(folder)?;
    let Some(_lock) = disk::lock_folder(&config.data_dir).map_err(folder)? else {
        return Err(AgentError::Taken(config.data_dir));
    };
    let identity = Identity::load(&config.data_dir)?;
    belongings::settle(&config.data_dir, identity.agent_id).map_err(folder)?;
    let hubs = check::hubs(&config, Some(&identity)).map_err(AgentError::Hub)?;
    let dialer = Dialer::new(config.ca_file.as_ref(), config.proxy.clone())?;
    tracing::info!(agent_id = %identity.agent_id, version = env!("CARGO_PKG_VERSION"), "the agent starts");

    connector::process::sweep(&config.means().scratch).map_err(folder)?;
    let links = Arc::new(Links::default());
    let _lookout = match config.plugins.clone() {
        Some(plugins) => {
            let (every, links) = (config.plugins_every, Arc::clone(&links));
            Some(plugins::look_out(plugins, every, links).await)
        }
        None => None,
    };
    let _readers = match config.readers.clone() {
        Some(folder) => {
            let (every, links) = (config.plugins_every, Arc::clone(&links));
            Some(readers::look_out(folder, every, links).await)
        }
        None => None,
    };
    let given_up = CancellationToken::new();
    let uplink = UplinkArguments {
        hubs,
        dialer,
        transport: config.transport,
        websocket_again: config.websocket_again,
        data_dir: config.data_dir.clone(),
        links: Arc::clone(&links),
    };
    let children = children(&config, &links, &uplink, &given_up);
    let register = Register::default();
    let tree = SupervisorHandle::root(SupervisorArgs { path: "agent".to_owned(), register, children })
        .await
        .map_err(|error| AgentError::Start(error.to_string()))?;

    let fatal = tokio::select! {
        () = shutdown => false,
        () = given_up.cancelled() => true,
        never = announce(&links, keeper) => match never {},
    };
    tracing::info!("the agent stops");
    keeper.tell(Standing::stopping(config.grace));
    drain(&links, config.grace).await;
    tree.stop("the agent stops").await;
    if fatal { Err(AgentError::GivenUp) } else { Ok(()) }
}

/// Says once that every part is up.
async fn announce(links: &Links, keeper: &dyn Keeper) -> Infallible {
    keeper::all_up(links).await;
    keeper.tell(Standing::Ready);
    std::future::pending().await
}

/// The tree, in the order of starting; stopped in reverse, so that the uplink says goodbye first.
fn children(
    config: &Config,
    links: &Arc<Links>,
    uplink: &UplinkArguments,
    given_up: &CancellationToken,
) -> Vec<ChildSpec> {
    let give_up: actors::supervise::GiveUp = {
        let given_up = given_up.clone();
        Arc::new(move |_| given_up.cancel())
    };
    let spool = SpoolArguments {
        folder: config.data_dir.join("spool"),
        limits: config.spool,
        links: Arc::clone(links),
    };
    let runner = RunnerArguments {
        folder: config.data_dir.join("journal"),
        max_runs: config.max_runs,
        links: Arc::clone(links),
        means: Arc::new(config.means()),
    };
    let uplink = uplink.clone();
    let announced = Arc::clone(links);
    let policy = RestartPolicy::ESSENTIAL;
    let workers = || {
        let path = "agent/workers".to_owned();
        (Supervisor, SupervisorArgs { path, register: Register::default(), children: Vec::new() })
    };
    [
        ChildSpec::new("spool", "spool", policy, move || (SpoolActor, spool.clone())),
        ChildSpec::announced("workers", "supervisor", policy, workers, move |actor| {
            announced.set_workers(&actor)
        }),
        ChildSpec::new("runner", "runner", policy, move || (Runner, runner.clone())),
        ChildSpec::new("uplink", "uplink", policy, move || (UplinkActor, uplink.clone())),
    ]
    .map(|child| child.on_give_up(Arc::clone(&give_up)))
    .into()
}

/// Lets runs end within the grace, puts back those that do not, and makes the reports durable.
async fn drain(links: &Links, grace: Duration) {
    let drained = links.runner.ask(RunnerMsg::Drain);
    tokio::pin!(drained);
    if timeout(grace, &mut drained).await.is_err() {
        let interrupted = links.runner.tell(RunnerMsg::Interrupt);
        if interrupted.is_err() || timeout(INTERRUPT_DEADLINE, &mut drained).await.is_err() {
            tracing::warn!("some runs did not stop in time; they begin again at the next start");
        }
    }
    let flushed = timeout(Duration::from_secs(10), links.spool.ask(SpoolMsg::Flush)).await;
    if !matches!(flushed, Ok(Ok(()))) {
        tracing::warn!("the spool could not be flushed");
    }
}
