//! The line to another machine: address, TCP, TLS, HTTP. What failed is told by its cause, so that a till can show it.
//!
//! Nothing here listens. Certificates are always verified; plain HTTP is for the own machine unless it was allowed on
//! purpose. Every step has its deadline.

pub mod address;
pub mod dial;
pub mod http;

pub use address::Address;
pub use dial::{Dialer, LineFault};
pub use http::HttpLine;
