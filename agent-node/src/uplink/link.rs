//! The link: connect, hold a session, wait, again. Acts on what [`super::session`] and [`super::backoff`] decide.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use messages::agent::{Frame, FromAgent, Hello, ToAgent};
use messages::ids::SpoolId;
use messages::{PROTOCOL, Secret};
use serde::Deserialize;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Bytes, Message, Utf8Bytes};
use tokio_util::sync::CancellationToken;

use super::LinkState;
use super::backoff::{Backoff, REFUSED};
use super::session::{Action, Ending, Session};
use crate::identity::Identity;
use crate::links::{Absent, Links};
use crate::net::websocket::{self, Socket, UpgradeError};
use crate::net::{Dialer, HubAddress};
use crate::runner::RunnerMsg;
use crate::spool::SpoolMsg;
use crate::spool::actor::{Batch, Standing};

/// A frame that takes longer to hand to the system than this meets a dead line.
const WRITE_DEADLINE: Duration = Duration::from_secs(30);
/// A session that held this long was a good one, and the next attempt need not wait.
const GOOD_SESSION: Duration = Duration::from_secs(30);

pub(super) struct Link {
    pub(super) hubs: Vec<HubAddress>,
    pub(super) dialer: Dialer,
    pub(super) data_dir: PathBuf,
    pub(super) identity: Identity,
    pub(super) links: Arc<Links>,
    pub(super) outbox: mpsc::Receiver<FromAgent>,
    pub(super) show: watch::Sender<LinkState>,
    pub(super) stop: CancellationToken,
}

/// What is at hand while a session lasts.
struct Live<'a> {
    socket: &'a mut Socket,
    session: Session,
    /// The life of the spool that was named in hello.
    spool_id: Option<SpoolId>,
    fetch: Option<BoxFuture<'static, Result<Batch, Absent>>>,
}

impl Link {
    /// Runs until told to stop.
    pub(super) async fn run(mut self) {
        let stop = self.stop.clone();
        let mut backoff = Backoff::default();
        loop {
            let wait = self.round(&mut backoff).await;
            if stop.is_cancelled() {
                return;
            }
            tokio::select! {
                () = sleep(wait) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Tries each hub once, holds a session with the first that takes us; how long to wait then.
    async fn round(&mut self, backoff: &mut Backoff) -> Duration {
        self.show.send_replace(LinkState::Connecting);
        let mut last = None;
        for hub in self.hubs.clone() {
            let connected = tokio::select! {
                connected = websocket::connect(&self.dialer, &hub, &self.identity.credential) => connected,
                () = self.stop.cancelled() => return Duration::ZERO,
            };
            match connected {
                Ok(socket) => return self.hold(socket, &hub, backoff).await,
                Err(error) => {
                    tracing::warn!(%hub, %error, "no connection to the hub");
                    last = Some(error);
                }
            }
        }
        let wait = match &last {
            Some(UpgradeError::Refused(problem)) => backoff.after_refusal(problem),
            Some(UpgradeError::Status(status)) if matches!(status.as_u16(), 401 | 403) => REFUSED,
            _ => backoff.next_wait(),
        };
        let reason = last.map_or_else(|| "no hub is configured".to_owned(), |error| error.to_string());
        self.show.send_replace(LinkState::Waiting { reason });
        wait
    }

    /// A session from hello to its end.
    async fn hold(&mut self, mut socket: Socket, hub: &HubAddress, backoff: &mut Backoff) -> Duration {
        let began = Instant::now();
        let (ending, was_live) = self.talk(&mut socket, hub).await;
        let stopping = self.stop.is_cancelled();
        let (code, reason) = if stopping { (CloseCode::Away, "stopping") } else { (CloseCode::Normal, "") };
        let close = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
        // The line may be the very reason for the end.
        let _ignored = timeout(Duration::from_secs(2), socket.close(Some(close))).await;
        if was_live && began.elapsed() >= GOOD_SESSION {
            backoff.reset();
        }
        let (reason, wait) = match ending {
            Ending::Lost(reason) => (reason, backoff.next_wait()),
            Ending::Bye { code, detail, retry_after_ms } => {
                (format!("{code}: {detail}"), backoff.after_bye(retry_after_ms))
            }
        };
        if !stopping {
            tracing::warn!(%hub, reason, wait_ms = wait.as_millis(), "the connection to the hub ended");
        }
        self.show.send_replace(LinkState::Waiting { reason });
        wait
    }

    async fn talk(&mut self, socket: &mut Socket, hub: &HubAddress) -> (Ending, bool) {
        let mut live = Live { socket, session: Session::new(Instant::now()), spool_id: None, fetch: None };
        let ending = match self.greet(&mut live).await {
            Ok(()) => self.exchange(&mut live, hub).await,
            Err(ending) => ending,
        };
        (ending, live.session.is_live())
    }

    async fn greet(&mut self, live: &mut Live<'_>) -> Result<(), Ending> {
        let Standing { spool_id, next_seq } = self
            .links
            .spool
            .ask(SpoolMsg::Rewind)
            .await
            .map_err(|absent| Ending::Lost(absent.to_string()))?;
        live.spool_id = Some(spool_id);
        // Answers meant for an earlier socket: the hub asks again.
        while self.outbox.try_recv().is_ok() {}
        let machine = crate::machine::describe();
        let active = self.links.runs().journalled;
        live.send(&FromAgent::Hello(Hello { machine, spool_id, next_seq, active })).await
    }

    async fn exchange(&mut self, live: &mut Live<'_>, hub: &HubAddress) -> Ending {
        let stop = self.stop.clone();
        let links = Arc::clone(&self.links);
        let mut online = false;
        loop {
            if live.session.is_live() && !online {
                online = true;
                tracing::info!(%hub, "connected to the hub");
                self.show.send_replace(LinkState::Online { hub: hub.to_string() });
            }
            let actions = tokio::select! {
                message = live.socket.next() => match read(message) {
                    Ok(Some(frame)) => {
                        live.session.heard(Instant::now());
                        live.session.frame(frame, Instant::now())
                    }
                    Ok(None) => {
                        live.session.heard(Instant::now());
                        Vec::new()
                    }
                    Err(ending) => return ending,
                },
                batch = fetched(&mut live.fetch) => {
                    live.fetch = None;
                    match batch {
                        Ok(batch) if Some(batch.spool_id) != live.spool_id => {
                            return Ending::Lost("the spool began a new life".to_owned());
                        }
                        Ok(batch) => live.session.fetched(framed(batch)),
                        Err(absent) => return Ending::Lost(absent.to_string()),
                    }
                }
                Some(frame) = self.outbox.recv(), if online => vec![Action::Send(frame)],
                () = links.facts_waiting.notified() => live.session.facts_waiting(),
                () = sleep_until(live.session.wake_at().into()) => live.session.tick(Instant::now()),
                () = stop.cancelled() => return Ending::Lost("the agent is stopping".to_owned()),
            };
            for action in actions {
                if let Err(ending) = self.act(live, action).await {
                    return ending;
                }
            }
        }
    }

    async fn act(&mut self, live: &mut Live<'_>, action: Action) -> Result<(), Ending> {
        let lost = |absent: Absent| Ending::Lost(absent.to_string());
        match action {
            Action::Send(frame) => live.send(&frame).await,
            Action::Beat => {
                live.send(&FromAgent::Heartbeat { active: self.links.runs().working }).await?;
                live.write(Message::Ping(Bytes::new())).await
            }
            Action::Fetch => {
                let links = Arc::clone(&self.links);
                live.fetch = Some(async move { links.spool.ask(SpoolMsg::HandOut).await }.boxed());
                Ok(())
            }
            Action::Acknowledge { spool_id, through } => {
                self.links.spool.tell(SpoolMsg::Acknowledge { spool_id, through }).map_err(lost)
            }
            Action::Command(command) => self.links.runner.tell(RunnerMsg::Command(command)).map_err(lost),
            Action::SaveCredential(credential) => self.save(live, credential).await,
            Action::End(ending) => Err(ending),
        }
    }

    async fn save(&mut self, live: &mut Live<'_>, credential: Secret) -> Result<(), Ending> {
        let identity = Identity { credential, ..self.identity.clone() };
        let (folder, copy) = (self.data_dir.clone(), identity.clone());
        crate::disk::off_thread(move || copy.save(&folder))
            .await
            .map_err(|error| Ending::Lost(format!("the new credential could not be saved: {error}")))?;
        self.identity = identity;
        tracing::info!("the agent's credential was renewed");
        live.send(&FromAgent::CredentialSaved).await
    }
}

impl Live<'_> {
    async fn send(&mut self, body: &FromAgent) -> Result<(), Ending> {
        let text = serde_json::to_string(&Frame::new(body))
            .map_err(|error| Ending::Lost(format!("a frame could not be written: {error}")))?;
        self.write(Message::Text(text.into())).await
    }

    async fn write(&mut self, message: Message) -> Result<(), Ending> {
        match timeout(WRITE_DEADLINE, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Ending::Lost(error.to_string())),
            Err(_) => Err(Ending::Lost("the line takes nothing any more".to_owned())),
        }
    }
}

/// Pending for ever while nothing is being fetched.
async fn fetched(fetch: &mut Option<BoxFuture<'static, Result<Batch, Absent>>>) -> Result<Batch, Absent> {
    match fetch {
        Some(fetch) => fetch.await,
        None => std::future::pending().await,
    }
}

fn framed(batch: Batch) -> Option<(FromAgent, u64)> {
    let Batch { spool_id, reports } = batch;
    let last = reports.last()?.seq;
    Some((FromAgent::Reports { spool_id, reports }, last))
}

/// The version alone, read first: a frame of another version may have any shape.
#[derive(Deserialize)]
struct Versioned {
    v: u16,
}

type Received = Option<Result<Message, tokio_tungstenite::tungstenite::Error>>;

/// A frame, nothing for a ping or pong, or the end.
fn read(received: Received) -> Result<Option<ToAgent>, Ending> {
    let text = match received {
        None => return Err(Ending::Lost("the hub closed the connection".to_owned())),
        Some(Err(error)) => return Err(Ending::Lost(error.to_string())),
        Some(Ok(Message::Text(text))) => text,
        Some(Ok(Message::Close(close))) => {
            let why = close.map_or_else(String::new, |close| format!(": {close}"));
            return Err(Ending::Lost(format!("the hub closed the connection{why}")));
        }
        Some(Ok(_)) => return Ok(None),
    };
    let unreadable =
        |error: serde_json::Error| Ending::Lost(format!("the hub sent an unreadable frame: {error}"));
    let version = serde_json::from_str::<Versioned>(&text).map_err(unreadable)?.v;
    if version != PROTOCOL {
        return Err(Ending::Lost(format!(
            "the hub speaks protocol {version}, this agent {PROTOCOL}; update the agent"
        )));
    }
    serde_json::from_str::<Frame<ToAgent>>(&text).map(|frame| Some(frame.body)).map_err(unreadable)
}
