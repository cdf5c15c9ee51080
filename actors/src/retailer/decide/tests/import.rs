//! Configurations that are imported.

use messages::http::configuration::{ImportOutcome, ImportReport};
use messages::{AgentId, DestinationId, ErrorCode, JobId, StoreId};

use super::*;
use crate::retailer::configuration::configuration;
use crate::retailer::request::Response;
use crate::testkit::samples::{retailer_spec, sealed, sftp, store_spec, update};

fn import(things: Vec<(EntityId, Draft)>) -> Request {
    Request::Import { retailer: None, things, dry_run: false, author: author() }
}

/// A store, an agent in it, a server to upload to, and a job from the one to the other.
fn file() -> Vec<(EntityId, Draft)> {
    let (store, agent, destination) = (StoreId::new(), AgentId::new(), DestinationId::new());
    let spec = AgentSpec { store_id: Some(store), ..agent_spec("till") };
    vec![
        (EntityId::Store(store), Draft::Store(store_spec("d1"))),
        (EntityId::Agent(agent), Draft::Agent(spec)),
        (EntityId::Destination(destination), sftp("server", None)),
        (EntityId::Job(JobId::new()), Draft::Job(job_spec("items", agent, destination))),
    ]
}

fn report(decision: Decision) -> ImportReport {
    match decision.answer {
        Answer::Response(Response::Imported(report)) => report,
        other => panic!("{other:?} is no report"),
    }
}

fn outcomes(report: &ImportReport) -> Vec<(&str, ImportOutcome, bool)> {
    report.things.iter().map(|thing| (thing.kind.as_str(), thing.outcome, thing.needs_credentials)).collect()
}

#[test]
fn all_is_made_and_nothing_begins_to_work() {
    use ImportOutcome::Made;
    let mut desk = Desk::new();
    let report = report(desk.done(&import(file())));
    let made =
        [("store", Made, false), ("agent", Made, false), ("destination", Made, true), ("job", Made, false)];
    assert_eq!(outcomes(&report), made);
    let destination = desk.state.destinations.values().next().unwrap();
    let job = desk.state.jobs.values().next().unwrap();
    assert!(!destination.enabled && !job.spec.enabled);
    assert!(desk.state.agents[&job.spec.agent_id].spec.store_id.is_some());

    // It can be put to work only with credentials.
    let id = EntityId::Destination(destination.id);
    let enabled = |credentials| update(id, sftp("server", credentials), destination.stamp.rev);
    let (without, with) = (enabled(None), enabled(Some(sealed())));
    assert_eq!(desk.refused(&without).errors[0].field, "credentials");
    desk.done(&with);
}

#[test]
fn what_is_there_stays_and_is_referred_to() {
    use ImportOutcome::{Kept, Made};
    let mut desk = Desk::new();
    let mut twice = file();
    desk.done(&import(twice.clone()));
    let before = desk.state.clone();
    // The same file again, under other identifiers and with a job more.
    twice = file();
    let (EntityId::Agent(agent), EntityId::Destination(destination)) = (twice[1].0, twice[2].0) else {
        panic!("the file has changed")
    };
    twice.push((EntityId::Job(JobId::new()), Draft::Job(job_spec("Stock", agent, destination))));
    let report = report(desk.done(&import(twice)));
    let outcome: Vec<_> = report.things.iter().map(|thing| thing.outcome).collect();
    assert_eq!(outcome, [Kept, Kept, Kept, Kept, Made]);
    assert_eq!(desk.state.agents.len(), 1);
    let added = desk.state.jobs.values().find(|job| job.spec.name == "Stock").unwrap();
    assert!(before.agents.contains_key(&added.spec.agent_id));
    assert!(before.destinations.contains_key(&added.spec.destination_id));
}

#[test]
fn all_or_nothing_and_the_fault_is_told_with_its_place() {
    let mut desk = Desk::new();
    let mut things = file();
    let astray = job_spec("astray", AgentId::new(), DestinationId::new());
    things.push((EntityId::Job(JobId::new()), Draft::Job(astray)));
    let problem = desk.refused(&import(things));
    assert_eq!(problem.errors[0].field, "jobs.1.agent_id");
    assert!(problem.detail.starts_with("jobs.1: "), "{}", problem.detail);
    assert!(desk.state.stores.is_empty());
}

#[test]
fn a_dry_run_says_it_and_writes_nothing() {
    let mut desk = Desk::new();
    let request = Request::Import { retailer: None, things: file(), dry_run: true, author: author() };
    let report = report(desk.done(&request));
    assert_eq!((report.count(ImportOutcome::Made), report.dry_run), (4, true));
    assert!(desk.state.stores.is_empty());
}

#[test]
fn a_retailer_is_made_of_a_file_and_can_be_exported_again() {
    let mut desk = Desk::empty();
    assert_eq!(desk.code(&import(file())), ErrorCode::NotFound);
    let retailer = Some(Box::new(retailer_spec()));
    let request = Request::Import { retailer, things: file(), dry_run: false, author: author() };
    desk.done(&request);
    // A repetition finds all that it made.
    let again = report(desk.done(&request));
    assert_eq!(again.count(ImportOutcome::Kept), 0);
    assert_eq!(desk.state.jobs.len(), 1);

    let exported = configuration(&desk.state).unwrap();
    assert_eq!(exported.retailer, retailer_spec());
    assert_eq!(exported.jobs[0].body.spec.agent_id, exported.agents[0].id);
    let text = serde_json::to_string(&exported).unwrap();
    assert!(!text.contains("credentials"), "{text}");
}
