//! The composition of a hub: what is started in which order, and stopped in the reverse.
//!
//! Start: data folder, keys, database process, store, ownership, live hub, retailers, edges of the process.
//! Stop: not ready, sockets asked to come back elsewhere, requests finished, connections, runs, retailers, lease,
//! database process.

mod housekeeping;
mod parts;

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actors::host::{Addresses, Host};
use actors::observe::Register;
use actors::ports::Board;
use actors::retailer::actor::Tools;
use actors::run::watchers::Watchers;
use actors::supervise::{SupervisorArgs, SupervisorHandle};
use futures_util::StreamExt as _;
use messages::Timestamp;
use messages::ids::BootId;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::parts::Directory;
use crate::access::{Access, AccessArguments, AccessError, Keyring, KeyringError, Sealer};
use crate::cluster::{DataDir, DataDirError, Ownership};
use crate::config::Config;
use crate::http::{Server, ServerSettings, Settings, TlsError};
use crate::sockets::{Generations, Sockets};
use crate::store::{OpenError, Store};

/// How long sockets get for their goodbyes.
const GOODBYES: Duration = Duration::from_secs(5);
/// Retailers started at once when the hub comes up, and how long one may take.
const WAKING: usize = 16;
const WAKE: Duration = Duration::from_secs(15);
/// How long the first claim of shards may take: a lease of a node that has died must run out first.
const FIRST_CLAIM: Duration = Duration::from_secs(20);

/// Why a hub cannot run.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error(transparent)]
    Keys(#[from] KeyringError),
    #[error(transparent)]
    Store(#[from] OpenError),
    #[error("the hub's own database did not start: {0}")]
    Embedded(String),
    #[error(transparent)]
    Access(#[from] AccessError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("cannot listen on {address}: {source}; is another program using that port")]
    Listen { address: std::net::SocketAddr, source: io::Error },
    #[error("the file {path} cannot be written: {source}")]
    Announce { path: std::path::PathBuf, source: io::Error },
    #[error("an actor did not start: {0}")]
    Actor(String),
}

/// Runs a hub until `stop`.
pub async fn run(config: Config, stop: CancellationToken) -> Result<(), NodeError> {
    let data_dir = DataDir::lock(&config.data_dir)?;
    let keyring = match &config.keys_file {
        // A mistyped path must not make new keys beside the ones that everything is sealed under.
        Some(file) => Keyring::open(file)?,
        None => Keyring::open_or_create(&data_dir.path().join("keys"))?,
    };
    let keyring = Arc::new(keyring);
    let register = Register::default();
    let hub = root(&register, "hub").await?;

    let outcome = serve(&config, &data_dir, keyring, &register, &hub, stop).await;
    // Last started, first stopped: the live hub, the lease, and the database process after everything.
    hub.stop("the hub stops").await;
    outcome
}

async fn root(register: &Register, path: &str) -> Result<SupervisorHandle, NodeError> {
    let args = SupervisorArgs { path: path.to_owned(), register: register.clone(), children: Vec::new() };
    SupervisorHandle::root(args).await.map_err(|error| NodeError::Actor(error.to_string()))
}

async fn serve(
    config: &Config,
    data_dir: &DataDir,
    keyring: Arc<Keyring>,
    register: &Register,
    hub: &SupervisorHandle,
    stop: CancellationToken,
) -> Result<(), NodeError> {
    let uri = match &config.mongodb_uri {
        Some(uri) => uri.clone(),
        None => parts::own_database(config, data_dir, hub).await?,
    };
    let store = Store::open(&uri, &config.database).await?;
    let server = bind(config).await?;
    let address = server.address().map_err(|source| NodeError::Listen { address: config.listen, source })?;
    let scheme = if config.tls_cert.is_some() { "https" } else { "http" };
    let local_url = format!("{scheme}://{address}");
    let public_url = config.public_url.clone().unwrap_or_else(|| local_url.clone());

    let boot = BootId::new();
    let ownership = parts::claim(&store, data_dir, hub, boot, &local_url);
    let access = Access::open(AccessArguments {
        store: store.clone(),
        keyring: keyring.clone(),
        data_dir: data_dir.path().to_owned(),
        setup_token: config.setup_token.clone(),
    })
    .await?;
    let sealer = Sealer::new(keyring);
    let engine = Engine::start(&store, &sealer, ownership, register, hub).await?;
    parts::keep_house(hub, &store, &sealer, engine.host.clone());
    let sockets = engine.sockets(boot, &store, &access, &public_url);
    let draining = CancellationToken::new();
    let state = crate::http::State {
        router: engine.host.clone(),
        store: store.clone(),
        access,
        sealer,
        actors: Arc::new(Directory(register.clone())),
        fleet: engine.fleet.clone(),
        settings: Settings {
            secure: public_url.starts_with("https://"),
            public_url,
            trusted_proxies: config.trusted_proxies.clone(),
        },
        draining: draining.clone(),
    };
    let app = crate::http::app(state, crate::sockets::filter(sockets.clone()));
    let closing = CancellationToken::new();
    let serving = tokio::spawn(server.serve(app, closing.clone()));
    engine.claimed().await;
    let waking = tokio::spawn(wake(engine.host.clone(), engine.board.clone()));
    announce(data_dir.path(), &local_url)?;
    tracing::info!(address = local_url, "the hub is ready");

    stop.cancelled().await;
    draining.cancel();
    sockets.stop.cancel();
    sockets.tasks.close();
    if timeout(GOODBYES, sockets.tasks.wait()).await.is_err() {
        tracing::warn!("some sockets did not take their goodbye in time");
    }
    waking.abort();
    closing.cancel();
    if let Err(error) = serving.await {
        tracing::error!(%error, "the accept loop has failed");
    }
    engine.stop().await;
    tracing::info!("the hub has stopped");
    Ok(())
}

async fn bind(config: &Config) -> Result<Server, NodeError> {
    let tls = match (&config.tls_cert, &config.tls_key) {
        (Some(certificates), Some(key)) => Some(crate::http::load_tls(certificates, key)?),
        _ => None,
    };
    let settings = ServerSettings { tls, ..ServerSettings::default() };
    Server::bind(config.listen, settings)
        .await
        .map_err(|source| NodeError::Listen { address: config.listen, source })
}

/// Tells programs that wait for this hub where it listens. Renamed into place, so that nobody reads half a line.
fn announce(data_dir: &Path, url: &str) -> Result<(), NodeError> {
    let path = data_dir.join("hub.addr");
    let draft = data_dir.join("hub.addr.new");
    fs::write(&draft, url)
        .and_then(|()| fs::rename(&draft, &path))
        .map_err(|source| NodeError::Announce { path, source })
}

/// The actors of retailers, runs and connections, and what finds them.
struct Engine {
    host: Arc<Host>,
    fleet: actors::live_hub::fleet::Fleet,
    board: Arc<dyn Board>,
    consoles: actors::live_hub::Consoles,
    agents: actors::agent_conn::sockets::AgentSockets,
    ownership: Ownership,
    retailers: SupervisorHandle,
    runs: SupervisorHandle,
    connections: SupervisorHandle,
}

impl Engine {
    async fn start(
        store: &Store,
        sealer: &Sealer,
        ownership: Ownership,
        register: &Register,
        hub: &SupervisorHandle,
    ) -> Result<Self, NodeError> {
        let board: Arc<dyn Board> = Arc::new(store.clone());
        let (fleet, consoles) = parts::live_hub(hub, board.clone()).await?;
        let retailers = root(register, "hub/retailers").await?;
        let runs = root(register, "hub/runs").await?;
        let connections = root(register, "hub/connections").await?;
        let agents = actors::agent_conn::sockets::AgentSockets::default();
        let addresses = Addresses::default();
        let review = addresses.clone();
        let feed: Arc<dyn actors::ports::LiveFeed> = Arc::new(consoles.clone());
        let watchers = Watchers::new(
            runs.clone(),
            feed.clone(),
            Arc::new(move |retailer, run| review.review(retailer, run)),
        );
        let tools = Tools {
            store: Arc::new(store.clone()),
            unsealer: Arc::new(sealer.clone()),
            downlink: Arc::new(agents.clone()),
            feed,
            watchers,
            clock: Timestamp::now,
        };
        let owned = ownership.clone();
        let host = Host::new(
            retailers.clone(),
            addresses,
            Arc::new(move |retailer| owned.epoch_of(retailer)),
            tools,
        );
        let host = Arc::new(host);
        Ok(Self { host, fleet, board, consoles, agents, ownership, retailers, runs, connections })
    }

    fn sockets(&self, boot: BootId, store: &Store, access: &Access, public_url: &str) -> Sockets {
        Sockets {
            boot,
            router: self.host.clone(),
            store: Arc::new(store.clone()),
            board: self.board.clone(),
            access: access.clone(),
            agents: self.agents.clone(),
            consoles: self.consoles.clone(),
            fleet: self.fleet.clone(),
            supervisor: self.connections.clone(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            public_url: public_url.to_owned(),
            generations: Arc::new(Generations::default()),
        }
    }

    /// Waits for the first claim: before it every request would be refused.
    async fn claimed(&self) {
        let mut claims = self.ownership.changed();
        if timeout(FIRST_CLAIM, claims.wait_for(|claims| !claims.is_empty())).await.is_err() {
            tracing::warn!("no shard could be claimed yet; requests are refused until one is");
        }
    }

    async fn stop(self) {
        self.connections.stop("the hub stops").await;
        self.runs.stop("the hub stops").await;
        self.retailers.stop("the hub stops").await;
    }
}

/// Starts the retailers that have runs to look after, a few at a time.
async fn wake(host: Arc<Host>, board: Arc<dyn Board>) {
    let rows = match board.summaries().await {
        Ok(rows) => rows,
        Err(error) => {
            tracing::error!(%error, "retailers with open runs are not known; they start when first asked");
            return;
        }
    };
    let busy = rows.into_iter().filter(|row| row.runs_active > 0);
    futures_util::stream::iter(busy)
        .for_each_concurrent(WAKING, |row| {
            let host = host.clone();
            async move {
                if let Err(problem) = host.wake(row.id, WAKE).await {
                    tracing::warn!(retailer = %row.id, %problem, "a retailer with open runs did not start");
                }
            }
        })
        .await;
}
