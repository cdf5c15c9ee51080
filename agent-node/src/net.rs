//! Outbound connections to the hub: address, proxy, TLS, one HTTP request or many, the upgrade to a WebSocket.
//!
//! Nothing here listens. Certificates are always verified; plain HTTP is for the own machine unless it was
//! allowed on purpose. Every step has its deadline.

pub mod address;
pub mod dial;
pub mod kept;
pub mod request;
pub mod websocket;

pub use address::HubAddress;
pub use dial::{Dialer, NetError, Stage};
