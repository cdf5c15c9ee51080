//! The other way: one stream that stays open, batches up, acknowledgements down. [`Turns`] is what every stream to the
//! hub is made of.

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
use messages::edge::ingest::{EventBatch, IngestAnswer};
use messages::edge::status::OfflineCause;
use messages::{ErrorCode, Problem, Secret};
use tokio::sync::{Mutex, mpsc};
use tokio::time::timeout;
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status, Streaming};

use super::plan::SendFault;
use super::transport::{BadCredential, Transport, authorization};
use crate::line::dial::BoxStream;
use crate::line::{Address, Dialer, LineFault};

/// The stream's two ends.
struct Open<U, D> {
    up: mpsc::Sender<U>,
    down: Streaming<D>,
}

/// Connects to the hub's streams and shows who we are.
pub(crate) struct Caller {
    dialer: Dialer,
    hub: Address,
    authorization: HeaderValue,
    patience: Duration,
}

/// One stream, made again when it is gone: one message up, one down, turn by turn.
pub(crate) struct Turns<U, D> {
    pub(crate) caller: Caller,
    open: Mutex<Option<Open<U, D>>>,
}

/// One batch at a time.
pub struct GrpcTransport(Turns<WireBatch, Acknowledgment>);

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

    async fn channel(&self) -> Result<Channel, SendFault> {
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

    fn request<T>(&self, outgoing: T) -> Result<Request<T>, SendFault> {
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
    fn read(&self, status: &Status) -> SendFault {
        let code = match status.code() {
            Code::Unauthenticated => ErrorCode::NotAuthenticated,
            Code::PermissionDenied => ErrorCode::EdgeRevoked,
            _ => return self.broken(&format!("{:?}: {}", status.code(), status.message())),
        };
        Problem::new(code, status.message()).into()
    }
}

impl<U: Send + 'static, D> Turns<U, D> {
    pub(crate) fn new(caller: Caller) -> Self {
        Self { caller, open: Mutex::default() }
    }

    /// Says this and waits for the answer. `connect` makes the call when there is no stream.
    pub(crate) async fn turn<C, F>(&self, message: U, connect: C) -> Result<D, SendFault>
    where
        C: FnOnce(Channel, Request<Outgoing<U>>) -> F,
        F: Future<Output = Result<Response<Streaming<D>>, Status>>,
    {
        let (caller, patience) = (&self.caller, self.caller.patience);
        let mut held = self.open.lock().await;
        let opening = self.opened(held.take(), message, connect);
        let mut open =
            timeout(patience, opening).await.unwrap_or_else(|_| Err(caller.broken("no answer in time")))?;
        let answer = match timeout(patience, open.down.message()).await {
            Ok(Ok(Some(answer))) => answer,
            Ok(Ok(None)) => return Err(caller.broken("the stream was closed")),
            Ok(Err(status)) => return Err(caller.read(&status)),
            Err(_) => return Err(caller.broken("no answer in time")),
        };
        *held = Some(open);
        Ok(answer)
    }

    /// A stream with the message on the way.
    async fn opened<C, F>(
        &self,
        old: Option<Open<U, D>>,
        message: U,
        connect: C,
    ) -> Result<Open<U, D>, SendFault>
    where
        C: FnOnce(Channel, Request<Outgoing<U>>) -> F,
        F: Future<Output = Result<Response<Streaming<D>>, Status>>,
    {
        let caller = &self.caller;
        let message = match old {
            Some(open) => match open.up.try_send(message) {
                Ok(()) => return Ok(open),
                Err(refused) => refused.into_inner(),
            },
            None => message,
        };
        let channel = caller.channel().await?;
        // One message is under way at a time. Some servers say nothing before they have heard something.
        let (up, outgoing) = mpsc::channel(1);
        up.try_send(message).map_err(|error| caller.broken(&error.to_string()))?;
        let request = caller.request(Outgoing(outgoing))?;
        let response = connect(channel, request).await.map_err(|status| caller.read(&status))?;
        Ok(Open { up, down: response.into_inner() })
    }

    /// The message was an answer, a refusal, or nonsense.
    pub(crate) fn judge<T, E: std::fmt::Display>(
        &self,
        read: Result<Result<T, Problem>, E>,
    ) -> Result<T, SendFault> {
        match read {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(problem)) => Err(problem.into()),
            Err(unreadable) => Err(self.caller.broken(&format!("its answer cannot be read: {unreadable}"))),
        }
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
        Ok(Self(Turns::new(Caller::new(dialer, hub, credential, patience)?)))
    }

    async fn stream(&self, batch: &EventBatch) -> Result<IngestAnswer, SendFault> {
        let call =
            |channel, request| async move { SyncServiceClient::new(channel).stream_events(request).await };
        let answer = self.0.turn(batch.clone().into(), call).await?;
        self.0.judge(answer.read())
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
