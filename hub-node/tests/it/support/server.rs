//! A real embedded server under its real guard, on a thread of its own so that tests of any runtime can share it.

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, Weak, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use actors::observe::Observable;
use hub_node::store::{
    EmbeddedConfig, Store, StoreAddress, StoreGuard, StoreGuardArguments, StoreGuardMsg, find_binary,
};
use messages::RunId;
use ractor::{Actor, ActorRef};
use tempfile::TempDir;
use tokio::sync::oneshot;

/// Ends the server and removes its files when dropped.
pub(crate) struct TestServer {
    uri: String,
    guard: ActorRef<StoreGuardMsg>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    _folder: TempDir,
}

/// The program, by the same rules as the hub's.
pub(crate) fn binary() -> PathBuf {
    let named = std::env::var_os("GROCERYSYNC_STORE_BINARY").map(PathBuf::from);
    match find_binary(named.as_deref()) {
        Ok(binary) => binary,
        Err(error) => {
            panic!("these tests need the database server; `cargo xtask test` installs it ({error})")
        }
    }
}

impl TestServer {
    pub(crate) fn start() -> Arc<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let config = EmbeddedConfig::new(binary(), folder.path());
        let (stop, stopped) = oneshot::channel();
        let (ready, started) = mpsc::channel();
        let live = async move {
            let address = StoreAddress::default();
            let arguments = StoreGuardArguments { config, address: address.clone() };
            let (guard, ended) = Actor::spawn(None, StoreGuard, arguments).await.expect("the server starts");
            let uri = address.uri(Duration::ZERO).await.expect("it answers");
            ready.send((uri, guard.clone())).expect("the test waits for it");
            let _ = stopped.await;
            guard.stop(None);
            ended.await.expect("the guard ends");
        };
        let thread = std::thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(live);
        });
        let (uri, guard) = started.recv_timeout(Duration::from_secs(60)).expect("the server comes up");
        Arc::new(Self { uri, guard, stop: Some(stop), thread: Some(thread), _folder: folder })
    }

    pub(crate) fn uri(&self) -> &str {
        &self.uri
    }

    /// What the guard says of itself.
    pub(crate) async fn snapshot(&self) -> serde_json::Value {
        let answer = self.guard.call(StoreGuardMsg::observe, Some(Duration::from_secs(5))).await;
        answer.expect("the guard lives").expect("the guard answers")
    }

    pub(crate) async fn pid(&self) -> Option<i32> {
        self.snapshot().await["pid"].as_i64().map(|pid| i32::try_from(pid).expect("a pid"))
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().is_none_or(|thread| thread.join().is_ok());
        assert!(ended || std::thread::panicking(), "the server was not stopped cleanly");
    }
}

/// The server of this process, while anybody uses it.
pub(crate) fn shared() -> Arc<TestServer> {
    static SHARED: Mutex<Weak<TestServer>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().expect("no test fails while starting the server");
    shared.upgrade().unwrap_or_else(|| {
        let server = TestServer::start();
        *shared = Arc::downgrade(&server);
        server
    })
}

/// A store, and the server it is on.
pub(crate) struct TestStore {
    pub(crate) store: Store,
    pub(crate) server: Arc<TestServer>,
    pub(crate) database: String,
}

impl TestStore {
    pub(crate) async fn open(server: Arc<TestServer>) -> Self {
        let database = format!("test_{}", RunId::new().as_uuid().simple());
        let store = Store::open(server.uri(), &database).await.expect("the store opens");
        Self { store, server, database }
    }

    /// Another handle on the same database, as another node would have.
    pub(crate) async fn again(&self) -> Store {
        Store::open(self.server.uri(), &self.database).await.expect("the store opens again")
    }
}

impl Deref for TestStore {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}
