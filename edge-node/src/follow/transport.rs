//! How a question gets to the hub and its page back. Two ways with one contract.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request};
use http_body_util::Full;
use messages::Secret;
use messages::edge::catalogue::{ChangesPage, ChangesRequest, PATH};
use messages::edge::grpc::v1;
use messages::edge::grpc::v1::sync_service_client::SyncServiceClient;
use messages::edge::status::OfflineCause;
use tokio::sync::{Mutex, mpsc};
use tokio::time::timeout;
use tonic::Streaming;

use crate::line::{Address, Dialer, HttpLine, LineFault};
use crate::relay::grpc::{Caller, Outgoing};
use crate::relay::plan::SendFault;
use crate::relay::transport::{BadCredential, authorization};

/// A way to the hub. Asking twice is safe: nothing is taken away by an answer.
pub trait Transport: Send + Sync {
    fn ask<'a>(&'a self, question: &'a ChangesRequest) -> BoxFuture<'a, Result<ChangesPage, SendFault>>;
}

/// One `POST` a question, on a connection of its own: it may be kept waiting.
pub struct HttpTransport {
    line: HttpLine,
    authorization: HeaderValue,
}

impl HttpTransport {
    /// `patience` is for one answer, the hub's own waiting included.
    pub fn new(
        dialer: Dialer,
        hub: Address,
        credential: &Secret,
        patience: Duration,
    ) -> Result<Self, BadCredential> {
        let authorization = authorization(credential)?;
        Ok(Self { line: HttpLine::new(dialer, hub, patience), authorization })
    }

    async fn post(&self, question: &ChangesRequest) -> Result<ChangesPage, SendFault> {
        let down = |what: String| {
            SendFault::Line(LineFault::new(OfflineCause::HubDown, format!("{}: {what}", self.line.to())))
        };
        let body = serde_json::to_vec(question).map_err(|error| down(error.to_string()))?;
        let request = Request::post(PATH)
            .header(CONTENT_TYPE, "application/json")
            .header(AUTHORIZATION, self.authorization.clone())
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| down(error.to_string()))?;
        let answer = self.line.send(request).await?;
        if answer.status.is_success() {
            return serde_json::from_slice(&answer.body)
                .map_err(|error| down(format!("its answer cannot be read: {error}")));
        }
        match answer.problem() {
            Ok(problem) => Err(problem.into()),
            Err(status) => Err(down(format!("something answers with status {status}"))),
        }
    }
}

impl Transport for HttpTransport {
    fn ask<'a>(&'a self, question: &'a ChangesRequest) -> BoxFuture<'a, Result<ChangesPage, SendFault>> {
        Box::pin(self.post(question))
    }
}

/// The stream's two ends.
struct Open {
    up: mpsc::Sender<v1::ChangesRequest>,
    down: Streaming<v1::ChangesPage>,
}

/// One stream, made again when it is gone. One question at a time.
pub struct GrpcTransport {
    caller: Caller,
    open: Mutex<Option<Open>>,
}

impl GrpcTransport {
    /// `patience` is for one answer, the hub's own waiting included.
    pub fn new(
        dialer: Dialer,
        hub: Address,
        credential: &Secret,
        patience: Duration,
    ) -> Result<Self, BadCredential> {
        Ok(Self { caller: Caller::new(dialer, hub, credential, patience)?, open: Mutex::default() })
    }

    async fn stream(&self, question: &ChangesRequest) -> Result<ChangesPage, SendFault> {
        let (caller, patience) = (&self.caller, self.caller.patience());
        let mut held = self.open.lock().await;
        let mut open = match held.take() {
            Some(open) if open.up.try_send(question.clone().into()).is_ok() => open,
            _ => timeout(patience, self.connect(question))
                .await
                .unwrap_or_else(|_| Err(caller.broken("no answer in time")))?,
        };
        let page = match timeout(patience, open.down.message()).await {
            Ok(Ok(Some(page))) => page,
            Ok(Ok(None)) => return Err(caller.broken("the stream was closed")),
            Ok(Err(status)) => return Err(caller.read(&status)),
            Err(_) => return Err(caller.broken("no answer in time")),
        };
        *held = Some(open);
        match page.read() {
            Ok(Ok(page)) => Ok(page),
            Ok(Err(problem)) => Err(problem.into()),
            Err(unreadable) => Err(caller.broken(&format!("its answer cannot be read: {unreadable}"))),
        }
    }

    async fn connect(&self, first: &ChangesRequest) -> Result<Open, SendFault> {
        let caller = &self.caller;
        let channel = caller.channel().await?;
        let (up, questions) = mpsc::channel(1);
        up.try_send(first.clone().into()).map_err(|error| caller.broken(&error.to_string()))?;
        let request = caller.request(Outgoing(questions))?;
        let response = SyncServiceClient::new(channel)
            .stream_changes(request)
            .await
            .map_err(|status| caller.read(&status))?;
        Ok(Open { up, down: response.into_inner() })
    }
}

impl Transport for GrpcTransport {
    fn ask<'a>(&'a self, question: &'a ChangesRequest) -> BoxFuture<'a, Result<ChangesPage, SendFault>> {
        Box::pin(self.stream(question))
    }
}
