//! Bodies of the REST interface under `/api/v1`.
//!
//! A `…Spec` is what people write; a `…View` is what they read back, with its `rev` as the ETag.

pub mod access;
pub mod admin;
pub mod agents;
pub mod articles;
pub mod cluster;
pub mod configuration;
pub mod dead_letters;
pub mod destinations;
pub mod edges;
pub mod figures;
pub mod jobs;
pub mod paging;
pub mod reports;
pub mod retailers;
pub mod runs;
pub mod stores;
