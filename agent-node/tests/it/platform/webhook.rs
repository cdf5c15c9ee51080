//! The webhook destination against a receiver that checks every signature and applies every batch once.

use std::collections::HashSet;

use agent_node::connector::DestinationConnector as _;
use agent_node::connector::ForRun;
use agent_node::connector::webhook::WebhookConnector;
use base64::Engine as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use messages::connector::{Credentials, WebhookDestination};
use messages::{ErrorCode, RunId};
use serde_json::json;
use sha2::Sha256;
use tempfile::TempDir;

use super::{Articles, Asked, Fault, Reply, Server, Shop, articles, drive, drive_as, means, priced, rows};
use crate::conformance::{self, Subject, World};

const SECRET: &str = "0123456789abcdef";

/// A receiver as `docs/protocol.md` describes it.
#[derive(Default)]
pub(crate) struct Receiver {
    seen: HashSet<String>,
    articles: Articles,
    refused: HashSet<String>,
    repeated: usize,
    batches: Vec<(u64, bool, usize)>,
}

impl Shop for Receiver {
    fn answer(&mut self, asked: &Asked) -> Reply {
        if asked.method == http::Method::OPTIONS {
            return Reply::empty(405);
        }
        let (id, time) = (asked.header("webhook-id"), asked.header("webhook-timestamp"));
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(&[id.as_bytes(), b".", time.as_bytes(), b".", &asked.body].concat());
        let expected = base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes());
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let fresh = time.parse::<u64>().is_ok_and(|time| now.abs_diff(time) < 300);
        if asked.header("webhook-signature") != format!("v1,{expected}") || !fresh {
            return Reply::json(401, &json!({"message": "the signature is wrong"}));
        }
        if !self.seen.insert(id.to_owned()) {
            self.repeated += 1;
            return Reply::empty(200);
        }
        let body = asked.json();
        let items = body["items"].as_array().unwrap();
        self.batches.push((body["batch"].as_u64().unwrap(), body["last"].as_bool().unwrap(), items.len()));
        let mut rejected = Vec::new();
        for item in items {
            let sku = item["sku"].as_str().unwrap().to_owned();
            if self.refused.contains(&sku) {
                rejected.push(json!({"sku": sku, "reason": "no such department"}));
            } else {
                self.articles.insert(sku, item["price"].as_str().unwrap().to_owned());
            }
        }
        Reply::json(200, &json!({ "rejected": rejected }))
    }
}

fn connector(url: &str, secret: &str, batch_items: u32, scratch: &TempDir) -> WebhookConnector {
    let config = WebhookDestination { url: url.to_owned(), batch_items };
    WebhookConnector::new(config, Some(&Credentials::Token { token: secret.into() }), means(scratch))
}

impl World for Server<Receiver> {
    fn articles(&self) -> Articles {
        self.with(|shop| shop.articles.clone())
    }

    fn refuse(&self, sku: &str) {
        self.with(|shop| shop.refused.insert(sku.to_owned()));
    }

    fn fail(&self, fault: Fault) {
        Self::fail(self, "POST", [fault]);
    }

    fn largest(&self) -> usize {
        self.asked().iter().map(|asked| asked.body.len()).max().unwrap_or(0)
    }
}

#[tokio::test]
async fn the_webhook_conforms() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(|_| Receiver::default()).await;
    let subject = Subject {
        connector: &connector(&server.url(), SECRET, 100, &scratch),
        stranger: &connector(&server.url(), "another-secret-of-16", 100, &scratch),
        nowhere: &connector("http://127.0.0.1:1", SECRET, 100, &scratch),
        world: &server,
        scratch: scratch.path(),
        largest: 1_200_000,
    };
    assert_eq!(conformance::platform(&subject).await, [""; 0]);
    let leaked = server.asked().iter().any(|asked| format!("{asked:?}").contains(SECRET));
    assert!(!leaked, "the secret signs and is never sent");
}

#[tokio::test]
async fn a_batch_whose_answer_was_lost_is_sent_again_under_the_same_id() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(|_| Receiver::default()).await;
    server.fail("POST", [Fault::CutAfter, Fault::Instead(Reply::empty(503)), Fault::CutBefore]);
    let rows = rows(250);
    let driven = drive(&connector(&server.url(), SECRET, 100, &scratch), &rows).await.unwrap();
    assert_eq!((driven.sent, driven.notes.len()), (250, 3), "{:?}", driven.notes);
    let (batches, repeated) = server.with(|shop| (shop.batches.clone(), shop.repeated));
    assert_eq!(batches, [(1, false, 100), (2, false, 100), (3, true, 50)]);
    assert_eq!(repeated, 1);
    assert_eq!(World::articles(&server), articles(&rows));
}

#[tokio::test]
async fn a_batch_with_other_content_has_another_id() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(|_| Receiver::default()).await;
    let hook = connector(&server.url(), SECRET, 100, &scratch);
    let run = ForRun::alone(RunId::new());
    drive_as(&hook, &run, &[priced(1, "1.00")]).await.unwrap();
    // The next attempt at the run finds a changed source.
    drive_as(&hook, &run, &[priced(1, "2.00")]).await.unwrap();
    assert_eq!(World::articles(&server)["A-1"], "2.00");
    drive_as(&hook, &run, &[priced(1, "2.00")]).await.unwrap();
    assert_eq!(server.with(|shop| shop.repeated), 1);
}

#[tokio::test]
async fn retry_after_is_honoured() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(|_| Receiver::default()).await;
    server.fail("POST", [Fault::Instead(Reply::empty(429).with("retry-after", "1"))]);
    let hook = connector(&server.url(), SECRET, 100, &scratch);
    let began = std::time::Instant::now();
    let driven = drive(&hook, &rows(1)).await.unwrap();
    assert!(began.elapsed() >= std::time::Duration::from_secs(1));
    assert!(
        driven.notes[0].contains("asked too often") && driven.notes[0].contains("1.0 s"),
        "{:?}",
        driven.notes
    );
    server.fail("POST", [Fault::Instead(Reply::empty(429).with("retry-after", "3600"))]);
    let failure = drive(&hook, &rows(1)).await.unwrap_err();
    assert!(failure.code.retry_helps() && failure.detail.contains("too long"), "{failure:?}");
}

#[tokio::test]
async fn a_redirect_leads_no_further_than_the_server() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(|_| Receiver::default()).await;
    let hook = connector(&format!("{}/old?key=1", server.url()), SECRET, 100, &scratch);
    let moved = |to: &str| Fault::Instead(Reply::empty(308).with("location", to));
    server.fail("POST /old", [moved("/new?key=2")]);
    assert_eq!(drive(&hook, &rows(3)).await.unwrap().sent, 3);
    let asked = server.asked();
    assert_eq!((asked[1].path.as_str(), asked[1].query.as_str()), ("/new", "key=2"));
    server.fail("POST /old", [moved("https://evil.example/in")]);
    let failure = drive(&hook, &rows(3)).await.unwrap_err();
    assert_eq!(failure.code, ErrorCode::DestinationRejected);
    assert!(failure.detail.contains("https://evil.example"), "{}", failure.detail);
    server.fail("POST /old", vec![moved("/old"); 9]);
    assert_eq!(drive(&hook, &rows(3)).await.unwrap_err().code, ErrorCode::DestinationRejected);
}

#[tokio::test]
async fn batches_that_are_too_large_get_smaller_and_a_single_one_is_rejected() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(|_| Receiver::default()).await;
    server.fail("POST", vec![Fault::Instead(Reply::empty(413)); 3]);
    let driven = drive(&connector(&server.url(), SECRET, 4, &scratch), &rows(4)).await.unwrap();
    assert_eq!((driven.sent, driven.rejects.len()), (3, 1));
    assert_eq!(driven.rejects[0].row, 2);
    assert!(driven.rejects[0].reason.contains("too large"), "{:?}", driven.rejects);
}

#[tokio::test]
async fn a_run_without_an_item_is_told_too() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(|_| Receiver::default()).await;
    let hook = connector(&server.url(), SECRET, 100, &scratch);
    drive(&hook, &[]).await.unwrap();
    assert_eq!(server.with(|shop| shop.batches.clone()), [(1, true, 0)]);
    assert!(hook.check().await.unwrap().contains("can be reached"));
}
