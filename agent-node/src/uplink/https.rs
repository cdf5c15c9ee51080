//! The line over HTTPS: one task polls, one posts. Both repeat what has failed, for both directions are numbered; the
//! session's own silence rule ends what cannot be repaired.
//!
//! The poll keeps the connection that opened the session, so it stays on that node of the hub; the posts' connection is
//! made anew until it leads there. Limits: [`QUEUE`] frames wait each way, a few connections in a row.

mod repeat;

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::Full;
use messages::Secret;
use messages::agent::{Batch, MAX_FRAME, SessionGrant, Taken};
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::sleep;

use self::repeat::{Failure, Next, Repeater};
use super::line::{Heard, parse};
use super::session::Ending;
use crate::net::kept::Kept;
use crate::net::request::Answer;
use crate::net::websocket::UpgradeError;
use crate::net::{Dialer, HubAddress, NetError, Stage};

/// Four frames of reports and answers to commands.
const QUEUE: usize = 8;
/// Bytes of an answer: a full batch, and what its JSON adds.
const MOST_ANSWER: usize = Batch::<()>::MOST_BYTES + MAX_FRAME + 4 * 1024;
/// Beyond what the hub takes of its own accord, for the way there and back.
const SLACK: Duration = Duration::from_secs(15);
const POST_WITHIN: Duration = Duration::from_secs(30);
/// After a post to a session that has ended: the poll brings the hub's last words, if there are any.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// See the module.
pub(crate) struct Https {
    incoming: mpsc::Receiver<Result<Heard, Ending>>,
    /// Taken when the session is closed.
    outgoing: mpsc::Sender<String>,
    poster: JoinSet<()>,
    /// Ends with the line.
    _poller: JoinSet<()>,
}

/// Where the session is, and how one proves oneself there.
#[derive(Clone)]
struct Place {
    path: String,
    authorization: String,
}

impl Https {
    /// Opens a session.
    pub(super) async fn open(
        dialer: &Dialer,
        hub: &HubAddress,
        credential: &Secret,
    ) -> Result<Self, UpgradeError> {
        let mut first = Kept::new(dialer.clone(), hub.clone(), MOST_ANSWER);
        let mut place = Place {
            path: "/agent/v1/sessions".to_owned(),
            authorization: format!("Bearer {}", credential.expose()),
        };
        let answer = first.send(place.request(Method::POST, "", Bytes::new())?, POST_WITHIN).await?;
        if answer.status != StatusCode::CREATED {
            return Err(match answer.problem() {
                Ok(problem) => UpgradeError::Refused(Box::new(problem)),
                Err(status) => UpgradeError::Status(status),
            });
        }
        let grant: SessionGrant =
            serde_json::from_slice(&answer.body).map_err(|_| UpgradeError::Status(answer.status))?;
        place.path = format!("{}/{}", place.path, grant.session);
        let (tell, incoming) = mpsc::channel(QUEUE);
        let (outgoing, waiting) = mpsc::channel(QUEUE);
        let second = Kept::new(dialer.clone(), hub.clone(), MOST_ANSWER);
        let (mut poster, mut poller) = (JoinSet::new(), JoinSet::new());
        let poll = Poller { line: first, place: place.clone(), tell: tell.clone() };
        poller.spawn(poll.run(Duration::from_secs(grant.poll_s.into())));
        poster.spawn(Poster { line: second, place, tell }.run(waiting));
        Ok(Self { incoming, outgoing, poster, _poller: poller })
    }

    pub(super) async fn receive(&mut self) -> Result<Heard, Ending> {
        match self.incoming.recv().await {
            Some(heard) => heard,
            None => Err(Ending::Lost("the session over HTTPS broke off".to_owned())),
        }
    }

    pub(super) async fn send(&mut self, text: String) -> Result<(), Ending> {
        let closed = |_| Ending::Lost("the session over HTTPS broke off".to_owned());
        self.outgoing.send(text).await.map_err(closed)
    }

    /// Posts what waits, and closes the session.
    pub(super) async fn close(self) {
        let Self { incoming, outgoing, mut poster, _poller } = self;
        drop((incoming, outgoing));
        while poster.join_next().await.is_some() {}
    }
}

/// Opens a session and closes it. Without hello this takes nobody's place.
pub(crate) async fn prove(
    dialer: &Dialer,
    hub: &HubAddress,
    credential: &Secret,
) -> Result<(), UpgradeError> {
    Https::open(dialer, hub, credential).await?.close().await;
    Ok(())
}

impl Place {
    fn request(&self, method: Method, more: &str, body: Bytes) -> Result<Request<Full<Bytes>>, NetError> {
        let mut request = Request::builder()
            .method(method.clone())
            .uri(format!("{}{more}", self.path))
            .header(header::AUTHORIZATION, &self.authorization);
        if method == Method::POST {
            request = request
                .header(header::CONTENT_TYPE, "application/json")
                .header(header::CONTENT_LENGTH, body.len());
        }
        request
            .body(Full::new(body))
            .map_err(|error| NetError::new(Stage::Http, format!("the request cannot be made: {error}")))
    }
}

/// An answer, or what came instead.
fn judged(sent: Result<Answer, NetError>) -> Result<Bytes, Failure> {
    match sent {
        Ok(answer) if answer.status == StatusCode::OK => Ok(answer.body),
        Ok(answer) => Err(answer.problem().map_or_else(Failure::Between, Failure::Hub)),
        Err(error) => Err(Failure::Net(error)),
    }
}

fn unreadable() -> Failure {
    // Something in between has put its own page in place of the answer.
    Failure::Between(StatusCode::OK)
}

struct Poller {
    line: Kept,
    place: Place,
    tell: mpsc::Sender<Result<Heard, Ending>>,
}

impl Poller {
    async fn run(mut self, longest: Duration) {
        let mut repeater = Repeater::new(longest);
        let mut after = 0;
        let ending = loop {
            let wait = repeater.wait();
            let asked = Instant::now();
            match self.poll(after, wait).await {
                Ok(batch) => {
                    repeater.succeeded();
                    match self.hand_over(batch, &mut after).await {
                        Ok(true) => {}
                        Ok(false) => return,
                        Err(ending) => break ending,
                    }
                }
                Err(failure) => match repeater.after(&failure, asked.elapsed()) {
                    Next::End(ending) => break ending,
                    Next::Again { redial, pause } => {
                        tracing::debug!(%failure, "a poll is repeated");
                        if redial {
                            self.line.hang_up();
                        }
                        sleep(pause).await;
                    }
                },
            }
        };
        let _line_is_gone = self.tell.send(Err(ending)).await;
    }

    async fn poll(&mut self, after: u64, wait: Duration) -> Result<Batch<Box<RawValue>>, Failure> {
        let more = format!("/frames?after={after}&wait_s={}", wait.as_secs());
        let request = self.place.request(Method::GET, &more, Bytes::new()).map_err(Failure::Net)?;
        let body = judged(self.line.send(request, wait + SLACK).await)?;
        serde_json::from_slice(&body).map_err(|_| unreadable())
    }

    /// Passes frames on; false when nobody takes them any more.
    async fn hand_over(&self, batch: Batch<Box<RawValue>>, after: &mut u64) -> Result<bool, Ending> {
        let Batch { first, frames } = batch;
        if first != *after + 1 {
            return Err(Ending::Lost(format!(
                "the hub's frames have a gap: {first} came after {after}; this is a defect"
            )));
        }
        if frames.is_empty() {
            return Ok(self.tell.send(Ok(Heard::Sign)).await.is_ok());
        }
        for frame in frames {
            let heard = parse(frame.get())?;
            if self.tell.send(Ok(heard)).await.is_err() {
                return Ok(false);
            }
            *after += 1;
        }
        Ok(true)
    }
}

struct Poster {
    line: Kept,
    place: Place,
    tell: mpsc::Sender<Result<Heard, Ending>>,
}

impl Poster {
    async fn run(mut self, mut waiting: mpsc::Receiver<String>) {
        let mut next = 1;
        while let Some(frame) = waiting.recv().await {
            let (mut bytes, mut frames) = (frame.len(), vec![frame]);
            while bytes < MAX_FRAME
                && frames.len() < Batch::<()>::MOST
                && let Ok(frame) = waiting.try_recv()
            {
                bytes += frame.len();
                frames.push(frame);
            }
            let count = frames.len() as u64;
            let body = Bytes::from(format!("{{\"first\":{next},\"frames\":[{}]}}", frames.join(",")));
            drop(frames);
            if let Err(ending) = self.deliver(&body, next + count).await {
                sleep(LAST_WORDS).await;
                let _line_is_gone = self.tell.send(Err(ending)).await;
                return;
            }
            next += count;
        }
        // The line is closed by us. Nobody minds if it was closed before.
        if let Ok(request) = self.place.request(Method::DELETE, "", Bytes::new()) {
            drop(self.line.send(request, POST_WITHIN).await);
        }
    }

    /// Posts a batch until the hub has it.
    async fn deliver(&mut self, body: &Bytes, next: u64) -> Result<(), Ending> {
        let mut repeater = Repeater::new(POST_WITHIN);
        loop {
            let asked = Instant::now();
            let request = self.place.request(Method::POST, "/frames", body.clone());
            let sent = match request {
                Ok(request) => judged(self.line.send(request, POST_WITHIN).await),
                Err(error) => Err(Failure::Net(error)),
            };
            let taken =
                sent.and_then(|body| serde_json::from_slice::<Taken>(&body).map_err(|_| unreadable()));
            let failure = match taken {
                Ok(taken) if taken.next == next => return Ok(()),
                Ok(taken) => {
                    return Err(Ending::Lost(format!(
                        "the hub expects frame {} next, not {next}; this is a defect",
                        taken.next
                    )));
                }
                Err(failure) => failure,
            };
            match repeater.after(&failure, asked.elapsed()) {
                Next::End(ending) => return Err(ending),
                Next::Again { redial, pause } => {
                    tracing::debug!(%failure, "a post is repeated");
                    if redial {
                        self.line.hang_up();
                    }
                    sleep(pause).await;
                }
            }
        }
    }
}
