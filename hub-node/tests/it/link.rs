//! Links between hub nodes. `ractor_cluster` keeps its registers once per process, so each test is one node and starts
//! the others as processes of their own; see [`node`].

mod asking;
#[path = "../../../xtask/src/certs/make.rs"]
mod certs;
mod door;
mod faults;
mod joining;
mod node;
mod raw;

/// A folder with `ca.pem`, `hub.pem` and `hub.key`, for hub processes that are to be one cluster.
pub(crate) fn certificates() -> tempfile::TempDir {
    node::Certs::new().folder
}
