//! A hub that does what `docs/protocol.md` says of ingestion and of what comes down, and nothing more: each event once by
//! its id, order by sequence with an answer for gaps, errors by event; each article at its latest change. It notes every
//! breach of the contract by the edge.

use std::collections::{BTreeMap, HashSet};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use messages::edge::Currency;
use messages::edge::catalogue::{Change, Changed, ChangesPage, ChangesRequest, StoreArticle};
use messages::edge::enrol::{EdgeEnrolGrant, EdgeEnrolRequest};
use messages::edge::event::{Event, Fact};
use messages::edge::grpc::v1;
use messages::edge::grpc::v1::sync_service_server::{SyncService, SyncServiceServer};
use messages::edge::ingest::{EventBatch, EventError, IngestAnswer, MAX_EVENTS};
use messages::{DeviceId, ErrorCode, EventId, FeedId, Problem, RetailerId, StoreId, StreamId};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};

pub(crate) const CREDENTIAL: &str = "gse_test";

/// What the hub knows, and how it is told to behave.
#[derive(Default)]
pub(crate) struct Seen {
    /// The last settled number of each stream.
    pub(crate) settled: BTreeMap<(DeviceId, StreamId), u64>,
    pub(crate) ids: HashSet<EventId>,
    /// In the order of application.
    pub(crate) applied: Vec<Event>,
    pub(crate) dead: Vec<EventId>,
    pub(crate) violations: Vec<String>,
    pub(crate) batches: [u64; 2],
    /// Refuses every batch with this.
    pub(crate) refuse: Option<Problem>,
    /// Refuses whole batches that hold an event of this type.
    pub(crate) poison: Option<&'static str>,
    /// Sets aside events of this type.
    pub(crate) bad: Option<&'static str>,
    /// Applies so many batches and closes the connection instead of answering.
    pub(crate) swallow: u32,
    /// No gRPC here.
    pub(crate) http_only: bool,
    feed: Option<FeedId>,
    /// Each article at its latest change; corrections under their event.
    down: BTreeMap<String, (u64, Changed)>,
    head: u64,
    /// Questions for changes, by HTTP and by stream.
    pub(crate) questions: [u64; 2],
    /// Of prices; francs unless told.
    pub(crate) currency: Option<Currency>,
    /// Tells changes of this article in a form that nobody knows.
    pub(crate) strange: Option<&'static str>,
    /// Closes the connection so often instead of answering with changes.
    pub(crate) cut_pages: u32,
}

impl Seen {
    /// The contract.
    fn ingest(&mut self, batch: EventBatch) -> Result<IngestAnswer, Problem> {
        if let Some(problem) = &self.refuse {
            return Err(problem.clone());
        }
        if self.poison.is_some_and(|kind| batch.events.iter().any(|event| event.kind == kind)) {
            return Err(Problem::new(ErrorCode::MalformedRequest, "cannot be read"));
        }
        if batch.events.is_empty() || batch.events.len() > MAX_EVENTS {
            self.violations.push(format!("a batch of {}", batch.events.len()));
        }
        if batch.events.windows(2).any(|pair| pair[1].seq != pair[0].seq + 1) {
            self.violations.push("a batch with a gap inside".into());
        }
        let key = (batch.device_id, batch.stream_id);
        let mut settled = *self.settled.entry(key).or_default();
        let mut answer = IngestAnswer::default();
        for event in batch.events {
            if event.seq <= settled {
                if self.ids.contains(&event.event_id) {
                    answer.duplicates.push(event.event_id);
                    continue;
                }
                return Err(ErrorCode::StreamReset.into());
            }
            if event.seq > settled + 1 && batch.oldest_seq <= settled + 1 {
                answer.expected_seq = Some(settled + 1);
                break;
            }
            settled = event.seq;
            if !self.ids.insert(event.event_id) {
                answer.duplicates.push(event.event_id);
            } else if self.bad.is_some_and(|kind| kind == event.kind) {
                self.dead.push(event.event_id);
                let (event_id, seq) = (event.event_id, event.seq);
                let detail = "contradicts what is known".to_owned();
                answer.errors.push(EventError { event_id, seq, code: ErrorCode::EventRefused, detail });
            } else {
                if let Err(fault) = Fact::read(&event) {
                    self.violations.push(format!("{}: {fault}", event.kind));
                }
                answer.accepted.push(event.event_id);
                self.applied.push(event);
            }
        }
        self.settled.insert(key, settled);
        answer.settled_seq = settled;
        Ok(answer)
    }

    pub(crate) fn head(&self) -> u64 {
        self.head
    }

    /// The catalogue as it is now.
    pub(crate) fn shelf(&self) -> BTreeMap<String, StoreArticle> {
        let article = |(_, changed): &(u64, Changed)| match changed {
            Changed::Article(article) => Some((article.sku.clone(), article.clone())),
            _ => None,
        };
        self.down.values().filter_map(article).collect()
    }

    /// Everything is gone, and a new life begins.
    pub(crate) fn put_back(&mut self) {
        (self.feed, self.head) = (Some(FeedId::new()), 0);
        self.down.clear();
    }

    fn change(&mut self, changed: Changed) {
        self.feed.get_or_insert_with(FeedId::new);
        self.head += 1;
        let key = match &changed {
            Changed::Article(article) => article.sku.clone(),
            Changed::ArticleWithdrawn(gone) => gone.sku.clone(),
            Changed::StockCorrected(order) => order.event_id.to_string(),
        };
        self.down.insert(key, (self.head, changed));
    }

    fn page(&self, asked: &ChangesRequest) -> ChangesPage {
        let known = self.feed.is_some() && asked.feed_id == self.feed && asked.cursor <= self.head;
        let from = if known { asked.cursor } else { 0 };
        let mut behind: Vec<_> = self.down.values().filter(|(seq, _)| *seq > from).collect();
        behind.sort_by_key(|(seq, _)| *seq);
        let more = behind.len() > asked.limit as usize;
        behind.truncate(asked.limit as usize);
        let cursor = if more { behind.last().map_or(from, |(seq, _)| *seq) } else { self.head };
        ChangesPage {
            v: 1,
            feed_id: self.feed,
            currency: Some(self.currency.unwrap_or(Currency::CHF)),
            from,
            cursor,
            head: self.head,
            changes: behind.into_iter().map(|(seq, changed)| self.told(*seq, changed)).collect(),
        }
    }

    fn told(&self, seq: u64, changed: &Changed) -> Change {
        let mut change = changed.at(seq).unwrap();
        if matches!(changed, Changed::Article(article) if self.strange == Some(&article.sku)) {
            change.version = 2;
        }
        change
    }

    pub(crate) fn facts(&self) -> impl Iterator<Item = Fact> {
        self.applied.iter().map(|event| Fact::read(event).unwrap())
    }

    pub(crate) fn of_kind(&self, kind: &str) -> usize {
        self.applied.iter().filter(|event| event.kind == kind).count()
    }
}

struct Shared {
    seen: Mutex<Seen>,
    changed: watch::Sender<u64>,
}

impl Shared {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }

    /// Keeps the question until there is something to say or its wait is over.
    async fn page(&self, way: usize, asked: &ChangesRequest) -> Option<ChangesPage> {
        let until = tokio::time::Instant::now() + std::time::Duration::from_secs(asked.wait_s.into());
        let mut changed = self.changed.subscribe();
        self.seen().questions[way] += 1;
        loop {
            let page = self.seen().page(asked);
            let is_news = page.cursor != asked.cursor || page.feed_id != asked.feed_id;
            if is_news {
                let mut seen = self.seen();
                if seen.cut_pages > 0 {
                    seen.cut_pages -= 1;
                    return None;
                }
            }
            if is_news || tokio::time::timeout_at(until, changed.changed()).await.is_err() {
                return Some(page);
            }
        }
    }

    fn ingest(&self, way: usize, batch: EventBatch) -> Option<Result<IngestAnswer, Problem>> {
        let answer = {
            let mut seen = self.seen();
            seen.batches[way] += 1;
            let answer = seen.ingest(batch);
            if seen.swallow > 0 && answer.is_ok() {
                seen.swallow -= 1;
                None
            } else {
                Some(answer)
            }
        };
        self.changed.send_modify(|count| *count += 1);
        answer
    }
}

/// A hub at work. Dropped, it is gone with all its connections.
pub(crate) struct Hub {
    shared: Arc<Shared>,
    pub(crate) port: u16,
    stop: CancellationToken,
    accepting: tokio::task::JoinHandle<()>,
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Hub {
    pub(crate) async fn start() -> Self {
        let shared = Shared { seen: Mutex::default(), changed: watch::Sender::new(0) };
        Self::serve(Arc::new(shared), 0).await
    }

    async fn serve(shared: Arc<Shared>, port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let stop = CancellationToken::new();
        let (serving, stopped) = (Arc::clone(&shared), stop.clone());
        let accepting = tokio::spawn(async move {
            loop {
                let (stream, _) = tokio::select! {
                    () = stopped.cancelled() => return,
                    accepted = listener.accept() => accepted.unwrap(),
                };
                stream.set_nodelay(true).unwrap();
                let (serving, stopped) = (Arc::clone(&serving), stopped.clone());
                tokio::spawn(async move {
                    let service = service_fn(move |request| answer(Arc::clone(&serving), request));
                    let builder = Builder::new(TokioExecutor::new());
                    tokio::select! {
                        () = stopped.cancelled() => {}
                        _ = builder.serve_connection(TokioIo::new(stream), service) => {}
                    }
                });
            }
        });
        Self { shared, port, stop, accepting }
    }

    /// Dies, and comes back on the same port with what it had stored.
    pub(crate) async fn restart(mut self) -> Self {
        let (shared, port) = (Arc::clone(&self.shared), self.port);
        self.stop.cancel();
        (&mut self.accepting).await.unwrap();
        drop(self);
        Self::serve(shared, port).await
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.shared.seen()
    }

    /// These come down from now on.
    pub(crate) fn change(&self, changes: impl IntoIterator<Item = Changed>) {
        changes.into_iter().for_each(|changed| self.seen().change(changed));
        self.shared.changed.send_modify(|count| *count += 1);
    }

    /// Waits until what the hub has seen is enough.
    pub(crate) async fn until(&self, what: &str, enough: impl Fn(&Seen) -> bool) {
        let mut changed = self.shared.changed.subscribe();
        let waited = tokio::time::timeout(std::time::Duration::from_secs(60), async {
            while !enough(&self.seen()) {
                changed.changed().await.unwrap();
            }
        });
        assert!(waited.await.is_ok(), "waited for {what} in vain");
    }
}

type Body = tonic::body::Body;

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Body>, std::io::Error> {
    let is_grpc = request.headers().get("content-type").is_some_and(|value| value == "application/grpc");
    if is_grpc {
        let mut service = SyncServiceServer::new(Grpc(shared));
        let response = tower_service::Service::call(&mut service, request).await.unwrap();
        return Ok(response);
    }
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
    let authorized =
        parts.headers.get("authorization").is_some_and(|value| value == &format!("Bearer {CREDENTIAL}"));
    match parts.uri.path() {
        "/health/ready" => Ok(respond(200, &serde_json::json!({"status": "ok"}))),
        "/v1/edges/enrol" => {
            let wish: EdgeEnrolRequest = serde_json::from_slice(&body).unwrap();
            if wish.token.expose() != "good-token" {
                return Ok(refuse(&ErrorCode::EnrolmentTokenWrong.into()));
            }
            let (retailer_id, store_id) = (RetailerId::new(), StoreId::new());
            let grant = EdgeEnrolGrant {
                retailer_id,
                store_id,
                store_name: "Fresh Mart".into(),
                credential: CREDENTIAL.into(),
            };
            Ok(respond(200, &grant))
        }
        "/v1/catalogue/changes" if authorized => {
            let asked: ChangesRequest = serde_json::from_slice(&body).map_err(std::io::Error::other)?;
            match shared.page(0, &asked).await {
                Some(page) => Ok(respond(200, &page)),
                None => Err(std::io::Error::other("cut")),
            }
        }
        "/v1/ingestion/events" if !authorized => Ok(refuse(&ErrorCode::NotAuthenticated.into())),
        "/v1/ingestion/events" => {
            let batch: EventBatch = serde_json::from_slice(&body).map_err(std::io::Error::other)?;
            match shared.ingest(0, batch) {
                Some(Ok(answer)) => Ok(respond(200, &answer)),
                Some(Err(problem)) => Ok(refuse(&problem)),
                // Applied, and the line goes before the answer does.
                None => Err(std::io::Error::other("cut")),
            }
        }
        _ => Ok(refuse(&ErrorCode::NotFound.into())),
    }
}

fn respond(status: u16, body: &impl serde::Serialize) -> Response<Body> {
    let body = Full::new(Bytes::from(serde_json::to_vec(body).unwrap()));
    let mut response = Response::new(Body::new(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

fn refuse(problem: &Problem) -> Response<Body> {
    respond(problem.status, problem)
}

#[derive(Clone)]
struct Grpc(Arc<Shared>);

impl Grpc {
    fn admit<T>(&self, request: &tonic::Request<T>) -> Result<(), Status> {
        if self.0.seen().http_only {
            return Err(Status::unimplemented("no such service"));
        }
        let shown = request.metadata().get("authorization").cloned();
        if shown.is_none_or(|value| value != format!("Bearer {CREDENTIAL}").as_str()) {
            return Err(Status::unauthenticated("who are you"));
        }
        Ok(())
    }
}

#[tonic::async_trait]
impl SyncService for Grpc {
    type StreamEventsStream = Pin<Box<dyn Stream<Item = Result<v1::Acknowledgment, Status>> + Send>>;
    type StreamChangesStream = Pin<Box<dyn Stream<Item = Result<v1::ChangesPage, Status>> + Send>>;

    async fn stream_changes(
        &self,
        request: tonic::Request<Streaming<v1::ChangesRequest>>,
    ) -> Result<tonic::Response<Self::StreamChangesStream>, Status> {
        self.admit(&request)?;
        let start = (request.into_inner(), Arc::clone(&self.0));
        let pages = stream::unfold(start, |(mut questions, shared)| async move {
            let asked = questions.next().await?.ok()?;
            let page = shared.page(1, &ChangesRequest::try_from(asked).unwrap()).await?;
            Some((Ok(Ok(page).into()), (questions, shared)))
        });
        Ok(tonic::Response::new(Box::pin(pages)))
    }

    async fn stream_events(
        &self,
        request: tonic::Request<Streaming<v1::EventBatch>>,
    ) -> Result<tonic::Response<Self::StreamEventsStream>, Status> {
        self.admit(&request)?;
        let batches = request.into_inner();
        let answers = stream::unfold((batches, Arc::clone(&self.0)), |(mut batches, shared)| async move {
            let batch = batches.next().await?.ok()?;
            let batch = EventBatch::try_from(batch).unwrap();
            let answer = shared.ingest(1, batch)?;
            Some((Ok(answer.into()), (batches, shared)))
        });
        Ok(tonic::Response::new(Box::pin(answers)))
    }
}
