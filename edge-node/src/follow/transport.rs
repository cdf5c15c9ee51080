//! How a question gets to the hub and its page back. Two ways with one contract.

use std::time::Duration;

use futures_util::future::BoxFuture;
use messages::Secret;
use messages::edge::catalogue::{ChangesPage, ChangesRequest, PATH};
use messages::edge::grpc::v1;
use messages::edge::grpc::v1::sync_service_client::SyncServiceClient;

use crate::line::{Address, Dialer};
use crate::relay::grpc::{Caller, Turns};
use crate::relay::plan::SendFault;
use crate::relay::transport::{BadCredential, Post};

/// A way to the hub. Asking twice is safe: nothing is taken away by an answer.
pub trait Transport: Send + Sync {
    fn ask<'a>(&'a self, question: &'a ChangesRequest) -> BoxFuture<'a, Result<ChangesPage, SendFault>>;
}

/// One `POST` a question, on a connection of its own: it may be kept waiting.
pub struct HttpTransport(Post);

impl HttpTransport {
    /// `patience` is for one answer, the hub's own waiting included.
    pub fn new(
        dialer: Dialer,
        hub: Address,
        credential: &Secret,
        patience: Duration,
    ) -> Result<Self, BadCredential> {
        Post::new(dialer, hub, credential, patience, PATH).map(Self)
    }
}

impl Transport for HttpTransport {
    fn ask<'a>(&'a self, question: &'a ChangesRequest) -> BoxFuture<'a, Result<ChangesPage, SendFault>> {
        Box::pin(self.0.ask(question))
    }
}

/// One stream, one question at a time.
pub struct GrpcTransport(Turns<v1::ChangesRequest, v1::ChangesPage>);

impl GrpcTransport {
    /// `patience` is for one answer, the hub's own waiting included.
    pub fn new(
        dialer: Dialer,
        hub: Address,
        credential: &Secret,
        patience: Duration,
    ) -> Result<Self, BadCredential> {
        Ok(Self(Turns::new(Caller::new(dialer, hub, credential, patience)?)))
    }

    async fn stream(&self, question: &ChangesRequest) -> Result<ChangesPage, SendFault> {
        let call =
            |channel, request| async move { SyncServiceClient::new(channel).stream_changes(request).await };
        let page = self.0.turn(question.clone().into(), call).await?;
        self.0.judge(page.read())
    }
}

impl Transport for GrpcTransport {
    fn ask<'a>(&'a self, question: &'a ChangesRequest) -> BoxFuture<'a, Result<ChangesPage, SendFault>> {
        Box::pin(self.stream(question))
    }
}
