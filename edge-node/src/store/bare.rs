//! What the group commit is measured against by `cargo xtask bench checkout`: one thread, one connection, one
//! transaction a sale, the same rows, nobody else. No edge runs on it.

use std::path::Path;

use messages::Timestamp;
use rusqlite::Connection;

use super::{StoreError, Tx, schema};

/// A connection that commits after each piece of work.
pub struct Bare(Connection);

impl Bare {
    /// Opens a file of its own as the writer would.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let bare = Self(schema::open(path)?);
        bare.commit(|tx| tx.settle_installation("bench", Timestamp::now()).map(|_| ()))?;
        Ok(bare)
    }

    /// Does `work` in a transaction of its own.
    pub fn commit<T>(&self, work: impl FnOnce(&Tx<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let step = |sql: &str| -> Result<(), StoreError> {
            self.0.prepare_cached(sql)?.execute([])?;
            Ok(())
        };
        step("begin immediate")?;
        let done = work(&Tx { connection: &self.0, events: std::cell::Cell::new(false) });
        step(if done.is_ok() { "commit" } else { "rollback" })?;
        done
    }
}
