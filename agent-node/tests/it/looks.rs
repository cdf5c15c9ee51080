//! Looks at sources and destinations on behalf of the hub: what is there is told as it is, and nothing is changed.

use std::fs;
use std::time::Duration;

use messages::agent::{InspectCommand, ToAgent};
use messages::connector::{
    Credentials, CsvSource, DatabaseServer, DestinationConfig, FileFormat, LocalFileDestination, SourceConfig,
};
use messages::inspect::{CAPABILITY, Finding, SAMPLE_ROWS, Subject};
use messages::{CommandId, ErrorCode};

use crate::hub::Hub;
use crate::support::{Running, Shop, shown};

struct Scene {
    shop: Shop,
    hub: Hub,
    agent: Running,
}

impl Scene {
    async fn set() -> Self {
        let (shop, hub) = (Shop::new(), Hub::start().await);
        shop.enrolled(&hub);
        let agent = Running::start(shop.config());
        hub.until("hello", |seen| !seen.hellos.is_empty()).await;
        Self { shop, hub, agent }
    }

    fn ask(&self, subject: Subject, credentials: Option<Credentials>) -> CommandId {
        let command_id = CommandId::new();
        let command = InspectCommand { command_id, subject, credentials };
        self.hub.send(ToAgent::Inspect(Box::new(command)));
        command_id
    }

    async fn found(&self, subject: Subject) -> Finding {
        let id = self.ask(subject, None);
        self.answer(id).await
    }

    async fn answer(&self, id: CommandId) -> Finding {
        self.hub.until("the answer", |seen| seen.findings.iter().any(|(of, _)| *of == id)).await;
        self.hub.seen().findings.iter().find(|(of, _)| *of == id).unwrap().1.clone()
    }

    fn csv(&self) -> Subject {
        let path = shown(&self.shop.source());
        Subject::Source { source: SourceConfig::Csv(CsvSource { path, ..CsvSource::default() }) }
    }

    async fn close(self) {
        self.agent.stop().await.unwrap();
        assert_eq!(self.hub.seen().violations, [""; 0]);
    }
}

#[tokio::test]
async fn a_source_is_shown_as_it_is() {
    let scene = Scene::set().await;
    let machine = scene.hub.seen().hellos[0].machine.clone();
    assert!(machine.knows(CAPABILITY), "{machine:?}");
    let rows: String = (0..100).map(|n| format!("{n}, Milk {n} ,\n")).collect();
    scene.shop.write_source(format!("nr,text,\n{rows}").as_bytes());
    let found = scene.found(scene.csv()).await;
    let Finding::Source { summary, columns, rows } = found else { panic!("{found:?}") };
    assert!(summary.ends_with("items.csv has 2 columns"), "{summary}");
    assert_eq!(columns, ["nr", "text"], "without a name, nothing can be asked for");
    assert_eq!(
        (rows.len(), rows[1].as_slice()),
        (SAMPLE_ROWS, ["1", " Milk 1 "].map(str::to_owned).as_slice())
    );

    fs::remove_file(scene.shop.source()).unwrap();
    let missing = scene.found(scene.csv()).await;
    assert!(matches!(missing, Finding::Failed { code: ErrorCode::SourceMissing, .. }), "{missing:?}");
    scene.close().await;
}

#[tokio::test]
async fn a_destination_is_tried_and_left_alone() {
    let scene = Scene::set().await;
    let to = |path: String| {
        let destination =
            DestinationConfig::LocalFile(LocalFileDestination { path, format: FileFormat::Csv });
        Subject::Destination { destination }
    };
    let found = scene.found(to(shown(&scene.shop.target()))).await;
    assert!(matches!(found, Finding::Destination { .. }), "{found:?}");
    assert_eq!(scene.shop.out(), [""; 0]);
    let found = scene.found(to("/proc/nowhere/items.csv".into())).await;
    assert!(matches!(found, Finding::Failed { .. }), "{found:?}");
    scene.close().await;
}

#[tokio::test]
async fn what_does_not_answer_is_given_up_and_others_are_not_kept_waiting() {
    let scene = Scene::set().await;
    // It takes the line and says nothing.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = || {
        let server = DatabaseServer {
            host: "127.0.0.1".into(),
            port: listener.local_addr().unwrap().port(),
            user: "reader".into(),
            database: "shop".into(),
            query: "select 1".into(),
            ..DatabaseServer::default()
        };
        Subject::Source { source: SourceConfig::PostgreSql(Box::new(server)) }
    };
    let password = || Some(Credentials::Password { password: "x".into() });
    let waiting: Vec<_> = (0..3).map(|_| scene.ask(silent(), password())).collect();
    let refused = scene.ask(silent(), password());
    let refused = scene.answer(refused).await;
    assert!(matches!(refused, Finding::Failed { code: ErrorCode::Busy, .. }), "{refused:?}");
    for id in waiting {
        let given_up = tokio::time::timeout(Duration::from_secs(60), scene.answer(id)).await.unwrap();
        assert!(matches!(given_up, Finding::Failed { .. }), "{given_up:?}");
    }
    scene.shop.write_items(3);
    assert!(matches!(scene.found(scene.csv()).await, Finding::Source { .. }));
    scene.close().await;
}
