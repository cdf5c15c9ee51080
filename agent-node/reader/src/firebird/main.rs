//! `grocerysync-firebird`: reads databases of Firebird, from version 3 on. Needs nothing of the system: the client is Rust
//! throughout.
//!
//! `wrap` makes the statements that give every value exactly, `cell` tells a value, `fault` puts what went wrong into classes:
//! all pure. `session` signs in, asks and reads.

mod cell;
mod fault;
mod session;
mod wrap;

use std::process::ExitCode;

const KINDS: &[&str] = &["firebird"];

fn main() -> ExitCode {
    agent_reader::run(KINDS, |ask, teller| session::read(&ask, teller))
}
