//! The hub's tests against the real database server, real sockets and real processes. One module an area.

mod http;
mod store;
mod support;
