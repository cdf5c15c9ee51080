//! The hub's tests against the real database server, real sockets and real processes. One module an area.

mod http;
mod process;
mod store;
mod support;
