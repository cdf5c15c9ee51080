//! Problem details (RFC 9457): the one shape in which anything is refused.

use serde::{Deserialize, Serialize};

use crate::ErrorCode;

/// A refusal that a person can act on and a program can branch on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[error("{code}: {detail}")]
pub struct Problem {
    /// A page that explains the code.
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    pub status: u16,
    /// Stable; see the table in `docs/protocol.md`.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub code: ErrorCode,
    /// What was wrong here, and what to do.
    pub detail: String,
    /// Would the same request help later?
    pub retry: bool,
    /// Seconds to wait before trying again, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u32>,
    /// Each field that cannot be accepted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// Identifies this request in the hub's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// On `conflict`: the document as it stands now, so that the loser can compare and choose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub current: Option<serde_json::Value>,
}

/// One field that cannot be accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldError {
    /// Path of the field, such as `config.port`.
    pub field: String,
    pub detail: String,
}

impl Problem {
    pub const MEDIA_TYPE: &str = "application/problem+json";

    /// What is wrong with each field, in one line.
    #[must_use]
    pub fn of_fields(&self) -> String {
        let faults = self.errors.iter().map(|error| format!("{} {}", error.field, error.detail));
        faults.collect::<Vec<_>>().join("; ")
    }

    #[must_use]
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("/docs/protocol#{}", code.as_str()),
            title: code.title().to_owned(),
            status: code.status(),
            code,
            detail: detail.into(),
            retry: code.retry_helps(),
            retry_after_s: None,
            errors: Vec::new(),
            request_id: None,
            current: None,
        }
    }

    /// A refusal of one or more fields.
    #[must_use]
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let detail = match errors.as_slice() {
            [one] => format!("{}: {}", one.field, one.detail),
            many => format!("{} fields need another value", many.len()),
        };
        Self { errors, ..Self::new(ErrorCode::InvalidField, detail) }
    }

    #[must_use]
    pub fn with_current(self, current: serde_json::Value) -> Self {
        Self { current: Some(current), ..self }
    }

    #[must_use]
    pub fn with_retry_after(self, seconds: u32) -> Self {
        Self { retry_after_s: Some(seconds), ..self }
    }
}

impl From<ErrorCode> for Problem {
    fn from(code: ErrorCode) -> Self {
        Self::new(code, code.title())
    }
}
