//! Whole systems of real processes: hub with its own database, agents, an SFTP server, a browser.
//!
//! They are started as a user starts them, killed without mercy, and asked only what a user can ask.

mod agent;
mod api;
mod browser;
mod cluster;
mod configuration;
mod crash;
mod csv_file;
mod edge;
mod exports;
mod fallback;
mod hub;
mod mapping;
mod meddler;
mod metrics;
mod readers;
mod roll;
mod schedule;
mod sessions;
mod sshd;
mod story;
mod third_party;
mod wait;
