//! [`Store`]: a cheap handle on one database, with the driver set up so that what it acknowledges is durable.
//!
//! Stands under everything else in `store`. Does not know any document.

use std::sync::Arc;
use std::time::Duration;

use actors::ports::StoreError;
use bson::{Document, doc};
use mongodb::options::{Acknowledgment, ClientOptions, ReadConcern, SelectionCriteria, WriteConcern};
use mongodb::{Client, Collection, Database};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::documents::{SystemDocument, TenantDocument};
use super::schema::{self, SchemaError};
use super::{failure, lifetime, tenant};

/// How long the driver looks for a primary. Longer than the embedded server takes to come back (under a second),
/// shorter than the deadline of any request.
const SELECTION: Duration = Duration::from_secs(5);
/// A server that does not take a connection within this is as good as gone.
const CONNECT: Duration = Duration::from_secs(3);
/// Connections: two per retailer that commits at the same instant would be plenty; the driver's default of 10
/// made group commits of different retailers wait for each other.
const POOL: u32 = 64;
/// Retailers loaded at once; each asks eight questions. When thousands of agents come back together, more at once would
/// only make all of them late.
const LOADS: usize = 8;
/// Transactions at once. One that is begun holds a session at the server until it ends, also while its next statement waits
/// for a connection: begun all at once, those of thousands of retailers would take them all.
const COMMITS: usize = 32;
/// Connections for leases alone: a storm of other work must not make a node lose what it owns.
const VITAL_POOL: u32 = 4;
/// A health check that takes longer is a failed one.
const PING: Duration = Duration::from_secs(2);

/// The store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("MONGODB_URI cannot be used: {0}")]
    Uri(String),
    #[error("the database does not answer: {0}; is it running, and may this host reach it")]
    Unreachable(String),
    #[error("the database refuses this hub: {0}; look at the user and the password in MONGODB_URI")]
    Refused(String),
    #[error(transparent)]
    Schema(#[from] SchemaError),
}

/// One database. Clone it freely: all clones share the driver's connections.
#[derive(Clone, Debug)]
pub struct Store {
    client: Client,
    database: Database,
    /// Its connections are never waited for behind other work; see [`Store::vital`].
    vital: Client,
    loads: Arc<Semaphore>,
    commits: Arc<Semaphore>,
}

/// For loads and for commits.
fn turns() -> (Arc<Semaphore>, Arc<Semaphore>) {
    (Arc::new(Semaphore::new(LOADS)), Arc::new(Semaphore::new(COMMITS)))
}

impl Store {
    /// Connects, waits for an answer, and brings the schema up to date.
    pub async fn open(uri: &str, database: &str) -> Result<Self, OpenError> {
        let options = options(uri).await.map_err(|error| OpenError::Uri(failure::sentence(&error)))?;
        let connect = |options| {
            Client::with_options(options).map_err(|error| OpenError::Uri(failure::sentence(&error)))
        };
        let mut few = options.clone();
        few.max_pool_size = Some(VITAL_POOL);
        let vital = connect(few)?;
        let client = connect(options)?;
        let database = client.database(database);
        let (loads, commits) = turns();
        let store = Self { client, database, vital, loads, commits };
        match timeout(SELECTION + PING, store.knock()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) if failure::is_passing(&error) => {
                return Err(OpenError::Unreachable(failure::sentence(&error)));
            }
            Ok(Err(error)) => return Err(OpenError::Refused(failure::sentence(&error))),
            Err(_) => return Err(OpenError::Unreachable(format!("no answer within {:?}", SELECTION + PING))),
        }
        schema::bring_up(&store).await?;
        lifetime::look(&store.client).await;
        Ok(store)
    }

    /// The same database by connections of its own, for leases.
    #[must_use]
    pub fn vital(&self) -> Self {
        let (client, vital) = (self.vital.clone(), self.vital.clone());
        let (loads, commits) = turns();
        Self { database: client.database(self.database.name()), client, vital, loads, commits }
    }

    /// A retailer's turn to be loaded, for as long as what is returned is kept.
    pub(super) async fn turn_to_load(&self) -> Option<SemaphorePermit<'_>> {
        // Nobody closes it.
        self.loads.acquire().await.ok()
    }

    /// A commit's turn, for as long as what is returned is kept.
    pub(super) async fn turn_to_commit(&self) -> Option<SemaphorePermit<'_>> {
        // Nobody closes it.
        self.commits.acquire().await.ok()
    }

    /// Does the database answer now?
    pub async fn ping(&self) -> Result<(), StoreError> {
        match timeout(PING, self.knock()).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(failure::to_store_error(&error)),
            Err(_) => Err(StoreError::Unavailable(format!("no answer within {PING:?}"))),
        }
    }

    async fn knock(&self) -> mongodb::error::Result<Document> {
        self.database.run_command(doc! { "ping": 1 }).await
    }

    /// Name of the database, for logs.
    #[must_use]
    pub fn database_name(&self) -> &str {
        self.database.name()
    }

    /// Ends the driver's background tasks. Sessions and cursors that are open are given up.
    pub async fn close(self) {
        self.vital.shutdown().immediate(true).await;
        self.client.shutdown().immediate(true).await;
    }

    /// A collection that belongs to the system and to no retailer.
    pub(super) fn system<T: SystemDocument>(&self) -> Collection<T> {
        self.database.collection(T::COLLECTION)
    }

    /// A collection of retailers' documents. Only `tenant` can make the key, so only there is it opened.
    pub(super) fn tenants<T: TenantDocument>(&self, _: &tenant::Key) -> Collection<T> {
        self.database.collection(T::COLLECTION)
    }

    /// Like [`Store::tenants`], for documents that are written as they are.
    pub(super) fn tenants_untyped(&self, _: &tenant::Key, name: &str) -> Collection<Document> {
        self.database.collection(name)
    }

    /// For commands that the driver has no method for. Callers name collections they have been given.
    pub(super) const fn database(&self) -> &Database {
        &self.database
    }

    pub(super) const fn client(&self) -> &Client {
        &self.client
    }
}

/// What an acknowledgement means everywhere: a majority has it, in its journal.
pub(super) fn durable() -> WriteConcern {
    WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build()
}

/// [`durable`] for commands written by hand, which the driver sends as they are.
pub(super) fn durable_document() -> Document {
    doc! { "w": "majority", "j": true }
}

/// The URI's own settings stand, except those on which durability rests.
async fn options(uri: &str) -> mongodb::error::Result<ClientOptions> {
    let mut options = ClientOptions::parse(uri).await?;
    options.write_concern = Some(durable());
    options.read_concern = Some(ReadConcern::majority());
    options.selection_criteria =
        Some(SelectionCriteria::ReadPreference(mongodb::options::ReadPreference::Primary));
    options.retry_reads = Some(true);
    options.retry_writes = Some(true);
    options.app_name.get_or_insert_with(|| "grocerysync-hub".to_owned());
    options.server_selection_timeout.get_or_insert(SELECTION);
    options.connect_timeout.get_or_insert(CONNECT);
    options.max_pool_size.get_or_insert(POOL);
    Ok(options)
}
