//! Identifiers: one type each, so that a store's id cannot be passed where a job's is meant.
//!
//! All are UUIDs, time-ordered (v7) when made by us, written as the usual hyphenated text.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The text was not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not an identifier: 32 hexadecimal digits with hyphens are expected")]
pub struct InvalidId(pub String);

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new identifier that sorts after every earlier one of this process.
            #[cfg(feature = "mint")]
            #[must_use]
            #[expect(clippy::new_without_default, reason = "a default identifier would be a fresh one each time")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            #[must_use]
            pub const fn as_uuid(&self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0.as_hyphenated())
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Uuid::try_parse(text).map(Self).map_err(|_| InvalidId(text.to_owned()))
            }
        }
    )*};
}

id! {
    /// A tenant: one grocery retailer.
    RetailerId
    /// One shop of a retailer.
    StoreId
    /// The daemon at a retailer's site.
    AgentId
    /// Where items are sent: an SFTP account, a web shop.
    DestinationId
    /// Source, mapping, destination and schedule.
    JobId
    /// One execution of a job.
    RunId
    /// A person who uses the console.
    UserId
    /// One login of a person; all its refresh tokens belong to it.
    SessionId
    /// One socket, on the node that accepted it.
    ConnId
    /// A command to an agent; repeating it has no second effect.
    CommandId
    /// A request between actors; repeating it has no second effect.
    MsgId
    /// One start of a process.
    BootId
    /// One life of an agent's spool directory: sequence numbers count within it.
    SpoolId
    /// A place for one device of a store, as the hub knows it: it has a credential.
    EdgeId
    /// A machine in a store that sells: its database has its own.
    DeviceId
    /// One life of a device's outbox: sequence numbers count within it.
    StreamId
    /// One life of what comes down to a retailer's stores: the numbers of changes count within it.
    FeedId
    /// Something that happened in a store; applying it twice has no second effect.
    EventId
    /// One sale or refund, from the first article to the receipt.
    TransactionId
    /// Money that changes hands once.
    PaymentId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_json_are_the_hyphenated_form() {
        let text = "01890a5d-ac96-774b-bcce-b302099a8057";
        let id: RetailerId = text.parse().unwrap();
        assert_eq!(id.to_string(), text);
        assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{text}\""));
    }

    #[test]
    fn a_wrong_text_is_named_in_the_error() {
        let error = "shop-1".parse::<StoreId>().unwrap_err();
        assert!(error.to_string().contains("shop-1"));
    }
}
