//! The database: the only code of the hub that sees `mongodb`.
//!
//! ```text
//! guard, embedded     the server process, when no MONGODB_URI is given
//! handle              Store: a cheap handle on one database, with the settings durability needs
//! documents           stored shapes with their indexes; conversion to and from domain types
//! schema              schema version and migrations, under a lease
//! tenant              TenantDb, ScopedDb: the only ways to documents of retailers
//! take, commit        the fence: ownership of a retailer, and one transaction per commit
//! ingest              what store edges brought, behind a fence of its own; letters and reports
//! generations         numbers of agents' sockets, for owners of the build before
//! streams             logs and rejected items, appended outside the fence
//! reads               lists for people: paged, searched, counted
//! sweep               what a deleted retailer leaves behind
//! ownership           nodes and shards, for the cluster
//! identity            what all nodes of a system must have in common
//! users, sessions     people and their logins; belong to no retailer
//! ```
//!
//! No other module may name a driver type; what leaves here are domain types, wire types and [`StoreError`].
//!
//! [`StoreError`]: actors::ports::StoreError

mod commit;
mod documents;
mod embedded;
mod failure;
mod generations;
mod guard;
mod handle;
mod identity;
mod ingest;
mod lifetime;
mod ownership;
mod reads;
mod retry;
mod schema;
mod sessions;
mod streams;
mod sweep;
mod take;
mod tenant;
mod users;
mod users_query;

pub use embedded::{EmbeddedConfig, EmbeddedError, StoreAddress, find_binary};
pub use guard::{StoreGuard, StoreGuardArguments, StoreGuardMsg};
pub use handle::{OpenError, Store};
pub use identity::{Identity, KeyProof};
pub use ingest::StoreDay;
pub use ownership::{LeaseName, NodeRecord, NodeRow, OwnershipStore, Picture, ShardRow};
pub use reads::RunFilter;
pub use schema::SchemaError;
pub use sessions::Sessions;
pub use sweep::Swept;
pub use tenant::{ScopedDb, TenantDb};
pub use users::Users;
