//! Sample documents and requests.

use messages::connector::SftpDestination;
use messages::connector::{CsvSource, DestinationConfig, FileFormat, LocalFileDestination, SourceConfig};
use messages::http::agents::{AgentSpec, Machine};
use messages::http::jobs::{JobSpec, RejectRule};
use messages::http::retailers::RetailerSpec;
use messages::http::stores::StoreSpec;
use messages::ids::BootId;
use messages::{AgentId, ConnId, DestinationId, JobId, StoreId, UserId, Version};

use crate::domain::{EntityId, Sealed, SecretHash};
use crate::ports::ConnAddr;
use crate::retailer::request::{Author, Draft, Request};

pub(crate) fn author() -> Author {
    Author { id: UserId::new(), name: "Ann".into() }
}

pub(crate) fn hash(byte: u8) -> SecretHash {
    SecretHash([byte; 32])
}

pub(crate) fn conn(agent: AgentId, generation: u64) -> ConnAddr {
    ConnAddr { node: BootId::new(), conn: ConnId::new(), agent, generation }
}

pub(crate) fn machine() -> Machine {
    let capabilities = vec!["source:csv".into()];
    Machine {
        agent_version: "0.1.0".into(),
        os: "linux".into(),
        host: "till-1".into(),
        capabilities,
        plugins: Vec::new(),
        transport: None,
    }
}

pub(crate) fn retailer_spec() -> RetailerSpec {
    RetailerSpec {
        code: "freshmart".into(),
        name: "FreshMart".into(),
        currency: "VND".into(),
        time_zone: "Asia/Ho_Chi_Minh".into(),
        contact: String::new(),
        notes: String::new(),
        enabled: true,
        maintenance: Vec::new(),
        most_runs: messages::http::retailers::most_runs(),
    }
}

pub(crate) fn store_spec(code: &str) -> StoreSpec {
    let time_zone = "Asia/Ho_Chi_Minh".into();
    StoreSpec {
        code: code.into(),
        name: format!("Store {code}"),
        address: String::new(),
        time_zone,
        enabled: true,
    }
}

pub(crate) fn agent_spec(name: &str) -> AgentSpec {
    AgentSpec { name: name.into(), store_id: None, enabled: true, most_runs: 8 }
}

pub(crate) fn local_file(name: &str) -> Draft {
    let config = LocalFileDestination { path: "/srv/items.csv".into(), format: FileFormat::Csv };
    let config = DestinationConfig::LocalFile(config);
    Draft::Destination { name: name.into(), config, enabled: true, credentials: None }
}

pub(crate) fn sealed() -> Sealed {
    Sealed { key_id: "k1".into(), bytes: vec![1, 2, 3] }
}

pub(crate) fn sftp(name: &str, credentials: Option<Sealed>) -> Draft {
    let config = DestinationConfig::Sftp(SftpDestination {
        host: "shop.example".into(),
        port: 22,
        user: "sync".into(),
        path: "/in/items.csv".into(),
        host_key: "ssh-ed25519 AAAA".into(),
        format: FileFormat::Csv,
    });
    Draft::Destination { name: name.into(), config, enabled: true, credentials }
}

pub(crate) fn job_spec(name: &str, agent_id: AgentId, destination_id: DestinationId) -> JobSpec {
    JobSpec {
        name: name.into(),
        agent_id,
        destination_id,
        source: SourceConfig::Csv(CsvSource::default()),
        mapping: Box::default(),
        reject_rule: RejectRule::Continue,
        export: Box::default(),
        timeout_s: 60,
        enabled: true,
        timing: messages::schedule::Timing::default(),
    }
}

pub(crate) fn create(id: EntityId, draft: Draft) -> Request {
    Request::Create { id, draft, author: author(), idempotency: None }
}

pub(crate) fn update(id: EntityId, draft: Draft, expected: Version) -> Request {
    Request::Update { id, draft, expected, author: author() }
}

pub(crate) fn delete(id: EntityId, expected: Version) -> Request {
    Request::Delete { id, expected, author: author() }
}

pub(crate) fn create_retailer() -> Request {
    create(EntityId::Retailer, Draft::Retailer(retailer_spec()))
}

pub(crate) fn create_store(code: &str) -> Request {
    create(EntityId::Store(StoreId::new()), Draft::Store(store_spec(code)))
}

pub(crate) fn start(job: JobId, run: messages::RunId) -> Request {
    Request::StartRun {
        job,
        run,
        mode: messages::export::RunMode::Usual,
        author: author(),
        idempotency: None,
    }
}
