//! Sessions over HTTPS, request by request, as a client in another language would send them.

use std::time::{Duration, Instant};

use messages::http::paging::Page;
use messages::run::{LogLine, RunState};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::api::{Api, Shop};
use super::hub::Hub;
use super::sshd::Sshd;
use super::wait::until;

const SPOOL: &str = "01932f6e-2b1c-7a40-8f3a-5d0c9e7b1a0a";

/// An agent that speaks by hand.
pub(super) struct Hand {
    client: Client,
    base: String,
    credential: String,
    session: String,
    posted: u64,
    polled: u64,
}

impl Hand {
    async fn enrolled(hub: &Hub, api: &Api, shop: &Shop) -> Self {
        Self::enrolled_at(&hub.url, api, &shop.token(api).await).await
    }

    pub(super) async fn enrolled_at(hub: &str, api: &Api, token: &str) -> Self {
        let machine =
            json!({"agent_version": "1", "os": "mine", "host": "till", "capabilities": ["source:csv"]});
        let grant: Value = api.post("/enrol", json!({"token": token, "machine": machine})).await;
        Self {
            client: Client::new(),
            base: format!("{hub}/agent/v1/sessions"),
            credential: grant["credential"].as_str().unwrap().to_owned(),
            session: String::new(),
            posted: 0,
            polled: 0,
        }
    }

    /// From now on it speaks to this node.
    pub(super) fn turn_to(&mut self, hub: &str) {
        self.base = format!("{hub}/agent/v1/sessions");
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base)).bearer_auth(&self.credential)
    }

    async fn open(&mut self) {
        let (status, grant) = sent(self.request(Method::POST, "")).await;
        assert_eq!(status, 201, "{grant}");
        assert_eq!(grant["poll_s"], 25);
        self.session = grant["session"].as_str().unwrap().to_owned();
        (self.posted, self.polled) = (0, 0);
    }

    async fn post_at(&self, first: u64, frames: Value) -> (u16, Value) {
        let request = self.request(Method::POST, &format!("/{}/frames", self.session));
        sent(request.json(&json!({"first": first, "frames": frames}))).await
    }

    async fn post(&mut self, frame: Value) {
        let (status, taken) = self.post_at(self.posted + 1, json!([frame])).await;
        self.posted += 1;
        assert_eq!((status, &taken["next"]), (200, &json!(self.posted + 1)), "{taken}");
    }

    async fn poll_after(&self, after: u64, wait_s: u32) -> (u16, Value) {
        let path = format!("/{}/frames?after={after}&wait_s={wait_s}", self.session);
        sent(self.request(Method::GET, &path)).await
    }

    /// The frames until one of this type, and that one.
    async fn until_frame(&mut self, kind: &str) -> Value {
        loop {
            let (status, batch) = self.poll_after(self.polled, 20).await;
            assert_eq!(status, 200, "waiting for {kind}: {batch}");
            assert_eq!(batch["first"], self.polled + 1);
            for frame in batch["frames"].as_array().unwrap() {
                self.polled += 1;
                if frame["t"] == kind {
                    return frame.clone();
                }
            }
        }
    }

    /// Opens a session, says hello and is welcome.
    pub(super) async fn greet(&mut self) {
        self.open().await;
        let machine =
            json!({"agent_version": "1", "os": "mine", "host": "till", "capabilities": ["source:csv"]});
        self.post(
            json!({"v": 1, "t": "hello", "machine": machine, "spool_id": SPOOL, "next_seq": 1, "active": []}),
        )
        .await;
        self.until_frame("welcome").await;
    }
}

async fn sent(request: RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let media = answer.headers().get("content-type").map(|value| value.to_str().unwrap().to_owned());
    let text = answer.text().await.unwrap();
    let body: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
    if status >= 400 {
        assert_eq!(media.as_deref(), Some("application/problem+json"), "{status} {text}");
        assert_eq!(body["status"], status);
    }
    (status, body)
}

#[track_caller]
fn refused(answer: &(u16, Value), status: u16, code: &str) {
    assert_eq!((answer.0, answer.1["code"].as_str().unwrap_or_default()), (status, code), "{}", answer.1);
}

struct Stage {
    folder: tempfile::TempDir,
    hub: Hub,
    api: Api,
    _sshd: Sshd,
    shop: Shop,
}

async fn stage() -> Stage {
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::start(folder.path()).await;
    let api = Api::set_up(&hub.url).await;
    let sshd = Sshd::start(folder.path()).await;
    let shop = Shop::make(&api, &folder.path().join("items.csv"), &sshd, "items.csv").await;
    Stage { folder, hub, api, _sshd: sshd, shop }
}

#[tokio::test]
async fn process_a_session_by_hand_runs_a_job_and_survives_every_lost_answer() {
    let stage = stage().await;
    let mut hand = Hand::enrolled(&stage.hub, &stage.api, &stage.shop).await;
    hand.greet().await;
    stage.shop.until_connected(&stage.api).await;
    let run = stage.shop.press_run(&stage.api).await;
    // Each answer is thought lost once.
    let (_, first) = hand.poll_after(hand.polled, 20).await;
    let (_, again) = hand.poll_after(hand.polled, 20).await;
    assert_eq!(first, again);
    let command = hand.until_frame("run").await;
    let id = run.id.to_string();
    let fact = |seq: u64, fact: Value| {
        let mut report = json!({"seq": seq, "at": 1_763_712_001_000_u64, "run_id": id});
        report.as_object_mut().unwrap().extend(fact.as_object().unwrap().clone());
        report
    };
    let progress = json!({"read": 3, "sent": 3, "rejected": 0, "bytes_read": 1, "bytes_total": 1, "bytes_sent": 1, "elapsed_ms": 5});
    let frames = json!([
        {"v": 1, "t": "accepted", "command_id": command["command_id"]},
        {"v": 1, "t": "reports", "spool_id": SPOOL, "reports": [
            fact(1, json!({"fact": "started", "attempt": 1})),
            fact(2, json!({"fact": "log", "level": "info", "text": "by hand"})),
        ]},
        {"v": 1, "t": "reports", "spool_id": SPOOL, "reports": [
            fact(3, json!({"fact": "finished", "outcome": "succeeded", "progress": progress})),
        ]},
    ]);
    for _ in 0..3 {
        let (status, taken) = hand.post_at(hand.posted + 1, frames.clone()).await;
        assert_eq!((status, &taken["next"]), (200, &json!(hand.posted + 4)));
    }
    hand.posted += 3;
    let ack = hand.until_frame("ack").await;
    let ack = if ack["through"] == 3 { ack } else { hand.until_frame("ack").await };
    assert_eq!(ack["through"], 3);
    let run = stage.shop.until_over(&stage.api, &run).await;
    assert_eq!((run.state, run.progress.sent), (RunState::Succeeded, 3), "{run:?}");
    let log: Page<LogLine> = stage.api.get(&format!("{}/log", stage.shop.run_path(&run))).await;
    assert_eq!(log.items.iter().filter(|line| line.text == "by hand").count(), 1);

    // That there is nothing is said at once, if so wished; and all before is acknowledged.
    let (status, empty) = hand.poll_after(hand.polled, 0).await;
    assert_eq!((status, empty), (200, json!({"first": hand.polled + 1, "frames": []})));

    // A gap, a past that is forgotten, a future that is not there.
    refused(&hand.post_at(hand.posted + 2, json!([])).await, 409, "unexpected_frame");
    refused(&hand.poll_after(hand.polled - 1, 0).await, 409, "unexpected_frame");
    refused(&hand.poll_after(hand.polled + 1, 0).await, 409, "unexpected_frame");
    // Closing, twice for the answer may be lost.
    for _ in 0..2 {
        let (status, _) = sent(hand.request(Method::DELETE, &format!("/{}", hand.session))).await;
        assert_eq!(status, 204);
    }
    refused(&hand.poll_after(hand.polled, 0).await, 410, "session_gone");
    refused(&hand.post_at(hand.posted + 1, json!([])).await, 410, "session_gone");
    let Stage { hub, folder, .. } = stage;
    hub.stop().await;
    drop(folder);
}

#[tokio::test]
async fn process_a_session_belongs_to_its_agent_and_says_what_is_wrong() {
    let stage = stage().await;
    let mut hand = Hand::enrolled(&stage.hub, &stage.api, &stage.shop).await;
    hand.greet().await;
    let frames = format!("/{}/frames", hand.session);

    // Nobody without the credential, and nobody with another agent's.
    let bare = Client::new();
    let url = format!("{}{frames}", hand.base);
    refused(&sent(bare.get(&url)).await, 401, "bad_credentials");
    refused(&sent(bare.get(&url).bearer_auth("gsa_nonsense")).await, 401, "bad_credentials");
    refused(&sent(bare.post(&hand.base)).await, 401, "bad_credentials");
    let other = Shop::another_agent(&stage.api, &stage.shop).await;
    let stranger = Hand::enrolled(&stage.hub, &stage.api, &other).await;
    refused(&sent(bare.get(&url).bearer_auth(&stranger.credential)).await, 410, "session_gone");
    let closed = bare.delete(url.trim_end_matches("/frames")).bearer_auth(&stranger.credential);
    assert_eq!(sent(closed).await.0, 204, "as if it were gone already");
    assert_eq!(hand.poll_after(hand.polled, 0).await.0, 200, "a stranger has not closed it");

    // Names that are not of this node, or of nothing.
    let elsewhere = format!("/{}{}/frames", "A".repeat(22), &hand.session[22..]);
    refused(&sent(hand.request(Method::GET, &elsewhere)).await, 421, "wrong_node");
    let ended = format!("/{}{}/frames", &hand.session[..32], "A".repeat(32));
    refused(&sent(hand.request(Method::GET, &ended)).await, 410, "session_gone");
    refused(&sent(hand.request(Method::GET, "/nonsense/frames")).await, 410, "session_gone");

    // Methods, addresses, bodies.
    refused(&sent(hand.request(Method::PUT, &frames)).await, 405, "method_not_allowed");
    refused(&sent(hand.request(Method::GET, "")).await, 405, "method_not_allowed");
    refused(&sent(hand.request(Method::GET, &format!("/{}", hand.session))).await, 405, "method_not_allowed");
    refused(&sent(hand.request(Method::GET, &format!("{frames}/more"))).await, 404, "not_found");
    refused(&sent(hand.request(Method::GET, &format!("{frames}?after=x"))).await, 400, "malformed_request");
    refused(&sent(hand.request(Method::POST, &frames).body("{}")).await, 415, "unsupported_media_type");
    refused(
        &sent(hand.request(Method::POST, &frames).json(&json!({"first": 1}))).await,
        400,
        "malformed_request",
    );
    let many: Vec<_> = (0..129).map(|_| json!({"v": 1, "t": "heartbeat", "active": []})).collect();
    refused(&hand.post_at(2, json!(many)).await, 400, "malformed_request");

    // Of two polls the later one counts.
    let (first, second) = (hand.poll_after(hand.polled, 20), async {
        let asked = Instant::now();
        let mut second = hand.poll_after(hand.polled, 1).await;
        // Should it have come first, it is the one that is ended.
        if second.0 == 409 {
            second = hand.poll_after(hand.polled, 1).await;
        }
        assert!(asked.elapsed() < Duration::from_secs(15));
        second
    });
    let (first, second) = tokio::join!(first, second);
    let codes = [first.0, second.0];
    assert!(codes.contains(&200), "{first:?} {second:?}");
    if first.0 != 200 {
        refused(&first, 409, "agent_superseded");
    }

    // What a socket answers with a goodbye, a poll answers with it too.
    let (status, _) = hand.post_at(hand.posted + 1, json!([{"v": 9, "t": "heartbeat"}])).await;
    assert_eq!(status, 200);
    assert_eq!(hand.until_frame("bye").await["code"], "unsupported_protocol");
    refused(&hand.poll_after(hand.polled, 5).await, 410, "session_gone");
    stage.hub.stop().await;
}

#[tokio::test]
async fn process_a_newer_session_takes_over_and_a_stop_is_told_to_whoever_polls() {
    let stage = stage().await;
    let mut old = Hand::enrolled(&stage.hub, &stage.api, &stage.shop).await;
    old.greet().await;
    let mut new = Hand {
        client: Client::new(),
        base: old.base.clone(),
        credential: old.credential.clone(),
        session: String::new(),
        posted: 0,
        polled: 0,
    };
    new.greet().await;
    assert_eq!(old.until_frame("bye").await["code"], "agent_superseded");

    // The credential is renewed under way: both are good, and the session goes on with either.
    let agent = format!("/retailers/{}/agents/{}", stage.shop.retailer, stage.shop.agent);
    let (status, answer) = stage.api.call(Method::POST, &format!("{agent}/rotation"), None).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
    let renewed = new.until_frame("credential").await["credential"].as_str().unwrap().to_owned();
    new.post(json!({"v": 1, "t": "credential_saved"})).await;
    let before = std::mem::replace(&mut new.credential, renewed);
    assert_eq!(new.poll_after(new.polled, 0).await.0, 200);
    let after = std::mem::replace(&mut new.credential, before);
    assert_eq!(new.poll_after(new.polled, 0).await.0, 200);
    new.credential = after;

    let hub = stage.hub;
    let (bye, ()) = tokio::join!(new.until_frame("bye"), hub.stop());
    assert_eq!((&bye["code"], &bye["retry_after_ms"]), (&json!("shutting_down"), &json!(1_000)));
}

#[tokio::test]
async fn process_a_silent_session_ends_and_its_agent_is_shown_as_gone() {
    let stage = stage().await;
    let mut hand = Hand::enrolled(&stage.hub, &stage.api, &stage.shop).await;
    hand.greet().await;
    stage.shop.until_connected(&stage.api).await;
    // It polls and says nothing: as on a socket, that is an end.
    let bye = hand.until_frame("bye").await;
    assert_eq!((&bye["code"], &bye["retry_after_ms"]), (&json!("deadline_exceeded"), &json!(2_000)));
    // It speaks and does not poll.
    hand.greet().await;
    let began = Instant::now();
    until("the session that is not polled to end", || async {
        let (status, _) = hand.post_at(2, json!([])).await;
        let beat = json!([{"v": 1, "t": "heartbeat", "active": []}]);
        let next = hand.post_at(2, beat).await;
        (status == 410 || next.0 == 410).then_some(())
    })
    .await;
    assert!(began.elapsed() > Duration::from_secs(40), "{:?}", began.elapsed());
    stage.hub.stop().await;
}

#[tokio::test]
async fn process_an_address_that_fails_too_often_is_not_listened_to() {
    let stage = stage().await;
    let client = Client::new();
    let forged = format!("gsa_{}", "A".repeat(86));
    let mut codes = Vec::new();
    for at in 0..80 {
        let url = if at % 2 == 0 { "/ws/agent" } else { "/agent/v1/sessions" };
        let method = if at % 2 == 0 { Method::GET } else { Method::POST };
        let request = client.request(method, format!("{}{url}", stage.hub.url)).bearer_auth(&forged);
        codes.push(sent(request).await.0);
    }
    assert_eq!((codes[0], codes[10]), (401, 401));
    assert!(codes.contains(&429), "{codes:?}");
    stage.hub.stop().await;
}
