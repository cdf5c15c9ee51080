//! The edge's database: one SQLite file, one writer, readers beside it. The only code that sees `rusqlite`.
//!
//! ```text
//! write ─▶ queue (bounded) ─▶ writer's thread ─ savepoint per piece of work ─ COMMIT ─▶ answers
//! read  ─▶ one of a few read-only connections
//! ```
//!
//! Work that waits together is committed together: with `synchronous = FULL` the disk's pace is shared. Nothing is
//! answered before its commit. A piece that fails takes back what it did itself and nothing else.
//!
//! Limits: [`QUEUE`] pieces wait, [`READERS`] connections read, a piece waits [`PATIENCE`] for its answer.

pub mod articles;
pub mod bare;
pub mod baskets;
pub mod catalogue;
pub mod error;
pub mod installation;
pub mod outbox;
pub mod parked;
pub mod repeats;
pub mod sales;
pub mod schema;
pub mod status;
pub mod writer;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use messages::{ErrorCode, Problem};
use rusqlite::{Connection, OpenFlags};
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::time::timeout;

pub use error::StoreError;
pub use writer::{Writer, WriterArguments};

/// The database in the data folder.
pub const FILE: &str = "edge.sqlite";
/// Five tills have five calls under way; this is room for fifty tills whose disk is stuck, and then they are told.
pub const QUEUE: usize = 256;
/// Reports and receipts; tills read what they write from the answer.
pub const READERS: usize = 4;
/// A disk that takes longer has failed, as far as a customer in a queue is concerned.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// For another process, such as a backup, that holds the file.
const BUSY: Duration = Duration::from_secs(5);

/// Where work is done: a connection in the middle of a transaction.
pub struct Tx<'a> {
    pub(in crate::store) connection: &'a Connection,
    /// Set when there is something new to send.
    pub(in crate::store) events: std::cell::Cell<bool>,
}

/// Where reading is done.
pub struct Reader<'a> {
    pub(in crate::store) connection: &'a Connection,
}

type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// A piece of work that has been done, and who waits for its commit.
struct Done {
    keep: bool,
    answer: Answer,
}

/// Without a transaction there is nothing to be done: the caller hears why from the outcome of the batch.
type Work = Box<dyn FnOnce(Option<&Tx<'_>>) -> Done + Send>;

/// The way to the database. Cheap to clone; stays the same over lives of the writer.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    path: PathBuf,
    queue: Mutex<Option<SyncSender<Work>>>,
    readers: Mutex<Vec<Connection>>,
    places: Semaphore,
    /// There may be events to send.
    events: Notify,
}

impl Store {
    /// A store whose writer is not running yet.
    #[must_use]
    pub fn new(data_dir: &Path) -> Self {
        Self(Arc::new(Inner {
            path: data_dir.join(FILE),
            queue: Mutex::default(),
            readers: Mutex::default(),
            places: Semaphore::new(READERS),
            events: Notify::new(),
        }))
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Woken when events were committed. Nothing is lost between two waits.
    pub async fn events(&self) {
        self.0.events.notified().await;
    }

    fn set_queue(&self, queue: Option<SyncSender<Work>>) {
        *self.0.queue.lock().unwrap_or_else(PoisonError::into_inner) = queue;
    }

    /// Lets go of idle readers, so that the writer is the last to close the file and leaves it in one piece.
    fn close_readers(&self) {
        self.0.readers.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Does `work` and returns once it is on the disk.
    pub async fn write<T, F>(&self, work: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let work: Work = Box::new(move |tx| {
            let outcome = tx.map_or(Err(StoreError::Busy), work);
            let keep = outcome.is_ok();
            // Who has stopped waiting asks again with the same key.
            let answer: Answer =
                Box::new(move |committed| drop(answer.send(committed.and(outcome).map_err(Problem::from))));
            Done { keep, answer }
        });
        let sent = {
            let queue = self.0.queue.lock().unwrap_or_else(PoisonError::into_inner);
            match queue.as_ref() {
                Some(queue) => queue.try_send(work),
                None => Err(TrySendError::Disconnected(work)),
            }
        };
        match sent {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                let detail = "the edge's disk does not keep up; try again in a moment";
                return Err(Problem::new(ErrorCode::Busy, detail).with_retry_after(1));
            }
            Err(TrySendError::Disconnected(_)) => {
                let detail = "the edge's database is being opened; try again in a moment";
                return Err(Problem::new(ErrorCode::StoreUnavailable, detail).with_retry_after(1));
            }
        }
        match timeout(PATIENCE, answered).await {
            Ok(Ok(outcome)) => outcome,
            _ => {
                let detail = "it is not known whether this was done; ask again with the same idempotency key";
                Err(Problem::new(ErrorCode::OutcomeUnknown, detail).with_retry_after(1))
            }
        }
    }

    /// Reads beside the writer, from the last commit.
    pub async fn read<T, F>(&self, work: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnOnce(&Reader<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let Ok(Ok(_place)) = timeout(PATIENCE, self.0.places.acquire()).await else {
            return Err(Problem::new(
                ErrorCode::Busy,
                "too much is being read at once; try again in a moment",
            ));
        };
        let inner = Arc::clone(&self.0);
        let reading = tokio::task::spawn_blocking(move || -> Result<T, StoreError> {
            let idle = inner.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = match idle {
                Some(connection) => connection,
                None => open_reader(&inner.path)?,
            };
            let outcome = work(&Reader { connection: &connection });
            if !matches!(outcome, Err(StoreError::Database(_))) {
                inner.readers.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            }
            outcome
        });
        match timeout(PATIENCE, reading).await {
            Ok(Ok(outcome)) => outcome.map_err(Problem::from),
            Ok(Err(broken)) => {
                tracing::error!(%broken, "a reader ended before its answer");
                Err(ErrorCode::Internal.into())
            }
            Err(_) => {
                Err(Problem::new(ErrorCode::DeadlineExceeded, "the edge's disk did not answer in time"))
            }
        }
    }
}

fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    // A quarter of the writer's: readers come and go.
    connection.pragma_update(None, "cache_size", -1_000)?;
    Ok(connection)
}
