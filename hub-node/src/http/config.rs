//! Stores, agents, destinations and jobs of a retailer: the same five handlers for each.

use actors::domain::EntityId;
use actors::retailer::request::{Draft, ListOf, Request, Response};
use messages::http::agents::AgentSpec;
use messages::http::destinations::DestinationSpec;
use messages::http::jobs::JobBody;
use messages::http::paging::ListQuery;
use messages::http::stores::StoreSpec;
use messages::live::Entity;
use messages::{AgentId, DestinationId, ErrorCode, JobId, Problem, RetailerId, StoreId, Version};

use super::call::{Call, unexpected};
use super::reply::Reply;

/// One kind of thing that a retailer has.
pub(super) trait Kind: Send + 'static {
    type Spec: Send + 'static;
    const LIST: ListOf;
    /// Name of the path's parameter.
    const PARAMETER: &'static str;
    /// Segment of the path.
    const SEGMENT: &'static str;
    fn mint() -> EntityId;
    fn named(call: &Call) -> Result<EntityId, Problem>;
    /// What the actor is asked to make of the body. Here secrets are sealed.
    fn draft(call: &Call, retailer: RetailerId, id: EntityId, spec: Self::Spec) -> Result<Draft, Problem>;
}

pub(super) struct Stores;
pub(super) struct Agents;
pub(super) struct Destinations;
pub(super) struct Jobs;

impl Kind for Stores {
    type Spec = StoreSpec;
    const LIST: ListOf = ListOf::Stores;
    const PARAMETER: &'static str = "store";
    const SEGMENT: &'static str = "stores";

    fn mint() -> EntityId {
        EntityId::Store(StoreId::new())
    }

    fn named(call: &Call) -> Result<EntityId, Problem> {
        call.id(Self::PARAMETER).map(EntityId::Store)
    }

    fn draft(_: &Call, _: RetailerId, _: EntityId, spec: StoreSpec) -> Result<Draft, Problem> {
        Ok(Draft::Store(spec))
    }
}

impl Kind for Agents {
    type Spec = AgentSpec;
    const LIST: ListOf = ListOf::Agents;
    const PARAMETER: &'static str = "agent";
    const SEGMENT: &'static str = "agents";

    fn mint() -> EntityId {
        EntityId::Agent(AgentId::new())
    }

    fn named(call: &Call) -> Result<EntityId, Problem> {
        call.id(Self::PARAMETER).map(EntityId::Agent)
    }

    fn draft(_: &Call, _: RetailerId, _: EntityId, spec: AgentSpec) -> Result<Draft, Problem> {
        Ok(Draft::Agent(spec))
    }
}

impl Kind for Destinations {
    type Spec = DestinationSpec;
    const LIST: ListOf = ListOf::Destinations;
    const PARAMETER: &'static str = "destination";
    const SEGMENT: &'static str = "destinations";

    fn mint() -> EntityId {
        EntityId::Destination(DestinationId::new())
    }

    fn named(call: &Call) -> Result<EntityId, Problem> {
        call.id(Self::PARAMETER).map(EntityId::Destination)
    }

    fn draft(
        call: &Call,
        retailer: RetailerId,
        id: EntityId,
        spec: DestinationSpec,
    ) -> Result<Draft, Problem> {
        let EntityId::Destination(destination) = id else { return Err(ErrorCode::Internal.into()) };
        let DestinationSpec { name, config, enabled, credentials } = spec;
        let seal = |clear| call.state.sealer.seal(retailer, destination, &clear);
        let credentials = credentials.map(seal).transpose()?;
        Ok(Draft::Destination { name, config, enabled, credentials })
    }
}

impl Kind for Jobs {
    type Spec = JobBody;
    const LIST: ListOf = ListOf::Jobs;
    const PARAMETER: &'static str = "job";
    const SEGMENT: &'static str = "jobs";

    fn mint() -> EntityId {
        EntityId::Job(JobId::new())
    }

    fn named(call: &Call) -> Result<EntityId, Problem> {
        call.id(Self::PARAMETER).map(EntityId::Job)
    }

    fn draft(call: &Call, retailer: RetailerId, id: EntityId, body: JobBody) -> Result<Draft, Problem> {
        let EntityId::Job(job) = id else { return Err(ErrorCode::Internal.into()) };
        let JobBody { spec, source_credentials } = body;
        let Some(clear) = source_credentials else { return Ok(Draft::Job(spec)) };
        let source_credentials = call.state.sealer.seal(retailer, job, &clear)?;
        Ok(Draft::OpenedJob { spec: Box::new(spec), source_credentials })
    }
}

pub(super) async fn list<K: Kind>(call: Call) -> Result<Reply, Problem> {
    let request = Request::List { of: K::LIST, query: call.query::<ListQuery>()? };
    match call.ask(call.retailer()?, request).await? {
        Response::Page(page) => Reply::json(&page.map(View)),
        other => Err(unexpected(&other)),
    }
}

pub(super) async fn create<K: Kind>(call: Call, spec: K::Spec) -> Result<Reply, Problem> {
    let (retailer, id) = (call.retailer()?, K::mint());
    let draft = K::draft(&call, retailer, id, spec)?;
    let author = call.caller()?.author();
    let request = Request::Create { id, draft, author, idempotency: call.idempotency()? };
    let made = call.ask_entity(retailer, request).await?;
    let path = format!("/api/v1/retailers/{retailer}/{}/{}", K::SEGMENT, made.key().id);
    Ok(show(&made)?.at(&path))
}

pub(super) async fn get<K: Kind>(call: Call) -> Result<Reply, Problem> {
    show(&call.ask_entity(call.retailer()?, Request::Get(K::named(&call)?)).await?)
}

pub(super) async fn update<K: Kind>(call: Call, spec: K::Spec) -> Result<Reply, Problem> {
    let (retailer, id, expected) = (call.retailer()?, K::named(&call)?, call.expected()?);
    let draft = K::draft(&call, retailer, id, spec)?;
    let author = call.caller()?.author();
    show(&call.ask_entity(retailer, Request::Update { id, draft, expected, author }).await?)
}

pub(super) async fn delete<K: Kind>(call: Call) -> Result<Reply, Problem> {
    let (id, expected, author) = (K::named(&call)?, call.expected()?, call.caller()?.author());
    call.ask_done(call.retailer()?, Request::Delete { id, expected, author }).await?;
    Ok(Reply::empty())
}

/// An entity as its own view, without the tag that live frames have.
pub(super) struct View(pub(super) Entity);

impl serde::Serialize for View {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Entity::Totals(x) => x.serialize(serializer),
            Entity::Summary(x) => x.serialize(serializer),
            Entity::Retailer(x) => x.serialize(serializer),
            Entity::Store(x) => x.serialize(serializer),
            Entity::Agent(x) => x.serialize(serializer),
            Entity::Destination(x) => x.serialize(serializer),
            Entity::Job(x) => x.serialize(serializer),
            Entity::Run(x) => x.serialize(serializer),
            Entity::Log(x) => x.serialize(serializer),
            Entity::Ledger(x) => x.serialize(serializer),
        }
    }
}

/// One entity with its ETag.
pub(super) fn show(entity: &Entity) -> Result<Reply, Problem> {
    let reply = Reply::json(&View(entity.clone()))?;
    Ok(match rev_of(entity) {
        Some(rev) => reply.with_rev(rev),
        None => reply,
    })
}

const fn rev_of(entity: &Entity) -> Option<Version> {
    match entity {
        Entity::Retailer(x) => Some(x.rev),
        Entity::Store(x) => Some(x.rev),
        Entity::Agent(x) => Some(x.rev),
        Entity::Destination(x) => Some(x.rev),
        Entity::Job(x) => Some(x.rev),
        Entity::Run(x) => Some(x.rev),
        Entity::Totals(_) | Entity::Summary(_) | Entity::Log(_) | Entity::Ledger(_) => None,
    }
}
