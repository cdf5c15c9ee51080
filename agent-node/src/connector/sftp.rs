//! Destination: a file on an SFTP server, uploaded under a temporary name and renamed when complete.
//!
//! `session` logs in and holds the pinned host key; `faults` says what an error means; `sink` begins an upload and
//! `upload` carries it to its end, over a new line if it must.

mod faults;
mod session;
mod sink;
mod upload;

pub use sink::SftpConnector;

#[cfg(test)]
mod tests;
