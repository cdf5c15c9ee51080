//! Making, changing and deleting what people configure. Pure.

use messages::http::agents::AgentSpec;
use messages::{DestinationId, ErrorCode, FieldError, JobId, Problem, Version};

use super::super::request::Draft;
use super::super::state::{self, State};
use super::{Context, Decision, Effect, agents, job, not_found, schedule};
use crate::domain::{
    Agent, AgentAccess, Cadence, Destination, EntityId, Job, Retailer, Sealed, Store, Write,
};
use crate::schedule::preview;

pub(super) fn create(
    state: &State,
    id: EntityId,
    draft: &Draft,
    cx: Context<'_>,
) -> Result<Decision, Problem> {
    if exists(state, id) {
        // The caller minted the id, so this is the same request again.
        return Ok(Decision::entity(id, Vec::new()));
    }
    check(state, id, draft)?;
    room(state, draft)?;
    let stamp = cx.born();
    let write = match (id, draft.clone()) {
        (EntityId::Retailer, Draft::Retailer(spec)) => {
            Write::Retailer(Retailer { id: cx.retailer, stamp, spec })
        }
        (EntityId::Store(id), Draft::Store(spec)) => Write::Store(Store { id, stamp, spec }),
        (EntityId::Agent(id), Draft::Agent(spec)) => Write::Agent(Agent {
            id,
            stamp,
            spec,
            access: AgentAccess::default(),
            enrolled_at: None,
            machine: None,
            last_seen_at: None,
        }),
        (EntityId::Destination(id), Draft::Destination { name, config, enabled, credentials }) => {
            Write::Destination(Destination { id, stamp, name, config, enabled, credentials })
        }
        (EntityId::Job(id), draft @ (Draft::Job(_) | Draft::OpenedJob { .. })) => {
            let retailer = state.retailer.as_deref().ok_or_else(|| not_found(EntityId::Retailer))?;
            let (spec, given) = draft.as_job().ok_or_else(mismatch)?;
            let source_credentials = job::credentials(None, spec, given)?;
            let (spec, cadence) = (spec.clone(), Cadence::default());
            let job =
                Job { id, stamp, spec, source_credentials, last_run: None, delivered_by: None, cadence };
            Write::Job(schedule::changed(retailer, None, job, cx.now))
        }
        _ => return Err(mismatch()),
    };
    Ok(Decision::entity(id, vec![write]))
}

pub(super) fn update(
    state: &State,
    id: EntityId,
    draft: &Draft,
    expected: Version,
    cx: Context<'_>,
) -> Result<Decision, Problem> {
    unchanged_since(state, id, expected, cx)?;
    check(state, id, draft)?;
    let write = match (id, draft.clone()) {
        (EntityId::Retailer, Draft::Retailer(spec)) => {
            let old = state.retailer.as_deref().ok_or_else(|| not_found(id))?;
            Write::Retailer(Retailer { spec, stamp: cx.touched(old.stamp), ..old.clone() })
        }
        (EntityId::Store(key), Draft::Store(spec)) => {
            let old = state.stores.get(&key).ok_or_else(|| not_found(id))?;
            Write::Store(Store { spec, stamp: cx.touched(old.stamp), ..**old })
        }
        (EntityId::Agent(key), Draft::Agent(spec)) => {
            let old = state.agents.get(&key).ok_or_else(|| not_found(id))?;
            Write::Agent(Agent { spec, stamp: cx.touched(old.stamp), ..(**old).clone() })
        }
        (EntityId::Destination(key), Draft::Destination { name, config, enabled, credentials }) => {
            let old = state.destinations.get(&key).ok_or_else(|| not_found(id))?;
            // Who may edit a destination must not be able to have a shop's password sent to a server of their own.
            if credentials.is_none()
                && config.needs_credentials()
                && !config.keeps_credentials_of(&old.config)
            {
                let detail = "the server or the user has changed: enter the password or key again";
                return Err(field("credentials", detail));
            }
            let credentials = credentials.or_else(|| old.credentials.clone());
            let stamp = cx.touched(old.stamp);
            Write::Destination(Destination { id: key, stamp, name, config, enabled, credentials })
        }
        (EntityId::Job(key), draft @ (Draft::Job(_) | Draft::OpenedJob { .. })) => {
            let old = state.jobs.get(&key).ok_or_else(|| not_found(id))?;
            let retailer = state.retailer.as_deref().ok_or_else(|| not_found(id))?;
            let (spec, given) = draft.as_job().ok_or_else(mismatch)?;
            let source_credentials = job::credentials(Some(old), spec, given)?;
            let (spec, stamp) = (spec.clone(), cx.touched(old.stamp));
            let job = Job { spec, stamp, source_credentials, ..(**old).clone() };
            Write::Job(schedule::changed(retailer, Some(old), job, cx.now))
        }
        _ => return Err(mismatch()),
    };
    let mut after = state.clone();
    after.apply(&write);
    let mut decision = Decision::entity(id, vec![write.clone()]);
    if let (Write::Retailer(now), Some(before)) = (&write, &state.retailer) {
        decision.writes.extend(schedule::moved(state, before, now, cx));
    }
    agents::resume(state, &after, cx, &mut decision);
    Ok(decision)
}

/// The content stays, so the revision does too: nobody's edit is made stale. Changed since, it is sealed under the new
/// key already.
pub(super) fn reseal(
    state: &State,
    id: DestinationId,
    before: &Sealed,
    after: &Sealed,
) -> Result<Decision, Problem> {
    let old = state.destinations.get(&id).filter(|old| old.credentials.as_ref() == Some(before));
    let resealed = old.map(|old| {
        let credentials = Some(after.clone());
        Write::Destination(Destination { credentials, ..(**old).clone() })
    });
    Ok(Decision { writes: resealed.into_iter().collect(), ..Decision::default() })
}

/// The same for what opens a job's source.
pub(super) fn reseal_source(
    state: &State,
    id: JobId,
    before: &Sealed,
    after: &Sealed,
) -> Result<Decision, Problem> {
    let old = state.jobs.get(&id).filter(|old| old.source_credentials.as_ref() == Some(before));
    let resealed = old.map(|old| {
        let source_credentials = Some(after.clone());
        Write::Job(Job { source_credentials, ..(**old).clone() })
    });
    Ok(Decision { writes: resealed.into_iter().collect(), ..Decision::default() })
}

pub(super) fn delete(
    state: &State,
    id: EntityId,
    expected: Version,
    cx: Context<'_>,
) -> Result<Decision, Problem> {
    unchanged_since(state, id, expected, cx)?;
    let in_use =
        |by: &str| Err(Problem::new(ErrorCode::InUse, format!("{by} uses it; change or delete that first")));
    let deletion = Decision { writes: vec![Write::Delete(id)], ..Decision::default() };
    match id {
        EntityId::Store(store) => {
            match state.agents.values().find(|agent| agent.spec.store_id == Some(store)) {
                Some(agent) => in_use(&format!("the agent \"{}\"", agent.spec.name)),
                None => Ok(deletion),
            }
        }
        EntityId::Agent(agent) => match state.jobs.values().find(|job| job.spec.agent_id == agent) {
            Some(job) => in_use(&format!("the job \"{}\"", job.spec.name)),
            // The job may have moved to another agent since.
            None if state.open_runs().any(|run| run.agent_id == agent) => Err(runs_open()),
            None => Ok(deletion.with(Effect::Dismiss(agent, ErrorCode::AgentRevoked))),
        },
        EntityId::Destination(destination) => {
            match state.jobs.values().find(|job| job.spec.destination_id == destination) {
                Some(job) => in_use(&format!("the job \"{}\"", job.spec.name)),
                None => Ok(deletion),
            }
        }
        EntityId::Job(job) if state.open_runs().any(|run| run.job_id == job) => Err(runs_open()),
        EntityId::Job(_) => Ok(deletion),
        EntityId::Retailer if state.open_runs().next().is_some() => Err(runs_open()),
        EntityId::Retailer => {
            let dismissals = state.agents.keys().map(|id| Effect::Dismiss(*id, ErrorCode::AgentRevoked));
            let effects = dismissals.chain([Effect::End]).collect();
            Ok(Decision { effects, ..deletion })
        }
        EntityId::Run(_) => Err(mismatch()),
    }
}

fn runs_open() -> Problem {
    Problem::new(ErrorCode::WrongState, "runs are under way; cancel them or wait for them, then delete")
}

fn mismatch() -> Problem {
    Problem::new(ErrorCode::MalformedRequest, "the content is of another kind than the thing")
}

fn exists(state: &State, id: EntityId) -> bool {
    match id {
        EntityId::Retailer => state.retailer.is_some(),
        EntityId::Store(id) => state.stores.contains_key(&id),
        EntityId::Agent(id) => state.agents.contains_key(&id),
        EntityId::Destination(id) => state.destinations.contains_key(&id),
        EntityId::Job(id) => state.jobs.contains_key(&id),
        EntityId::Run(id) => state.runs.contains_key(&id),
    }
}

/// The loser of a race sees what the thing has become.
fn unchanged_since(state: &State, id: EntityId, expected: Version, cx: Context<'_>) -> Result<(), Problem> {
    let revision = match id {
        EntityId::Retailer => state.retailer.as_ref().map(|x| x.stamp.rev),
        EntityId::Store(id) => state.stores.get(&id).map(|x| x.stamp.rev),
        EntityId::Agent(id) => state.agents.get(&id).map(|x| x.stamp.rev),
        EntityId::Destination(id) => state.destinations.get(&id).map(|x| x.stamp.rev),
        EntityId::Job(id) => state.jobs.get(&id).map(|x| x.stamp.rev),
        EntityId::Run(id) => state.runs.get(&id).map(|x| x.stamp.rev),
    };
    match revision {
        None => Err(not_found(id)),
        Some(revision) if revision == expected => Ok(()),
        Some(revision) => {
            let detail =
                format!("you changed revision {expected}, but revision {revision} is the present one");
            let current =
                crate::retailer::state::view_json(state, id, cx.retailer, cx.connections, cx.instant);
            Err(Problem::new(ErrorCode::Conflict, detail).with_current(current))
        }
    }
}

/// References and uniqueness.
fn check(state: &State, id: EntityId, draft: &Draft) -> Result<(), Problem> {
    match draft {
        Draft::Retailer(spec) => preview::check_windows(&spec.time_zone, &spec.maintenance),
        Draft::Store(spec) => {
            let other = |x: &&std::sync::Arc<Store>| EntityId::Store(x.id) != id && x.spec.code == spec.code;
            taken(state.stores.values().find(other).is_some(), "code", &spec.code)
        }
        Draft::Agent(spec) => {
            let other =
                |x: &&std::sync::Arc<Agent>| EntityId::Agent(x.id) != id && same(&x.spec.name, &spec.name);
            taken(state.agents.values().find(other).is_some(), "name", &spec.name)?;
            store_exists(state, spec)
        }
        Draft::Destination { name, config, credentials, enabled } => {
            let other =
                |x: &&std::sync::Arc<Destination>| EntityId::Destination(x.id) != id && same(&x.name, name);
            taken(state.destinations.values().find(other).is_some(), "name", name)?;
            let stored = match id {
                EntityId::Destination(id) => state.destinations.get(&id).and_then(|x| x.credentials.as_ref()),
                _ => None,
            };
            // One that is disabled may wait for them.
            if *enabled && config.needs_credentials() && credentials.is_none() && stored.is_none() {
                let detail = format!("this kind of destination needs {}", config.wanted_credentials());
                return Err(field("credentials", &detail));
            }
            Ok(())
        }
        Draft::Job(_) | Draft::OpenedJob { .. } => {
            let (spec, _) = draft.as_job().ok_or_else(mismatch)?;
            let other =
                |x: &&std::sync::Arc<Job>| EntityId::Job(x.id) != id && same(&x.spec.name, &spec.name);
            taken(state.jobs.values().find(other).is_some(), "name", &spec.name)?;
            job::references(state, spec)?;
            job::within_reach(state, spec)?;
            let zone = state.retailer.as_ref().map_or("UTC", |retailer| retailer.spec.time_zone.as_str());
            preview::check_timing(&spec.timing, zone)
        }
    }
}

pub(super) fn same(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

pub(super) fn field(name: &str, detail: &str) -> Problem {
    Problem::invalid(vec![FieldError { field: name.into(), detail: detail.into() }])
}

fn taken(is_taken: bool, name: &str, value: &str) -> Result<(), Problem> {
    if !is_taken {
        return Ok(());
    }
    let detail = format!("\"{value}\" is in use; choose another {name}");
    let errors = vec![FieldError { field: name.into(), detail: "is in use".into() }];
    Err(Problem { errors, ..Problem::new(ErrorCode::NameTaken, detail) })
}

fn store_exists(state: &State, spec: &AgentSpec) -> Result<(), Problem> {
    match spec.store_id {
        Some(store) if !state.stores.contains_key(&store) => {
            Err(field("store_id", "there is no such store of this retailer"))
        }
        _ => Ok(()),
    }
}

fn room(state: &State, draft: &Draft) -> Result<(), Problem> {
    let (have, most, what) = match draft {
        Draft::Retailer(_) => return Ok(()),
        Draft::Store(_) => (state.stores.len(), state::MOST_STORES, "stores"),
        Draft::Agent(_) => (state.agents.len(), state::MOST_AGENTS, "agents"),
        Draft::Destination { .. } => (state.destinations.len(), state::MOST_DESTINATIONS, "destinations"),
        Draft::Job(_) | Draft::OpenedJob { .. } => (state.jobs.len(), state::MOST_JOBS, "jobs"),
    };
    if have < most {
        return Ok(());
    }
    Err(Problem::new(
        ErrorCode::LimitReached,
        format!("a retailer can have {most} {what}; delete some first"),
    ))
}
