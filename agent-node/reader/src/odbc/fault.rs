//! What a driver or the driver manager says when it does not do what it is asked, by class.
//! Pure: codes and words in, a class out.

use messages::reader::{Class, Failed};
use odbc_api::Error;
use odbc_api::handles::Record;

/// What was being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum While {
    Connecting,
    Asking,
}

pub(crate) fn of(error: &Error, doing: While) -> Failed {
    match record(error) {
        Some(record) => {
            let state = record.state.as_str().to_owned();
            let said = record.to_string();
            Failed::new(class(&state, &said, doing), said)
        }
        None => Failed::new(Class::Trouble, error.to_string()),
    }
}

const fn record(error: &Error) -> Option<&Record> {
    match error {
        Error::Diagnostics { record, .. }
        | Error::InvalidRowArraySize { record, .. }
        | Error::UnsupportedOdbcApiVersion(record)
        | Error::UnableToRepresentNull(record)
        | Error::OracleOdbcDriverDoesNotSupport64Bit(record) => Some(record),
        _ => None,
    }
}

/// By SQLSTATE, which drivers mostly take from their server; and by words where drivers have one state for everything.
fn class(state: &str, said: &str, doing: While) -> Class {
    let has = |parts: &[&str]| {
        let said = said.to_ascii_lowercase();
        parts.iter().any(|part| said.contains(part))
    };
    match state {
        // No such data source or driver, or one that does not load.
        "IM002" | "IM003" | "IM004" | "IM005" | "IM012" => Class::Absent,
        // unixODBC's word for a driver whose file is not there.
        "01000" if has(&["can't open lib"]) => Class::Absent,
        "HYT00" | "57014" | "70100" | "S1T00" => Class::TooLong,
        "25006" => Class::Writes,
        "08S01" => Class::Trouble,
        state if state.starts_with("28") => Class::Login,
        // PostgreSQL's driver says that nobody is there, and that the password is wrong, in one and the same way.
        _ if doing == While::Connecting => {
            let refused = [
                "authentication failed",
                "access denied",
                "login failed",
                "does not exist",
                "unknown database",
                "no pg_hba.conf entry",
                "no password supplied",
            ];
            if has(&refused) { Class::Login } else { Class::Trouble }
        }
        _ if has(&["statement timeout", "max_statement_time exceeded"]) => Class::TooLong,
        _ if has(&["read-only transaction", "read only transaction"]) => Class::Writes,
        state
            if ["42", "22", "37", "21", "07", "0A", "3D", "3F", "26", "S0"]
                .iter()
                .any(|class| state.starts_with(class)) =>
        {
            Class::Query
        }
        // SQLite's driver has one state for everything.
        _ if has(&["syntax error", "no such table", "no such column", "no such function"]) => Class::Query,
        _ => Class::Trouble,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_has_a_class() {
        use While::{Asking, Connecting};
        for (state, said, doing, expected) in [
            ("IM002", "Data source name not found", Connecting, Class::Absent),
            (
                "01000",
                "[unixODBC][Driver Manager]Can't open lib '/x.so' : file not found",
                Connecting,
                Class::Absent,
            ),
            ("28000", "Access denied for user", Connecting, Class::Login),
            ("08001", "FATAL:  password authentication failed for user \"x\"", Connecting, Class::Login),
            ("08001", "could not connect to server: Connection refused", Connecting, Class::Trouble),
            ("S1000", "Unable to connect to data source", Connecting, Class::Trouble),
            ("HYT00", "Login timeout expired", Connecting, Class::TooLong),
            ("42P01", "relation does not exist", Asking, Class::Query),
            ("42S02", "Table doesn't exist", Asking, Class::Query),
            ("22012", "division by zero", Asking, Class::Query),
            ("57014", "canceling statement due to statement timeout", Asking, Class::TooLong),
            (
                "HY000",
                "Query execution was interrupted (max_statement_time exceeded)",
                Asking,
                Class::TooLong,
            ),
            ("25006", "cannot execute DELETE in a read-only transaction", Asking, Class::Writes),
            ("HY000", "near \"nonsense\": syntax error (1)", Asking, Class::Query),
            ("08S01", "the line broke", Asking, Class::Trouble),
            (
                "08S01",
                "Unable to connect: Server is unavailable or does not exist",
                Connecting,
                Class::Trouble,
            ),
            ("HY000", "whatever", Asking, Class::Trouble),
        ] {
            assert_eq!(class(state, said, doing), expected, "{state} {said}");
        }
    }
}
