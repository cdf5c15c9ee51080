//! Destination: a file on an SFTP server, uploaded under a temporary name and renamed when complete.
//!
//! `session` logs in and holds the pinned host key; `faults` says what an error means; `sink` uploads.

mod faults;
mod session;
mod sink;

pub use sink::SftpConnector;

#[cfg(test)]
mod tests;
