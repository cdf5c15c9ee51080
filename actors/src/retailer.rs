//! The retailer's actor: the one writer of its documents.
//!
//! [`decide`] says what a request changes, [`actor`] commits it and then tells the consoles and the agents.

pub mod actor;
pub mod configuration;
pub mod decide;
pub mod lists;
pub mod presence;
pub mod request;
pub mod state;
pub mod watch;
