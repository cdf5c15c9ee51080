//! Documents as released builds have written them are still read. `shapes/1.txt` holds a whole retailer as of shape 1:
//! one line a document, collection and base64 of its BSON. Never change a line; a new shape gets a file of its own.

use actors::domain::{Cadence, EntityId, Wait};
use actors::ports::TenantStore as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bson::{Document, doc};
use messages::connector::SourceConfig;
use messages::export::{ExportOrder, ExportRules};
use messages::ids::SpoolId;
use messages::run::{LogLevel, RunState};
use messages::schedule::Timing;
use messages::version::Epoch;
use messages::{RetailerId, Version};

use crate::support::{sample, store};

const COLLECTIONS: [&str; 10] = [
    "fences",
    "retailers",
    "stores",
    "agents",
    "destinations",
    "jobs",
    "runs",
    "receipts",
    "logs",
    "rejects",
];

#[tokio::test]
async fn documents_of_shape_1_are_read() {
    let store = store().await;
    let client = mongodb::Client::with_uri_str(store.server.uri()).await.unwrap();
    let database = client.database(&store.database);
    for line in include_str!("shapes/1.txt").lines() {
        let (collection, base64) = line.split_once(' ').unwrap();
        let mut document: Document = bson::deserialize_from_slice(&STANDARD.decode(base64).unwrap()).unwrap();
        if collection == "receipts" {
            // They are loaded for a day only.
            document.insert("at", bson::DateTime::now());
        }
        database.collection::<Document>(collection).insert_one(document).await.unwrap();
    }
    let id: RetailerId = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
    let image = store.take(id, Epoch(1)).await.unwrap();
    assert_eq!(image.version, Version(1));
    let mut retailer = sample::retailer(id, "fresh", "Fresh Mart");
    // What there was not yet has its defaults.
    (retailer.spec.maintenance, retailer.spec.most_runs) = (Vec::new(), 80);
    assert_eq!(image.retailer.unwrap(), retailer);
    let job = &image.jobs[0];
    assert_eq!((&job.spec.timing, &job.cadence), (&Timing::default(), &Cadence::default()));
    assert_eq!(image.agents[0].spec.most_runs, 8);
    assert!(image.runs.iter().all(|run| run.wait == Wait::default()));
    assert_eq!((*job.spec.export, job.delivered_by), (ExportRules::default(), None));
    assert!(image.runs.iter().all(|run| run.plan.export == ExportOrder::default()));
    assert!(image.runs.iter().all(|run| (&run.survey, &run.verdict, run.approves) == (&None, &None, None)));
    assert_eq!((job.spec.name.as_str(), &job.spec.source), ("Nightly", &sample::csv()));
    assert_eq!(image.destinations[0].config, sample::sftp());
    assert_eq!(image.agents[0].spec.name, "Till");
    assert_eq!(image.agents[0].access, sample::agent("").access);
    assert_eq!(image.stores[0].spec, sample::shop("main").spec);
    let [done, open] = image.runs.as_slice() else { panic!("two runs") };
    assert_eq!((done.state, open.state), (RunState::Succeeded, RunState::Running));
    assert_eq!(job.last_run, Some(open.brief()));
    assert!(matches!(done.plan.source, SourceConfig::Csv(_)));
    assert_eq!((image.receipts[0].key.as_str(), image.receipts[0].made), ("key-1", EntityId::Run(done.id)));
    let lines = store.latest_logs(id, done.id, 10).await.unwrap();
    assert_eq!(lines, [sample::log_line(done.id, 7, LogLevel::Warn, "slow")]);
    let page =
        hub_node::store::TenantDb::new(&store, id).rejects(done.id, &Default::default()).await.unwrap();
    assert_eq!(page.items, [sample::reject(done.id, 4, "not a price")]);
}

#[tokio::test]
async fn a_document_of_a_newer_shape_is_refused_and_not_guessed_at() {
    let store = store().await;
    let id = RetailerId::new();
    store.take(id, Epoch(1)).await.unwrap();
    let (writes, _) = sample::whole(id, "fresh");
    store.commit(id, Epoch(1), Version(1), writes.into()).await.unwrap();
    let client = mongodb::Client::with_uri_str(store.server.uri()).await.unwrap();
    let jobs = client.database(&store.database).collection::<Document>("jobs");
    jobs.update_many(doc! {}, doc! { "$set": { "sv": 99 } }).await.unwrap();
    let refused = store.take(id, Epoch(1)).await.unwrap_err().to_string();
    assert!(refused.contains("jobs") && refused.contains("99"), "{refused}");
}

/// Writes the file of the present shape, to be kept when a shape is released: it holds as many documents of each kind
/// as the last one kept.
#[tokio::test]
async fn the_sample_of_this_shape_can_be_made_anew() {
    let store = store().await;
    let id: RetailerId = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
    store.take(id, Epoch(1)).await.unwrap();
    let (writes, image) = sample::whole(id, "fresh");
    let run = image.runs[0].id;
    store.commit(id, Epoch(1), Version(1), writes.into()).await.unwrap();
    let line = sample::log_line(run, 7, LogLevel::Warn, "slow");
    store.append_logs(id, SpoolId::new(), vec![line]).await.unwrap();
    store.append_rejects(id, vec![sample::reject(run, 4, "not a price")]).await.unwrap();
    let client = mongodb::Client::with_uri_str(store.server.uri()).await.unwrap();
    let database = client.database(&store.database);
    let mut text = String::new();
    for name in COLLECTIONS {
        let mut documents = database.collection::<Document>(name).find(doc! {}).await.unwrap();
        while documents.advance().await.unwrap() {
            text.push_str(&format!("{name} {}\n", STANDARD.encode(documents.current().as_bytes())));
        }
    }
    std::fs::write(std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("shape.txt"), &text).unwrap();
    let kinds = |text: &str| -> Vec<String> {
        text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
    };
    assert_eq!(kinds(&text), kinds(include_str!("shapes/1.txt")));
}
