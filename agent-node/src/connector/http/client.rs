//! One server, asked over one kept connection. Follows no redirect and keeps no cookie; secrets go into headers by
//! the caller and are never part of what is told.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use messages::ErrorCode;
use messages::connector::platform;
use tokio::time::timeout;

use crate::connector::{Failure, Means};
use crate::net::{Dialer, HubAddress, NetError, Stage};

/// An answer, read whole.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// See the module.
pub struct Client {
    dialer: Dialer,
    to: HubAddress,
    /// Before each path, without a slash at its end.
    base: String,
    line: Option<SendRequest<Full<Bytes>>>,
    answer_within: Duration,
}

impl Client {
    /// A client for the server of this address; what path it has stands before each that is asked for.
    pub fn new(url: &str, means: &Means) -> Result<Self, Failure> {
        let wrong = || {
            let detail = format!(
                "\"{}\" is not an address that may be used",
                url.split('?').next().unwrap_or_default()
            );
            Failure::new(ErrorCode::DestinationRejected, detail)
        };
        platform::origin(url).ok_or_else(wrong)?;
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let tls = uri.scheme_str() == Some("https");
        let authority = uri.authority().ok_or_else(wrong)?;
        let to = HubAddress {
            tls,
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port: authority.port_u16().unwrap_or(if tls { 443 } else { 80 }),
        };
        // A proxy leads out of the shop, and plain addresses are this machine.
        let proxy = means.proxy.clone().filter(|_| tls);
        let dialer = Dialer::new(means.ca_file.as_ref(), proxy)
            .map_err(|error| Failure::new(ErrorCode::DestinationUnreachable, error.detail))?;
        let base = uri.path().trim_end_matches('/').to_owned();
        Ok(Self { dialer, to, base, line: None, answer_within: means.pace.answer })
    }

    /// The path of a resource of this server.
    #[must_use]
    pub fn path(&self, rest: &str) -> String {
        format!("{}{rest}", self.base)
    }

    /// As people and `Host` headers write it.
    #[must_use]
    pub fn host(&self) -> String {
        let usual = if self.to.tls { 443 } else { 80 };
        let authority = self.to.authority();
        match authority.strip_suffix(&format!(":{usual}")) {
            Some(host) => host.to_owned(),
            None => authority,
        }
    }

    /// Sends a request and reads the answer, of at most so many bytes. After a failure it is not known whether the
    /// request has arrived.
    pub async fn send(&mut self, mut request: Request<Full<Bytes>>, most: usize) -> Result<Reply, Failure> {
        let host = self.host();
        let value = host.parse().map_err(|_| unreachable(&host, "its name is no header value"))?;
        request.headers_mut().insert(header::HOST, value);
        let agent =
            header::HeaderValue::from_static(concat!("GrocerySync-Agent/", env!("CARGO_PKG_VERSION")));
        request.headers_mut().insert(header::USER_AGENT, agent);
        // Taken out: a request that is given up or fails leaves a connection of which nobody knows how it stands.
        let mut line = match self.line.take() {
            Some(line) if !line.is_closed() => line,
            _ => self.dial().await?,
        };
        let asked = async {
            line.ready().await?;
            line.send_request(request).await
        };
        let response = match timeout(self.answer_within, asked).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(unreachable(&host, &format!("the connection broke: {error}"))),
            Err(_) => {
                let waited = self.answer_within.as_secs();
                return Err(unreachable(&host, &format!("no answer within {waited} s")));
            }
        };
        let (head, body) = response.into_parts();
        let body = match timeout(self.answer_within, Limited::new(body, most).collect()).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
                let detail = format!("{host} answers with more than {most} bytes, which no such answer has");
                return Err(Failure::new(ErrorCode::DestinationFailed, detail));
            }
            Ok(Err(error)) => return Err(unreachable(&host, &format!("the answer broke off: {error}"))),
            Err(_) => return Err(unreachable(&host, "the answer did not end in time")),
        };
        self.line = Some(line);
        Ok(Reply { status: head.status, headers: head.headers, body })
    }

    async fn dial(&self) -> Result<SendRequest<Full<Bytes>>, Failure> {
        let host = self.host();
        let stream = self.dialer.dial(&self.to).await.map_err(|error| undialled(&error))?;
        let shaken = handshake(TokioIo::new(stream)).await;
        let (line, connection) = shaken.map_err(|error| unreachable(&host, &error.to_string()))?;
        // Ends with the sender.
        tokio::spawn(connection);
        Ok(line)
    }
}

fn unreachable(host: &str, what: &str) -> Failure {
    Failure::new(ErrorCode::DestinationUnreachable, format!("{host} could not be asked: {what}"))
}

fn undialled(error: &NetError) -> Failure {
    let advice = match error.stage {
        Stage::Name => "; check the address of the destination",
        Stage::Tls => "; if it has a certificate of its own authority, name that with ca_file at the agent",
        _ => "",
    };
    Failure::new(ErrorCode::DestinationUnreachable, format!("{}{advice}", error.detail))
}
