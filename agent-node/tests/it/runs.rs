//! Runs from command to end, in this process.

use std::fs;

use messages::agent::{Fact, RunCommand, ToAgent};
use messages::connector::{Credentials, DestinationConfig, FileFormat, SftpDestination};
use messages::http::jobs::RejectRule;
use messages::run::RunOutcome;
use messages::version::Epoch;
use messages::{CommandId, ErrorCode, RunId};

use crate::hub::Hub;
use crate::support::{Running, Shop, end, failure};

async fn begin(shop: &Shop) -> (Hub, Running) {
    let hub = Hub::start().await;
    shop.enrolled(&hub);
    let agent = Running::start(shop.config());
    hub.until("hello", |seen| !seen.hellos.is_empty()).await;
    (hub, agent)
}

async fn close(hub: &Hub, agent: Running) {
    agent.stop().await.unwrap();
    assert_eq!(hub.seen().violations, [""; 0]);
}

/// A destination that takes the connection and then says nothing: the run is at work until it is stopped.
fn silent(command: &mut RunCommand) -> std::net::TcpListener {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    command.destination = DestinationConfig::Sftp(SftpDestination {
        host: "127.0.0.1".into(),
        port: listener.local_addr().unwrap().port(),
        user: "till".into(),
        path: "/items.csv".into(),
        host_key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ4w5b8W1o0m1m0m1m0m1m0m1m0m1m0m1m0m1m0m1m0m".into(),
        format: FileFormat::Csv,
    });
    command.credentials = Some(Credentials::Password { password: "x".into() });
    listener
}

#[tokio::test]
async fn items_arrive_and_each_step_is_told() {
    let shop = Shop::new();
    shop.write_items(5_000);
    let (hub, agent) = begin(&shop).await;
    let command = shop.command();
    hub.run(&command);
    let (progress, outcome) = end(&hub.end_of(command.run_id).await);
    close(&hub, agent).await;
    assert_eq!(outcome, RunOutcome::Succeeded);
    assert_eq!((progress.read, progress.sent, progress.rejected), (5_000, 5_000, 0));
    assert_eq!(progress.bytes_read, fs::metadata(shop.source()).unwrap().len());
    assert_eq!(progress.bytes_total, progress.bytes_read);
    assert_eq!(progress.bytes_sent, fs::metadata(shop.target()).unwrap().len());
    assert_eq!(fs::read_to_string(shop.target()).unwrap().lines().count(), 5_001);
    assert_eq!(shop.out(), ["items.csv"]);
    let seen = hub.seen();
    assert_eq!(seen.accepted, [command.command_id]);
    let facts = seen.of(command.run_id);
    assert!(matches!(facts.first().unwrap().fact, Fact::Started { attempt: 1 }), "{facts:?}");
    assert!(matches!(facts.last().unwrap().fact, Fact::Finished { .. }));
    let log = seen.log(command.run_id).join("\n");
    for part in
        ["reading ", "sending to ", "the file is complete", "5000 rows read, 5000 items sent, 0 rejected"]
    {
        assert!(log.contains(part), "{part} in {log}");
    }
}

#[tokio::test]
async fn rejected_items_are_kept_with_row_and_reason_and_the_rest_goes_on() {
    let shop = Shop::new();
    shop.write_source(b"sku,name,price\n1,Milk,1.29\n2,Bread,abc\n,Nameless,1\n4,Tea,2.49\n");
    let (hub, agent) = begin(&shop).await;
    let command = shop.command();
    hub.run(&command);
    let (progress, outcome) = end(&hub.end_of(command.run_id).await);
    close(&hub, agent).await;
    assert_eq!(outcome, RunOutcome::Succeeded);
    assert_eq!((progress.read, progress.sent, progress.rejected), (4, 2, 2));
    let rejects = hub.seen().rejects(command.run_id);
    assert_eq!(rejects.iter().map(|reject| reject.row).collect::<Vec<_>>(), [3, 4]);
    assert_eq!(rejects[0].column.as_deref(), Some("price"));
    assert_eq!(rejects[0].raw, "2,Bread,abc");
}

#[tokio::test]
async fn a_mapping_is_carried_out_and_what_its_filter_leaves_out_is_told() {
    let shop = Shop::new();
    shop.write_source(b"sku,name,price,active\n1,milk,1.00,yes\n2,bread,2.00,no\n3,tea,abc,yes\n");
    let (hub, agent) = begin(&shop).await;
    let mapping = serde_json::from_value(serde_json::json!({
        "fields": [
            { "field": "name", "from": { "kind": "column", "column": "name" },
              "steps": [{ "step": "letters", "to": "upper" }] },
            { "field": "price", "from": { "kind": "column", "column": "price" },
              "steps": [{ "step": "percent", "by": "20" }, { "step": "round", "to": "0.01" }] },
        ],
        "filter": { "conditions": [{ "column": "active", "test": "equals", "value": "yes" }] },
    }));
    let command = RunCommand { mapping: Box::new(mapping.unwrap()), ..shop.command() };
    hub.run(&command);
    let (progress, outcome) = end(&hub.end_of(command.run_id).await);
    close(&hub, agent).await;
    assert_eq!(outcome, RunOutcome::Succeeded);
    assert_eq!((progress.read, progress.sent, progress.rejected, progress.left_out), (2, 1, 1, 1));
    let written = fs::read_to_string(shop.target()).unwrap();
    assert!(written.contains("1,MILK,,1.20") && !written.contains("bread"), "{written}");
    let seen = hub.seen();
    assert_eq!(seen.rejects(command.run_id)[0].column.as_deref(), Some("price"));
    assert!(seen.log(command.run_id).join("\n").contains("1 rows were left out by the job's filter"));
    assert!(seen.hellos[0].machine.capabilities.iter().any(|name| name == messages::mapping::CAPABILITY));
}

#[tokio::test]
async fn a_run_above_its_reject_limit_shows_nothing() {
    let shop = Shop::new();
    fs::write(shop.target(), "old").unwrap();
    shop.write_source(b"sku,name,price\n1,Milk,1.29\n2,Bread,abc\n3,Tea,x\n");
    let (hub, agent) = begin(&shop).await;
    let command = RunCommand { reject_rule: RejectRule::StopAbove { items: 1 }, ..shop.command() };
    hub.run(&command);
    let report = hub.end_of(command.run_id).await;
    close(&hub, agent).await;
    assert_eq!(failure(&report).code, ErrorCode::RejectLimit);
    assert_eq!(end(&report).0.sent, 0);
    assert_eq!(fs::read_to_string(shop.target()).unwrap(), "old");
    assert_eq!(shop.out(), ["items.csv"]);
    assert_eq!(hub.seen().rejects(command.run_id).len(), 2);
}

#[tokio::test]
async fn a_missing_source_fails_with_its_code() {
    let shop = Shop::new();
    let (hub, agent) = begin(&shop).await;
    let command = shop.command();
    hub.run(&command);
    let failure = failure(&hub.end_of(command.run_id).await);
    close(&hub, agent).await;
    assert_eq!(failure.code, ErrorCode::SourceMissing);
    assert!(failure.detail.contains("items.csv"), "{}", failure.detail);
}

#[tokio::test]
async fn a_repeated_command_runs_once() {
    let shop = Shop::new();
    shop.write_items(100);
    let (hub, agent) = begin(&shop).await;
    let command = shop.command();
    hub.run(&command);
    hub.run(&command);
    hub.end_of(command.run_id).await;
    let again = RunCommand { command_id: CommandId::new(), ..command.clone() };
    hub.run(&again);
    hub.until("the repetition is accepted", |seen| seen.accepted.contains(&again.command_id)).await;
    agent.stop().await.unwrap();
    // Not even a restart makes it forget.
    let agent = Running::start(shop.config());
    let third = RunCommand { command_id: CommandId::new(), ..command.clone() };
    hub.run(&third);
    hub.until("accepted after a restart", |seen| seen.accepted.contains(&third.command_id)).await;
    close(&hub, agent).await;
    let seen = hub.seen();
    assert_eq!((seen.attempts(command.run_id), seen.ends(command.run_id)), (vec![1], 1));
}

#[tokio::test]
async fn commands_of_a_former_owner_are_refused_also_after_a_restart() {
    let shop = Shop::new();
    shop.write_items(10);
    let (hub, agent) = begin(&shop).await;
    let new = RunCommand { epoch: Epoch(5), ..shop.command() };
    hub.run(&new);
    hub.end_of(new.run_id).await;
    agent.stop().await.unwrap();
    let agent = Running::start(shop.config());
    let old = RunCommand { epoch: Epoch(4), ..shop.command() };
    hub.run(&old);
    hub.until("the refusal", |seen| seen.refused.contains(&(old.command_id, ErrorCode::StaleEpoch))).await;
    close(&hub, agent).await;
    assert_eq!(hub.seen().of(old.run_id).len(), 0);
}

#[tokio::test]
async fn a_run_at_work_is_cancelled() {
    let shop = Shop::new();
    shop.write_items(10);
    let (hub, agent) = begin(&shop).await;
    let mut command = shop.command();
    let _listener = silent(&mut command);
    hub.run(&command);
    hub.until("the start", |seen| !seen.attempts(command.run_id).is_empty()).await;
    hub.command(ToAgent::Cancel { command_id: CommandId::new(), epoch: Epoch(1), run_id: command.run_id });
    let (progress, outcome) = end(&hub.end_of(command.run_id).await);
    assert_eq!((outcome, progress.sent), (RunOutcome::Cancelled, 0));
    // A second word changes nothing.
    let again = CommandId::new();
    hub.command(ToAgent::Cancel { command_id: again, epoch: Epoch(1), run_id: command.run_id });
    hub.until("accepted", |seen| seen.accepted.contains(&again)).await;
    close(&hub, agent).await;
    assert_eq!(hub.seen().ends(command.run_id), 1);
}

#[tokio::test]
async fn runs_that_wait_are_cancelled_at_once() {
    let shop = Shop::new();
    shop.write_items(10);
    let (hub, agent) = begin(&shop).await;
    let mut commands: Vec<_> = (0..3).map(|_| shop.command()).collect();
    let _listeners: Vec<_> = commands.iter_mut().map(silent).collect();
    for command in &commands {
        hub.run(command);
    }
    hub.until("two at work", |seen| commands[..2].iter().all(|c| !seen.attempts(c.run_id).is_empty())).await;
    for command in commands.iter().rev() {
        hub.command(ToAgent::Cancel {
            command_id: CommandId::new(),
            epoch: Epoch(1),
            run_id: command.run_id,
        });
        assert_eq!(end(&hub.end_of(command.run_id).await).1, RunOutcome::Cancelled);
    }
    close(&hub, agent).await;
    assert_eq!(hub.seen().attempts(commands[2].run_id), [0; 0], "it was cancelled before its turn");
}

#[tokio::test]
async fn a_run_that_is_interrupted_by_a_stop_goes_on_after_the_start() {
    let shop = Shop::new();
    shop.write_items(10);
    let (hub, agent) = begin(&shop).await;
    let mut command = shop.command();
    let listener = silent(&mut command);
    hub.run(&command);
    hub.until("the start", |seen| !seen.attempts(command.run_id).is_empty()).await;
    agent.stop().await.unwrap();
    assert_eq!(hub.seen().ends(command.run_id), 0);
    drop(listener);
    let agent = Running::start(shop.config());
    let failure = failure(&hub.end_of(command.run_id).await);
    close(&hub, agent).await;
    assert_eq!(failure.code, ErrorCode::DestinationUnreachable);
    assert_eq!(hub.seen().attempts(command.run_id), [1, 2]);
    assert_eq!(hub.seen().hellos[1].active, [command.run_id]);
}

#[tokio::test]
async fn an_unknown_run_that_is_cancelled_never_begins() {
    let shop = Shop::new();
    let hub = Hub::start().await;
    shop.enrolled(&hub);
    let unknown = shop.command();
    hub.command(ToAgent::Cancel { command_id: CommandId::new(), epoch: Epoch(1), run_id: unknown.run_id });
    let agent = Running::start(shop.config());
    assert_eq!(end(&hub.end_of(unknown.run_id).await).1, RunOutcome::Cancelled);
    hub.run(&unknown);
    hub.until("the late command is accepted", |seen| seen.accepted.contains(&unknown.command_id)).await;
    close(&hub, agent).await;
    assert_eq!(hub.seen().attempts(unknown.run_id), [0; 0]);
}

#[tokio::test]
async fn a_run_that_takes_too_long_times_out() {
    let shop = Shop::new();
    shop.write_items(10);
    let (hub, agent) = begin(&shop).await;
    let mut command = RunCommand { timeout_s: 1, ..shop.command() };
    let _listener = silent(&mut command);
    hub.run(&command);
    let (progress, outcome) = end(&hub.end_of(command.run_id).await);
    close(&hub, agent).await;
    assert_eq!((outcome, progress.sent), (RunOutcome::TimedOut, 0));
    assert_eq!(shop.out(), [""; 0]);
}

#[tokio::test]
async fn many_runs_wait_their_turn_and_all_end() {
    let shop = Shop::new();
    shop.write_items(2_000);
    let (hub, agent) = begin(&shop).await;
    let commands: Vec<_> = (0..6).map(|_| shop.command()).collect();
    for command in &commands {
        hub.run(command);
    }
    for command in &commands {
        assert_eq!(end(&hub.end_of(command.run_id).await).1, RunOutcome::Succeeded);
    }
    close(&hub, agent).await;
    let seen = hub.seen();
    assert!(commands.iter().all(|command| seen.ends(command.run_id) == 1));
    let most = most_at_once(&seen.reports.iter().map(|r| (r.run_id, r.fact.clone())).collect::<Vec<_>>());
    assert!((1..=2).contains(&most), "{most} at once");
}

fn most_at_once(facts: &[(RunId, Fact)]) -> usize {
    let mut at_work = std::collections::HashSet::new();
    let mut most = 0;
    for (run_id, fact) in facts {
        match fact {
            Fact::Started { .. } => {
                at_work.insert(run_id);
            }
            Fact::Finished { .. } => {
                at_work.remove(run_id);
            }
            _ => {}
        }
        most = most.max(at_work.len());
    }
    most
}

#[tokio::test]
async fn an_attempt_that_breaks_off_inside_is_repeated_and_the_agent_goes_on() {
    let shop = Shop::new();
    shop.write_items(3_000);
    let (hub, agent) = begin(&shop).await;
    actors::failpoint::arm("run_worker.batch", 2);
    let command = shop.command();
    hub.run(&command);
    let (progress, outcome) = end(&hub.end_of(command.run_id).await);
    close(&hub, agent).await;
    assert_eq!((outcome, progress.sent), (RunOutcome::Succeeded, 3_000));
    assert_eq!(hub.seen().attempts(command.run_id), [1, 2]);
    assert_eq!(shop.out(), ["items.csv"]);
}

#[tokio::test]
async fn endless_reasons_and_thousands_of_rejects_stay_bounded() {
    let shop = Shop::new();
    let mut text = "sku,name,price\n".to_owned();
    for n in 0..12_000 {
        text += &format!("{n},x,not a number\n");
    }
    text += &format!("last,x,{}\n", "9x".repeat(25_000));
    shop.write_source(text.as_bytes());
    let (hub, agent) = begin(&shop).await;
    let command = shop.command();
    hub.run(&command);
    let (progress, outcome) = end(&hub.end_of(command.run_id).await);
    close(&hub, agent).await;
    assert_eq!((outcome, progress.rejected), (RunOutcome::Succeeded, 12_001));
    let seen = hub.seen();
    assert_eq!(seen.rejects(command.run_id).len(), 10_000);
    assert!(seen.log(command.run_id).iter().any(|line| line.starts_with("12001 items were rejected")));
}
