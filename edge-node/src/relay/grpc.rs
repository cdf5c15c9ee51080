//! The other way: one stream that stays open, batches up, acknowledgements down. [`Caller`] is what every stream to the
//! hub begins with.

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
use tonic::transport::{Channel, Endpoint};
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

/// Connects to the hub's streams and shows who we are.
pub(crate) struct Caller {
    dialer: Dialer,
    hub: Address,
    authorization: HeaderValue,
    patience: Duration,
}

/// One stream, made again when it is gone. One batch at a time.
pub struct GrpcTransport {
    caller: Caller,
    open: Mutex<Option<Open>>,
}

impl Caller {
    /// `patience` is for one answer.
    pub(crate) fn new(
        dialer: Dialer,
        hub: Address,
        credential: &Secret,
        patience: Duration,
    ) -> Result<Self, BadCredential> {
        Ok(Self { dialer, hub, authorization: authorization(credential)?, patience })
    }

    pub(crate) const fn patience(&self) -> Duration {
        self.patience
    }

    pub(crate) async fn channel(&self) -> Result<Channel, SendFault> {
        let endpoint = Endpoint::from_shared(self.hub.to_string())
            .map_err(|error| self.broken(&error.to_string()))?
            .connect_timeout(self.patience)
            .http2_keep_alive_interval(Duration::from_secs(20))
            .keep_alive_timeout(Duration::from_secs(20));
        let fault = Arc::new(std::sync::Mutex::new(None));
        let connector =
            Connector { dialer: self.dialer.clone(), to: self.hub.clone(), fault: Arc::clone(&fault) };
        endpoint.connect_with_connector(connector).await.map_err(|error| {
            // Our own dialling knows the cause better than what wraps it.
            let known = fault.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
            known.map_or_else(|| self.broken(&error.to_string()), SendFault::Line)
        })
    }

    pub(crate) fn request<T>(&self, outgoing: T) -> Result<Request<T>, SendFault> {
        let mut request = Request::new(outgoing);
        let value = MetadataValue::try_from(self.authorization.as_bytes())
            .map_err(|error| self.broken(&error.to_string()))?;
        request.metadata_mut().insert("authorization", value);
        Ok(request)
    }

    pub(crate) fn broken(&self, what: &str) -> SendFault {
        LineFault::new(OfflineCause::HubDown, format!("the stream to {}: {what}", self.hub)).into()
    }

    /// A refusal by who we are is the hub's word; everything else is taken for the line's fault.
    pub(crate) fn read(&self, status: &Status) -> SendFault {
        let code = match status.code() {
            Code::Unauthenticated => ErrorCode::NotAuthenticated,
            Code::PermissionDenied => ErrorCode::EdgeRevoked,
            _ => return self.broken(&format!("{:?}: {}", status.code(), status.message())),
        };
        Problem::new(code, status.message()).into()
    }
}

impl GrpcTransport {
    /// `patience` is for one answer.
    pub fn new(
        dialer: Dialer,
        hub: Address,
        credential: &Secret,
        patience: Duration,
    ) -> Result<Self, BadCredential> {
        Ok(Self { caller: Caller::new(dialer, hub, credential, patience)?, open: Mutex::default() })
    }

    async fn stream(&self, batch: &EventBatch) -> Result<IngestAnswer, SendFault> {
        let (caller, patience) = (&self.caller, self.caller.patience);
        let mut held = self.open.lock().await;
        let mut open = match held.take() {
            Some(open) if open.up.try_send(batch.clone().into()).is_ok() => open,
            _ => timeout(patience, self.connect(batch))
                .await
                .unwrap_or_else(|_| Err(caller.broken("no answer in time")))?,
        };
        let answer = match timeout(patience, open.down.message()).await {
            Ok(Ok(Some(answer))) => answer,
            Ok(Ok(None)) => return Err(caller.broken("the stream was closed")),
            Ok(Err(status)) => return Err(caller.read(&status)),
            Err(_) => return Err(caller.broken("no answer in time")),
        };
        *held = Some(open);
        match answer.read() {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(problem)) => Err(problem.into()),
            Err(unreadable) => Err(caller.broken(&format!("its answer cannot be read: {unreadable}"))),
        }
    }

    /// Opens the stream with its first batch on the way: some servers say nothing before they have heard something.
    async fn connect(&self, first: &EventBatch) -> Result<Open, SendFault> {
        let caller = &self.caller;
        let channel = caller.channel().await?;
        let (up, batches) = mpsc::channel(MAX_UNDER_WAY);
        up.try_send(first.clone().into()).map_err(|error| caller.broken(&error.to_string()))?;
        let request = caller.request(Outgoing(batches))?;
        let response = SyncServiceClient::new(channel)
            .stream_events(request)
            .await
            .map_err(|status| caller.read(&status))?;
        Ok(Open { up, down: response.into_inner() })
    }
}

impl Transport for GrpcTransport {
    fn send<'a>(&'a self, batch: &'a EventBatch) -> BoxFuture<'a, Result<IngestAnswer, SendFault>> {
        Box::pin(self.stream(batch))
    }
}

/// A queue as a stream.
pub(crate) struct Outgoing<T>(pub(crate) mpsc::Receiver<T>);

impl<T> futures_util::Stream for Outgoing<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
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
