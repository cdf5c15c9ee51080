//! One shop's GraphQL interface: asks, waits for points, and says what an answer that is none means.

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::{HeaderValue, Request, header};
use http_body_util::Full;
use messages::ErrorCode;
use messages::connector::{Credentials, ShopifyDestination};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::throttle::{Bucket, Cost};
use crate::connector::http::{Client, judge};
use crate::connector::staged_sink::Setback;
use crate::connector::{Failure, Means};

/// Each version is served for a year; the next one is taken up with a look at what it changes.
const VERSION: &str = "2026-04";
/// Answers list 250 variants at most, or one product.
const MAX_ANSWER: usize = 4 * 1024 * 1024;
/// A request of which nothing is known yet.
const USUAL_COST: u64 = 50;
/// In a row, of one request: other programs may live from the same bucket, but not all of the time.
const THROTTLED: u32 = 20;

/// A request and the name under which its cost is remembered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Query {
    pub(super) name: &'static str,
    pub(super) text: &'static str,
}

pub(super) struct Graph {
    client: Client,
    token: HeaderValue,
    bucket: Option<(Bucket, Instant)>,
    costs: HashMap<&'static str, u64>,
}

impl Graph {
    pub(super) fn new(
        to: &ShopifyDestination,
        credentials: Option<&Credentials>,
        means: &Means,
    ) -> Result<Self, Failure> {
        let missing =
            || Failure::new(ErrorCode::DestinationRefused, "no access token is stored for the shop");
        let Some(Credentials::Token { token }) = credentials else { return Err(missing()) };
        let mut token = HeaderValue::from_str(token.expose()).map_err(|_| missing())?;
        token.set_sensitive(true);
        Ok(Self { client: Client::new(&to.url, means)?, token, bucket: None, costs: HashMap::new() })
    }

    pub(super) fn host(&self) -> String {
        self.client.host()
    }

    /// The `data` of the answer.
    pub(super) async fn ask(&mut self, query: Query, variables: Value) -> Result<Value, Setback> {
        let body = Bytes::from(json!({"query": query.text, "variables": variables}).to_string());
        for _ in 0..THROTTLED {
            let cost = self.costs.get(query.name).copied().unwrap_or(USUAL_COST);
            if let Some(wait) = self.bucket.and_then(|(bucket, seen)| bucket.wait(cost, seen.elapsed())) {
                sleep(wait).await;
            }
            let answer = self.once(body.clone()).await?;
            let Cost { asked, bucket } = Cost::of(&answer);
            if let Some(asked) = asked {
                self.costs.insert(query.name, asked);
            }
            self.bucket = bucket.map(|bucket| (bucket, Instant::now()));
            match trouble(&answer) {
                None => return Ok(answer["data"].clone()),
                Some(Trouble::Throttled) if self.bucket.is_some() => {}
                Some(Trouble::Throttled) => sleep(Duration::from_secs(1)).await,
                Some(Trouble::Passing(said)) => return Err(self.failed(said)),
                Some(Trouble::Refused(said)) => {
                    let detail = format!("{} does not allow \"{}\": {said}", self.host(), query.name);
                    return Err(Setback::final_(Failure::new(ErrorCode::DestinationRefused, detail)));
                }
                Some(Trouble::Wrong(said)) => {
                    let detail = format!("{} cannot carry out \"{}\": {said}", self.host(), query.name);
                    return Err(Setback::final_(Failure::new(ErrorCode::DestinationRejected, detail)));
                }
            }
        }
        Err(self.failed("other programs use up the points that the shop grants".to_owned()))
    }

    fn failed(&self, said: String) -> Setback {
        let detail = format!("{} cannot answer just now: {said}", self.host());
        Setback::passing(Failure::new(ErrorCode::DestinationFailed, detail))
    }

    async fn once(&mut self, body: Bytes) -> Result<Value, Setback> {
        let request = Request::post(format!("/admin/api/{VERSION}/graphql.json"))
            .header(header::CONTENT_TYPE, "application/json")
            .header("x-shopify-access-token", self.token.clone())
            .body(Full::new(body))
            .map_err(|error| Setback::final_(Failure::new(ErrorCode::Internal, error.to_string())))?;
        let reply = self.client.send(request, MAX_ANSWER).await.map_err(Setback::passing)?;
        if let Some(setback) = judge::setback(&self.host(), &reply, SystemTime::now()) {
            return Err(setback);
        }
        serde_json::from_slice(&reply.body).map_err(|_| {
            let said = format!("its answer is no JSON{}", judge::said(&reply.body));
            self.failed(said)
        })
    }
}

/// Why an answer with status 200 is none.
#[derive(Debug, PartialEq, Eq)]
enum Trouble {
    Throttled,
    Passing(String),
    Refused(String),
    Wrong(String),
}

fn trouble(answer: &Value) -> Option<Trouble> {
    let errors = answer["errors"].as_array().filter(|errors| !errors.is_empty());
    let Some(errors) = errors else {
        let data = answer["data"].is_object();
        return (!data).then(|| Trouble::Passing("the answer has no data".to_owned()));
    };
    let said = errors[0]["message"].as_str().unwrap_or("no reason given").to_owned();
    Some(match errors[0]["extensions"]["code"].as_str() {
        Some("THROTTLED") => Trouble::Throttled,
        Some("INTERNAL_SERVER_ERROR" | "TIMEOUT") => Trouble::Passing(said),
        Some("ACCESS_DENIED" | "SHOP_INACTIVE") => Trouble::Refused(said),
        _ => Trouble::Wrong(said),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_in_an_answer_that_went_well() {
        let error = |code: &str| {
            trouble(&json!({"errors": [{"message": "no", "extensions": {"code": code}}], "data": null}))
        };
        assert_eq!(error("THROTTLED"), Some(Trouble::Throttled));
        assert_eq!(error("INTERNAL_SERVER_ERROR"), Some(Trouble::Passing("no".into())));
        assert_eq!(error("ACCESS_DENIED"), Some(Trouble::Refused("no".into())));
        assert_eq!(error("MAX_COST_EXCEEDED"), Some(Trouble::Wrong("no".into())));
        assert_eq!(trouble(&json!({"data": {"shop": {}}})), None);
        assert!(matches!(trouble(&json!({})), Some(Trouble::Passing(_))));
    }
}
