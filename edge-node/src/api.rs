//! The interface that tills speak: HTTP and JSON under `/v1`, on the store's own network.
//!
//! ```text
//! socket ─ server ─ dispatch ─ table ─ handler ─▶ till, store, links
//! ```
//!
//! Limits: [`server::MAX_CONNECTIONS`] sockets, [`dispatch::MAX_UNDER_WAY`] requests at once,
//! [`dispatch::MAX_BODY`] bytes, [`dispatch::DEADLINE`] for an answer, [`system::MAX_WATCHERS`] status streams.

pub mod dispatch;
pub mod openapi;
pub mod reply;
pub mod route;
pub mod selling;
pub mod server;
pub mod system;
pub mod table;
pub mod tls;

use std::sync::Arc;

use messages::Secret;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::links::Links;
use crate::till::Till;

/// What handlers work with.
pub struct State {
    pub till: Till,
    pub links: Arc<Links>,
    /// What tills must show, when anything but this machine can reach the edge.
    pub token: Option<Secret>,
    pub(crate) watchers: Arc<Semaphore>,
    /// Ends the status streams.
    pub stop: CancellationToken,
}

impl State {
    #[must_use]
    pub fn new(till: Till, links: Arc<Links>, token: Option<Secret>, stop: CancellationToken) -> Self {
        Self { till, links, token, watchers: Arc::new(Semaphore::new(system::MAX_WATCHERS)), stop }
    }
}
