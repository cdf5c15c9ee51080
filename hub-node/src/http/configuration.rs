//! A retailer's configuration as a file: out, into another retailer, and into a new one.

use std::collections::BTreeMap;

use actors::domain::EntityId;
use actors::retailer::request::{Draft, Request, Response};
use messages::http::configuration::{Configuration, ImportQuery};
use messages::{AgentId, DestinationId, Problem, RetailerId, StoreId};

use super::call::{Call, unexpected};
use super::config::{Agents, Destinations, Jobs, Kind, Stores};
use super::reply::Reply;
use super::retailers;

/// The retailer's own specification comes with it, for a retailer that is made of the file.
pub(super) async fn export(call: Call) -> Result<Reply, Problem> {
    match call.ask(call.retailer()?, Request::Configuration).await? {
        Response::Configuration(all) => {
            let name = format!("{}.json", all.retailer.code);
            Ok(Reply::json(&all)?.to_save_as(&name))
        }
        other => Err(unexpected(&other)),
    }
}

/// Adds to a retailer what it has not.
pub(super) async fn import(call: Call, file: Configuration) -> Result<Reply, Problem> {
    let dry_run = call.query::<ImportQuery>()?.dry_run;
    let retailer = call.retailer()?;
    let request = Request::Import {
        retailer: None,
        things: things(&call, retailer, file)?,
        dry_run,
        author: call.caller()?.author(),
    };
    report(&call, retailer, request).await
}

/// Makes a retailer of it.
pub(super) async fn create(call: Call, file: Configuration) -> Result<Reply, Problem> {
    let retailer = retailers::new_id(&call)?;
    let spec = Box::new(file.retailer.clone());
    let request = Request::Import {
        retailer: Some(spec),
        things: things(&call, retailer, file)?,
        dry_run: false,
        author: call.caller()?.author(),
    };
    Ok(report(&call, retailer, request).await?.at(&format!("/api/v1/retailers/{retailer}")))
}

async fn report(call: &Call, retailer: RetailerId, request: Request) -> Result<Reply, Problem> {
    match call.ask(retailer, request).await? {
        Response::Imported(report) => Reply::json(&report),
        other => Err(unexpected(&other)),
    }
}

/// What the file has, under identifiers of their own, with secrets sealed; nothing refers to what comes later.
fn things(call: &Call, retailer: RetailerId, file: Configuration) -> Result<Vec<(EntityId, Draft)>, Problem> {
    let stores: BTreeMap<_, _> = file.stores.iter().map(|entry| (entry.id, StoreId::new())).collect();
    let agents: BTreeMap<_, _> = file.agents.iter().map(|entry| (entry.id, AgentId::new())).collect();
    let destinations: BTreeMap<_, _> =
        file.destinations.iter().map(|entry| (entry.id, DestinationId::new())).collect();
    let mut things = Vec::new();
    for entry in file.stores {
        let id = EntityId::Store(renamed(&stores, entry.id));
        things.push((id, Stores::draft(call, retailer, id, entry.spec)?));
    }
    for mut entry in file.agents {
        entry.spec.store_id = entry.spec.store_id.map(|store| renamed(&stores, store));
        let id = EntityId::Agent(renamed(&agents, entry.id));
        things.push((id, Agents::draft(call, retailer, id, entry.spec)?));
    }
    for entry in file.destinations {
        let id = EntityId::Destination(renamed(&destinations, entry.id));
        things.push((id, Destinations::draft(call, retailer, id, entry.spec)?));
    }
    for mut entry in file.jobs {
        let spec = &mut entry.body.spec;
        spec.agent_id = renamed(&agents, spec.agent_id);
        spec.destination_id = renamed(&destinations, spec.destination_id);
        let id = Jobs::mint();
        things.push((id, Jobs::draft(call, retailer, id, entry.body)?));
    }
    Ok(things)
}

/// One that is not in the file has been refused with the file.
fn renamed<K: Ord + Copy>(names: &BTreeMap<K, K>, name: K) -> K {
    names.get(&name).copied().unwrap_or(name)
}
