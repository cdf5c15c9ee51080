//! A live topic fetched by REST, for when the socket does not come through.

use messages::http::paging::{ListQuery, Page};
use messages::live::{Entity, Topic};
use messages::{ErrorCode, RetailerId, RunId};
use serde_json::Value;

use super::client::{Api, Call};
use super::error::ApiError;
use super::resource::listed;
use crate::state::frame;

/// Runs shown beside a retailer.
const RUNS: u32 = 50;
/// Log lines of a run, as many as the topic begins with.
const LINES: u32 = 500;

/// What the topic would hold now.
pub async fn fetch(api: &Api, topic: Topic) -> Result<Vec<Entity>, (ErrorCode, String)> {
    let result = match topic {
        // The dashboard itself is always there: a hub without this address is only an old one.
        Topic::Dashboard => api.totals().await.map(|totals| vec![Entity::Totals(totals)]).map_err(|error| {
            if error.code() == Some(ErrorCode::NotFound) { ApiError::Unreachable } else { error }
        }),
        // Rows of a list are fetched with their list, and so is what store edges brought.
        Topic::Summary(_) | Topic::Stores(_) => Err(ApiError::Unreachable),
        Topic::Retailer(retailer) => whole_retailer(api, retailer).await,
        Topic::Run(retailer, run) => whole_run(api, retailer, run).await,
    };
    result.map_err(|error| (error.code().unwrap_or(ErrorCode::Internal), error.to_string()))
}

async fn whole_retailer(api: &Api, retailer: RetailerId) -> Result<Vec<Entity>, ApiError> {
    let one = format!("/retailers/{retailer}");
    let mut entities = vec![whole(api, &one, "retailer").await?];
    for (name, kind) in
        [("stores", "store"), ("agents", "agent"), ("destinations", "destination"), ("jobs", "job")]
    {
        match all(api, &format!("{one}/{name}"), kind).await {
            Ok(some) => entities.extend(some),
            // Who may not see the configuration sees the rest.
            Err(error) if error.code() == Some(ErrorCode::Forbidden) => {}
            Err(error) => return Err(error),
        }
    }
    let runs: Page<Value> = api.fetch(Call::get(format!("{one}/runs?limit={RUNS}"))).await?;
    entities.extend(of_kind(runs.items, "run"));
    Ok(entities)
}

async fn whole(api: &Api, path: &str, kind: &str) -> Result<Entity, ApiError> {
    let value: Value = api.fetch(Call::get(path)).await?;
    of_kind(vec![value], kind).next().ok_or(ApiError::Unreadable { status: 200 })
}

fn of_kind(values: Vec<Value>, kind: &str) -> impl Iterator<Item = Entity> {
    values.into_iter().filter_map(move |mut value| {
        value["kind"] = kind.into();
        frame::entity(value)
    })
}

/// All pages of a list, as entities of this kind.
async fn all(api: &Api, path: &str, kind: &str) -> Result<Vec<Entity>, ApiError> {
    let mut entities = Vec::new();
    let mut query = ListQuery { limit: Some(ListQuery::MAX_LIMIT), ..ListQuery::default() };
    loop {
        let page: Page<Value> = api.fetch(Call::get(listed(path, &query))).await?;
        entities.extend(of_kind(page.items, kind));
        match page.next {
            Some(next) => query.cursor = Some(next),
            None => return Ok(entities),
        }
    }
}

async fn whole_run(api: &Api, retailer: RetailerId, run: RunId) -> Result<Vec<Entity>, ApiError> {
    let one = format!("/retailers/{retailer}/runs/{run}");
    let mut entities = vec![whole(api, &one, "run").await?];
    let lines: Page<Value> = api.fetch(Call::get(format!("{one}/log?order=newest&limit={LINES}"))).await?;
    entities.extend(of_kind(lines.items, "log"));
    Ok(entities)
}
