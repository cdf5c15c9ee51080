//! A retailer's documents as a configuration to export. Pure. Secrets stay here.

use messages::http::configuration::{AgentEntry, Configuration, DestinationEntry, JobEntry, StoreEntry};
use messages::http::destinations::DestinationSpec;
use messages::http::jobs::JobBody;

use super::state::State;

#[must_use]
pub fn configuration(state: &State) -> Option<Configuration> {
    let retailer = state.retailer.as_ref()?.spec.clone();
    let stores = state.stores.values().map(|store| StoreEntry { id: store.id, spec: store.spec.clone() });
    let agents = state.agents.values().map(|agent| AgentEntry { id: agent.id, spec: agent.spec.clone() });
    let destinations = state.destinations.values().map(|destination| DestinationEntry {
        id: destination.id,
        spec: DestinationSpec {
            name: destination.name.clone(),
            config: destination.config.clone(),
            enabled: destination.enabled,
            credentials: None,
        },
    });
    let jobs = state.jobs.values().map(|job| JobEntry { id: job.id, body: JobBody::from(job.spec.clone()) });
    Some(Configuration {
        stores: stores.collect(),
        agents: agents.collect(),
        destinations: destinations.collect(),
        jobs: jobs.collect(),
        ..Configuration::of(retailer)
    })
}
