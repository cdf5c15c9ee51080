//! What users of the links see: who is linked, what can be asked, and how it can end.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use messages::Timestamp;
use messages::ids::BootId;
use serde::{Deserialize, Serialize};

use super::tls::LinkTls;

/// How this node is linked to the others.
#[derive(Clone)]
pub struct LinkConfig {
    /// Where others come in; port 0 takes any.
    pub listen: SocketAddr,
    /// `host:port` under which others reach this node, for them to show.
    pub address: String,
    /// What the nodes of one cluster share and no others have, such as an identity kept in their database. Nodes of
    /// different clusters refuse each other even under one certificate authority.
    pub cluster: String,
    pub tls: LinkTls,
    pub terms: LinkTerms,
}

/// Times and sizes of links. All nodes of a cluster should use the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkTerms {
    /// Each link is asked for a sign of life so often.
    pub beat: Duration,
    /// Beats without an answer after which a link is given up.
    pub misses: u32,
    /// Connecting, TLS and the greeting, each.
    pub handshake: Duration,
    /// From a greeted connection to an answered ping; what takes longer is cut.
    pub settle: Duration,
    /// The first wait before dialling again, and the longest that it grows to; both vary by a third.
    pub first_wait: Duration,
    pub longest_wait: Duration,
    /// How long a node that is not listed may stay connected: its own entry may be newer than our list.
    pub stranger: Duration,
    /// How often certificate files are looked into, for renewed ones.
    pub renew: Duration,
    /// Questions under way to one node; more are `Busy` at once.
    pub window: usize,
}

impl Default for LinkTerms {
    fn default() -> Self {
        Self {
            beat: Duration::from_secs(1),
            misses: 3,
            handshake: Duration::from_secs(3),
            settle: Duration::from_secs(3),
            first_wait: Duration::from_millis(200),
            longest_wait: Duration::from_secs(5),
            stranger: Duration::from_secs(10),
            renew: Duration::from_secs(60),
            window: 256,
        }
    }
}

/// A living node, as membership sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    pub boot: BootId,
    /// `host:port` of its links.
    pub address: String,
}

/// Names the request that caused a message, so that one story can be read across nodes (W3C trace context).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    pub id: u128,
    pub span: u64,
}

/// What this node does with what comes in. No call may block: they are made by the actors that keep the links.
pub trait Inbound: Send + Sync + 'static {
    /// A question. The future is dropped at `until`, when nobody waits for its answer any more.
    fn ask(
        &self,
        from: BootId,
        body: Bytes,
        until: Instant,
        trace: Option<Trace>,
    ) -> BoxFuture<'static, Bytes>;
    /// Something told, in the order of telling.
    fn tell(&self, from: BootId, body: Bytes);
    /// So many tells of this node were dropped before the next one: what was told must be fetched another way.
    fn missed(&self, from: BootId, tells: u64);
    /// The node can be asked and told. Nothing that was told before a link came up arrives later.
    fn link_up(&self, peer: BootId);
    fn link_down(&self, peer: BootId, why: Lost);
}

/// Why a link is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    #[error("the connection was closed by the other node or the network")]
    Closed,
    #[error("the node gave no sign of life")]
    Silent,
    #[error("the node is no longer listed as living")]
    Unlisted,
    #[error("the node has connected anew")]
    Replaced,
    #[error("the connection was made but the node did not answer on it")]
    Unready,
    #[error("this node's links stop or start anew")]
    Stopped,
}

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    #[error("there is no link to that node")]
    NoLink,
    #[error("the link ended before the question was sent")]
    NotSent,
    #[error("too much is under way to that node")]
    Busy,
    #[error("no answer came in time; the question may have been carried out")]
    Deadline,
    #[error("the link ended before the answer came; the question may have been carried out")]
    Unknown,
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl AskError {
    /// Whether the question has certainly had no effect, so that it may be asked elsewhere without a thought.
    #[must_use]
    pub const fn had_no_effect(&self) -> bool {
        match self {
            Self::NoLink | Self::NotSent | Self::Busy => true,
            Self::Deadline | Self::Unknown => false,
            Self::Refused(refusal) => !matches!(refusal, Refusal::AnswerTooLarge { .. }),
        }
    }
}

/// Why a question was refused; asking it again is pointless.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("a body of {bytes} bytes is more than the {limit} that a link carries")]
    TooLarge { bytes: usize, limit: usize },
    #[error("the answer is larger than a link carries: {0}")]
    AnswerTooLarge(String),
    #[error("the other node does not speak our version of the link protocol: {0}")]
    UnsupportedProtocol(String),
    #[error("one node did not understand the other: {0}")]
    Garbage(String),
    /// A refusal that only a newer version knows.
    #[error("the other node refused: {0}")]
    Other(String),
}

/// What happens between this node and another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    Up,
    /// Connected, and not yet ready.
    Settling,
    Dialling,
    /// Waiting before dialling again.
    Waiting,
    /// The other node dials: its boot id is the smaller.
    Expecting,
    /// Connected, but not listed as living.
    Stranger,
}

/// One link, for the admin page.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkView {
    pub peer: BootId,
    /// Where this node reaches it; what it says of itself when it is not listed.
    pub address: Option<String>,
    pub state: LinkState,
    pub since: Timestamp,
    pub round_trip: Option<RoundTrip>,
    /// Questions under way to it.
    pub in_flight: usize,
    /// Bytes sent that it has not confirmed yet.
    pub unconfirmed: u64,
    /// Tells dropped since the link is up.
    pub dropped: u64,
    /// Times that the link was lost since the node is known.
    pub losses: u64,
    /// What went wrong last, until it goes right.
    pub problem: Option<String>,
}

/// Of the latest two minutes or so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoundTrip {
    pub p50: Duration,
    pub p99: Duration,
}

/// Links cannot be had at all.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    #[error("cannot listen for other hub nodes on {address}: {source}; is another program using that port")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error("the keeper of links did not start: {0}")]
    Actor(String),
}

/// What an address does when it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// Nobody listens there (ECONNREFUSED at every address that the name has): the process is gone.
    Refused,
    /// Something accepts connections there.
    Answers,
    /// Nothing came back in time, or the name or the network failed: it says nothing about the process.
    Silent,
}
