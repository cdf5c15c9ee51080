//! Requests to the REST interface: the access token, one renewal for all that wait, problems as errors.
//! Every request has a deadline.

use std::cell::RefCell;
use std::rc::Rc;

use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, Shared};
use gloo_net::http::{Method, RequestBuilder};
use messages::http::access::{Me, TokenGrant};
use messages::http::paging::Page;
use messages::{Problem, Secret, Version};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use web_sys::{AbortSignal, RequestCredentials};
use yew::Callback;

use super::error::ApiError;
use super::{browser, lock};
use crate::state::reader;

/// The hub answers within its own deadline of 10 s; a slow line may need as long again.
const DEADLINE_MS: u32 = 20_000;
/// The token is renewed when less than this is left, so that none runs out on its way.
const SPARE_MS: f64 = 20_000.0;
const PREFIX: &str = "/api/v1";

/// One request.
#[derive(Debug, Clone)]
pub struct Call {
    method: Method,
    path: String,
    body: Option<String>,
    if_match: Option<Version>,
    key: Option<String>,
    signed: bool,
    deadline_ms: u32,
}

impl Call {
    fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            body: None,
            if_match: None,
            key: None,
            signed: true,
            deadline_ms: DEADLINE_MS,
        }
    }

    #[must_use]
    pub fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    #[must_use]
    pub fn post(path: impl Into<String>) -> Self {
        Self::new(Method::POST, path)
    }

    #[must_use]
    pub fn put(path: impl Into<String>) -> Self {
        Self::new(Method::PUT, path)
    }

    #[must_use]
    pub fn delete(path: impl Into<String>) -> Self {
        Self::new(Method::DELETE, path)
    }

    #[must_use]
    pub fn json(mut self, body: &impl Serialize) -> Self {
        // Our own types always serialise; an empty body would be refused with a sentence.
        // By way of a value, so that there is one writer of each type in the program and not two.
        self.body = Some(serde_json::to_value(body).unwrap_or_default().to_string());
        self
    }

    /// Only if the document still stands at this revision.
    #[must_use]
    pub fn if_match(mut self, rev: Version) -> Self {
        self.if_match = Some(rev);
        self
    }

    /// Sent twice, it has one effect.
    #[must_use]
    pub fn once(mut self, key: String) -> Self {
        self.key = Some(key);
        self
    }

    /// Has its answer within this time, because somebody else is asked first.
    #[must_use]
    pub fn within(mut self, deadline_ms: u32) -> Self {
        self.deadline_ms = deadline_ms;
        self
    }

    /// Goes out without the access token.
    #[must_use]
    pub fn unsigned(mut self) -> Self {
        self.signed = false;
        self
    }
}

struct Answer {
    status: u16,
    body: String,
}

struct Grant {
    token: Secret,
    expires_ms: f64,
}

type Renewal = Shared<LocalBoxFuture<'static, Result<(), ApiError>>>;

struct Inner {
    grant: RefCell<Option<Grant>>,
    renewal: RefCell<Option<Renewal>>,
    /// Somebody is signed in now, newly or again.
    granted: Callback<Me>,
    /// The session is over.
    lost: Callback<()>,
}

/// A cheap handle.
#[derive(Clone)]
pub struct Api(Rc<Inner>);

impl PartialEq for Api {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Api {
    #[must_use]
    pub fn new(granted: Callback<Me>, lost: Callback<()>) -> Self {
        Self(Rc::new(Inner { grant: RefCell::default(), renewal: RefCell::default(), granted, lost }))
    }

    /// Sends a request and reads the answer as `T`.
    pub async fn fetch<T: DeserializeOwned>(&self, call: Call) -> Result<T, ApiError> {
        let (status, value) = self.value(call).await?;
        reader::read(value).map_err(|_| ApiError::Unreadable { status })
    }

    /// Sends a request for a page of a list.
    pub async fn page<T: DeserializeOwned>(&self, call: Call) -> Result<Page<T>, ApiError> {
        let page: Page<Value> = self.fetch(call).await?;
        let items: Result<Vec<T>, _> = page.items.into_iter().map(reader::read).collect();
        let items = items.map_err(|_| ApiError::Unreadable { status: 200 })?;
        Ok(Page { items, next: page.next, total: page.total })
    }

    /// The answer before it is given a type: the part of a request that all types share.
    async fn value(&self, call: Call) -> Result<(u16, Value), ApiError> {
        let answer = self.send(call).await?;
        let unreadable = |_| ApiError::Unreadable { status: answer.status };
        Ok((answer.status, serde_json::from_str(&answer.body).map_err(unreadable)?))
    }

    /// Sends a request whose answer has no content worth reading.
    pub async fn perform(&self, call: Call) -> Result<(), ApiError> {
        self.send(call).await.map(|_| ())
    }

    /// Sends a request and returns the answer as text.
    pub async fn text(&self, call: Call) -> Result<String, ApiError> {
        self.send(call).await.map(|answer| answer.body)
    }

    async fn send(&self, call: Call) -> Result<Answer, ApiError> {
        if !call.signed {
            return transmit(&call, None).await.and_then(accepted);
        }
        let token = self.token().await?;
        let answer = transmit(&call, Some(&token)).await?;
        if answer.status != 401 {
            return accepted(answer);
        }
        // Refused before its time: the session was ended, or the hub has a new key. One renewal tells.
        self.renew_unless_newer(&token).await?;
        let token = self.token().await?;
        transmit(&call, Some(&token)).await.and_then(accepted)
    }

    /// An access token that is good for a while yet.
    pub async fn token(&self) -> Result<Secret, ApiError> {
        let good = self
            .0
            .grant
            .borrow()
            .as_ref()
            .filter(|g| g.expires_ms > browser::now_ms())
            .map(|g| g.token.clone());
        match good {
            Some(token) => Ok(token),
            None => {
                self.renew().await?;
                self.0.grant.borrow().as_ref().map(|grant| grant.token.clone()).ok_or(ApiError::SignedOut)
            }
        }
    }

    async fn renew_unless_newer(&self, used: &Secret) -> Result<(), ApiError> {
        let newer = self.0.grant.borrow().as_ref().is_some_and(|grant| grant.token != *used);
        if newer { Ok(()) } else { self.renew().await }
    }

    /// Swaps the refresh cookie for a new access token; all who ask meanwhile wait for the same answer.
    pub async fn renew(&self) -> Result<(), ApiError> {
        let running = self.0.renewal.borrow().clone();
        let renewal = running.unwrap_or_else(|| {
            let api = self.clone();
            let renewal = async move {
                let result = api.renew_now().await;
                api.0.renewal.borrow_mut().take();
                result
            };
            let renewal = renewal.boxed_local().shared();
            *self.0.renewal.borrow_mut() = Some(renewal.clone());
            renewal
        });
        renewal.await
    }

    async fn renew_now(&self) -> Result<(), ApiError> {
        let _lock = lock::hold("grocerysync-refresh").await;
        let answer = transmit(&Call::post("/session/refresh").unsigned(), None).await?;
        if matches!(answer.status, 401 | 403) {
            self.forget();
            return Err(ApiError::SignedOut);
        }
        let answer = accepted(answer)?;
        let grant = parsed(&answer.body).ok_or(ApiError::Unreadable { status: answer.status })?;
        self.adopt(grant);
        Ok(())
    }

    /// Takes the token of a login or renewal into use.
    pub fn adopt(&self, grant: TokenGrant) {
        // A quarter of a short life is spare enough; else the fixed time.
        let life = f64::from(grant.expires_in_s) * 1_000.0;
        let expires_ms = browser::now_ms() + life - SPARE_MS.min(life / 4.0);
        *self.0.grant.borrow_mut() = Some(Grant { token: grant.access_token, expires_ms });
        self.0.granted.emit(grant.user);
    }

    /// Drops the token and says so.
    pub fn forget(&self) {
        self.0.grant.borrow_mut().take();
        self.0.lost.emit(());
    }

    /// Milliseconds until the token should be renewed, if there is one.
    #[must_use]
    pub fn renew_in_ms(&self) -> Option<f64> {
        self.0.grant.borrow().as_ref().map(|grant| grant.expires_ms - browser::now_ms())
    }
}

async fn transmit(call: &Call, token: Option<&Secret>) -> Result<Answer, ApiError> {
    let mut request = RequestBuilder::new(&format!("{PREFIX}{}", call.path))
        .method(call.method.clone())
        .credentials(RequestCredentials::SameOrigin)
        .abort_signal(Some(&AbortSignal::timeout_with_u32(call.deadline_ms)));
    if let Some(token) = token {
        request = request.header("authorization", &format!("Bearer {}", token.expose()));
    }
    if let Some(rev) = call.if_match {
        request = request.header("if-match", &format!("\"{rev}\""));
    }
    if let Some(key) = &call.key {
        request = request.header("idempotency-key", key);
    }
    let sent = match &call.body {
        Some(body) => match request.header("content-type", "application/json").body(body.as_str()) {
            Ok(request) => request.send().await,
            Err(_) => return Err(ApiError::Unreachable),
        },
        None => request.send().await,
    };
    let response = sent.map_err(failed)?;
    let status = response.status();
    let body = response.text().await.map_err(failed)?;
    Ok(Answer { status, body })
}

fn failed(error: gloo_net::Error) -> ApiError {
    match error {
        gloo_net::Error::JsError(error) if error.name == "TimeoutError" => ApiError::Timeout,
        _ => ApiError::Unreachable,
    }
}

fn accepted(answer: Answer) -> Result<Answer, ApiError> {
    if (200..300).contains(&answer.status) {
        return Ok(answer);
    }
    match parsed::<Problem>(&answer.body) {
        Some(problem) => Err(problem.into()),
        // A proxy in between speaks its own language.
        None if matches!(answer.status, 502..=504) => Err(ApiError::Unreachable),
        None => Err(ApiError::Unreadable { status: answer.status }),
    }
}

fn parsed<T: DeserializeOwned>(body: &str) -> Option<T> {
    reader::read(serde_json::from_str::<Value>(body).ok()?).ok()
}
