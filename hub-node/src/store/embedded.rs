//! The embedded server: a MongoDB-compatible program of its own, started on loopback when no MONGODB_URI is given.
//!
//! What starts and ends the process is here; who watches over it is [`super::guard`]. The server must not outlive the
//! hub, however the hub ends:
//! * A stopped hub stops it (SIGTERM, then SIGKILL).
//! * A killed hub cannot. Then the kernel ends the server, if `setpriv` (util-linux) is there to ask for that; asking
//!   in our own child would take unsafe code. The kernel counts the *thread* that started the child as its parent, so
//!   that is a thread of its own, which lives as long as the child.
//! * Without `setpriv`, the next hub on this directory finds the orphan by its pid file and stops it. It is not
//!   adopted: nobody could wait for a process that is not our child, and its output would have no reader. The pid
//!   file holds the start time too, because pids come back.

mod orphan;
mod output;
mod process;

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bson::doc;
use mongodb::Client;
use mongodb::options::ClientOptions;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::{failure, lifetime};
pub(super) use process::Process;

/// The version that `cargo xtask` installs, and the tests run on.
const INSTALLED: &str = "secantus-0.5.3-beta.196/bin/secantusd-rs";
const PROGRAM: &str = "secantusd-rs";
/// An empty store is up in well under a second; one that was killed replays its log first.
const START: Duration = Duration::from_secs(30);
/// How long a server may take to write its last checkpoint.
const STOP: Duration = Duration::from_secs(10);
const PING: Duration = Duration::from_secs(2);

/// The embedded server cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    #[error(
        "no database server was found: set MONGODB_URI to use your own, or GROCERYSYNC_STORE_BINARY to the program \
         {PROGRAM}, or run `cargo xtask demo` or `cargo xtask test`, which install it"
    )]
    NoBinary,
    #[error("the database server {path} cannot be started: {source}")]
    Spawn { path: PathBuf, source: io::Error },
    #[error("{path} cannot be used: {source}; check that the data directory is yours to write")]
    Directory { path: PathBuf, source: io::Error },
    #[error("the database server ended while starting ({status}); its log is {log}")]
    EndedEarly { status: String, log: PathBuf },
    #[error("the database server did not answer within {0:?}")]
    Silent(Duration),
    #[error("a database server of an earlier hub (pid {0}) uses the data directory and does not stop")]
    Orphan(i32),
}

/// How the embedded server is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddedConfig {
    pub binary: PathBuf,
    /// The hub's data directory. The server's files go into `store`, its log and pid file beside it.
    pub data_dir: PathBuf,
    /// What it may keep in memory, such as `64M`.
    pub cache: String,
}

impl EmbeddedConfig {
    /// Enough for hundreds of retailers; the whole server then stays near 100 MiB.
    pub const DEFAULT_CACHE: &str = "64M";

    #[must_use]
    pub fn new(binary: PathBuf, data_dir: &Path) -> Self {
        Self { binary, data_dir: data_dir.to_owned(), cache: Self::DEFAULT_CACHE.to_owned() }
    }

    fn storage(&self) -> PathBuf {
        self.data_dir.join("store")
    }

    fn log(&self) -> PathBuf {
        self.data_dir.join("store.log")
    }

    fn pid_file(&self) -> PathBuf {
        self.data_dir.join("store.pid")
    }

    /// `--sync-on-commit` always: without it a kill lost 130 of 32,145 acknowledged writes, with it none.
    fn arguments(&self, port: u16) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = ["--host", "127.0.0.1", "--port"].map(Into::into).into();
        arguments.push(port.to_string().into());
        arguments.push("--storage-path".into());
        arguments.push(self.storage().into());
        arguments
            .extend(["--sync-on-commit", "--log-file-max", "16MB", "--log-level", "WARNING"].map(Into::into));
        arguments.push("--cache-size".into());
        arguments.push(self.cache.clone().into());
        arguments
    }
}

/// Finds the server's program: the one that is named, else on the PATH, else where `cargo xtask` puts it.
pub fn find_binary(explicit: Option<&Path>) -> Result<PathBuf, EmbeddedError> {
    if let Some(path) = explicit {
        let missing = || io::Error::new(io::ErrorKind::NotFound, "there is no such file");
        return if path.is_file() {
            Ok(path.to_owned())
        } else {
            Err(EmbeddedError::Spawn { path: path.to_owned(), source: missing() })
        };
    }
    on_path(PROGRAM).or_else(installed).ok_or(EmbeddedError::NoBinary)
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|candidate| candidate.is_file())
}

fn installed() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = cache.or_else(|| std::env::home_dir().map(|home| home.join(".cache")))?;
    Some(cache.join("grocerysync").join(INSTALLED)).filter(|candidate| candidate.is_file())
}

/// Where the embedded server listens. Known after its first start, and the same ever after, so that the driver's
/// connections come back by themselves. Cheap to clone.
#[derive(Debug, Clone)]
pub struct StoreAddress {
    port: Arc<watch::Sender<Option<u16>>>,
}

impl Default for StoreAddress {
    fn default() -> Self {
        Self { port: Arc::new(watch::Sender::new(None)) }
    }
}

impl StoreAddress {
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        *self.port.borrow()
    }

    /// The URI for [`super::Store::open`], once the server has answered for the first time.
    pub async fn uri(&self, patience: Duration) -> Result<String, EmbeddedError> {
        let mut port = self.port.subscribe();
        let known = timeout(patience, port.wait_for(Option::is_some)).await;
        let port = known.ok().and_then(Result::ok).and_then(|port| *port);
        port.map(uri).ok_or(EmbeddedError::Silent(patience))
    }

    fn found(&self, port: u16) {
        self.port.send_replace(Some(port));
    }
}

fn uri(port: u16) -> String {
    // Direct: the server says that it is a replica set of one, whose member the driver would look up by name.
    format!("mongodb://127.0.0.1:{port}/?directConnection=true")
}

/// A server that answers.
pub struct Server {
    pub(super) process: Process,
    pub(super) client: Client,
}

impl Server {
    /// Starts the server where it was before, or anywhere the first time, and waits until it answers.
    pub(super) async fn start(
        config: &EmbeddedConfig,
        address: &StoreAddress,
    ) -> Result<Self, EmbeddedError> {
        let deadline = Instant::now() + START;
        // Looked for here, because `setpriv` in between would only say that it ended.
        std::fs::metadata(&config.binary)
            .map_err(|source| EmbeddedError::Spawn { path: config.binary.clone(), source })?;
        prepare(config)?;
        orphan::stop(&config.pid_file(), &config.storage(), STOP).await?;
        let mut process = Process::spawn(config, address.port().unwrap_or(0)).await?;
        let pid_file = config.pid_file();
        orphan::record(&pid_file, process.pid())
            .map_err(|source| EmbeddedError::Directory { path: pid_file, source })?;
        let port = process.port(deadline, config).await?;
        let client = patient_client(port).await?;
        while let Err(reason) = set_up(&client).await {
            if let Some(status) = process.ended() {
                return Err(EmbeddedError::EndedEarly { status, log: config.log() });
            }
            if Instant::now() > deadline {
                tracing::debug!(reason, "the embedded server does not answer");
                return Err(EmbeddedError::Silent(START));
            }
            sleep(Duration::from_millis(20)).await;
        }
        address.found(port);
        Ok(Self { process, client })
    }

    /// Asks it to stop and waits; makes it, when it does not.
    pub(super) async fn stop(self, config: &EmbeddedConfig) {
        self.client.shutdown().immediate(true).await;
        self.process.stop(STOP).await;
        orphan::forget(&config.pid_file());
    }
}

/// Does it answer, and take our settings? Otherwise, why not.
async fn set_up(client: &Client) -> Result<(), String> {
    ping(client).await?;
    lifetime::limit(client).await.map_err(|error| failure::sentence(&error))
}

fn prepare(config: &EmbeddedConfig) -> Result<(), EmbeddedError> {
    let storage = config.storage();
    std::fs::create_dir_all(&storage).map_err(|source| EmbeddedError::Directory { path: storage, source })
}

async fn patient_client(port: u16) -> Result<Client, EmbeddedError> {
    let silent = |_| EmbeddedError::Silent(START);
    let mut options = ClientOptions::parse(uri(port)).await.map_err(silent)?;
    options.app_name = Some("grocerysync-guard".to_owned());
    options.server_selection_timeout = Some(PING);
    options.connect_timeout = Some(PING);
    options.max_pool_size = Some(1);
    Client::with_options(options).map_err(silent)
}

/// Does it answer? Otherwise, why not.
pub(super) async fn ping(client: &Client) -> Result<(), String> {
    match timeout(PING, client.database("admin").run_command(doc! { "ping": 1 })).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(failure::sentence(&error)),
        Err(_) => Err(format!("no answer within {PING:?}")),
    }
}
