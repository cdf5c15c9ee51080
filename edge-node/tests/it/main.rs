//! The edge against real tills' calls, a hub that enforces the documented contract, real disks and its own real process.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests fail and speak as tests do; clippy's own exemption covers test functions only"
)]

mod catalogue;
mod checkout;
mod hub;
mod line;
mod process;
mod proxy;
mod relay;
mod store;
mod support;
