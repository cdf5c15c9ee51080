//! Plugins in a whole agent: told in its hello, told again when others come, worked with in a run.

use std::fs;
use std::time::Duration;

use agent_node::config::Config;
use messages::connector::{DestinationConfig, SingerDestination, SingerSource, SourceConfig};
use messages::plugin::PluginKind;
use messages::run::RunOutcome;

use super::{Stage, gone};
use crate::hub::Hub;
use crate::support::{Running, Shop, end};

const TAP: &str = r#"#!/bin/sh
echo '{"type":"SCHEMA","stream":"a","schema":{"properties":{"sku":{},"name":{},"price":{}}}}'
echo '{"type":"RECORD","stream":"a","record":{"sku":"1","name":"Milk","price":1.10}}'
echo '{"type":"RECORD","stream":"a","record":{"sku":"2","name":"Bread","price":"cheap"}}'
"#;

const TARGET: &str = "#!/bin/sh\ncat > got\necho '{\"grocerysync_items\": 1}'\n";

fn config(shop: &Shop, stage: &Stage) -> Config {
    Config {
        plugins: Some(stage.path("plugins")),
        plugins_every: Duration::from_millis(200),
        ..shop.config()
    }
}

#[tokio::test]
async fn the_hub_is_told_of_plugins_and_runs_go_through_them() {
    let (shop, hub, stage) = (Shop::new(), Hub::start().await, Stage::new());
    shop.enrolled(&hub);
    let left = shop.data_dir().join("stage/plugin-left-by-one-that-was-killed");
    fs::create_dir_all(&left).unwrap();
    stage.tap("tap-a", TAP, "discover = false\nversion = \"2.1\"");
    let agent = Running::start(config(&shop, &stage));
    hub.until("hello", |seen| !seen.hellos.is_empty()).await;
    assert!(!left.exists());
    let told = hub.seen().hellos[0].machine.plugins.clone();
    assert_eq!((told.len(), told[0].name.as_str(), told[0].version.as_str()), (1, "tap-a", "2.1"));
    let folder = stage.script("target-b", "target", TARGET, "");
    hub.until("another hello", |seen| {
        let last = seen.hellos.last().map(|hello| &hello.machine.plugins);
        last.is_some_and(|plugins| plugins.iter().any(|plugin| plugin.kind == PluginKind::Target))
    })
    .await;
    let mut command = shop.command();
    let from = SingerSource { plugin: "tap-a".into(), ..SingerSource::default() };
    command.source = SourceConfig::Singer(Box::new(from));
    let to = SingerDestination { plugin: "target-b".into(), ..SingerDestination::default() };
    command.destination = DestinationConfig::Singer(to);
    hub.run(&command);
    let (progress, outcome) = end(&hub.end_of(command.run_id).await);
    let log = hub.seen().log(command.run_id).join("\n");
    assert_eq!(outcome, RunOutcome::Succeeded, "{log}");
    assert_eq!((progress.read, progress.sent, progress.rejected), (2, 1, 1), "{log}");
    let got = fs::read_to_string(folder.join("got")).unwrap();
    assert!(got.contains(r#""sku":"1","name":"Milk","barcode":null,"price":1.10"#), "{got}");
    agent.stop().await.unwrap();
    stage.is_clean().await;
}

#[tokio::test]
async fn a_plugin_ends_with_the_agent() {
    let (shop, hub, stage) = (Shop::new(), Hub::start().await, Stage::new());
    shop.enrolled(&hub);
    let script = "#!/bin/sh\nsleep 1000 &\necho $! > child\necho $$ > pid\nwait\n";
    let folder = stage.tap("tap-a", script, "discover = false");
    let agent = Running::start(config(&shop, &stage));
    hub.until("hello", |seen| !seen.hellos.is_empty()).await;
    let mut command = shop.command();
    let from = SingerSource { plugin: "tap-a".into(), ..SingerSource::default() };
    command.source = SourceConfig::Singer(Box::new(from));
    hub.run(&command);
    super::until("it works", || folder.join("pid").exists()).await;
    agent.stop().await.unwrap();
    gone(&folder.join("pid")).await;
    gone(&folder.join("child")).await;
}
