//! Answers: JSON bodies, problems, and the headers that every answer carries.

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName,
    HeaderValue, LOCATION, REFERRER_POLICY, RETRY_AFTER, SET_COOKIE, STRICT_TRANSPORT_SECURITY,
    WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, Method, StatusCode};
use messages::{ErrorCode, Problem, Version};
use serde::Serialize;
use warp::reply::Response;

/// What a handler answers with; status and headers that are the same for the route come from the table.
#[derive(Debug, Default)]
pub struct Reply {
    body: Bytes,
    media: Option<&'static str>,
    headers: HeaderMap,
}

impl Reply {
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    pub fn json<T: Serialize>(value: &T) -> Result<Self, Problem> {
        let body = serde_json::to_vec(value).map_err(|failure| {
            tracing::error!(%failure, "an answer could not be written");
            Problem::from(ErrorCode::Internal)
        })?;
        Ok(Self { body: body.into(), media: Some("application/json"), headers: HeaderMap::new() })
    }

    /// A file to save.
    #[must_use]
    pub fn file(media: &'static str, name: &str, body: Bytes) -> Self {
        Self { body, media: Some(media), headers: HeaderMap::new() }.to_save_as(name)
    }

    /// A browser saves it under this name instead of showing it.
    #[must_use]
    pub fn to_save_as(mut self, name: &str) -> Self {
        self.set(CONTENT_DISPOSITION, &format!("attachment; filename=\"{name}\""));
        self
    }

    #[must_use]
    pub fn with_rev(mut self, rev: Version) -> Self {
        self.set(ETAG, &format!("\"{rev}\""));
        self
    }

    /// Where a thing that was made can be found.
    #[must_use]
    pub fn at(mut self, path: &str) -> Self {
        self.set(LOCATION, path);
        self
    }

    #[must_use]
    pub fn with_cookie(mut self, cookie: &str) -> Self {
        self.set(SET_COOKIE, cookie);
        self
    }

    fn set(&mut self, name: HeaderName, value: &str) {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
    }

    /// As an HTTP answer.
    pub(super) fn into_response(self, status: u16) -> Response {
        let mut response = Response::new(self.body.into());
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
        *response.headers_mut() = self.headers;
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(media) = self.media {
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media));
        }
        response
    }
}

/// A refusal as an HTTP answer, with the id under which the log has the request. Used by the sockets too.
#[must_use]
pub fn refusal(mut problem: Problem, request_id: &str) -> Response {
    problem.request_id = Some(request_id.to_owned());
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    let mut response = Response::new(body.into());
    *response.status_mut() =
        StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(Problem::MEDIA_TYPE));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert("x-request-id", id);
    }
    if let Some(seconds) = problem.retry_after_s {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if problem.status == 401 {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"grocerysync\""));
    }
    response
}

/// The methods an address takes, for a refusal of another one.
pub(super) fn allow(response: &mut Response, methods: &[Method]) {
    let names: Vec<&str> = methods.iter().map(Method::as_str).collect();
    if let Ok(value) = HeaderValue::from_str(&names.join(", ")) {
        response.headers_mut().insert(ALLOW, value);
    }
}

/// Only our own files and our own hub; wasm must compile; nobody frames us.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
    img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; \
    base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// What every answer carries.
pub(super) fn secure(response: &mut Response, request_id: &str, over_tls: bool) {
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    headers
        .insert("permissions-policy", HeaderValue::from_static("camera=(), microphone=(), geolocation=()"));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert("x-request-id", id);
    }
    if over_tls {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
}
