//! `grocerysync.v1.SyncService`, on the hub's one port. `StreamEvents`: batches up, acknowledgements down.
//! `StreamChanges`: questions up, changes of articles and stock down.
//!
//! A stream ends when its device ends it, when its credential is not valid, and when the node stops: devices open
//! another one then.

use std::convert::Infallible;
use std::pin::Pin;

use futures_util::future::BoxFuture;
use futures_util::{Stream, StreamExt as _, stream};
use http::{Request, Response};
use hyper::body::Incoming;
use messages::edge::catalogue::ChangesRequest;
use messages::edge::grpc::v1;
use messages::edge::grpc::v1::sync_service_server::{SERVICE_NAME, SyncService, SyncServiceServer};
use messages::edge::ingest::{EventBatch, MAX_BATCH_BYTES};
use messages::{ErrorCode, Problem};
use tokio_util::sync::CancellationToken;
use tonic::codegen::Service as _;
use tonic::{Status, Streaming};

use super::door::{Door, From};
use crate::access::edge_token::EdgeProof;
use crate::http::Peer;

/// The envelopes of fifty events beside their data.
const ENVELOPES: usize = 64 * 1024;

/// The service. Cheap to clone.
#[derive(Clone)]
pub struct Streams {
    service: SyncServiceServer<Sync>,
}

#[derive(Clone)]
struct Sync {
    door: Door,
    stop: CancellationToken,
}

impl Streams {
    /// `stop` ends the streams.
    #[must_use]
    pub fn new(door: Door, stop: CancellationToken) -> Self {
        let service = SyncServiceServer::new(Sync { door, stop });
        Self { service: service.max_decoding_message_size(MAX_BATCH_BYTES + ENVELOPES) }
    }

    /// Is this request for the service?
    #[must_use]
    pub fn is_for(path: &str) -> bool {
        path.strip_prefix('/')
            .and_then(|path| path.strip_prefix(SERVICE_NAME))
            .is_some_and(|rest| rest.starts_with('/'))
    }

    pub fn call(
        &mut self,
        request: Request<Incoming>,
    ) -> BoxFuture<'static, Result<Response<tonic::body::Body>, Infallible>> {
        self.service.call(request)
    }
}

type Answers = Pin<Box<dyn Stream<Item = Result<v1::Acknowledgment, Status>> + Send>>;
type Pages = Pin<Box<dyn Stream<Item = Result<v1::ChangesPage, Status>> + Send>>;

#[tonic::async_trait]
impl SyncService for Sync {
    type StreamEventsStream = Answers;
    type StreamChangesStream = Pages;

    async fn stream_events(
        &self,
        request: tonic::Request<Streaming<v1::EventBatch>>,
    ) -> Result<tonic::Response<Answers>, Status> {
        let proof = self.admit(&request).await?;
        let start = (request.into_inner(), self.clone());
        let answers = stream::unfold(start, move |(mut batches, own)| async move {
            let batch = tokio::select! {
                biased;
                () = own.stop.cancelled() => return None,
                batch = batches.next() => batch?,
            };
            let answer = match batch {
                Ok(batch) => Ok(own.acknowledge(proof, batch).await),
                Err(broken) => Err(broken),
            };
            Some((answer, (batches, own)))
        });
        Ok(tonic::Response::new(Box::pin(answers)))
    }

    async fn stream_changes(
        &self,
        request: tonic::Request<Streaming<v1::ChangesRequest>>,
    ) -> Result<tonic::Response<Pages>, Status> {
        let proof = self.admit(&request).await?;
        let start = (request.into_inner(), self.clone());
        let pages = stream::unfold(start, move |(mut questions, own)| async move {
            let asked = tokio::select! {
                biased;
                () = own.stop.cancelled() => return None,
                asked = questions.next() => asked?,
            };
            let page = match asked {
                Ok(asked) => Ok(own.send_down(proof, asked).await),
                Err(broken) => Err(broken),
            };
            Some((page, (questions, own)))
        });
        Ok(tonic::Response::new(Box::pin(pages)))
    }
}

impl Sync {
    /// Whose stream it is.
    async fn admit<T>(&self, request: &tonic::Request<T>) -> Result<EdgeProof, Status> {
        let peer = request.extensions().get::<Peer>().map(|peer| peer.0.ip());
        let headers = request.metadata().clone().into_headers();
        let from = From { peer, headers: &headers };
        let proof = self.door.proof(&from).map_err(|problem| status(&problem))?;
        self.door.admit(&from, proof).await.map_err(|problem| status(&problem))?;
        Ok(proof)
    }

    async fn send_down(&self, proof: EdgeProof, asked: v1::ChangesRequest) -> v1::ChangesPage {
        let asked = ChangesRequest::try_from(asked)
            .map_err(|error| Problem::new(ErrorCode::MalformedRequest, error.to_string()));
        match asked {
            Ok(asked) => self.door.changes(proof, &asked).await.into(),
            Err(problem) => Err(problem).into(),
        }
    }

    async fn acknowledge(&self, proof: EdgeProof, batch: v1::EventBatch) -> v1::Acknowledgment {
        let batch = EventBatch::try_from(batch)
            .map_err(|error| Problem::new(ErrorCode::MalformedRequest, error.to_string()));
        match batch {
            Ok(batch) => self.door.ingest(proof, batch).await.into(),
            Err(problem) => Err(problem).into(),
        }
    }
}

/// Of a call that is refused as a whole.
fn status(problem: &Problem) -> Status {
    use ErrorCode as C;
    let detail = problem.detail.clone();
    match problem.code {
        C::NotAuthenticated | C::BadCredentials => Status::unauthenticated(detail),
        C::EdgeRevoked | C::Forbidden | C::Disabled => Status::permission_denied(detail),
        C::RateLimited => Status::resource_exhausted(detail),
        _ if problem.retry => Status::unavailable(detail),
        _ => Status::internal(detail),
    }
}
