//! The hub's public interface, used as any outside program would use it.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use ureq::Agent;
use ureq::http::Response;

/// No call of demo or bench takes longer unless something is wrong.
const CALL_LIMIT: Duration = Duration::from_secs(30);

pub(crate) struct Api {
    base: String,
    agent: Agent,
    token: Option<String>,
}

impl Api {
    pub(crate) fn new(base: &str) -> Self {
        let config = Agent::config_builder()
            .proxy(None)
            .http_status_as_error(false)
            .timeout_global(Some(CALL_LIMIT))
            .build();
        Self { base: base.to_owned(), agent: config.into(), token: None }
    }

    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Does it answer, whatever it says?
    pub(crate) fn is_up(&self) -> bool {
        self.agent.get(format!("{}/health", self.base)).call().is_ok()
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.agent
            .get(format!("{}/health/ready", self.base))
            .call()
            .is_ok_and(|response| response.status().is_success())
    }

    /// Makes the first administrator if there is none yet, and signs in.
    pub(crate) fn sign_in(&mut self, setup_token: &str, login: &str, password: &str) -> Result<()> {
        let needs_setup =
            self.get("/setup")?["required"].as_bool().context("the hub did not answer about setup")?;
        let grant = if needs_setup {
            let body =
                json!({"token": setup_token, "login": login, "name": "Demo Admin", "password": password});
            self.post("/setup", &body)?
        } else {
            self.post("/login", &json!({"login": login, "password": password}))?
        };
        self.token = Some(text(&grant, "access_token")?);
        Ok(())
    }

    pub(crate) fn get(&self, path: &str) -> Result<Value> {
        let mut request = self.agent.get(self.address(path));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        answer("GET", path, request.call())
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let mut request = self.agent.post(self.address(path));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        answer("POST", path, request.send_json(body))
    }

    /// Makes something and gives its id.
    pub(crate) fn create(&self, path: &str, body: &Value) -> Result<String> {
        text(&self.post(path, body)?, "id")
    }

    fn address(&self, path: &str) -> String {
        format!("{}/api/v1{path}", self.base)
    }
}

/// A field that must be a text.
pub(crate) fn text(value: &Value, field: &str) -> Result<String> {
    value[field].as_str().map(str::to_owned).with_context(|| format!("the hub's answer has no {field}"))
}

fn answer(method: &str, path: &str, outcome: Result<Response<ureq::Body>, ureq::Error>) -> Result<Value> {
    let mut response = outcome.with_context(|| format!("{method} {path}: the hub did not answer"))?;
    let status = response.status();
    let text = response.body_mut().read_to_string().with_context(|| format!("{method} {path}"))?;
    if !status.is_success() {
        let problem: Value = serde_json::from_str(&text).unwrap_or_default();
        let detail = problem["detail"].as_str().unwrap_or(&text);
        let fields =
            if problem["errors"].is_null() { String::new() } else { format!(" {}", problem["errors"]) };
        bail!("{method} {path} was refused with {status}: {detail}{fields}");
    }
    if text.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(&text).with_context(|| format!("{method} {path}: the answer is not JSON"))
}
