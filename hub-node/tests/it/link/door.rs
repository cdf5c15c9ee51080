//! Who is let in, who is not, and what both sides are told.

use std::time::{Duration, Instant};

use hub_node::cluster::link::{LinkState, LinkTls, LinkTlsError, Probe, probe};
use messages::ids::BootId;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::certs::{Authority, HUB_NAME};
use super::node::{Certs, Node, Other, QUICK, until};
use super::raw::{Hello, connect, until_closed};

const LONG: Duration = Duration::from_secs(20);

/// The smaller node is here and dials; what does it say of its trouble?
async fn problem_of(mine: &Certs, theirs: &Certs, cluster: &str, part: &str) -> (String, String) {
    let boot = BootId::new();
    let node = Node::start(mine.path(), boot, QUICK).await;
    let mut other = Other::start_at(theirs.path(), BootId::new(), QUICK, "127.0.0.1:0", cluster);
    other.keep(&[node.peer()]);
    node.links.keep(vec![other.peer()]);
    let named = || node.view(other.boot)?.problem.filter(|problem| problem.contains(part));
    let problem = until("the problem to be named", named).await;
    assert!(!node.links.is_up(other.boot));
    assert_ne!(node.view(other.boot).unwrap().state, LinkState::Up);
    // Tried on and on, said once.
    tokio::time::sleep(QUICK.longest_wait * 2).await; // slow: time for several attempts
    let log = other.log();
    assert_eq!(log.matches("a connection for hub links has failed").count(), 1, "{log}");
    node.stop().await;
    (problem, log)
}

#[tokio::test(flavor = "multi_thread")]
async fn process_nodes_of_different_authorities_say_what_is_wrong() {
    let (ours, foreign) = (Authority::new("ours").unwrap(), Authority::new("foreign").unwrap());
    let (mine, theirs) = (Certs::of(&ours, &[&ours]), Certs::of(&foreign, &[&foreign]));
    let (problem, log) = problem_of(&mine, &theirs, "test", "another authority than ours").await;
    assert!(problem.starts_with("no TLS"), "{problem}");
    assert!(log.contains("does not accept our certificate"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn process_a_node_whose_own_certificate_is_refused_says_so() {
    let (ours, foreign) = (Authority::new("ours").unwrap(), Authority::new("foreign").unwrap());
    // We accept theirs; they do not accept ours. It shows only after the handshake.
    let (mine, theirs) = (Certs::of(&ours, &[&ours, &foreign]), Certs::of(&foreign, &[&foreign]));
    let (_, log) = problem_of(&mine, &theirs, "test", "it does not accept our certificate").await;
    assert!(log.contains("another authority than ours"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn process_nodes_of_different_clusters_refuse_each_other() {
    let certs = Certs::new();
    let (_, log) = problem_of(&certs, &certs, "another", "different clusters").await;
    assert!(log.contains("different clusters"), "{log}");
}

#[test]
fn certificates_that_other_nodes_would_refuse_are_refused_at_the_start() {
    let (ours, foreign) = (Authority::new("ours").unwrap(), Authority::new("foreign").unwrap());
    let load = |issued: super::certs::Issued, key: &str, root: &Authority| {
        let key = if key.is_empty() { issued.key.as_str() } else { key };
        LinkTls::from_pem(issued.certificate.as_bytes(), key.as_bytes(), root.certificate.as_bytes())
    };
    let hub = || ours.issue(HUB_NAME, 30).unwrap();
    assert!(load(hub(), "", &ours).is_ok());
    let cases = [
        ("another authority", load(hub(), "", &foreign)),
        ("expired", load(ours.issue(HUB_NAME, 0).unwrap(), "", &ours)),
        (
            "not made out to hub.grocerysync.internal",
            load(ours.issue("shop.example", 30).unwrap(), "", &ours),
        ),
        ("do not go together", load(hub(), &hub().key, &ours)),
    ];
    for (part, outcome) in cases {
        let error = outcome.unwrap_err().to_string();
        assert!(error.contains(part), "{part}: {error}");
    }
    let nothing = LinkTls::from_pem(b"", hub().key.as_bytes(), ours.certificate.as_bytes());
    assert!(matches!(nothing, Err(LinkTlsError::NoCertificate("certificate"))), "{nothing:?}");
}

#[test]
fn the_end_of_a_certificate_is_told_some_days_before() {
    let authority = Authority::new("ours").unwrap();
    for (days, told) in [(1, true), (10, true), (60, false)] {
        let issued = authority.issue(HUB_NAME, days.into()).unwrap();
        let root = authority.certificate.as_bytes();
        let tls = LinkTls::from_pem(issued.certificate.as_bytes(), issued.key.as_bytes(), root).unwrap();
        // The last of them may be over by now.
        let left = tls.days_left();
        assert_eq!(left.is_some_and(|left| left == days - 1 || left == days), told, "{days}: {left:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn process_who_does_not_speak_tls_is_closed() {
    let certs = Certs::new();
    let node = Node::start(certs.path(), BootId::new(), QUICK).await;
    let mut plain = TcpStream::connect(node.address()).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nhost: hub\r\n\r\n").await.unwrap();
    let began = Instant::now();
    until_closed(&mut plain).await;
    assert!(began.elapsed() < QUICK.handshake, "it was closed because it is wrong, not because it is slow");
    assert_eq!(node.links.views().len(), 0);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn process_silent_connections_keep_nobody_out_and_are_closed() {
    let certs = Certs::new();
    // Theirs are many more than are held.
    let node = Node::start(certs.path(), BootId::new(), QUICK).await;
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(TcpStream::connect(node.address()).await.unwrap());
    }
    let mut other = Other::start(certs.path(), BootId::new(), QUICK);
    other.keep(&[node.peer()]);
    node.links.keep(vec![other.peer()]);
    node.until_up(other.boot).await;
    for mut connection in silent {
        until_closed(&mut connection).await;
    }
    assert!(node.links.is_up(other.boot));
}

#[tokio::test(flavor = "multi_thread")]
async fn process_a_wrong_greeting_is_answered_with_the_reason() {
    let authority = Authority::new("ours").unwrap();
    let certs = Certs::of(&authority, &[&authority]);
    let (me, guest) = (BootId::new(), BootId::new());
    // The guest's boot id must be the smaller, as it dials.
    let (guest, me) = (me, guest);
    let node = Node::start(certs.path(), me, QUICK).await;
    let hub = authority.issue(HUB_NAME, 30).unwrap();
    let shop = authority.issue("shop.example", 30).unwrap();
    let right = || Hello::right(guest, me);
    let cases = [
        ("certificate", &shop, right()),
        ("other_cluster", &hub, Hello { cluster: "00".into(), ..right() }),
        ("other_process", &hub, Hello { to: BootId::new(), ..right() }),
        ("other_process", &hub, Hello { from: me, ..right() }),
        ("version", &hub, Hello { protocol: 9, oldest: 8, ..right() }),
        ("version", &hub, Hello { protocol: 0, oldest: 0, ..right() }),
    ];
    for (code, shown, hello) in cases {
        let mut stream = connect(&authority, shown, &node.address()).await;
        let welcome = hello.say(&mut stream).await;
        assert_eq!(welcome.refused.map(|refused| refused.code).as_deref(), Some(code));
        assert_eq!(welcome.boot, me);
        until_closed(&mut stream).await;
    }
    // A later version that still speaks ours is welcome.
    let mut stream = connect(&authority, &hub, &node.address()).await;
    let welcome = Hello { protocol: 9, ..right() }.say(&mut stream).await;
    assert!(welcome.refused.is_none());
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn process_whoever_greets_and_then_says_nothing_or_nonsense_is_cut() {
    let authority = Authority::new("ours").unwrap();
    let certs = Certs::of(&authority, &[&authority]);
    let (mute, babbler, me) = (BootId::new(), BootId::new(), BootId::new());
    let node = Node::start(certs.path(), me, QUICK).await;
    let mut other = Other::start(certs.path(), BootId::new(), QUICK);
    other.keep(&[node.peer()]);
    node.links.keep(vec![other.peer()]);
    node.until_up(other.boot).await;

    let hub = authority.issue(HUB_NAME, 30).unwrap();
    let began = Instant::now();
    let mut quiet = connect(&authority, &hub, &node.address()).await;
    assert!(Hello::right(mute, me).say(&mut quiet).await.refused.is_none());
    let mut loud = connect(&authority, &hub, &node.address()).await;
    assert!(Hello::right(babbler, me).say(&mut loud).await.refused.is_none());
    // A frame length that no frame has.
    loud.write_all(&[0xff; 64]).await.unwrap();
    until_closed(&mut loud).await;
    assert!(began.elapsed() < QUICK.settle, "nonsense was closed as such");
    until_closed(&mut quiet).await;
    assert!(began.elapsed() >= QUICK.settle, "the silent one had its time");
    until("the book to forget both", || (node.links.views().len() == 1).then_some(())).await;
    assert_eq!(node.ask(other.boot, "echo unharmed", LONG).await.unwrap(), "unharmed");
}

#[tokio::test(flavor = "multi_thread")]
async fn process_renewed_certificates_are_taken_without_losing_a_link() {
    let (old, new) = (Authority::new("old").unwrap(), Authority::new("new").unwrap());
    let both = [&old, &new];
    let (before, after) = (Certs::of(&old, &both), Certs::of(&new, &both));
    let (first, second) = (BootId::new(), BootId::new());
    let node = Node::start(before.path(), first, QUICK).await;
    let mut other = Other::start(before.path(), second, QUICK);
    other.keep(&[node.peer()]);
    node.links.keep(vec![other.peer()]);
    node.until_up(second).await;
    // As something that renews certificates does it: one file after the other, so that they do not fit for a moment.
    std::fs::copy(after.path().join("hub.key"), before.path().join("hub.key")).unwrap();
    let problem = async || {
        let actors = node.register.list().await.actors;
        let links = actors.into_iter().find(|actor| actor.path == "hub/links").unwrap();
        links.snapshot["certificate_problem"].clone()
    };
    let deadline = Instant::now() + LONG;
    while problem().await.is_null() {
        assert!(Instant::now() < deadline, "nobody complains about the key");
    }
    std::fs::copy(after.path().join("hub.pem"), before.path().join("hub.pem")).unwrap();
    while !problem().await.is_null() {
        assert!(Instant::now() < deadline, "the renewed certificates were not taken");
    }
    assert_eq!(node.ask(second, "echo still", LONG).await.unwrap(), "still");
    // Of the new authority's alone: it would refuse our former certificate.
    let only_new = Certs::of(&new, &[&new]);
    let mut later = Other::start(only_new.path(), BootId::new(), QUICK);
    later.keep(&[node.peer()]);
    node.links.keep(vec![other.peer(), later.peer()]);
    node.until_up(later.boot).await;
    assert!(node.links.is_up(second));
}

#[tokio::test]
async fn a_probe_tells_a_dead_process_from_silence() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    assert_eq!(probe(&address, LONG).await, Probe::Answers);
    drop(listener);
    assert_eq!(probe(&address, LONG).await, Probe::Refused);
    assert_eq!(probe("no-such-host.invalid:1", LONG).await, Probe::Silent);
    assert_eq!(probe("no port", LONG).await, Probe::Silent);
    // One whose queue is full drops what comes, as a network does that is cut.
    let full = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    full.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    full.listen(0).unwrap();
    let address = full.local_addr().unwrap().as_socket().unwrap().to_string();
    let first = TcpStream::connect(&address).await.unwrap();
    assert_eq!(probe(&address, Duration::from_millis(300)).await, Probe::Silent);
    drop(first);
}
