//! Retailers that live in memory and keep to the contract of the actors: revisions, conflicts, idempotency.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use actors::domain::{EntityId, Sealed, SecretHash};
use actors::retailer::request::{Draft, ListOf, Request, Response, Router};
use futures_util::future::BoxFuture;
use messages::http::agents::{AgentView, Enrolment};
use messages::http::destinations::DestinationView;
use messages::http::jobs::JobView;
use messages::http::paging::Page;
use messages::http::retailers::RetailerView;
use messages::http::runs::{RunView, Trigger};
use messages::http::stores::StoreView;
use messages::live::Entity;
use messages::run::{Presence, Progress, RunState};
use messages::{AgentId, DestinationId, ErrorCode, JobId, Problem, RetailerId, Timestamp, Version};

#[derive(Default)]
pub(super) struct FakeRouter {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    things: HashMap<(RetailerId, EntityId), Entity>,
    receipts: HashMap<(RetailerId, String), EntityId>,
    tokens: HashMap<(RetailerId, AgentId), SecretHash>,
    sealed: HashMap<DestinationId, Sealed>,
    asked: Vec<String>,
}

impl FakeRouter {
    pub(super) fn put_retailer(&self, view: RetailerView) {
        self.inner.lock().unwrap().things.insert((view.id, EntityId::Retailer), Entity::Retailer(view));
    }

    pub(super) fn sealed(&self, destination: DestinationId) -> Option<Sealed> {
        self.inner.lock().unwrap().sealed.get(&destination).cloned()
    }

    /// Every request as it would be printed.
    pub(super) fn asked(&self) -> Vec<String> {
        self.inner.lock().unwrap().asked.clone()
    }
}

impl Router for FakeRouter {
    fn ask(
        &self,
        retailer: RetailerId,
        request: Request,
        _: Duration,
    ) -> BoxFuture<'_, Result<Response, Problem>> {
        Box::pin(async move {
            let mut inner = self.inner.lock().unwrap();
            inner.asked.push(format!("{request:?}"));
            inner.answer(retailer, request)
        })
    }
}

impl Inner {
    fn answer(&mut self, retailer: RetailerId, request: Request) -> Result<Response, Problem> {
        let making = matches!(request, Request::Create { id: EntityId::Retailer, .. });
        if !making && !self.things.contains_key(&(retailer, EntityId::Retailer)) {
            return Err(ErrorCode::NotFound.into());
        }
        match request {
            Request::Get(id) => self.get(retailer, id).map(entity),
            Request::List { of, .. } => {
                let items: Vec<Entity> = self
                    .things
                    .iter()
                    .filter(|((r, id), _)| *r == retailer && is(*id, of))
                    .map(|(_, e)| e.clone())
                    .collect();
                Ok(Response::Page(Page { total: items.len() as u64, items, next: None }))
            }
            Request::Create { id, draft, idempotency, .. } => {
                if let Some(made) =
                    idempotency.as_ref().and_then(|key| self.receipts.get(&(retailer, key.clone())))
                {
                    return self.get(retailer, *made).map(entity);
                }
                if let Some(key) = idempotency {
                    self.receipts.insert((retailer, key), id);
                }
                self.write(retailer, id, draft, Version(1));
                self.get(retailer, id).map(entity)
            }
            Request::Update { id, draft, expected, .. } => {
                self.expect(retailer, id, expected)?;
                self.write(retailer, id, draft, expected.next());
                self.get(retailer, id).map(entity)
            }
            Request::Delete { id, expected, .. } => {
                self.expect(retailer, id, expected)?;
                self.things.remove(&(retailer, id));
                Ok(Response::Done)
            }
            Request::StartRun { job, run, .. } => {
                self.get(retailer, EntityId::Job(job))?;
                let view = run_view(retailer, job, run);
                self.things.insert((retailer, EntityId::Run(run)), Entity::Run(view));
                self.get(retailer, EntityId::Run(run)).map(entity)
            }
            Request::CancelRun { run, .. }
            | Request::ApproveRun { stopped: run, .. }
            | Request::RefuseRun { stopped: run, .. } => self.get(retailer, EntityId::Run(run)).map(entity),
            Request::OfferEnrolment { agent, token, .. } => {
                self.get(retailer, EntityId::Agent(agent))?;
                self.tokens.insert((retailer, agent), token);
                Ok(Response::Done)
            }
            Request::Enrol { agent, token, .. } => match self.tokens.remove(&(retailer, agent)) {
                Some(known) if known == token => {
                    Ok(Response::Enrolled { agent_name: "Till 1".into(), retailer_name: "FreshMart".into() })
                }
                _ => Err(ErrorCode::EnrolmentTokenWrong.into()),
            },
            Request::Revoke { agent, .. } | Request::Rotate { agent, .. } => {
                self.get(retailer, EntityId::Agent(agent)).map(|_| Response::Done)
            }
            _ => Err(ErrorCode::Internal.into()),
        }
    }

    fn get(&self, retailer: RetailerId, id: EntityId) -> Result<Entity, Problem> {
        let missing = || Problem::new(ErrorCode::NotFound, format!("there is no such {}", id.kind()));
        self.things.get(&(retailer, id)).cloned().ok_or_else(missing)
    }

    fn expect(&self, retailer: RetailerId, id: EntityId, expected: Version) -> Result<(), Problem> {
        let current = self.get(retailer, id)?;
        let value = serde_json::to_value(&current).unwrap();
        if value["rev"] == expected.0 {
            return Ok(());
        }
        Err(Problem::from(ErrorCode::Conflict).with_current(value))
    }

    fn write(&mut self, retailer: RetailerId, id: EntityId, draft: Draft, rev: Version) {
        let now = Timestamp(1_800_000_000_000);
        let made = match (id, draft) {
            (EntityId::Retailer, Draft::Retailer(spec)) => {
                Entity::Retailer(RetailerView { id: retailer, rev, spec, created_at: now, updated_at: now })
            }
            (EntityId::Store(id), Draft::Store(spec)) => Entity::Store(StoreView {
                id,
                retailer_id: retailer,
                rev,
                spec,
                created_at: now,
                updated_at: now,
            }),
            (EntityId::Agent(id), Draft::Agent(spec)) => Entity::Agent(AgentView {
                id,
                retailer_id: retailer,
                rev,
                spec,
                enrolment: Enrolment::NotEnrolled,
                token_expires_at: None,
                enrolled_at: None,
                presence: Presence::Never,
                last_seen_at: None,
                machine: None,
                created_at: now,
                updated_at: now,
            }),
            (EntityId::Destination(id), Draft::Destination { name, config, enabled, credentials }) => {
                if let Some(sealed) = credentials {
                    self.sealed.insert(id, sealed);
                }
                Entity::Destination(DestinationView {
                    id,
                    retailer_id: retailer,
                    rev,
                    name,
                    config,
                    enabled,
                    has_credentials: self.sealed.contains_key(&id),
                    created_at: now,
                    updated_at: now,
                })
            }
            (EntityId::Job(id), draft @ (Draft::Job(_) | Draft::OpenedJob { .. })) => Entity::Job(JobView {
                id,
                retailer_id: retailer,
                rev,
                spec: draft.as_job().unwrap().0.clone(),
                has_source_credentials: draft.as_job().unwrap().1.is_some(),
                last_run: None,
                standing: Box::default(),
                created_at: now,
                updated_at: now,
            }),
            (id, draft) => panic!("{id:?} does not go with {draft:?}"),
        };
        self.things.insert((retailer, id), made);
    }
}

fn entity(entity: Entity) -> Response {
    Response::Entity(Box::new(entity))
}

fn is(id: EntityId, of: ListOf) -> bool {
    matches!(
        (id, of),
        (EntityId::Store(_), ListOf::Stores)
            | (EntityId::Agent(_), ListOf::Agents)
            | (EntityId::Destination(_), ListOf::Destinations)
            | (EntityId::Job(_), ListOf::Jobs)
    )
}

fn run_view(retailer_id: RetailerId, job_id: JobId, id: messages::RunId) -> RunView {
    RunView {
        id,
        retailer_id,
        rev: Version(1),
        job_id,
        job_name: "Export".into(),
        agent_id: AgentId::new(),
        state: RunState::Queued,
        trigger: Trigger::Manual,
        progress: Progress::default(),
        attempt: 0,
        cancelling: false,
        failure: None,
        transitions: Vec::new(),
        timeout_s: 60,
        slot: None,
        retry_of: None,
        try_no: 1,
        not_before: None,
        expires_at: None,
        moved: None,
        mode: messages::export::RunMode::Usual,
        survey: None,
        verdict: None,
        approves: None,
        created_at: Timestamp(1_800_000_000_000),
        started_at: None,
        finished_at: None,
    }
}
