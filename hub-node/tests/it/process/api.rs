//! What a technician's browser sends, as calls.

use std::path::Path;

use messages::http::access::TokenGrant;
use messages::http::agents::EnrolmentToken;
use messages::http::runs::RunView;
use messages::run::RunState;
use reqwest::{Client, Method, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::hub::SETUP_TOKEN;
use super::sshd::Sshd;
use super::wait::until;

#[derive(Clone)]
pub(super) struct Api {
    client: Client,
    base: String,
    token: String,
}

pub(super) const LOGIN: &str = "ann";
pub(super) const PASSWORD: &str = "a long enough password";

impl Api {
    /// Makes the first administrator.
    pub(super) async fn set_up(hub: &str) -> Self {
        let mut api = Self { client: Client::new(), base: format!("{hub}/api/v1"), token: String::new() };
        let body = json!({"token": SETUP_TOKEN, "login": LOGIN, "name": "Ann", "password": PASSWORD});
        let grant: TokenGrant = api.post("/setup", body).await;
        grant.access_token.expose().clone_into(&mut api.token);
        api
    }

    /// The same person at another node.
    pub(super) fn at(&self, hub: &str) -> Self {
        Self { base: format!("{hub}/api/v1"), ..self.clone() }
    }

    /// The same person, with a connection for each request.
    pub(super) fn connecting_anew(&self) -> Self {
        Self { client: Client::builder().pool_max_idle_per_host(0).build().unwrap(), ..self.clone() }
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }

    /// Another session of the same person.
    pub(super) async fn sign_in_again(&self) -> Self {
        let body = json!({"login": LOGIN, "password": PASSWORD});
        let grant: TokenGrant = self.post("/login", body).await;
        Self { token: grant.access_token.expose().to_owned(), ..self.clone() }
    }

    /// Sends a request and returns status and body.
    pub(super) async fn call(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let mut request =
            self.client.request(method, format!("{}{path}", self.base)).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        (
            status,
            if text.is_empty() {
                Value::Null
            } else {
                serde_json::from_str(&text).unwrap_or(Value::String(text))
            },
        )
    }

    pub(super) async fn post<T: DeserializeOwned>(&self, path: &str, body: Value) -> T {
        let (status, answer) = self.call(Method::POST, path, Some(body)).await;
        assert!(status.is_success(), "POST {path}: {status} {answer}");
        serde_json::from_value(answer).unwrap()
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> T {
        let (status, answer) = self.call(Method::GET, path, None).await;
        assert!(status.is_success(), "GET {path}: {status} {answer}");
        serde_json::from_value(answer).unwrap()
    }

    /// Changes what is at this revision still.
    pub(super) async fn guarded<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        rev: messages::Version,
        body: Option<Value>,
    ) -> T {
        let request = self.client.request(method, format!("{}{path}", self.base)).bearer_auth(&self.token);
        let mut request = request.header("if-match", format!("\"{rev}\""));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// The answer to a request, if the hub gives one just now.
    pub(super) async fn try_call(
        &self,
        method: Method,
        path: &str,
        body: Value,
    ) -> Option<(StatusCode, Value)> {
        let request = self.client.request(method, format!("{}{path}", self.base)).bearer_auth(&self.token);
        let answer = request.json(&body).send().await.ok()?;
        let status = answer.status();
        Some((status, answer.json().await.ok()?))
    }

    /// Asks for what has no answer but that it is done, if nobody was faster.
    pub(super) async fn guarded_empty(
        &self,
        method: Method,
        path: &str,
        rev: messages::Version,
    ) -> StatusCode {
        self.guarded_until_answered(method, path, rev, None).await
    }

    /// Asks again while the hub cannot say. Whether an earlier try went through, the status of the last one tells.
    pub(super) async fn guarded_until_answered(
        &self,
        method: Method,
        path: &str,
        rev: messages::Version,
        body: Option<Value>,
    ) -> StatusCode {
        until("an answer", || async {
            let request = self.client.request(method.clone(), format!("{}{path}", self.base));
            let mut request = request.bearer_auth(&self.token).header("if-match", format!("\"{rev}\""));
            if let Some(body) = &body {
                request = request.json(body);
            }
            let status = request.send().await.ok()?.status();
            (!status.is_server_error()).then_some(status)
        })
        .await
    }

    /// The answer if the hub gives one just now.
    pub(super) async fn try_get<T: DeserializeOwned>(&self, path: &str) -> Option<T> {
        let request = self.client.get(format!("{}{path}", self.base)).bearer_auth(&self.token);
        let answer = request.send().await.ok()?;
        if !answer.status().is_success() {
            return None;
        }
        answer.json().await.ok()
    }

    async fn make(&self, path: &str, body: Value) -> String {
        let made: Value = self.post(path, body).await;
        made["id"].as_str().unwrap().to_owned()
    }
}

/// One retailer with an agent, and a job that brings its price file to an SFTP server.
pub(super) struct Shop {
    pub(super) retailer: String,
    pub(super) agent: String,
    pub(super) job: String,
}

impl Shop {
    pub(super) async fn make(api: &Api, source: &Path, sshd: &Sshd, target: &str) -> Self {
        let retailer = api
            .make("/retailers", json!({"code": "freshmart", "name": "FreshMart", "currency": "EUR", "time_zone": "Europe/Berlin"}))
            .await;
        let of = format!("/retailers/{retailer}");
        let agent = api.make(&format!("{of}/agents"), json!({"name": "Till server"})).await;
        let path = sshd.folder.join(target).display().to_string();
        let config = json!({
            "kind": "sftp", "host": "127.0.0.1", "port": sshd.port, "user": sshd.user,
            "path": path, "host_key": sshd.host_key.trim(),
        });
        let credentials = json!({"kind": "private_key", "private_key": sshd.client_key});
        let destination = json!({"name": "Web shop", "config": config, "credentials": credentials});
        let destination = api.make(&format!("{of}/destinations"), destination).await;
        let job = json!({
            "name": "Price export", "agent_id": agent, "destination_id": destination,
            "source": {"kind": "csv", "path": source.display().to_string()},
        });
        let job = api.make(&format!("{of}/jobs"), job).await;
        Self { retailer, agent, job }
    }

    /// A second agent of the same retailer.
    pub(super) async fn another_agent(api: &Api, shop: &Self) -> Self {
        let agents = format!("/retailers/{}/agents", shop.retailer);
        let agent = api.make(&agents, json!({"name": "Another one"})).await;
        Self { retailer: shop.retailer.clone(), agent, job: shop.job.clone() }
    }

    pub(super) async fn token(&self, api: &Api) -> String {
        let path = format!("/retailers/{}/agents/{}/enrolment", self.retailer, self.agent);
        let token: EnrolmentToken = api.post(&path, json!({})).await;
        assert!(token.command.expose().contains(token.token.expose()), "the command holds the token");
        token.token.expose().to_owned()
    }

    pub(super) async fn press_run(&self, api: &Api) -> RunView {
        api.post(&format!("/retailers/{}/jobs/{}/runs", self.retailer, self.job), json!({})).await
    }

    pub(super) fn run_path(&self, run: &RunView) -> String {
        format!("/retailers/{}/runs/{}", self.retailer, run.id)
    }

    pub(super) async fn until_run(
        &self,
        api: &Api,
        run: &RunView,
        what: &str,
        holds: impl Fn(&RunView) -> bool,
    ) -> RunView {
        let path = self.run_path(run);
        until(what, || async { api.try_get::<RunView>(&path).await.filter(|run| holds(run)) }).await
    }

    pub(super) async fn until_over(&self, api: &Api, run: &RunView) -> RunView {
        self.until_run(api, run, "the run to be over", |run| run.state.is_over()).await
    }

    pub(super) async fn until_connected(&self, api: &Api) {
        let path = format!("/retailers/{}/agents/{}", self.retailer, self.agent);
        until("the agent to be online", || async {
            let agent: Value = api.try_get(&path).await?;
            matches!(agent["presence"].as_str(), Some("online" | "busy")).then_some(())
        })
        .await;
    }
}

/// A run that ended well, once, with everything counted.
pub(super) fn assert_succeeded(run: &RunView, read: usize, sent: usize) {
    assert_eq!(run.state, RunState::Succeeded, "{run:?}");
    assert_eq!((run.progress.read, run.progress.sent), (read as u64, sent as u64), "{run:?}");
    assert_eq!(run.progress.rejected, (read - sent) as u64);
    let ends = run.transitions.iter().filter(|transition| transition.state.is_over()).count();
    assert_eq!(ends, 1, "the run ends once: {:?}", run.transitions);
}
