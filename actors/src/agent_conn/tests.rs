//! The connection against a scripted retailer.

mod answers;
mod greeting;
mod reporting;

use std::sync::Arc;
use std::time::Duration;

use messages::agent::{Fact, FromAgent, Hello, Report, ToAgent};
use messages::ids::SpoolId;
use messages::run::LogLevel;
use messages::{AgentId, ErrorCode, RetailerId, RunId, Timestamp};
use ractor::ActorRef;
use tokio::sync::mpsc;

use super::{AgentConn, AgentConnMsg, Arguments, OUTBOUND};
use crate::domain::Run;
use crate::observe::Register;
use crate::ports::ConnAddr;
use crate::run::machine::tests::queued;
use crate::supervise::{ChildSpec, RestartPolicy, SupervisorArgs, SupervisorHandle};
use crate::testkit::fakes::World;
use crate::testkit::router::ScriptedRouter;
use crate::testkit::samples::{conn, hash, machine};
use crate::testkit::store::FakeStore;
use crate::testkit::wait_until;

/// One socket, seen from the wire.
struct Wire {
    router: Arc<ScriptedRouter>,
    store: Arc<FakeStore>,
    world: Arc<World>,
    conn: ConnAddr,
    spool: SpoolId,
    retailer: RetailerId,
    /// One of the agent's own.
    run: RunId,
    actor: ActorRef<AgentConnMsg>,
    out: mpsc::Receiver<ToAgent>,
    register: Register,
    supervisor: SupervisorHandle,
}

impl Wire {
    async fn open() -> Self {
        let (router, store, world) = (ScriptedRouter::new(), FakeStore::new(), Arc::<World>::default());
        let (to_socket, out) = mpsc::channel(OUTBOUND);
        let conn = conn(AgentId::new(), 1);
        let (retailer, run) = (RetailerId::new(), Run { agent_id: conn.agent, ..queued() });
        let run_id = run.id;
        store.put_run(retailer, run);
        let register = Register::default();
        let args = SupervisorArgs { path: "conns".into(), register: register.clone(), children: vec![] };
        let supervisor = SupervisorHandle::root(args).await.unwrap();
        let (asked, stored, told) = (router.clone(), store.clone(), world.clone());
        // Handed over: the socket closes when the actor drops it.
        let to_socket = std::sync::Mutex::new(Some(to_socket));
        let make = move || {
            let arguments = Arguments {
                retailer,
                conn,
                credential: hash(2),
                router: asked.clone(),
                store: stored.clone(),
                feed: told.clone(),
                outbound: to_socket.lock().unwrap().take().unwrap(),
            };
            (AgentConn, arguments)
        };
        let (tell, mut told) = mpsc::unbounded_channel();
        let announce = move |actor| tell.send(actor).unwrap();
        let spec = ChildSpec::announced("agent", "agent_conn", RestartPolicy::BOUND, make, announce);
        supervisor.ensure(spec, Duration::from_secs(5)).await.unwrap();
        let actor = told.recv().await.unwrap();
        Self {
            router,
            store,
            world,
            conn,
            spool: SpoolId::new(),
            retailer,
            run: run_id,
            actor,
            out,
            register,
            supervisor,
        }
    }

    /// After hello and welcome.
    async fn welcomed() -> Self {
        let mut wire = Self::open().await;
        wire.hello(1);
        assert!(matches!(wire.next().await, ToAgent::Welcome { heartbeat_s: 10, .. }));
        wire
    }

    fn say(&self, frame: FromAgent) {
        self.actor.cast(AgentConnMsg::Frame(frame)).unwrap();
    }

    fn hello(&self, next_seq: u64) {
        let hello = Hello { machine: machine(), spool_id: self.spool, next_seq, active: vec![] };
        self.say(FromAgent::Hello(hello));
    }

    /// Log lines with these numbers.
    fn lines(&self, numbers: std::ops::RangeInclusive<u64>) {
        self.report(numbers.map(|seq| (seq, log(seq))).collect());
    }

    fn report(&self, facts: Vec<(u64, Fact)>) {
        self.report_of(self.run, facts);
    }

    fn report_of(&self, run_id: RunId, facts: Vec<(u64, Fact)>) {
        let report = |(seq, fact)| Report { seq, at: Timestamp(0), run_id, fact };
        let reports = facts.into_iter().map(report).collect();
        self.say(FromAgent::Reports { spool_id: self.spool, reports });
    }

    async fn next(&mut self) -> ToAgent {
        let frame = tokio::time::timeout(Duration::from_secs(100), self.out.recv()).await;
        frame.expect("a frame in time").expect("an open socket")
    }

    async fn acked(&mut self) -> u64 {
        match self.next().await {
            ToAgent::Ack { through, spool_id } if spool_id == self.spool => through,
            other => panic!("not an acknowledgement: {other:?}"),
        }
    }

    /// The next frame is a goodbye, and the last.
    async fn bye(&mut self) -> (ErrorCode, Option<u64>) {
        let ToAgent::Bye { code, retry_after_ms, .. } = self.next().await else { panic!("no goodbye") };
        self.closed().await;
        (code, retry_after_ms)
    }

    /// The socket closes without another word.
    async fn closed(&mut self) {
        let end = tokio::time::timeout(Duration::from_secs(100), self.out.recv()).await;
        assert_eq!(end.expect("it closes"), None);
    }

    /// Nothing is sent for a while.
    async fn quiet(&mut self) {
        tokio::time::sleep(Duration::from_secs(1)).await; // poll: nothing comes, in virtual time
        assert_eq!(self.out.try_recv(), Err(mpsc::error::TryRecvError::Empty));
    }

    async fn finish(self) {
        self.supervisor.stop("the test is over").await;
        wait_until("no actor is left", || self.register.paths().is_empty()).await;
    }
}

fn log(seq: u64) -> Fact {
    Fact::Log { level: LogLevel::Info, text: format!("line {seq}") }
}
