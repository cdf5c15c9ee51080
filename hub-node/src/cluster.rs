//! Several hub nodes as one: who owns which retailer, and how everything finds its owner.
//!
//! ```text
//! shard         retailer → one of 256 shards                                   pure
//! lease         when to renew, and until when this node may act                pure
//! placement     who should serve which shard                                   pure
//! clock         the monotonic clock that the lease is kept by
//! data_dir      the lock on the data directory, and its name in the database
//! membership    the actor that registers, renews, takes, gives away, and lets go
//! keeper        the way to that actor in its present life
//! ownership     this node's own shards, asked before anything is done for one
//! topology      everybody's shards, as last seen: what requests are routed by
//! follow        what is done when either changes: links, sockets, retailers
//! link          bytes between nodes; the only code that sees `ractor_cluster`
//! wire          what nodes say to each other
//! others        asking and telling other nodes
//! inbox         what other nodes ask and tell
//! router        requests to retailers' actors, wherever they live
//! relay         news to consoles and frames to agents, wherever those are
//! interest      which nodes watch which retailers                              pure
//! view          the cluster as an administrator sees it
//! ```
//!
//! Ownership is in the database and nowhere else; nobody may conclude it from a link. This node stops acting for its
//! shards as soon as its own clock says that the last confirmed renewal may have run out; and if it did act, the fence
//! would not let it write.

pub mod clock;
pub mod data_dir;
pub mod follow;
pub mod inbox;
pub mod interest;
pub mod keeper;
pub mod lease;
pub mod link;
pub mod membership;
pub mod others;
pub mod ownership;
pub mod placement;
pub mod relay;
pub mod router;
pub mod shard;
pub mod topology;
pub mod view;
pub mod wire;

pub use data_dir::{DataDir, DataDirError};
pub use lease::LeaseTerms;
pub use membership::{Membership, MembershipArguments, MembershipMsg, Surroundings};
pub use ownership::{Claims, Ownership, OwnershipKeeper, ownership};
pub use shard::{SHARDS, Shard, shard_of};
pub use topology::{Map, MapKeeper, map};
