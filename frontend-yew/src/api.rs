//! The hub as the console reaches it: REST, the session, the live socket, and the browser itself.
//! The only floor that fetches. Errors stay typed up to the page that shows them.

pub mod browser;
pub mod client;
pub mod configuration;
pub mod error;
pub mod live;
pub mod lock;
pub mod poll;
pub mod resource;
pub mod runs;
pub mod session;
pub mod socket;
pub mod stores;

pub use client::{Api, Call};
pub use error::ApiError;
pub use live::Live;
