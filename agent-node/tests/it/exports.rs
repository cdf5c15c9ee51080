//! Exports that know what their destination has: changes only, the guard, dry runs, and what becomes of a delivery that
//! breaks off. Real files and a receiver that keeps what it gets.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use messages::agent::{Fact, RunCommand};
use messages::connector::{Credentials, CsvSource, DestinationConfig, SourceConfig, WebhookDestination};
use messages::export::{
    ExportOrder, ExportRules, Harm, HarmGuard, HarmKind, ItemChange, RunMode, Scope, Survey, VanishedRule,
};
use messages::run::{Progress, RunOutcome};
use messages::{CommandId, ErrorCode, RunId};

use crate::hub::Hub;
use crate::platform::{Asked, Fault, Reply, Server, Shop as Rules};
use crate::support::{Running, Shop, end, failure, names, shown};

/// Keeps price and stock of each article; takes no article that it was told to refuse.
#[derive(Default)]
struct Receiver {
    articles: BTreeMap<String, (String, String)>,
    refused: Vec<String>,
}

impl Rules for Receiver {
    fn answer(&mut self, asked: &Asked) -> Reply {
        let mut rejected = Vec::new();
        for item in asked.json()["items"].as_array().unwrap() {
            let text = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
            if self.refused.contains(&text("sku")) {
                rejected.push(serde_json::json!({"sku": text("sku"), "reason": "not this one"}));
            } else {
                self.articles.insert(text("sku"), (text("price"), text("stock")));
            }
        }
        Reply::json(200, &serde_json::json!({ "rejected": rejected }))
    }
}

struct Scene {
    shop: Shop,
    hub: Hub,
    agent: Option<Running>,
    receiver: Server<Receiver>,
    /// As each run is sent; its identifiers apart.
    command: RunCommand,
}

fn incremental() -> ExportRules {
    ExportRules { scope: Scope::Incremental, ..ExportRules::default() }
}

fn guarded(percent: u32) -> HarmGuard {
    HarmGuard {
        vanished_percent: Some(percent),
        zeroed_percent: Some(percent),
        repriced_percent: Some(percent),
        ..HarmGuard::default()
    }
}

/// Number, price, stock.
fn source(articles: impl IntoIterator<Item = (u32, &'static str, u32)>) -> String {
    let mut text = "sku,name,price,stock\n".to_owned();
    for (sku, price, stock) in articles {
        writeln!(text, "{sku},Article {sku},{price},{stock}").unwrap();
    }
    text
}

impl Scene {
    async fn to_file(rules: ExportRules) -> Self {
        let (shop, hub) = (Shop::new(), Hub::start().await);
        shop.enrolled(&hub);
        let agent = Some(Running::start(shop.config()));
        let receiver = Server::start(|_| Receiver::default()).await;
        let order = ExportOrder { rules, ..ExportOrder::default() };
        let command = RunCommand { export: Some(Box::new(order)), ..shop.command() };
        Self { shop, hub, agent, receiver, command }
    }

    async fn to_platform(rules: ExportRules) -> Self {
        let mut scene = Self::to_file(rules).await;
        scene.command.destination =
            DestinationConfig::Webhook(WebhookDestination { url: scene.receiver.url(), batch_items: 100 });
        scene.command.credentials = Some(Credentials::Token { token: "0123456789abcdef".into() });
        scene
    }

    fn write(&self, articles: impl IntoIterator<Item = (u32, &'static str, u32)>) {
        self.shop.write_source(source(articles).as_bytes());
    }

    async fn run_as(&self, change: impl FnOnce(&mut ExportOrder)) -> Ran {
        let mut command =
            RunCommand { run_id: RunId::new(), command_id: CommandId::new(), ..self.command.clone() };
        change(command.export.as_mut().unwrap());
        self.run_command(command).await
    }

    async fn run_command(&self, command: RunCommand) -> Ran {
        self.hub.run(&command);
        let report = self.hub.end_of(command.run_id).await;
        let seen = self.hub.seen();
        let survey = seen.of(command.run_id).into_iter().rev().find_map(|report| match report.fact {
            Fact::Surveyed { survey } => Some(*survey),
            _ => None,
        });
        let (progress, outcome) = end(&report);
        let log = seen.log(command.run_id).join("\n");
        Ran { run_id: command.run_id, progress, outcome, survey, log, report }
    }

    async fn run(&self) -> Ran {
        self.run_as(|_| ()).await
    }

    fn there(&self) -> BTreeMap<String, (String, String)> {
        self.receiver.with(|receiver| receiver.articles.clone())
    }

    async fn close(mut self) {
        self.agent.take().unwrap().stop().await.unwrap();
        assert_eq!(self.hub.seen().violations, [""; 0]);
        let kept = names(&self.shop.data_dir().join("delivered"));
        assert!(kept.iter().all(|name| !name.starts_with('.')), "nothing of a run stays: {kept:?}");
        let stage = self.shop.data_dir().join("stage");
        assert!(!stage.exists() || names(&stage).is_empty(), "nothing stays staged");
    }
}

struct Ran {
    run_id: RunId,
    progress: Progress,
    outcome: RunOutcome,
    survey: Option<Survey>,
    log: String,
    report: messages::agent::Report,
}

impl Ran {
    fn succeeded(self) -> Self {
        assert_eq!(self.outcome, RunOutcome::Succeeded, "{}", self.log);
        self
    }

    /// New, changed, unchanged, vanished.
    fn counts(&self) -> (u64, u64, u64, u64) {
        let Survey { new, changed, unchanged, harm, .. } = self.survey.as_ref().unwrap();
        (*new, *changed, *unchanged, harm.vanished)
    }
}

#[tokio::test]
async fn two_changes_of_two_thousand_are_two_items_to_a_platform() {
    let scene = Scene::to_platform(incremental()).await;
    scene.write((0..2_000).map(|sku| (sku, "1.50", 5)));
    let first = scene.run().await.succeeded();
    assert_eq!((first.progress.sent, first.counts()), (2_000, (2_000, 0, 0, 0)));
    assert!(first.log.contains("everything is sent: nothing has been delivered"), "{}", first.log);
    let asked = scene.receiver.asked().len();
    scene.write((0..2_000).map(|sku| (sku, if sku == 7 || sku == 1_999 { "1.75" } else { "1.50" }, 5)));
    let second = scene.run().await.succeeded();
    assert_eq!((second.progress.read, second.progress.sent), (2_000, 2));
    assert_eq!(second.counts(), (0, 2, 1_998, 0));
    assert_eq!(scene.receiver.asked().len(), asked + 1);
    assert_eq!((scene.there()["7"].0.as_str(), scene.there()["8"].0.as_str()), ("1.75", "1.50"));
    // Nothing has changed since: nobody is asked. And everything, when everything is wanted.
    let third = scene.run().await.succeeded();
    assert_eq!((third.progress.sent, scene.receiver.asked().len()), (0, asked + 1));
    assert!(third.log.contains("nothing has changed"), "{}", third.log);
    let full = scene.run_as(|order| order.mode = RunMode::Full).await.succeeded();
    assert_eq!((full.progress.sent, full.survey.unwrap().full), (2_000, true));
    scene.close().await;
}

#[tokio::test]
async fn changes_go_into_files_of_their_own_and_the_whole_file_stays() {
    let scene = Scene::to_file(incremental()).await;
    scene.write((0..100).map(|sku| (sku, "1.50", 5)));
    scene.run().await.succeeded();
    assert_eq!(scene.shop.out(), ["items.csv"]);
    let whole = fs::read(scene.shop.target()).unwrap();
    scene.write((0..101).map(|sku| (sku, "1.50", if sku == 3 { 4 } else { 5 })));
    let changes = scene.run().await.succeeded();
    let name = format!("items.changes-{}.csv", changes.run_id);
    assert_eq!(scene.shop.out(), [name.clone(), "items.csv".into()]);
    let text = fs::read_to_string(scene.shop.target().with_file_name(&name)).unwrap();
    let lines: Vec<_> = text.lines().skip(1).collect();
    assert_eq!(lines, ["3,Article 3,,1.50,,4,,,", "100,Article 100,,1.50,,5,,,"]);
    assert_eq!(fs::read(scene.shop.target()).unwrap(), whole);
    assert_eq!(changes.progress.sent, 2);
    scene.run().await.succeeded();
    assert_eq!(scene.shop.out().len(), 2, "nothing has changed: no file is made");
    scene.close().await;
}

#[tokio::test]
async fn vanished_articles_are_sold_out_where_that_is_the_rule() {
    let rules = ExportRules { vanished: VanishedRule::ZeroStock, ..incremental() };
    let scene = Scene::to_platform(rules).await;
    scene.write((0..10).map(|sku| (sku, "1.50", 5)));
    scene.run().await.succeeded();
    let text = source((0..8).map(|sku| (sku, "1.50", 5))) + "8,Article 8,not a price,5\n";
    scene.shop.write_source(text.as_bytes());
    let run = scene.run().await.succeeded();
    // 9 is gone, 8 is there and cannot be read.
    assert_eq!((run.progress.sent, run.progress.rejected, run.counts()), (1, 1, (0, 0, 8, 1)));
    assert!(run.log.contains("1 articles may stand in rows that could not be read"), "{}", run.log);
    let there = scene.there();
    assert_eq!((there["9"].1.as_str(), there["8"].1.as_str(), there["0"].1.as_str()), ("0", "5", "5"));
    assert_eq!(scene.run().await.succeeded().progress.sent, 0, "once is enough");
    scene.write((0..10).map(|sku| (sku, "1.50", 5)));
    assert_eq!(scene.run().await.succeeded().progress.sent, 1, "it is back");
    assert_eq!(scene.there()["9"].1, "5");
    scene.close().await;
}

#[tokio::test]
async fn the_guard_stops_a_run_before_anything_is_sent_and_an_approval_lets_it_pass() {
    for platform in [false, true] {
        let rules = ExportRules { guard: guarded(30), ..ExportRules::default() };
        let scene = if platform { Scene::to_platform(rules).await } else { Scene::to_file(rules).await };
        scene.write((0..1_000).map(|sku| (sku, "1.50", 5)));
        let first = scene.run().await.succeeded();
        assert!(first.log.contains("the guard has nothing to compare with"), "{}", first.log);
        let (asked, out) = (scene.receiver.asked().len(), fs::read(scene.shop.target()).ok());

        scene.write((0..600).map(|sku| (sku, "1.50", 5)));
        let stopped = scene.run().await;
        let failed = failure(&stopped.report);
        assert_eq!((failed.code, stopped.progress.sent), (ErrorCode::NeedsApproval, 0));
        assert!(failed.detail.starts_with("400 of 1000 articles would vanish (40 %)"), "{}", failed.detail);
        let survey = stopped.survey.unwrap();
        assert_eq!((survey.harm.vanished, survey.alarms.len(), survey.samples.len()), (400, 1, 5));
        assert_eq!((survey.samples[0].kind, survey.samples[0].sku.as_str()), (HarmKind::Vanished, "600"));
        assert_eq!((scene.receiver.asked().len(), fs::read(scene.shop.target()).ok()), (asked, out.clone()));

        // What was approved has grown meanwhile.
        scene.write((0..599).map(|sku| (sku, "1.50", 5)));
        let approved = Some(survey.harm);
        let more = scene.run_as(|order| order.approved = approved).await;
        assert_eq!(failure(&more.report).code, ErrorCode::NeedsApproval);
        scene.write((0..600).map(|sku| (sku, "1.50", 5)));
        let run = scene.run_as(|order| order.approved = approved).await.succeeded();
        assert_eq!(run.progress.sent, 600);
        // And that is what it is compared with from now on.
        assert_eq!(scene.run().await.succeeded().counts(), (0, 0, 600, 0));
        scene.close().await;
    }
}

#[tokio::test]
async fn the_guard_knows_sold_out_and_dear() {
    let scene = Scene::to_platform(ExportRules { guard: guarded(30), ..incremental() }).await;
    scene.write((0..100).map(|sku| (sku, "1.50", 5)));
    scene.run().await.succeeded();
    scene.write(
        (0..100).map(|sku| (sku, if sku < 40 { "15.0" } else { "1.50" }, if sku < 60 { 5 } else { 0 })),
    );
    let stopped = scene.run().await;
    let survey = stopped.survey.unwrap();
    assert_eq!(survey.harm, Harm { vanished: 0, zeroed: 40, repriced: 40 });
    let kinds: Vec<_> = survey.alarms.iter().map(|alarm| alarm.kind).collect();
    assert_eq!(kinds, [HarmKind::Zeroed, HarmKind::Repriced]);
    let dear = survey.samples.iter().find(|sample| sample.kind == HarmKind::Repriced).unwrap();
    assert_eq!((dear.before.as_str(), dear.after.as_str()), ("1.50", "15.00"));
    scene.close().await;
}

#[tokio::test]
async fn a_dry_run_shows_everything_and_changes_nothing() {
    let scene = Scene::to_file(ExportRules { guard: guarded(10), ..incremental() }).await;
    let dry = |order: &mut ExportOrder| order.mode = RunMode::Dry;
    scene.write((0..50).map(|sku| (sku, "1.50", 5)));
    let before = scene.run_as(dry).await.succeeded();
    assert_eq!((before.progress.read, before.progress.sent, before.counts()), (50, 0, (50, 0, 0, 0)));
    assert_eq!((scene.shop.out(), before.survey.unwrap().known), (vec![], None));
    scene.run().await.succeeded();
    let state = scene.shop.data_dir().join("delivered").join(format!("{}.state", scene.command.job_id));
    let kept = fs::read(&state).unwrap();

    let text = source((5..51).map(|sku| (sku, if sku == 6 { "9" } else { "1.50" }, 5))) + "x,,y,\n";
    scene.shop.write_source(text.as_bytes());
    let run = scene.run_as(dry).await.succeeded();
    assert_eq!((run.counts(), run.progress.rejected), ((1, 1, 44, 5), 1));
    let survey = run.survey.unwrap();
    assert_eq!((survey.known, survey.rejected, survey.full), (Some(50), 1, false));
    assert_eq!(survey.alarms.len(), 0, "five of fifty are ten per cent and no more");
    assert_eq!(survey.preview.len(), Survey::MAX_PREVIEW);
    let row = &survey.preview[1];
    assert_eq!((row.row, row.item.sku.as_str(), row.change), (3, "6", ItemChange::Changed));
    assert_eq!(row.sent, "6,Article 6,,9,,5,,,");
    assert_eq!((fs::read(&state).unwrap(), scene.shop.out()), (kept, vec!["items.csv".to_owned()]));
    assert!(run.log.contains("this is a dry run"), "{}", run.log);
    // It would stop, and says so without failing.
    scene.write((10..50).map(|sku| (sku, "1.50", 5)));
    let warned = scene.run_as(dry).await.succeeded();
    assert_eq!(warned.survey.unwrap().alarms[0].count, 10);
    scene.close().await;
}

#[tokio::test]
async fn what_a_platform_refused_is_sent_again() {
    let scene = Scene::to_platform(incremental()).await;
    scene.receiver.with(|receiver| receiver.refused = vec!["3".into()]);
    scene.write((0..10).map(|sku| (sku, "1.50", 5)));
    assert_eq!(scene.run().await.succeeded().progress.sent, 9);
    let again = scene.run().await.succeeded();
    assert_eq!((again.progress.sent, again.progress.rejected, again.counts()), (0, 1, (1, 0, 9, 0)));
    scene.receiver.with(|receiver| receiver.refused.clear());
    assert_eq!(scene.run().await.succeeded().progress.sent, 1);
    assert_eq!(scene.run().await.succeeded().progress.sent, 0);
    scene.close().await;
}

#[tokio::test]
async fn after_a_delivery_that_broke_off_the_destination_is_what_the_source_is() {
    let scene = Scene::to_platform(incremental()).await;
    scene.write((0..1_000).map(|sku| (sku, "1.50", 5)));
    scene.run().await.succeeded();
    // The third portion is refused for good: 200 articles have their new price, the others have not.
    scene.write((0..1_000).map(|sku| (sku, "2.50", 5)));
    scene.receiver.fail("\"batch\":3", [Fault::Instead(Reply::empty(400))]);
    assert_ne!(scene.run().await.outcome, RunOutcome::Succeeded);
    assert_eq!(scene.there().values().filter(|(price, _)| price == "2.50").count(), 200);
    // And back again, which is not "unchanged".
    scene.write((0..1_000).map(|sku| (sku, "1.50", 5)));
    let run = scene.run().await.succeeded();
    assert_eq!(run.progress.sent, 1_000, "all of them are in doubt");
    assert!(scene.there().values().all(|(price, _)| price == "1.50"));
    assert_eq!(scene.run().await.succeeded().progress.sent, 0);
    scene.close().await;
}

#[tokio::test]
async fn a_run_that_dies_between_delivery_and_note_sends_again() {
    let scene = Scene::to_platform(incremental()).await;
    scene.write((0..10).map(|sku| (sku, "1.50", 5)));
    scene.run().await.succeeded();
    scene.write((0..10).map(|sku| (sku, if sku < 2 { "2.50" } else { "1.50" }, 5)));
    actors::failpoint::arm("run_worker.delivered", 1);
    let run = scene.run().await.succeeded();
    assert_eq!(scene.hub.seen().attempts(run.run_id), [1, 2]);
    assert_eq!(run.progress.sent, 2, "the second attempt does not know of the first");
    assert_eq!(scene.run().await.succeeded().progress.sent, 0);
    scene.close().await;
}

#[tokio::test]
async fn without_its_record_an_export_is_whole_and_says_so() {
    let scene = Scene::to_platform(incremental()).await;
    scene.write((0..10).map(|sku| (sku, "1.50", 5)));
    scene.run().await.succeeded();
    let state = scene.shop.data_dir().join("delivered").join(format!("{}.state", scene.command.job_id));
    let mut bytes = fs::read(&state).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&state, bytes).unwrap();
    let damaged = scene.run().await.succeeded();
    assert_eq!(damaged.progress.sent, 10);
    assert!(damaged.log.contains("damaged on its disk"), "{}", damaged.log);
    fs::remove_file(&state).unwrap();
    assert_eq!(scene.run().await.succeeded().progress.sent, 10);
    // Another way of reading, and everything counts anew; the guard still has what to compare with.
    let mut command =
        RunCommand { run_id: RunId::new(), command_id: CommandId::new(), ..scene.command.clone() };
    let csv = CsvSource { path: shown(&scene.shop.source()), settled_s: 3, ..CsvSource::default() };
    command.source = SourceConfig::Csv(csv);
    let changed = scene.run_command(command).await.succeeded();
    assert_eq!((changed.progress.sent, changed.counts()), (10, (0, 0, 10, 0)));
    assert!(changed.log.contains("settings of source or destination have changed"), "{}", changed.log);
    scene.close().await;
}

#[tokio::test]
async fn a_changed_mapping_sends_what_it_changes_and_no_more() {
    let mut scene = Scene::to_platform(incremental()).await;
    scene.write((0..10).map(|sku| (sku, "1.50", 5)));
    assert_eq!(scene.run().await.succeeded().progress.sent, 10);
    let mapped = |json| Box::new(serde_json::from_value(json).unwrap());
    scene.command.mapping = mapped(serde_json::json!({ "fields": [
        { "field": "name", "from": { "kind": "column", "column": "name" },
          "steps": [{ "step": "replace", "find": "Article 3", "with": "Tea" }] },
    ] }));
    let changed = scene.run().await.succeeded();
    assert_eq!((changed.progress.sent, changed.counts()), (1, (0, 1, 9, 0)));
    assert_eq!(scene.run().await.succeeded().progress.sent, 0);
    scene.command.mapping = mapped(serde_json::json!({
        "filter": { "conditions": [{ "column": "sku", "test": "above", "value": "4" }] },
    }));
    let fewer = scene.run().await.succeeded();
    assert_eq!((fewer.progress.left_out, fewer.progress.sent, fewer.counts()), (5, 0, (0, 0, 5, 5)));
    scene.close().await;
}

#[tokio::test]
async fn a_record_that_others_have_overtaken_is_no_ground() {
    let scene = Scene::to_platform(incremental()).await;
    scene.write((0..10).map(|sku| (sku, "1.50", 5)));
    let first = scene.run().await.succeeded();
    let known = scene.run_as(|order| order.after = Some(first.run_id)).await.succeeded();
    assert_eq!(known.progress.sent, 0);
    let overtaken = scene.run_as(|order| order.after = Some(RunId::new())).await.succeeded();
    assert_eq!((overtaken.progress.sent, overtaken.counts()), (10, (0, 0, 10, 0)));
    assert!(overtaken.log.contains("has delivered since"), "{}", overtaken.log);
    // A run that keeps no record makes the one that there is wrong.
    let mut plain =
        RunCommand { run_id: RunId::new(), command_id: CommandId::new(), ..scene.command.clone() };
    plain.export = None;
    scene.run_command(plain).await.succeeded();
    assert_eq!(scene.run().await.succeeded().progress.sent, 10);
    scene.close().await;
}

#[tokio::test]
async fn a_run_without_an_order_keeps_no_record() {
    let mut scene = Scene::to_file(ExportRules::default()).await;
    scene.command.export = None;
    scene.write((0..10).map(|sku| (sku, "1.50", 5)));
    let command = RunCommand { run_id: RunId::new(), command_id: CommandId::new(), ..scene.command.clone() };
    let run = scene.run_command(command).await.succeeded();
    assert_eq!((run.progress.sent, run.survey), (10, None));
    assert!(!scene.shop.data_dir().join("delivered").exists());
    scene.agent.take().unwrap().stop().await.unwrap();
}

#[tokio::test]
async fn runs_of_one_job_take_turns() {
    let scene = Scene::to_platform(incremental()).await;
    scene.write((0..2_000).map(|sku| (sku, "1.50", 5)));
    let ran = futures_util::future::join_all((0..4).map(|_| scene.run())).await;
    let mut sent: Vec<_> = ran.into_iter().map(|ran| ran.succeeded().progress.sent).collect();
    sent.sort_unstable();
    assert_eq!(sent, [0, 0, 0, 2_000], "each knows what the one before it has delivered");
    scene.close().await;
}
