//! Answers that need no commit.

use std::sync::Arc;
use std::time::Instant;

use messages::http::paging::{ListQuery, Page};
use messages::http::runs::QueueQuery;
use messages::live::{Entity, Topic};
use messages::{ErrorCode, Problem, RetailerId, RunId, Version};
use tokio::sync::OwnedSemaphorePermit;

use super::super::configuration::configuration;
use super::super::decide;
use super::super::lists::{Row, check_state, page, sort_field};
use super::super::request::{ListOf, Request, Response, Watched};
use super::super::{state, watch};
use super::{Asked, Reply, State};
use crate::clock;
use crate::domain::{EntityId, Run};
use crate::ports::TenantStore;

/// Lines of a run's log in its topic's snapshot: a screenful several times over.
const LOG_LINES: u32 = 500;

pub(super) fn answer(state: &State, asked: Asked) {
    let Asked { request, reply, permit, deadline } = asked;
    if state.documents.retailer.is_none() {
        drop(reply.send(Err(Problem::new(ErrorCode::NotFound, "there is no such retailer"))));
        return;
    }
    let response = match request {
        Request::Get(EntityId::Run(id)) if !state.documents.runs.contains_key(&id) => {
            // Older than the latest runs that are kept in memory: only the store has it.
            let (store, retailer) = (state.tools.store.clone(), state.retailer);
            later(deadline, reply, permit, async move {
                let run = old_run(&*store, retailer, id).await?;
                Ok(Response::Entity(Box::new(Entity::Run(run.view(retailer)))))
            });
            return;
        }
        Request::Get(id) => {
            state::entity(&state.documents, id, state.retailer, &state.connections, clock::now())
                .map(|entity| Response::Entity(Box::new(entity)))
                .ok_or_else(|| Problem::new(ErrorCode::NotFound, format!("there is no such {}", id.kind())))
        }
        Request::List { of, query } => list(state, of, &query).map(Response::Page),
        Request::Configuration => configuration(&state.documents)
            .map(|all| Response::Configuration(Box::new(all)))
            .ok_or_else(|| ErrorCode::NotFound.into()),
        Request::Queue(query) => Ok(Response::Page(queue(state, &query))),
        Request::Authenticate { agent, credential } => {
            decide::authenticate(&state.documents, agent, credential).map(|()| Response::Done)
        }
        Request::Introduce { agent, credential } => {
            let generation = || state.tools.generations.next(state.epoch);
            decide::authenticate(&state.documents, agent, credential)
                .map(|()| Response::Known { generation: generation() })
        }
        Request::Watch { topic, since } => match watched(state, topic, since) {
            Ready::Now(watched) => watched.map(Response::Watched),
            Ready::WithLog(run, known) => {
                let (store, retailer) = (state.tools.store.clone(), state.retailer);
                let version = state.documents.version;
                later(deadline, reply, permit, async move {
                    with_log(&*store, retailer, run, known, version).await.map(Response::Watched)
                });
                return;
            }
        },
        _ => Err(ErrorCode::Internal.into()),
    };
    drop(reply.send(response));
}

/// Answers from a task, in time.
fn later(
    deadline: Instant,
    reply: Reply,
    permit: OwnedSemaphorePermit,
    reading: impl Future<Output = Result<Response, Problem>> + Send + 'static,
) {
    tokio::spawn(async move {
        let late = |_| Err(ErrorCode::DeadlineExceeded.into());
        let answer = tokio::time::timeout_at(deadline.into(), reading).await.unwrap_or_else(late);
        drop(reply.send(answer));
        drop(permit);
    });
}

async fn old_run(store: &dyn TenantStore, retailer: RetailerId, id: RunId) -> Result<Arc<Run>, Problem> {
    let missing = || Problem::new(ErrorCode::NotFound, "there is no such run; it may have been deleted");
    Ok(Arc::new(store.run(retailer, id).await?.ok_or_else(missing)?))
}

/// Whole: what waits is bounded by the runs that may be open.
fn queue(state: &State, query: &QueueQuery) -> Page<Entity> {
    let runs = decide::waiting(&state.documents, query);
    let items: Vec<_> = runs.into_iter().map(|run| Entity::Run(run.view(state.retailer))).collect();
    Page { total: items.len() as u64, items, next: None }
}

fn list(state: &State, of: ListOf, query: &ListQuery) -> Result<Page<Entity>, Problem> {
    let now = clock::now();
    let documents = &state.documents;
    let enabled = |yes: bool| if yes { "enabled" } else { "disabled" };
    let newest = |at: messages::Timestamp| format!("{:020}", at.0);
    match of {
        ListOf::Agents => check_state(query, &["never", "online", "busy", "unknown", "down"])?,
        ListOf::Stores | ListOf::Destinations | ListOf::Jobs => check_state(query, &["enabled", "disabled"])?,
    }
    let field = sort_field(query, &["name", "created_at"])?;
    let row =
        |id: String, name: &str, text: String, state: &'static str, made: messages::Timestamp, entity| {
            let key = if field == "name" { name.to_owned() } else { newest(made) };
            Row { id, text, state, key, entity }
        };
    let retailer = state.retailer;
    let rows = match of {
        ListOf::Stores => {
            let each = documents.stores.values().map(|x| {
                let text = format!("{} {} {}", x.spec.name, x.spec.code, x.spec.address);
                let entity = Entity::Store(x.view(retailer));
                row(x.id.to_string(), &x.spec.name, text, enabled(x.spec.enabled), x.stamp.created_at, entity)
            });
            each.collect()
        }
        ListOf::Agents => {
            let each = documents.agents.values().map(|x| {
                let entity = watch::agent(x, retailer, &state.connections, now);
                let host = x.machine.as_ref().map(|m| m.host.as_str()).unwrap_or_default();
                let text = format!("{} {host}", x.spec.name);
                let presence = match &entity {
                    Entity::Agent(view) => presence_text(view.presence),
                    _ => "",
                };
                row(x.id.to_string(), &x.spec.name, text, presence, x.stamp.created_at, entity)
            });
            each.collect()
        }
        ListOf::Destinations => {
            let each = documents.destinations.values().map(|x| {
                let text = format!("{} {}", x.name, x.config.summary());
                let entity = Entity::Destination(x.view(retailer));
                row(x.id.to_string(), &x.name, text, enabled(x.enabled), x.stamp.created_at, entity)
            });
            each.collect()
        }
        ListOf::Jobs => {
            let each = documents.jobs.values().map(|x| {
                let text = format!("{} {}", x.spec.name, x.spec.source.summary());
                let entity = Entity::Job(x.view(retailer));
                row(x.id.to_string(), &x.spec.name, text, enabled(x.spec.enabled), x.stamp.created_at, entity)
            });
            each.collect()
        }
    };
    page(rows, query)
}

const fn presence_text(presence: messages::run::Presence) -> &'static str {
    use messages::run::Presence as P;
    match presence {
        P::Never => "never",
        P::Online => "online",
        P::Busy => "busy",
        P::Unknown => "unknown",
        P::Down => "down",
    }
}

enum Ready {
    Now(Result<Watched, Problem>),
    /// The run's log has to be read first; with the run, if it is one of the latest.
    WithLog(RunId, Option<Arc<Run>>),
}

fn watched(state: &State, topic: Topic, since: Option<Version>) -> Ready {
    let version = state.documents.version;
    let now = clock::now();
    let missed = || {
        let deltas = since.and_then(|since| state.history.since(since, version))?;
        let ticks = watch::ticks(&state.documents, &state.connections, now);
        Some(Watched::Since { deltas, version, ticks })
    };
    match topic {
        Topic::Retailer(_) => Ready::Now(Ok(missed().unwrap_or_else(|| {
            let entities = watch::snapshot(&state.documents, state.retailer, &state.connections, now);
            Watched::Snapshot { version, entities }
        }))),
        Topic::Summary(_) => {
            let online = state.connections.online(now);
            let summary = state.documents.summary(state.retailer, online).map(Entity::Summary);
            Ready::Now(Ok(Watched::Snapshot { version, entities: summary.into_iter().collect() }))
        }
        // Log lines are no part of the commits, so a console that comes back takes the latest lines again.
        Topic::Run(_, run) => Ready::WithLog(run, state.documents.runs.get(&run).cloned()),
        Topic::Dashboard | Topic::Stores(_) => Ready::Now(Err(ErrorCode::UnknownTopic.into())),
    }
}

async fn with_log(
    store: &dyn TenantStore,
    retailer: RetailerId,
    id: RunId,
    known: Option<Arc<Run>>,
    version: Version,
) -> Result<Watched, Problem> {
    let run = match known {
        Some(run) => run,
        None => old_run(store, retailer, id).await?,
    };
    let lines = store.latest_logs(retailer, id, LOG_LINES).await?;
    let entities = std::iter::once(Entity::Run(run.view(retailer))).chain(lines.into_iter().map(Entity::Log));
    Ok(Watched::Snapshot { version, entities: entities.collect() })
}
