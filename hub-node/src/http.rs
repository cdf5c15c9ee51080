//! The HTTP edge: REST under `/api/v1`, health, and the console's files, on our own accept loop.
//!
//! ```text
//! server, tls      sockets, limits, drain; hands each request to one warp filter
//! dispatch         request id, limits, who asks, may they, body, handler, answer
//! table            every route: method, path, permission, bodies, handler. The only place that says so
//! route, call, reply, body     what the table is made of
//! setup, session, users, retailers, config, agents, runs, edges, articles, dead_letters, figures, reports, admin, health
//!                  handlers
//! openapi          the table as an OpenAPI page
//! origin, rate     pure: foreign pages, too many requests
//! console          embedded files
//! ```
//!
//! Handlers reach retailers through [`Router::ask`] for everything that changes or must be current, and through the
//! store's read handles for long lists. No handler checks a permission: the table says it, `dispatch` holds it.

mod admin;
mod agents;
mod articles;
mod body;
mod call;
mod config;
mod configuration;
mod console;
mod dead_letters;
mod dispatch;
mod edges;
mod figures;
mod health;
mod openapi;
mod origin;
mod rate;
mod reply;
mod reports;
mod retailers;
mod route;
mod runs;
mod schedule;
mod server;
mod session;
mod setup;
mod table;
mod tls;
mod users;

use std::sync::Arc;

use actors::live_hub::fleet::Fleet;
use actors::retailer::request::Router;
use futures_util::future::BoxFuture;
use ipnet::IpNet;
use messages::Problem;
use messages::http::admin::ActorList;
use messages::http::cluster::ClusterView;
use messages::ids::BootId;
use tokio_util::sync::CancellationToken;

pub(crate) use body::read as read_body;
pub(crate) use call::client_address;
pub use call::{Call, Params};
pub use dispatch::app;
pub use figures::Levels;
pub(crate) use rate::Rates;
pub use reply::{Reply, refusal};
pub use route::{Route, Takes};
pub(crate) use server::MAX_CONNECTIONS;
pub use server::{Drained, Peer, Server, ServerSettings};
pub use table::{routes, routes_elsewhere};
pub use tls::{TlsError, load as load_tls};

use crate::access::{Access, Sealer};
use crate::metrics::Metrics;
use crate::store::Store;

/// Looks into the running actors.
pub trait ActorDirectory: Send + Sync + 'static {
    fn list(&self) -> BoxFuture<'_, ActorList>;
}

/// Looks into the cluster, and acts on it.
pub trait ClusterDirectory: Send + Sync + 'static {
    fn view(&self) -> BoxFuture<'_, Result<ClusterView, Problem>>;
    fn drain(&self, node: BootId) -> BoxFuture<'_, Result<(), Problem>>;
    /// May this node act now?
    fn has_lease(&self) -> bool;
}

/// What the handlers work with.
#[derive(Clone)]
pub struct State {
    pub router: Arc<dyn Router>,
    pub store: Store,
    pub access: Access,
    pub sealer: Sealer,
    pub actors: Arc<dyn ActorDirectory>,
    pub cluster: Arc<dyn ClusterDirectory>,
    /// What only the live actors know of retailers: agents online, runs under way.
    pub fleet: Fleet,
    pub settings: Settings,
    pub metrics: Metrics,
    /// What runs out in stores, counted a moment ago.
    pub levels: Levels,
    /// Cancelled when the node starts to drain: it is no longer ready, and finishes what it has.
    pub draining: CancellationToken,
}

/// What the operator decides.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// How the world reaches this hub, such as `https://hub.example.com`, without a slash at the end.
    pub public_url: String,
    /// The console is reached over TLS, here or at a proxy before us: cookies are `Secure`, and HSTS is sent.
    pub secure: bool,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
}

/// Does this request come from a page of ours, or from no page at all? For sockets, which browsers let any page open.
#[must_use]
pub fn is_our_page(headers: &http::HeaderMap, public_url: &str) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let sender =
        origin::Sender { origin: text("origin"), fetch_site: text("sec-fetch-site"), host: text("host") };
    origin::is_ours(&sender, public_url)
}
