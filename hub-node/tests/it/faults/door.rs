//! How clients reach the hub: at any node, again at another one while the outcome is not known.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use super::processes::SETUP_TOKEN;

const LOGIN: &str = "ann";
const PASSWORD: &str = "a long enough password";
/// A client gives up on a node and asks another one.
const TRY: Duration = Duration::from_secs(4);
const BETWEEN_TRIES: Duration = Duration::from_millis(100);

/// What became of one request.
#[derive(Debug)]
pub(super) enum Answer {
    Done(Value),
    /// For certain, as far as this try goes. `doubtful`: an earlier try may have had its effect.
    Refused {
        code: String,
        body: Value,
        doubtful: bool,
    },
    /// Nobody could say until the deadline.
    Unknown(String),
}

/// All nodes, and who is signed in where: clocks differ, so each node gets a token of its own.
pub(super) struct Door {
    client: Client,
    nodes: Vec<(String, Mutex<Option<Arc<str>>>)>,
}

/// One try.
enum Try {
    Answered(StatusCode, Value),
    /// It may have been carried out, or not.
    Lost(String),
}

pub(super) struct Request<'a> {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) body: Option<Value>,
    /// A header that makes repeating harmless.
    pub(super) header: Option<(&'a str, String)>,
}

impl Door {
    pub(super) fn new(urls: impl Iterator<Item = String>) -> Self {
        // Nodes vanish and come back: a connection kept alive proves nothing.
        let client = Client::builder().connect_timeout(Duration::from_secs(2)).timeout(TRY).build().unwrap();
        Self { client, nodes: urls.map(|url| (url, Mutex::new(None))).collect() }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn nodes(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(|(url, _)| url.clone()).collect()
    }

    /// Makes the administrator.
    pub(super) async fn set_up(&self) {
        let body = json!({"token": SETUP_TOKEN, "login": LOGIN, "name": "Ann", "password": PASSWORD});
        let url = format!("{}/api/v1/setup", self.nodes[0].0);
        let answer = self.client.post(url).timeout(4 * TRY).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap_or_default());
    }

    async fn sign_in(&self, node: usize) -> Result<Arc<str>, String> {
        let (url, token) = &self.nodes[node];
        if let Some(token) = token.lock().unwrap().clone() {
            return Ok(token);
        }
        let body = json!({"login": LOGIN, "password": PASSWORD});
        let answer = self.client.post(format!("{url}/api/v1/login")).json(&body).send().await;
        let answer = answer.map_err(|error| error.to_string())?;
        let status = answer.status();
        let body: Value = answer.json().await.map_err(|error| error.to_string())?;
        let Some(fresh) = body["access_token"].as_str() else {
            return Err(format!("login: {status} {body}"));
        };
        let fresh: Arc<str> = fresh.into();
        *token.lock().unwrap() = Some(Arc::clone(&fresh));
        Ok(fresh)
    }

    /// Once, at one node.
    async fn once(&self, node: usize, request: &Request<'_>) -> Try {
        let token = match self.sign_in(node).await {
            Ok(token) => token,
            Err(trouble) => return Try::Lost(trouble),
        };
        let url = format!("{}/api/v1{}", self.nodes[node].0, request.path);
        let mut sent = self.client.request(request.method.clone(), url).bearer_auth(token);
        if let Some((name, value)) = &request.header {
            sent = sent.header(*name, value);
        }
        if let Some(body) = &request.body {
            sent = sent.json(body);
        }
        match sent.send().await {
            Ok(answer) => {
                let status = answer.status();
                match answer.bytes().await {
                    Ok(bytes) => Try::Answered(status, serde_json::from_slice(&bytes).unwrap_or(Value::Null)),
                    Err(error) => Try::Lost(error.to_string()),
                }
            }
            Err(error) => Try::Lost(format!("{error:?}")),
        }
    }

    /// At `node`, and while nobody can say, again at the next, until there is an answer or the deadline.
    pub(super) async fn ask(
        &self,
        node: usize,
        request: Request<'_>,
        deadline: impl Fn() -> Option<Instant>,
    ) -> Answer {
        let mut doubtful = false;
        for at in node.. {
            let at = at % self.nodes.len();
            let trouble = match self.once(at, &request).await {
                Try::Answered(status, body) if status.is_success() => return Answer::Done(body),
                // The token is of an earlier life of the node, whose clock was another.
                Try::Answered(StatusCode::UNAUTHORIZED, body) => {
                    self.nodes[at].1.lock().unwrap().take();
                    body.to_string()
                }
                Try::Answered(_, body) if body["retry"] == false => {
                    let code = body["code"].as_str().unwrap_or_default().to_owned();
                    return Answer::Refused { code, body, doubtful };
                }
                Try::Answered(status, body) => {
                    doubtful = true;
                    format!("{status} {body}")
                }
                Try::Lost(trouble) => {
                    doubtful = true;
                    trouble
                }
            };
            if deadline().is_some_and(|deadline| Instant::now() >= deadline) {
                return Answer::Unknown(trouble);
            }
            tokio::time::sleep(BETWEEN_TRIES).await; // poll: the pace of asking again
        }
        Answer::Unknown("no node was asked".to_owned())
    }

    /// Reads, at this node alone; absent: not now.
    pub(super) async fn try_get(&self, node: usize, path: &str) -> Option<Value> {
        let request = Request { method: Method::GET, path: path.to_owned(), body: None, header: None };
        match self.once(node, &request).await {
            Try::Answered(status, body) if status.is_success() => Some(body),
            Try::Answered(StatusCode::UNAUTHORIZED, _) => {
                self.nodes[node].1.lock().unwrap().take();
                None
            }
            _ => None,
        }
    }
}
