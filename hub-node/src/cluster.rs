//! Which retailers are this node's: shards, the lease of the node, and the keeper that holds both.
//!
//! ```text
//! shard         retailer → one of 256 shards                                   pure
//! lease         when to renew, and until when this node may act                pure
//! clock         the monotonic clock that the lease is kept by
//! data_dir      the lock on the data directory, and its name in the database
//! membership    the actor that registers, renews, claims, and lets go
//! ownership     the handle that everybody asks
//! ```
//!
//! Ownership is in the database and nowhere else. This node stops acting for its shards as soon as its own clock says
//! that the last confirmed renewal may have run out; and if it did act, the fence would not let it write.

pub mod clock;
pub mod data_dir;
pub mod lease;
pub mod membership;
pub mod ownership;
pub mod shard;

pub use data_dir::{DataDir, DataDirError};
pub use lease::LeaseTerms;
pub use membership::{Membership, MembershipArguments, MembershipMsg};
pub use ownership::{Claims, Ownership, OwnershipKeeper, ownership};
pub use shard::{SHARDS, Shard, shard_of};
