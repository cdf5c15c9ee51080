//! Many things made at once, or none: a configuration that was exported elsewhere. Pure.
//!
//! What is there already, by its name, stays as it is, so a file can be imported again. Nothing begins to work by being
//! imported: jobs come in disabled (a copy would write over what the original sends), and so does a destination whose
//! credentials are still to be given.

use std::collections::HashMap;

use messages::Problem;
use messages::http::configuration::{ImportOutcome, ImportReport, Imported};
use messages::http::retailers::RetailerSpec;

use super::super::request::{Draft, Response};
use super::super::state::State;
use super::config::{self, same};
use super::{Answer, Context, Decision};
use crate::domain::{EntityId, Write};

/// In an order in which nothing refers to what comes later. With a specification the retailer itself is made first.
pub(super) fn import(
    state: &State,
    retailer: Option<&RetailerSpec>,
    things: &[(EntityId, Draft)],
    dry_run: bool,
    cx: Context<'_>,
) -> Result<Decision, Problem> {
    let mut importing = Importing { after: state.clone(), writes: Vec::new(), elsewhere: HashMap::new() };
    if let Some(spec) = retailer {
        importing.make(EntityId::Retailer, &Draft::Retailer(spec.clone()), cx)?;
    }
    let mut places = HashMap::new();
    let mut report = ImportReport { retailer_id: cx.retailer, dry_run, things: Vec::new() };
    for (id, draft) in things {
        let place = places.entry(id.kind()).or_insert(0_usize);
        let imported = importing.thing(*id, draft, cx).map_err(|problem| at(id.kind(), *place, problem))?;
        report.things.push(imported);
        *place += 1;
    }
    let writes = if dry_run { Vec::new() } else { importing.writes };
    let answer = Answer::Response(Response::Imported(report));
    Ok(Decision { writes, answer, effects: Vec::new() })
}

struct Importing {
    after: State,
    writes: Vec<Write>,
    /// Of things that were there: what they are called in the file, and here.
    elsewhere: HashMap<EntityId, EntityId>,
}

impl Importing {
    fn thing(&mut self, id: EntityId, draft: &Draft, cx: Context<'_>) -> Result<Imported, Problem> {
        let (name, namesake) = self.namesake(draft);
        let kind = id.kind().to_owned();
        if let Some(there) = namesake.filter(|there| *there != id) {
            self.elsewhere.insert(id, there);
            return Ok(Imported { kind, name, outcome: ImportOutcome::Kept, needs_credentials: false });
        }
        let (draft, needs_credentials) = at_rest(self.linked(draft.clone()));
        self.make(id, &draft, cx)?;
        Ok(Imported { kind, name, outcome: ImportOutcome::Made, needs_credentials })
    }

    fn make(&mut self, id: EntityId, draft: &Draft, cx: Context<'_>) -> Result<(), Problem> {
        for write in config::create(&self.after, id, draft, cx)?.writes {
            self.after.apply(&write);
            self.writes.push(write);
        }
        Ok(())
    }

    /// What a thing is called, and the one that is called so.
    fn namesake(&self, draft: &Draft) -> (String, Option<EntityId>) {
        let state = &self.after;
        match draft {
            Draft::Retailer(spec) => (spec.name.clone(), state.retailer.as_ref().map(|_| EntityId::Retailer)),
            Draft::Store(spec) => {
                let there = state.stores.values().find(|store| store.spec.code == spec.code);
                (spec.code.clone(), there.map(|store| EntityId::Store(store.id)))
            }
            Draft::Agent(spec) => {
                let there = state.agents.values().find(|agent| same(&agent.spec.name, &spec.name));
                (spec.name.clone(), there.map(|agent| EntityId::Agent(agent.id)))
            }
            Draft::Destination { name, .. } => {
                let there = state.destinations.values().find(|destination| same(&destination.name, name));
                (name.clone(), there.map(|destination| EntityId::Destination(destination.id)))
            }
            Draft::Job(spec) => self.job_called(&spec.name),
            Draft::OpenedJob { spec, .. } => self.job_called(&spec.name),
        }
    }

    fn job_called(&self, name: &str) -> (String, Option<EntityId>) {
        let there = self.after.jobs.values().find(|job| same(&job.spec.name, name));
        (name.to_owned(), there.map(|job| EntityId::Job(job.id)))
    }

    /// Refers to what is here instead of what is in the file.
    fn linked(&self, mut draft: Draft) -> Draft {
        if let Draft::Agent(spec) = &mut draft
            && let Some(store) = &mut spec.store_id
            && let Some(EntityId::Store(here)) = self.elsewhere.get(&EntityId::Store(*store))
        {
            *store = *here;
        }
        if let Some(spec) = draft.as_job_mut() {
            if let Some(EntityId::Agent(here)) = self.elsewhere.get(&EntityId::Agent(spec.agent_id)) {
                spec.agent_id = *here;
            }
            let destination = EntityId::Destination(spec.destination_id);
            if let Some(EntityId::Destination(here)) = self.elsewhere.get(&destination) {
                spec.destination_id = *here;
            }
        }
        draft
    }
}

/// As it comes in, and whether credentials are still to be given to it.
fn at_rest(mut draft: Draft) -> (Draft, bool) {
    let needs = match &mut draft {
        Draft::Destination { config, enabled, credentials, .. } => {
            let needs = config.needs_credentials() && credentials.is_none();
            *enabled &= !needs;
            needs
        }
        Draft::Job(spec) => spec.source.needs_credentials(),
        _ => false,
    };
    if let Some(spec) = draft.as_job_mut() {
        spec.enabled = false;
    }
    (draft, needs)
}

/// Says where in the file the fault is.
fn at(kind: &str, place: usize, mut problem: Problem) -> Problem {
    let path = format!("{kind}s.{place}");
    for error in &mut problem.errors {
        error.field = format!("{path}.{}", error.field);
    }
    problem.detail = format!("{path}: {}", problem.detail);
    problem
}
