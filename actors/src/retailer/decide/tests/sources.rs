//! What a job's source needs: an agent that has it, and what opens it.

use messages::connector::{CsvSource, HttpAuth, HttpJsonSource, SingerSource, SourceConfig, SqliteSource};
use messages::http::agents::Machine;
use messages::http::jobs::JobSpec;
use messages::mapping::{self, Mapping};
use messages::plugin::{Plugin, PluginKind, Setting, SettingForm};
use messages::{ErrorCode, JobId, RunId};
use serde_json::json;

use super::Desk;
use crate::domain::{Agent, EntityId, Sealed, Write};
use crate::retailer::decide::fits;
use crate::retailer::request::{Draft, Request};
use crate::testkit::samples::{create, delete, job_spec, machine, sealed, start, update};

/// A job that reads from a server to which the agent signs in.
fn over_http(desk: &mut Desk, url: &str) -> JobSpec {
    let source = HttpJsonSource { url: url.into(), auth: HttpAuth::Bearer, ..HttpJsonSource::default() };
    let (agent, destination) = match desk.state.jobs.values().next() {
        Some(job) => (job.spec.agent_id, job.spec.destination_id),
        None => (desk.agent("Till"), desk.destination("Folder")),
    };
    JobSpec { source: SourceConfig::HttpJson(source.into()), ..job_spec("Export", agent, destination) }
}

#[test]
fn what_opens_a_source_stays_with_its_server() {
    let mut desk = Desk::new();
    let (job, url) = (JobId::new(), "https://till.example/items");
    let spec = over_http(&mut desk, url);
    let bare = desk.refused(&create(EntityId::Job(job), Draft::Job(spec.clone())));
    assert_eq!(bare.errors[0].field, "source_credentials", "it needs them");
    desk.done(&create(
        EntityId::Job(job),
        Draft::OpenedJob { spec: Box::new(spec.clone()), source_credentials: sealed() },
    ));
    assert_eq!(desk.state.jobs[&job].source_credentials, Some(sealed()));
    let mut change = |spec: JobSpec| {
        let rev = desk.revision(EntityId::Job(job));
        let told = desk.ask(&update(EntityId::Job(job), Draft::Job(spec), rev)).err();
        (
            told.map(|problem| problem.errors[0].field.clone()),
            desk.state.jobs[&job].source_credentials.clone(),
        )
    };
    let here = over_http_at(&spec, "https://till.example/v2/items");
    assert_eq!(change(here), (None, Some(sealed())), "the same server");
    let elsewhere = over_http_at(&spec, "https://evil.example/items");
    assert_eq!(change(elsewhere).0.as_deref(), Some("source_credentials"), "another server");
    let csv = JobSpec { source: SourceConfig::Csv(CsvSource::default()), ..spec.clone() };
    assert_eq!(change(csv), (None, None), "a source that needs none keeps none");
    assert_eq!(change(spec).0.as_deref(), Some("source_credentials"), "they are gone");
}

fn over_http_at(spec: &JobSpec, url: &str) -> JobSpec {
    let SourceConfig::HttpJson(from) = &spec.source else { panic!("{spec:?}") };
    let source = SourceConfig::HttpJson(HttpJsonSource { url: url.into(), ..(**from).clone() }.into());
    JobSpec { source, ..spec.clone() }
}

#[test]
fn what_opens_a_source_is_sealed_anew_only_if_it_is_still_the_same() {
    let mut desk = Desk::new();
    let job = JobId::new();
    let spec = over_http(&mut desk, "https://till.example/items");
    desk.done(&create(
        EntityId::Job(job),
        Draft::OpenedJob { spec: Box::new(spec), source_credentials: sealed() },
    ));
    let rev = desk.revision(EntityId::Job(job));
    let after = Sealed { key_id: "k2".into(), bytes: vec![7] };
    let reseal = Request::ResealSource { job, before: sealed(), after: after.clone() };
    desk.done(&reseal);
    assert_eq!(desk.state.jobs[&job].source_credentials, Some(after));
    assert_eq!(desk.revision(EntityId::Job(job)), rev, "nobody's edit is made stale");
    assert_eq!(desk.done(&reseal).writes, [], "done already, or changed since");
}

#[test]
fn a_job_needs_an_agent_that_has_its_connectors() {
    let mut desk = Desk::new();
    let (agent, destination) = (desk.agent("Till"), desk.destination("Folder"));
    let source = SourceConfig::Sqlite(SqliteSource::default());
    let spec = |enabled| {
        Draft::Job(JobSpec { enabled, source: source.clone(), ..job_spec("Export", agent, destination) })
    };
    let make = |desk: &mut Desk, enabled| {
        let id = EntityId::Job(JobId::new());
        let made = desk.ask(&create(id, spec(enabled)));
        if made.is_ok() {
            let rev = desk.revision(id);
            desk.done(&delete(id, rev));
        }
        made.err().map(|problem| (problem.code, problem.errors[0].field.clone()))
    };
    assert_eq!(make(&mut desk, true), None, "it has never connected, and nobody knows");
    let machine = |capabilities: &[&str]| Machine {
        capabilities: capabilities.iter().map(|text| (*text).to_owned()).collect(),
        ..machine()
    };
    let lacking = |field: &str| Some((ErrorCode::Unsupported, field.to_owned()));
    for (told, expected) in [
        (machine(&["source:csv", "destination:local_file"]), lacking("source.kind")),
        (machine(&["source:sqlite", "destination:sftp"]), lacking("destination_id")),
        (machine(&["source:csv", "source:sqlite", "destination:local_file"]), None),
        (machine(&["source:sqlite"]), None),
        (machine(&[]), None),
    ] {
        let told = Agent { machine: Some(told), ..(*desk.state.agents[&agent]).clone() };
        desk.state.apply(&Write::Agent(told));
        assert_eq!(make(&mut desk, true), expected);
        assert_eq!(make(&mut desk, false), None, "what is disabled may wait for an update");
    }
}

#[test]
fn plugins_are_those_of_the_agent_and_their_settings_fit() {
    let mut desk = Desk::new();
    let (agent, destination) = (desk.agent("Till"), desk.destination("Folder"));
    let reads = Plugin {
        name: "tap-x".into(),
        kind: PluginKind::Tap,
        version: String::new(),
        about: String::new(),
        settings: vec![Setting {
            name: "port".into(),
            form: SettingForm::Integer,
            title: String::new(),
            help: String::new(),
            required: true,
            usual: None,
        }],
        open: false,
    };
    let writes = Plugin { kind: PluginKind::Target, ..reads.clone() };
    let wrong = |field: &str, part: &str| Some((field.to_owned(), part.to_owned()));
    for (plugins, port, expected) in [
        (vec![], json!(1), wrong("source.plugin", "has no plugin \"tap-x\" that is a source; it has none")),
        (vec![writes], json!(1), wrong("source.plugin", "that is a source; it has none")),
        (
            vec![Plugin { name: "tap-y".into(), ..reads.clone() }],
            json!(1),
            wrong("source.plugin", "it has tap-y"),
        ),
        (vec![reads.clone()], json!("1"), wrong("source.settings.port", "must be a whole number")),
        (vec![reads], json!(1), None),
    ] {
        let told = Machine { capabilities: Vec::new(), plugins, ..machine() };
        let told = Agent { machine: Some(told), ..(*desk.state.agents[&agent]).clone() };
        desk.state.apply(&Write::Agent(told));
        let settings = [("port".to_owned(), port)].into_iter().collect();
        let from = SingerSource { plugin: "tap-x".into(), settings, ..SingerSource::default() };
        let source = SourceConfig::Singer(Box::new(from));
        let spec = JobSpec { source, ..job_spec("Export", agent, destination) };
        let (id, name) = (EntityId::Job(JobId::new()), format!("Export {}", desk.state.jobs.len()));
        let made = desk.ask(&create(id, Draft::Job(JobSpec { name, ..spec })));
        let told = made.err().map(|problem| (problem.code, problem.errors[0].clone()));
        match expected {
            None => assert_eq!(told, None),
            Some((field, part)) => {
                let (code, error) = told.unwrap();
                assert_eq!((code, error.field), (ErrorCode::Unsupported, field));
                assert!(error.detail.contains(&part), "{}", error.detail);
            }
        }
    }
}

#[test]
fn a_mapping_needs_an_agent_that_says_that_it_carries_it_out() {
    let mut desk = Desk::new();
    let (agent, destination) = (desk.agent("Till"), desk.destination("Folder"));
    let mapping: Mapping = serde_json::from_value(serde_json::json!({
        "fields": [{ "field": "unit", "from": { "kind": "constant", "text": "pcs" } }],
    }))
    .unwrap();
    let spec = JobSpec { mapping: Box::new(mapping), ..job_spec("Export", agent, destination) };
    let know = |desk: &mut Desk, capabilities: &[&str]| {
        let capabilities = capabilities.iter().map(|text| (*text).to_owned()).collect();
        let machine = Some(Machine { capabilities, ..machine() });
        let told = Agent { machine, ..(*desk.state.agents[&agent]).clone() };
        desk.state.apply(&Write::Agent(told));
    };
    let job = JobId::new();
    let make = create(EntityId::Job(job), Draft::Job(spec.clone()));
    know(&mut desk, &["source:csv"]);
    let refused = desk.ask(&make).unwrap_err();
    assert_eq!((refused.code, refused.errors[0].field.as_str()), (ErrorCode::Unsupported, "mapping"));
    know(&mut desk, &["source:csv", mapping::CAPABILITY]);
    desk.done(&make);
    let run = RunId::new();
    desk.done(&start(job, run));
    assert_eq!(*desk.state.runs[&run].plan.mapping, *spec.mapping);
    // An older build has come back in its place.
    know(&mut desk, &["source:csv"]);
    assert_eq!(desk.ask(&start(job, RunId::new())).unwrap_err().code, ErrorCode::AgentTooOld);
    assert!(
        fits(&desk.state.runs[&run].plan.export, &spec.mapping, desk.state.agents[&agent].machine.as_ref())
            .is_err()
    );
}
