//! A hub's retailers over fakes: the actors under their supervisors, asked through the host.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use messages::live::Entity;
use messages::run::RunState;
use messages::version::Epoch;
use messages::{AgentId, DestinationId, ErrorCode, JobId, Problem, RetailerId, RunId, Timestamp, Version};

use super::fakes::{Vault, World};
use super::samples::{agent_spec, create, create_retailer, hash, job_spec, local_file, machine, start};
use super::store::FakeStore;
use crate::domain::EntityId;
use crate::host::{Addresses, Host};
use crate::observe::Register;
use crate::ports::ConnAddr;
use crate::retailer::actor::Tools;
use crate::retailer::presence::Generations;
use crate::retailer::request::{Draft, Request, Response, Router as _};
use crate::run::watchers::Watchers;
use crate::supervise::{SupervisorArgs, SupervisorHandle};

pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

pub(crate) struct Bench {
    pub(crate) retailer: RetailerId,
    pub(crate) register: Register,
    pub(crate) host: Arc<Host>,
    pub(crate) store: Arc<FakeStore>,
    pub(crate) world: Arc<World>,
    pub(crate) vault: Arc<Vault>,
    /// The epoch that this node owns everything with; 0: it owns nothing.
    epoch: Arc<AtomicU64>,
    retailers: SupervisorHandle,
    runs: SupervisorHandle,
}

/// What is needed to run something.
#[derive(Clone, Copy)]
pub(crate) struct Site {
    pub(crate) agent: AgentId,
    pub(crate) destination: DestinationId,
    pub(crate) job: JobId,
}

impl Bench {
    pub(crate) async fn empty() -> Self {
        let register = Register::default();
        let root = async |path: &str| {
            let args = SupervisorArgs { path: path.into(), register: register.clone(), children: vec![] };
            SupervisorHandle::root(args).await.unwrap()
        };
        let (retailers, runs) = (root("retailers").await, root("runs").await);
        let (store, world) = (FakeStore::new(), Arc::<World>::default());
        let (addresses, vault) = (Addresses::default(), Arc::<Vault>::default());
        let review = addresses.clone();
        let review = Arc::new(move |retailer, run| review.review(retailer, run));
        let tools = Tools {
            store: store.clone(),
            unsealer: vault.clone(),
            downlink: world.clone(),
            feed: world.clone(),
            watchers: Watchers::new(runs.clone(), world.clone(), review),
            clock: wall,
            longest_wait: crate::retailer::actor::LONGEST_WAIT,
            generations: Generations::default(),
        };
        let epoch = Arc::new(AtomicU64::new(1));
        let owned = epoch.clone();
        let ownership =
            Arc::new(move |_| Some(Epoch(owned.load(Ordering::SeqCst))).filter(|epoch| epoch.0 > 0));
        let host = Arc::new(Host::new(retailers.clone(), addresses, ownership, tools));
        let retailer = RetailerId::new();
        Self { retailer, register, host, store, world, vault, epoch, retailers, runs }
    }

    /// With the retailer made.
    pub(crate) async fn new() -> Self {
        let bench = Self::empty().await;
        bench.ask(create_retailer()).await.unwrap();
        bench
    }

    pub(crate) fn own(&self, epoch: u64) {
        self.epoch.store(epoch, Ordering::SeqCst);
    }

    pub(crate) async fn ask(&self, request: Request) -> Result<Response, Problem> {
        self.ask_within(request, DEADLINE).await
    }

    pub(crate) async fn ask_within(&self, request: Request, deadline: Duration) -> Result<Response, Problem> {
        self.host.ask(self.retailer, request, deadline).await
    }

    /// Asks without waiting for the answer.
    pub(crate) fn ask_later(&self, request: Request) -> tokio::task::JoinHandle<Result<Response, Problem>> {
        let (host, retailer) = (self.host.clone(), self.retailer);
        tokio::spawn(async move { host.ask(retailer, request, DEADLINE).await })
    }

    pub(crate) async fn refusal(&self, request: Request) -> ErrorCode {
        self.ask(request).await.expect_err("it was to be refused").code
    }

    /// An enrolled agent, a destination and a job.
    pub(crate) async fn site(&self) -> Site {
        let site = Site { agent: AgentId::new(), destination: DestinationId::new(), job: JobId::new() };
        let job = job_spec("Export", site.agent, site.destination);
        for (id, draft) in [
            (EntityId::Agent(site.agent), Draft::Agent(agent_spec("Till"))),
            (EntityId::Destination(site.destination), local_file("Folder")),
            (EntityId::Job(site.job), Draft::Job(job)),
        ] {
            self.ask(create(id, draft)).await.unwrap();
        }
        let (agent, expires_at) = (site.agent, Timestamp::now() + Duration::from_secs(60));
        let author = super::samples::author();
        self.ask(Request::OfferEnrolment { agent, token: hash(1), expires_at, author }).await.unwrap();
        let enrol = Request::Enrol { agent, token: hash(1), credential: hash(2), machine: machine() };
        self.ask(enrol).await.unwrap();
        site
    }

    pub(crate) async fn attach(&self, conn: ConnAddr) -> Result<Response, Problem> {
        self.ask(Request::Attach { conn, credential: hash(2), machine: machine(), active: vec![] }).await
    }

    pub(crate) async fn start_run(&self, site: Site) -> RunId {
        let run = RunId::new();
        self.ask(start(site.job, run)).await.unwrap();
        run
    }

    pub(crate) async fn run_state(&self, run: RunId) -> RunState {
        match self.ask(Request::Get(EntityId::Run(run))).await.unwrap() {
            Response::Entity(entity) => match *entity {
                Entity::Run(view) => view.state,
                other => panic!("not a run: {other:?}"),
            },
            other => panic!("not an entity: {other:?}"),
        }
    }

    pub(crate) fn version(&self) -> Version {
        self.store.documents(self.retailer).version
    }

    /// The actor's own path, if it is there.
    pub(crate) fn is_running(&self) -> bool {
        self.register.paths().iter().any(|path| path.starts_with("retailers/retailer:"))
    }

    pub(crate) fn watchers(&self) -> usize {
        self.register.paths().iter().filter(|path| path.starts_with("runs/run:")).count()
    }

    pub(crate) async fn restarts(&self) -> u64 {
        let actors = self.register.list().await.actors;
        actors.iter().filter(|actor| actor.kind == "retailer").map(|actor| actor.restarts).sum()
    }

    /// Stops everything; nothing may be left.
    pub(crate) async fn finish(self) {
        self.runs.stop("the test is over").await;
        self.retailers.stop("the test is over").await;
        assert_eq!(self.register.paths(), Vec::<String>::new(), "actors were left behind");
    }
}

/// Wall time that moves with the runtime's clock, so that a paused test can let days pass.
pub(crate) fn wall() -> Timestamp {
    static START: OnceLock<(Instant, Timestamp)> = OnceLock::new();
    let (instant, at) = START.get_or_init(|| (crate::clock::now(), Timestamp::now()));
    *at + crate::clock::now().duration_since(*instant)
}
