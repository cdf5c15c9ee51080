//! The one table of error codes. HTTP, WebSocket and the console all read it; nothing else maps errors.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! codes {
    ($($name:ident $text:literal $status:literal $retry:literal $title:literal)*) => {
        /// What went wrong, stable across releases. Clients branch on this and never on the sentence.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode { $($name),* }

        impl ErrorCode {
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The code as it is written on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }

            /// The HTTP status that carries it.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status),* }
            }

            /// Would the same request, sent again later, have a chance?
            #[must_use]
            pub const fn retry_helps(self) -> bool {
                match self { $(Self::$name => $retry),* }
            }

            /// A short title, the same for every occurrence.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title),* }
            }

            /// An unknown code comes from a newer hub and is read as an internal error.
            #[must_use]
            pub fn parse(text: &str) -> Self {
                Self::ALL.iter().copied().find(|code| code.as_str() == text).unwrap_or(Self::Internal)
            }
        }
    };
}

codes! {
    // name               on the wire             status retry  title
    MalformedRequest      "malformed_request"        400 false "The request could not be read"
    InvalidField          "invalid_field"            422 false "A field has a value that cannot be accepted"
    InvalidCursor         "invalid_cursor"           400 false "The paging cursor is not valid"
    MissingPrecondition   "missing_precondition"     428 false "The request must say which version it changes"
    BodyTooLarge          "body_too_large"           413 false "The request is too large"
    UnsupportedMedia      "unsupported_media_type"   415 false "The request body must be JSON"
    NotFound              "not_found"                404 false "There is no such thing"
    MethodNotAllowed      "method_not_allowed"       405 false "This address does not take that method"

    NotAuthenticated      "not_authenticated"        401 false "You are not signed in"
    BadCredentials        "bad_credentials"          401 false "Name or password is wrong"
    TokenExpired          "token_expired"            401 false "The access token has expired"
    SessionRevoked        "session_revoked"          401 false "This session has been ended"
    LockedOut             "locked_out"               429 true  "Too many failed attempts"
    Forbidden             "forbidden"                403 false "You may not do this"
    SetupDone             "setup_done"               409 false "The system has been set up already"
    SetupRequired         "setup_required"           409 false "The system has not been set up yet"
    SetupTokenWrong       "setup_token_wrong"        403 false "The setup token is wrong"
    OriginRefused         "origin_refused"           403 false "The request comes from a foreign page"

    Conflict              "conflict"                 412 false "Somebody else has changed this meanwhile"
    NameTaken             "name_taken"               409 false "This name is in use"
    InUse                 "in_use"                   409 false "Something else still uses this"
    LimitReached          "limit_reached"            409 false "A limit has been reached"
    WrongState            "wrong_state"              409 false "This cannot be done in the present state"
    Disabled              "disabled"                 409 false "This has been disabled"

    EnrolmentTokenWrong   "enrolment_token_wrong"    403 false "The enrolment token is wrong or used up"
    AgentRevoked          "agent_revoked"            403 false "This agent has been revoked"
    AgentSuperseded       "agent_superseded"         409 true  "A newer connection of this agent took over"
    UnsupportedProtocol   "unsupported_protocol"     426 false "This protocol version is not spoken here"
    MalformedFrame        "malformed_frame"          400 false "The frame could not be read"
    FrameTooLarge         "frame_too_large"          413 false "The frame is too large"
    UnexpectedFrame       "unexpected_frame"         409 false "This frame was not expected now"
    UnknownTopic          "unknown_topic"            404 false "There is no such topic"
    SlowReader            "slow_reader"              429 true  "The reader is too slow"
    StaleEpoch            "stale_epoch"              409 true  "The command comes from a former owner"
    SessionGone           "session_gone"             410 false "There is no such session any more"
    WrongNode             "wrong_node"               421 true  "Another node holds this session"

    Busy                  "busy"                     503 true  "The hub is busy"
    NotOwner              "not_owner"                503 true  "The retailer is moving to another node"
    DeadlineExceeded      "deadline_exceeded"        504 true  "The answer took too long"
    StoreUnavailable      "store_unavailable"        503 true  "The database does not answer"
    OutcomeUnknown        "outcome_unknown"          503 true  "It is not known whether this was done"
    ShuttingDown          "shutting_down"            503 true  "The hub is stopping"
    RateLimited           "rate_limited"             429 true  "Too many requests"
    Internal              "internal"                 500 true  "Something went wrong inside"

    // At the till.
    UnknownBarcode        "unknown_barcode"          404 false "No article has this barcode"
    BarcodeMisread        "barcode_misread"          422 true  "The barcode was not read correctly"
    ArticleBlocked        "article_blocked"          409 false "This article must not be sold"
    QuantityNeeded        "quantity_needed"          422 false "This article has to be weighed"
    EmptyBasket           "empty_basket"             409 false "There is nothing in the basket"
    NotPaid               "not_paid"                 409 false "There is still something to pay"
    OverPaid              "over_paid"                409 false "This is more than is due"
    PaymentPending        "payment_pending"          409 true  "The payment has not come through yet"
    NotRefundable         "not_refundable"           409 false "This cannot be given back"
    IdempotencyKeyMissing "idempotency_key_missing"  400 false "The request needs an idempotency key"
    IdempotencyKeyReused  "idempotency_key_reused"   422 false "This key belongs to another request"

    // Events of a store edge.
    EventUnknown          "event_unknown"            422 false "This kind of event is not known here"
    EventMalformed        "event_malformed"          422 false "The event could not be read"
    EventRefused          "event_refused"            422 false "The event contradicts what is known"
    StreamReset           "stream_reset"             409 false "The sequence numbers were used before"
    EdgeRevoked           "edge_revoked"             403 false "This store edge has been revoked"

    // What ends a run.
    SourceMissing         "source_missing"           422 true  "The source file is not there"
    SourceUnreadable      "source_unreadable"        422 true  "The source could not be read"
    SourceMalformed       "source_malformed"         422 false "The source has a wrong form"
    SourceChanging        "source_changing"          422 true  "The source file is still being written"
    SourceRefused         "source_refused"           502 false "The source refused the login"
    RejectLimit           "reject_limit"             422 false "Too many items were rejected"
    DestinationUnreachable "destination_unreachable" 502 true  "The destination could not be reached"
    DestinationRefused    "destination_refused"      502 false "The destination refused the login"
    HostKeyMismatch       "host_key_mismatch"        502 false "The server shows another host key than the pinned one"
    DestinationFull       "destination_full"         502 true  "The destination has no room"
    DestinationFailed     "destination_failed"       502 true  "The destination failed while receiving"
    DestinationRejected   "destination_rejected"     502 false "The destination does not take what is sent"
    DiskFull              "disk_full"                507 true  "The disk is full"
    RunTimeout            "run_timeout"              504 true  "The run took longer than allowed"
    RunCancelled          "run_cancelled"            409 false "The run was cancelled"
    AgentLost             "agent_lost"               504 true  "The agent did not come back"
    AgentRefused          "agent_refused"            409 false "The agent refused the run"
    RunExpired            "run_expired"              409 false "The run waited too long"
    NeedsApproval         "needs_approval"           409 false "The run would do harm and needs an approval"
    AgentTooOld           "agent_too_old"            409 false "The agent is too old for this"
    AgentOffline          "agent_offline"            409 true  "The agent is not connected"
    Unsupported           "unsupported"              422 false "The agent has no such connector"
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ErrorCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Ok(Self::parse(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_read_back() {
        for (at, code) in ErrorCode::ALL.iter().enumerate() {
            assert_eq!(ErrorCode::parse(code.as_str()), *code);
            assert!(ErrorCode::ALL[at + 1..].iter().all(|other| other.as_str() != code.as_str()), "{code}");
            assert!((400..=599).contains(&code.status()), "{code}");
        }
    }

    #[test]
    fn a_code_of_a_newer_hub_is_read_as_internal() {
        assert_eq!(serde_json::from_str::<ErrorCode>("\"from_the_future\"").unwrap(), ErrorCode::Internal);
    }
}
