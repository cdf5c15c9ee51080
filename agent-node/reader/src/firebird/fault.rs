//! What the server or the client says when it does not do what it is asked, by class.
//! Pure: codes and words in, a class out.

use messages::reader::{Class, Failed};
use rsfbclient_core::FbError;

pub(crate) fn of(error: &FbError) -> Failed {
    let (class, said) = match error {
        FbError::Sql { msg, code } => (class(*code, msg), msg.clone()),
        FbError::Io(error) => (Class::Trouble, error.to_string()),
        FbError::Other(said) if said.contains("Unsupported column type") => (
            Class::Query,
            format!(
                "{said}; cast the column to a varchar in the query (times with a zone, and decimal floats, are such)"
            ),
        ),
        FbError::Other(said) if said.contains("Srp error") => (Class::Login, said.clone()),
        FbError::Other(said) => (Class::Trouble, said.clone()),
    };
    Failed::new(class, said)
}

/// By SQLCODE, which is one for much of what happens before a statement; there the words tell.
fn class(code: i32, said: &str) -> Class {
    let has = |parts: &[&str]| {
        let said = said.to_ascii_lowercase();
        parts.iter().any(|part| said.contains(part))
    };
    match code {
        -817 => Class::Writes,
        _ if has(&["read-only transaction", "read-only database"]) => Class::Writes,
        _ if has(&[
            "user name and password",
            "missing authentication",
            "no permission for connect",
            "unavailable database",
        ]) =>
        {
            Class::Login
        }
        // The alias or file that is named is not there.
        _ if has(&["error while trying to open file"]) => Class::Login,
        // The server was stopped, or threw us out.
        -901 if has(&["cancelled"]) => Class::TooLong,
        -904..=-900 | -999 => Class::Trouble,
        code if code < 0 => Class::Query,
        _ => Class::Trouble,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_a_class() {
        for (code, said, expected) in [
            (-902, "Your user name and password are not defined.", Class::Login),
            (-902, "I/O error during open. Error while trying to open file", Class::Login),
            (-902, "connection shutdown", Class::Trouble),
            (-817, "attempted update during read-only transaction", Class::Writes),
            (-104, "Token unknown", Class::Query),
            (-204, "Table unknown", Class::Query),
            (-206, "Column unknown", Class::Query),
            (-551, "no permission for SELECT access to TABLE", Class::Query),
            (-802, "arithmetic exception", Class::Query),
        ] {
            assert_eq!(class(code, said), expected, "{code} {said}");
        }
        let odd = of(&FbError::from("Unsupported column type (32754)"));
        assert!(odd.class == Class::Query && odd.said.contains("cast"), "{odd:?}");
    }
}
