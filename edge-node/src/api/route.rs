//! One row of the route table: what it answers to, what it needs, and who does it.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::Method;
use messages::validate::Validate;
use messages::{ErrorCode, Problem};
use serde::de::DeserializeOwned;
use utoipa::ToSchema;
use utoipa::openapi::{Ref, RefOr, Schema};

use super::State;
use super::reply::Reply;
use crate::store::repeats::Once;
use crate::till::Caller;

/// One request, let in.
pub struct Call {
    pub state: Arc<State>,
    pub params: Vec<(&'static str, String)>,
    pub query: String,
    /// On routes that need one there is one.
    pub(super) caller: Option<Caller>,
    pub(super) once: Option<Once>,
    pub body: Bytes,
}

impl Call {
    pub fn caller(&mut self) -> Result<Caller, Problem> {
        self.caller.take().ok_or_else(|| ErrorCode::MalformedRequest.into())
    }

    pub fn once(&mut self) -> Result<Once, Problem> {
        self.once.take().ok_or_else(|| ErrorCode::IdempotencyKeyMissing.into())
    }

    /// A value from the path. One that cannot be is one that is not there.
    pub fn param<T: std::str::FromStr>(&self, name: &str) -> Result<T, Problem> {
        let text = self.params.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str());
        text.and_then(|text| text.parse().ok())
            .ok_or_else(|| Problem::new(ErrorCode::NotFound, format!("there is no such {name}")))
    }

    /// A value from the query, decoded.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<String> {
        self.query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| percent_decoded(value))
    }

    /// The body, read and valid.
    pub fn body<T: DeserializeOwned + Validate>(&self) -> Result<T, Problem> {
        let bytes = if self.body.is_empty() { b"{}".as_slice() } else { &self.body };
        let value: T = serde_json::from_slice(bytes).map_err(|error| {
            Problem::new(ErrorCode::MalformedRequest, format!("the body cannot be read: {error}"))
        })?;
        value.validate()?;
        Ok(value)
    }
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let hex = |b: u8| char::from(b).to_digit(16);
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let (high, low) = (rest.next().and_then(hex), rest.next().and_then(hex));
                if let (Some(high), Some(low)) = (high, low) {
                    bytes.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                }
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

type Handler = Arc<dyn Fn(Call) -> BoxFuture<'static, Result<Reply, Problem>> + Send + Sync>;

/// A body's schema, and all schemas it refers to.
#[derive(Clone)]
pub struct BodySchema {
    pub schema: RefOr<Schema>,
    pub parts: Vec<(String, RefOr<Schema>)>,
}

/// One row of the table.
#[derive(Clone)]
pub struct Route {
    pub method: Method,
    /// Segments in braces are parameters.
    pub path: &'static str,
    pub summary: &'static str,
    pub request: Option<BodySchema>,
    pub answer: Option<BodySchema>,
    /// Of a success.
    pub status: u16,
    /// What it answers with when that is not JSON.
    pub media: Option<&'static str>,
    pub query: &'static [&'static str],
    /// Needs the names of till and cashier.
    pub by_till: bool,
    /// Open to anybody who reaches the edge.
    pub public: bool,
    pub(super) handler: Handler,
}

impl Route {
    /// A row that only reads.
    #[must_use]
    pub fn get(path: &'static str, summary: &'static str) -> Self {
        Self::new(Method::GET, path, summary)
    }

    #[must_use]
    pub fn new(method: Method, path: &'static str, summary: &'static str) -> Self {
        Self {
            method,
            path,
            summary,
            request: None,
            answer: None,
            status: 200,
            media: None,
            query: &[],
            by_till: true,
            public: false,
            handler: Arc::new(|_| std::future::ready(Err(ErrorCode::Internal.into())).boxed()),
        }
    }

    /// Whether it changes something, and so needs a key and may be repeated.
    #[must_use]
    pub fn writes(&self) -> bool {
        self.method != Method::GET
    }

    #[must_use]
    pub fn takes<T: ToSchema>(mut self) -> Self {
        self.request = Some(schema_of::<T>());
        self
    }

    #[must_use]
    pub fn answers<T: ToSchema>(mut self, status: u16) -> Self {
        self.answer = Some(schema_of::<T>());
        self.status = status;
        self
    }

    #[must_use]
    pub const fn answers_with(mut self, media: &'static str) -> Self {
        self.media = Some(media);
        self
    }

    #[must_use]
    pub const fn query(mut self, names: &'static [&'static str]) -> Self {
        self.query = names;
        self
    }

    /// Nobody has to say who they are.
    #[must_use]
    pub const fn by_anyone(mut self) -> Self {
        self.by_till = false;
        self
    }

    /// Nobody has to show a token either.
    #[must_use]
    pub const fn public(mut self) -> Self {
        self.by_till = false;
        self.public = true;
        self
    }

    /// Who does it.
    #[must_use]
    pub fn by<F, Fut>(mut self, handler: F) -> Self
    where
        F: Fn(Call) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Reply, Problem>> + Send + 'static,
    {
        self.handler = Arc::new(move |call| handler(call).boxed());
        self
    }

    /// The values of the path's parameters, if this path is one of ours.
    pub(super) fn matches(&self, path: &str) -> Option<Vec<(&'static str, String)>> {
        let (mut ours, mut theirs) = (self.path.split('/'), path.split('/'));
        let mut values = Vec::new();
        loop {
            match (ours.next(), theirs.next()) {
                (None, None) => return Some(values),
                (Some(pattern), Some(segment)) => {
                    match pattern.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
                        Some(name) if !segment.is_empty() => values.push((name, percent_decoded(segment))),
                        None if pattern == segment => {}
                        _ => return None,
                    }
                }
                _ => return None,
            }
        }
    }
}

/// A reference by name; what it refers to is among the parts.
fn schema_of<T: ToSchema>() -> BodySchema {
    let mut parts = vec![(T::name().into_owned(), T::schema())];
    T::schemas(&mut parts);
    BodySchema { schema: RefOr::Ref(Ref::from_schema_name(T::name())), parts }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_match_segment_by_segment() {
        let route = Route::get("/v1/articles/{article}", "a test");
        assert_eq!(route.matches("/v1/articles/a%20b").unwrap(), [("article", "a b".to_owned())]);
        for other in ["/v1/articles", "/v1/articles/", "/v1/articles/a/b", "/v2/articles/a", ""] {
            assert!(route.matches(other).is_none(), "{other}");
        }
        assert_eq!(percent_decoded("caf%C3%A9+%zz%"), "café ");
    }
}
