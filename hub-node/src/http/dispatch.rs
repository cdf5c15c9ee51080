//! From a request to an answer: one warp filter over everything, and the table behind it.
//!
//! The order is fixed: limits, who asks, may they, body, handler. A request that is refused has cost no more than
//! the steps before it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use futures_util::Stream;
use http::header::{AUTHORIZATION, ORIGIN, USER_AGENT};
use http::{HeaderMap, Method};
use messages::permission::Permission;
use messages::{ErrorCode, MsgId, Problem, RetailerId};
use tracing::Instrument as _;
use warp::Filter as _;
use warp::filters::BoxedFilter;
use warp::host::Authority;
use warp::path::FullPath;
use warp::reply::Response;

use super::call::{Call, Params, client_address};
use super::origin::{self, Sender};
use super::rate::{Rates, network};
use super::reply::{self, refusal};
use super::route::Route;
use super::server::Peer;
use super::{State, body, console, table};
use crate::access::identity::no_such_retailer;
use crate::access::{Caller, Client};

/// Above everything a handler waits for itself: only a defect makes a request take this long.
const DEADLINE: Duration = Duration::from_secs(30);
/// Longer ones are cut for the log and the list of sessions.
const MAX_USER_AGENT: usize = 200;

struct App {
    state: Arc<State>,
    routes: Vec<Route>,
    rates: Mutex<Rates>,
}

/// A request without its body.
struct Head {
    method: Method,
    path: String,
    query: String,
    headers: HeaderMap,
    peer: Option<Peer>,
    host: Option<String>,
    request_id: String,
}

/// The whole edge. `extra` is asked first: the WebSocket paths, which answer with an upgrade.
#[must_use]
pub fn app(state: State, extra: BoxedFilter<(Response,)>) -> BoxedFilter<(Response,)> {
    let state = Arc::new(state);
    let secure = state.settings.secure;
    let app = Arc::new(App { state, routes: table::routes(), rates: Mutex::default() });
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    let host = warp::host::optional().or(warp::any().map(|| None::<Authority>)).unify();
    let table = warp::method()
        .and(warp::path::full())
        .and(query)
        .and(warp::header::headers_cloned())
        .and(warp::ext::optional::<Peer>())
        .and(host)
        .and(warp::body::stream())
        .then(move |method, path: FullPath, query, headers, peer, host: Option<Authority>, body| {
            let head = Head {
                method,
                path: path.as_str().to_owned(),
                query,
                headers,
                peer,
                host: host.map(|host| host.to_string()),
                request_id: MsgId::new().to_string(),
            };
            answer(Arc::clone(&app), head, body)
        });
    let extra = extra.map(move |mut response: Response| {
        // A switch of protocols has no body to protect; refusals of sockets do.
        if response.status() != http::StatusCode::SWITCHING_PROTOCOLS {
            let id =
                response.headers().get("x-request-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
            reply::secure(&mut response, &id.unwrap_or_else(|| MsgId::new().to_string()), secure);
        }
        response
    });
    extra.or(table).unify().boxed()
}

async fn answer<S, B, E>(app: Arc<App>, head: Head, body: S) -> Response
where
    S: Stream<Item = Result<B, E>> + Send + 'static,
    B: Buf + Send,
    E: Send,
{
    let began = Instant::now();
    let span = tracing::info_span!("request", id = head.request_id, method = %head.method, path = head.path);
    let (method, request_id) = (head.method.clone(), head.request_id.clone());
    let is_head = method == Method::HEAD;
    let mut response = async {
        let mut response = if is_api(&head.path) {
            serve(&app, head, body).await
        } else {
            console::serve(&head.method, &head.path, &head.headers, &head.request_id)
        };
        reply::secure(&mut response, &request_id, app.state.settings.secure);
        let (status, took) = (response.status().as_u16(), began.elapsed());
        app.state.metrics.answered(status, took);
        tracing::debug!(status, took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX), "answered");
        response
    }
    .instrument(span)
    .await;
    if is_head {
        // HTTP/2 does not strip the body by itself, and clients then report a broken stream.
        *response.body_mut() = Bytes::new().into();
    }
    response
}

fn is_api(path: &str) -> bool {
    ["/api/", "/health/", "/ws/", "/agent/", "/v1/"].iter().any(|prefix| path.starts_with(prefix))
}

async fn serve<S, B, E>(app: &App, head: Head, body: S) -> Response
where
    S: Stream<Item = Result<B, E>> + Send,
    B: Buf + Send,
    E: Send,
{
    let request_id = head.request_id.clone();
    let (route, params) = match find(&app.routes, &head.method, &head.path) {
        Found::Route(route, params) => (route, params),
        Found::Nothing => {
            let problem =
                Problem::new(ErrorCode::NotFound, format!("there is nothing at {}", cut(&head.path)));
            return refusal(problem, &request_id);
        }
        Found::OtherMethods(methods) => {
            let detail = format!("{} does not take {}", cut(&head.path), head.method);
            let mut response = refusal(Problem::new(ErrorCode::MethodNotAllowed, detail), &request_id);
            reply::allow(&mut response, &methods);
            return response;
        }
    };
    match carry_out(app, route, params, head, body).await {
        Ok(reply) => reply.into_response(route.status),
        Err(problem) => {
            if problem.status >= 500 {
                tracing::warn!(code = %problem.code, detail = problem.detail, "a request failed");
            }
            refusal(problem, &request_id)
        }
    }
}

async fn carry_out<S, B, E>(
    app: &App,
    route: &Route,
    params: Params,
    head: Head,
    body: S,
) -> Result<reply::Reply, Problem>
where
    S: Stream<Item = Result<B, E>> + Send,
    B: Buf + Send,
    E: Send,
{
    let state = &app.state;
    let address =
        client_address(head.peer.map(|peer| peer.0.ip()), &head.headers, &state.settings.trusted_proxies);
    let caller = if route.permission == Permission::Public {
        if !route.path.starts_with("/health/") {
            limit(app, address)?;
        }
        None
    } else {
        let outcome = authenticate(state, &head.headers).await;
        // An expired token was ours once; a forged one may be a guess.
        if outcome.as_ref().is_err_and(|problem| problem.code == ErrorCode::NotAuthenticated) {
            limit(app, address)?;
        }
        Some(outcome?)
    };
    if route.cookie {
        refuse_foreign_pages(state, &head)?;
    }
    if let Some(caller) = &caller {
        caller.require(route.permission, retailer_in(&params)?)?;
    }
    let bytes = match &route.request {
        None => Bytes::new(),
        Some(_) if route.body_optional => body::read_if_any(&head.headers, body).await?,
        Some(_) => body::read(&head.headers, body).await?,
    };
    let user_agent = head.headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let client = Client {
        address: address.map(|ip| ip.to_string()).unwrap_or_default(),
        network: address.map(|ip| network(ip).to_string()).unwrap_or_default(),
        user_agent: user_agent.chars().take(MAX_USER_AGENT).collect(),
    };
    let Head { query, headers, .. } = head;
    let call = Call { state: Arc::clone(state), caller, client, params, query, headers };
    // On a task of its own: a client that goes away does not stop a change half-way, and a panic is answered.
    let work = tokio::time::timeout(DEADLINE, (route.handler)(call, bytes)).in_current_span();
    match tokio::spawn(work).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => {
            Err(Problem::new(ErrorCode::DeadlineExceeded, "the request took longer than 30 seconds"))
        }
        Err(failure) => {
            tracing::error!(%failure, "a handler ended before its answer");
            Err(ErrorCode::Internal.into())
        }
    }
}

enum Found<'a> {
    Route(&'a Route, Params),
    OtherMethods(Vec<Method>),
    Nothing,
}

/// A `HEAD` is answered like a `GET`, without the body.
fn find<'a>(routes: &'a [Route], method: &Method, path: &str) -> Found<'a> {
    let wanted = if method == Method::HEAD { &Method::GET } else { method };
    let mut methods = Vec::new();
    for route in routes {
        let Some(params) = route.matches(path) else { continue };
        if route.method == *wanted {
            return Found::Route(route, params);
        }
        methods.push(route.method.clone());
    }
    if methods.is_empty() {
        return Found::Nothing;
    }
    if methods.contains(&Method::GET) {
        methods.push(Method::HEAD);
    }
    Found::OtherMethods(methods)
}

async fn authenticate(state: &State, headers: &HeaderMap) -> Result<Caller, Problem> {
    let line = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let token = line
        .split_once(' ')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token);
    let Some(token) = token else {
        let detail = "sign in, and send the access token as Authorization: Bearer …";
        return Err(Problem::new(ErrorCode::NotAuthenticated, detail));
    };
    state.access.authenticate(token.trim()).await
}

/// The retailer that the path names. Text that is no identifier names one that is not there.
fn retailer_in(params: &Params) -> Result<Option<RetailerId>, Problem> {
    match params.iter().find(|(name, _)| *name == "retailer") {
        None => Ok(None),
        Some((_, text)) => text.parse().map(Some).map_err(|_| no_such_retailer()),
    }
}

fn refuse_foreign_pages(state: &State, head: &Head) -> Result<(), Problem> {
    let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    let sender = Sender {
        origin: text(ORIGIN.as_str()),
        fetch_site: text("sec-fetch-site"),
        host: head.host.as_deref(),
    };
    if origin::is_ours(&sender, &state.settings.public_url) {
        Ok(())
    } else {
        let detail =
            "a page of another origin may not do this; if the hub is behind a proxy, set its public URL";
        Err(Problem::new(ErrorCode::OriginRefused, detail))
    }
}

fn limit(app: &App, address: Option<std::net::IpAddr>) -> Result<(), Problem> {
    let Some(address) = address else { return Ok(()) };
    let mut rates = app.rates.lock().unwrap_or_else(PoisonError::into_inner);
    rates.take(address, Instant::now()).map_err(|wait| {
        let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
        let detail = format!("too many requests from your address; try again in {seconds} s");
        Problem::new(ErrorCode::RateLimited, detail).with_retry_after(seconds)
    })
}

/// Enough of a path to recognise it.
fn cut(path: &str) -> String {
    path.chars().take(200).collect()
}
