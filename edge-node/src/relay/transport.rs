//! How a batch gets to the hub and its answer back. Two ways with one contract.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request};
use http_body_util::Full;
use messages::Secret;
use messages::edge::ingest::{EventBatch, IngestAnswer, PATH};
use messages::edge::status::OfflineCause;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::plan::SendFault;
use crate::line::{Address, Dialer, HttpLine, LineFault};

/// A way to the hub. Sending the same batch twice is safe: the hub knows each event by its id.
pub trait Transport: Send + Sync {
    fn send<'a>(&'a self, batch: &'a EventBatch) -> BoxFuture<'a, Result<IngestAnswer, SendFault>>;
}

/// One `POST` a batch.
pub struct HttpTransport(Post);

/// Posts questions to one address of the hub and reads the answers.
pub(crate) struct Post {
    line: HttpLine,
    authorization: HeaderValue,
    path: &'static str,
}

/// The credential cannot stand in a header.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the credential holds characters that no credential has; enrol the edge again")]
pub struct BadCredential;

/// `Bearer …`, marked so that no log shows it.
pub fn authorization(credential: &Secret) -> Result<HeaderValue, BadCredential> {
    let mut value =
        HeaderValue::try_from(format!("Bearer {}", credential.expose())).map_err(|_| BadCredential)?;
    value.set_sensitive(true);
    Ok(value)
}

impl Post {
    /// `patience` is for one answer.
    pub(crate) fn new(
        dialer: Dialer,
        hub: Address,
        credential: &Secret,
        patience: Duration,
        path: &'static str,
    ) -> Result<Self, BadCredential> {
        let authorization = authorization(credential)?;
        Ok(Self { line: HttpLine::new(dialer, hub, patience), authorization, path })
    }

    pub(crate) async fn ask<Q, A>(&self, question: &Q) -> Result<A, SendFault>
    where
        Q: Serialize + Sync,
        A: DeserializeOwned,
    {
        let down = |what: String| {
            SendFault::Line(LineFault::new(OfflineCause::HubDown, format!("{}: {what}", self.line.to())))
        };
        let body = serde_json::to_vec(question).map_err(|error| down(error.to_string()))?;
        let request = Request::post(self.path)
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

impl HttpTransport {
    /// `patience` is for one answer.
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
    fn send<'a>(&'a self, batch: &'a EventBatch) -> BoxFuture<'a, Result<IngestAnswer, SendFault>> {
        Box::pin(self.0.ask(batch))
    }
}
