//! The webhook connector: posts each batch until the receiver says that it has it.

use std::time::SystemTime;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::{Request, StatusCode, header};
use http_body_util::Full;
use messages::connector::platform::same_origin;
use messages::connector::{Credentials, WebhookDestination};
use messages::{ErrorCode, RunId, Secret};

use super::{body, sign};
use crate::connector::http::{Client, Reply, judge};
use crate::connector::stage::{Room, Stage};
use crate::connector::staged_sink::{NAME, Platform, Portion, Setback, StagedSink, Taken};
use crate::connector::{Answer, DestinationConnector, Failure, ForRun, ItemSink, Means};

/// What a receiver's web server takes without being told to.
const BATCH_BYTES: usize = 1024 * 1024;
/// An answer names rejected items at most.
const MAX_ANSWER: usize = 512 * 1024;
/// To another place of the same server; more is a circle.
const REDIRECTS: usize = 3;

pub struct WebhookConnector {
    config: WebhookDestination,
    secret: Option<Secret>,
    means: Means,
}

impl WebhookConnector {
    #[must_use]
    pub fn new(config: WebhookDestination, credentials: Option<&Credentials>, means: Means) -> Self {
        let secret = match credentials {
            Some(Credentials::Token { token }) => Some(token.clone()),
            _ => None,
        };
        Self { config, secret, means }
    }

    fn hook(&self, run_id: RunId) -> Result<Hook, Failure> {
        let secret = self.secret.clone().ok_or_else(|| {
            Failure::new(ErrorCode::DestinationRefused, "no signing secret is stored for the webhook")
        })?;
        let client = Client::new(&self.config.url, &self.means)?;
        let config = self.config.clone();
        Ok(Hook { target: config.url.clone(), config, secret, client, run_id })
    }
}

impl DestinationConnector for WebhookConnector {
    fn check(&self) -> Answer<'_, String> {
        async move {
            let mut hook = self.hook(RunId::new())?;
            // Asks nothing of the receiver but to be there: any answer of its own will do.
            let request = Request::options(path_of(&self.config.url)).body(Full::default());
            let request = request.map_err(|error| unsendable(&error))?;
            let reply = hook.client.send(request, MAX_ANSWER).await?;
            if reply.status.is_server_error() {
                let detail = format!("{} answers with status {}", hook.client.host(), reply.status.as_u16());
                return Err(Failure::new(ErrorCode::DestinationFailed, detail));
            }
            Ok(format!("{} can be reached", hook.client.host()))
        }
        .boxed()
    }

    fn open<'a>(&'a self, run: &'a ForRun) -> Answer<'a, Box<dyn ItemSink>> {
        async move {
            let hook = self.hook(run.run_id)?;
            let stage = Stage::create(&self.means.scratch, run, NAME).await?;
            Ok(Box::new(StagedSink::new(hook, self.means.pace, stage)) as Box<dyn ItemSink>)
        }
        .boxed()
    }
}

struct Hook {
    config: WebhookDestination,
    secret: Secret,
    client: Client,
    run_id: RunId,
    /// The configured address, or where the same server has sent us.
    target: String,
}

impl Hook {
    async fn post(&mut self, portion: &Portion<'_>) -> Result<Taken, Setback> {
        let body = body::write(self.run_id, portion.number, portion.last, portion.rows)
            .map_err(|error| Setback::final_(Failure::new(ErrorCode::Internal, error.to_string())))?;
        // With the content in it: should a later attempt find other rows in the source, its batches are new ones.
        let id = format!("{}.{}.{}", self.run_id, portion.number, sign::digest(&body));
        let body = Bytes::from(body);
        for _ in 0..=REDIRECTS {
            let reply = self.ask(&id, body.clone()).await?;
            let Some(place) = self.elsewhere(&reply)? else {
                if let Some(setback) = judge::setback(&self.client.host(), &reply, SystemTime::now()) {
                    return Err(setback);
                }
                let rejects = body::rejects(&reply.body, portion.rows);
                return Ok(Taken { bytes: body.len() as u64, rejects, notes: Vec::new() });
            };
            self.target = place;
        }
        let detail = format!("{} sends batches from place to place without an end", self.client.host());
        Err(Setback::final_(Failure::new(ErrorCode::DestinationRejected, detail)))
    }

    async fn ask(&mut self, id: &str, body: Bytes) -> Result<Reply, Setback> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let request = Request::post(path_of(&self.target))
            .header(header::CONTENT_TYPE, "application/json")
            .header("idempotency-key", id)
            .header("webhook-id", id)
            .header("webhook-timestamp", now.to_string())
            .header("webhook-signature", sign::signature(self.secret.expose(), id, now, &body))
            .body(Full::new(body))
            .map_err(|error| Setback::final_(unsendable(&error)))?;
        self.client.send(request, MAX_ANSWER).await.map_err(Setback::passing)
    }

    /// Where the receiver wants the batch, if that is another place of its own. Another server would get items that
    /// were meant for this one, so it gets none.
    fn elsewhere(&self, reply: &Reply) -> Result<Option<String>, Setback> {
        if !matches!(reply.status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT) {
            return Ok(None);
        }
        let Some(location) = reply.header("location") else { return Ok(None) };
        let origin = messages::connector::platform::origin(&self.config.url).unwrap_or_default();
        let place =
            if location.starts_with('/') { format!("{origin}{location}") } else { location.to_owned() };
        if same_origin(&place, &self.config.url) {
            return Ok(Some(place));
        }
        let shown = messages::connector::platform::origin(&place).unwrap_or("another server");
        let detail = format!(
            "{} wants the items sent to {shown}; if that is right, enter that address in the destination",
            self.client.host()
        );
        Err(Setback::final_(Failure::new(ErrorCode::DestinationRejected, detail)))
    }
}

impl Platform for Hook {
    fn room(&self) -> Room {
        Room { items: usize::try_from(self.config.batch_items).unwrap_or(1), bytes: BATCH_BYTES }
    }

    fn hears_of_nothing(&self) -> bool {
        true
    }

    fn send<'a>(&'a mut self, portion: Portion<'a>) -> BoxFuture<'a, Result<Taken, Setback>> {
        async move { self.post(&portion).await }.boxed()
    }

    fn place(&self) -> String {
        self.client.host()
    }
}

/// What stands behind the server in an address.
fn path_of(url: &str) -> String {
    let behind =
        url.get(messages::connector::platform::origin(url).map_or(0, str::len)..).unwrap_or_default();
    if behind.starts_with('/') { behind.to_owned() } else { format!("/{behind}") }
}

fn unsendable(error: &http::Error) -> Failure {
    Failure::new(ErrorCode::DestinationRejected, format!("the request cannot be sent: {error}"))
}
