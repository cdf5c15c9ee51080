//! `/ws/live`: a console says hello with its access token and gets a `LiveConn`.

use std::sync::Arc;

use actors::live_conn::{Arguments, LiveConn, LiveConnMsg, OUTBOUND};
use messages::live::{FromConsole, MAX_CLIENT_FRAME};
use messages::{ConnId, ErrorCode, Problem};
use ractor::ActorRef;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use warp::reply::Response;

use super::Sockets;
use super::agent::{parse, start_bound};
use super::doorman::AccessDoorman;
use super::pump::{self, Inbound};
use super::upgrade::{Asked, Socket, refused};
use crate::access::Ending;
use crate::http::is_our_page;

#[expect(clippy::unused_async, reason = "both sockets are connected in the same way")]
pub(super) async fn connect(sockets: Sockets, asked: Asked) -> Response {
    let (peer, headers) = (asked.peer, asked.headers.clone());
    match admit(&sockets, &asked).and_then(|()| asked.accept(MAX_CLIENT_FRAME)) {
        Ok(accepted) => {
            let (response, socket) = accepted.split();
            let tasks = sockets.tasks.clone();
            tasks.spawn(async move {
                if let Some(socket) = socket.await {
                    serve(sockets, socket).await;
                }
            });
            response
        }
        Err(problem) => {
            sockets.strangers.refused(peer, &headers, &problem);
            refused(problem)
        }
    }
}

/// Anybody may open this one; who they are is asked of the first frame.
fn admit(sockets: &Sockets, asked: &Asked) -> Result<(), Problem> {
    if sockets.stop.is_cancelled() {
        return Err(ErrorCode::ShuttingDown.into());
    }
    sockets.strangers.check(asked.peer, &asked.headers)?;
    if !is_our_page(&asked.headers, &sockets.public_url) {
        return Err(ErrorCode::OriginRefused.into());
    }
    Ok(())
}

async fn serve(sockets: Sockets, socket: Socket) {
    let conn = ConnId::new();
    let (to_socket, outbound) = mpsc::channel::<Arc<str>>(OUTBOUND);
    let own = sockets.clone();
    let make = move || {
        let arguments = Arguments {
            conn,
            router: own.router.clone(),
            doorman: Arc::new(AccessDoorman(own.access.clone())),
            board: own.board.clone(),
            fleet: own.fleet.clone(),
            consoles: own.consoles.clone(),
            outbound: to_socket.clone(),
        };
        (LiveConn, arguments)
    };
    let Some(actor) = start_bound(&sockets, format!("live:{conn}"), "live_conn", make).await else { return };
    sockets.consoles.put(conn, actor.clone());
    let to_actor = actor.clone();
    let encode = |text: Arc<str>| Some(text.as_ref().to_owned());
    let pumping = pump::run(socket, outbound, encode, move |inbound| to_actor.cast(read(inbound)).is_ok());
    tokio::select! {
        () = pumping => {}
        () = watch_over(&sockets, &actor) => {}
    }
    // An actor that has failed could not say so itself.
    sockets.consoles.remove(conn);
    actor.stop(Some("the socket is closed".into()));
}

/// Brings the actor what concerns its session. Never ends: the socket does.
async fn watch_over(sockets: &Sockets, actor: &ActorRef<LiveConnMsg>) {
    let mut endings = sockets.access.endings();
    loop {
        let message = tokio::select! {
            ending = endings.recv() => match ending {
                Ok(Ending::Session(session)) => LiveConnMsg::SessionEnded(session),
                Ok(Ending::RightsChanged(user)) => LiveConnMsg::RightsChanged(user),
                // It may have been ours: the console comes back and proves itself again.
                Err(RecvError::Lagged(_)) => LiveConnMsg::ShutDown,
                Err(RecvError::Closed) => break,
            },
            _ = sockets.turn_to_part() => LiveConnMsg::ShutDown,
        };
        let last = matches!(message, LiveConnMsg::ShutDown);
        if actor.cast(message).is_err() || last {
            break;
        }
    }
    std::future::pending::<()>().await;
}

fn read(inbound: Inbound) -> LiveConnMsg {
    match inbound {
        Inbound::Text(text) => {
            parse::<FromConsole>(&text).map_or_else(LiveConnMsg::Garbage, LiveConnMsg::Frame)
        }
        Inbound::Binary => {
            LiveConnMsg::Garbage(Problem::new(ErrorCode::MalformedFrame, "frames are JSON text"))
        }
        Inbound::TooLarge => {
            let detail = format!("a frame has at most {MAX_CLIENT_FRAME} bytes");
            LiveConnMsg::Garbage(Problem::new(ErrorCode::FrameTooLarge, detail))
        }
    }
}
