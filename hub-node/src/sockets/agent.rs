//! `/ws/agent`: an agent proves itself in the upgrade request and gets an `AgentConn`.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use actors::agent_conn::{AgentConn, AgentConnMsg, Arguments, OUTBOUND};
use actors::ports::ConnAddr;
use actors::retailer::request::{Request, Response as Told};
use actors::supervise::{ChildSpec, RestartPolicy};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use messages::agent::{Frame, FromAgent, MAX_FRAME, ToAgent};
use messages::{ConnId, ErrorCode, PROTOCOL, Problem};
use ractor::ActorRef;
use tokio::sync::mpsc;
use tokio::sync::oneshot;
use warp::reply::Response;

use super::Sockets;
use super::pump::{self, Inbound};
use super::turnstile::Turn;
use super::upgrade::{Asked, Socket, refused};
use crate::access::agent_token::{AgentProof, parse_credential};

/// An agent that is taken in elsewhere need not wait.
const AT_ONCE_MS: u64 = 50;
/// The agent waits for the answer to its upgrade.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) async fn connect(sockets: Sockets, asked: Asked) -> Response {
    let admitted = admit(&sockets, &asked.headers, asked.peer).await;
    match admitted.and_then(|(visitor, turn)| Ok((visitor, turn, asked.accept(MAX_FRAME)?))) {
        Ok((visitor, turn, accepted)) => {
            let (response, socket) = accepted.split();
            let tasks = sockets.tasks.clone();
            tasks.spawn(async move {
                if let Some(socket) = socket.await {
                    serve(sockets, visitor, turn, socket).await;
                }
            });
            response
        }
        Err(problem) => refused(problem),
    }
}

/// An agent that has proved itself, and the number of the socket it opens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Visitor {
    pub(super) proof: AgentProof,
    generation: u64,
}

/// Lets in whoever has the credential of an agent, when it is its turn: until it is welcome, others wait.
pub(super) async fn admit(
    sockets: &Sockets,
    headers: &HeaderMap,
    peer: Option<IpAddr>,
) -> Result<(Visitor, Turn), Problem> {
    if sockets.stop.is_cancelled() {
        return Err(ErrorCode::ShuttingDown.into());
    }
    // Whoever fails too often takes nobody's turn.
    sockets.strangers.check(peer, headers)?;
    let turn = sockets.turnstile.turn().await?;
    Ok((prove(sockets, headers, peer).await?, turn))
}

/// Is this the credential of an agent? An address that fails too often is not listened to.
pub(super) async fn prove(
    sockets: &Sockets,
    headers: &HeaderMap,
    peer: Option<IpAddr>,
) -> Result<Visitor, Problem> {
    sockets.strangers.check(peer, headers)?;
    let outcome = match proof(headers) {
        Ok(proof) => authenticate(sockets, proof).await,
        Err(problem) => Err(problem),
    };
    if let Err(problem) = &outcome {
        sockets.strangers.refused(peer, headers, problem);
    }
    outcome
}

/// What the request shows; whether it is true is still to be asked.
pub(super) fn proof(headers: &HeaderMap) -> Result<AgentProof, Problem> {
    let line = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    line.and_then(|value| value.strip_prefix("Bearer ")).and_then(parse_credential).ok_or_else(|| {
        Problem::new(
            ErrorCode::BadCredentials,
            "send the agent's credential as \"Authorization: Bearer …\"; enrol to get one",
        )
    })
}

async fn authenticate(sockets: &Sockets, proof: AgentProof) -> Result<Visitor, Problem> {
    let AgentProof { retailer, agent, hash: credential } = proof;
    let ask = |request| sockets.router.ask(retailer, request, PATIENCE);
    let answer = match ask(Request::Introduce { agent, credential }).await {
        Err(problem) if problem.code == ErrorCode::UnsupportedProtocol => {
            ask(Request::Authenticate { agent, credential }).await
        }
        other => other,
    };
    match answer {
        Ok(Told::Known { generation }) => Ok(Visitor { proof, generation }),
        // An owner of the build before, whose sockets are numbered there.
        Ok(_) => {
            let generation = sockets.store.next_generation(retailer, agent).await?;
            Ok(Visitor { proof, generation })
        }
        // Whether a retailer exists is nobody's business who has no valid credential for it.
        Err(problem) if problem.code == ErrorCode::NotFound => {
            Err(Problem::new(ErrorCode::BadCredentials, "the agent is not known here; enrol it again"))
        }
        Err(problem) => Err(problem),
    }
}

async fn serve(sockets: Sockets, visitor: Visitor, turn: Turn, socket: Socket) {
    let (proof, conn) = (visitor.proof, ConnId::new());
    let (to_socket, outbound) = mpsc::channel(OUTBOUND);
    let Some(actor) = start(&sockets, visitor, conn, to_socket).await else { return };
    sockets.agents.put(conn, proof.retailer, actor.clone());
    tracing::debug!(agent = %proof.agent, retailer = %proof.retailer, %conn, "an agent's socket is open");
    let to_actor = actor.clone();
    let mut turn = Some(turn);
    let encode = move |frame| {
        if matches!(frame, ToAgent::Welcome { .. } | ToAgent::Bye { .. }) {
            drop(turn.take());
        }
        encode(frame)
    };
    let pumping = pump::run(socket, outbound, encode, move |inbound| to_actor.cast(read(inbound)).is_ok());
    tokio::select! {
        () = pumping => {}
        () = farewell(&sockets, &actor) => {}
    }
    sockets.agents.remove(conn);
    actor.stop(Some("the socket is closed".into()));
    tracing::debug!(agent = %proof.agent, %conn, "an agent's socket is closed");
}

/// When the node stops, the agent is asked to come back soon. Never ends: the socket does.
pub(super) async fn farewell(sockets: &Sockets, actor: &ActorRef<AgentConnMsg>) {
    let moves = sockets.turn_to_part().await;
    let code = ErrorCode::ShuttingDown;
    let (detail, wait) = if moves {
        ("this node is stopping; others take over", AT_ONCE_MS)
    } else {
        ("the hub is stopping; it will be back", 1_000)
    };
    let bye = ToAgent::Bye { code, detail: detail.into(), retry_after_ms: Some(wait) };
    if actor.cast(AgentConnMsg::Deliver(bye)).is_err() {
        tracing::trace!("the connection ended by itself");
    }
    std::future::pending::<()>().await;
}

pub(super) async fn start(
    sockets: &Sockets,
    visitor: Visitor,
    conn: ConnId,
    outbound: mpsc::Sender<ToAgent>,
) -> Option<ActorRef<AgentConnMsg>> {
    let Visitor { proof: AgentProof { retailer, agent, hash }, generation } = visitor;
    let addr = ConnAddr { node: sockets.boot, conn, agent, generation };
    let (router, store, feed) =
        (sockets.router.clone(), Arc::new(sockets.store.clone()), sockets.feed.clone());
    let make = move || {
        let arguments = Arguments {
            retailer,
            conn: addr,
            credential: hash,
            router: router.clone(),
            store: store.clone(),
            feed: feed.clone(),
            outbound: outbound.clone(),
        };
        (AgentConn, arguments)
    };
    start_bound(sockets, format!("agent:{conn}"), "agent_conn", make).await
}

/// Starts an actor that ends with its socket.
pub(super) async fn start_bound<A>(
    sockets: &Sockets,
    id: String,
    kind: &'static str,
    make: impl Fn() -> (A, A::Arguments) + Send + Sync + 'static,
) -> Option<ActorRef<A::Msg>>
where
    A: ractor::Actor,
    A::Msg: actors::observe::Observable,
{
    let (tell, told) = oneshot::channel();
    let tell = std::sync::Mutex::new(Some(tell));
    let announce = move |actor| {
        let tell = tell.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if tell.is_some_and(|tell| tell.send(actor).is_err()) {
            tracing::debug!("the socket was gone before its actor was there");
        }
    };
    let spec = ChildSpec::announced(id, kind, RestartPolicy::BOUND, make, announce);
    match sockets.supervisor.ensure(spec, PATIENCE).await {
        Ok(()) => told.await.ok(),
        Err(error) => {
            tracing::warn!(%error, kind, "a connection's actor did not start");
            None
        }
    }
}

pub(super) fn encode(frame: ToAgent) -> Option<String> {
    match serde_json::to_string(&Frame::new(frame)) {
        Ok(text) => Some(text),
        Err(error) => {
            tracing::error!(%error, "a frame to an agent cannot be encoded");
            None
        }
    }
}

pub(super) fn read(inbound: Inbound) -> AgentConnMsg {
    match inbound {
        Inbound::Text(text) => {
            parse::<FromAgent>(&text).map_or_else(AgentConnMsg::Garbage, AgentConnMsg::Frame)
        }
        Inbound::Binary => {
            AgentConnMsg::Garbage(Problem::new(ErrorCode::MalformedFrame, "frames are JSON text"))
        }
        Inbound::TooLarge => {
            let detail = format!("a frame has at most {MAX_FRAME} bytes");
            AgentConnMsg::Garbage(Problem::new(ErrorCode::FrameTooLarge, detail))
        }
    }
}

/// A frame of the version spoken here.
pub(super) fn parse<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, Problem> {
    #[derive(serde::Deserialize)]
    struct Head {
        v: u16,
    }
    let malformed = |error: serde_json::Error| {
        Problem::new(ErrorCode::MalformedFrame, format!("the frame could not be read: {error}"))
    };
    let head: Head = serde_json::from_str(text).map_err(malformed)?;
    if head.v != PROTOCOL {
        let detail = format!("version {} is not spoken here; version {PROTOCOL} is", head.v);
        return Err(Problem::new(ErrorCode::UnsupportedProtocol, detail));
    }
    serde_json::from_str::<Frame<T>>(text).map(|frame| frame.body).map_err(malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_of_another_version_or_form_is_told_apart() {
        for (text, code) in [
            (r#"{"v":2,"t":"heartbeat","active":[]}"#, ErrorCode::UnsupportedProtocol),
            (r#"{"v":1,"t":"nonsense"}"#, ErrorCode::MalformedFrame),
            (r#"{"t":"heartbeat"}"#, ErrorCode::MalformedFrame),
            ("not json", ErrorCode::MalformedFrame),
        ] {
            assert_eq!(parse::<FromAgent>(text).unwrap_err().code, code, "{text}");
        }
        let frame = parse::<FromAgent>(r#"{"v":1,"t":"heartbeat","active":[]}"#).unwrap();
        assert_eq!(frame, FromAgent::Heartbeat { active: vec![] });
    }
}
