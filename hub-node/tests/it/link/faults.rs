//! The other node dies, hangs, comes back, or floods.

use std::time::{Duration, Instant};

use bytes::Bytes;
use hub_node::cluster::link::{AskError, LinkTerms, Lost};
use rustix::process::Signal;

use super::node::{Certs, Event, Node, Other, QUICK, pair, rss_kib, until};

const LONG: Duration = Duration::from_secs(30);

/// When the link to the other node was told to be down.
fn down_at(node: &Node, why: Lost) -> Option<Instant> {
    let events = node.echo.events.lock().unwrap();
    events
        .iter()
        .find(|(_, event)| matches!(event, Event::Down(_, found) if *found == why))
        .map(|(at, _)| *at)
}

/// A question that is under way when something happens.
async fn hanging(node: &Node, other: &Other) -> tokio::task::JoinHandle<(Result<Bytes, AskError>, Instant)> {
    let (links, to) = (node.links.clone(), other.boot);
    let question =
        tokio::spawn(async move { (links.ask(to, "hang".into(), LONG, None).await, Instant::now()) });
    until("the question to be under way", || (node.view(other.boot)?.in_flight == 1).then_some(())).await;
    question
}

#[tokio::test(flavor = "multi_thread")]
async fn process_a_killed_node_is_down_at_once_and_what_was_asked_is_unknown() {
    for dials in [true, false] {
        let certs = Certs::new();
        let (node, mut other) = pair(&certs, LinkTerms::default(), dials).await;
        let question = hanging(&node, &other).await;
        let killed = Instant::now();
        other.kill();
        let (outcome, at) = question.await.unwrap();
        assert_eq!(outcome, Err(AskError::Unknown));
        let down = until("the link to be told down", || down_at(&node, Lost::Closed)).await;
        // Milliseconds on a quiet machine; the limit only tells it from a missed heartbeat.
        assert!(down - killed < Duration::from_millis(900), "noticed after {:?}", down - killed);
        assert!(at - killed < Duration::from_millis(900), "answered after {:?}", at - killed);
        eprintln!("killed: link down after {:?}, question over after {:?}", down - killed, at - killed);
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn process_a_hung_node_is_down_after_three_heartbeats_and_up_again_when_it_goes_on() {
    for dials in [true, false] {
        let certs = Certs::new();
        let (node, other) = pair(&certs, LinkTerms::default(), dials).await;
        let question = hanging(&node, &other).await;
        let stopped = Instant::now();
        other.signal(Signal::STOP);
        let (outcome, _) = question.await.unwrap();
        assert_eq!(outcome, Err(AskError::Unknown));
        let down = until("the link to be told down", || down_at(&node, Lost::Silent)).await - stopped;
        eprintln!("hung: link down after {down:?}");
        assert!((2_000..=6_000).contains(&down.as_millis()), "noticed after {down:?}");
        assert_eq!(node.ask(other.boot, "echo", LONG).await, Err(AskError::NoLink));
        other.signal(Signal::CONT);
        let on = Instant::now();
        node.until_up(other.boot).await;
        eprintln!("hung: up again {:?} after it goes on", on.elapsed());
        assert_eq!(node.ask(other.boot, "echo back", LONG).await.unwrap(), "back");
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn process_a_hung_node_costs_little_memory_and_learns_what_it_missed() {
    let certs = Certs::new();
    // Long enough for the link to outlive the pause.
    let patient = LinkTerms { beat: Duration::from_secs(5), ..QUICK };
    let (node, other) = pair(&certs, patient, true).await;
    assert!(node.links.tell(other.boot, &"first".into()));
    assert_eq!(node.stats(other.boot).await["tells"], 1);
    let before = rss_kib("self");
    other.signal(Signal::STOP);
    let body = Bytes::from(vec![b'f'; 64 << 10]);
    let accepted = (0..10_000).filter(|_| node.links.tell(other.boot, &body)).count();
    assert!((40..=64).contains(&accepted), "{accepted} tells of 64 KiB were taken");
    let large = Bytes::from(vec![b'q'; 1 << 20]);
    let mut busy = 0;
    for _ in 0..100 {
        let question = node.links.ask(other.boot, large.clone(), Duration::from_millis(5), None);
        busy += usize::from(question.await == Err(AskError::Busy));
    }
    assert!(busy >= 84, "{busy} of 100 large questions were refused");
    let grown = rss_kib("self").saturating_sub(before);
    assert!(grown < 128 << 10, "memory has grown by {grown} KiB");
    other.signal(Signal::CONT);
    until("the backlog to be confirmed", || (node.view(other.boot)?.unconfirmed < 100_000).then_some(()))
        .await;
    assert!(node.links.tell(other.boot, &"last".into()));
    let stats = node.stats(other.boot).await;
    assert_eq!(stats["last_tell"], "last");
    assert_eq!(stats["tells"], accepted + 2);
    assert_eq!(stats["missed"], 10_000 - accepted);
    assert_eq!(node.events(), [Event::Up(other.boot)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn process_a_node_that_is_stopped_properly_is_closed_at_once() {
    let certs = Certs::new();
    let (node, other) = pair(&certs, LinkTerms::default(), true).await;
    let began = Instant::now();
    // Its standard input ends.
    let boot = other.boot;
    let waiting = tokio::task::spawn_blocking(move || drop(other));
    let down = until("the link to be told down", || down_at(&node, Lost::Closed)).await;
    assert!(down - began < Duration::from_secs(2));
    waiting.await.unwrap();
    assert!(!node.links.is_up(boot));
}
