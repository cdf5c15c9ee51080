//! The pages: one a route, and those before the door.

pub mod account;
pub mod actors;
pub mod cluster;
pub mod dashboard;
pub mod later;
pub mod login;
pub mod missing;
pub mod retailer;
pub mod retailers;
pub mod run;
pub mod setup;
pub mod shell;
pub mod store;
pub mod stores_today;
pub mod unreachable;
pub mod users;
