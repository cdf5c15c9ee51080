//! The console connection and the live hub, against a scripted retailer.

mod following;
mod greeting;
mod hub;
mod lagging;

use std::sync::Arc;
use std::time::Duration;

use messages::agent::Frame;
use messages::http::retailers::RetailerSummary;
use messages::live::{Change, EntityKey, FromConsole, Subscription, ToConsole, Topic};
use messages::permission::{RetailerScope, Role};
use messages::{ConnId, ErrorCode, RetailerId, Secret, SessionId, Timestamp, UserId, Version};
use ractor::ActorRef;
use tokio::sync::mpsc;

use super::{Arguments, LiveConn, LiveConnMsg, OUTBOUND};
use crate::live_hub::fleet::Fleet;
use crate::live_hub::{self, Consoles, LiveHub};
use crate::observe::Register;
use crate::ports::{LiveFeed as _, Publication, Visitor};
use crate::retailer::request::{Request, Response, Watched, WatchedDelta};
use crate::supervise::{ChildSpec, RestartPolicy, SupervisorArgs, SupervisorHandle};
use crate::testkit::fakes::{Door, Figures};
use crate::testkit::router::ScriptedRouter;
use crate::testkit::wait_until;

/// The live part of a hub.
struct Live {
    router: Arc<ScriptedRouter>,
    door: Arc<Door>,
    figures: Arc<Figures>,
    fleet: Fleet,
    consoles: Consoles,
    register: Register,
    supervisor: SupervisorHandle,
}

impl Live {
    async fn start() -> Self {
        let register = Register::default();
        let args = SupervisorArgs { path: "live".into(), register: register.clone(), children: vec![] };
        let supervisor = SupervisorHandle::root(args).await.unwrap();
        let (figures, fleet, consoles) = (Figures::new(), Fleet::default(), Consoles::default());
        let (board, rows, there) = (figures.clone(), fleet.clone(), consoles.clone());
        let make = move || {
            let (board, fleet, consoles) = (board.clone(), rows.clone(), there.clone());
            (LiveHub, live_hub::Arguments { board, fleet, consoles })
        };
        let there = consoles.clone();
        let announce = move |hub| there.set_hub(hub);
        let spec = ChildSpec::announced("hub", "live_hub", RestartPolicy::ESSENTIAL, make, announce);
        supervisor.ensure(spec, Duration::from_secs(5)).await.unwrap();
        let (router, door) = (ScriptedRouter::new(), Arc::<Door>::default());
        router.script(|request| snapshot_at(5, request));
        Self { router, door, figures, fleet, consoles, register, supervisor }
    }

    /// A visitor who is let in with the token of the same name.
    fn let_in(&self, token: &str, role: Role, scope: RetailerScope) -> Visitor {
        let until = Timestamp::now() + Duration::from_secs(600);
        let visitor = Visitor { user: UserId::new(), session: SessionId::new(), role, scope, until };
        self.admit(token, visitor.clone());
        visitor
    }

    fn admit(&self, token: &str, visitor: Visitor) {
        self.door.visitors.lock().unwrap().insert(token.into(), visitor);
    }

    async fn open(&self) -> Tab {
        let (to_socket, out) = mpsc::channel(OUTBOUND);
        let conn = ConnId::new();
        let to_socket = std::sync::Mutex::new(Some(to_socket));
        let (router, doorman, board) = (self.router.clone(), self.door.clone(), self.figures.clone());
        let (fleet, consoles) = (self.fleet.clone(), self.consoles.clone());
        let make = move || {
            let arguments = Arguments {
                conn,
                router: router.clone(),
                doorman: doorman.clone(),
                board: board.clone(),
                fleet: fleet.clone(),
                consoles: consoles.clone(),
                outbound: to_socket.lock().unwrap().take().unwrap(),
            };
            (LiveConn, arguments)
        };
        let (tell, mut told) = mpsc::unbounded_channel();
        let announce = move |actor| tell.send(actor).unwrap();
        let id = format!("tab:{conn}");
        let spec = ChildSpec::announced(id, "live_conn", RestartPolicy::BOUND, make, announce);
        self.supervisor.ensure(spec, Duration::from_secs(5)).await.unwrap();
        let actor = told.recv().await.unwrap();
        self.consoles.put(conn, actor.clone());
        Tab { actor, out }
    }

    /// An administrator's tab.
    async fn admin(&self) -> Tab {
        self.let_in("admin", Role::Admin, RetailerScope::default());
        let mut tab = self.open().await;
        tab.hello("admin").await;
        tab
    }

    fn commit(&self, topic: Topic, version: u64) {
        self.consoles.publish(committed(topic, version));
    }

    /// The questions for topics' states so far.
    fn watches(&self) -> Vec<(Topic, Option<u64>)> {
        let asked = self.router.asked();
        let watches = asked.iter().filter_map(|request| match request {
            Request::Watch { topic, since } => Some((*topic, since.map(|version| version.0))),
            _ => None,
        });
        watches.collect()
    }

    /// Waits until the hub knows so many watchers.
    async fn until_watchers(&self, count: u64) {
        loop {
            let actors = self.register.list().await.actors;
            let hub = actors.iter().find(|actor| actor.kind == "live_hub").unwrap();
            if hub.snapshot["watchers"] == count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await; // poll: looked at again
        }
    }

    async fn finish(self) {
        self.supervisor.stop("the test is over").await;
        wait_until("no actor is left", || self.register.paths().is_empty()).await;
    }
}

/// One browser tab, seen from the wire.
struct Tab {
    actor: ActorRef<LiveConnMsg>,
    out: mpsc::Receiver<Arc<str>>,
}

impl Tab {
    fn say(&self, frame: FromConsole) {
        self.actor.cast(LiveConnMsg::Frame(frame)).unwrap();
    }

    async fn hello(&mut self, token: &str) {
        self.say(FromConsole::Hello { token: Secret::new(token) });
        let answer = self.next().await;
        assert!(matches!(answer, ToConsole::Welcome { .. }), "{answer:?}");
    }

    fn subscribe(&self, topic: Topic, since: Option<u64>) {
        let subscription = Subscription { topic, since: since.map(Version) };
        self.say(FromConsole::Subscribe { topics: vec![subscription] });
    }

    /// Subscribes and takes the snapshot.
    async fn follow(&mut self, topic: Topic) {
        self.subscribe(topic, None);
        let answer = self.next().await;
        assert!(matches!(answer, ToConsole::Snapshot { topic: of, .. } if of == topic), "{answer:?}");
    }

    async fn next(&mut self) -> ToConsole {
        let text = tokio::time::timeout(Duration::from_secs(100), self.out.recv()).await;
        let text = text.expect("a frame in time").expect("an open socket");
        serde_json::from_str::<Frame<ToConsole>>(&text).unwrap().body
    }

    /// The versions that the next frame leads from and to.
    async fn delta(&mut self) -> (u64, u64) {
        match self.next().await {
            ToConsole::Delta { after, version, .. } => (after.0, version.0),
            other => panic!("not a delta: {other:?}"),
        }
    }

    async fn refused(&mut self) -> (Topic, ErrorCode) {
        match self.next().await {
            ToConsole::Refused { topic, code, .. } => (topic, code),
            other => panic!("not a refusal: {other:?}"),
        }
    }

    async fn bye(&mut self) -> (ErrorCode, bool) {
        loop {
            match self.next().await {
                ToConsole::Bye { code, retry_after_ms, .. } => {
                    let end = tokio::time::timeout(Duration::from_secs(100), self.out.recv()).await;
                    assert_eq!(end.expect("it closes"), None);
                    return (code, retry_after_ms.is_some());
                }
                ToConsole::Error { .. } | ToConsole::Pong => {}
                other => panic!("not a goodbye: {other:?}"),
            }
        }
    }

    async fn quiet(&mut self) {
        tokio::time::sleep(Duration::from_millis(900)).await; // poll: nothing comes, in virtual time
        assert_eq!(self.out.try_recv(), Err(mpsc::error::TryRecvError::Empty));
    }
}

fn snapshot_at(version: u64, request: &Request) -> Option<Result<Response, messages::Problem>> {
    let watched = Watched::Snapshot { version: Version(version), entities: vec![] };
    matches!(request, Request::Watch { .. }).then_some(Ok(Response::Watched(watched)))
}

fn change(version: u64) -> Change {
    Change::Remove { key: EntityKey { kind: "job".into(), id: version.to_string() } }
}

fn committed(topic: Topic, version: u64) -> Publication {
    let (after, changes) = (Version(version - 1), Arc::new([change(version)]));
    Publication::Committed { topic, after, version: Version(version), changes }
}

fn missed(after: u64, version: u64) -> Watched {
    let delta = |version| WatchedDelta {
        after: Version(version - 1),
        version: Version(version),
        changes: vec![change(version)],
    };
    Watched::Since {
        deltas: (after + 1..=version).map(delta).collect(),
        version: Version(version),
        ticks: vec![],
    }
}

fn row(id: RetailerId, online: u32) -> RetailerSummary {
    RetailerSummary {
        id,
        code: "shop".into(),
        name: "Shop".into(),
        enabled: true,
        stores: 1,
        agents_total: 2,
        agents_online: online,
        jobs: 1,
        runs_active: 0,
        jobs_failing: 0,
        last_run: None,
    }
}
