//! Answers: JSON, text, problems, and the headers that every answer carries.

use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS};
use messages::{ErrorCode, Problem};
use serde::Serialize;
use warp::reply::Response;

use crate::store::repeats::Answered;

/// What a handler answers with.
pub enum Reply {
    Json {
        status: u16,
        body: Vec<u8>,
    },
    Text(String),
    /// An answer that goes on, such as a stream of events.
    Stream(Box<Response>),
}

impl Reply {
    pub fn json<T: Serialize>(value: &T) -> Result<Self, Problem> {
        let body = serde_json::to_vec(value).map_err(|failure| {
            tracing::error!(%failure, "an answer could not be written");
            Problem::from(ErrorCode::Internal)
        })?;
        Ok(Self::Json { status: 200, body })
    }

    pub(super) fn into_response(self) -> Response {
        let (status, body, media) = match self {
            Self::Json { status, body } => (status, body, "application/json"),
            Self::Text(text) => (200, text.into_bytes(), "text/plain; charset=utf-8"),
            Self::Stream(response) => return *response,
        };
        respond(status, body, media)
    }
}

impl From<Answered> for Reply {
    fn from(answered: Answered) -> Self {
        Self::Json { status: answered.status, body: answered.body.into_bytes() }
    }
}

/// A refusal as an HTTP answer.
#[must_use]
pub(super) fn refusal(problem: &Problem) -> Response {
    let body = serde_json::to_vec(problem).unwrap_or_default();
    let mut response = respond(problem.status, body, Problem::MEDIA_TYPE);
    if let Some(seconds) = problem.retry_after_s {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn respond(status: u16, body: Vec<u8>, media: &'static str) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
