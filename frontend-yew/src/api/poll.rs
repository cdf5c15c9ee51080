//! A live topic fetched by REST, for when the socket does not come through.

use messages::http::paging::{ListQuery, Page};
use messages::http::runs::LogQuery;
use messages::live::{Entity, Topic};
use messages::{ErrorCode, RetailerId, RunId};

use super::client::Api;
use super::error::ApiError;
use super::resource::{Agent, Destination, Job, Resource, Retailer, Store};

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
        // Rows of a list are fetched with their list.
        Topic::Summary(_) => Err(ApiError::Unreachable),
        Topic::Retailer(retailer) => whole_retailer(api, retailer).await,
        Topic::Run(retailer, run) => whole_run(api, retailer, run).await,
    };
    result.map_err(|error| (error.code().unwrap_or(ErrorCode::Internal), error.to_string()))
}

async fn whole_retailer(api: &Api, retailer: RetailerId) -> Result<Vec<Entity>, ApiError> {
    let mut entities = vec![Entity::Retailer(api.read::<Retailer>(None, &retailer.to_string()).await?)];
    entities.extend(all::<Store>(api, retailer).await?.into_iter().map(Entity::Store));
    // Who may not see the configuration sees the rest.
    entities.extend(permitted(all::<Agent>(api, retailer).await)?.into_iter().map(Entity::Agent));
    entities.extend(permitted(all::<Destination>(api, retailer).await)?.into_iter().map(Entity::Destination));
    entities.extend(permitted(all::<Job>(api, retailer).await)?.into_iter().map(Entity::Job));
    let query = ListQuery { limit: Some(RUNS), ..ListQuery::default() };
    entities.extend(api.runs(retailer, None, &query).await?.items.into_iter().map(Entity::Run));
    Ok(entities)
}

fn permitted<T>(result: Result<Vec<T>, ApiError>) -> Result<Vec<T>, ApiError> {
    match result {
        Err(error) if error.code() == Some(ErrorCode::Forbidden) => Ok(Vec::new()),
        other => other,
    }
}

async fn all<R: Resource>(api: &Api, retailer: RetailerId) -> Result<Vec<R::View>, ApiError> {
    let mut items = Vec::new();
    let mut query = ListQuery { limit: Some(ListQuery::MAX_LIMIT), ..ListQuery::default() };
    loop {
        let Page { items: some, next, .. } = api.list::<R>(Some(retailer), &query).await?;
        items.extend(some);
        match next {
            Some(next) => query.cursor = Some(next),
            None => return Ok(items),
        }
    }
}

async fn whole_run(api: &Api, retailer: RetailerId, run: RunId) -> Result<Vec<Entity>, ApiError> {
    let mut entities = vec![Entity::Run(api.run(retailer, run).await?)];
    let query = LogQuery { limit: Some(LINES), ..LogQuery::default() };
    entities.extend(api.log(retailer, run, &query).await?.items.into_iter().map(Entity::Log));
    Ok(entities)
}
