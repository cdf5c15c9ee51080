//! The cluster as an administrator sees it: hub nodes, who owns which shard, how the nodes reach each other, what moved.
//!
//! One answer is a picture from one node: documents of the database (nodes, shards), what the other nodes told of
//! themselves when asked, and links as that node and those that answered see them. A node that did not answer in time is
//! listed without figures, so that the page comes whole whatever state the cluster is in.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::ids::BootId;
use crate::version::Epoch;

/// Moves told of in one answer: enough for a drain of one node of two, and a screen of the console.
pub const MOVES_TOLD: usize = 200;

/// `GET /admin/cluster`: everything about the cluster at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClusterView {
    /// When the picture was made. Ages are to be counted from here, not from the clock of the reader.
    pub at: Timestamp,
    /// The node that answers. It knows its own links best.
    pub this_node: BootId,
    /// Can other nodes join? Not with the embedded database, which belongs to one process.
    pub single: bool,
    /// How long a lease lasts from its renewal. A hung node loses its shards after at most this long.
    pub lease_ms: u32,
    /// Nodes that the database knows, living ones first, then by the time of their start. The dead are told for a day.
    pub nodes: Vec<NodeView>,
    /// All shards, by number.
    pub shards: Vec<ShardView>,
    /// Links between living nodes, each direction by itself, by `from`, then `to`. Empty with one node.
    pub links: Vec<LinkView>,
    /// The last [`MOVES_TOLD`] changes of owner that this node has seen, newest first.
    pub moves: Vec<MoveView>,
}

/// One start of a hub process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NodeView {
    pub id: BootId,
    /// What people call it: the host's name, or in Kubernetes the pod's. Absent when it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where people, agents and consoles reach it, such as `10.0.3.7:8080`.
    pub address: String,
    /// Where other nodes reach it; absent when it takes no links.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_address: Option<String>,
    /// Of the program.
    pub version: String,
    pub state: NodeState,
    pub started_at: Timestamp,
    /// How long its lease still lasts by the database's clock; 0 when it has run out.
    pub lease_left_ms: u32,
    /// What it tells of itself. Absent when it is dead, or did not answer in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub figures: Option<NodeFigures>,
}

/// Where a node stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    /// It has a lease, and takes its share of the shards.
    Serving,
    /// It has a lease, hands its shards over, and takes no new ones.
    Leaving,
    /// Its lease has run out, or another node has found its process gone.
    Dead,
}

impl NodeState {
    pub const ALL: [Self; 3] = [Self::Serving, Self::Leaving, Self::Dead];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::Leaving => "leaving",
            Self::Dead => "dead",
        }
    }
}

/// What a node counts itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct NodeFigures {
    /// Sockets of agents that are open here. An agent's socket may be on another node than its retailer.
    pub agent_sockets: u64,
    /// Live sockets of consoles that are open here.
    pub console_sockets: u64,
    /// Retailers whose actor runs here.
    pub retailers_active: u64,
    /// Resident memory of the process, in bytes, without that of an embedded database.
    pub rss_bytes: u64,
}

/// One slice of the retailers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ShardView {
    /// 0 to 255.
    pub shard: u8,
    /// Who serves it; absent while nobody does, because it never had an owner or its owner is dead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<BootId>,
    /// How often it has changed hands.
    pub epoch: Epoch,
}

/// The line from one living node to another, as `from` sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LinkView {
    pub from: BootId,
    pub to: BootId,
    pub state: LinkState,
    /// Since when it is in this state.
    pub since: Timestamp,
    /// Of the heartbeats of the last minute; absent when none was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtt_us: Option<RoundTrip>,
    /// Requests sent and not answered yet.
    pub in_flight: u32,
    /// Requests that wait to be sent, because the window is full or the line is not up.
    pub queued: u32,
}

/// Can requests be sent over a link?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    Up,
    /// Dialling, or in the handshake.
    Connecting,
    /// Broken, and waiting before the next attempt.
    Down,
}

impl LinkState {
    pub const ALL: [Self; 3] = [Self::Up, Self::Connecting, Self::Down];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Connecting => "connecting",
            Self::Down => "down",
        }
    }
}

/// Microseconds from question to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RoundTrip {
    pub p50: u64,
    pub p99: u64,
}

/// One change of a shard's owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MoveView {
    pub at: Timestamp,
    pub shard: u8,
    /// The shard's epoch after the move: with `shard` it names the move, whichever node tells of it.
    pub epoch: Epoch,
    /// Who had it; absent when nobody had it before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<BootId>,
    /// Who has it now.
    pub to: BootId,
    pub why: MoveReason,
}

/// Why a shard changed hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum MoveReason {
    /// Nobody had it before: the first start of the system.
    First,
    /// The former owner stopped cleanly, or was started again and took a new lease.
    Restarted,
    /// The former owner is being drained.
    Drained,
    /// Shares were uneven, because a node joined or came back.
    Balanced,
    /// The former owner's lease ran out.
    LeaseRanOut,
    /// The former owner's process was found gone before its lease ran out.
    OwnerGone,
    /// The node that tells saw the change, but not its cause.
    #[serde(other)]
    Unknown,
}

impl MoveReason {
    pub const ALL: [Self; 7] = [
        Self::First,
        Self::Restarted,
        Self::Drained,
        Self::Balanced,
        Self::LeaseRanOut,
        Self::OwnerGone,
        Self::Unknown,
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_on_the_wire_are_those_of_the_enumerations() {
        for state in NodeState::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
        for state in LinkState::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
    }

    #[test]
    fn a_reason_of_a_later_version_is_read_as_unknown() {
        for reason in MoveReason::ALL {
            let text = serde_json::to_string(&reason).unwrap();
            assert_eq!(serde_json::from_str::<MoveReason>(&text).unwrap(), reason);
        }
        let later: MoveReason = serde_json::from_str("\"moon_phase\"").unwrap();
        assert_eq!(later, MoveReason::Unknown);
    }

    #[test]
    fn a_shard_without_owner_and_a_silent_node_leave_their_fields_out() {
        let shard = ShardView { shard: 7, owner: None, epoch: Epoch(3) };
        assert_eq!(serde_json::to_string(&shard).unwrap(), r#"{"shard":7,"epoch":3}"#);
        let node: NodeView = serde_json::from_str(
            r#"{"id":"01890a5d-ac96-774b-bcce-b302099a8057","address":"10.0.0.1:8080","version":"0.1.0",
                "state":"dead","started_at":1,"lease_left_ms":0}"#,
        )
        .unwrap();
        assert_eq!((node.state, node.figures, node.name), (NodeState::Dead, None, None));
    }
}
