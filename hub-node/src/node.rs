//! The composition of a hub: what is started in which order, and stopped in the reverse.
//!
//! Start: data folder, keys, database process, store, live hub, retailers, links, lease, edges of the process.
//! Stop: not ready, sockets asked to come back elsewhere and shards handed over, requests finished, connections, runs,
//! retailers, links, lease, database process.

mod clustered;
mod housekeeping;
mod parts;

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actors::host::{Addresses, Host};
use actors::ingest::actor::Tools as IngestTools;
use actors::ingest::host::IngestHost;
use actors::observe::Register;
use actors::ports::Board;
use actors::retailer::actor::Tools;
use actors::retailer::presence::Generations;
use actors::retailer::request::Router;
use actors::run::watchers::Watchers;
use actors::supervise::{SupervisorArgs, SupervisorHandle};
use messages::Timestamp;
use messages::ids::BootId;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use warp::Filter as _;

use self::clustered::Place;
use self::parts::Directory;
use crate::access::{Access, AccessArguments, AccessError, Keyring, KeyringError, Sealer};
use crate::cluster::follow::follow;
use crate::cluster::inbox::{Endings, Inbox};
use crate::cluster::interest::Interest;
use crate::cluster::link::{LinkError, LinkTlsError};
use crate::cluster::relay::{ClusterDownlink, ClusterFeed};
use crate::cluster::router::ClusterRouter;
use crate::cluster::view::Overview;
use crate::cluster::{DataDir, DataDirError, LeaseTerms};
use crate::config::Config;
use crate::http::{Server, ServerSettings, Settings, TlsError};
use crate::ingestion::bells::{Bells, ClusterBell};
use crate::ingestion::{Door, Feeds, Streams};
use crate::metrics::{self, Metrics};
use crate::sockets::{Sockets, Strangers, Turnstile};
use crate::store::{OpenError, OwnershipStore, Store};

/// How long sockets get for their goodbyes.
const GOODBYES: Duration = Duration::from_secs(5);
/// Over this time sockets are asked to move to other nodes, so that those do not get all of them at once.
const PARTING: Duration = Duration::from_secs(3);
/// People's connections are served at least this long, each answer being its connection's last: a busy one comes again within it.
const LAST_REQUESTS: Duration = Duration::from_secs(1);
/// How long handing over all shards may take: a second a shard at worst, many at once.
const HANDOVER: Duration = Duration::from_secs(30);

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
    #[error(
        "another hub at {address} uses this database, and one of the two is not told about the cluster; stop it, or \
         start both with --cluster-listen"
    )]
    NotAlone { address: String },
    #[error(
        "what is in this database was sealed under the key {key:?}, which is not in this hub's key file or is another \
         there; point --keys-file at the key file that the other hubs use"
    )]
    OtherKeys { key: String },
    #[error("what the nodes of this system share cannot be read: {0}")]
    Identity(String),
    #[error(transparent)]
    Certificates(#[from] LinkTlsError),
    #[error(transparent)]
    Links(#[from] LinkError),
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
    let Some(store) = parts::database(config, data_dir, hub, &stop).await? else {
        return Ok(());
    };
    let server = bind(config).await?;
    let address = server.address().map_err(|source| NodeError::Listen { address: config.listen, source })?;
    let scheme = if config.tls_cert.is_some() { "https" } else { "http" };
    let local_url = format!("{scheme}://{address}");
    let public_url = config.public_url.clone().unwrap_or_else(|| local_url.clone());

    let identity = clustered::check_keys(&store, &keyring).await?;
    let place = Place::new();
    let access = admit(config, data_dir, &store, &keyring).await?;
    let sealer = Sealer::new(keyring);
    let engine = Engine::start(&store, &sealer, &place, register, hub).await?;
    let inbox = engine.inbox(&access, &place);
    let cluster_address = place.link(config, &identity, hub, inbox.clone()).await?;
    let record = clustered::record(place.boot, data_dir, &local_url, cluster_address);
    let ownership_store = Arc::new(OwnershipStore::new(store.vital(), record, LeaseTerms::default().ttl));
    place.claim(&ownership_store, data_dir, hub, &engine.host);
    let following = follow(&inbox, &place.ownership, &engine.board);
    parts::keep_house(hub, &store, &sealer, engine.router.clone());
    let strangers = Strangers::new(config.trusted_proxies.clone());
    let sockets = engine.sockets(place.boot, &store, &access, &public_url, strangers);
    let draining = CancellationToken::new();
    let metrics = Metrics::default();
    let overview = Arc::new(Overview {
        inbox,
        store: ownership_store,
        ownership: place.ownership.clone(),
        single: config.cluster().is_none(),
    });
    let closing = CancellationToken::new();
    measure(config, metrics.clone(), overview.clone(), register.clone(), closing.clone()).await?;
    let state = crate::http::State {
        router: engine.router.clone(),
        store: store.clone(),
        access,
        sealer,
        actors: Arc::new(Directory(register.clone())),
        cluster: overview,
        fleet: engine.fleet.clone(),
        settings: settings(config, public_url),
        metrics,
        levels: crate::http::Levels::default(),
        draining: draining.clone(),
    };
    let feeds = Feeds::new(store.clone(), engine.bells.clone(), draining.clone());
    let door = Door::new(engine.router.clone(), sockets.strangers.clone(), feeds);
    let special = crate::sockets::filter(sockets.clone()).or(crate::ingestion::filter(door.clone()));
    let app = crate::http::app(state, special.unify().boxed());
    let server = server.with_streams(Streams::new(door, draining.clone())).with_parting(draining.clone());
    let serving = tokio::spawn(server.serve(app, closing.clone()));
    let ready = place.settled(config).await.and_then(|()| announce(data_dir.path(), &local_url));
    if ready.is_ok() {
        tracing::info!(address = local_url, "the hub is ready");
        stop.cancelled().await;
    }

    draining.cancel();
    part(&place, &sockets).await;
    closing.cancel();
    if let Err(error) = serving.await {
        tracing::error!(%error, "the accept loop has failed");
    }
    drop(following);
    engine.stop(&place).await;
    ready
}

async fn admit(
    config: &Config,
    data_dir: &DataDir,
    store: &Store,
    keyring: &Arc<Keyring>,
) -> Result<Access, AccessError> {
    Access::open(AccessArguments {
        store: store.clone(),
        keyring: keyring.clone(),
        data_dir: data_dir.path().to_owned(),
        setup_token: config.setup_token.clone(),
    })
    .await
}

/// Says goodbye to the sockets, and hands the shards over while requests are still served.
async fn part(place: &Place, sockets: &Sockets) {
    let moves = place.has_successors();
    let spread = if moves { PARTING } else { Duration::ZERO };
    sockets.part(spread);
    let giving = async {
        if moves {
            place.give_everything(HANDOVER).await;
        }
    };
    let parting = async {
        if timeout(spread + GOODBYES, sockets.tasks.wait()).await.is_err() {
            tracing::warn!("some sockets did not take their goodbye in time");
        }
    };
    let busy = async {
        if moves {
            sleep(LAST_REQUESTS).await;
        }
    };
    tokio::join!(giving, parting, busy);
}

/// Opens the port for Prometheus, if it is wanted.
async fn measure(
    config: &Config,
    metrics: Metrics,
    overview: Arc<Overview>,
    register: Register,
    closing: CancellationToken,
) -> Result<(), NodeError> {
    let Some(address) = config.metrics_listen else { return Ok(()) };
    let listen = |source| NodeError::Listen { address, source };
    let server = metrics::bind(address).await.map_err(listen)?;
    let address = server.address().map_err(listen)?;
    tracing::info!(address = %format_args!("http://{address}/metrics"), "metrics are shown");
    let app = metrics::app(metrics, move || overview.gauges(&register));
    tokio::spawn(server.serve(app, closing));
    Ok(())
}

fn settings(config: &Config, public_url: String) -> Settings {
    let secure = public_url.starts_with("https://");
    Settings { public_url, secure, trusted_proxies: config.trusted_proxies.clone() }
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
    router: Arc<dyn Router>,
    addresses: Addresses,
    fleet: actors::live_hub::fleet::Fleet,
    board: Arc<dyn Board>,
    feed: ClusterFeed,
    agents: actors::agent_conn::sockets::AgentSockets,
    bells: Bells,
    retailers: SupervisorHandle,
    runs: SupervisorHandle,
    connections: SupervisorHandle,
}

impl Engine {
    async fn start(
        store: &Store,
        sealer: &Sealer,
        place: &Place,
        register: &Register,
        hub: &SupervisorHandle,
    ) -> Result<Self, NodeError> {
        let board: Arc<dyn Board> = Arc::new(store.clone());
        let (fleet, consoles) = parts::live_hub(hub, board.clone()).await?;
        let retailers = root(register, "hub/retailers").await?;
        let runs = root(register, "hub/runs").await?;
        let connections = root(register, "hub/connections").await?;
        let agents = actors::agent_conn::sockets::AgentSockets::default();
        let (me, map, others) = (place.boot, place.map.clone(), place.others.clone());
        let interest = Interest::default();
        let feed = ClusterFeed { me, consoles, map: map.clone(), others: others.clone(), interest };
        let addresses = Addresses::default();
        let review = addresses.clone();
        let watchers = Watchers::new(
            runs.clone(),
            Arc::new(feed.clone()),
            Arc::new(move |retailer, run| review.review(retailer, run)),
        );
        let tools = Tools {
            store: Arc::new(store.clone()),
            unsealer: Arc::new(sealer.clone()),
            downlink: Arc::new(ClusterDownlink { me, agents: agents.clone(), others: others.clone() }),
            feed: Arc::new(feed.clone()),
            watchers,
            clock: Timestamp::now,
            longest_wait: actors::retailer::actor::LONGEST_WAIT,
            generations: Generations::default(),
        };
        let owned = place.ownership.clone();
        let ownership: actors::host::Ownership = Arc::new(move |retailer| owned.epoch_of(retailer));
        let bells = Bells::default();
        let bell = Arc::new(ClusterBell { bells: bells.clone(), others: others.clone() });
        let ingest = IngestHost::new(
            retailers.clone(),
            ownership.clone(),
            IngestTools {
                store: Arc::new(store.clone()),
                bell,
                feed: Arc::new(feed.clone()),
                clock: Timestamp::now,
            },
        );
        let host =
            Arc::new(Host::new(retailers.clone(), addresses.clone(), ownership, tools).with_ingest(ingest));
        let router = Arc::new(ClusterRouter::new(me, host.clone(), map, others, place.keeper.clone()));
        Ok(Self { host, router, addresses, fleet, board, feed, agents, bells, retailers, runs, connections })
    }

    /// What other nodes reach of this one.
    fn inbox(&self, access: &Access, place: &Place) -> Inbox {
        Inbox {
            host: self.host.clone(),
            addresses: self.addresses.clone(),
            agents: self.agents.clone(),
            fleet: self.fleet.clone(),
            feed: self.feed.clone(),
            access: access.clone(),
            keeper: place.keeper.clone(),
            endings: Endings::default(),
            bells: self.bells.clone(),
        }
    }

    fn sockets(
        &self,
        boot: BootId,
        store: &Store,
        access: &Access,
        public_url: &str,
        strangers: Strangers,
    ) -> Sockets {
        Sockets {
            boot,
            router: self.router.clone(),
            store: store.clone(),
            board: self.board.clone(),
            feed: Arc::new(self.feed.clone()),
            access: access.clone(),
            agents: self.agents.clone(),
            consoles: self.feed.consoles.clone(),
            fleet: self.fleet.clone(),
            supervisor: self.connections.clone(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            parting: Arc::default(),
            public_url: public_url.to_owned(),
            strangers: Arc::new(strangers),
            turnstile: Turnstile::default(),
        }
    }

    async fn stop(self, place: &Place) {
        self.connections.stop("the hub stops").await;
        self.runs.stop("the hub stops").await;
        self.retailers.stop("the hub stops").await;
        if let Some(links) = place.others.links() {
            links.stop().await;
        }
        tracing::info!("the hub has stopped");
    }
}
