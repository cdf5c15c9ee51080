//! The two ways to the hub, each with a line that stays open.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use futures_util::stream::unfold;
use messages::edge::grpc::v1;
use messages::edge::grpc::v1::sync_service_client::SyncServiceClient;
use messages::edge::ingest::{IngestAnswer, MAX_UNDER_WAY, PATH};
use tokio::sync::{Mutex, mpsc};
use tonic::transport::Endpoint;

/// No answer takes so long, unless something is broken.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone)]
pub(crate) struct Http {
    client: reqwest::Client,
    to: String,
    authorization: String,
}

impl Http {
    pub(crate) fn new(client: reqwest::Client, hub: &str, credential: &str) -> Self {
        Self { client, to: format!("{hub}{PATH}"), authorization: format!("Bearer {credential}") }
    }

    pub(crate) async fn post(&self, body: Bytes) -> Result<IngestAnswer> {
        let request = self.client.post(&self.to).header("content-type", "application/json");
        let request = request.header("authorization", &self.authorization).timeout(PATIENCE).body(body);
        let answer = request.send().await?;
        let status = answer.status();
        let body = answer.bytes().await?;
        if !status.is_success() {
            bail!("the hub refused a batch: {status} {}", String::from_utf8_lossy(&body));
        }
        Ok(serde_json::from_slice(&body)?)
    }
}

/// A stream that is opened once.
#[derive(Clone)]
pub(crate) struct Stream(Arc<Mutex<Ends>>);

pub(crate) struct Ends {
    up: mpsc::Sender<v1::EventBatch>,
    down: tonic::Streaming<v1::Acknowledgment>,
}

impl Stream {
    pub(crate) async fn open(hub: &str, credential: &str) -> Result<Self> {
        let channel = Endpoint::from_shared(hub.to_owned())?.tcp_nodelay(true).connect().await?;
        let (up, batches) = mpsc::channel(MAX_UNDER_WAY);
        let batches = unfold(batches, async |mut batches| Some((batches.recv().await?, batches)));
        let mut request = tonic::Request::new(batches);
        request.metadata_mut().insert("authorization", format!("Bearer {credential}").parse()?);
        let response = SyncServiceClient::new(channel).stream_events(request).await?;
        Ok(Self(Arc::new(Mutex::new(Ends { up, down: response.into_inner() }))))
    }

    pub(crate) async fn lock(&self) -> tokio::sync::MutexGuard<'_, Ends> {
        self.0.lock().await
    }
}

impl Ends {
    pub(crate) async fn say(&self, batch: v1::EventBatch) -> Result<()> {
        self.up.send(batch).await.context("the stream is closed")
    }

    pub(crate) async fn hear(&mut self) -> Result<IngestAnswer> {
        let heard = tokio::time::timeout(PATIENCE, self.down.message()).await.context("no answer in time")?;
        let answer = heard?.context("the hub closed the stream")?;
        match answer.read()? {
            Ok(answer) => Ok(answer),
            Err(refusal) => bail!("the hub refused a batch: {}", refusal.detail),
        }
    }
}
