//! Decisions as tables of cases, and by property: whatever is asked in whatever order, references stay intact.

mod agents;
mod approval;
mod config;
mod import;
mod keys;
mod runs;
mod schedule;
mod sequences;
mod sources;

use std::time::{Duration, Instant};

use messages::http::agents::AgentSpec;
use messages::http::jobs::JobSpec;
use messages::run::RunState;
use messages::{AgentId, DestinationId, ErrorCode, JobId, Problem, RetailerId, RunId, Timestamp, Version};

use super::{Answer, Context, Decision, decide};
use crate::domain::{EntityId, Run, SecretHash};
use crate::ports::ConnAddr;
use crate::retailer::presence::Connections;
use crate::retailer::request::{Draft, Request};
use crate::retailer::state::State;
use crate::testkit::samples::{
    agent_spec, author, conn, create, create_retailer, hash, job_spec, local_file, machine, start,
};

/// A retailer on a desk: what is decided is applied at once.
#[derive(Clone)]
struct Desk {
    retailer: RetailerId,
    state: State,
    connections: Vec<ConnAddr>,
    now: Timestamp,
}

impl Desk {
    fn empty() -> Self {
        let now = Timestamp(1_000_000);
        Self { retailer: RetailerId::new(), state: State::default(), connections: vec![], now }
    }

    fn new() -> Self {
        let mut desk = Self::empty();
        desk.done(&create_retailer());
        desk
    }

    /// Decides without applying.
    fn judge<T>(&self, with: impl FnOnce(&State, Context<'_>) -> T) -> T {
        let mut connections = Connections::default();
        let instant = Instant::now();
        for conn in &self.connections {
            connections.attach(*conn, vec![], instant, self.now).unwrap();
        }
        let version = self.state.version.next();
        let (retailer, now) = (self.retailer, self.now);
        with(&self.state, Context { retailer, version, now, instant, connections: &connections })
    }

    fn ask(&mut self, request: &Request) -> Result<Decision, Problem> {
        let decision = self.judge(|state, cx| decide(state, request, cx))?;
        self.apply(&decision);
        Ok(decision)
    }

    fn apply(&mut self, decision: &Decision) {
        for write in &decision.writes {
            self.state.apply(write);
        }
        if !decision.writes.is_empty() {
            self.state.version = self.state.version.next();
        }
    }

    fn done(&mut self, request: &Request) -> Decision {
        self.ask(request).unwrap_or_else(|problem| panic!("{request:?} was refused: {problem}"))
    }

    fn refused(&mut self, request: &Request) -> Problem {
        let before = self.state.version;
        let problem = self.ask(request).expect_err("it was to be refused");
        assert_eq!(self.state.version, before);
        problem
    }

    fn code(&mut self, request: &Request) -> ErrorCode {
        self.refused(request).code
    }

    fn connect(&mut self, agent: AgentId, generation: u64) -> ConnAddr {
        let conn = conn(agent, generation);
        self.connections.retain(|known| known.agent != agent);
        self.connections.push(conn);
        conn
    }

    fn attach(&mut self, agent: AgentId, credential: SecretHash, active: Vec<RunId>) -> Decision {
        let conn = self.connect(agent, 1);
        self.done(&Request::Attach { conn, credential, machine: machine(), active })
    }

    fn agent(&mut self, name: &str) -> AgentId {
        let id = AgentId::new();
        self.done(&create(EntityId::Agent(id), Draft::Agent(agent_spec(name))));
        id
    }

    /// An agent with the credential `hash(2)`.
    fn enrolled(&mut self, name: &str) -> AgentId {
        let agent = self.agent(name);
        self.offer(agent, 1, Duration::from_secs(60));
        self.done(&Request::Enrol { agent, token: hash(1), credential: hash(2), machine: machine() });
        agent
    }

    fn offer(&mut self, agent: AgentId, token: u8, life: Duration) {
        let expires_at = self.now + life;
        self.done(&Request::OfferEnrolment { agent, token: hash(token), expires_at, author: author() });
    }

    fn destination(&mut self, name: &str) -> DestinationId {
        let id = DestinationId::new();
        self.done(&create(EntityId::Destination(id), local_file(name)));
        id
    }

    fn job(&mut self, name: &str, agent: AgentId, destination: DestinationId) -> JobId {
        let id = JobId::new();
        self.done(&create(EntityId::Job(id), Draft::Job(job_spec(name, agent, destination))));
        id
    }

    /// A job with an enrolled agent.
    fn site(&mut self) -> (AgentId, DestinationId, JobId) {
        let (agent, destination) = (self.enrolled("Till"), self.destination("Folder"));
        (agent, destination, self.job("Export", agent, destination))
    }

    fn start(&mut self, job: JobId) -> RunId {
        let run = RunId::new();
        self.done(&start(job, run));
        run
    }

    fn run(&self, id: RunId) -> &Run {
        &self.state.runs[&id]
    }

    fn run_state(&self, id: RunId) -> RunState {
        self.run(id).state
    }

    fn revision(&self, id: EntityId) -> Version {
        match id {
            EntityId::Retailer => self.state.retailer.as_ref().unwrap().stamp.rev,
            EntityId::Store(id) => self.state.stores[&id].stamp.rev,
            EntityId::Agent(id) => self.state.agents[&id].stamp.rev,
            EntityId::Destination(id) => self.state.destinations[&id].stamp.rev,
            EntityId::Job(id) => self.state.jobs[&id].stamp.rev,
            EntityId::Run(id) => self.state.runs[&id].stamp.rev,
        }
    }

    fn agent_spec(&self, id: AgentId) -> AgentSpec {
        self.state.agents[&id].spec.clone()
    }

    fn job_spec(&self, id: JobId) -> JobSpec {
        self.state.jobs[&id].spec.clone()
    }
}

fn made(decision: &Decision) -> EntityId {
    match decision.answer {
        Answer::Entity(id) => id,
        ref other => panic!("not an entity: {other:?}"),
    }
}
