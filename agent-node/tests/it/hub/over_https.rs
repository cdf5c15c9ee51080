//! The scripted hub's sessions over HTTPS: the same script, and the numbers of both directions held to.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use messages::agent::{Batch, Frame, SessionGrant, Taken, ToAgent};
use serde_json::value::RawValue;

use super::{Bytes, Full, Hub, Method, Push, Request, Response, StatusCode, header, plain, refusal};

/// The latest session.
pub(super) struct Over {
    name: String,
    greeted: bool,
    /// Number of the next frame up, and of the first one down that is kept.
    next: u64,
    first: u64,
    kept: VecDeque<ToAgent>,
}

pub(super) type Session = Arc<Mutex<Option<Over>>>;

impl Hub {
    pub(super) async fn over_https(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        if !self.proves(&request) {
            return refusal(&messages::Problem::from(messages::ErrorCode::NotAuthenticated));
        }
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let query = request.uri().query().unwrap_or_default().to_owned();
        let name = path.trim_start_matches("/agent/v1/sessions").trim_matches('/').to_owned();
        if (&method, name.as_str()) == (&Method::POST, "") {
            return self.open();
        }
        let known = self.https.lock().unwrap().as_ref().is_some_and(|over| name.starts_with(&over.name));
        if !known {
            return refusal(&messages::Problem::from(messages::ErrorCode::SessionGone));
        }
        match (method, name.ends_with("/frames")) {
            (Method::POST, true) => {
                let body = request.into_body().collect().await.unwrap().to_bytes();
                self.post(&body)
            }
            (Method::GET, true) => self.poll(&query).await,
            (Method::DELETE, false) => {
                *self.https.lock().unwrap() = None;
                self.change(|seen| seen.closes.push(204));
                plain(StatusCode::NO_CONTENT, "")
            }
            _ => plain(StatusCode::NOT_FOUND, "<html>nothing here</html>"),
        }
    }

    fn open(&self) -> Response<Full<Bytes>> {
        let name = messages::MsgId::new().to_string();
        let over = Over { name: name.clone(), greeted: false, next: 1, first: 1, kept: VecDeque::new() };
        *self.https.lock().unwrap() = Some(over);
        self.change(|seen| seen.sessions += 1);
        self.seen().unacked_frames = 0;
        let (hub, mut pushed, own) = (self.clone(), self.push.subscribe(), name.clone());
        tokio::spawn(async move {
            while let Ok(Push::Frame(frame)) = pushed.recv().await {
                match &mut *hub.https.lock().unwrap() {
                    Some(over) if over.name == own && over.greeted => over.kept.push_back(*frame),
                    _ => continue,
                }
                hub.change(|_| ());
            }
        });
        let grant = SessionGrant { session: name, poll_s: 25 };
        plain(StatusCode::CREATED, &serde_json::to_string(&grant).unwrap())
    }

    fn post(&self, body: &[u8]) -> Response<Full<Bytes>> {
        let batch: Batch<Box<RawValue>> = serde_json::from_slice(body).unwrap();
        let (mut greeted, next) = match &*self.https.lock().unwrap() {
            Some(over) => (over.greeted, over.next),
            None => return refusal(&messages::Problem::from(messages::ErrorCode::SessionGone)),
        };
        self.change(|seen| seen.must(batch.first <= next, "posts have no gap"));
        let new = usize::try_from(next - batch.first).unwrap();
        let count = batch.frames.len().saturating_sub(new) as u64;
        let answers: Vec<ToAgent> =
            batch.frames.iter().skip(new).flat_map(|frame| self.heard(frame.get(), &mut greeted)).collect();
        if let Some(over) = &mut *self.https.lock().unwrap() {
            (over.greeted, over.next) = (greeted, next + count);
            over.kept.extend(answers);
        }
        self.change(|_| ());
        plain(StatusCode::OK, &serde_json::to_string(&Taken { next: next + count }).unwrap())
    }

    async fn poll(&self, query: &str) -> Response<Full<Bytes>> {
        let number = |key: &str| {
            let pair = query.split('&').find_map(|pair| pair.strip_prefix(key));
            pair.map_or(0, |value| value.parse::<u64>().unwrap())
        };
        let (after, wait) = (number("after="), Duration::from_secs(number("wait_s=")));
        let mut changes = self.changed.subscribe();
        let there = async {
            loop {
                match &mut *self.https.lock().unwrap() {
                    None => return,
                    Some(over) => {
                        while over.first <= after && over.kept.pop_front().is_some() {
                            over.first += 1;
                        }
                        if !over.kept.is_empty() {
                            return;
                        }
                    }
                }
                changes.changed().await.unwrap();
            }
        };
        let _nothing = tokio::time::timeout(wait, there).await;
        let batch = match &*self.https.lock().unwrap() {
            None => return refusal(&messages::Problem::from(messages::ErrorCode::SessionGone)),
            Some(over) => {
                let frames: Vec<_> = over.kept.iter().cloned().map(Frame::new).collect();
                Batch { first: over.first, frames }
            }
        };
        plain(StatusCode::OK, &serde_json::to_string(&batch).unwrap())
    }

    fn proves(&self, request: &Request<Incoming>) -> bool {
        let shown = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let shown = shown.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
        self.seen().credentials.iter().any(|known| known == shown)
    }
}
