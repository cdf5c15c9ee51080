//! `/agent/v1/sessions`: the frames of `/ws/agent` over plain requests, for agents to whom WebSockets are blocked.
//!
//! ```text
//! POST   /agent/v1/sessions                    open one                     → 201 SessionGrant
//! POST   /agent/v1/sessions/{session}/frames   a batch up                   → 200 Taken
//! GET    /agent/v1/sessions/{session}/frames   a long poll: a batch down    → 200 Batch
//! DELETE /agent/v1/sessions/{session}          close it                     → 204
//! ```
//!
//! A session has the same actor as a socket; only the pump is another. It lives on the node that opened it, whose boot
//! stands in its name: a request that reaches another node is told so ([`SessionName::node`] is where it could be
//! forwarded to). Limits: [`MOST_SESSIONS`] on a node, [`MOST_OF_AGENT`] of one agent.

mod session;
mod window;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actors::agent_conn::OUTBOUND;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::{Buf, Bytes};
use futures_util::Stream;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use messages::agent::{Batch, SessionGrant};
use messages::ids::BootId;
use messages::{ConnId, ErrorCode, Problem};
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::time::sleep;
use uuid::Uuid;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::path::Tail;
use warp::reply::Response;

use self::session::{POLL, Session, gone};
use super::upgrade::refused;
use super::{Sockets, agent};
use crate::access::agent_token::AgentProof;
use crate::http::{Peer, read_body};

/// As many as a node takes connections: a session costs less than a socket, but its polls need one.
const MOST_SESSIONS: usize = 16_384;
/// The one at work, the one that replaces it, and two that were opened and never used.
const MOST_OF_AGENT: usize = 4;
/// How long the last frames of an ended session can be fetched; when the node stops, it waits no longer than that.
const LAST_WORDS: Duration = Duration::from_secs(10);
const LAST_WORDS_AT_STOP: Duration = Duration::from_secs(3);

/// The sessions of this node. Cheap to clone.
#[derive(Clone, Default)]
struct Sessions(Arc<Mutex<HashMap<SessionName, Arc<Session>>>>);

/// What a session's address ends with: the node it lives on, and 32 bytes that nobody can guess.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct SessionName {
    node: BootId,
    secret: [u8; 32],
}

impl SessionName {
    fn draw(node: BootId) -> Self {
        Self { node, secret: rand::random() }
    }

    fn parse(text: &str) -> Option<Self> {
        // 48 bytes are 64 characters; another length is not decoded at all.
        let bytes = (text.len() == 64).then(|| URL_SAFE_NO_PAD.decode(text).ok())??;
        let (node, secret) = bytes.split_first_chunk::<16>()?;
        let node = BootId::from_uuid(Uuid::from_bytes(*node));
        Some(Self { node, secret: secret.try_into().ok()? })
    }

    fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode([self.node.as_uuid().as_bytes().as_slice(), &self.secret].concat())
    }
}

impl Sessions {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<SessionName, Arc<Session>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_room(&self) -> bool {
        self.lock().len() < MOST_SESSIONS
    }

    /// Puts a session among the others; of too many of one agent the oldest is closed.
    fn put(&self, name: SessionName, session: &Arc<Session>) {
        let mut all = self.lock();
        let theirs = all.values().filter(|other| other.proof.agent == session.proof.agent);
        let mut theirs: Vec<_> = theirs.filter(|other| !other.closed.is_cancelled()).cloned().collect();
        theirs.sort_by_key(|other| other.opened);
        for oldest in theirs.iter().take((theirs.len() + 1).saturating_sub(MOST_OF_AGENT)) {
            oldest.closed.cancel();
        }
        all.insert(name, Arc::clone(session));
    }
}

/// A request to one of these addresses.
struct Asked {
    method: Method,
    tail: String,
    query: String,
    headers: HeaderMap,
    peer: Option<IpAddr>,
}

/// All of these addresses; anything else is left to others.
pub(super) fn filter(sockets: Sockets) -> BoxedFilter<(Response,)> {
    let sessions = Sessions::default();
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    warp::path("agent")
        .and(warp::path("v1"))
        .and(warp::path("sessions"))
        .and(warp::path::tail())
        .and(warp::method())
        .and(query)
        .and(warp::header::headers_cloned())
        .and(warp::ext::optional::<Peer>())
        .and(warp::body::stream())
        .then(move |tail: Tail, method, query, headers, peer: Option<Peer>, body| {
            let peer = peer.map(|peer| peer.0.ip());
            let asked = Asked { method, tail: tail.as_str().to_owned(), query, headers, peer };
            let (sockets, sessions) = (sockets.clone(), sessions.clone());
            async move { answer(&sockets, &sessions, asked, body).await.unwrap_or_else(refused) }
        })
        .boxed()
}

async fn answer<S, B, E>(
    sockets: &Sockets,
    sessions: &Sessions,
    asked: Asked,
    body: S,
) -> Result<Response, Problem>
where
    S: Stream<Item = Result<B, E>> + Send,
    B: Buf + Send,
    E: Send,
{
    let tail = asked.tail.clone();
    let parts: Vec<&str> = tail.split('/').collect();
    match (&asked.method, parts.as_slice()) {
        (&Method::POST, [""]) => open(sockets, sessions, &asked).await,
        (_, [""]) => Ok(other_method(&asked, "POST")),
        (&Method::POST, [name, "frames"]) => {
            let session = find(sockets, sessions, name, &asked).await?;
            let bytes = read_body(&asked.headers, body).await?;
            let batch = serde_json::from_slice::<Batch<Box<RawValue>>>(&bytes).map_err(|error| {
                let detail =
                    format!("the batch could not be read (line {}, column {})", error.line(), error.column());
                Problem::new(ErrorCode::MalformedRequest, detail)
            })?;
            let taken = session.post(batch).await?;
            json(StatusCode::OK, serde_json::to_string(&taken))
        }
        (&Method::GET, [name, "frames"]) => {
            let session = find(sockets, sessions, name, &asked).await?;
            let Wanted { after, wait_s } = wanted(&asked.query)?;
            let wait = wait_s.map_or(POLL, |seconds| Duration::from_secs(seconds.into()));
            json(StatusCode::OK, Ok(session.poll(after, wait).await?))
        }
        (_, [_, "frames"]) => Ok(other_method(&asked, "GET, POST")),
        (&Method::DELETE, [name]) => {
            match find(sockets, sessions, name, &asked).await {
                Ok(session) => session.closed.cancel(),
                // Closed before: the answer was lost.
                Err(problem) if problem.code == ErrorCode::SessionGone => {}
                Err(problem) => return Err(problem),
            }
            let mut response = Response::default();
            *response.status_mut() = StatusCode::NO_CONTENT;
            Ok(response)
        }
        (_, [_]) => Ok(other_method(&asked, "DELETE")),
        _ => Err(Problem::new(ErrorCode::NotFound, "there is nothing at this address")),
    }
}

async fn open(sockets: &Sockets, sessions: &Sessions, asked: &Asked) -> Result<Response, Problem> {
    let (visitor, _turn) = agent::admit(sockets, &asked.headers, asked.peer).await?;
    if !sessions.has_room() {
        let detail = format!("{MOST_SESSIONS} sessions are open on this node already");
        return Err(Problem::new(ErrorCode::Busy, detail));
    }
    let conn = ConnId::new();
    let (to_agent, queue) = mpsc::channel(OUTBOUND);
    let proof = visitor.proof;
    let actor = agent::start(sockets, visitor, conn, to_agent).await.ok_or(ErrorCode::Busy)?;
    sockets.agents.put(conn, proof.retailer, actor.clone());
    let name = SessionName::draw(sockets.boot);
    let session = Arc::new(Session::new(proof, actor, queue));
    sessions.put(name, &session);
    tracing::debug!(agent = %proof.agent, retailer = %proof.retailer, %conn, "an agent's session over HTTPS is open");
    sockets.tasks.spawn(watch_over(sockets.clone(), sessions.clone(), name, conn, session));
    let text = name.text();
    let poll_s = u32::try_from(POLL.as_secs()).unwrap_or(u32::MAX);
    let grant = SessionGrant { session: text.clone(), poll_s };
    let mut response = json(StatusCode::CREATED, serde_json::to_string(&grant))?;
    if let Ok(address) = HeaderValue::from_str(&format!("/agent/v1/sessions/{text}")) {
        response.headers_mut().insert(LOCATION, address);
    }
    Ok(response)
}

/// Ends the actor with its session, and the session with its actor.
async fn watch_over(
    sockets: Sockets,
    sessions: Sessions,
    name: SessionName,
    conn: ConnId,
    session: Arc<Session>,
) {
    let ended = tokio::select! {
        _ = session.actor.wait(None) => "the actor has ended",
        () = session.closed.cancelled() => "it was closed",
        () = session.neglected() => "nobody polls",
        () = agent::farewell(&sockets, &session.actor) => "the hub stops",
    };
    sockets.agents.remove(conn);
    session.actor.stop(Some("the session is closed".into()));
    let patience = if sockets.stop.is_cancelled() { LAST_WORDS_AT_STOP } else { LAST_WORDS };
    tokio::select! {
        () = session.drained.cancelled() => {}
        () = session.closed.cancelled() => {}
        () = sleep(patience) => {}
    }
    sessions.lock().remove(&name);
    // Whoever polls it still is answered.
    session.closed.cancel();
    let proof = session.proof;
    tracing::debug!(agent = %proof.agent, %conn, ended, "an agent's session over HTTPS is closed");
}

/// The session of this name, for the agent it belongs to.
async fn find(
    sockets: &Sockets,
    sessions: &Sessions,
    name: &str,
    asked: &Asked,
) -> Result<Arc<Session>, Problem> {
    let shown = agent::proof(&asked.headers);
    let name = SessionName::parse(name);
    let held = name.and_then(|name| sessions.lock().get(&name).cloned());
    if let (Some(session), Ok(shown)) = (&held, &shown)
        && belongs(session, shown)
        && session.knows(&shown.hash)
    {
        return Ok(Arc::clone(session));
    }
    // A credential that this session has not seen, or a session that is not here: only an agent is told more.
    let proof = agent::prove(sockets, &asked.headers, asked.peer).await?.proof;
    match (held, name) {
        (Some(session), _) if belongs(&session, &proof) => {
            session.remember(proof.hash);
            Ok(session)
        }
        (None, Some(name)) if name.node != sockets.boot => {
            let detail = "another node of the hub holds this session, or one that has stopped; repeat this over a new \
                          connection, or open another session";
            Err(Problem::new(ErrorCode::WrongNode, detail))
        }
        _ => Err(gone()),
    }
}

fn belongs(session: &Session, proof: &AgentProof) -> bool {
    session.proof.agent == proof.agent && session.proof.retailer == proof.retailer
}

#[derive(serde::Deserialize)]
struct Wanted {
    /// Number of the last frame that has arrived.
    #[serde(default)]
    after: u64,
    wait_s: Option<u32>,
}

fn wanted(query: &str) -> Result<Wanted, Problem> {
    serde_urlencoded::from_str(query).map_err(|error| {
        Problem::new(ErrorCode::MalformedRequest, format!("the query cannot be read: {error}"))
    })
}

fn json(status: StatusCode, text: serde_json::Result<String>) -> Result<Response, Problem> {
    let text = text.map_err(|error| {
        tracing::error!(%error, "an answer to an agent cannot be encoded");
        Problem::from(ErrorCode::Internal)
    })?;
    let mut response = Response::new(Bytes::from(text).into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

fn other_method(asked: &Asked, methods: &'static str) -> Response {
    let detail = format!("this address does not take {}", asked.method);
    let mut response = refused(Problem::new(ErrorCode::MethodNotAllowed, detail));
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_back_and_nothing_else_is() {
        let name = SessionName::draw(BootId::new());
        let text = name.text();
        let read = SessionName::parse(&text).unwrap();
        assert_eq!((read.node, read.secret), (name.node, name.secret));
        for other in ["", "frames", &text[1..], &format!("{text}A"), &text.replace(&text[..4], "****")] {
            assert!(SessionName::parse(other).is_none(), "{other}");
        }
        assert_ne!(SessionName::draw(name.node).text(), text);
    }

    #[test]
    fn the_query_names_what_has_arrived() {
        for (query, after, wait_s) in
            [("", 0, None), ("after=7", 7, None), ("wait_s=0&after=1", 1, Some(0)), ("other=1", 0, None)]
        {
            let wanted = wanted(query).unwrap();
            assert_eq!((wanted.after, wanted.wait_s), (after, wait_s), "{query}");
        }
        for query in ["after=-1", "after=x", "after=1&wait_s=1.5"] {
            assert_eq!(wanted(query).err().unwrap().code, ErrorCode::MalformedRequest, "{query}");
        }
    }
}
