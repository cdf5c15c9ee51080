//! What an answer of the server means for the page that was asked for.
//! Pure: no I/O.

use std::time::Duration;

use http::StatusCode;
use messages::ErrorCode;

use crate::connector::Failure;

/// What to do with an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sense {
    Page,
    /// There is no such page any more: the one before was the last.
    End,
    /// It may pass; after this time, if the server says when.
    Again(Failure, Option<Duration>),
    GiveUp(Failure),
}

/// `said` is the beginning of what the server says, if people can read it.
pub(super) fn judge(
    host: &str,
    status: StatusCode,
    asked: Option<Duration>,
    said: &str,
    first: bool,
) -> Sense {
    let failure =
        |code, what: &str| Failure::new(code, format!("{host} {what} (status {}){said}", status.as_u16()));
    match status {
        StatusCode::NO_CONTENT => Sense::End,
        status if status.is_success() => Sense::Page,
        StatusCode::NOT_FOUND if !first => Sense::End,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            let what =
                "refuses the sign-in; enter the secret of the source again, and see what it may read there";
            Sense::GiveUp(failure(ErrorCode::SourceRefused, what))
        }
        StatusCode::TOO_MANY_REQUESTS => {
            Sense::Again(failure(ErrorCode::SourceUnreadable, "is asked too often"), asked)
        }
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY => {
            Sense::Again(failure(ErrorCode::SourceUnreadable, "was not done in time"), asked)
        }
        status if status.is_server_error() => {
            Sense::Again(failure(ErrorCode::SourceUnreadable, "failed"), asked)
        }
        status if status.is_redirection() => {
            let what = "has moved; enter the address at which it answers itself";
            Sense::GiveUp(failure(ErrorCode::SourceMalformed, what))
        }
        StatusCode::NOT_FOUND => {
            Sense::GiveUp(failure(ErrorCode::SourceMalformed, "has nothing at this address"))
        }
        _ => Sense::GiveUp(failure(ErrorCode::SourceMalformed, "does not answer what it is asked")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_its_meaning() {
        for (status, first, expected) in [
            (200, true, "page"),
            (204, true, "end"),
            (404, true, "source_malformed"),
            (404, false, "end"),
            (401, true, "source_refused"),
            (403, false, "source_refused"),
            (429, true, "again 7"),
            (503, true, "again 7"),
            (408, true, "again 7"),
            (302, true, "source_malformed"),
            (400, false, "source_malformed"),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let told = match judge("till", status, Some(Duration::from_secs(7)), "", first) {
                Sense::Page => "page".to_owned(),
                Sense::End => "end".to_owned(),
                Sense::Again(failure, wait) => {
                    assert!(failure.code.retry_helps());
                    format!("again {}", wait.unwrap().as_secs())
                }
                Sense::GiveUp(failure) => {
                    assert!(!failure.code.retry_helps());
                    failure.code.to_string()
                }
            };
            assert_eq!(told, expected, "{status}");
        }
    }
}
