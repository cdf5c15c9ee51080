//! What a job must fit to: its agent, its destination, what opens its source. Pure.

use messages::connector::{DestinationConfig, SourceConfig};
use messages::http::agents::Machine;
use messages::http::jobs::JobSpec;
use messages::mapping;
use messages::plugin::PluginKind;
use messages::{ErrorCode, FieldError, Problem};

use super::super::state::State;
use super::config::field;
use crate::domain::{Job, Sealed};

pub(super) fn references(state: &State, spec: &JobSpec) -> Result<(), Problem> {
    let mut errors = Vec::new();
    let mut missing = |name: &str, detail: &str| {
        errors.push(FieldError { field: name.into(), detail: detail.into() });
    };
    if !state.agents.contains_key(&spec.agent_id) {
        missing("agent_id", "there is no such agent of this retailer");
    }
    if !state.destinations.contains_key(&spec.destination_id) {
        missing("destination_id", "there is no such destination of this retailer");
    }
    if errors.is_empty() { Ok(()) } else { Err(Problem::invalid(errors)) }
}

/// Has the agent what the job needs, as it said when it last connected? One that never has is taken at its word when
/// it gets a run; and a job that is disabled may wait for an agent to be updated.
pub(super) fn within_reach(state: &State, spec: &JobSpec) -> Result<(), Problem> {
    let agent = state.agents.get(&spec.agent_id).filter(|_| spec.enabled);
    let Some(agent) = agent else { return Ok(()) };
    let Some(machine) = &agent.machine else { return Ok(()) };
    let mut errors = Vec::new();
    if !spec.mapping.is_empty() && !machine.knows(mapping::CAPABILITY) {
        let detail = format!(
            "the agent \"{}\" (version {}) cannot carry out mappings; update it, or choose another",
            agent.spec.name, machine.agent_version
        );
        errors.push(FieldError { field: "mapping".into(), detail });
    }
    let mut lacking = |field: &str, sort: &str, kind: &str| {
        if !machine.can(sort, kind) {
            let detail = format!(
                "the agent \"{}\" (version {}) has no {sort} of the kind {kind}; update it, or choose another",
                agent.spec.name, machine.agent_version
            );
            errors.push(FieldError { field: field.into(), detail });
        }
    };
    lacking("source.kind", "source", spec.source.kind());
    let destination = state.destinations.get(&spec.destination_id).map(|destination| &destination.config);
    if let Some(config) = destination {
        lacking("destination_id", "destination", config.kind());
    }
    if errors.is_empty() {
        errors = plugins(machine, &agent.spec.name, &spec.source, destination);
    }
    match errors.first() {
        None => Ok(()),
        Some(first) => {
            let detail = first.detail.clone();
            Err(Problem { errors, ..Problem::new(ErrorCode::Unsupported, detail) })
        }
    }
}

/// Has the agent the plugins that the job names, and do the settings fit them?
fn plugins(
    machine: &Machine,
    agent: &str,
    source: &SourceConfig,
    destination: Option<&DestinationConfig>,
) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut held = |kind, name: &str, settings, secrets: &[String], field: &str, below: Option<&str>| {
        let mut fail = |field: String, detail: String| errors.push(FieldError { field, detail });
        let Some(plugin) = machine.plugin(kind, name) else {
            let of_kind = machine.plugins.iter().filter(|plugin| plugin.kind == kind);
            let has: Vec<_> = of_kind.map(|plugin| plugin.name.as_str()).collect();
            let has =
                if has.is_empty() { "it has none".to_owned() } else { format!("it has {}", has.join(", ")) };
            let sort = kind.sort();
            let detail = format!("the agent \"{agent}\" has no plugin \"{name}\" that is a {sort}; {has}");
            return fail(field.to_owned(), detail);
        };
        for (setting, what) in plugin.faults(settings, secrets) {
            match below {
                Some(below) => fail(format!("{below}.{setting}"), what),
                // The settings are those of the destination, and this is the form of a job.
                None => fail(field.to_owned(), format!("the setting {setting} of \"{name}\" {what}")),
            }
        }
    };
    if let SourceConfig::Singer(from) = source {
        let below = Some("source.settings");
        held(PluginKind::Tap, &from.plugin, &from.settings, &from.secrets, "source.plugin", below);
    }
    if let Some(DestinationConfig::Singer(to)) = destination {
        held(PluginKind::Target, &to.plugin, &to.settings, &to.secrets, "destination_id", None);
    }
    errors
}

/// What opens the job's source from now on: what was given, or what is stored, as long as it would go where it was
/// meant to go. Who may edit a job must not be able to have a shop's password sent to a server of their own.
pub(super) fn credentials(
    old: Option<&Job>,
    spec: &JobSpec,
    given: Option<&Sealed>,
) -> Result<Option<Sealed>, Problem> {
    if !spec.source.needs_credentials() {
        return Ok(None);
    }
    if given.is_some() {
        return Ok(given.cloned());
    }
    let missing = |detail: &str| field("source_credentials", detail);
    match old.filter(|old| old.source_credentials.is_some()) {
        // One that is disabled may wait for them.
        None if !spec.enabled => Ok(None),
        None => Err(missing(&format!("this source needs {}", spec.source.wanted_credentials()))),
        Some(old) if spec.source.keeps_credentials_of(&old.spec.source) => Ok(old.source_credentials.clone()),
        Some(_) => {
            Err(missing("the server, the user or the way of signing in has changed: enter the secret again"))
        }
    }
}
