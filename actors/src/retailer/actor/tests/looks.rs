//! Looks at shops: who is asked, with what, and what becomes of questions that nobody answers.

use std::time::Duration;

use messages::agent::{InspectCommand, ToAgent};
use messages::connector::{Credentials, DestinationConfig, SourceConfig};
use messages::http::agents::Machine;
use messages::inspect::{CAPABILITY, Finding, InspectRequest, Subject};
use messages::{CommandId, DestinationId, ErrorCode, Problem};
use tokio::task::JoinHandle;

use crate::domain::EntityId;
use crate::ports::ConnAddr;
use crate::retailer::request::{Draft, Request, Response};
use crate::testkit::bench::{Bench, Site};
use crate::testkit::samples::{conn, create, hash, machine, sealed, sftp};
use crate::testkit::wait_until;

type Asking = JoinHandle<Result<Response, Problem>>;

/// An agent that can look, connected.
async fn looking(bench: &Bench) -> (Site, ConnAddr) {
    let site = bench.site().await;
    let socket = conn(site.agent, 1);
    attach(bench, socket, &["source:csv", CAPABILITY]).await;
    (site, socket)
}

async fn attach(bench: &Bench, conn: ConnAddr, capabilities: &[&str]) {
    let capabilities = capabilities.iter().map(|name| (*name).to_owned()).collect();
    let machine = Machine { capabilities, ..machine() };
    let attach = Request::Attach { conn, credential: hash(2), machine, active: vec![] };
    bench.ask(attach).await.unwrap();
}

fn of(subject: Subject) -> InspectRequest {
    InspectRequest { subject, credentials: None, job_id: None, destination_id: None }
}

fn csv() -> InspectRequest {
    of(Subject::Source { source: SourceConfig::Csv(Default::default()) })
}

fn look(site: Site, request: InspectRequest) -> Request {
    Request::Inspect { agent: site.agent, request: Box::new(request) }
}

/// The command, as soon as it is sent.
async fn sent(bench: &Bench) -> InspectCommand {
    wait_until("the agent is asked", || asked(bench) == 1).await;
    let mut frames = bench.world.take_frames().into_iter();
    let found = frames.find_map(|frame| match frame {
        ToAgent::Inspect(command) => Some(*command),
        _ => None,
    });
    found.unwrap()
}

fn asked(bench: &Bench) -> usize {
    let frames = bench.world.frames();
    frames.iter().filter(|(_, frame)| matches!(frame, ToAgent::Inspect(_))).count()
}

fn finding() -> Box<Finding> {
    Box::new(Finding::Destination { summary: "it is there".into() })
}

async fn tell(bench: &Bench, conn: ConnAddr, command: CommandId) {
    let told = Request::Inspected { conn, command, finding: finding() };
    assert_eq!(bench.ask(told).await, Ok(Response::Done));
}

async fn answer(asking: Asking) -> Result<Response, Problem> {
    asking.await.unwrap()
}

#[tokio::test]
async fn what_the_agent_finds_is_the_answer() {
    let bench = Bench::new().await;
    let (site, socket) = looking(&bench).await;
    let before = bench.version();
    let asking = bench.ask_later(look(site, csv()));
    let command = sent(&bench).await;
    assert_eq!((command.credentials.clone(), command.subject), (None, csv().subject));
    tell(&bench, socket, CommandId::new()).await;
    tell(&bench, socket, command.command_id).await;
    assert_eq!(answer(asking).await, Ok(Response::Found(finding())));
    tell(&bench, socket, command.command_id).await;
    assert_eq!(bench.version(), before, "nothing was committed");
}

#[tokio::test]
async fn whoever_cannot_be_asked_is_named() {
    let bench = Bench::new().await;
    let site = bench.site().await;
    let socket = conn(site.agent, 1);
    assert_eq!(bench.refusal(look(site, csv())).await, ErrorCode::AgentOffline);
    attach(&bench, socket, &["source:csv"]).await;
    assert_eq!(bench.refusal(look(site, csv())).await, ErrorCode::AgentTooOld);
    attach(&bench, socket, &["source:dbf", CAPABILITY]).await;
    assert_eq!(bench.refusal(look(site, csv())).await, ErrorCode::Unsupported);
    attach(&bench, socket, &["source:csv", CAPABILITY]).await;
    let nobody = Site { agent: messages::AgentId::new(), ..site };
    assert_eq!(bench.refusal(look(nobody, csv())).await, ErrorCode::NotFound);
    bench.ask(Request::Detach { conn: socket }).await.unwrap();
    assert_eq!(bench.refusal(look(site, csv())).await, ErrorCode::AgentOffline);
}

#[tokio::test]
async fn a_question_that_is_not_answered_ends_with_a_reason() {
    let bench = Bench::new().await;
    let (site, _) = looking(&bench).await;
    let late = bench.ask_within(look(site, csv()), Duration::from_millis(600)).await.unwrap_err();
    assert_eq!(late.code, ErrorCode::DeadlineExceeded);
    drop(sent(&bench).await);
    assert!(late.detail.contains("the agent did not answer"), "{late}");

    let asking = bench.ask_later(look(site, csv()));
    let command = sent(&bench).await.command_id;
    let newer = conn(site.agent, 2);
    attach(&bench, newer, &["source:csv", CAPABILITY]).await;
    let lost = answer(asking).await.unwrap_err();
    assert_eq!(lost.code, ErrorCode::AgentOffline);
    assert!(lost.detail.contains("line to the hub broke"), "{lost}");
    tell(&bench, newer, command).await;

    let asking = [bench.ask_later(look(site, csv())), bench.ask_later(look(site, csv()))];
    wait_until("both are asked", || asked(&bench) == 2).await;
    assert_eq!(bench.refusal(look(site, csv())).await, ErrorCode::Busy);
    bench.ask(Request::Detach { conn: newer }).await.unwrap();
    for asking in asking {
        assert_eq!(answer(asking).await.unwrap_err().code, ErrorCode::AgentOffline);
    }
}

#[tokio::test]
async fn stored_secrets_go_where_they_were_meant_to_go() {
    let bench = Bench::new().await;
    let (site, socket) = looking(&bench).await;
    let id = DestinationId::new();
    bench.ask(create(EntityId::Destination(id), sftp("Shop", Some(sealed())))).await.unwrap();
    let Draft::Destination { config: DestinationConfig::Sftp(config), .. } = sftp("Shop", None) else {
        panic!("a server")
    };
    let with = |host: &str, credentials: Option<Credentials>| {
        let config = messages::connector::SftpDestination { host: host.into(), ..config.clone() };
        let subject = Subject::Destination { destination: DestinationConfig::Sftp(config) };
        look(site, InspectRequest { credentials, destination_id: Some(id), ..of(subject) })
    };
    let asking = bench.ask_later(with("shop.example", None));
    let command = sent(&bench).await;
    assert_eq!(command.credentials, Some(Credentials::Password { password: "open sesame".into() }));
    tell(&bench, socket, command.command_id).await;
    answer(asking).await.unwrap();

    let elsewhere = bench.ask(with("evil.example", None)).await.unwrap_err();
    assert_eq!(
        (elsewhere.code, elsewhere.errors[0].field.as_str()),
        (ErrorCode::InvalidField, "credentials")
    );
    let given = Credentials::Password { password: "given".into() };
    let asking = bench.ask_later(with("evil.example", Some(given.clone())));
    let command = sent(&bench).await;
    assert_eq!(command.credentials, Some(given));
    tell(&bench, socket, command.command_id).await;
    answer(asking).await.unwrap();
}
