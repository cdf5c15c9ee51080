//! What tills are told of the line to head office, and enrolment.

use std::time::Duration;

use edge_node::Edge;
use edge_node::config::Config;
use http::Method;
use messages::edge::status::{LinkState, OfflineCause};
use messages::{ErrorCode, Problem};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::hub::{CREDENTIAL, Hub};
use crate::support::{Shop, raw, sell, status, until, url};

async fn shows(edge: &Edge, state: LinkState, cause: Option<OfflineCause>) -> String {
    let url = url(edge);
    until(&format!("{state:?} {cause:?}"), || async {
        let shown = status(&url).await.connectivity;
        (shown.state == state && shown.cause == cause).then_some(shown.detail)
    })
    .await
}

#[tokio::test]
async fn the_line_goes_and_comes_back_and_tills_are_told_at_once() {
    let (hub, shop) = (Hub::start().await, Shop::new());
    shop.enrolled(&hub.url(), CREDENTIAL);
    let edge = shop.start().await;
    let mut stream = tokio::net::TcpStream::connect(edge.address).await.unwrap();
    stream.write_all(b"GET /v1/status/stream HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    shows(&edge, LinkState::Online, None).await;
    let port = hub.port;
    drop(hub);
    let detail = shows(&edge, LinkState::Offline, Some(OfflineCause::HubDown)).await;
    assert!(detail.contains(&port.to_string()), "{detail}");
    sell(&url(&edge), 5, 1).await;
    assert!(status(&url(&edge)).await.outbox.unsent > 0);

    let mut told = String::new();
    let mut buffer = [0; 4096];
    let listened = tokio::time::timeout(Duration::from_secs(20), async {
        while !told.contains(r#""state":"offline","cause":"hub_down""#) {
            let read = stream.read(&mut buffer).await.unwrap();
            assert!(read > 0, "the stream ended: {told}");
            told.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
    });
    assert!(listened.await.is_ok(), "{told}");
    assert!(told.contains("event:connectivity") && told.contains("online"), "{told}");
    edge.stop().await;
}

#[tokio::test]
async fn each_cause_has_its_name() {
    let shop = Shop::new();
    shop.enrolled("http://127.0.0.1:1", CREDENTIAL);
    let with_hub = |text: &str| Config {
        hub: Some(edge_node::line::Address::parse(text, true).unwrap()),
        ..shop.config()
    };
    let hub = Hub::start().await;
    let plain = format!("https://127.0.0.1:{}", hub.port);
    for (address, cause) in
        [("http://127.0.0.1:1", OfflineCause::HubDown), (plain.as_str(), OfflineCause::Tls)]
    {
        let edge = Edge::start(with_hub(address)).await.unwrap();
        shows(&edge, LinkState::Offline, Some(cause)).await;
        edge.stop().await;
    }
    // Without a way out no name is looked up, which is the cause on machines without a route.
    let edge = Edge::start(with_hub("https://no-such-hub.invalid")).await.unwrap();
    let url = url(&edge);
    let cause = until("a cause", || async { status(&url).await.connectivity.cause }).await;
    assert!(matches!(cause, OfflineCause::Dns | OfflineCause::NoLink), "{cause:?}");
    edge.stop().await;
}

#[tokio::test]
async fn a_hub_that_does_not_want_us_is_told_as_such() {
    let (hub, shop) = (Hub::start().await, Shop::new());
    shop.enrolled(&hub.url(), CREDENTIAL);
    hub.seen().refuse = Some(Problem::from(ErrorCode::EdgeRevoked));
    let edge = shop.start().await;
    shows(&edge, LinkState::Online, None).await;
    sell(&url(&edge), 3, 1).await;
    shows(&edge, LinkState::Offline, Some(OfflineCause::Refused)).await;
    sell(&url(&edge), 3, 2).await;
    edge.stop().await;
}

#[tokio::test]
async fn without_a_hub_the_store_works_for_itself() {
    let shop = Shop::new();
    let edge = shop.start().await;
    assert_eq!(status(&url(&edge)).await.connectivity.state, LinkState::Standalone);
    sell(&url(&edge), 3, 1).await;
    assert_eq!(raw(&url(&edge), Method::GET, "/health", &[], "").await.status, 200);
    edge.stop().await;
}

#[tokio::test]
async fn a_hub_without_an_identity_is_refused_with_what_to_do() {
    let shop = Shop::new();
    let hub = Some(edge_node::line::Address::parse("http://127.0.0.1:1", true).unwrap());
    let Err(error) = Edge::start(Config { hub, ..shop.config() }).await else { panic!("it started") };
    assert!(error.to_string().contains("edge-node enrol"), "{error}");
}
