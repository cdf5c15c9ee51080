//! What a driver error means to us. Looks at errors, does nothing about them.

use actors::ports::StoreError;
use mongodb::error::{
    Error, ErrorKind, RETRYABLE_WRITE_ERROR, TRANSIENT_TRANSACTION_ERROR, UNKNOWN_TRANSACTION_COMMIT_RESULT,
    WriteFailure,
};

/// Two writers met at one document; the loser tries again.
pub(super) const WRITE_CONFLICT: i32 = 112;
/// A unique index refused a value.
pub(super) const DUPLICATE_KEY: i32 = 11_000;

/// Codes after which the same request may succeed: the server changes state, shuts down, or a connection broke.
const PASSING: &[i32] =
    &[6, 7, 89, 91, 134, 189, 262, 9_001, 10_107, 11_600, 11_602, 13_435, 13_436, WRITE_CONFLICT];

/// The error in one line for people. The driver's text repeats itself across kinds and labels.
pub(super) fn sentence(error: &Error) -> String {
    error.kind.to_string()
}

/// After these the driver itself says that trying again may help.
const PASSING_LABELS: [&str; 3] =
    [RETRYABLE_WRITE_ERROR, TRANSIENT_TRANSACTION_ERROR, UNKNOWN_TRANSACTION_COMMIT_RESULT];

/// Would the same operation, sent again, have a chance?
pub(super) fn is_passing(error: &Error) -> bool {
    if PASSING_LABELS.iter().any(|label| error.contains_label(label)) {
        return true;
    }
    match error.kind.as_ref() {
        ErrorKind::Io(_) | ErrorKind::ServerSelection { .. } | ErrorKind::ConnectionPoolCleared { .. } => {
            true
        }
        _ => code(error).is_some_and(|code| PASSING.contains(&code)),
    }
}

pub(super) fn is_duplicate_key(error: &Error) -> bool {
    code(error) == Some(DUPLICATE_KEY)
}

/// The server's code, wherever the driver put it.
pub(super) fn code(error: &Error) -> Option<i32> {
    match error.kind.as_ref() {
        ErrorKind::Command(command) => Some(command.code),
        ErrorKind::Write(WriteFailure::WriteError(write)) => Some(write.code),
        ErrorKind::Write(WriteFailure::WriteConcernError(concern)) => Some(concern.code),
        _ => None,
    }
}

/// For operations whose failure leaves nothing behind, or nothing that a repetition would not overwrite.
pub(super) fn to_store_error(error: &Error) -> StoreError {
    match error.kind.as_ref() {
        ErrorKind::BsonDeserialization(_) | ErrorKind::Bson(_) => StoreError::Corrupt(sentence(error)),
        _ => StoreError::Unavailable(sentence(error)),
    }
}
