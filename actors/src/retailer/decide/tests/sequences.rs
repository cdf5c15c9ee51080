//! Whatever is asked in whatever order: references stay intact, revisions grow, open runs have their agent.

use std::collections::BTreeMap;

use messages::agent::{Fact, Report};
use messages::http::agents::AgentSpec;
use messages::ids::SpoolId;
use messages::run::{Progress, RunOutcome};
use messages::{AgentId, DestinationId, JobId, RunId, StoreId, Timestamp, Version};
use proptest::prelude::*;
use uuid::Uuid;

use super::Desk;
use crate::domain::EntityId;
use crate::ports::ConnAddr;
use crate::retailer::request::{Draft, Request};
use crate::testkit::samples::{
    agent_spec, author, create, delete, hash, job_spec, local_file, machine, start, store_spec, update,
};
use messages::ConnId;
use messages::ids::BootId;

/// A step, with small numbers for identifiers so that steps meet.
#[derive(Debug, Clone)]
enum Step {
    Make { kind: u8, id: u8, other: u8, third: u8, name: u8 },
    Change { kind: u8, id: u8, other: u8, third: u8, name: u8, stale: bool },
    Delete { kind: u8, id: u8 },
    Start { job: u8, run: u8 },
    Cancel { run: u8 },
    Connect { agent: u8, enrolled: bool },
    Disconnect { agent: u8 },
    Report { agent: u8, run: u8, started: bool },
    Revoke { agent: u8 },
}

fn steps() -> impl Strategy<Value = Step> {
    let (kind, id) = (0_u8..4, 0_u8..4);
    prop_oneof![
        4 => (kind.clone(), id.clone(), id.clone(), id.clone(), id.clone())
            .prop_map(|(kind, id, other, third, name)| Step::Make { kind, id, other, third, name }),
        3 => (kind.clone(), id.clone(), id.clone(), id.clone(), id.clone(), any::<bool>())
            .prop_map(|(kind, id, other, third, name, stale)| Step::Change { kind, id, other, third, name, stale }),
        2 => (kind, id.clone()).prop_map(|(kind, id)| Step::Delete { kind, id }),
        3 => (id.clone(), 0_u8..8).prop_map(|(job, run)| Step::Start { job, run }),
        1 => (0_u8..8).prop_map(|run| Step::Cancel { run }),
        2 => (id.clone(), any::<bool>()).prop_map(|(agent, enrolled)| Step::Connect { agent, enrolled }),
        1 => id.clone().prop_map(|agent| Step::Disconnect { agent }),
        2 => (id.clone(), 0_u8..8, any::<bool>())
            .prop_map(|(agent, run, started)| Step::Report { agent, run, started }),
        1 => id.prop_map(|agent| Step::Revoke { agent }),
    ]
}

fn uuid(kind: u8, id: u8) -> Uuid {
    Uuid::from_u128(u128::from(kind) * 256 + u128::from(id) + 1)
}

fn agent(id: u8) -> AgentId {
    AgentId::from_uuid(uuid(1, id))
}

fn thing(kind: u8, id: u8, other: u8, third: u8, name: u8) -> (EntityId, Draft) {
    let name = format!("n{name}");
    let destination = |id| DestinationId::from_uuid(uuid(2, id));
    match kind {
        0 => (EntityId::Store(StoreId::from_uuid(uuid(0, id))), Draft::Store(store_spec(&name))),
        1 => {
            let store_id = third.is_multiple_of(2).then(|| StoreId::from_uuid(uuid(0, other)));
            let spec = AgentSpec { store_id, enabled: third != 3, ..agent_spec(&name) };
            (EntityId::Agent(agent(id)), Draft::Agent(spec))
        }
        2 => (EntityId::Destination(destination(id)), local_file(&name)),
        _ => {
            let spec = job_spec(&name, agent(other), destination(third));
            (EntityId::Job(JobId::from_uuid(uuid(3, id))), Draft::Job(spec))
        }
    }
}

fn conn_of(id: u8) -> ConnAddr {
    let (node, conn) = (BootId::from_uuid(uuid(5, 0)), ConnId::from_uuid(uuid(6, id)));
    ConnAddr { node, conn, agent: agent(id), generation: 1 }
}

fn revision(desk: &Desk, id: EntityId) -> Option<Version> {
    revisions(desk).get(&id).copied()
}

fn revisions(desk: &Desk) -> BTreeMap<EntityId, Version> {
    let state = &desk.state;
    let mut all: BTreeMap<_, _> =
        state.stores.values().map(|x| (EntityId::Store(x.id), x.stamp.rev)).collect();
    all.extend(state.agents.values().map(|x| (EntityId::Agent(x.id), x.stamp.rev)));
    all.extend(state.destinations.values().map(|x| (EntityId::Destination(x.id), x.stamp.rev)));
    all.extend(state.jobs.values().map(|x| (EntityId::Job(x.id), x.stamp.rev)));
    all.extend(state.runs.values().map(|x| (EntityId::Run(x.id), x.stamp.rev)));
    all
}

fn request(desk: &mut Desk, step: Step) -> Option<Request> {
    let run = |id| RunId::from_uuid(uuid(4, id));
    Some(match step {
        Step::Make { kind, id, other, third, name } => {
            let (id, draft) = thing(kind, id, other, third, name);
            create(id, draft)
        }
        Step::Change { kind, id, other, third, name, stale } => {
            let (id, draft) = thing(kind, id, other, third, name);
            let rev = revision(desk, id)?;
            update(id, draft, if stale { Version(rev.0 - 1) } else { rev })
        }
        Step::Delete { kind, id } => {
            let (id, _) = thing(kind, id, 0, 0, 0);
            delete(id, revision(desk, id)?)
        }
        Step::Start { job, run: id } => start(JobId::from_uuid(uuid(3, job)), run(id)),
        Step::Cancel { run: id } => Request::CancelRun { run: run(id), author: author() },
        Step::Connect { agent: id, enrolled } => {
            if !enrolled && desk.state.agents.contains_key(&agent(id)) {
                desk.offer(agent(id), 1, std::time::Duration::from_secs(60));
                desk.done(&Request::Enrol {
                    agent: agent(id),
                    token: hash(1),
                    credential: hash(2),
                    machine: machine(),
                });
            }
            let conn = conn_of(id);
            desk.connections.retain(|known| known.agent != conn.agent);
            desk.connections.push(conn);
            Request::Attach { conn, credential: hash(2), machine: machine(), active: vec![] }
        }
        Step::Disconnect { agent: id } => {
            desk.connections.retain(|known| known.agent != agent(id));
            Request::Detach { conn: conn_of(id) }
        }
        Step::Report { agent: id, run: number, started } => {
            let outcome = RunOutcome::Succeeded;
            let finished = Fact::Finished { progress: Progress::default(), outcome };
            let fact = if started { Fact::Started { attempt: 1 } } else { finished };
            let report = Report { seq: 1, at: Timestamp(0), run_id: run(number), fact };
            Request::Reports {
                conn: conn_of(id),
                spool: SpoolId::from_uuid(uuid(7, 0)),
                reports: vec![report],
            }
        }
        Step::Revoke { agent: id } => Request::Revoke { agent: agent(id), author: author() },
    })
}

fn intact(desk: &Desk) -> Result<(), TestCaseError> {
    let state = &desk.state;
    for agent in state.agents.values() {
        prop_assert!(agent.spec.store_id.is_none_or(|store| state.stores.contains_key(&store)));
    }
    for job in state.jobs.values() {
        prop_assert!(state.agents.contains_key(&job.spec.agent_id), "a job without its agent");
        prop_assert!(
            state.destinations.contains_key(&job.spec.destination_id),
            "a job without its destination"
        );
    }
    for run in state.open_runs() {
        prop_assert!(state.agents.contains_key(&run.agent_id), "an open run without its agent");
        prop_assert!(state.jobs.contains_key(&run.job_id), "an open run without its job");
    }
    let mut names: Vec<_> = state.jobs.values().map(|job| job.spec.name.to_lowercase()).collect();
    names.sort();
    names.dedup();
    prop_assert_eq!(names.len(), state.jobs.len());
    Ok(())
}

proptest! {
    #[test]
    fn references_stay_intact_and_revisions_grow(steps in prop::collection::vec(steps(), 1..120)) {
        let mut desk = Desk::new();
        for step in steps {
            let Some(request) = request(&mut desk, step) else { continue };
            let (before, version) = (revisions(&desk), desk.state.version);
            let changed = desk.ask(&request).is_ok_and(|decision| !decision.writes.is_empty());
            prop_assert_eq!(desk.state.version, if changed { version.next() } else { version });
            for (id, now) in revisions(&desk) {
                prop_assert!(now <= desk.state.version);
                let fits = before.get(&id).is_none_or(|then| now == *then || now == desk.state.version);
                prop_assert!(fits, "{:?} has gone to revision {}", id, now);
            }
            intact(&desk)?;
        }
    }
}
