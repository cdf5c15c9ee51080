//! How a request can fail. Pure. Kept typed: pages branch on it, words come last.

use std::rc::Rc;

use messages::{ErrorCode, FieldError, Problem};

use crate::state::words;

/// Cheap to clone, for it travels through the page's state.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ApiError {
    #[error("the hub cannot be reached")]
    Unreachable,
    #[error("the hub did not answer in time")]
    Timeout,
    #[error("the session has ended")]
    SignedOut,
    #[error("{0}")]
    Refused(Rc<Problem>),
    #[error("the answer of the hub (status {status}) could not be read")]
    Unreadable { status: u16 },
}

impl ApiError {
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused(problem) => Some(problem.code),
            _ => None,
        }
    }

    /// A heading.
    #[must_use]
    pub fn title(&self) -> String {
        match self {
            Self::Unreachable => "The hub cannot be reached".to_owned(),
            Self::Timeout => "The hub did not answer in time".to_owned(),
            Self::SignedOut => "Your session has ended".to_owned(),
            Self::Refused(problem) => problem.title.clone(),
            Self::Unreadable { .. } => "The answer could not be read".to_owned(),
        }
    }

    /// What was wrong, and what to do.
    #[must_use]
    pub fn detail(&self) -> String {
        match self {
            Self::Unreachable => "Check your network. The page tries again by itself.".to_owned(),
            Self::Timeout => "It may be busy. Try again in a moment.".to_owned(),
            Self::SignedOut => "Sign in again to go on.".to_owned(),
            Self::Refused(problem) => {
                let advice = words::advice(problem.code);
                let wait = problem
                    .retry_after_s
                    .map(|s| format!(" Wait {s} s before you try again."))
                    .unwrap_or_default();
                let sentence = sentence(&problem.detail);
                if problem.code == ErrorCode::InvalidField
                    || !wait.is_empty()
                    || advice.starts_with("Look at")
                {
                    format!("{sentence}{wait}")
                } else {
                    format!("{sentence} {advice}")
                }
            }
            Self::Unreadable { status } => {
                format!(
                    "The hub answered with status {status}, in a form this console does not know. Reload the page."
                )
            }
        }
    }

    /// Faults of single fields.
    #[must_use]
    pub fn fields(&self) -> &[FieldError] {
        match self {
            Self::Refused(problem) => &problem.errors,
            _ => &[],
        }
    }

    #[must_use]
    pub fn retry_helps(&self) -> bool {
        match self {
            Self::Refused(problem) => problem.retry,
            Self::SignedOut => false,
            _ => true,
        }
    }
}

/// Details are lower-case fragments on the wire; on a page they are sentences.
#[must_use]
pub fn sentence(detail: &str) -> String {
    let detail = detail.trim();
    let mut chars = detail.chars();
    let mut text = match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect::<String>(),
        None => return String::new(),
    };
    if !text.ends_with(['.', '!', '?']) {
        text.push('.');
    }
    text
}

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        Self::Refused(Rc::new(problem))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_become_sentences_with_advice() {
        assert_eq!(sentence("name: must not be empty"), "Name: must not be empty.");
        assert_eq!(sentence("Really?"), "Really?");
        assert_eq!(sentence(" "), "");
        let refused =
            ApiError::from(Problem::new(ErrorCode::InUse, "the job \"Prices\" uses this destination"));
        assert_eq!(
            refused.detail(),
            "The job \"Prices\" uses this destination. Change or delete what uses it first."
        );
        let locked = ApiError::from(
            Problem::new(ErrorCode::LockedOut, "too many failed attempts").with_retry_after(30),
        );
        assert_eq!(locked.detail(), "Too many failed attempts. Wait 30 s before you try again.");
    }

    #[test]
    fn only_a_refusal_has_a_code() {
        assert_eq!(ApiError::Timeout.code(), None);
        assert!(ApiError::Unreachable.retry_helps() && !ApiError::SignedOut.retry_helps());
        assert_eq!(ApiError::from(Problem::from(ErrorCode::Conflict)).code(), Some(ErrorCode::Conflict));
    }
}
