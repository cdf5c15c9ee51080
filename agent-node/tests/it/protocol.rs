//! The connection: cut, resent, refused, renewed.

use messages::agent::ToAgent;
use messages::{ErrorCode, Problem};

use crate::hub::Hub;
use crate::support::{Running, Shop, end};

#[tokio::test]
async fn what_was_not_acknowledged_comes_again_without_gap_or_double() {
    let shop = Shop::new();
    shop.write_items(3_000);
    let hub = Hub::start().await;
    shop.enrolled(&hub);
    hub.seen().withhold = true;
    let agent = Running::start(shop.config());
    let commands: Vec<_> = (0..3).map(|_| shop.command()).collect();
    for command in &commands {
        hub.run(command);
    }
    hub.until("reports without acknowledgement", |seen| !seen.reports.is_empty()).await;
    for round in 1..=3 {
        hub.cut();
        hub.until("another hello", |seen| seen.hellos.len() > round).await;
    }
    hub.seen().withhold = false;
    hub.cut();
    for command in &commands {
        let (progress, _) = end(&hub.end_of(command.run_id).await);
        assert_eq!(progress.sent, 3_000);
    }
    agent.stop().await.unwrap();
    let seen = hub.seen();
    assert_eq!(seen.violations, [""; 0]);
    assert!(seen.repeated > 0, "the test must see repetitions to mean anything");
    assert!(commands.iter().all(|command| seen.ends(command.run_id) == 1));
}

#[tokio::test]
async fn reports_of_a_time_without_hub_are_sent_when_it_is_back() {
    let shop = Shop::new();
    shop.write_items(500);
    let hub = Hub::start().await;
    shop.enrolled(&hub);
    let agent = Running::start(shop.config());
    hub.until("hello", |seen| !seen.hellos.is_empty()).await;
    let command = shop.command();
    hub.seen().withhold = true;
    hub.run(&command);
    hub.until("accepted", |seen| !seen.accepted.is_empty()).await;
    hub.seen().refuse = Some(Problem::from(ErrorCode::ShuttingDown));
    hub.cut();
    hub.until("a refused connection", |seen| seen.connections >= 3).await;
    agent.stop().await.unwrap();
    // The run went on without a hub, and its report survives a restart.
    {
        let mut seen = hub.seen();
        (seen.refuse, seen.withhold) = (None, false);
    }
    let agent = Running::start(shop.config());
    assert_eq!(end(&hub.end_of(command.run_id).await).0.sent, 500);
    agent.stop().await.unwrap();
    assert_eq!(hub.seen().violations, [""; 0]);
}

#[tokio::test]
async fn a_refused_credential_is_not_hammered() {
    let shop = Shop::new();
    let hub = Hub::start().await;
    shop.enrolled(&hub);
    hub.seen().refuse = Some(Problem::from(ErrorCode::AgentRevoked));
    let agent = Running::start(shop.config());
    hub.until("the refusal", |seen| seen.connections == 1).await;
    let second = tokio::time::timeout(std::time::Duration::from_secs(3), hub_connections(&hub, 2)).await;
    assert!(second.is_err(), "the agent came again at once");
    agent.stop().await.unwrap();
}

async fn hub_connections(hub: &Hub, count: usize) {
    hub.until("connections", |seen| seen.connections >= count).await;
}

#[tokio::test]
async fn a_new_credential_is_saved_before_it_is_confirmed_and_used_from_then_on() {
    let shop = Shop::new();
    let hub = Hub::start().await;
    shop.enrolled(&hub);
    let agent = Running::start(shop.config());
    hub.until("hello", |seen| !seen.hellos.is_empty()).await;
    hub.seen().credentials.push("gsa_second".into());
    hub.send(ToAgent::Credential { credential: "gsa_second".into() });
    hub.until("saved", |seen| seen.credential_saved == 1).await;
    hub.seen().credentials.remove(0);
    hub.cut();
    hub.until("hello with the new one", |seen| seen.hellos.len() == 2).await;
    agent.stop().await.unwrap();
    let saved = std::fs::read_to_string(shop.data_dir().join("identity.json")).unwrap();
    assert!(saved.contains("gsa_second"));
}

#[tokio::test]
async fn heartbeats_come_at_the_pace_of_the_hub() {
    let shop = Shop::new();
    let hub = Hub::start().await;
    shop.enrolled(&hub);
    hub.seen().heartbeat_s = 1;
    let agent = Running::start(shop.config());
    hub.until("three heartbeats", |seen| seen.heartbeats >= 3).await;
    agent.stop().await.unwrap();
    hub.until("the goodbye", |seen| !seen.closes.is_empty()).await;
    let seen = hub.seen();
    assert_eq!(seen.violations, [""; 0]);
    assert_eq!(
        (seen.connections, seen.closes.as_slice()),
        (1, &[1001][..]),
        "one socket, closed with a word"
    );
}

#[tokio::test]
async fn a_bye_is_obeyed() {
    let shop = Shop::new();
    let hub = Hub::start().await;
    shop.enrolled(&hub);
    let agent = Running::start(shop.config());
    hub.until("hello", |seen| !seen.hellos.is_empty()).await;
    let asked = std::time::Instant::now();
    hub.send(ToAgent::Bye {
        code: ErrorCode::ShuttingDown,
        detail: "update".into(),
        retry_after_ms: Some(1_200),
    });
    hub.until("hello again", |seen| seen.hellos.len() == 2).await;
    assert!(asked.elapsed() >= std::time::Duration::from_millis(1_100), "{:?}", asked.elapsed());
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn the_second_hub_is_tried_when_the_first_is_down() {
    let shop = Shop::new();
    let hub = Hub::start().await;
    shop.enrolled(&hub);
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let given = agent_node::config::Given {
        hub: vec![format!("http://{closed}"), hub.url()],
        grace_s: Some(0),
        ..Default::default()
    };
    let agent = Running::start(given.resolve(shop.data_dir()).unwrap());
    hub.until("hello", |seen| !seen.hellos.is_empty()).await;
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn two_agents_on_one_folder_are_refused() {
    let shop = Shop::new();
    let hub = Hub::start().await;
    shop.enrolled(&hub);
    let first = Running::start(shop.config());
    hub.until("hello", |seen| !seen.hellos.is_empty()).await;
    let second = Running::start(shop.config()).ended().await;
    assert!(matches!(second, Err(agent_node::AgentError::Taken(_))), "{second:?}");
    first.stop().await.unwrap();
}

#[tokio::test]
async fn over_https_what_a_hub_refuses_is_obeyed_and_a_new_credential_is_used() {
    let shop = Shop::new();
    let hub = Hub::start().await;
    shop.enrolled(&hub);
    hub.seen().blocked = Some(http::StatusCode::NOT_IMPLEMENTED);
    let agent = Running::start(shop.config());
    hub.until("hello", |seen| !seen.hellos.is_empty()).await;
    hub.seen().credentials.push("gsa_second".into());
    hub.send(ToAgent::Credential { credential: "gsa_second".into() });
    hub.until("saved", |seen| seen.credential_saved == 1).await;
    hub.send(ToAgent::Bye { code: ErrorCode::Busy, detail: "later".into(), retry_after_ms: Some(1) });
    hub.seen().credentials.remove(0);
    hub.until("a session with the new one", |seen| seen.hellos.len() == 2).await;
    agent.stop().await.unwrap();
    let seen = hub.seen();
    assert_eq!((seen.violations.as_slice(), seen.sessions, seen.connections), (&[][..], 2, 0));
}

#[tokio::test]
async fn a_run_for_a_connector_that_is_not_there_is_refused_and_the_connection_stays() {
    let shop = Shop::new();
    shop.write_items(10);
    let hub = Hub::start().await;
    shop.enrolled(&hub);
    let agent = Running::start(shop.config());
    hub.until("hello", |seen| !seen.hellos.is_empty()).await;
    let command = shop.command();
    let frame = messages::agent::Frame::new(ToAgent::Run(Box::new(command.clone())));
    let text = serde_json::to_string(&frame).unwrap().replace("\"kind\":\"csv\"", "\"kind\":\"tape\"");
    hub.send_text(text);
    hub.until("the refusal", |seen| seen.refused == [(command.command_id, ErrorCode::Unsupported)]).await;
    let next = shop.command();
    hub.run(&next);
    assert_eq!(end(&hub.end_of(next.run_id).await).0.sent, 10);
    agent.stop().await.unwrap();
    assert_eq!(hub.seen().connections, 1);
}
