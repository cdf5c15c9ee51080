//! Making, changing and deleting.

use messages::http::agents::AgentSpec;
use messages::http::jobs::JobSpec;
use messages::http::retailers::RetailerSpec;
use messages::http::stores::StoreSpec;
use messages::{AgentId, DestinationId, ErrorCode, JobId, RunId, StoreId, Version};

use super::{Desk, made};
use crate::domain::{EntityId, Sealed, Write};
use crate::retailer::decide::Effect;
use crate::retailer::request::{Draft, Request};
use crate::retailer::state::{MOST_AGENTS, MOST_DESTINATIONS, MOST_JOBS, MOST_STORES};
use crate::testkit::samples::{
    agent_spec, create, create_retailer, create_store, delete, job_spec, local_file, retailer_spec, sealed,
    sftp, store_spec, update,
};

#[test]
fn without_the_retailer_there_is_nothing_else() {
    let mut desk = Desk::empty();
    assert_eq!(desk.code(&create_store("a")), ErrorCode::NotFound);
    let made = desk.done(&create_retailer());
    assert_eq!(made.writes.len(), 1);
    assert_eq!(desk.state.retailer.as_ref().unwrap().id, desk.retailer);
    assert_eq!(desk.done(&create_retailer()).writes, [], "it is there");
}

#[test]
fn what_is_made_carries_the_version_of_its_commit() {
    let mut desk = Desk::new();
    let id = EntityId::Store(StoreId::new());
    let decision = desk.done(&create(id, Draft::Store(store_spec("a"))));
    assert_eq!(made(&decision), id);
    assert_eq!((desk.revision(id), desk.state.version), (Version(2), Version(2)));
    let again = desk.done(&create(id, Draft::Store(store_spec("other"))));
    assert_eq!(
        (made(&again), again.writes),
        (id, vec![]),
        "the id was minted by the caller: the same request"
    );
}

#[test]
fn names_are_unique_without_regard_to_case() {
    let mut desk = Desk::new();
    desk.done(&create_store("a"));
    let (agent, destination) = (desk.agent("Ünit"), desk.destination("Folder"));
    let job = desk.job("Export", agent, destination);
    let new_job =
        |name: &str| create(EntityId::Job(JobId::new()), Draft::Job(job_spec(name, agent, destination)));
    let new_destination = |name: &str| create(EntityId::Destination(DestinationId::new()), local_file(name));
    let new_agent = |name: &str| create(EntityId::Agent(AgentId::new()), Draft::Agent(agent_spec(name)));
    for (request, field) in [
        (create_store("a"), "code"),
        (new_agent("ÜNIT"), "name"),
        (new_destination("FOLDER"), "name"),
        (new_job("eXPORT"), "name"),
    ] {
        let problem = desk.refused(&request);
        assert_eq!(
            (problem.code, problem.errors[0].field.as_str()),
            (ErrorCode::NameTaken, field),
            "{request:?}"
        );
    }
    let other = desk.job("Other", agent, destination);
    let spec = |name: &str| Draft::Job(job_spec(name, agent, destination));
    let rev = desk.revision(EntityId::Job(other));
    assert_eq!(desk.code(&update(EntityId::Job(other), spec("EXPORT"), rev)), ErrorCode::NameTaken);
    let rev = desk.revision(EntityId::Job(job));
    desk.done(&update(EntityId::Job(job), spec("EXPORT"), rev));
}

#[test]
fn the_loser_of_a_race_sees_what_the_thing_has_become() {
    let mut desk = Desk::new();
    let store = StoreId::new();
    let id = EntityId::Store(store);
    desk.done(&create(id, Draft::Store(store_spec("a"))));
    let first = desk.revision(id);
    let named = |name: &str| Draft::Store(StoreSpec { name: name.into(), ..store_spec("a") });
    desk.done(&update(id, named("Winner"), first));
    assert_eq!(desk.revision(id), Version(3));
    for request in [update(id, named("Loser"), first), delete(id, first)] {
        let problem = desk.refused(&request);
        assert_eq!(problem.code, ErrorCode::Conflict);
        let current = problem.current.unwrap();
        assert_eq!((&current["name"], &current["rev"]), (&"Winner".into(), &3.into()));
    }
    desk.done(&delete(id, Version(3)));
    assert_eq!(desk.code(&delete(id, Version(3))), ErrorCode::NotFound);
    assert_eq!(desk.code(&update(id, named("Late"), Version(3))), ErrorCode::NotFound);
}

#[test]
fn references_must_exist() {
    let mut desk = Desk::new();
    let (agent, destination) = (desk.agent("Till"), desk.destination("Folder"));
    let fields = |desk: &mut Desk, request: &Request| {
        let problem = desk.refused(request);
        assert_eq!(problem.code, ErrorCode::InvalidField);
        problem.errors.into_iter().map(|error| error.field).collect::<Vec<_>>()
    };
    let job = |agent, destination| {
        create(EntityId::Job(JobId::new()), Draft::Job(job_spec("J", agent, destination)))
    };
    let missing = job(AgentId::new(), DestinationId::new());
    assert_eq!(fields(&mut desk, &missing), ["agent_id", "destination_id"]);
    assert_eq!(fields(&mut desk, &job(agent, DestinationId::new())), ["destination_id"]);
    assert_eq!(fields(&mut desk, &job(AgentId::new(), destination)), ["agent_id"]);
    let store_id = Some(StoreId::new());
    let draft = Draft::Agent(AgentSpec { store_id, ..agent_spec("New") });
    assert_eq!(fields(&mut desk, &create(EntityId::Agent(AgentId::new()), draft)), ["store_id"]);
    let draft = Draft::Agent(AgentSpec { store_id, ..agent_spec("Till") });
    let rev = desk.revision(EntityId::Agent(agent));
    assert_eq!(fields(&mut desk, &update(EntityId::Agent(agent), draft, rev)), ["store_id"]);
    let id = desk.job("Export", agent, destination);
    let draft = Draft::Job(job_spec("Export", AgentId::new(), destination));
    let rev = desk.revision(EntityId::Job(id));
    assert_eq!(fields(&mut desk, &update(EntityId::Job(id), draft, rev)), ["agent_id"]);
}

#[test]
fn what_is_used_cannot_be_deleted() {
    let mut desk = Desk::new();
    let store = StoreId::new();
    desk.done(&create(EntityId::Store(store), Draft::Store(store_spec("a"))));
    let (agent, destination, job) = desk.site();
    let draft = Draft::Agent(AgentSpec { store_id: Some(store), ..agent_spec("Till") });
    let rev = desk.revision(EntityId::Agent(agent));
    desk.done(&update(EntityId::Agent(agent), draft, rev));
    for (id, user) in [
        (EntityId::Store(store), "Till"),
        (EntityId::Agent(agent), "Export"),
        (EntityId::Destination(destination), "Export"),
    ] {
        let problem = desk.refused(&delete(id, desk.revision(id)));
        assert_eq!(problem.code, ErrorCode::InUse);
        assert!(problem.detail.contains(user), "{}", problem.detail);
    }
    for id in [
        EntityId::Job(job),
        EntityId::Agent(agent),
        EntityId::Destination(destination),
        EntityId::Store(store),
    ] {
        let decision = desk.done(&delete(id, desk.revision(id)));
        assert_eq!(decision.writes, [Write::Delete(id)]);
    }
}

#[test]
fn with_a_run_open_its_job_its_agent_and_the_retailer_stay() {
    let mut desk = Desk::new();
    let (agent, destination, job) = desk.site();
    let run = desk.start(job);
    let retailer = desk.revision(EntityId::Retailer);
    assert_eq!(desk.code(&delete(EntityId::Retailer, retailer)), ErrorCode::WrongState);
    let rev = desk.revision(EntityId::Job(job));
    assert_eq!(desk.code(&delete(EntityId::Job(job), rev)), ErrorCode::WrongState);
    // The job moves on to another agent; the run stays with the one that it was made for.
    let other = desk.agent("Other");
    desk.done(&update(EntityId::Job(job), Draft::Job(job_spec("Export", other, destination)), rev));
    let rev = desk.revision(EntityId::Agent(agent));
    assert_eq!(desk.code(&delete(EntityId::Agent(agent), rev)), ErrorCode::WrongState);
    desk.done(&Request::CancelRun { run, author: crate::testkit::samples::author() });
    desk.done(&delete(EntityId::Agent(agent), rev));
    let decision = desk.done(&delete(EntityId::Retailer, retailer));
    assert_eq!(decision.effects, [Effect::Dismiss(other, ErrorCode::AgentRevoked), Effect::End]);
    assert!(desk.state.retailer.is_none() && desk.state.jobs.is_empty());
    assert_eq!(desk.code(&create_store("a")), ErrorCode::NotFound);
}

#[test]
fn credentials_are_required_where_they_are_needed_and_kept_when_left_out() {
    let mut desk = Desk::new();
    let (key, id) = (DestinationId::new(), EntityId::Destination(DestinationId::new()));
    let problem = desk.refused(&create(id, sftp("Shop", None)));
    assert_eq!((problem.code, problem.errors[0].field.as_str()), (ErrorCode::InvalidField, "credentials"));
    let id = EntityId::Destination(key);
    desk.done(&create(id, sftp("Shop", Some(sealed()))));
    let rev = desk.revision(id);
    desk.done(&update(id, sftp("Renamed", None), rev));
    assert_eq!(desk.state.destinations[&key].credentials, Some(sealed()), "kept");
    let other = Sealed { key_id: "k2".into(), bytes: vec![9] };
    let rev = desk.revision(id);
    desk.done(&update(id, sftp("Renamed", Some(other.clone())), rev));
    assert_eq!(desk.state.destinations[&key].credentials, Some(other), "replaced");
    let local = desk.destination("Folder");
    let rev = desk.revision(EntityId::Destination(local));
    let problem = desk.refused(&update(EntityId::Destination(local), sftp("Folder", None), rev));
    assert_eq!(problem.errors[0].field, "credentials", "a kind that needs none has none to keep");
}

#[test]
fn credentials_are_sealed_anew_only_if_they_are_still_the_same() {
    let mut desk = Desk::new();
    let destination = DestinationId::new();
    let id = EntityId::Destination(destination);
    desk.done(&create(id, sftp("Shop", Some(sealed()))));
    let rev = desk.revision(id);
    let after = Sealed { key_id: "k2".into(), bytes: vec![7] };
    let reseal = Request::Reseal { destination, before: sealed(), after: after.clone() };
    desk.done(&reseal);
    assert_eq!(desk.state.destinations[&destination].credentials, Some(after));
    assert_eq!(desk.revision(id), rev, "nobody's edit is made stale");
    assert_eq!(desk.done(&reseal).writes, [], "done already, or changed since");
}

#[test]
fn a_retailer_has_its_limits() {
    let mut desk = Desk::new();
    let (agent, destination) = (desk.agent("Till"), desk.destination("Folder"));
    for n in 0..MOST_STORES {
        desk.done(&create_store(&format!("s{n}")));
    }
    for n in 1..MOST_AGENTS {
        desk.agent(&format!("a{n}"));
    }
    for n in 1..MOST_DESTINATIONS {
        desk.destination(&format!("d{n}"));
    }
    for n in 0..MOST_JOBS {
        desk.job(&format!("j{n}"), agent, destination);
    }
    for request in [
        create_store("more"),
        create(EntityId::Agent(AgentId::new()), Draft::Agent(agent_spec("More"))),
        create(EntityId::Destination(DestinationId::new()), local_file("More")),
        create(EntityId::Job(JobId::new()), Draft::Job(job_spec("More", agent, destination))),
    ] {
        assert_eq!(desk.code(&request), ErrorCode::LimitReached, "{request:?}");
    }
}

#[test]
fn a_draft_of_another_kind_is_refused() {
    let mut desk = Desk::new();
    let (agent, _, job) = desk.site();
    let wrong = Draft::Retailer(retailer_spec());
    for id in [EntityId::Store(StoreId::new()), EntityId::Agent(AgentId::new()), EntityId::Run(RunId::new())]
    {
        assert_eq!(desk.code(&create(id, wrong.clone())), ErrorCode::MalformedRequest, "{id:?}");
    }
    for id in [EntityId::Agent(agent), EntityId::Job(job)] {
        let rev = desk.revision(id);
        assert_eq!(desk.code(&update(id, wrong.clone(), rev)), ErrorCode::MalformedRequest, "{id:?}");
    }
    let run = EntityId::Run(desk.start(job));
    let rev = desk.revision(run);
    assert_eq!(desk.code(&delete(run, rev)), ErrorCode::MalformedRequest);
}

#[test]
fn a_change_keeps_what_the_draft_does_not_name() {
    let mut desk = Desk::new();
    let (agent, _, job) = desk.site();
    let run = desk.start(job);
    desk.now.0 += 5_000;
    let rev = desk.revision(EntityId::Job(job));
    let spec = JobSpec { timeout_s: 99, ..desk.job_spec(job) };
    desk.done(&update(EntityId::Job(job), Draft::Job(spec), rev));
    let changed = &desk.state.jobs[&job];
    assert_eq!((changed.spec.timeout_s, changed.last_run.as_ref().unwrap().id), (99, run));
    assert_eq!((changed.stamp.created_at.0, changed.stamp.updated_at.0), (1_000_000, 1_005_000));
    let rev = desk.revision(EntityId::Agent(agent));
    desk.done(&update(EntityId::Agent(agent), Draft::Agent(agent_spec("Renamed")), rev));
    assert!(desk.state.agents[&agent].access.credential.is_some());
    let rev = desk.revision(EntityId::Retailer);
    let spec = RetailerSpec { name: "Renamed".into(), ..retailer_spec() };
    desk.done(&update(EntityId::Retailer, Draft::Retailer(spec), rev));
    assert_eq!(desk.state.retailer.as_ref().unwrap().spec.name, "Renamed");
}
