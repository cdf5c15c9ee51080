//! From a request to an answer. The order is fixed: room, route, token, who, key, body, handler.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _, pin_mut};
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, Method};
use messages::{ErrorCode, Problem, Timestamp};
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use warp::Filter as _;
use warp::filters::BoxedFilter;
use warp::path::FullPath;
use warp::reply::Response;

use super::reply::{Reply, refusal};
use super::route::{Call, Route};
use super::{State, table};
use crate::store::repeats::Once;
use crate::till::Caller;

/// Above everything a handler waits for itself: only a defect makes a request take this long.
pub const DEADLINE: Duration = Duration::from_secs(25);
/// A whole sale of 500 lines has about 60 KiB.
pub const MAX_BODY: usize = 256 * 1024;
/// On the shop's own network a body is there at once.
const BODY_PATIENCE: Duration = Duration::from_secs(10);
/// Each holds a place in the writer's queue or a reader; more would only wait.
pub const MAX_UNDER_WAY: usize = 256;
/// Longer keys are somebody's mistake.
const MAX_KEY: usize = 128;

struct App {
    state: Arc<State>,
    routes: Vec<Route>,
    room: Semaphore,
}

/// The whole interface.
#[must_use]
pub fn app(state: Arc<State>) -> BoxedFilter<(Response,)> {
    let app = Arc::new(App { state, routes: table::routes(), room: Semaphore::new(MAX_UNDER_WAY) });
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    warp::method()
        .and(warp::path::full())
        .and(query)
        .and(warp::header::headers_cloned())
        .and(warp::body::stream())
        .then(move |method: Method, path: FullPath, query: String, headers: HeaderMap, body| {
            let app = Arc::clone(&app);
            async move {
                match answer(&app, &method, path.as_str(), query, &headers, body).await {
                    Ok(reply) => reply.into_response(),
                    Err(problem) => {
                        if problem.status >= 500 {
                            let (code, detail) = (problem.code, &problem.detail);
                            tracing::warn!(%code, detail, %method, path = path.as_str(), "a request failed");
                        }
                        refusal(&problem)
                    }
                }
            }
        })
        .boxed()
}

async fn answer<S, B, E>(
    app: &App,
    method: &Method,
    path: &str,
    query: String,
    headers: &HeaderMap,
    body: S,
) -> Result<Reply, Problem>
where
    S: Stream<Item = Result<B, E>> + Send,
    B: Buf + Send,
    E: Send,
{
    let Ok(_room) = app.room.try_acquire() else {
        let detail = "the edge has more requests than it can carry out; try again in a moment";
        return Err(Problem::new(ErrorCode::Busy, detail).with_retry_after(1));
    };
    let (route, params) = find(&app.routes, method, path)?;
    if !route.public {
        check_token(&app.state, headers)?;
    }
    let caller = caller(headers)?;
    if route.by_till && caller.is_none() {
        let detail = "say which till and who asks, with X-Terminal-Id and X-Cashier-Id";
        return Err(Problem::new(ErrorCode::MalformedRequest, detail));
    }
    if let Some(caller) = &caller {
        app.state.links.heard(caller, Timestamp::now());
    }
    let body = if route.writes() { read(headers, body).await? } else { Bytes::new() };
    let once = match (route.writes(), &caller) {
        (true, Some(caller)) => Some(once(headers, caller, method, path, &body)?),
        _ => None,
    };
    let call = Call { state: Arc::clone(&app.state), params, query, caller, once, body };
    // On a task of its own: a till that goes away does not stop a sale half-way, and a panic is answered.
    match tokio::spawn(timeout(DEADLINE, (route.handler)(call))).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err(ErrorCode::DeadlineExceeded.into()),
        Err(failure) => {
            tracing::error!(%failure, "a handler ended before its answer");
            Err(ErrorCode::Internal.into())
        }
    }
}

type Params = Vec<(&'static str, String)>;

fn find<'a>(routes: &'a [Route], method: &Method, path: &str) -> Result<(&'a Route, Params), Problem> {
    let mut known = false;
    for route in routes {
        let Some(params) = route.matches(path) else { continue };
        if route.method == *method {
            return Ok((route, params));
        }
        known = true;
    }
    let shown: String = path.chars().take(200).collect();
    Err(if known {
        Problem::new(ErrorCode::MethodNotAllowed, format!("{shown} does not take {method}"))
    } else {
        Problem::new(ErrorCode::NotFound, format!("there is nothing at {shown}"))
    })
}

fn check_token(state: &State, headers: &HeaderMap) -> Result<(), Problem> {
    let Some(token) = &state.token else { return Ok(()) };
    let shown = text(headers, AUTHORIZATION.as_str())
        .and_then(|line| line.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map_or("", |(_, token)| token.trim());
    // Digests of equal length: how long the comparison takes tells nothing of the token.
    if Sha256::digest(shown) == Sha256::digest(token.expose()) {
        return Ok(());
    }
    let detail = "send the store's till token as Authorization: Bearer …; it stands in the edge's settings";
    Err(Problem::new(ErrorCode::NotAuthenticated, detail))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn caller(headers: &HeaderMap) -> Result<Option<Caller>, Problem> {
    let wrong = |name: &str, error: &dyn std::fmt::Display| {
        Problem::new(ErrorCode::MalformedRequest, format!("{name} {error}"))
    };
    match (text(headers, "x-terminal-id"), text(headers, "x-cashier-id")) {
        (Some(terminal), Some(cashier)) => Ok(Some(Caller {
            terminal: terminal.parse().map_err(|error| wrong("X-Terminal-Id", &error))?,
            cashier: cashier.parse().map_err(|error| wrong("X-Cashier-Id", &error))?,
        })),
        _ => Ok(None),
    }
}

fn once(
    headers: &HeaderMap,
    caller: &Caller,
    method: &Method,
    path: &str,
    body: &Bytes,
) -> Result<Once, Problem> {
    let key = text(headers, "idempotency-key").filter(|key| !key.is_empty() && key.len() <= MAX_KEY);
    let Some(key) = key else {
        let detail = "send an Idempotency-Key of 1 to 128 characters, a new one for each intent";
        return Err(Problem::new(ErrorCode::IdempotencyKeyMissing, detail));
    };
    let mut digest = Sha256::new();
    digest.update(method.as_str());
    digest.update([0]);
    digest.update(path);
    digest.update([0]);
    digest.update(body);
    Ok(Once { terminal: caller.terminal.clone(), key: key.to_owned(), request: digest.finalize().into() })
}

/// Reads a body that is JSON or empty.
async fn read<S, B, E>(headers: &HeaderMap, stream: S) -> Result<Bytes, Problem>
where
    S: Stream<Item = Result<B, E>>,
    B: Buf,
{
    let too_large =
        || Problem::new(ErrorCode::BodyTooLarge, format!("the body may have at most {MAX_BODY} bytes"));
    let announced = text(headers, CONTENT_LENGTH.as_str()).and_then(|value| value.parse::<u64>().ok());
    if announced.is_some_and(|length| length > MAX_BODY as u64) {
        return Err(too_large());
    }
    let collect = async {
        pin_mut!(stream);
        let mut whole = BytesMut::new();
        while let Some(part) = stream.next().await {
            let Ok(mut part) = part else {
                return Err(Problem::new(ErrorCode::MalformedRequest, "the request's body broke off"));
            };
            if whole.len() + part.remaining() > MAX_BODY {
                return Err(too_large());
            }
            whole.extend_from_slice(&part.copy_to_bytes(part.remaining()));
        }
        Ok(whole.freeze())
    };
    let body = timeout(BODY_PATIENCE, collect).await.unwrap_or_else(|_| {
        Err(Problem::new(ErrorCode::DeadlineExceeded, "the body did not arrive in time"))
    })?;
    let media = text(headers, CONTENT_TYPE.as_str()).unwrap_or_default();
    let is_json = media.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json");
    if !body.is_empty() && !is_json {
        let detail = "send the body as JSON, with Content-Type: application/json";
        return Err(Problem::new(ErrorCode::UnsupportedMedia, detail));
    }
    Ok(body)
}
