//! What nodes say to each other: the bodies of the links' envelopes, as MessagePack with named fields.
//!
//! A node of the version before must be understood: fields are only added, with a default, and a variant that is not
//! known is refused as a whole (`unsupported_protocol`) by whoever cannot read it.

use actors::ports::{ConnAddr, Publication};
use actors::retailer::request::{Request, Response};
use bytes::Bytes;
use messages::agent::ToAgent;
use messages::http::cluster::{LinkView, NodeFigures};
use messages::http::retailers::RetailerSummary;
use messages::{ErrorCode, Problem, RetailerId, SessionId, UserId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Wants an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Question {
    /// For a retailer's actor that is believed to live there.
    Retailer { retailer: RetailerId, request: Request },
    /// How are you?
    Node,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    Retailer(Result<Response, Problem>),
    Node {
        figures: NodeFigures,
        links: Vec<LinkView>,
    },
    /// The question could not be read, or is not answered here.
    Refused(Problem),
}

/// Wants none. What of these gets lost is made good when the link is up again: see [`super::inbox`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Notice {
    /// A frame for an agent whose socket is there.
    Deliver {
        to: ConnAddr,
        frame: ToAgent,
    },
    /// A retailer has a new actor, which knows no sockets yet.
    Announce {
        retailer: RetailerId,
    },
    /// For the consoles there.
    Published(Publication),
    /// The retailers of the sender, as they are now.
    Rows(Vec<RetailerSummary>),
    /// All retailers that are watched from the sender.
    Watching(Vec<RetailerId>),
    /// A shard has become the receiver's.
    Moved,
    /// Notices of the receiver were missed: it shall put right what it holds, and say again what is to be known of it.
    Again,
    SessionEnded(SessionId),
    RightsChanged(UserId),
    /// Something may come down to the retailer's stores.
    CatalogueChanged(RetailerId),
}

/// Our own types always encode; should one not, that is a defect, and is told as one.
pub fn encode<T: Serialize>(value: &T) -> Result<Bytes, Problem> {
    let encoded = rmp_serde::to_vec_named(value);
    encoded.map(Bytes::from).map_err(|error| {
        Problem::new(ErrorCode::Internal, format!("a message between nodes cannot be encoded: {error}"))
    })
}

pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    rmp_serde::from_slice(bytes).map_err(|error| {
        let detail = format!("a message of another node cannot be read; is it of a later version: {error}");
        Problem::new(ErrorCode::UnsupportedProtocol, detail)
    })
}

#[cfg(test)]
mod tests;
