//! The keeper of links: keeps the book of connections and does what it says.
//!
//! Place in the tree: child of the hub's supervisor, one per process; over it `ractor_cluster`'s `NodeServer` with its
//! sessions, and [`HubLink`]. When one of these ends, the keeper ends with it (ractor's rule for whoever does not handle
//! its children's ends) and is started anew, and with it everything: a link is cheap to make, and a half-broken one is
//! worth nothing. It never waits: dialling and heartbeats are tasks whose news come back as messages.
//!
//! Limits: [`MAX_NODES`](super::book::MAX_NODES) nodes; connections that have not greeted are bounded at the door.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use actors::observe::Observable;
use messages::Timestamp;
use messages::ids::BootId;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use ractor_cluster::node::NodeConnectionMode;
use ractor_cluster::{IncomingEncryptionMode, NodeServer, NodeServerMessage, NodeSessionMessage};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio_rustls::TlsStream;
use tokio_util::sync::CancellationToken;

use super::api::{LinkView, Lost};
use super::book::{Book, Do};
use super::dial::{DialError, dial};
use super::door::{self, Guest};
use super::envelope::MAX_FRAME;
use super::greeting::Secrets;
use super::hub_link::{self, HubLink, guarded};
use super::live::{Live, Sign};
use super::sessions::{SessionEvent, Sessions};
use super::tls::{LinkTls, LinkTlsError};
use super::{Shared, lock, socket};

/// Fine enough for a first wait of 200 ms.
const TICK: Duration = Duration::from_millis(50);
/// Name of our subscription to the events of sessions.
const SUBSCRIPTION: &str = "links";

pub(super) struct Keeper;

pub(super) struct Arguments {
    pub(super) shared: Arc<Shared>,
}

pub(super) enum KeeperMsg {
    /// The list of living nodes was replaced.
    Wanted,
    Tick,
    Dialled {
        boot: BootId,
        outcome: Result<Box<TlsStream<TcpStream>>, DialError>,
    },
    Accepted(Box<Guest>),
    Session {
        conn: u64,
        event: SessionEvent,
    },
    Heard {
        conn: u64,
        sign: Sign,
    },
    /// The certificate files were looked into.
    Renewed(Result<Option<LinkTls>, LinkTlsError>),
    Observe(RpcReplyPort<Value>),
}

impl ractor::Message for KeeperMsg {}

impl Observable for KeeperMsg {
    fn observe(reply: RpcReplyPort<Value>) -> Self {
        Self::Observe(reply)
    }
}

pub(super) struct State {
    shared: Arc<Shared>,
    secrets: Arc<Secrets>,
    book: Book,
    conns: HashMap<u64, Conn>,
    conns_made: u64,
    server: ActorRef<NodeServerMessage>,
    renew_at: Instant,
    /// What was wrong with the certificate files last time.
    renew_problem: Option<String>,
    /// Of the certificate, when they are few.
    days_left: Option<u32>,
    _door: AbortOnDrop,
}

/// One connection, from its greeting to its end.
struct Conn {
    boot: BootId,
    dialled: bool,
    /// Until it is handed to `ractor_cluster`.
    stream: Option<Box<TlsStream<TcpStream>>>,
    cut: CancellationToken,
    session: Option<(ActorRef<NodeSessionMessage>, u64)>,
    ready: bool,
    live: Option<Arc<Live>>,
}

struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Drop for Conn {
    /// However the keeper ends, no connection outlives it.
    fn drop(&mut self) {
        self.cut.cancel();
    }
}

impl Actor for Keeper {
    type Msg = KeeperMsg;
    type State = State;
    type Arguments = Arguments;

    async fn pre_start(
        &self,
        myself: ActorRef<KeeperMsg>,
        arguments: Arguments,
    ) -> Result<State, ActorProcessingErr> {
        let shared = arguments.shared;
        // Links of a former life that ended without a word.
        forget_all(&shared);
        let secrets = Arc::new(Secrets::of(&shared.config.cluster));
        let boot = shared.boot.to_string();
        // Its own listener cannot be left out. Nobody needs it, so it gets the narrowest address and asks for the same
        // certificates. The host name is the boot id: nodes that call themselves alike refuse each other.
        let server = NodeServer::new(
            0,
            secrets.cookie.clone(),
            "hub".to_owned(),
            boot,
            Some(IncomingEncryptionMode::Tls(shared.tls().acceptor())),
            Some(NodeConnectionMode::Isolated),
        )
        .with_listen_addr(IpAddr::V4(Ipv4Addr::LOCALHOST))
        .with_max_inbound_frame_size(MAX_FRAME);
        Actor::spawn_linked(None, HubLink, shared.clone(), myself.get_cell()).await?;
        let (server, _) = Actor::spawn_linked(None, server, (), myself.get_cell()).await?;
        let subscription = Box::new(Sessions { keeper: myself.clone() });
        server
            .cast(NodeServerMessage::SubscribeToEvents { id: SUBSCRIPTION.to_owned(), subscription })
            .map_err(|_| "the node server has ended while starting")?;
        let door = tokio::spawn(door::run(shared.clone(), secrets.clone(), myself.clone()));
        myself.send_interval(TICK, || KeeperMsg::Tick);
        Ok(State {
            book: Book::new(shared.boot, shared.config.terms),
            conns: HashMap::new(),
            conns_made: 0,
            server,
            renew_at: Instant::now() + shared.config.terms.renew,
            renew_problem: None,
            days_left: None,
            _door: AbortOnDrop(door.abort_handle()),
            secrets,
            shared,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<KeeperMsg>,
        message: KeeperMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let now = Instant::now();
        let todo = match message {
            KeeperMsg::Wanted => {
                let peers = lock(&state.shared.wanted).clone();
                state.book.list(now, &peers)
            }
            KeeperMsg::Tick => {
                state.look_for_links(&myself);
                state.look_for_certificates(&myself, now);
                let todo = state.book.tick(now);
                if todo.is_empty() {
                    return Ok(());
                }
                todo
            }
            KeeperMsg::Dialled { boot, outcome } => state.dialled(now, boot, outcome),
            KeeperMsg::Accepted(guest) => {
                let conn = state.take_in(guest.boot, false, guest.stream);
                state.book.accepted(now, guest.boot, guest.address, conn)
            }
            KeeperMsg::Session { conn, event } => state.session(&myself, now, conn, event),
            KeeperMsg::Heard { conn, sign: Sign::Answered } => state.book.answered(now, conn),
            KeeperMsg::Heard { conn, sign: Sign::Silent } => state.book.silent(now, conn),
            KeeperMsg::Renewed(outcome) => {
                state.renewed(outcome);
                return Ok(());
            }
            KeeperMsg::Observe(reply) => {
                if reply.send(state.snapshot()).is_err() {
                    tracing::trace!("whoever asked for the snapshot is gone");
                }
                return Ok(());
            }
        };
        for act in todo {
            state.act(&myself, act);
        }
        state.publish(now);
        Ok(())
    }

    async fn post_stop(
        &self,
        myself: ActorRef<KeeperMsg>,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        state.conns.clear();
        forget_all(&state.shared);
        lock(&state.shared.views).clear();
        // Sessions must be gone from the process groups before a next life looks into them.
        if state.server.get_cell().stop_and_wait(Some("the links stop".into()), Some(STOP)).await.is_err() {
            tracing::debug!("the node server was gone already, or did not stop in time");
        }
        myself.get_cell().stop_children_and_wait(Some("the links stop".into()), Some(STOP)).await;
        Ok(())
    }
}

/// Sessions end as soon as their connections are cut.
const STOP: Duration = Duration::from_secs(2);

impl State {
    fn take_in(&mut self, boot: BootId, dialled: bool, stream: Box<TlsStream<TcpStream>>) -> u64 {
        self.conns_made += 1;
        let conn = Conn {
            boot,
            dialled,
            stream: Some(stream),
            cut: CancellationToken::new(),
            session: None,
            ready: false,
            live: None,
        };
        self.conns.insert(self.conns_made, conn);
        self.conns_made
    }

    fn dialled(
        &mut self,
        now: Instant,
        boot: BootId,
        outcome: Result<Box<TlsStream<TcpStream>>, DialError>,
    ) -> Vec<Do> {
        match outcome {
            Ok(stream) => {
                let conn = self.take_in(boot, true, stream);
                self.book.dialled(now, boot, conn)
            }
            Err(problem) => {
                let problem = problem.to_string();
                if self.book.not_dialled(now, boot, problem.clone()) {
                    tracing::warn!(peer = %boot, problem, "another hub node cannot be linked; trying on, said once");
                }
                Vec::new()
            }
        }
    }

    fn session(
        &mut self,
        myself: &ActorRef<KeeperMsg>,
        now: Instant,
        conn: u64,
        event: SessionEvent,
    ) -> Vec<Do> {
        match event {
            SessionEvent::Opened { session, node_id } => match self.conns.get_mut(&conn) {
                Some(known) if !known.cut.is_cancelled() => known.session = Some((session, node_id)),
                _ => session.stop(Some("cut before it began".into())),
            },
            SessionEvent::Ready => {
                if let Some(known) = self.conns.get_mut(&conn) {
                    known.ready = true;
                }
                self.look_for_links(myself);
            }
            SessionEvent::Ended => {
                self.retire(conn);
                self.conns.remove(&conn);
                return self.book.ended(now, conn);
            }
        }
        Vec::new()
    }

    /// Connections whose session is ready, and whose link is known by now, are pinged.
    fn look_for_links(&mut self, myself: &ActorRef<KeeperMsg>) {
        let shared = &self.shared;
        for (&number, conn) in &mut self.conns {
            let Some((_, node_id)) = &conn.session else { continue };
            if !conn.ready || conn.live.is_some() || conn.cut.is_cancelled() {
                continue;
            }
            let Some(link) = hub_link::find(conn.boot, *node_id) else { continue };
            let terms = shared.config.terms;
            let live = Arc::new(Live::new(shared.boot, conn.boot, number, link, terms, conn.cut.clone()));
            conn.live = Some(live.clone());
            shared.live.write().unwrap_or_else(PoisonError::into_inner).insert(conn.boot, live.clone());
            let keeper = myself.clone();
            tokio::spawn(live.beat(move |sign| {
                if keeper.cast(KeeperMsg::Heard { conn: number, sign }).is_err() {
                    tracing::debug!("the keeper of links has ended before its heartbeat");
                }
            }));
        }
    }

    fn look_for_certificates(&mut self, myself: &ActorRef<KeeperMsg>, now: Instant) {
        if now < self.renew_at {
            return;
        }
        self.renew_at = now + self.shared.config.terms.renew;
        let (tls, keeper) = (self.shared.tls(), myself.clone());
        tokio::task::spawn_blocking(move || {
            if keeper.cast(KeeperMsg::Renewed(tls.renewed())).is_err() {
                tracing::debug!("the keeper of links has ended while certificates were read");
            }
        });
    }

    fn renewed(&mut self, outcome: Result<Option<LinkTls>, LinkTlsError>) {
        match outcome {
            Ok(fresh) => {
                self.renew_problem = None;
                if let Some(fresh) = fresh {
                    tracing::info!("the certificates of hub links were renewed");
                    self.shared.replace_tls(fresh);
                }
                self.look_at_the_end();
            }
            Err(error) => {
                let problem = error.to_string();
                if self.renew_problem.as_ref() != Some(&problem) {
                    tracing::error!(problem, "renewed certificates cannot be used; the former ones stay");
                }
                self.renew_problem = Some(problem);
            }
        }
    }

    /// A certificate that nobody renews takes the node out of the cluster: said once for each day that is left.
    fn look_at_the_end(&mut self) {
        let days_left = self.shared.tls().days_left();
        if let Some(days) = days_left
            && self.days_left != days_left
        {
            tracing::warn!(
                days,
                "the certificate of hub links runs out soon; put a renewed one in its files"
            );
        }
        self.days_left = days_left;
    }

    fn act(&mut self, myself: &ActorRef<KeeperMsg>, act: Do) {
        match act {
            Do::Dial { boot, address } => {
                let (shared, secrets, keeper) = (self.shared.clone(), self.secrets.clone(), myself.clone());
                tokio::spawn(async move {
                    let outcome = dial(&shared, &secrets, boot, &address).await.map(Box::new);
                    if keeper.cast(KeeperMsg::Dialled { boot, outcome }).is_err() {
                        tracing::debug!("the keeper of links has ended while dialling");
                    }
                });
            }
            Do::Open { conn } => self.open(conn),
            Do::Cut { conn } => self.cut(conn),
            Do::Up { boot, conn } => {
                if let Some(live) = self.conns.get(&conn).and_then(|known| known.live.as_ref()) {
                    live.announce();
                }
                tracing::info!(peer = %boot, "linked");
                guarded("a link that is up", || self.shared.inbound.link_up(boot));
            }
            Do::Down { boot, why } => {
                tracing::warn!(peer = %boot, %why, "link lost");
                guarded("a link that is down", || self.shared.inbound.link_down(boot, why));
            }
        }
    }

    fn open(&mut self, number: u64) {
        let Some(conn) = self.conns.get_mut(&number) else { return };
        let Some(tls) = conn.stream.take() else { return };
        let stream = Box::new(socket::Stream { tls, conn: number, cut: conn.cut.clone() });
        let opened = NodeServerMessage::ConnectionOpenedExternal { stream, is_server: !conn.dialled };
        if self.server.cast(opened).is_err() {
            tracing::debug!("the node server has ended; the keeper is about to");
        }
    }

    fn cut(&mut self, number: u64) {
        self.retire(number);
        let Some(conn) = self.conns.get_mut(&number) else { return };
        conn.cut.cancel();
        if let Some((session, _)) = &conn.session {
            session.stop(Some("the link was cut".into()));
        }
        // One that was never handed over has no session whose end would be reported.
        if conn.stream.is_some() {
            self.conns.remove(&number);
        }
    }

    /// The connection carries nothing any more.
    fn retire(&self, number: u64) {
        let Some(conn) = self.conns.get(&number) else { return };
        conn.cut.cancel();
        let mut live = self.shared.live.write().unwrap_or_else(PoisonError::into_inner);
        if live.get(&conn.boot).is_some_and(|live| live.conn == number) {
            live.remove(&conn.boot);
        }
    }

    fn publish(&self, now: Instant) {
        let wall = Timestamp::now();
        let view = |row: super::book::Row| LinkView {
            peer: row.boot,
            address: row.address,
            state: row.state,
            since: wall - now.saturating_duration_since(row.since),
            round_trip: None,
            in_flight: 0,
            unconfirmed: 0,
            dropped: 0,
            losses: row.losses,
            problem: row.problem,
        };
        *lock(&self.shared.views) = self.book.rows().into_iter().map(view).collect();
    }

    fn snapshot(&self) -> Value {
        let counts = &self.shared.counts;
        let up = |live: &&Arc<Live>| live.is_announced();
        let get = |counter: &std::sync::atomic::AtomicU64| counter.load(std::sync::atomic::Ordering::Relaxed);
        json!({
            "nodes": self.book.rows().len(),
            "connections": self.conns.len(),
            "connections_made": self.conns_made,
            "up": self.conns.values().filter_map(|conn| conn.live.as_ref()).filter(up).count(),
            "asked": get(&counts.asks),
            "told": get(&counts.tells),
            "pinged": get(&counts.pings),
            "missed_tells": get(&counts.missed),
            "busy": get(&counts.busy),
            "late": get(&counts.late),
            "failed": get(&counts.failed),
            "unreadable": get(&counts.unreadable),
            "certificate_problem": self.renew_problem, "certificate_days_left": self.days_left,
        })
    }
}

/// Those who were told that a link is up are told that it is down.
fn forget_all(shared: &Shared) {
    let former = std::mem::take(&mut *shared.live.write().unwrap_or_else(PoisonError::into_inner));
    for (boot, live) in former {
        if live.is_announced() {
            guarded("a link that is down", || shared.inbound.link_down(boot, Lost::Stopped));
        }
    }
}
