//! What a database says when it does not do what it is asked, in our words.
//! Pure: no I/O.

use messages::ErrorCode;
use messages::reader::Class;

use crate::connector::Failure;

/// What a database says is shown as far as a line of a log goes.
const MOST_SAID: usize = 400;

/// Of PostgreSQL, by SQLSTATE.
pub(super) fn of_state(state: &str) -> Class {
    match state {
        "25006" => Class::Writes,
        "57014" => Class::TooLong,
        // No right to a table is no passing trouble either.
        state if state.starts_with("28") => Class::Login,
        state if ["3D", "42", "22", "0A", "3F", "26", "2F"].iter().any(|class| state.starts_with(class)) => {
            Class::Query
        }
        _ => Class::Trouble,
    }
}

/// Of MySQL and MariaDB, by their own numbers.
pub(super) fn of_number(number: u16) -> Class {
    match number {
        // Access denied, also by way of a plugin; host not allowed; password expired.
        1044 | 1045 | 1130 | 1251 | 1698 | 1820 | 1862 | 3118 => Class::Login,
        1290 | 1792 => Class::Writes,
        // Interrupted by max_statement_time or max_execution_time.
        1317 | 1969 | 3024 => Class::TooLong,
        // Unknown database, table, column or function; syntax; no right to a table or column; ambiguous names.
        1046
        | 1049
        | 1051
        | 1052
        | 1054
        | 1064
        | 1065
        | 1109
        | 1115
        | 1140..=1149
        | 1166
        | 1222
        | 1247
        | 1267
        | 1295
        | 1305
        | 1318
        | 1370
        | 1582 => Class::Query,
        _ => Class::Trouble,
    }
}

/// The failure of a run. `place` is the server or the file; `said` its own words.
pub(super) fn failure(class: Class, place: &str, said: &str, query_s: u32) -> Failure {
    let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let said: String = words.chars().filter(|c| !c.is_control()).take(MOST_SAID).collect();
    let (code, detail) = match class {
        Class::Login => (
            ErrorCode::SourceRefused,
            format!(
                "the database at {place} refuses the login; see user, password and database of the source: {said}"
            ),
        ),
        Class::Query => (
            ErrorCode::SourceMalformed,
            format!("the database at {place} cannot carry out the query: {said}"),
        ),
        Class::Writes => (
            ErrorCode::SourceMalformed,
            format!("the query wants to change something; sources only read: {said}"),
        ),
        Class::TooLong => (
            ErrorCode::SourceUnreadable,
            format!("the query took longer than the {query_s} s that the source allows: {said}"),
        ),
        Class::Absent => (
            ErrorCode::Unsupported,
            format!("the agent's machine has no driver or data source for {place}; install it there: {said}"),
        ),
        Class::Trouble => (ErrorCode::SourceUnreadable, format!("the database at {place} failed: {said}")),
    };
    Failure::new(code, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_says_whether_trying_again_helps() {
        for (class, code) in [
            (of_state("28P01"), ErrorCode::SourceRefused),
            (of_state("3D000"), ErrorCode::SourceMalformed),
            (of_state("42P01"), ErrorCode::SourceMalformed),
            (of_state("42501"), ErrorCode::SourceMalformed),
            (of_state("22012"), ErrorCode::SourceMalformed),
            (of_state("25006"), ErrorCode::SourceMalformed),
            (of_state("57014"), ErrorCode::SourceUnreadable),
            (of_state("53300"), ErrorCode::SourceUnreadable),
            (of_state("57P01"), ErrorCode::SourceUnreadable),
            (of_number(1045), ErrorCode::SourceRefused),
            (of_number(1049), ErrorCode::SourceMalformed),
            (of_number(1064), ErrorCode::SourceMalformed),
            (of_number(1142), ErrorCode::SourceMalformed),
            (of_number(1792), ErrorCode::SourceMalformed),
            (of_number(1969), ErrorCode::SourceUnreadable),
            (of_number(1040), ErrorCode::SourceUnreadable),
            (Class::Absent, ErrorCode::Unsupported),
            (Class::Login, ErrorCode::SourceRefused),
        ] {
            let failure = failure(class, "db", "said\nso", 60);
            assert_eq!(failure.code, code, "{class:?}");
            assert!(failure.detail.ends_with("said so"), "{failure}");
        }
    }
}
