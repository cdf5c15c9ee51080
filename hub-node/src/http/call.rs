//! A request as handlers see it, after it has been let in.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use actors::ingest::request::{EdgeReply, EdgeRequest};
use actors::retailer::request::{Request, Response};
use http::HeaderMap;
use http::header::{COOKIE, IF_MATCH};
use ipnet::IpNet;
use messages::live::Entity;
use messages::{ErrorCode, Problem, RetailerId, Version};
use serde::de::DeserializeOwned;

use super::State;
use crate::access::{Caller, Client};

/// How long a retailer's actor may take. Long enough for its shard to move, shorter than a browser's patience.
pub(super) const DEADLINE: Duration = Duration::from_secs(10);
/// Longer keys are somebody's mistake.
const MAX_IDEMPOTENCY_KEY: usize = 128;

/// Values of the path's parameters.
pub type Params = Vec<(&'static str, String)>;

/// One request.
pub struct Call {
    pub state: Arc<State>,
    /// Absent on public routes only.
    pub caller: Option<Caller>,
    pub client: Client,
    pub params: Params,
    pub query: String,
    pub headers: HeaderMap,
}

impl Call {
    /// Who asks. On a route that is not public there always is one.
    pub fn caller(&self) -> Result<&Caller, Problem> {
        self.caller.as_ref().ok_or_else(|| ErrorCode::NotAuthenticated.into())
    }

    /// An identifier from the path. One that cannot be is one that is not there.
    pub fn id<T: std::str::FromStr>(&self, name: &str) -> Result<T, Problem> {
        let text = self.params.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str());
        text.and_then(|text| text.parse().ok())
            .ok_or_else(|| Problem::new(ErrorCode::NotFound, format!("there is no such {name}")))
    }

    pub fn retailer(&self) -> Result<RetailerId, Problem> {
        self.id("retailer")
    }

    pub fn query<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        serde_urlencoded::from_str(&self.query).map_err(|error| {
            Problem::new(ErrorCode::MalformedRequest, format!("the query cannot be read: {error}"))
        })
    }

    /// The revision that is to be changed.
    pub fn expected(&self) -> Result<Version, Problem> {
        let Some(value) = self.headers.get(IF_MATCH) else {
            let detail = "say which version you change, with If-Match and the ETag you got";
            return Err(Problem::new(ErrorCode::MissingPrecondition, detail));
        };
        value.to_str().ok().and_then(parse_etag).ok_or_else(|| {
            Problem::new(
                ErrorCode::MalformedRequest,
                "If-Match must be one ETag as the hub gave it, such as \"12\"",
            )
        })
    }

    /// The key under which a repeated request is answered with what the first one made. A user cannot meet the keys
    /// of another.
    pub fn idempotency(&self) -> Result<Option<String>, Problem> {
        let Some(value) = self.headers.get("idempotency-key") else { return Ok(None) };
        let key = value.to_str().ok().filter(|key| !key.is_empty() && key.len() <= MAX_IDEMPOTENCY_KEY);
        let Some(key) = key else {
            let detail = "Idempotency-Key must have 1 to 128 visible ASCII characters";
            return Err(Problem::new(ErrorCode::MalformedRequest, detail));
        };
        Ok(Some(format!("{}:{key}", self.caller()?.user)))
    }

    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).find_map(|line| {
            line.split(';')
                .find_map(|pair| pair.trim().split_once('=').filter(|(key, _)| *key == name).map(|(_, v)| v))
        })
    }

    pub async fn ask(&self, retailer: RetailerId, request: Request) -> Result<Response, Problem> {
        self.state.router.ask(retailer, request, DEADLINE).await
    }

    /// Asks for something whose answer is one thing.
    pub async fn ask_entity(&self, retailer: RetailerId, request: Request) -> Result<Entity, Problem> {
        match self.ask(retailer, request).await? {
            Response::Entity(entity) => Ok(*entity),
            other => Err(unexpected(&other)),
        }
    }

    /// Asks what takes in the events of store edges.
    pub async fn ask_edge(&self, retailer: RetailerId, request: EdgeRequest) -> Result<EdgeReply, Problem> {
        match self.ask(retailer, Request::Edge(Arc::new(request))).await? {
            Response::Edge(reply) => Ok(reply),
            other => Err(unexpected(&other)),
        }
    }

    /// Asks for something whose answer is that it is done.
    pub async fn ask_done(&self, retailer: RetailerId, request: Request) -> Result<(), Problem> {
        match self.ask(retailer, request).await? {
            Response::Done => Ok(()),
            other => Err(unexpected(&other)),
        }
    }
}

/// An answer of another kind than was asked for: a defect of ours.
pub(super) fn unexpected(response: &Response) -> Problem {
    let kind = match response {
        Response::Done => "done",
        Response::Entity(_) => "entity",
        Response::Page(_) => "page",
        Response::Configuration(_) => "configuration",
        Response::Imported(_) => "imported",
        Response::Enrolled { .. } => "enrolled",
        Response::Known { .. } => "known",
        Response::Attached => "attached",
        Response::Acknowledged { .. } => "acknowledged",
        Response::Watched(_) => "watched",
        Response::Edge(_) => "edge",
        Response::Found(_) => "found",
    };
    tracing::error!(kind, "a retailer answered with something that was not asked for");
    ErrorCode::Internal.into()
}

fn parse_etag(text: &str) -> Option<Version> {
    let digits = text.trim().strip_prefix('"')?.strip_suffix('"')?;
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().map(Version)
}

/// The address a request comes from: the peer's, or what the proxies we trust say. The list is read from its end,
/// because everything before the first proxy of ours can be made up by the client.
#[must_use]
pub(crate) fn client_address(peer: Option<IpAddr>, headers: &HeaderMap, trusted: &[IpNet]) -> Option<IpAddr> {
    let mut address = peer?.to_canonical();
    let lines: Vec<&str> =
        headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).collect();
    for hop in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
        if !trusted.iter().any(|network| network.contains(&address)) {
            break;
        }
        match hop.trim().parse::<IpAddr>() {
            Ok(next) => address = next.to_canonical(),
            Err(_) => break,
        }
    }
    Some(address)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn an_etag_is_a_number_in_quotes() {
        assert_eq!(parse_etag("\"12\""), Some(Version(12)));
        for text in [
            "12",
            "\"\"",
            "W/\"12\"",
            "*",
            "\"12\", \"13\"",
            "\"-1\"",
            "\"+1\"",
            "\"99999999999999999999999\"",
        ] {
            assert_eq!(parse_etag(text), None, "{text}");
        }
    }

    #[test]
    fn forwarded_addresses_are_believed_from_trusted_proxies_only() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let proxy = [ip("10.0.0.1").into(), ip("10.0.0.2").into(), "10.7.0.0/16".parse().unwrap()];
        for (peer, forwarded, expected) in [
            ("203.0.113.9", "1.2.3.4", "203.0.113.9"),
            ("10.0.0.1", "1.2.3.4", "1.2.3.4"),
            ("10.0.0.1", "6.6.6.6, 1.2.3.4", "1.2.3.4"),
            ("10.0.0.1", "6.6.6.6, 1.2.3.4, 10.0.0.2", "1.2.3.4"),
            ("10.7.200.9", "6.6.6.6, 1.2.3.4, 10.7.1.1", "1.2.3.4"),
            ("10.8.0.1", "1.2.3.4", "10.8.0.1"),
            ("10.0.0.1", "nonsense", "10.0.0.1"),
            ("10.0.0.1", "", "10.0.0.1"),
            ("::ffff:10.0.0.1", "1.2.3.4", "1.2.3.4"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-for", HeaderValue::from_static(forwarded));
            assert_eq!(
                client_address(Some(ip(peer)), &headers, &proxy),
                Some(ip(expected)),
                "{peer} {forwarded}"
            );
        }
    }
}
