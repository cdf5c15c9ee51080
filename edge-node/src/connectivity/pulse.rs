//! The sign of life for the hub's console: that this edge is there, and how much waits in it. Sent after each look that
//! found the hub. Nothing depends on it: what does not get through is sent anew with the next look.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request};
use http_body_util::Full;
use messages::Secret;
use messages::edge::pulse::{EdgePulse, PATH};

use crate::line::HttpLine;
use crate::relay::transport::{BadCredential, authorization};
use crate::store::Store;

/// What a pulse is made of. Cheap to clone.
#[derive(Clone)]
pub struct Pulse {
    store: Store,
    authorization: HeaderValue,
}

impl Pulse {
    pub fn new(store: Store, credential: &Secret) -> Result<Self, BadCredential> {
        Ok(Self { store, authorization: authorization(credential)? })
    }

    /// Tells the hub. A hub that does not listen to pulses is as good as any.
    pub async fn send(&self, line: &HttpLine) {
        if let Err(why) = self.try_send(line).await {
            tracing::debug!(why, "the hub was not told how this edge stands");
        }
    }

    async fn try_send(&self, line: &HttpLine) -> Result<(), String> {
        let waiting = self.store.read(|store| store.unsent()).await.map_err(|problem| problem.detail)?;
        let pulse = EdgePulse {
            stream_id: waiting.stream_id,
            unsent: waiting.unsent,
            oldest_unsent_at: waiting.oldest_unsent_at,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let body = serde_json::to_vec(&pulse).map_err(|error| error.to_string())?;
        let request = Request::post(PATH)
            .header(CONTENT_TYPE, "application/json")
            .header(AUTHORIZATION, self.authorization.clone())
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| error.to_string())?;
        let answer = line.send(request).await.map_err(|fault| fault.to_string())?;
        if answer.status.is_success() { Ok(()) } else { Err(format!("status {}", answer.status)) }
    }
}
