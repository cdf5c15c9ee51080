//! The hub node: store, cluster, REST, sockets and the console, composed into one process.
//!
//! | module | is | may see |
//! |---|---|---|
//! | [`store`] | documents, transactions, ownership records | `mongodb`, and nobody else may |
//! | [`cluster`] | lease, shards, membership | [`store`] |
//! | [`access`] | people, sessions, keys, secrets | [`store`] |
//! | [`http`] | REST, the console's files, the accept loop | [`access`], [`store`], the router |
//! | [`ingestion`] | store edges: enrolment, batches of events, the gRPC stream | [`access`], the router |
//! | `sockets` | `/ws/agent`, `/ws/live` | [`access`], the actors |
//! | [`metrics`] | counters, and the port that Prometheus asks | the accept loop |
//! | [`open_files`] | the limit of open files | nothing |
//! | `node` | the composition: what starts in which order | everything |

pub mod access;
pub mod cluster;
pub mod config;
pub mod http;
pub mod ingestion;
pub mod metrics;
mod node;
pub mod open_files;
pub mod shutdown;
mod sockets;
pub mod store;
pub mod telemetry;

pub use node::{NodeError, run};
