//! One enrolled store edge: its credential, a stream of events for each way, and its open lines.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bson::Document;
use futures_util::future::BoxFuture;
use messages::edge::enrol;
use messages::edge::grpc::v1;
use messages::edge::ingest::{IngestAnswer, MAX_EVENTS, MAX_UNDER_WAY};
use messages::{DeviceId, Secret};

use super::outbox::Outbox;
use super::reference;
use super::ways::{Http, Stream};

pub(crate) struct Device {
    by_http: Outbox,
    by_grpc: Outbox,
    /// Never sent anywhere but to the reference.
    written: Outbox,
    http: Http,
    grpc: Stream,
    /// The last body that went out by HTTP.
    last: Option<bytes::Bytes>,
}

/// Sends what was prepared, and tells how many events were applied.
type Sending = BoxFuture<'static, Result<u64>>;

impl Device {
    pub(crate) async fn enrol(hub: &str, token: &str) -> Result<Self> {
        let id = DeviceId::new();
        let wish = enrol::EdgeEnrolRequest {
            token: Secret::new(token),
            device_id: id,
            device_name: "bench".to_owned(),
            version: "0.1.0".to_owned(),
        };
        let client = reqwest::Client::builder().no_proxy().tcp_nodelay(true).build()?;
        let answer = client.post(format!("{hub}{}", enrol::PATH)).json(&wish).send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        ensure!(status.is_success(), "the hub does not enrol a device: {status} {text}");
        let grant: enrol::EdgeEnrolGrant = serde_json::from_str(&text)?;
        Ok(Self {
            by_http: Outbox::new(id),
            by_grpc: Outbox::new(id),
            written: Outbox::new(id),
            http: Http::new(client, hub, grant.credential.expose()),
            grpc: Stream::open(hub, grant.credential.expose()).await?,
            last: None,
        })
    }

    /// Nothing is made or encoded any more once it is polled.
    pub(crate) fn prepare_http(&mut self, batches: usize) -> Result<Sending> {
        let bodies = (0..batches)
            .map(|_| Ok(serde_json::to_vec(&self.by_http.batch(MAX_EVENTS)?)?.into()))
            .collect::<Result<Vec<bytes::Bytes>>>()?;
        self.last = bodies.last().cloned();
        let http = self.http.clone();
        Ok(Box::pin(async move {
            let mut applied = 0;
            for body in bodies {
                applied += all_applied(&http.post(body).await?, MAX_EVENTS)?;
            }
            Ok(applied)
        }))
    }

    pub(crate) fn prepare_grpc(&mut self, batches: usize) -> Result<Sending> {
        let batches = (0..batches)
            .map(|_| Ok(self.by_grpc.batch(MAX_EVENTS)?.into()))
            .collect::<Result<Vec<v1::EventBatch>>>()?;
        let stream = self.grpc.clone();
        Ok(Box::pin(async move {
            let mut lines = stream.lock().await;
            let (count, mut waiting, mut applied) = (batches.len(), batches.into_iter(), 0);
            for batch in waiting.by_ref().take(MAX_UNDER_WAY) {
                lines.say(batch).await?;
            }
            for _ in 0..count {
                applied += all_applied(&lines.hear().await?, MAX_EVENTS)?;
                if let Some(batch) = waiting.next() {
                    lines.say(batch).await?;
                }
            }
            Ok(applied)
        }))
    }

    pub(crate) fn documents(&mut self, batches: usize) -> Result<Vec<Vec<Document>>> {
        (0..batches).map(|_| reference::documents(&self.written.batch(MAX_EVENTS)?)).collect()
    }

    /// From the batch in memory to the answer in memory.
    pub(crate) async fn one_http(&mut self, size: usize) -> Result<(u64, Duration)> {
        let batch = self.by_http.batch(size)?;
        let began = Instant::now();
        let answer = self.http.post(serde_json::to_vec(&batch)?.into()).await?;
        let took = began.elapsed();
        Ok((all_applied(&answer, size)?, took))
    }

    pub(crate) async fn one_grpc(&mut self, size: usize) -> Result<(u64, Duration)> {
        let batch = self.by_grpc.batch(size)?;
        let mut lines = self.grpc.lock().await;
        let began = Instant::now();
        lines.say(batch.into()).await?;
        let answer = lines.hear().await?;
        let took = began.elapsed();
        Ok((all_applied(&answer, size)?, took))
    }

    /// That were sent to the hub.
    pub(crate) fn sales(&self) -> u64 {
        self.by_http.sales() + self.by_grpc.sales()
    }

    /// How many of the last batch are told to be known.
    pub(crate) async fn again(&self) -> Result<usize> {
        let body = self.last.clone().context("nothing was sent by HTTP")?;
        let answer = self.http.post(body).await?;
        ensure!(
            answer.accepted.is_empty() && answer.errors.is_empty(),
            "a repeated batch was applied again: {answer:?}"
        );
        Ok(answer.duplicates.len())
    }
}

fn all_applied(answer: &IngestAnswer, size: usize) -> Result<u64> {
    ensure!(answer.accepted.len() == size, "not all of {size} events were applied: {answer:?}");
    Ok(u64::try_from(size)?)
}
