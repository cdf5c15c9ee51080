//! Questions and tells between two healthy nodes: outcomes, limits, order.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::join_all;
use hub_node::cluster::link::{AskError, LinkTerms, Refusal, Trace};
use serde_json::json;

use super::node::{Certs, Event, QUICK, pair, rss_kib, until};

const LONG: Duration = Duration::from_secs(30);
const MIB: usize = 1 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn process_a_question_carries_who_asks_the_time_left_and_the_trace() {
    let certs = Certs::new();
    let (node, other) = pair(&certs, QUICK, true).await;
    let trace = Some(Trace { id: 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c, span: 0xb7ad_6b71_6920_3331 });
    let within = Duration::from_secs(5);
    let answer = node.links.ask(other.boot, "stats".into(), within, trace).await.unwrap();
    let stats: serde_json::Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(stats["from"], json!(node.boot));
    assert_eq!(stats["trace"], "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331");
    assert!((4_000..=5_000).contains(&stats["left_ms"].as_u64().unwrap()), "{stats}");
}

#[tokio::test(flavor = "multi_thread")]
async fn process_a_deadline_ends_the_wait_and_the_work() {
    let certs = Certs::new();
    let (node, other) = pair(&certs, QUICK, true).await;
    let began = Instant::now();
    let late = node.ask(other.boot, "sleep 60000", Duration::from_millis(300)).await;
    assert_eq!(late, Err(AskError::Deadline));
    assert!((300..5_000).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    let deadline = Instant::now() + LONG;
    while node.stats(other.boot).await["given_up"] != 1 {
        assert!(Instant::now() < deadline, "the other node still works on it");
    }
    assert_eq!(node.ask(other.boot, "echo", Duration::ZERO).await, Err(AskError::Deadline));
}

#[tokio::test(flavor = "multi_thread")]
async fn process_a_full_window_is_busy_at_once_and_the_receiver_has_one_of_its_own() {
    let certs = Certs::new();
    let (node, other) = pair(&certs, LinkTerms { window: 4, ..QUICK }, true).await;
    let hang = || node.ask(other.boot, "hang", Duration::from_secs(2));
    let began = Instant::now();
    let (hung, busy) = tokio::join!(join_all((0..4).map(|_| hang())), async {
        until("four questions to be under way", || (node.view(other.boot)?.in_flight == 4).then_some(()))
            .await;
        let busy = node.ask(other.boot, "echo", LONG).await;
        (busy, began.elapsed())
    });
    assert_eq!(hung, vec![Err(AskError::Deadline); 4]);
    assert_eq!(busy.0, Err(AskError::Busy));
    assert!(busy.1 < Duration::from_secs(2), "busy was not told at once");
    assert_eq!(node.ask(other.boot, "echo free", LONG).await.unwrap(), "free");

    // Whoever drops questions may send more than the window; the receiver takes twice as many.
    let mut given_up = Vec::new();
    for _ in 0..12 {
        let question = node.links.ask(other.boot, "hang".into(), LONG, None);
        given_up.push(tokio::time::timeout(Duration::from_millis(20), question).await);
    }
    let busy = given_up.iter().filter(|outcome| matches!(outcome, Ok(Err(AskError::Busy)))).count();
    assert_eq!(busy, 4, "{given_up:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn process_bodies_have_limits_on_both_ways_and_the_largest_pass() {
    let certs = Certs::new();
    let (node, other) = pair(&certs, QUICK, true).await;
    let ask = |size: usize| node.links.ask(other.boot, Bytes::from(vec![b'-'; size]), LONG, None);
    let limit = 2 * MIB;
    assert_eq!(ask(limit).await.unwrap().len(), 10);
    assert_eq!(ask(limit + 1).await, Err(Refusal::TooLarge { bytes: limit + 1, limit }.into()));
    let big = |size: usize| {
        let text = format!("big {size}");
        async { Ok::<_, AskError>(node.ask(other.boot, &{ text }, LONG).await?.len()) }
    };
    assert_eq!(big(4 * MIB).await, Ok(4 * MIB));
    let refused = big(4 * MIB + 1).await.unwrap_err();
    assert!(matches!(refused, AskError::Refused(Refusal::AnswerTooLarge(_))), "{refused:?}");
    assert!(!refused.had_no_effect(), "it was carried out");
    assert_eq!(node.ask(other.boot, "echo well", LONG).await.unwrap(), "well");
}

#[tokio::test(flavor = "multi_thread")]
async fn process_a_panic_over_a_message_is_an_answer_and_the_link_stays() {
    let certs = Certs::new();
    let (node, other) = pair(&certs, QUICK, true).await;
    let began = Instant::now();
    assert_eq!(node.ask(other.boot, "panic", LONG).await, Err(AskError::Unknown));
    assert!(began.elapsed() < Duration::from_secs(10), "the answer waited for the deadline");
    assert!(node.links.tell(other.boot, &"panic".into()));
    assert!(node.links.tell(other.boot, &"after it".into()));
    assert_eq!(node.stats(other.boot).await["last_tell"], "after it");
    assert_eq!(node.events(), [Event::Up(other.boot)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn process_tells_arrive_all_and_before_a_later_question() {
    let certs = Certs::new();
    let (node, other) = pair(&certs, QUICK, true).await;
    for number in 0..2_000 {
        // Each of a kilobyte and a bit: many more bytes than may be unconfirmed at a time.
        let body = Bytes::from(format!("tell {number:>4} {}", "x".repeat(5_000)));
        let tell = || node.links.tell(other.boot, &body).then_some(());
        until("room for a tell", tell).await;
    }
    let stats = node.stats(other.boot).await;
    assert_eq!((&stats["tells"], &stats["last_tell"]), (&2_000.into(), &"tell 1999 xxxxxxxxxx".into()));
    let refused = node.view(other.boot).unwrap().dropped;
    assert_eq!(stats["missed"], refused, "what did not pass at the first try was told of");
    assert!(!node.links.tell(other.boot, &Bytes::from(vec![0; 2 * MIB + 1])), "too large");
}

#[tokio::test(flavor = "multi_thread")]
async fn process_ten_thousand_questions_at_once_each_have_one_outcome_in_bounded_memory() {
    let certs = Certs::new();
    let (node, other) = pair(&certs, QUICK, false).await;
    node.ask(other.boot, "echo warm", LONG).await.unwrap();
    let before = (rss_kib("self"), other.rss_kib());
    let links = &node.links;
    let body = Bytes::from(format!("echo {}", "z".repeat(1_000)));
    let asks = (0..10_000).map(|_| {
        let body = body.clone();
        async move {
            loop {
                match links.ask(other.boot, body.clone(), LONG, None).await {
                    Err(AskError::Busy) => {
                        tokio::time::sleep(Duration::from_millis(5)).await; // poll: most wait for their turn
                    }
                    outcome => return outcome.map(|answer| answer.len()),
                }
            }
        }
    });
    let outcomes = join_all(asks).await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Ok(1_000)).count(), 10_000);
    let view = node.view(other.boot).unwrap();
    assert_eq!(view.in_flight, 0);
    let grown = (rss_kib("self").saturating_sub(before.0), other.rss_kib().saturating_sub(before.1));
    assert!(grown.0 < 96 << 10 && grown.1 < 64 << 10, "memory has grown by {grown:?} KiB");
    assert_eq!(node.events(), [Event::Up(other.boot)]);
}
