//! The other way: one stream that stays open, batches up, acknowledgements down.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::{HeaderValue, Uri};
use hyper_util::rt::TokioIo;
use messages::edge::grpc::v1::sync_service_client::SyncServiceClient;
use messages::edge::grpc::v1::{Acknowledgment, EventBatch as WireBatch};
use messages::edge::ingest::{EventBatch, IngestAnswer, MAX_UNDER_WAY};
use messages::edge::status::OfflineCause;
use messages::{ErrorCode, Problem, Secret};
use tokio::sync::{Mutex, mpsc};
use tokio::time::timeout;
use tonic::metadata::MetadataValue;
use tonic::transport::Endpoint;
use tonic::{Code, Request, Status, Streaming};

use super::plan::SendFault;
use super::transport::{BadCredential, Transport, authorization};
use crate::line::dial::BoxStream;
use crate::line::{Address, Dialer, LineFault};

/// The stream's two ends.
struct Open {
    up: mpsc::Sender<WireBatch>,
    down: Streaming<Acknowledgment>,
}

/// One stream, made again when it is gone. One batch at a time.
pub struct GrpcTransport {
    dialer: Dialer,
    hub: Address,
    authorization: HeaderValue,
    patience: Duration,
    open: Mutex<Option<Open>>,
}

impl GrpcTransport {
    /// `patience` is for one answer.
    pub fn new(
        dialer: Dialer,
        hub: Address,
        credential: &Secret,
        patience: Duration,
    ) -> Result<Self, BadCredential> {
        let authorization = authorization(credential)?;
        Ok(Self { dialer, hub, authorization, patience, open: Mutex::default() })
    }

    async fn stream(&self, batch: &EventBatch) -> Result<IngestAnswer, SendFault> {
        let mut held = self.open.lock().await;
        let mut open = match held.take() {
            Some(open) if open.up.try_send(batch.clone().into()).is_ok() => open,
            _ => timeout(self.patience, self.connect(batch))
                .await
                .unwrap_or_else(|_| Err(self.broken("no answer in time")))?,
        };
        let answer = match timeout(self.patience, open.down.message()).await {
            Ok(Ok(Some(answer))) => answer,
            Ok(Ok(None)) => return Err(self.broken("the stream was closed")),
            Ok(Err(status)) => return Err(self.read(&status)),
            Err(_) => return Err(self.broken("no answer in time")),
        };
        *held = Some(open);
        match answer.read() {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(problem)) => Err(problem.into()),
            Err(unreadable) => Err(self.broken(&format!("its answer cannot be read: {unreadable}"))),
        }
    }

    /// Opens the stream with its first batch on the way: some servers say nothing before they have heard something.
    async fn connect(&self, first: &EventBatch) -> Result<Open, SendFault> {
        let endpoint = Endpoint::from_shared(self.hub.to_string())
            .map_err(|error| self.broken(&error.to_string()))?
            .connect_timeout(self.patience)
            .http2_keep_alive_interval(Duration::from_secs(20))
            .keep_alive_timeout(Duration::from_secs(20));
        let fault = Arc::new(std::sync::Mutex::new(None));
        let connector =
            Connector { dialer: self.dialer.clone(), to: self.hub.clone(), fault: Arc::clone(&fault) };
        let channel = match endpoint.connect_with_connector(connector).await {
            Ok(channel) => channel,
            Err(error) => {
                // Our own dialling knows the cause better than what wraps it.
                let known = fault.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
                return Err(known.map_or_else(|| self.broken(&error.to_string()), SendFault::Line));
            }
        };
        let (up, batches) = mpsc::channel(MAX_UNDER_WAY);
        up.try_send(first.clone().into()).map_err(|error| self.broken(&error.to_string()))?;
        let mut request = Request::new(Batches(batches));
        let value = MetadataValue::try_from(self.authorization.as_bytes())
            .map_err(|error| self.broken(&error.to_string()))?;
        request.metadata_mut().insert("authorization", value);
        let response = SyncServiceClient::new(channel)
            .stream_events(request)
            .await
            .map_err(|status| self.read(&status))?;
        Ok(Open { up, down: response.into_inner() })
    }

    fn broken(&self, what: &str) -> SendFault {
        LineFault::new(OfflineCause::HubDown, format!("the stream to {}: {what}", self.hub)).into()
    }

    /// A refusal by who we are is the hub's word; everything else is taken for the line's fault.
    fn read(&self, status: &Status) -> SendFault {
        let code = match status.code() {
            Code::Unauthenticated => ErrorCode::NotAuthenticated,
            Code::PermissionDenied => ErrorCode::EdgeRevoked,
            _ => return self.broken(&format!("{:?}: {}", status.code(), status.message())),
        };
        Problem::new(code, status.message()).into()
    }
}

impl Transport for GrpcTransport {
    fn send<'a>(&'a self, batch: &'a EventBatch) -> BoxFuture<'a, Result<IngestAnswer, SendFault>> {
        Box::pin(self.stream(batch))
    }
}

/// The queue as a stream.
struct Batches(mpsc::Receiver<WireBatch>);

impl futures_util::Stream for Batches {
    type Item = WireBatch;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<WireBatch>> {
        self.0.poll_recv(cx)
    }
}

/// Lets tonic use our dialling, with our roots and our deadlines.
#[derive(Clone)]
struct Connector {
    dialer: Dialer,
    to: Address,
    fault: Arc<std::sync::Mutex<Option<LineFault>>>,
}

impl tower_service::Service<Uri> for Connector {
    type Response = TokioIo<BoxStream>;
    type Error = LineFault;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, LineFault>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LineFault>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let Self { dialer, to, fault } = self.clone();
        Box::pin(async move {
            match dialer.dial(&to, true).await {
                Ok(stream) => Ok(TokioIo::new(stream)),
                Err(error) => {
                    *fault.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(error.clone());
                    Err(error)
                }
            }
        })
    }
}
