//! What lies between agent and hub: TLS, a proxy. The certificates in `fixtures/` are for these tests only.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use agent_node::config::Given;
use agent_node::enrol::{EnrolError, enrol};
use agent_node::net::{Dialer, HubAddress, Stage};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::hub::{Hub, TOKEN};
use crate::support::{Running, Shop, shown};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures").join(name)
}

/// TLS in front of the hub; its port.
async fn tls_before(hub: &Hub) -> u16 {
    let certificate = CertificateDer::from_pem_file(fixture("hub.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(fixture("hub.key")).unwrap();
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, behind) = (listener.local_addr().unwrap().port(), hub.address);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    let mut plain = TcpStream::connect(behind).await.unwrap();
                    let _cut = tokio::io::copy_bidirectional(&mut stream, &mut plain).await;
                }
            });
        }
    });
    port
}

#[tokio::test]
async fn a_hub_with_a_certificate_of_an_own_authority_needs_that_authority() {
    let (shop, hub) = (Shop::new(), Hub::start().await);
    let address = |host: &str, port| HubAddress::parse(&format!("https://{host}:{port}"), false).unwrap();
    let port = tls_before(&hub).await;
    let distrusting = Dialer::new(None, None).unwrap();
    let refused =
        enrol(&shop.data_dir(), &address("localhost", port), TOKEN.into(), &distrusting, false).await;
    assert!(matches!(&refused, Err(EnrolError::Net(error)) if error.stage == Stage::Tls), "{refused:?}");
    let trusting = Dialer::new(Some(&fixture("ca.pem")), None).unwrap();
    enrol(&shop.data_dir(), &address("localhost", port), TOKEN.into(), &trusting, false).await.unwrap();
    let given = Given { ca_file: Some(fixture("ca.pem")), grace_s: Some(0), ..Given::default() };
    let agent = Running::start(given.resolve(shop.data_dir()).unwrap());
    hub.until("hello over TLS", |seen| !seen.hellos.is_empty()).await;
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let (shop, hub) = (Shop::new(), Hub::start().await);
    let port = tls_before(&hub).await;
    let trusting = Dialer::new(Some(&fixture("ca.pem")), None).unwrap();
    let elsewhere = HubAddress::parse(&format!("https://127.0.0.2:{port}"), false).unwrap();
    // 127.0.0.2 is not bound by the listener on every system; both ways nothing may be sent.
    let refused = enrol(&shop.data_dir(), &elsewhere, TOKEN.into(), &trusting, false).await;
    assert!(matches!(refused, Err(EnrolError::Net(_))), "{refused:?}");
    assert!(!hub.seen().token_used);
}

#[tokio::test]
async fn a_ca_file_without_certificates_is_told() {
    let _shop = Shop::new();
    for (name, part) in [("hub.key", "holds no certificate"), ("missing.pem", "could not be read")] {
        let error = Dialer::new(Some(&fixture(name)), None).err().unwrap().to_string();
        assert!(error.contains(part) && error.contains(&shown(&fixture(name))), "{error}");
    }
}

/// A proxy that wants a login and opens tunnels; its port, and how many it opened.
async fn proxy() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let opened = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&opened);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let count = Arc::clone(&count);
            tokio::spawn(async move {
                let mut client = BufReader::new(stream);
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") {
                    client.read_line(&mut head).await.unwrap();
                }
                let target = head.strip_prefix("CONNECT ").unwrap().split(' ').next().unwrap().to_owned();
                if !head.to_lowercase().contains("proxy-authorization: basic c2hvcdp0awxs") {
                    client.write_all(b"HTTP/1.1 407 Who are you\r\ncontent-length: 0\r\n\r\n").await.unwrap();
                    return;
                }
                let mut server = TcpStream::connect(target).await.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                client.write_all(b"HTTP/1.1 200 Go on\r\n\r\n").await.unwrap();
                let _cut = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    (port, opened)
}

#[tokio::test]
async fn the_way_leads_through_the_proxy() {
    let (shop, hub) = (Shop::new(), Hub::start().await);
    let port = tls_before(&hub).await;
    let (proxy_port, opened) = proxy().await;
    shop.enrolled(&hub);
    let with = |login: &str| Given {
        hub: vec![format!("https://localhost:{port}")],
        proxy: Some(format!("http://{login}@127.0.0.1:{proxy_port}")),
        ca_file: Some(fixture("ca.pem")),
        grace_s: Some(0),
        ..Given::default()
    };
    let agent = Running::start(with("shop:till").resolve(shop.data_dir()).unwrap());
    hub.until("hello through the proxy", |seen| !seen.hellos.is_empty()).await;
    agent.stop().await.unwrap();
    assert_eq!(opened.load(Ordering::SeqCst), 1);

    let refused = with("shop:wrong").resolve(shop.data_dir()).unwrap();
    let mut out = Vec::new();
    assert!(!agent_node::check::check(&refused, None, &mut out).await.unwrap());
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains("407") && text.contains("check the proxy setting"), "{text}");
}

#[tokio::test]
async fn over_https_too_the_way_leads_through_the_proxy_with_the_own_authority() {
    let (shop, hub) = (Shop::new(), Hub::start().await);
    shop.write_items(2_000);
    let port = tls_before(&hub).await;
    let (proxy_port, opened) = proxy().await;
    shop.enrolled(&hub);
    hub.seen().blocked = Some(http::StatusCode::FORBIDDEN);
    let given = Given {
        hub: vec![format!("https://localhost:{port}")],
        proxy: Some(format!("http://shop:till@127.0.0.1:{proxy_port}")),
        ca_file: Some(fixture("ca.pem")),
        grace_s: Some(0),
        ..Given::default()
    };
    let agent = Running::start(given.clone().resolve(shop.data_dir()).unwrap());
    hub.until("hello", |seen| !seen.hellos.is_empty()).await;
    let command = shop.command();
    hub.run(&command);
    assert_eq!(crate::support::end(&hub.end_of(command.run_id).await).0.sent, 2_000);
    agent.stop().await.unwrap();
    {
        let seen = hub.seen();
        assert_eq!((seen.violations.as_slice(), seen.sessions), (&[][..], 1));
        assert_eq!(seen.closes, [204], "closed with a word");
        let transport = seen.hellos[0].machine.transport.clone().unwrap();
        assert_eq!(transport.kind, messages::http::agents::TransportKind::Https);
        assert!(transport.reason.unwrap().contains("403"));
    }
    // The upgrade, the polls, the posts: each its connection, and each through the proxy.
    assert_eq!(opened.load(Ordering::SeqCst), 3);
    let config = given.resolve(shop.data_dir()).unwrap();
    let job = shop.folder.path().join("job.json");
    let settings = |path: &str| {
        let source = serde_json::json!({"kind": "csv", "path": path});
        std::fs::write(&job, serde_json::json!({"name": "Items", "source": source}).to_string()).unwrap();
    };
    settings(shop.source().to_str().unwrap());
    let mut out = Vec::new();
    assert!(agent_node::check::check(&config, Some(&job), &mut out).await.unwrap());
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains("over HTTPS") && text.contains("status 403"), "{text}");
    assert!(text.contains("ok    source: ") && text.contains("4 columns: sku, name, price, stock"), "{text}");
    settings("/nowhere/items.csv");
    let mut out = Vec::new();
    assert!(!agent_node::check::check(&config, Some(&job), &mut out).await.unwrap());
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains("FAIL  source: there is no file /nowhere/items.csv"), "{text}");
}
