//! One row of the route table: what it answers to, who may, what goes in and out, and who does it.

use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::Method;
use messages::Problem;
use messages::http::paging::Page;
use messages::permission::Permission;
use messages::validate::Validate;
use serde::de::DeserializeOwned;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{IntoParams, PartialSchema as _, ToSchema};

use super::body;
use super::call::Call;
use super::reply::Reply;

type Handler = Arc<dyn Fn(Call, bytes::Bytes) -> BoxFuture<'static, Result<Reply, Problem>> + Send + Sync>;

/// A body's schema, and all schemas it refers to.
#[derive(Clone)]
pub struct BodySchema {
    pub schema: RefOr<Schema>,
    pub parts: Vec<(String, RefOr<Schema>)>,
}

/// What an answer carries.
#[derive(Clone)]
pub enum Answer {
    Nothing,
    Json(Box<BodySchema>),
    /// Anything else, by media type.
    Other(&'static str),
}

/// One row of the table.
#[derive(Clone)]
pub struct Route {
    pub method: Method,
    /// Segments in braces are parameters; `{retailer}` must be in the caller's scope.
    pub path: &'static str,
    pub permission: Permission,
    pub summary: &'static str,
    pub request: Option<BodySchema>,
    /// The body may be left out, and then says nothing.
    pub body_optional: bool,
    pub query: Vec<Parameter>,
    pub answer: Answer,
    /// Of a success.
    pub status: u16,
    /// Works on the cookie, so a foreign page must not be able to call it.
    pub cookie: bool,
    /// Wants `If-Match`, and answers with an `ETag`.
    pub guarded: bool,
    /// Takes `Idempotency-Key`.
    pub repeatable: bool,
    /// Wants the credential of a store edge.
    pub edge: bool,
    pub(super) handler: Handler,
}

/// A row in the making; `B` is the type of the body it takes.
#[must_use]
pub struct Takes<B> {
    route: Route,
    body: PhantomData<fn() -> B>,
}

impl Route {
    pub fn get(path: &'static str, permission: Permission, summary: &'static str) -> Takes<()> {
        Self::begin(Method::GET, path, permission, summary, 200)
    }

    pub fn post(path: &'static str, permission: Permission, summary: &'static str) -> Takes<()> {
        Self::begin(Method::POST, path, permission, summary, 200)
    }

    pub fn put(path: &'static str, permission: Permission, summary: &'static str) -> Takes<()> {
        Self::begin(Method::PUT, path, permission, summary, 200)
    }

    pub fn delete(path: &'static str, permission: Permission, summary: &'static str) -> Takes<()> {
        Self::begin(Method::DELETE, path, permission, summary, 204)
    }

    fn begin(
        method: Method,
        path: &'static str,
        permission: Permission,
        summary: &'static str,
        status: u16,
    ) -> Takes<()> {
        let route = Self {
            method,
            path,
            permission,
            summary,
            request: None,
            body_optional: false,
            query: Vec::new(),
            answer: Answer::Nothing,
            status,
            cookie: false,
            guarded: false,
            repeatable: false,
            edge: false,
            handler: Arc::new(|_, _| std::future::ready(Ok(Reply::empty())).boxed()),
        };
        Takes { route, body: PhantomData }
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
                        Some(name) if !segment.is_empty() => values.push((name, segment.to_owned())),
                        None if pattern == segment => {}
                        _ => return None,
                    }
                }
                _ => return None,
            }
        }
    }

    /// Names of the path's parameters.
    pub fn parameters(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
    }
}

impl<B> Takes<B> {
    /// The body it takes. It is decoded and validated before the handler is called.
    pub fn takes<T: DeserializeOwned + Validate + ToSchema + Send + 'static>(mut self) -> Takes<T> {
        self.route.request = Some(schema_of::<T>());
        Takes { route: self.route, body: PhantomData }
    }

    /// The body it takes if there is one.
    pub fn may_take<T: DeserializeOwned + Validate + ToSchema + Send + 'static>(mut self) -> Takes<T> {
        self.route.body_optional = true;
        self.takes()
    }

    pub fn query<Q: IntoParams>(mut self) -> Self {
        self.route.query = Q::into_params(|| Some(ParameterIn::Query));
        self
    }

    pub fn answers<T: ToSchema>(mut self, status: u16) -> Self {
        self.route.answer = Answer::Json(Box::new(schema_of::<T>()));
        self.route.status = status;
        self
    }

    /// One page of a list.
    pub fn answers_page<T: ToSchema>(mut self) -> Self {
        let mut body = schema_of::<T>();
        body.schema = Page::<T>::schema();
        self.route.answer = Answer::Json(Box::new(body));
        self
    }

    pub const fn status(mut self, status: u16) -> Self {
        self.route.status = status;
        self
    }

    pub fn answers_with(mut self, media: &'static str) -> Self {
        self.route.answer = Answer::Other(media);
        self
    }

    pub const fn cookie(mut self) -> Self {
        self.route.cookie = true;
        self
    }

    pub const fn repeatable(mut self) -> Self {
        self.route.repeatable = true;
        self
    }

    pub const fn guarded(mut self) -> Self {
        self.route.guarded = true;
        self
    }
}

impl Takes<()> {
    /// The body of a row that is [`elsewhere`](Self::elsewhere).
    pub fn carries<T: ToSchema>(mut self) -> Self {
        self.route.request = Some(schema_of::<T>());
        self
    }

    pub const fn of_edge(mut self) -> Self {
        self.route.edge = true;
        self
    }

    /// A filter of its own answers, which is asked before the table: the row is for the page alone.
    #[must_use]
    pub fn elsewhere(self) -> Route {
        self.route
    }

    /// Who does it.
    #[must_use]
    pub fn by<F, Fut>(mut self, handler: F) -> Route
    where
        F: Fn(Call) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Reply, Problem>> + Send + 'static,
    {
        self.route.handler = Arc::new(move |call, _| handler(call).boxed());
        self.route
    }
}

impl<T: DeserializeOwned + Validate + Send + 'static> Takes<T> {
    /// Who does it, given the body.
    #[must_use]
    pub fn by_body<F, Fut>(mut self, handler: F) -> Route
    where
        F: Fn(Call, T) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Reply, Problem>> + Send + 'static,
    {
        let optional = self.route.body_optional;
        self.route.handler = Arc::new(move |call, bytes| {
            let bytes: &[u8] = if optional && bytes.is_empty() { b"{}" } else { &bytes };
            match body::decode::<T>(bytes) {
                Ok(body) => handler(call, body).boxed(),
                Err(problem) => std::future::ready(Err(problem)).boxed(),
            }
        });
        self.route
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

    fn route(path: &'static str) -> Route {
        Route::get(path, Permission::Public, "a test").by(|_| async { Ok(Reply::empty()) })
    }

    #[test]
    fn paths_match_segment_by_segment() {
        let route = route("/api/v1/retailers/{retailer}/stores/{store}");
        let values = route.matches("/api/v1/retailers/r1/stores/s1").unwrap();
        assert_eq!(values, [("retailer", "r1".to_owned()), ("store", "s1".to_owned())]);
        assert_eq!(route.parameters().collect::<Vec<_>>(), ["retailer", "store"]);
        for other in [
            "/api/v1/retailers/r1/stores",
            "/api/v1/retailers/r1/stores/",
            "/api/v1/retailers//stores/s1",
            "/api/v1/retailers/r1/stores/s1/",
            "/api/v1/retailers/r1/agents/s1",
            "api/v1/retailers/r1/stores/s1",
            "",
        ] {
            assert_eq!(route.matches(other), None, "{other}");
        }
    }
}
