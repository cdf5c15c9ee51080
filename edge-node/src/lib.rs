//! The store edge: tills sell against it, whether the line to head office is up or not, and every sale gets there once.
//!
//! ```text
//! edge ─┬─ writer         the one connection that writes; sales that wait together share a commit
//!       ├─ connectivity   looks at the line to the hub and says when it goes and comes back
//!       ├─ relay          sends the outbox, in order, until it is empty
//!       ├─ follow         takes over what comes down: articles, prices, corrections of stock
//!       └─ housekeeping   forgets what nobody asks for any more
//!  api ─ tills' HTTP ─▶ till (acts) ─▶ checkout (decides) ─▶ store
//! ```
//!
//! A sale never waits for the network: nothing on the way from a till to its receipt knows the hub. [`run`] is the
//! daemon; `main.rs` only starts it.

pub mod api;
pub mod catalogue;
pub mod checkout;
pub mod cli;
pub mod config;
pub mod connectivity;
pub mod enrol;
pub mod follow;
pub mod housekeeping;
pub mod line;
pub mod links;
pub mod place;
pub mod relay;
pub mod simulate;
pub mod store;
pub mod telemetry;
pub mod till;

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actors::observe::Register;
use actors::supervise::{ChildSpec, GiveUp, RestartPolicy, SupervisorArgs, SupervisorHandle};
use messages::edge::status::LinkState;
use messages::{DeviceId, Problem, Timestamp};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use api::server::Server;
use config::Config;
use connectivity::pulse::Pulse;
use connectivity::{ConnectivityActor, ConnectivityArguments, PROBE_PATIENCE};
use follow::{Follow, FollowArguments};
use housekeeping::Housekeeping;
use line::{Address, Dialer, HttpLine};
use links::Links;
use place::{FolderLock, Identity};
use relay::grpc::GrpcTransport;
use relay::transport::HttpTransport;
use relay::{Relay, RelayArguments};
use store::installation::{Installation, Settled};
use store::{Store, Writer, WriterArguments};
use till::Till;
use till::qr::FakeQr;

/// For the database to be opened and brought up to date.
const OPENING: Duration = Duration::from_secs(60);
/// Where the address stands that tills reach the edge at, while it runs.
pub const ADDRESS_FILE: &str = "edge.addr";
/// What a store is called that has no name.
const UNNAMED: &str = "GrocerySync store";

/// Why the edge cannot run.
#[derive(Debug, thiserror::Error)]
pub enum EdgeError {
    #[error("the data folder {} cannot be used: {source}", path.display())]
    Folder { path: PathBuf, source: std::io::Error },
    #[error("another edge is at work in {}; stop it first", .0.display())]
    Taken(PathBuf),
    #[error("the database in {} cannot be opened; see the log above", .0.display())]
    Database(PathBuf),
    #[error(transparent)]
    Store(#[from] Problem),
    #[error(transparent)]
    Tls(#[from] api::tls::TlsError),
    #[error("tills cannot be listened to at {address}: {source}")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error("{0}")]
    Hub(String),
    #[error("the edge could not be started: {0}")]
    Start(String),
    #[error("a part of the edge failed again and again; see the log above")]
    GivenUp,
}

/// Runs the edge until `shutdown` comes, or until a part of it cannot be kept running.
pub async fn run(config: Config, shutdown: impl Future<Output = ()>) -> Result<(), EdgeError> {
    let edge = Edge::start(config).await?;
    let fatal = tokio::select! {
        () = shutdown => false,
        () = edge.given_up.cancelled() => true,
    };
    edge.stop().await;
    if fatal { Err(EdgeError::GivenUp) } else { Ok(()) }
}

/// An edge at work.
pub struct Edge {
    pub address: SocketAddr,
    pub store: Store,
    pub links: Arc<Links>,
    tree: SupervisorHandle,
    serving: JoinHandle<()>,
    stop: CancellationToken,
    given_up: CancellationToken,
    address_file: PathBuf,
    _lock: FolderLock,
}

impl Edge {
    /// Opens the database, finds out who it is, and serves tills when this returns.
    pub async fn start(config: Config) -> Result<Self, EdgeError> {
        let folder = |source| EdgeError::Folder { path: config.data_dir.clone(), source };
        place::create(&config.data_dir).map_err(folder)?;
        let Some(lock) = place::lock(&config.data_dir).map_err(folder)? else {
            return Err(EdgeError::Taken(config.data_dir));
        };
        let identity = Identity::load(&config.data_dir).map_err(folder)?;
        let hub = hub(&config, identity.as_ref())?;
        let given_up = CancellationToken::new();
        let (store, tree) = open(&config, &given_up).await?;
        let installation = settle(&store).await?;
        if store.write(|tx| tx.renew_catalogue()).await? {
            tracing::info!("the catalogue is asked for once more: something in it was not understood before");
        }
        if config.sample_catalogue {
            fill_catalogue(&store, &config).await?;
        }
        let state = if hub.is_some() { LinkState::Unknown } else { LinkState::Standalone };
        let links = Arc::new(Links::new(state, Timestamp::now()));
        for child in children(&config, &store, &links, hub, identity.as_ref())? {
            tree.add(child.on_give_up(give_up(&given_up)));
        }
        let tls = config.tls.as_ref().map(|(chain, key)| api::tls::load(chain, key)).transpose()?;
        let listen = |source| EdgeError::Listen { address: config.listen, source };
        let server = Server::bind(config.listen, tls).await.map_err(listen)?;
        let address = server.address().map_err(listen)?;
        let store_name = config.store_name.clone().or_else(|| identity.map(|identity| identity.store_name));
        let till = Till {
            store: store.clone(),
            terms: config.terms,
            store_name: store_name.as_deref().unwrap_or(UNNAMED).into(),
            qr: Arc::new(FakeQr { paid_after: Duration::from_secs(3) }),
        };
        let stop = CancellationToken::new();
        let state = api::State::new(till, Arc::clone(&links), config.till_token.clone(), stop.clone());
        let app = api::dispatch::app(Arc::new(state));
        let serving = tokio::spawn(server.serve(app, stop.clone(), config.grace));
        let address_file = config.data_dir.join(ADDRESS_FILE);
        std::fs::write(&address_file, address.to_string()).map_err(folder)?;
        let device = installation.device_id;
        tracing::info!(%device, series = installation.series, %address, version = env!("CARGO_PKG_VERSION"), "the edge serves");
        Ok(Self { address, store, links, tree, serving, stop, given_up, address_file, _lock: lock })
    }

    /// Lets requests under way finish, writes what is queued, and ends.
    pub async fn stop(self) {
        tracing::info!("the edge stops");
        // Gone or not, who reads it tries to connect and sees.
        let _best_effort = std::fs::remove_file(&self.address_file);
        self.stop.cancel();
        if self.serving.await.is_err() {
            tracing::warn!("the tills' server had broken off");
        }
        self.tree.stop("the edge stops").await;
    }
}

/// The device of an installation, which is made if there is none yet. For an edge that does not run.
pub async fn device_of(config: &Config) -> Result<DeviceId, EdgeError> {
    let folder = |source| EdgeError::Folder { path: config.data_dir.clone(), source };
    place::create(&config.data_dir).map_err(folder)?;
    let Some(_lock) = place::lock(&config.data_dir).map_err(folder)? else {
        return Err(EdgeError::Taken(config.data_dir.clone()));
    };
    let (store, tree) = open(config, &CancellationToken::new()).await?;
    let settled = settle(&store).await;
    tree.stop("the device is known").await;
    Ok(settled?.device_id)
}

fn hub(config: &Config, identity: Option<&Identity>) -> Result<Option<Address>, EdgeError> {
    match (&config.hub, identity) {
        (Some(hub), _) => Ok(Some(hub.clone())),
        (None, Some(identity)) => Address::parse(&identity.hub, config.allow_plaintext)
            .map(Some)
            .map_err(|error| EdgeError::Hub(format!("hub: {error}"))),
        (None, None) => Ok(None),
    }
}

fn give_up(given_up: &CancellationToken) -> GiveUp {
    let given_up = given_up.clone();
    Arc::new(move |_| given_up.cancel())
}

/// The root of the tree with the writer, which everything else needs.
async fn open(config: &Config, given_up: &CancellationToken) -> Result<(Store, SupervisorHandle), EdgeError> {
    let store = Store::new(&config.data_dir);
    let args =
        SupervisorArgs { path: "edge".to_owned(), register: Register::default(), children: Vec::new() };
    let tree = SupervisorHandle::root(args).await.map_err(|error| EdgeError::Start(error.to_string()))?;
    let arguments = WriterArguments { store: store.clone() };
    let writer =
        ChildSpec::new("writer", "writer", RestartPolicy::ESSENTIAL, move || (Writer, arguments.clone()))
            .on_give_up(give_up(given_up));
    if tree.ensure(writer, OPENING).await.is_err() {
        tree.stop("the database could not be opened").await;
        return Err(EdgeError::Database(config.data_dir.clone()));
    }
    Ok((store, tree))
}

async fn settle(store: &Store) -> Result<Installation, EdgeError> {
    let fingerprint = place::fingerprint(store.path());
    let now = Timestamp::now();
    let (installation, settled) = store.write(move |tx| tx.settle_installation(&fingerprint, now)).await?;
    match settled {
        Settled::New => tracing::info!("a new installation; a series of receipt numbers was opened"),
        Settled::AsBefore => {}
        Settled::Copied => {
            tracing::warn!("the database was copied or moved; a new series of receipt numbers was opened");
        }
    }
    Ok(installation)
}

async fn fill_catalogue(store: &Store, config: &Config) -> Result<(), EdgeError> {
    let (articles, feed) =
        store.read(|store| Ok((store.article_count()?, store.catalogue()?.standing.feed))).await?;
    // A hub that has withdrawn everything does not want made-up articles sold instead.
    if articles > 0 || feed.is_some() {
        return Ok(());
    }
    let articles = catalogue::sample(config.terms.currency);
    let now = Timestamp::now();
    let count = articles.len();
    store.write(move |tx| articles.iter().try_for_each(|article| tx.put_article(article, now))).await?;
    tracing::info!(count, "the sample catalogue was written");
    Ok(())
}

/// What runs beside the writer. Without a hub there is nobody to talk to.
fn children(
    config: &Config,
    store: &Store,
    links: &Arc<Links>,
    hub: Option<Address>,
    identity: Option<&Identity>,
) -> Result<Vec<ChildSpec>, EdgeError> {
    let policy = RestartPolicy::ESSENTIAL;
    let kept = store.clone();
    let mut children =
        vec![ChildSpec::new("housekeeping", "housekeeping", policy, move || (Housekeeping, kept.clone()))];
    let Some(hub) = hub else { return Ok(children) };
    let Some(identity) = identity else {
        let detail = "this edge is not enrolled; run `edge-node enrol --hub URL --token TOKEN`, or start it without a hub";
        return Err(EdgeError::Hub(detail.to_owned()));
    };
    let dialer = Dialer::new(config.ca_file.as_deref()).map_err(EdgeError::Hub)?;
    let line = Arc::new(HttpLine::new(dialer.clone(), hub.clone(), PROBE_PATIENCE));
    let wrong = |error: relay::transport::BadCredential| EdgeError::Hub(error.to_string());
    let pulse = Pulse::new(store.clone(), &identity.credential).map_err(wrong)?;
    let looking = ConnectivityArguments { line, every: config.probe_every, links: Arc::clone(links), pulse };
    let (credential, patience) = (&identity.credential, config.answer_patience);
    let http = HttpTransport::new(dialer.clone(), hub.clone(), credential, patience).map_err(wrong)?;
    let grpc = GrpcTransport::new(dialer.clone(), hub.clone(), credential, patience).map_err(wrong)?;
    let patience = patience + config.catalogue_wait;
    let down_http = follow::transport::HttpTransport::new(dialer.clone(), hub.clone(), credential, patience)
        .map_err(wrong)?;
    let down_grpc =
        follow::transport::GrpcTransport::new(dialer, hub, credential, patience).map_err(wrong)?;
    let following = FollowArguments {
        store: store.clone(),
        links: Arc::clone(links),
        http: Arc::new(down_http),
        grpc: Arc::new(down_grpc),
        protocol: config.sync_protocol,
        currency: config.terms.currency,
        wait: config.catalogue_wait,
    };
    let relaying = RelayArguments {
        store: store.clone(),
        links: Arc::clone(links),
        http: Arc::new(http),
        grpc: Arc::new(grpc),
        protocol: config.sync_protocol,
    };
    children.push(ChildSpec::new("connectivity", "connectivity", policy, move || {
        (ConnectivityActor, looking.clone())
    }));
    children.push(ChildSpec::new("relay", "relay", policy, move || (Relay, relaying.clone())));
    children.push(ChildSpec::new("follow", "follow", policy, move || (Follow, following.clone())));
    Ok(children)
}
