//! The accept loop: time limits, limits of connections, drain, TLS.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use http::Method;
use hub_node::http::{ServerSettings, TlsError, load_tls};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::rig::Rig;
use crate::support::eventually;

const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn half_sent_headers_are_cut_off() {
    let settings = ServerSettings { idle: Duration::from_millis(300), ..ServerSettings::default() };
    let rig = Rig::with(settings).await;
    let mut slow = TcpStream::connect(rig.address).await.unwrap();
    slow.write_all(b"GET /health/live HTTP/1.1\r\nhost: hub\r\nx-slow: ").await.unwrap();
    let began = Instant::now();
    let mut rest = Vec::new();
    timeout(PATIENCE, slow.read_to_end(&mut rest)).await.expect("the connection is closed").ok();
    assert!(began.elapsed() >= Duration::from_millis(250), "not before its time");
    assert!(!String::from_utf8_lossy(&rest).contains("200 OK"));
}

/// Whoever keeps connections for the next request lets go of them first: none is sent into one that is being closed.
#[tokio::test]
async fn an_idle_connection_is_kept_for_longer_than_clients_and_balancers_keep_theirs() {
    const LONGEST_KEPT: Duration = Duration::from_secs(90);
    let rig = Rig::start().await;
    let mut stream = TcpStream::connect(rig.address).await.unwrap();
    let mut answer = vec![0; 4_096];
    for idle in [LONGEST_KEPT, Duration::ZERO] {
        stream.write_all(b"GET /health/live HTTP/1.1\r\nhost: hub\r\n\r\n").await.unwrap();
        let read = timeout(PATIENCE, stream.read(&mut answer)).await.unwrap().unwrap();
        assert!(answer[..read].starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer[..read]));
        tokio::time::pause();
        tokio::time::advance(idle).await;
        tokio::time::resume();
    }
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
async fn before_a_drain_each_answer_is_told_to_be_the_last_of_its_connection() {
    let rig = Rig::start().await;
    let ask = b"GET /health/live HTTP/1.1\r\nhost: hub\r\n\r\n";
    let mut stream = TcpStream::connect(rig.address).await.unwrap();
    let mut answer = vec![0; 4_096];
    stream.write_all(ask).await.unwrap();
    let read = timeout(PATIENCE, stream.read(&mut answer)).await.unwrap().unwrap();
    assert!(!String::from_utf8_lossy(&answer[..read]).contains("connection: close"));
    rig.draining.cancel();
    // Served all the same, on the connection that is there.
    stream.write_all(ask).await.unwrap();
    let mut rest = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("the connection is closed").unwrap();
    let rest = String::from_utf8_lossy(&rest);
    assert!(rest.starts_with("HTTP/1.1 200") && rest.contains("connection: close"), "{rest}");
    let h2 = reqwest::Client::builder().http2_prior_knowledge().timeout(PATIENCE).build().unwrap();
    let answer = h2.get(format!("{}/health/live", rig.base)).send().await.unwrap();
    assert_eq!(answer.status(), 200, "it has no such header");
}

#[tokio::test]
async fn a_drain_lets_requests_finish_and_takes_no_new_ones() {
    let mut rig = Rig::start().await;
    let slow = tokio::spawn(rig.request(Method::GET, "/ws/slow").send());
    // An idle connection that is kept alive must not hold up the drain.
    assert_eq!(rig.send(rig.request(Method::GET, "/health/live")).await.status, 200);
    tokio::time::sleep(Duration::from_millis(100)).await; // slow: the request has to be under way
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
    tokio::time::sleep(Duration::from_millis(100)).await; // slow: the request has to be under way
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

/// Made for these tests only; the authority's key is gone.
fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/http/fixtures").join(name)
}

#[tokio::test]
async fn over_tls_both_versions_are_negotiated_and_plain_requests_get_nothing() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let tls = load_tls(&fixture("hub.pem"), &fixture("hub.key")).unwrap();
    let rig = Rig::with(ServerSettings { tls: Some(tls), ..ServerSettings::default() }).await;
    let authority = reqwest::Certificate::from_pem(&std::fs::read(fixture("ca.pem")).unwrap()).unwrap();
    let builder = || reqwest::Client::builder().timeout(PATIENCE).tls_certs_only([authority.clone()]);
    let url = format!("https://{}/health/live", rig.address);
    for (client, version) in [
        (builder().build().unwrap(), http::Version::HTTP_2),
        (builder().http1_only().build().unwrap(), http::Version::HTTP_11),
    ] {
        let answer = client.get(&url).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.version()), (200, version));
    }
    assert!(
        rig.client.get(&url).send().await.is_err(),
        "the certificate is verified by clients that do not know it"
    );
    assert!(rig.request(Method::GET, "/health/live").send().await.is_err(), "no plain answer on a TLS port");
    // A handshake that does not go on must not hold up the others.
    let _silent = TcpStream::connect(rig.address).await.unwrap();
    assert_eq!(builder().build().unwrap().get(&url).send().await.unwrap().status(), 200);
}

#[test]
fn wrong_certificate_files_are_named() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let missing = load_tls(&fixture("nothing.pem"), &fixture("hub.key")).unwrap_err();
    assert!(missing.to_string().contains("nothing.pem"), "{missing}");
    assert!(matches!(load_tls(&fixture("hub.key"), &fixture("hub.key")), Err(TlsError::NoCertificate(_))));
    let foreign = load_tls(&fixture("ca.pem"), &fixture("hub.key"));
    assert!(matches!(foreign, Err(TlsError::Unusable(_))), "{foreign:?}");
}
