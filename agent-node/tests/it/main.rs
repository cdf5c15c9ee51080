//! The agent against a scripted hub, real files, a real sshd and its own real process.

mod enrolment;
mod hub;
mod process;
mod protocol;
mod runs;
mod sftp;
mod sshd;
mod support;
