//! The link: connect, hold a session, wait, again. Acts on what [`super::session`] and [`super::backoff`] decide.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use messages::agent::{FromAgent, Hello};
use messages::http::agents::{Transport, TransportKind};
use messages::ids::SpoolId;
use messages::{ErrorCode, Secret};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::LinkState;
use super::backoff::{Backoff, REFUSED, dice};
use super::fallback::{Chooser, Evidence, Way};
use super::https::Https;
use super::line::{Heard, Line, evidence};
use super::session::{Action, Ending, Session};
use crate::identity::Identity;
use crate::links::{Absent, Links};
use crate::machine::Has;
use crate::net::websocket::{self, Socket, UpgradeError};
use crate::net::{Dialer, HubAddress};
use crate::runner::RunnerMsg;
use crate::spool::SpoolMsg;
use crate::spool::actor::{Batch, Standing};

/// A session that held this long was a good one, and the next attempt need not wait.
const GOOD_SESSION: Duration = Duration::from_secs(30);

/// A hub, and which way leads there.
pub(super) struct Hub {
    pub(super) address: HubAddress,
    pub(super) chooser: Chooser,
}

pub(super) struct Link {
    pub(super) hubs: Vec<Hub>,
    pub(super) dialer: Dialer,
    pub(super) data_dir: PathBuf,
    pub(super) identity: Identity,
    pub(super) links: Arc<Links>,
    pub(super) outbox: mpsc::Receiver<FromAgent>,
    pub(super) show: watch::Sender<LinkState>,
    pub(super) stop: CancellationToken,
}

type Trial = BoxFuture<'static, Result<Socket, UpgradeError>>;

/// What is at hand while a session lasts.
struct Live {
    line: Line,
    session: Session,
    /// The hub has said something.
    heard: bool,
    /// The life of the spool that was named in hello.
    spool_id: Option<SpoolId>,
    fetch: Option<BoxFuture<'static, Result<Batch, Absent>>>,
    /// A WebSocket on trial, beside a session over HTTPS.
    trial: Option<Trial>,
    has: watch::Receiver<Has>,
}

/// How a session ended.
enum Outcome {
    Ended(Ending),
    /// A WebSocket gets through again, and takes over.
    Better(Socket),
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
        let stop = self.stop.clone();
        let mut last = None;
        for at in 0..self.hubs.len() {
            let reached = tokio::select! {
                reached = self.reach(at) => reached,
                () = stop.cancelled() => return Duration::ZERO,
            };
            match reached {
                Ok(line) => return self.hold(line, at, backoff).await,
                Err(error) => {
                    tracing::warn!(hub = %self.hubs[at].address, %error, "no connection to the hub");
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

    /// Opens a line to a hub: a WebSocket, or HTTPS where something in between blocks those.
    async fn reach(&mut self, at: usize) -> Result<Line, UpgradeError> {
        let (dialer, credential) = (self.dialer.clone(), self.identity.credential.clone());
        let Hub { address, chooser } = &mut self.hubs[at];
        let mut blocked = None;
        if chooser.way(Instant::now()) == Way::WebSocket {
            match websocket::connect(&dialer, address, &credential).await {
                Ok(socket) => return Ok(Line::Socket(Box::new(socket))),
                Err(error) => {
                    if !chooser.failed(evidence(&error), &error.to_string(), Instant::now(), dice()) {
                        return Err(error);
                    }
                    blocked = Some(error);
                }
            }
        }
        match Https::open(&dialer, address, &credential).await {
            Ok(https) => {
                let reason = chooser.reason().unwrap_or_default();
                if chooser.https_works() {
                    tracing::warn!(
                        hub = %address,
                        seen = reason,
                        "WebSockets do not get through to the hub; the agent goes on over HTTPS"
                    );
                }
                Ok(Line::Https(https))
            }
            Err(error) if error.is_the_hubs() => {
                chooser.https_works();
                Err(error)
            }
            Err(error) => {
                chooser.https_failed();
                tracing::debug!(hub = %address, %error, "nor over HTTPS");
                Err(blocked.unwrap_or(error))
            }
        }
    }

    /// Sessions from hello to their end, until the line is lost.
    async fn hold(&mut self, mut line: Line, at: usize, backoff: &mut Backoff) -> Duration {
        let began = Instant::now();
        let (ending, live) = loop {
            let kind = line.kind();
            let (outcome, mut live) = self.talk(line, at).await;
            let stopping = self.stop.is_cancelled();
            let was_live = live.session.is_live();
            live.trial = None;
            live.line.close(stopping).await;
            match outcome {
                Outcome::Ended(ending) => break (ending, (kind, live.heard, was_live)),
                Outcome::Better(socket) => {
                    let hub = &self.hubs[at].address;
                    tracing::info!(%hub, "WebSockets get through to the hub again");
                    line = Line::Socket(Box::new(socket));
                }
            }
        };
        let (kind, heard, was_live) = live;
        if was_live && began.elapsed() >= GOOD_SESSION {
            backoff.reset();
        }
        let blocked = !heard && self.blames_the_way(at, kind, &ending);
        let (reason, wait) = match ending {
            Ending::Lost(reason) | Ending::Silent(reason) | Ending::Own(reason) => {
                (reason, if blocked { Duration::ZERO } else { backoff.next_wait() })
            }
            Ending::Bye { code, detail, retry_after_ms } => {
                (format!("{code}: {detail}"), backoff.after_bye(retry_after_ms))
            }
        };
        if !self.stop.is_cancelled() {
            let hub = &self.hubs[at].address;
            tracing::warn!(%hub, reason, wait_ms = wait.as_millis(), "the connection to the hub ended");
        }
        self.show.send_replace(LinkState::Waiting { reason });
        wait
    }

    /// After a session in which the hub never spoke; true when another way is to be tried at once.
    fn blames_the_way(&mut self, at: usize, kind: TransportKind, ending: &Ending) -> bool {
        let chooser = &mut self.hubs[at].chooser;
        let (evidence, what, reason) = match ending {
            Ending::Lost(reason) => (Evidence::Broke, "breaks", reason),
            Ending::Silent(reason) => (Evidence::Silent, "stays silent", reason),
            Ending::Own(_) | Ending::Bye { .. } => return false,
        };
        if kind == TransportKind::Https {
            chooser.https_failed();
            return false;
        }
        let reason = format!("the upgrade to a WebSocket is answered, and then the line {what}: {reason}");
        chooser.failed(evidence, &reason, Instant::now(), dice())
    }

    async fn talk(&mut self, line: Line, at: usize) -> (Outcome, Live) {
        let session = Session::new(Instant::now());
        let has = self.links.has.subscribe();
        let mut live = Live { line, session, heard: false, spool_id: None, fetch: None, trial: None, has };
        let outcome = match self.greet(&mut live, at).await {
            Ok(()) => self.exchange(&mut live, at).await,
            Err(ending) => Outcome::Ended(ending),
        };
        (outcome, live)
    }

    async fn greet(&mut self, live: &mut Live, at: usize) -> Result<(), Ending> {
        let Standing { spool_id, next_seq } = self.links.spool.ask(SpoolMsg::Rewind).await.map_err(own)?;
        live.spool_id = Some(spool_id);
        // Answers meant for an earlier line: the hub asks again.
        while self.outbox.try_recv().is_ok() {}
        let mut machine = crate::machine::describe(live.has.borrow_and_update().clone());
        let kind = live.line.kind();
        let reason = self.hubs[at].chooser.reason().filter(|_| kind == TransportKind::Https);
        machine.transport = Some(Transport { kind, reason });
        let active = self.links.runs().journalled;
        live.line.send(&FromAgent::Hello(Hello { machine, spool_id, next_seq, active })).await
    }

    async fn exchange(&mut self, live: &mut Live, at: usize) -> Outcome {
        let stop = self.stop.clone();
        let links = Arc::clone(&self.links);
        let mut online = false;
        loop {
            if live.session.is_live() && !online {
                online = true;
                self.greeted(live.line.kind(), at);
            }
            let again_at = self.trial_due(live, at);
            let actions = tokio::select! {
                heard = live.line.receive() => {
                    live.session.heard(Instant::now());
                    match heard {
                        Ok(Heard::Frame(frame)) => {
                            live.heard = true;
                            live.session.frame(*frame, Instant::now())
                        }
                        Ok(Heard::Unsupported { command_id, detail }) => {
                            tracing::warn!(%command_id, detail, "a run was refused");
                            let code = ErrorCode::Unsupported;
                            vec![Action::Send(FromAgent::Refused { command_id, code, detail })]
                        }
                        Ok(Heard::Sign) => Vec::new(),
                        Err(ending) => return Outcome::Ended(ending),
                    }
                },
                batch = pending_or(&mut live.fetch) => {
                    live.fetch = None;
                    match batch {
                        Ok(batch) if Some(batch.spool_id) != live.spool_id => {
                            return Outcome::Ended(Ending::Own("the spool began a new life".to_owned()));
                        }
                        Ok(batch) => live.session.fetched(framed(batch)),
                        Err(absent) => return Outcome::Ended(own(absent)),
                    }
                }
                Some(frame) = self.outbox.recv(), if online => vec![Action::Send(frame)],
                () = links.facts_waiting.notified() => live.session.facts_waiting(),
                () = sleep_until(live.session.wake_at().into()) => live.session.tick(Instant::now()),
                () = at_instant(again_at) => {
                    live.trial = Some(self.try_websocket(at));
                    Vec::new()
                }
                tried = pending_or(&mut live.trial) => {
                    live.trial = None;
                    match tried {
                        Ok(socket) => return Outcome::Better(socket),
                        Err(error) => {
                            tracing::debug!(%error, "WebSockets still do not get through");
                            self.hubs[at].chooser.still_blocked(Instant::now(), dice());
                        }
                    }
                    Vec::new()
                }
                Ok(()) = live.has.changed(), if online => {
                    // What a machine has is told in hello.
                    return Outcome::Ended(Ending::Own("the machine has other plugins or readers now".to_owned()));
                }
                () = stop.cancelled() => return Outcome::Ended(Ending::Own("the agent is stopping".to_owned())),
            };
            for action in actions {
                if let Err(ending) = self.act(live, action).await {
                    return Outcome::Ended(ending);
                }
            }
        }
    }

    /// The hub has welcomed us.
    fn greeted(&mut self, kind: TransportKind, at: usize) {
        let Hub { address, chooser } = &mut self.hubs[at];
        let over = if kind == TransportKind::Https {
            "HTTPS"
        } else {
            chooser.websocket_works();
            "WebSocket"
        };
        tracing::info!(hub = %address, over, "connected to the hub");
        self.show.send_replace(LinkState::Online { hub: address.to_string(), over });
    }

    /// When to try a WebSocket beside this session.
    fn trial_due(&self, live: &Live, at: usize) -> Option<Instant> {
        let on_https = live.line.kind() == TransportKind::Https && live.session.is_live();
        self.hubs[at].chooser.again_at().filter(|_| on_https && live.trial.is_none())
    }

    fn try_websocket(&self, at: usize) -> Trial {
        let (dialer, hub) = (self.dialer.clone(), self.hubs[at].address.clone());
        let credential = self.identity.credential.clone();
        async move { websocket::prove(&dialer, &hub, &credential).await }.boxed()
    }

    async fn act(&mut self, live: &mut Live, action: Action) -> Result<(), Ending> {
        match action {
            Action::Send(frame) => live.line.send(&frame).await,
            Action::Beat => {
                live.line.send(&FromAgent::Heartbeat { active: self.links.runs().working }).await?;
                live.line.ping().await
            }
            Action::Fetch => {
                let links = Arc::clone(&self.links);
                live.fetch = Some(async move { links.spool.ask(SpoolMsg::HandOut).await }.boxed());
                Ok(())
            }
            Action::Acknowledge { spool_id, through } => {
                self.links.spool.tell(SpoolMsg::Acknowledge { spool_id, through }).map_err(own)
            }
            Action::Command(command) => self.links.runner.tell(RunnerMsg::Command(command)).map_err(own),
            Action::SaveCredential(credential) => self.save(live, credential).await,
            Action::End(ending) => Err(ending),
        }
    }

    async fn save(&mut self, live: &mut Live, credential: Secret) -> Result<(), Ending> {
        let identity = Identity { credential, ..self.identity.clone() };
        let (folder, copy) = (self.data_dir.clone(), identity.clone());
        crate::disk::off_thread(move || copy.save(&folder))
            .await
            .map_err(|error| Ending::Own(format!("the new credential could not be saved: {error}")))?;
        self.identity = identity;
        tracing::info!("the agent's credential was renewed");
        live.line.send(&FromAgent::CredentialSaved).await
    }
}

fn own(absent: Absent) -> Ending {
    Ending::Own(absent.to_string())
}

/// Pending for ever while there is nothing to wait for.
async fn pending_or<T>(future: &mut Option<BoxFuture<'static, T>>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

async fn at_instant(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant.into()).await,
        None => std::future::pending().await,
    }
}

fn framed(batch: Batch) -> Option<(FromAgent, u64)> {
    let Batch { spool_id, reports } = batch;
    let last = reports.last()?.seq;
    Some((FromAgent::Reports { spool_id, reports }, last))
}
