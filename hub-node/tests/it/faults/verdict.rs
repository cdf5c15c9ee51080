//! What was acknowledged against what is stored. The comparison is pure; reading is one function.

use std::collections::{BTreeMap, BTreeSet};

use bson::{Bson, Document, doc};
use futures_util::TryStreamExt as _;
use mongodb::Database;

use super::ledger::{Deed, Entry, Outcome};
use super::load::count_of;
use super::shop::Shops;

/// A stored document with a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Thing {
    pub(super) collection: &'static str,
    pub(super) retailer: String,
    pub(super) id: String,
    pub(super) rev: i64,
    pub(super) code: String,
    pub(super) name: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) id: String,
    pub(super) over: bool,
    /// Its states in their order.
    pub(super) states: Vec<String>,
}

/// Everything that is stored and counts.
#[derive(Debug, Clone, Default)]
pub(super) struct Found {
    /// Of each retailer.
    pub(super) versions: BTreeMap<String, i64>,
    pub(super) things: Vec<Thing>,
    pub(super) runs: Vec<Run>,
    pub(super) agent_log: String,
}

const WITH_REVISION: [&str; 6] = ["retailers", "stores", "agents", "destinations", "jobs", "runs"];
const OVER: [&str; 4] = ["succeeded", "failed", "cancelled", "timed_out"];

impl Found {
    pub(super) async fn read(database: &Database) -> Self {
        let mut found = Self::default();
        for collection in WITH_REVISION {
            for document in all(database, collection).await {
                let text = |field| document.get_str(field).unwrap_or_default().to_owned();
                let of = if collection == "retailers" { "_id" } else { "retailer_id" };
                found.things.push(Thing {
                    collection,
                    retailer: id(&document, of),
                    id: id(&document, "_id"),
                    rev: document.get_document("stamp").and_then(|stamp| stamp.get_i64("rev")).unwrap(),
                    code: text("code"),
                    name: text("name"),
                });
                if collection == "runs" {
                    let steps = document.get_array("transitions").unwrap().iter();
                    let state = |step: &Bson| step.as_document()?.get_str("state").ok().map(str::to_owned);
                    found.runs.push(Run {
                        id: id(&document, "_id"),
                        over: document.get_bool("over").unwrap(),
                        states: steps.filter_map(state).collect(),
                    });
                }
            }
        }
        // Last: a run may still take a step while this reads, and no document is ahead of its fence.
        for fence in all(database, "fences").await {
            found.versions.insert(id(&fence, "_id"), fence.get_i64("version").unwrap());
        }
        found
    }

    pub(super) fn open_runs(&self) -> usize {
        self.runs.iter().filter(|run| !run.over).count()
    }
}

async fn all(database: &Database, collection: &str) -> Vec<Document> {
    database.collection::<Document>(collection).find(doc! {}).await.unwrap().try_collect().await.unwrap()
}

fn id(document: &Document, field: &str) -> String {
    match document.get(field) {
        Some(Bson::Binary(binary)) => binary.to_uuid().map(|id| id.to_string()).unwrap_or_default(),
        other => panic!("{field} is no identifier: {other:?}"),
    }
}

/// Everything that does not agree.
pub(super) fn complaints(entries: &[Entry], found: &Found, shops: &Shops) -> Vec<String> {
    let mut wrong = Vec::new();
    stores(entries, found, shops, &mut wrong);
    for retailer in &shops.retailers {
        counted(entries, found, retailer, &shops.common[retailer], &mut wrong);
        versions(entries, found, retailer, &mut wrong);
    }
    revisions(found, &mut wrong);
    runs(entries, found, &mut wrong);
    wrong
}

/// Every store that was acknowledged is there, as it was last acknowledged; nothing is there that was not asked for.
fn stores(entries: &[Entry], found: &Found, shops: &Shops, wrong: &mut Vec<String>) {
    let stored: BTreeMap<&str, &Thing> = found
        .things
        .iter()
        .filter(|thing| thing.collection == "stores")
        .map(|thing| (thing.id.as_str(), thing))
        .collect();
    let mut asked: BTreeSet<(&str, &str)> =
        shops.retailers.iter().map(|id| (id.as_str(), "common")).collect();
    // The last name that was acknowledged, its revision, and what it may be besides.
    let mut names: BTreeMap<&str, (&str, i64, Vec<&str>)> = BTreeMap::new();
    for entry in entries {
        match (&entry.deed, &entry.outcome) {
            (Deed::Make { code }, Outcome::Done { id, rev }) => {
                asked.insert((&entry.retailer, code));
                names.insert(id, (code, *rev, Vec::new()));
            }
            (Deed::Make { code }, Outcome::Unknown(_)) => {
                asked.insert((&entry.retailer, code));
            }
            (Deed::Rename { store, name }, Outcome::Done { rev, .. }) => {
                names.insert(store, (name, *rev, Vec::new()));
            }
            (Deed::Rename { store, name }, Outcome::Unknown(_)) => {
                if let Some((_, _, besides)) = names.get_mut(store.as_str()) {
                    besides.push(name);
                }
            }
            _ => {}
        }
    }
    for (id, (name, rev, besides)) in &names {
        match stored.get(id) {
            None => {
                wrong.push(format!("the store {id} (\"{name}\" at {rev}) was acknowledged and is not there"))
            }
            Some(thing) if (thing.name.as_str(), thing.rev) == (*name, *rev) => {}
            Some(thing) if besides.contains(&thing.name.as_str()) && thing.rev > *rev => {}
            Some(thing) => wrong.push(format!(
                "the store {id} was acknowledged as \"{name}\" at {rev}, and is \"{}\" at {}",
                thing.name, thing.rev
            )),
        }
    }
    let mut codes = BTreeSet::new();
    for thing in stored.values() {
        let named = (thing.retailer.as_str(), thing.code.as_str());
        if !asked.contains(&named) {
            wrong.push(format!("the store {} is there, and nobody was told so: {thing:?}", thing.code));
        }
        if !codes.insert(named) {
            wrong.push(format!("the store {} is there twice", thing.code));
        }
    }
}

/// The common store has counted every acknowledged step, and none that was refused.
fn counted(entries: &[Entry], found: &Found, retailer: &str, common: &str, wrong: &mut Vec<String>) {
    let steps = |is: fn(&Outcome) -> bool| {
        let of_this = entries.iter().filter(|entry| entry.retailer == retailer && entry.deed == Deed::Count);
        of_this.filter(|entry| is(&entry.outcome)).count() as u64
    };
    let done = steps(|outcome| matches!(outcome, Outcome::Done { .. }));
    let unknown = steps(|outcome| matches!(outcome, Outcome::Unknown(_)));
    let count = found.things.iter().find(|thing| thing.id == common).and_then(|thing| count_of(&thing.name));
    if !count.is_some_and(|count| (done..=done + unknown).contains(&count)) {
        wrong.push(format!(
            "{done} steps of retailer {retailer} were acknowledged, {unknown} are not known, and {count:?} were counted"
        ));
    }
}

/// Each acknowledged revision is a version of its own commit, and every version was somebody's.
fn versions(entries: &[Entry], found: &Found, retailer: &str, wrong: &mut Vec<String>) {
    let Some(version) = found.versions.get(retailer).copied() else {
        return wrong.push(format!("retailer {retailer} has no fence"));
    };
    let mut acknowledged = BTreeSet::new();
    let mut unknown = 0;
    for entry in entries.iter().filter(|entry| entry.retailer == retailer) {
        match &entry.outcome {
            Outcome::Done { rev, .. } => {
                acknowledged.insert(*rev);
            }
            Outcome::Unknown(_) => unknown += 1,
            Outcome::Refused(_) => {}
        }
    }
    if acknowledged.last().is_some_and(|last| *last > version) {
        wrong.push(format!(
            "retailer {retailer} is at version {version}, and {acknowledged:?} were acknowledged"
        ));
    }
    // The retailer and its common store were made before.
    let nobodys: Vec<i64> = (3..=version).filter(|version| !acknowledged.contains(version)).collect();
    if nobodys.len() > unknown {
        wrong.push(format!(
            "of retailer {retailer} nobody was told of the versions {nobodys:?}, and {unknown} requests are not known"
        ));
    }
}

/// No document is newer than its retailer's fence.
fn revisions(found: &Found, wrong: &mut Vec<String>) {
    for thing in &found.things {
        let version = found.versions.get(&thing.retailer).copied().unwrap_or(0);
        if !(1..=version).contains(&thing.rev) {
            wrong.push(format!("the fence is at {version}, and there is {thing:?}"));
        }
    }
}

/// Every run that was acknowledged is there and has ended once; the agent took each on once; none is there twice.
fn runs(entries: &[Entry], found: &Found, wrong: &mut Vec<String>) {
    let mut acknowledged = BTreeSet::new();
    let (mut unknown, mut asked) = (0, 0);
    for entry in entries.iter().filter(|entry| entry.deed == Deed::Run) {
        asked += 1;
        match &entry.outcome {
            Outcome::Done { id, .. } => {
                if !acknowledged.insert(id.as_str()) {
                    wrong.push(format!("the run {id} was given to two requests"));
                }
            }
            Outcome::Unknown(_) => unknown += 1,
            Outcome::Refused(code) => wrong.push(format!("a run was refused with {code}")),
        }
    }
    let stored: BTreeSet<&str> = found.runs.iter().map(|run| run.id.as_str()).collect();
    for lost in acknowledged.difference(&stored) {
        wrong.push(format!("the run {lost} was acknowledged and is not there"));
    }
    let extra = stored.difference(&acknowledged).count();
    if extra > unknown {
        wrong.push(format!(
            "{extra} of {} runs were told to nobody, and {unknown} of {asked} are not known",
            stored.len()
        ));
    }
    for run in &found.runs {
        let ends = run.states.iter().filter(|state| OVER.contains(&state.as_str())).count();
        if !run.over || ends != 1 {
            wrong.push(format!("the run {} has ended {ends} times: {:?}", run.id, run.states));
        }
        let accepted = found
            .agent_log
            .lines()
            .filter(|line| line.contains("a run was accepted") && line.contains(run.id.as_str()))
            .count();
        if accepted > 1 {
            wrong.push(format!("the agent took the run {} on {accepted} times", run.id));
        }
        let cancelled_early = run.states.iter().all(|state| state != "running" && state != "succeeded");
        if accepted == 0 && !cancelled_early {
            wrong.push(format!("the run {} went on without its agent: {:?}", run.id, run.states));
        }
    }
}

#[cfg(test)]
mod tests;
