//! A live topic fetched by REST, for when the socket does not come through.

use messages::http::paging::{ListQuery, Page};
use messages::http::runs::{LogOrder, LogQuery};
use messages::live::{Entity, Topic};
use messages::{ErrorCode, RetailerId, RunId};
use serde_json::Value;

use super::client::{Api, Call};
use super::error::ApiError;
use super::resource::{Retailer, listed};
use super::runs::RunsAsked;
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
    let mut entities = vec![Entity::Retailer(api.read::<Retailer>(None, &retailer.to_string()).await?)];
    for (name, kind) in
        [("stores", "store"), ("agents", "agent"), ("destinations", "destination"), ("jobs", "job")]
    {
        match all(api, &format!("/retailers/{retailer}/{name}"), kind).await {
            Ok(some) => entities.extend(some),
            // Who may not see the configuration sees the rest.
            Err(error) if error.code() == Some(ErrorCode::Forbidden) => {}
            Err(error) => return Err(error),
        }
    }
    let query = ListQuery { limit: Some(RUNS), ..ListQuery::default() };
    entities
        .extend(api.runs(retailer, &RunsAsked::default(), &query).await?.items.into_iter().map(Entity::Run));
    Ok(entities)
}

/// All pages of a list, as entities of this kind.
async fn all(api: &Api, path: &str, kind: &str) -> Result<Vec<Entity>, ApiError> {
    let mut entities = Vec::new();
    let mut query = ListQuery { limit: Some(ListQuery::MAX_LIMIT), ..ListQuery::default() };
    loop {
        let page: Page<Value> = api.fetch(Call::get(listed(path, &query))).await?;
        for mut item in page.items {
            item["kind"] = kind.into();
            entities.extend(frame::entity(item));
        }
        match page.next {
            Some(next) => query.cursor = Some(next),
            None => return Ok(entities),
        }
    }
}

async fn whole_run(api: &Api, retailer: RetailerId, run: RunId) -> Result<Vec<Entity>, ApiError> {
    let mut entities = vec![Entity::Run(api.run(retailer, run).await?)];
    let query = LogQuery { order: Some(LogOrder::Newest), limit: Some(LINES), ..LogQuery::default() };
    entities.extend(api.log(retailer, run, &query).await?.items.into_iter().map(Entity::Log));
    Ok(entities)
}
