//! The accept loop: time limits, limits of connections, drain, TLS.

use std::time::{Duration, Instant};

use http::Method;
use hub_node::http::ServerSettings;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::rig::Rig;
use crate::support::eventually;

const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn half_sent_headers_are_cut_off() {
    let settings = ServerSettings { header_timeout: Duration::from_millis(300), ..ServerSettings::default() };
    let rig = Rig::with(settings).await;
    let mut slow = TcpStream::connect(rig.address).await.unwrap();
    slow.write_all(b"GET /health/live HTTP/1.1\r\nhost: hub\r\nx-slow: ").await.unwrap();
    let began = Instant::now();
    let mut rest = Vec::new();
    timeout(PATIENCE, slow.read_to_end(&mut rest)).await.expect("the connection is closed").ok();
    assert!(began.elapsed() >= Duration::from_millis(250), "not before its time");
    assert!(!String::from_utf8_lossy(&rest).contains("200 OK"));
}

#[tokio::test]
async fn past_the_limit_connections_are_closed_and_a_free_place_is_used_again() {
    let settings = ServerSettings { max_connections: 2, ..ServerSettings::default() };
    let rig = Rig::with(settings).await;
    let held =
        [TcpStream::connect(rig.address).await.unwrap(), TcpStream::connect(rig.address).await.unwrap()];
    let live = || async {
        let mut stream = TcpStream::connect(rig.address).await.ok()?;
        stream
            .write_all(b"GET /health/live HTTP/1.1\r\nhost: hub\r\nconnection: close\r\n\r\n")
            .await
            .ok()?;
        let mut text = Vec::new();
        timeout(PATIENCE, stream.read_to_end(&mut text)).await.ok()?.ok()?;
        String::from_utf8_lossy(&text).starts_with("HTTP/1.1 200").then_some(())
    };
    eventually("the limit to be reached", PATIENCE, || async { live().await.is_none().then_some(()) }).await;
    drop(held);
    eventually("a place to be free", PATIENCE, live).await;
}

#[tokio::test]
async fn a_drain_lets_requests_finish_and_takes_no_new_ones() {
    let mut rig = Rig::start().await;
    let slow = tokio::spawn(rig.request(Method::GET, "/ws/slow").send());
    // An idle connection that is kept alive must not hold up the drain.
    assert_eq!(rig.send(rig.request(Method::GET, "/health/live")).await.status, 200);
    tokio::time::sleep(Duration::from_millis(100)).await;
    rig.stop.cancel();
    let answer = slow.await.unwrap().unwrap();
    assert_eq!(answer.text().await.unwrap(), "slow but whole");
    let drained = timeout(PATIENCE, rig.serving.take().unwrap()).await.unwrap().unwrap();
    assert!(drained.finished);
    assert!(TcpStream::connect(rig.address).await.is_err(), "the port is closed");
}

#[tokio::test]
async fn a_drain_ends_in_time_whatever_clients_do() {
    let settings = ServerSettings { drain: Duration::from_millis(200), ..ServerSettings::default() };
    let mut rig = Rig::with(settings).await;
    let slow = tokio::spawn(rig.request(Method::GET, "/ws/slow").send());
    tokio::time::sleep(Duration::from_millis(100)).await;
    rig.stop.cancel();
    let began = Instant::now();
    let drained = timeout(PATIENCE, rig.serving.take().unwrap()).await.unwrap().unwrap();
    assert!(
        !drained.finished && began.elapsed() < Duration::from_millis(600),
        "{drained:?} {:?}",
        began.elapsed()
    );
    assert!(slow.await.unwrap().is_err(), "the slow request was cut");
}

#[tokio::test]
async fn both_http_versions_are_served() {
    let rig = Rig::start().await;
    let h2 = reqwest::Client::builder().http2_prior_knowledge().timeout(PATIENCE).build().unwrap();
    for (client, version) in [(&rig.client, http::Version::HTTP_11), (&h2, http::Version::HTTP_2)] {
        for method in [Method::GET, Method::HEAD] {
            let request = client.request(method.clone(), format!("{}/health/ready", rig.base));
            let answer = request.send().await.unwrap();
            assert_eq!((answer.status().as_u16(), answer.version()), (200, version), "{method}");
            assert_eq!(answer.text().await.unwrap().is_empty(), method == Method::HEAD);
        }
    }
}
