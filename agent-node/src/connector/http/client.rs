//! One server, asked over one kept connection. Follows no redirect and keeps no cookie; secrets go into headers by
//! the caller and are never part of what is told.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use messages::ErrorCode;
use messages::connector::{HttpAuth, HttpJsonSource, http_json, platform};
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

/// Whose server it is: the codes under which its faults are told.
#[derive(Debug, Clone, Copy)]
struct Side {
    what: &'static str,
    unusable: ErrorCode,
    unreachable: ErrorCode,
    failed: ErrorCode,
    may_be_near: bool,
}

const DESTINATION: Side = Side {
    what: "destination",
    unusable: ErrorCode::DestinationRejected,
    unreachable: ErrorCode::DestinationUnreachable,
    failed: ErrorCode::DestinationFailed,
    may_be_near: false,
};

const SOURCE: Side = Side {
    what: "source",
    unusable: ErrorCode::SourceMalformed,
    unreachable: ErrorCode::SourceUnreadable,
    failed: ErrorCode::SourceUnreadable,
    may_be_near: true,
};

/// An answer whose body is still to come. The line takes the next request when the body was read to its end.
pub struct Begun {
    pub response: http::Response<Incoming>,
    pub line: Line,
}

/// A connection that is busy with an answer.
pub struct Line(SendRequest<Full<Bytes>>);

/// See the module.
pub struct Client {
    side: Side,
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
        Self::of(DESTINATION, url, platform::origin(url).is_some(), means)
    }

    /// The same for a server that items are read from.
    pub fn of_source(url: &str, auth: &HttpAuth, means: &Means) -> Result<Self, Failure> {
        Self::of(SOURCE, url, HttpJsonSource::may_ask(url, auth), means)
    }

    fn of(side: Side, url: &str, allowed: bool, means: &Means) -> Result<Self, Failure> {
        let wrong = || {
            let detail = format!(
                "\"{}\" is not an address that may be used",
                url.split('?').next().unwrap_or_default()
            );
            Failure::new(side.unusable, detail)
        };
        if !allowed {
            return Err(wrong());
        }
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let tls = uri.scheme_str() == Some("https");
        let authority = uri.authority().ok_or_else(wrong)?;
        let to = HubAddress {
            tls,
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port: authority.port_u16().unwrap_or(if tls { 443 } else { 80 }),
        };
        // A proxy leads out of the shop; plain addresses, and a source nearby, are within.
        let within = !tls || (side.may_be_near && http_json::is_nearby_host(&to.host));
        let dialer = Dialer::new(means.ca_file.as_ref(), means.proxy.clone().filter(|_| !within))
            .map_err(|error| Failure::new(side.unreachable, error.detail))?;
        let base = uri.path().trim_end_matches('/').to_owned();
        Ok(Self { side, dialer, to, base, line: None, answer_within: means.pace.answer })
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
    pub async fn send(&mut self, request: Request<Full<Bytes>>, most: usize) -> Result<Reply, Failure> {
        let host = self.host();
        let Begun { response, line } = self.begin(request, self.answer_within).await?;
        let (head, body) = response.into_parts();
        let body = match timeout(self.answer_within, Limited::new(body, most).collect()).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
                let detail = format!("{host} answers with more than {most} bytes, which no such answer has");
                return Err(Failure::new(self.side.failed, detail));
            }
            Ok(Err(error)) => return Err(self.unreachable(&format!("the answer broke off: {error}"))),
            Err(_) => return Err(self.unreachable("the answer did not end in time")),
        };
        self.keep(line);
        Ok(Reply { status: head.status, headers: head.headers, body })
    }

    /// The body was read to its end: the line may be used again.
    pub fn keep(&mut self, line: Line) {
        self.line = Some(line.0);
    }

    /// Sends a request and waits for the answer to begin.
    pub async fn begin(
        &mut self,
        mut request: Request<Full<Bytes>>,
        within: Duration,
    ) -> Result<Begun, Failure> {
        let host = self.host();
        let value = host.parse().map_err(|_| self.unreachable("its name is no header value"))?;
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
        match timeout(within, asked).await {
            Ok(Ok(response)) => Ok(Begun { response, line: Line(line) }),
            Ok(Err(error)) => Err(self.unreachable(&format!("the connection broke: {error}"))),
            Err(_) => Err(self.unreachable(&format!("no answer within {} s", within.as_secs()))),
        }
    }

    async fn dial(&self) -> Result<SendRequest<Full<Bytes>>, Failure> {
        let stream = self.dialer.dial(&self.to).await.map_err(|error| undialled(self.side, &error))?;
        let shaken = handshake(TokioIo::new(stream)).await;
        let (line, connection) = shaken.map_err(|error| self.unreachable(&error.to_string()))?;
        // Ends with the sender.
        tokio::spawn(connection);
        Ok(line)
    }

    fn unreachable(&self, what: &str) -> Failure {
        Failure::new(self.side.unreachable, format!("{} could not be asked: {what}", self.host()))
    }
}

fn undialled(side: Side, error: &NetError) -> Failure {
    let advice = match error.stage {
        Stage::Name => format!("; check the address of the {}", side.what),
        Stage::Tls => {
            "; if it has a certificate of its own authority, name that with ca_file at the agent".to_owned()
        }
        _ => String::new(),
    };
    Failure::new(side.unreachable, format!("{}{advice}", error.detail))
}
