//! A retailer's configuration as a file: exported from one retailer, imported into another, or made a new retailer of.
//!
//! Things refer to each other by the identifiers they have in the file; importing gives them others. An export has no
//! secrets. Who writes a file by hand may put some in, as in a request that makes the thing.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::agents::AgentSpec;
use super::destinations::DestinationSpec;
use super::jobs::JobBody;
use super::retailers::RetailerSpec;
use super::stores::StoreSpec;
use crate::validate::{Check, Validate};
use crate::{AgentId, DestinationId, JobId, RetailerId, StoreId};

/// What such a file calls itself.
pub const FORMAT: &str = "grocerysync-retailer";
/// Raised when a file of this release could be misread by the one before.
pub const VERSION: u32 = 1;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Configuration {
    pub format: String,
    pub version: u32,
    /// Counts when a retailer is made of the file. Imported into one, that one's own stays.
    pub retailer: RetailerSpec,
    #[serde(default)]
    pub stores: Vec<StoreEntry>,
    #[serde(default)]
    pub agents: Vec<AgentEntry>,
    #[serde(default)]
    pub destinations: Vec<DestinationEntry>,
    #[serde(default)]
    pub jobs: Vec<JobEntry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StoreEntry {
    pub id: StoreId,
    #[serde(flatten)]
    pub spec: StoreSpec,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AgentEntry {
    pub id: AgentId,
    #[serde(flatten)]
    pub spec: AgentSpec,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DestinationEntry {
    pub id: DestinationId,
    #[serde(flatten)]
    pub spec: DestinationSpec,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobEntry {
    pub id: JobId,
    #[serde(flatten)]
    pub body: JobBody,
}

/// How a file is imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[serde(default)]
pub struct ImportQuery {
    /// Only say what would be done.
    pub dry_run: bool,
}

/// What an import did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ImportReport {
    pub retailer_id: RetailerId,
    pub dry_run: bool,
    /// In the order of the file.
    pub things: Vec<Imported>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Imported {
    /// `store`, `agent`, `destination` or `job`.
    pub kind: String,
    pub name: String,
    pub outcome: ImportOutcome,
    /// Made, but of no use before these are given to it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub needs_credentials: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ImportOutcome {
    Made,
    /// One of this name was there; it stays as it is, and what refers to it in the file refers to that.
    Kept,
}

impl ImportReport {
    #[must_use]
    pub fn count(&self, outcome: ImportOutcome) -> usize {
        self.things.iter().filter(|thing| thing.outcome == outcome).count()
    }
}

impl Configuration {
    /// Of a retailer that has nothing yet.
    #[must_use]
    pub fn of(retailer: RetailerSpec) -> Self {
        let (stores, agents, destinations, jobs) = <_>::default();
        Self { format: FORMAT.into(), version: VERSION, retailer, stores, agents, destinations, jobs }
    }
}

impl Validate for Configuration {
    fn check(&self, check: &mut Check) {
        if self.format != FORMAT {
            check.fail("format", format!("must be {FORMAT}: this is no exported configuration"));
        } else if self.version != VERSION {
            check.fail(
                "version",
                format!("must be {VERSION}; the file was made by a later release of the hub"),
            );
        }
        check.nested("retailer", |c| self.retailer.check(c));
        entries(check, "stores", &self.stores, |entry| entry.id, |entry, c| entry.spec.check(c));
        entries(check, "agents", &self.agents, |entry| entry.id, |entry, c| entry.spec.check(c));
        entries(check, "destinations", &self.destinations, |entry| entry.id, |entry, c| entry.spec.check(c));
        entries(check, "jobs", &self.jobs, |entry| entry.id, |entry, c| entry.body.check(c));
        self.check_references(check);
    }
}

impl Configuration {
    fn check_references(&self, check: &mut Check) {
        let stores: BTreeSet<_> = self.stores.iter().map(|entry| entry.id).collect();
        let agents: BTreeSet<_> = self.agents.iter().map(|entry| entry.id).collect();
        let destinations: BTreeSet<_> = self.destinations.iter().map(|entry| entry.id).collect();
        for (at, agent) in self.agents.iter().enumerate() {
            let known = agent.spec.store_id.is_none_or(|store| stores.contains(&store));
            check.ensure(known, &format!("agents.{at}.store_id"), "must be the id of a store in the file");
        }
        for (at, job) in self.jobs.iter().enumerate() {
            let spec = &job.body.spec;
            let agent = agents.contains(&spec.agent_id);
            check.ensure(agent, &format!("jobs.{at}.agent_id"), "must be the id of an agent in the file");
            let destination = destinations.contains(&spec.destination_id);
            let detail = "must be the id of a destination in the file";
            check.ensure(destination, &format!("jobs.{at}.destination_id"), detail);
        }
    }
}

fn entries<T, K: Ord>(
    check: &mut Check,
    list: &str,
    entries: &[T],
    id: impl Fn(&T) -> K,
    one: impl Fn(&T, &mut Check),
) {
    let mut ids = BTreeSet::new();
    for (at, entry) in entries.iter().enumerate() {
        let path = format!("{list}.{at}");
        check.ensure(ids.insert(id(entry)), &format!("{path}.id"), "is another entry's too");
        check.nested(&path, |c| one(entry, c));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn file() -> serde_json::Value {
        let (store, agent, destination) = (StoreId::new(), AgentId::new(), DestinationId::new());
        json!({
            "format": FORMAT, "version": 1,
            "retailer": { "code": "freshmart", "name": "FreshMart", "currency": "VND", "time_zone": "UTC" },
            "stores": [{ "id": store, "code": "d1", "name": "District 1", "time_zone": "UTC" }],
            "agents": [{ "id": agent, "name": "till", "store_id": store }],
            "destinations": [{
                "id": destination, "name": "shop", "config": { "kind": "local_file", "path": "/tmp/out.jsonl" },
            }],
            "jobs": [{
                "id": JobId::new(), "name": "items", "agent_id": agent, "destination_id": destination,
                "source": { "kind": "csv", "path": "/tmp/items.csv" },
            }],
        })
    }

    fn faults(file: serde_json::Value) -> Vec<String> {
        let file: Configuration = serde_json::from_value(file).unwrap();
        let problem = file.validate().err();
        problem.into_iter().flat_map(|problem| problem.errors).map(|error| error.field).collect()
    }

    #[test]
    fn a_file_is_read_as_it_was_written() {
        let read: Configuration = serde_json::from_value(file()).unwrap();
        assert_eq!(faults(file()), Vec::<String>::new());
        let again: Configuration = serde_json::from_str(&serde_json::to_string(&read).unwrap()).unwrap();
        assert_eq!(again, read);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let mut other = file();
        other["format"] = json!("something-else");
        assert_eq!(faults(other), ["format"]);
        let mut later = file();
        later["version"] = json!(2);
        assert_eq!(faults(later), ["version"]);

        let mut broken = file();
        let twin = broken["stores"][0].clone();
        broken["stores"].as_array_mut().unwrap().push(twin);
        broken["agents"][0]["name"] = json!(" ");
        broken["agents"][0]["store_id"] = json!(StoreId::new());
        broken["jobs"][0]["destination_id"] = json!(DestinationId::new());
        assert_eq!(
            faults(broken),
            ["stores.1.id", "agents.0.name", "agents.0.store_id", "jobs.0.destination_id"]
        );
    }
}
