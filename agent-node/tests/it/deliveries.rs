//! Runs to a platform, from command to end: what was sent counts, whatever becomes of the rest.

use std::fs;

use messages::agent::{RunCommand, ToAgent};
use messages::connector::{Credentials, CsvSource, DestinationConfig, SourceConfig, WebhookDestination};
use messages::http::jobs::RejectRule;
use messages::run::RunOutcome;
use messages::version::Epoch;
use messages::{CommandId, ErrorCode};

use crate::hub::Hub;
use crate::platform::{Asked, Fault, Reply, Server, Shop as Rules};
use crate::support::{Running, Shop, end, failure};

/// Takes everything but the articles whose number ends with 7.
#[derive(Default)]
struct Picky {
    taken: usize,
}

impl Rules for Picky {
    fn answer(&mut self, asked: &Asked) -> Reply {
        let body = asked.json();
        let skus: Vec<_> = body["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["sku"].as_str().unwrap().to_owned())
            .collect();
        let rejected: Vec<_> = skus
            .iter()
            .filter(|sku| sku.ends_with('7'))
            .map(|sku| serde_json::json!({"sku": sku, "reason": "not on a seven"}))
            .collect();
        self.taken += skus.len() - rejected.len();
        Reply::json(200, &serde_json::json!({ "rejected": rejected }))
    }
}

async fn begin(shop: &Shop) -> (Hub, Running, Server<Picky>) {
    let receiver = Server::start(|_| Picky::default()).await;
    let hub = Hub::start().await;
    shop.enrolled(&hub);
    let agent = Running::start(shop.config());
    hub.until("hello", |seen| !seen.hellos.is_empty()).await;
    (hub, agent, receiver)
}

/// A run to the receiver, whose file is put away afterwards.
fn command(shop: &Shop, receiver: &Server<Picky>) -> RunCommand {
    let mut command = shop.command();
    let SourceConfig::Csv(csv) = &command.source else { panic!("{:?}", command.source) };
    command.source = SourceConfig::Csv(CsvSource { archive: "done".into(), ..csv.clone() });
    command.destination =
        DestinationConfig::Webhook(WebhookDestination { url: receiver.url(), batch_items: 100 });
    command.credentials = Some(Credentials::Token { token: "0123456789abcdef".into() });
    command
}

async fn close(shop: &Shop, hub: &Hub, agent: Running) {
    agent.stop().await.unwrap();
    assert_eq!(hub.seen().violations, [""; 0]);
    assert_eq!(fs::read_dir(shop.data_dir().join("stage")).unwrap().count(), 0, "nothing stays staged");
}

#[tokio::test]
async fn what_a_platform_takes_and_rejects_is_told() {
    let shop = Shop::new();
    shop.write_items(1_000);
    let (hub, agent, receiver) = begin(&shop).await;
    let command = command(&shop, &receiver);
    hub.run(&command);
    let (progress, outcome) = end(&hub.end_of(command.run_id).await);
    close(&shop, &hub, agent).await;
    assert_eq!(outcome, RunOutcome::Succeeded);
    assert_eq!((progress.read, progress.sent, progress.rejected), (1_000, 900, 100));
    assert_eq!(receiver.with(|picky| picky.taken), 900);
    assert!(progress.bytes_sent > 10_000, "{progress:?}");
    let seen = hub.seen();
    let rejects = seen.rejects(command.run_id);
    assert_eq!((rejects.len(), rejects[0].row, rejects[0].reason.as_str()), (100, 9, "not on a seven"));
    assert!(rejects[0].raw.starts_with("7;Article 7;"), "{}", rejects[0].raw);
    let log = seen.log(command.run_id).join("\n");
    assert!(log.contains("everything was sent") && !log.contains("0123456789abcdef"), "{log}");
    assert!(!shop.source().exists() && shop.source().with_file_name("done").join("items.csv").exists());
}

#[tokio::test]
async fn nothing_is_sent_before_the_source_was_found_good() {
    let shop = Shop::new();
    shop.write_source(b"sku,name,price\n1,Milk,1.29\n2,Bread,abc\n3,Tea,x\n");
    let (hub, agent, receiver) = begin(&shop).await;
    let command = RunCommand { reject_rule: RejectRule::StopAbove { items: 1 }, ..command(&shop, &receiver) };
    hub.run(&command);
    let report = hub.end_of(command.run_id).await;
    close(&shop, &hub, agent).await;
    assert_eq!(failure(&report).code, ErrorCode::RejectLimit);
    assert!(failure(&report).detail.ends_with("nothing was sent"), "{}", failure(&report).detail);
    assert!(receiver.asked().is_empty());
    assert!(shop.source().exists(), "a run that failed leaves the file");
}

#[tokio::test]
async fn a_run_that_is_stopped_by_its_rule_tells_what_had_been_sent() {
    let shop = Shop::new();
    shop.write_items(1_000);
    let (hub, agent, receiver) = begin(&shop).await;
    let command =
        RunCommand { reject_rule: RejectRule::StopAbove { items: 15 }, ..command(&shop, &receiver) };
    hub.run(&command);
    let report = hub.end_of(command.run_id).await;
    close(&shop, &hub, agent).await;
    assert_eq!(failure(&report).code, ErrorCode::RejectLimit);
    assert!(failure(&report).detail.contains("180 items had been sent"), "{}", failure(&report).detail);
    assert_eq!((end(&report).0.sent, receiver.with(|picky| picky.taken)), (180, 180));
}

#[tokio::test]
async fn a_delivery_is_cancelled_between_two_words() {
    let shop = Shop::new();
    shop.write_items(1_000);
    let (hub, agent, receiver) = begin(&shop).await;
    let command = command(&shop, &receiver);
    receiver.fail("\"batch\":3", [Fault::Silence]);
    hub.run(&command);
    receiver.until("the third batch", |server| server.asked().len() == 3).await;
    let asked = std::time::Instant::now();
    hub.command(ToAgent::Cancel { command_id: CommandId::new(), epoch: Epoch(1), run_id: command.run_id });
    let (progress, outcome) = end(&hub.end_of(command.run_id).await);
    assert!(asked.elapsed() < std::time::Duration::from_secs(2), "{:?}", asked.elapsed());
    close(&shop, &hub, agent).await;
    assert_eq!((outcome, progress.sent), (RunOutcome::Cancelled, 180), "what was sent, was");
    assert!(shop.source().exists());
}
