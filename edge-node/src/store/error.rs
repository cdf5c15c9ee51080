//! What can go wrong with the database, and what a till is told of it.

use messages::{ErrorCode, Problem};
use rusqlite::ErrorCode as Sqlite;

/// Why a piece of work was not done.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Not the database's doing: what was asked for cannot be.
    #[error(transparent)]
    Refused(#[from] Problem),
    #[error("there is no room left on the disk")]
    Full,
    #[error("the database is in use by another program")]
    Busy,
    #[error("the database failed: {0}")]
    Database(String),
    #[error("a stored value cannot be read: {0}")]
    Value(String),
}

impl StoreError {
    /// Whether a new connection may help.
    #[must_use]
    pub const fn is_broken(&self) -> bool {
        matches!(self, Self::Database(_))
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(Sqlite::DiskFull) => Self::Full,
            Some(Sqlite::DatabaseBusy | Sqlite::DatabaseLocked) => Self::Busy,
            _ => Self::Database(error.to_string()),
        }
    }
}

impl From<serde_json::Error> for StoreError {
    fn from(error: serde_json::Error) -> Self {
        Self::Value(error.to_string())
    }
}

impl From<ErrorCode> for StoreError {
    fn from(code: ErrorCode) -> Self {
        Self::Refused(code.into())
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Refused(problem) => problem,
            StoreError::Full => {
                let detail = "the edge's disk is full; make room on it, nothing was lost";
                Self::new(ErrorCode::DiskFull, detail).with_retry_after(5)
            }
            StoreError::Busy => {
                let detail = "another program holds the edge's database; try again in a moment";
                Self::new(ErrorCode::StoreUnavailable, detail).with_retry_after(1)
            }
            StoreError::Database(failure) | StoreError::Value(failure) => {
                tracing::error!(failure, "the database failed");
                let detail = "the edge's database failed; try again, and call support if it stays";
                Self::new(ErrorCode::StoreUnavailable, detail).with_retry_after(1)
            }
        }
    }
}
