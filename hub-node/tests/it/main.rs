//! The hub's tests against the real database server, real sockets and real processes. One module an area.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::let_underscore_must_use,
    reason = "helpers of tests fail and speak as tests do; clippy's own exemption covers test functions only"
)]

mod faults;
mod http;
mod kubernetes;
mod link;
mod model;
mod process;
mod store;
mod support;
