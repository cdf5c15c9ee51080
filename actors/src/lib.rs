//! Supervision, and the actors of a hub with their pure logic.
//!
//! ```text
//! Hub ─┬─ StoreGuard             the database child process, when embedded
//!      ├─ ShardHost ── Retailer(r)     one writer per retailer
//!      │                  ├─ JobRun(run)   watches one run
//!      │                  └─ Ingest(r)     takes in what the retailer's store edges tell
//!      ├─ Connections ─ AgentConn(c), LiveConn(c)
//!      └─ LiveHub                topics → local sockets
//! ```
//!
//! Nothing here knows MongoDB, warp or a socket library: the outside is reached through [`ports`].
//! Rules all actors share: a handler never waits, every question has a deadline, every queue has a limit that
//! is checked where work is admitted, and what must survive is in the store before it is acknowledged.

pub mod agent_conn;
pub mod backoff;
pub mod clock;
pub mod domain;
pub mod failpoint;
pub mod host;
pub mod ingest;
pub mod live_conn;
pub mod live_hub;
pub mod observe;
pub mod ports;
pub mod retailer;
pub mod run;
pub mod schedule;
pub mod supervise;
#[cfg(test)]
mod testkit;
