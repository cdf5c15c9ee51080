//! `grocerysync-odbc`: reads whatever the machine has an ODBC driver for, SQL Server among it. Links the system's driver
//! manager, which every Windows has; elsewhere it is unixODBC, and without it this program does not start.
//!
//! `connection` makes the string a driver is opened with, `guard` looks at the query, `layout` decides how much room values get,
//! `fault` puts what went wrong into classes: all pure. `session` opens a connection that only reads, `rows` reads.

mod connection;
mod fault;
mod guard;
mod layout;
mod rows;
mod session;

use std::process::ExitCode;

const KINDS: &[&str] = &["odbc", "sql_server"];

fn main() -> ExitCode {
    // unixODBC converts what drivers without wide characters are told, and knows no sign but those of ASCII in the language
    // that programs begin with. The agent starts this one with a language that has them all.
    #[cfg(unix)]
    libc_strftime::set_locale();
    agent_reader::run(KINDS, |ask, teller| session::read(&ask, teller))
}
