//! Sample things of a retailer, every field filled.

use std::sync::Arc;

use actors::domain::{
    Agent, AgentAccess, Cadence, Destination, EnrolToken, EntityId, Image, Job, Receipt, Retailer, Run,
    RunPlan, Sealed, SecretHash, Stamp, Store, Wait, Write,
};
use messages::connector::{
    ColumnName, CsvSource, DecimalMark, DestinationConfig, FileFormat, LocalFileDestination, SftpDestination,
    SourceConfig, TextEncoding,
};
use messages::export::{
    Alarm, ExportOrder, ExportRules, Harm, HarmGuard, HarmKind, ItemChange, PreviewRow, RunMode, Sample,
    Scope, Survey, VanishedRule, Verdict,
};
use messages::http::agents::{AgentSpec, Machine, Transport, TransportKind};
use messages::http::jobs::{JobSpec, RejectRule};
use messages::http::retailers::RetailerSpec;
use messages::http::runs::Trigger;
use messages::http::stores::StoreSpec;
use messages::item::Item;
use messages::item::ItemField;
use messages::mapping::Mapping;
use messages::plugin::{Plugin, PluginKind, Setting, SettingForm};
use messages::run::{Actor, LogLevel, LogLine, Progress, Reject, RunFailure, RunState, Transition};
use messages::schedule::{MaintenanceWindow, MissedRule, OverlapRule, Paused, RetryRule, Schedule, Timing};
use messages::{
    AgentId, CommandId, DestinationId, ErrorCode, JobId, RetailerId, RunId, StoreId, Timestamp, UserId,
    Version,
};

pub(crate) const NOW: Timestamp = Timestamp(1_760_000_000_000);

pub(crate) fn stamp(rev: u64) -> Stamp {
    Stamp { rev: Version(rev), created_at: NOW, updated_at: Timestamp(NOW.0 + 1) }
}

pub(crate) fn retailer(id: RetailerId, code: &str, name: &str) -> Retailer {
    let spec = RetailerSpec {
        code: code.into(),
        name: name.into(),
        currency: "VND".into(),
        time_zone: "Asia/Ho_Chi_Minh".into(),
        contact: "Lan, 0901".into(),
        notes: "two shops\nand a stall".into(),
        enabled: true,
        maintenance: vec![MaintenanceWindow {
            starts: "0 2 * * sun".into(),
            length_min: 90,
            time_zone: None,
            note: "stock taking".into(),
        }],
        most_runs: 12,
    };
    Retailer { id, stamp: stamp(1), spec }
}

pub(crate) fn shop(code: &str) -> Store {
    let spec = StoreSpec {
        code: code.into(),
        name: "Chợ Lớn".into(),
        address: "1 Hùng Vương".into(),
        time_zone: "UTC".into(),
        enabled: false,
    };
    Store { id: StoreId::new(), stamp: stamp(1), spec }
}

pub(crate) fn agent(name: &str) -> Agent {
    let hash = |n| SecretHash([n; 32]);
    Agent {
        id: AgentId::new(),
        stamp: stamp(2),
        spec: AgentSpec { name: name.into(), store_id: Some(StoreId::new()), enabled: true, most_runs: 8 },
        access: AgentAccess {
            token: Some(EnrolToken { hash: hash(1), expires_at: NOW }),
            credential: Some(hash(2)),
            next_credential: Some(hash(3)),
            revoked: true,
        },
        enrolled_at: Some(NOW),
        machine: Some(Machine {
            agent_version: "0.1.0".into(),
            os: "Windows 11".into(),
            host: "till-1".into(),
            capabilities: vec!["source:csv".into(), "destination:sftp".into()],
            plugins: vec![plugin()],
            transport: Some(Transport { kind: TransportKind::Https, reason: Some("a proxy".into()) }),
        }),
        last_seen_at: Some(NOW),
    }
}

fn plugin() -> Plugin {
    let setting = |name: &str, form, usual| Setting {
        name: name.into(),
        form,
        title: "Wo $ist.es".into(),
        help: String::new(),
        required: true,
        usual,
    };
    Plugin {
        name: "tap-x".into(),
        kind: PluginKind::Tap,
        version: "1.2".into(),
        about: "Reads".into(),
        settings: vec![
            setting("port", SettingForm::Integer, Some(serde_json::json!(5432))),
            setting("more", SettingForm::Json, Some(serde_json::json!({"$a.b": [1.5, null]}))),
            setting("password", SettingForm::Secret, None),
        ],
        open: true,
    }
}

pub(crate) fn csv() -> SourceConfig {
    SourceConfig::Csv(CsvSource {
        path: "C:\\pos\\items.csv".into(),
        delimiter: ";".into(),
        encoding: TextEncoding::Windows1252,
        decimal_mark: DecimalMark::Comma,
        columns: vec![ColumnName { field: ItemField::Sku, header: "Mã.hàng $".into() }],
        ..CsvSource::default()
    })
}

pub(crate) fn sftp() -> DestinationConfig {
    DestinationConfig::Sftp(SftpDestination {
        host: "sftp.example".into(),
        port: 2_222,
        user: "fresh".into(),
        path: "/in/items.csv".into(),
        host_key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ4w5b8W1o0m1m0m1m0m1m0m1m0m1m0m1m0m1m0m1m0m".into(),
        format: FileFormat::Jsonl,
    })
}

pub(crate) fn destination(name: &str) -> Destination {
    Destination {
        id: DestinationId::new(),
        stamp: stamp(3),
        name: name.into(),
        config: sftp(),
        enabled: true,
        credentials: Some(Sealed { key_id: "k1".into(), bytes: vec![0, 255, 7] }),
    }
}

/// One of everything that a mapping may have.
pub(crate) fn mapping() -> Mapping {
    let mapping = serde_json::json!({
        "fields": [
            { "field": "name", "from": { "kind": "template", "template": "{brand} {name}" },
              "steps": [{ "step": "letters", "to": "title" }, { "step": "pad_start", "length": 3, "with": "0" }] },
            { "field": "price", "from": { "kind": "column", "column": "vk" },
              "steps": [{ "step": "percent", "by": "19" }, { "step": "round", "to": "0.05", "how": "up" }] },
            { "field": "unit", "from": { "kind": "constant", "text": "pcs" },
              "steps": [{ "step": "lookup", "entries": [{ "from": "a", "to": "b" }], "otherwise": "reject" }] },
        ],
        "filter": { "need": "any", "conditions": [{ "column": "active", "test": "empty", "not": true }] },
    });
    serde_json::from_value(mapping).unwrap()
}

pub(crate) fn job(name: &str, agent: AgentId, destination: DestinationId) -> Job {
    Job {
        id: JobId::new(),
        stamp: stamp(4),
        spec: JobSpec {
            name: name.into(),
            agent_id: agent,
            destination_id: destination,
            source: csv(),
            mapping: Box::new(mapping()),
            reject_rule: RejectRule::StopAbove { items: 10 },
            export: Box::new(rules()),
            timeout_s: 600,
            enabled: true,
            timing: timing(),
        },
        source_credentials: Some(Sealed { key_id: "k1".into(), bytes: vec![9, 0, 255] }),
        last_run: None,
        delivered_by: Some(RunId::new()),
        cadence: Cadence {
            anchor: NOW,
            settled: NOW,
            next_look: Some(Timestamp(NOW.0 + 60_000)),
            next_at: Some(Timestamp(NOW.0 + 61_000)),
            missed_slots: 3,
            failures_in_row: 2,
            paused: Some(Paused { at: NOW, reason: "ten failures".into() }),
        },
    }
}

/// Nothing as it is unless told.
fn rules() -> ExportRules {
    ExportRules {
        scope: Scope::Incremental,
        vanished: VanishedRule::ZeroStock,
        guard: HarmGuard {
            vanished_percent: Some(30),
            zeroed_percent: Some(0),
            repriced_percent: None,
            repriced_by_percent: 5,
            floor: 20,
        },
    }
}

fn survey() -> Survey {
    let sku = || "1001".to_owned();
    Survey {
        known: Some(100),
        note: Some("the settings have changed".into()),
        full: true,
        new: 1,
        changed: 2,
        unchanged: 3,
        rejected: 4,
        harm: Harm { vanished: 40, zeroed: 3, repriced: 2 },
        alarms: vec![Alarm { kind: HarmKind::Vanished, count: 40, of: 100, limit_percent: 30 }],
        samples: vec![Sample {
            kind: HarmKind::Repriced,
            sku: sku(),
            name: "Milk".into(),
            before: "1.29".into(),
            after: "2.00".into(),
        }],
        preview: vec![PreviewRow {
            raw: "1;Milk".into(),
            row: 2,
            item: Item {
                sku: sku(),
                name: "Milk".into(),
                barcode: None,
                price: "1.290".parse().unwrap(),
                tax_rate: None,
                stock: None,
                unit: None,
                category: None,
                description: None,
            },
            sent: "1001,Milk".into(),
            change: ItemChange::Changed,
        }],
    }
}

/// Nothing as it is unless told.
fn timing() -> Timing {
    Timing {
        schedule: Schedule::Cron {
            expression: "*/15 6-22 * * mon-sat".into(),
            time_zone: Some("Europe/Berlin".into()),
        },
        missed: MissedRule::All,
        missed_window_s: 7_200,
        overlap: OverlapRule::Cancel,
        jitter_s: 30,
        retries: RetryRule { attempts: 3, first_wait_s: 10, longest_wait_s: 100 },
        expiry_s: 3_600,
        pause_after: 5,
    }
}

/// A run with everything that a run can have.
pub(crate) fn run(job: &Job, state: RunState) -> Run {
    let by =
        |actor, state, note: Option<&str>| Transition { state, at: NOW, actor, note: note.map(Into::into) };
    Run {
        id: RunId::new(),
        stamp: Stamp { rev: Version(5), created_at: Timestamp::now(), updated_at: NOW },
        job_id: job.id,
        job_name: job.spec.name.clone(),
        agent_id: job.spec.agent_id,
        destination_id: job.spec.destination_id,
        trigger: Trigger::Manual,
        plan: RunPlan {
            source: csv(),
            mapping: Arc::new(mapping()),
            destination: DestinationConfig::LocalFile(LocalFileDestination {
                path: "/tmp/out.csv".into(),
                format: FileFormat::Csv,
            }),
            reject_rule: RejectRule::Continue,
            timeout_s: 60,
            retries: RetryRule { attempts: 3, first_wait_s: 10, longest_wait_s: 100 },
            export: ExportOrder {
                rules: rules(),
                mode: RunMode::Full,
                approved: Some(Harm { vanished: 40, zeroed: 3, repriced: 2 }),
                after: None,
            },
        },
        state,
        command_id: CommandId::new(),
        cancel_id: Some(CommandId::new()),
        attempt: 2,
        progress: Progress {
            read: 10,
            sent: 7,
            rejected: 3,
            left_out: 5,
            bytes_read: 1_000,
            bytes_total: 2_000,
            bytes_sent: 900,
            elapsed_ms: 1_234,
        },
        failure: Some(RunFailure { code: ErrorCode::SourceMissing, detail: "no such file".into() }),
        transitions: vec![
            by(Actor::User { id: UserId::new(), name: "Mai".into() }, RunState::Queued, None),
            by(Actor::Hub, RunState::Dispatched, None),
            by(Actor::Agent { id: job.spec.agent_id }, RunState::Running, Some("attempt 2")),
            by(Actor::Hub, state, None),
        ],
        started_at: Some(NOW),
        finished_at: state.is_over().then_some(NOW),
        wait: Wait {
            slot: Some(NOW),
            retry_of: Some(RunId::new()),
            try_no: 2,
            not_before: Some(NOW),
            expires_at: Some(Timestamp(NOW.0 + 9)),
            place: -3,
        },
        survey: Some(Box::new(survey())),
        verdict: Some(Verdict {
            at: NOW,
            user_id: UserId::new(),
            user_name: "Mai".into(),
            approved_by_run: Some(RunId::new()),
        }),
        approves: Some(RunId::new()),
    }
}

pub(crate) fn receipt(key: &str, made: EntityId) -> Receipt {
    Receipt { key: key.into(), made, at: Timestamp::now() }
}

pub(crate) fn log_line(run: RunId, seq: u64, level: LogLevel, text: &str) -> LogLine {
    let at = Timestamp(NOW.0 + i64::try_from(seq / 3).expect("a small number"));
    LogLine { run_id: run, seq, at, level, text: text.into() }
}

pub(crate) fn reject(run: RunId, row: u64, reason: &str) -> Reject {
    Reject {
        run_id: run,
        row,
        column: Some("Giá".into()),
        field: Some(ItemField::Price),
        reason: reason.into(),
        raw: format!("{row};Sữa;abc"),
    }
}

/// One of each, with the image they make.
pub(crate) fn whole(id: RetailerId, code: &str) -> (Vec<Write>, Image) {
    let (shop, agent, destination) = (shop("main"), agent("Till"), destination("Web shop"));
    let mut job = job("Nightly", agent.id, destination.id);
    let runs = [run(&job, RunState::Succeeded), run(&job, RunState::Running)];
    job.last_run = Some(runs[1].brief());
    let image = Image {
        version: Version(1),
        retailer: Some(retailer(id, code, "Fresh Mart")),
        stores: vec![shop],
        agents: vec![agent],
        destinations: vec![destination],
        jobs: vec![job],
        runs: runs.to_vec(),
        receipts: vec![receipt("key-1", EntityId::Run(runs[0].id))],
    };
    (writes(&image), image)
}

/// What makes an image.
pub(crate) fn writes(image: &Image) -> Vec<Write> {
    let mut writes: Vec<Write> = image.retailer.iter().cloned().map(Write::Retailer).collect();
    writes.extend(image.stores.iter().cloned().map(Write::Store));
    writes.extend(image.agents.iter().cloned().map(Write::Agent));
    writes.extend(image.destinations.iter().cloned().map(Write::Destination));
    writes.extend(image.jobs.iter().cloned().map(Write::Job));
    writes.extend(image.runs.iter().cloned().map(Write::Run));
    writes.extend(image.receipts.iter().cloned().map(Write::Receipt));
    writes
}
