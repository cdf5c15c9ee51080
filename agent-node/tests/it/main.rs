//! The agent against a scripted hub, real files, a real sshd and its own real process.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests fail and speak as tests do; clippy's own exemption covers test functions only"
)]

mod conformance;
mod deliveries;
mod enrolment;
mod exports;
mod hub;
mod looks;
mod platform;
mod plugins;
mod process;
mod protocol;
mod runs;
mod service;
mod sftp;
mod sources;
mod sshd;
mod support;
mod wine;
mod wire;
