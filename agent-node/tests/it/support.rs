//! What the tests share: an agent in this process, commands, files of articles.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use agent_node::config::{Config, Given};
use agent_node::identity::Identity;
use messages::agent::{Fact, Report, RunCommand};
use messages::connector::{CsvSource, DestinationConfig, FileFormat, LocalFileDestination, SourceConfig};
use messages::http::jobs::RejectRule;
use messages::run::{Progress, RunFailure, RunOutcome};
use messages::version::Epoch;
use messages::{CommandId, JobId, RunId, Secret};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::hub::Hub;

/// A folder for the agent's data, its sources and its results.
pub(crate) struct Shop {
    pub(crate) folder: TempDir,
}

impl Shop {
    pub(crate) fn new() -> Self {
        let _already = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("out")).unwrap();
        Self { folder }
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.path().join("agent")
    }

    pub(crate) fn source(&self) -> PathBuf {
        self.folder.path().join("items.csv")
    }

    pub(crate) fn target(&self) -> PathBuf {
        self.folder.path().join("out/items.csv")
    }

    /// Names in the folder of the target.
    pub(crate) fn out(&self) -> Vec<String> {
        names(&self.folder.path().join("out"))
    }

    /// Lets the agent be known to this hub without enrolling.
    pub(crate) fn enrolled(&self, hub: &Hub) {
        let seen = hub.seen();
        agent_node::disk::create_private_dir(&self.data_dir()).unwrap();
        let identity = Identity {
            hub: hub.url(),
            retailer_id: seen.retailer_id,
            agent_id: seen.agent_id,
            credential: Secret::new(seen.credentials[0].clone()),
        };
        identity.save(&self.data_dir()).unwrap();
    }

    pub(crate) fn config(&self) -> Config {
        Given { grace_s: Some(0), ..Given::default() }.resolve(self.data_dir()).unwrap()
    }

    /// A file of sound articles that nobody is writing any more.
    pub(crate) fn write_items(&self, rows: usize) {
        self.write_source(articles(rows).as_bytes());
    }

    pub(crate) fn write_source(&self, bytes: &[u8]) {
        fs::write(self.source(), bytes).unwrap();
        settle(&self.source());
    }

    pub(crate) fn command(&self) -> RunCommand {
        let source = CsvSource { path: shown(&self.source()), ..CsvSource::default() };
        let target = LocalFileDestination { path: shown(&self.target()), format: FileFormat::Csv };
        RunCommand {
            command_id: CommandId::new(),
            epoch: Epoch(1),
            run_id: RunId::new(),
            job_id: JobId::new(),
            job_name: "prices".into(),
            source: SourceConfig::Csv(source),
            destination: DestinationConfig::LocalFile(target),
            credentials: None,
            mapping: Box::default(),
            source_credentials: None,
            reject_rule: RejectRule::Continue,
            timeout_s: 600,
            export: None,
        }
    }
}

pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

pub(crate) fn shown(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// Makes the file look as if it had been written long ago, so that no run watches it first.
pub(crate) fn settle(path: &Path) {
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_modified(std::time::SystemTime::now() - Duration::from_secs(60)).unwrap();
}

pub(crate) fn articles(rows: usize) -> String {
    let mut text = "sku,name,price,stock\n".to_owned();
    for n in 0..rows {
        writeln!(text, "{n},Article {n},{}.{:02},{}", n % 100, n % 90, n % 7).unwrap();
    }
    text
}

/// An agent in this process.
pub(crate) struct Running {
    stop: CancellationToken,
    task: tokio::task::JoinHandle<Result<(), agent_node::AgentError>>,
}

impl Running {
    pub(crate) fn start(config: Config) -> Self {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            Box::pin(agent_node::run(config, async move { stopped.cancelled().await })).await
        });
        Self { stop, task }
    }

    pub(crate) async fn stop(self) -> Result<(), agent_node::AgentError> {
        self.stop.cancel();
        self.task.await.unwrap()
    }

    /// Waits for it to end by itself.
    pub(crate) async fn ended(self) -> Result<(), agent_node::AgentError> {
        self.task.await.unwrap()
    }
}

/// How a run ended.
pub(crate) fn end(report: &Report) -> (Progress, RunOutcome) {
    let Fact::Finished { progress, outcome } = &report.fact else { panic!("no end: {report:?}") };
    (*progress, outcome.clone())
}

pub(crate) fn failure(report: &Report) -> RunFailure {
    match end(report).1 {
        RunOutcome::Failed(failure) => failure,
        other => panic!("not failed but {other:?}"),
    }
}
