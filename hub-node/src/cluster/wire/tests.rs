//! Everything survives the way, and the bytes of the first version are still read.

use std::sync::Arc;

use actors::domain::SecretHash;
use actors::retailer::request::{Watched, WatchedDelta};
use messages::agent::{Fact, Report};
use messages::http::agents::Machine;
use messages::ids::{BootId, SpoolId};
use messages::live::{Change, EntityKey, LedgerMark, Tick, Topic};
use messages::run::Presence;
use messages::version::Epoch;
use messages::{AgentId, CommandId, ConnId, RunId, Secret, Timestamp, Version};

use super::*;

fn conn() -> ConnAddr {
    ConnAddr { node: BootId::new(), conn: ConnId::new(), agent: AgentId::new(), generation: u64::MAX }
}

fn there_and_back<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) {
    let bytes = encode(value).unwrap();
    assert_eq!(&decode::<T>(&bytes).unwrap(), value);
}

#[test]
fn requests_of_every_kind_of_shape_survive() {
    let retailer = RetailerId::new();
    let reports =
        vec![Report { seq: 7, at: Timestamp(5), run_id: RunId::new(), fact: Fact::Started { attempt: 1 } }];
    let machine = Machine {
        agent_version: "0.1.0".into(),
        os: "linux".into(),
        host: "till-1".into(),
        capabilities: vec!["source:csv".into()],
        plugins: Vec::new(),
        transport: None,
    };
    let requests = [
        Request::Watch { topic: Topic::Run(retailer, RunId::new()), since: Some(Version(3)) },
        Request::Reports { conn: conn(), spool: SpoolId::new(), reports },
        Request::Attach {
            conn: conn(),
            credential: SecretHash([7; 32]),
            machine,
            active: vec![RunId::new()],
        },
        Request::Rotate {
            agent: AgentId::new(),
            credential: Secret::new("gsa_secret"),
            hash: SecretHash([8; 32]),
            author: actors::retailer::request::Author { id: messages::UserId::new(), name: "Ann".into() },
        },
        Request::Refused {
            conn: conn(),
            command: CommandId::new(),
            code: ErrorCode::Busy,
            detail: "full".into(),
        },
    ];
    for request in requests.into_iter().chain(looks()) {
        there_and_back(&Question::Retailer { retailer, request });
    }
    there_and_back(&Question::Node);
}

/// A mapping and a look have enums with tags and numbers as text: not every encoding takes those.
fn looks() -> Vec<Request> {
    let job = serde_json::json!({
        "name": "Prices", "agent_id": AgentId::new(), "destination_id": messages::DestinationId::new(),
        "source": { "kind": "csv", "path": "/pos/items.csv" },
        "mapping": {
            "fields": [{ "field": "price", "from": { "kind": "column", "column": "net" }, "steps": [
                { "step": "percent", "by": "19.5" }, { "step": "cut", "from": 1 },
                { "step": "pad_start", "length": 5, "with": "0" },
                { "step": "lookup", "entries": [{ "from": "a", "to": "b" }], "otherwise": "reject" },
            ] }],
            "filter": { "need": "any", "conditions": [{ "column": "on", "test": "empty", "not": true }] },
        },
    });
    let author = actors::retailer::request::Author { id: messages::UserId::new(), name: "Ann".into() };
    let job = Request::Create {
        id: actors::domain::EntityId::Job(messages::JobId::new()),
        draft: actors::retailer::request::Draft::Job(serde_json::from_value(job).unwrap()),
        author,
        idempotency: None,
    };
    let look = serde_json::json!({
        "look_at": "destination", "destination": { "kind": "local_file", "path": "/x", "format": "csv" },
        "credentials": { "kind": "password", "password": "x" },
    });
    let request = serde_json::from_value(look).unwrap();
    let look = Request::Inspect { agent: AgentId::new(), request };
    let finding =
        messages::inspect::Finding::Failed { code: ErrorCode::SourceMissing, detail: "gone".into() };
    let found = Request::Inspected { conn: conn(), command: CommandId::new(), finding: Box::new(finding) };
    vec![job, look, found]
}

#[test]
fn answers_and_refusals_survive() {
    let key = EntityKey { kind: "job".into(), id: "1".into() };
    let delta =
        WatchedDelta { after: Version(1), version: Version(2), changes: vec![Change::Remove { key }] };
    let tick =
        Tick::Presence { agent_id: AgentId::new(), presence: Presence::Busy, last_seen_at: Timestamp(1) };
    let watched = Watched::Since { deltas: vec![delta], version: Version(2), ticks: vec![tick] };
    there_and_back(&Answer::Retailer(Ok(Response::Watched(watched))));
    let problem = Problem::new(ErrorCode::Conflict, "somebody was faster").with_retry_after(3);
    there_and_back(&Answer::Retailer(Err(problem.clone())));
    there_and_back(&Answer::Refused(problem));
    there_and_back(&Answer::Node { figures: NodeFigures::default(), links: Vec::new() });
}

#[test]
fn notices_survive() {
    let topic = Topic::Retailer(RetailerId::new());
    let ticks: Arc<[Tick]> = Arc::new([Tick::Presence {
        agent_id: AgentId::new(),
        presence: Presence::Online,
        last_seen_at: Timestamp(1),
    }]);
    there_and_back(&Notice::Published(Publication::Ticked { topic, ticks }));
    let topic = Topic::Stores(RetailerId::new());
    let mark = LedgerMark { epoch: Epoch(1), version: Version(2), pulse: 3 };
    let ticks: Arc<[Tick]> = Arc::new([Tick::Ledger { mark }]);
    there_and_back(&Notice::Published(Publication::Ticked { topic, ticks }));
    let frame = ToAgent::Welcome { agent_id: AgentId::new(), heartbeat_s: 10, server_time: Timestamp(1) };
    there_and_back(&Notice::Deliver { to: conn(), frame });
    there_and_back(&Notice::Watching(vec![RetailerId::new(); 3]));
    there_and_back(&Notice::Moved);
}

/// Bytes that the first version has sent. They are read by every later one.
#[test]
fn bytes_of_the_first_version_are_read() {
    let moved = [0xa5, b'M', b'o', b'v', b'e', b'd'];
    assert_eq!(decode::<Notice>(&moved).unwrap(), Notice::Moved);
    let retailer: RetailerId = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
    let announce = Notice::Announce { retailer };
    let bytes = b"\x81\xa8Announce\x81\xa8retailer\xc4\x10\x01\x89\x0a\x5d\xac\x96\x77\x4b\xbc\xce\xb3\x02\x09\x9a\x80\x57";
    assert_eq!(encode(&announce).unwrap(), bytes.as_slice());
    assert_eq!(decode::<Notice>(bytes).unwrap(), announce);
}

#[test]
fn what_only_a_later_version_knows_is_refused_by_name() {
    let later = b"\x81\xadNotInventedYet\x80";
    assert_eq!(decode::<Question>(later).unwrap_err().code, ErrorCode::UnsupportedProtocol);
    assert_eq!(decode::<Notice>(b"\xff\xff").unwrap_err().code, ErrorCode::UnsupportedProtocol);
}

#[test]
fn what_store_edges_ask_and_are_told_survives() {
    use actors::ingest::request::{Device, EdgeReply, EdgeRequest, Heard, LetterAct, Parcel, Sent};
    use messages::edge::ingest::{EventError, IngestAnswer};
    use messages::edge::pulse::EdgePulse;
    use messages::{DeviceId, EdgeId, EventId, StoreId, StreamId};

    let author = actors::retailer::request::Author { id: messages::UserId::new(), name: "Ann".into() };
    let (edge, event, hash) = (EdgeId::new(), EventId::new(), SecretHash([9; 32]));
    let sent = Sent {
        event_id: event,
        seq: 1 << 40,
        kind: "sale_recorded".into(),
        version: 1,
        occurred_at: Timestamp(-1),
        data: "{\"name\":\"Sữa\"}".into(),
    };
    let parcel = Parcel {
        edge,
        credential: hash,
        device: DeviceId::new(),
        stream: StreamId::new(),
        oldest_seq: 1,
        events: vec![sent],
    };
    let device = Device { id: DeviceId::new(), name: "shop".into(), version: "1".into() };
    let pulse = EdgePulse {
        stream_id: StreamId::new(),
        unsent: 3,
        oldest_unsent_at: Some(Timestamp(1)),
        version: "1".into(),
    };
    for request in [
        EdgeRequest::Batch(Arc::new(parcel)),
        EdgeRequest::Enrol { edge, token: hash, credential: hash, device },
        EdgeRequest::Letter {
            event,
            expected: Version(3),
            act: LetterAct::Edit { data: "{}".into() },
            author,
        },
        EdgeRequest::Admit { edge, credential: hash },
        EdgeRequest::Pulse { edge, credential: hash, pulse: pulse.clone() },
        EdgeRequest::Heard,
        EdgeRequest::Mark,
    ] {
        let request = Request::Edge(Arc::new(request));
        there_and_back(&Question::Retailer { retailer: RetailerId::new(), request });
    }
    let error = EventError { event_id: event, seq: 7, code: ErrorCode::EventRefused, detail: "no".into() };
    let answer = IngestAnswer {
        errors: vec![error],
        settled_seq: 7,
        expected_seq: Some(8),
        ..IngestAnswer::default()
    };
    for reply in [
        EdgeReply::Ingested(answer),
        EdgeReply::Letter(Box::new(letter(event, edge))),
        EdgeReply::Enrolled { store: StoreId::new() },
        EdgeReply::Heard(vec![Heard {
            edge,
            presence: Presence::Online,
            last_seen_at: Some(Timestamp(5)),
            pulse: Some(pulse),
        }]),
        EdgeReply::Mark(LedgerMark { epoch: Epoch(3), version: Version(8), pulse: 2 }),
    ] {
        there_and_back(&Answer::Retailer(Ok(Response::Edge(reply))));
    }
}

fn letter(event: messages::EventId, edge: messages::EdgeId) -> messages::http::dead_letters::LetterView {
    use messages::http::dead_letters::{LetterState, LetterView};
    use messages::{DeviceId, StoreId, StreamId};

    LetterView {
        event_id: event,
        rev: Version(2),
        state: LetterState::Applied,
        store_id: StoreId::new(),
        edge_id: edge,
        device_id: DeviceId::new(),
        stream_id: StreamId::new(),
        seq: 7,
        kind: "sale_recorded".into(),
        version: 1,
        occurred_at: Timestamp(1),
        received_at: Timestamp(2),
        code: ErrorCode::EventMalformed,
        detail: "no".into(),
        retries: 1,
        data: serde_json::json!({"lines": [{"line": 1, "barcode": null}], "rate": -3}),
        edited: true,
        decided_at: None,
        decided_by: Some("Ann".into()),
    }
}
