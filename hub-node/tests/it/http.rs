//! The HTTP edge with real access on a real database; retailers are made up in memory.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

mod configuration;
mod fake_router;
mod login;
mod rig;
mod routes;
mod secrets;
mod serving;
mod users;
