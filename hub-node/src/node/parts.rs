//! Small pieces of the composition.

use std::sync::Arc;
use std::time::Duration;

use actors::live_hub::fleet::Fleet;
use actors::live_hub::{Arguments, Consoles, LiveHub};
use actors::observe::Register;
use actors::ports::Board;
use actors::retailer::request::Router;
use actors::supervise::{ChildSpec, RestartPolicy, SupervisorHandle};
use futures_util::future::BoxFuture;
use messages::http::admin::ActorList;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::NodeError;
use super::housekeeping::{self, Housekeeping};
use crate::access::Sealer;
use crate::cluster::DataDir;
use crate::config::Config;
use crate::http::ActorDirectory;
use crate::store::{
    EmbeddedConfig, OpenError, Store, StoreAddress, StoreGuard, StoreGuardArguments, find_binary,
};

/// The first start of the database makes its files.
const STORE_START: Duration = Duration::from_secs(60);
/// A database that is given may be away for so long when the hub starts; Kubernetes' startup probe waits longer.
const STORE_AWAY: Duration = Duration::from_secs(60);
const STORE_PACE: Duration = Duration::from_secs(1);
const LIVE_HUB_START: Duration = Duration::from_secs(30);

/// The register as the admin page sees it.
pub(super) struct Directory(pub(super) Register);

impl ActorDirectory for Directory {
    fn list(&self) -> BoxFuture<'_, ActorList> {
        Box::pin(self.0.list())
    }
}

/// Starts what works in the background.
pub(super) fn keep_house(hub: &SupervisorHandle, store: &Store, sealer: &Sealer, router: Arc<dyn Router>) {
    let (store, sealer) = (store.clone(), sealer.clone());
    let make = move || {
        let (store, sealer, router) = (store.clone(), sealer.clone(), router.clone());
        (Housekeeping, housekeeping::Arguments { store, sealer, router })
    };
    hub.add(ChildSpec::new("housekeeping", "housekeeping", RestartPolicy::ESSENTIAL, make));
}

/// Starts the live hub and waits for it: consoles come as soon as the port is open.
pub(super) async fn live_hub(
    hub: &SupervisorHandle,
    board: Arc<dyn Board>,
) -> Result<(Fleet, Consoles), NodeError> {
    let (fleet, consoles) = (Fleet::default(), Consoles::default());
    let (rows, there) = (fleet.clone(), consoles.clone());
    let make = move || {
        let arguments = Arguments { board: board.clone(), fleet: rows.clone(), consoles: there.clone() };
        (LiveHub, arguments)
    };
    let reached = consoles.clone();
    let announce = move |actor| reached.set_hub(actor);
    let spec = ChildSpec::announced("live", "live_hub", RestartPolicy::ESSENTIAL, make, announce);
    hub.ensure(spec, LIVE_HUB_START).await.map_err(|error| NodeError::Actor(error.to_string()))?;
    Ok((fleet, consoles))
}

/// The database, given or our own. None: asked to stop before it was there.
pub(super) async fn database(
    config: &Config,
    data_dir: &DataDir,
    hub: &SupervisorHandle,
    stop: &CancellationToken,
) -> Result<Option<Store>, NodeError> {
    let uri = match &config.mongodb_uri {
        Some(uri) => uri.clone(),
        None => own_database(config, data_dir, hub).await?,
    };
    let opened = stop.run_until_cancelled(reach(&uri, &config.database)).await;
    Ok(opened.transpose()?)
}

/// Waits for a database that is being restarted or chooses a primary.
async fn reach(uri: &str, database: &str) -> Result<Store, OpenError> {
    let deadline = Instant::now() + STORE_AWAY;
    loop {
        match Store::open(uri, database).await {
            Err(OpenError::Unreachable(reason)) if Instant::now() < deadline => {
                tracing::warn!(reason, "the database does not answer yet; trying again");
                sleep(STORE_PACE).await;
            }
            outcome => return outcome,
        }
    }
}

/// Starts the hub's own database and says where it is.
async fn own_database(
    config: &Config,
    data_dir: &DataDir,
    hub: &SupervisorHandle,
) -> Result<String, NodeError> {
    let failed = |error: &dyn std::fmt::Display| NodeError::Embedded(error.to_string());
    let binary = find_binary(config.store_binary.as_deref()).map_err(|error| failed(&error))?;
    let embedded = EmbeddedConfig::new(binary, data_dir.path());
    let address = StoreAddress::default();
    let reached = address.clone();
    let make =
        move || (StoreGuard, StoreGuardArguments { config: embedded.clone(), address: address.clone() });
    let spec = ChildSpec::new("store", "store_guard", RestartPolicy::ESSENTIAL, make);
    hub.ensure(spec, STORE_START).await.map_err(|error| failed(&error))?;
    reached.uri(STORE_START).await.map_err(|error| failed(&error))
}
