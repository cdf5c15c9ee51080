//! A connection to the hub that is kept for one request after another, and made anew when it was lost.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, header};
use http_body_util::Full;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use super::dial::{NetError, Stage};
use super::request::{Answer, read_at_most};
use super::{Dialer, HubAddress};

/// See the module. One request at a time.
pub struct Kept {
    dialer: Dialer,
    hub: HubAddress,
    line: Option<SendRequest<Full<Bytes>>>,
    /// Bytes of an answer.
    most: usize,
}

impl Kept {
    #[must_use]
    pub const fn new(dialer: Dialer, hub: HubAddress, most: usize) -> Self {
        Self { dialer, hub, line: None, most }
    }

    /// The next request goes over a new connection.
    pub fn hang_up(&mut self) {
        self.line = None;
    }

    /// Sends a request and reads the answer. After a failure it is not known whether the request has arrived.
    pub async fn send(
        &mut self,
        mut request: Request<Full<Bytes>>,
        within: Duration,
    ) -> Result<Answer, NetError> {
        let hub = &self.hub;
        let fail = |what: &dyn std::fmt::Display| {
            NetError::new(Stage::Http, format!("{hub} did not answer as a hub does: {what}"))
        };
        let host = hub.authority().parse().map_err(|_| fail(&"its name is no header value"))?;
        request.headers_mut().insert(header::HOST, host);
        // Taken out: a request that is given up or fails leaves a connection of which nobody knows how it stands.
        let mut line = match self.line.take() {
            Some(line) if !line.is_closed() => line,
            _ => {
                let stream = self.dialer.dial(hub).await?;
                let (line, connection) =
                    handshake(TokioIo::new(stream)).await.map_err(|error| fail(&error))?;
                // Ends with the sender.
                tokio::spawn(connection);
                line
            }
        };
        let asked = async {
            line.ready().await?;
            line.send_request(request).await
        };
        let response = match timeout(within, asked).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(fail(&error)),
            Err(_) => return Err(NetError::new(Stage::Silence, format!("{hub} gives no answer in time"))),
        };
        let answer = read_at_most(response, self.most).await?;
        self.line = Some(line);
        Ok(answer)
    }
}
