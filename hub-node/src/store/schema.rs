//! The schema version of the database, and the migrations that raise it.
//!
//! Migrations run under a lease in the schema document, by the server's clock: of several hubs that start at once one
//! migrates and the others wait. Each migration may run twice (its hub may die in the middle), so each is idempotent.

use std::time::Duration;

use bson::{Bson, DateTime, Document, doc};
use messages::ids::BootId;
use mongodb::error::Error;
use mongodb::options::ReturnDocument;
use tokio::time::{Instant, sleep};

use super::documents::declared;
use super::documents::meta::SchemaDoc;
use super::documents::value::StoredId as _;
use super::failure;
use super::handle::Store;
use super::ownership;

/// The database could not be brought to this build's schema.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    #[error("the database has schema {found}, this build knows {known} at most; start the newer build")]
    Newer { found: i32, known: i32 },
    #[error("another hub is changing the schema and has not finished within {0:?}; try again")]
    Waiting(Duration),
    #[error("the schema could not be brought up to date: {0}")]
    Failed(String),
}

impl From<Error> for SchemaError {
    fn from(error: Error) -> Self {
        Self::Failed(failure::sentence(&error))
    }
}

/// The schema that this build needs. Raise it with each entry in [`migrate`], also for a new index.
const VERSION: i32 = 6;
const ID: &str = "schema";
/// A hub that dies while migrating holds up the others this long.
const LEASE: Duration = Duration::from_secs(30);
const RENEWAL: Duration = Duration::from_secs(10);
/// Indexes on a large database take their time.
const PATIENCE: Duration = Duration::from_secs(300);
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Waits for the schema, or makes it.
pub(super) async fn bring_up(store: &Store) -> Result<(), SchemaError> {
    let deadline = Instant::now() + PATIENCE;
    let me = BootId::new().stored();
    loop {
        let found = look(store).await?;
        match found {
            VERSION => return Ok(()),
            newer if newer > VERSION => return Err(SchemaError::Newer { found, known: VERSION }),
            _ => {}
        }
        if let Some(leased) = lease(store, me).await? {
            return migrate_from(store, me, leased.version).await;
        }
        if Instant::now() > deadline {
            return Err(SchemaError::Waiting(PATIENCE));
        }
        sleep(LOOK_AGAIN).await;
    }
}

/// The version that is there; a new database gets its document.
async fn look(store: &Store) -> Result<i32, SchemaError> {
    let meta = store.system::<SchemaDoc>();
    if let Some(found) = meta.find_one(doc! { "_id": ID }).await? {
        return Ok(found.version);
    }
    let fresh =
        SchemaDoc { id: ID.to_owned(), version: 0, lease_owner: None, lease_until: Some(DateTime::MIN) };
    match meta.insert_one(fresh).await {
        Ok(_) => Ok(0),
        Err(error) if failure::is_duplicate_key(&error) => Ok(0),
        Err(error) => Err(error.into()),
    }
}

/// Takes the lease, or renews it; `None` while another has it.
async fn lease(store: &Store, me: bson::Uuid) -> Result<Option<SchemaDoc>, Error> {
    let mine_or_free = doc! { "$or": [
        { "$eq": ["$lease_owner", me] },
        { "$lt": ["$lease_until", "$$NOW"] },
    ] };
    let until = doc! { "$dateAdd": {
        "startDate": "$$NOW", "unit": "millisecond", "amount": i64::try_from(LEASE.as_millis()).unwrap_or(i64::MAX),
    } };
    store
        .system::<SchemaDoc>()
        .find_one_and_update(
            doc! { "_id": ID, "$expr": mine_or_free },
            vec![doc! { "$set": { "lease_owner": me, "lease_until": until } }],
        )
        .return_document(ReturnDocument::After)
        .await
}

async fn migrate_from(store: &Store, me: bson::Uuid, from: i32) -> Result<(), SchemaError> {
    let work = async {
        for version in from + 1..=VERSION {
            tracing::info!(database = store.database_name(), version, "schema migration");
            migrate(store, version).await?;
            record(store, me, version).await?;
        }
        Ok(())
    };
    let keep = async {
        loop {
            sleep(RENEWAL).await;
            if lease(store, me).await?.is_none() {
                return Err::<(), _>(SchemaError::Failed(
                    "the lease on the schema was lost; start again".into(),
                ));
            }
        }
    };
    let outcome = tokio::select! { done = work => done, lost = keep => lost };
    release(store, me).await;
    outcome
}

/// One step. A step stays as it is once released.
async fn migrate(store: &Store, version: i32) -> Result<(), Error> {
    match version {
        1 => {
            create_indexes(store).await?;
            ownership::make_shards(store).await
        }
        // The numbers of agents' sockets.
        2 => create_indexes(store).await,
        // What store edges bring.
        3 => create_indexes(store).await,
        // Whose schedule comes next.
        4 => create_indexes(store).await,
        // What comes down to the stores.
        5 => create_indexes(store).await,
        // Sums behind the events.
        6 => create_indexes(store).await,
        _ => Ok(()),
    }
}

/// Creates what is declared beside the documents and not there yet; also makes the collections, which a
/// transaction should not have to.
async fn create_indexes(store: &Store) -> Result<(), Error> {
    let existing = store.database().list_collection_names().await?;
    for (name, indexes) in declared() {
        if !existing.iter().any(|existing| existing == name) {
            match store.database().create_collection(name).await {
                Ok(()) => {}
                // Made meanwhile by whom we took the lease from.
                Err(error) if failure::code(&error) == Some(48) => {}
                Err(error) => return Err(error),
            }
        }
        if !indexes.is_empty() {
            store.database().collection::<Document>(name).create_indexes(indexes).await?;
        }
    }
    Ok(())
}

async fn record(store: &Store, me: bson::Uuid, version: i32) -> Result<(), SchemaError> {
    let meta = store.system::<SchemaDoc>();
    let update =
        meta.update_one(doc! { "_id": ID, "lease_owner": me }, doc! { "$set": { "version": version } });
    if update.await?.matched_count == 1 {
        Ok(())
    } else {
        Err(SchemaError::Failed("the lease on the schema was lost; start again".into()))
    }
}

/// Best effort: an unreleased lease runs out.
async fn release(store: &Store, me: bson::Uuid) {
    let free = doc! { "$set": { "lease_owner": Bson::Null, "lease_until": DateTime::MIN } };
    let meta = store.system::<SchemaDoc>();
    if let Err(error) = meta.update_one(doc! { "_id": ID, "lease_owner": me }, free).await {
        tracing::debug!(error = failure::sentence(&error), "the lease on the schema was not released");
    }
}
