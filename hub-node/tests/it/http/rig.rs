//! A hub's HTTP edge on a port of its own, with a real database, real access, and retailers made up in memory.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actors::domain::{Retailer, Stamp, Write};
use actors::live_hub::fleet::Fleet;
use actors::ports::TenantStore as _;
use futures_util::future::BoxFuture;
use http::Method;
use hub_node::access::{Access, AccessArguments, Keyring, Sealer};
use hub_node::http::{ActorDirectory, ClusterDirectory, Server, ServerSettings, Settings, State, app};
use hub_node::store::Store;
use messages::http::admin::ActorList;
use messages::http::cluster::ClusterView;
use messages::http::retailers::RetailerSpec;
use messages::ids::BootId;
use messages::permission::{RetailerScope, Role};
use messages::version::Epoch;
use messages::{ErrorCode, Problem, RetailerId, Secret, Timestamp, Version};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use warp::Filter as _;

use super::fake_router::FakeRouter;
use crate::support::TestStore;

pub(super) const SETUP_TOKEN: &str = "setup-token-of-the-test";
pub(super) const PASSWORD: &str = "correct horse battery";
const PATIENCE: Duration = Duration::from_secs(30);

/// Ends with the test, and takes the server and the database with it.
pub(super) struct Rig {
    pub base: String,
    pub address: SocketAddr,
    pub client: reqwest::Client,
    pub router: Arc<FakeRouter>,
    pub access: Access,
    pub folder: tempfile::TempDir,
    /// The node is about to stop.
    pub draining: CancellationToken,
    pub stop: CancellationToken,
    pub serving: Option<JoinHandle<hub_node::http::Drained>>,
    store: Store,
    people: Mutex<u32>,
    home: Arc<Home>,
}

/// Somebody who has signed in.
#[derive(Debug, Clone)]
pub(super) struct Person {
    pub login: String,
    pub id: String,
    pub token: String,
    pub cookie: String,
}

/// An answer, read whole.
#[derive(Debug)]
pub(super) struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Answer {
    #[track_caller]
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e} in {} {:?}", self.status, self.text))
    }

    /// Code of a refusal; empty for a success.
    #[track_caller]
    pub(super) fn code(&self) -> String {
        if self.status < 400 {
            return String::new();
        }
        assert_eq!(self.header("content-type"), "application/problem+json", "{} {}", self.status, self.text);
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        assert_eq!(problem["request_id"], self.header("x-request-id"));
        problem["code"].as_str().unwrap().to_owned()
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Value of the refresh cookie, if one was set.
    pub(super) fn cookie(&self) -> Option<String> {
        let line = self.headers.get("set-cookie")?.to_str().unwrap();
        Some(line.split(';').next().unwrap().strip_prefix("gs_refresh=").unwrap().to_owned())
    }
}

impl Rig {
    pub(super) async fn start() -> Self {
        Self::with(ServerSettings::default()).await
    }

    pub(super) async fn with(settings: ServerSettings) -> Self {
        Self::on(&Home::new().await, settings).await
    }

    /// Several edges on one database are several nodes of one cluster.
    pub(super) async fn on(home: &Arc<Home>, settings: ServerSettings) -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let store = home.store.again().await;
        let folder = tempfile::tempdir().unwrap();
        let keyring = Arc::new(Keyring::open_or_create(&home.folder.path().join("keys")).unwrap());
        let access = Access::open(AccessArguments {
            store: store.clone(),
            keyring: Arc::clone(&keyring),
            data_dir: folder.path().to_owned(),
            setup_token: Some(Secret::new(SETUP_TOKEN)),
        })
        .await
        .unwrap();
        let router = Arc::new(FakeRouter::default());
        let draining = CancellationToken::new();
        let state = State {
            router: router.clone(),
            store: store.clone(),
            access: access.clone(),
            sealer: Sealer::new(keyring),
            actors: Arc::new(Nobody),
            cluster: Arc::new(Alone),
            fleet: Fleet::default(),
            settings: Settings {
                public_url: "https://hub.example".into(),
                secure: true,
                trusted_proxies: vec!["127.0.0.1/32".parse().unwrap()],
            },
            metrics: hub_node::metrics::Metrics::default(),
            levels: hub_node::http::Levels::default(),
            draining: draining.clone(),
        };
        // Stands in for the sockets: a slow answer, and an upgrade that echoes.
        let slow = warp::path!("ws" / "slow").then(|| async {
            tokio::time::sleep(Duration::from_millis(700)).await; // slow: an answer that takes its time
            warp::reply::Response::new("slow but whole".into())
        });
        let server = Server::bind("127.0.0.1:0".parse().unwrap(), settings).await.unwrap();
        let server = server.with_parting(draining.clone());
        let address = server.address().unwrap();
        let stop = CancellationToken::new();
        let serving = tokio::spawn(server.serve(app(state, slow.boxed()), stop.clone()));
        Self {
            base: format!("http://{address}"),
            address,
            client: reqwest::Client::builder().timeout(PATIENCE).build().unwrap(),
            router,
            access,
            folder,
            draining,
            stop,
            serving: Some(serving),
            store,
            people: Mutex::new(0),
            home: Arc::clone(home),
        }
    }

    pub(super) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    pub(super) async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { status, headers, text: response.text().await.unwrap() }
    }

    pub(super) async fn call(
        &self,
        who: Option<&Person>,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Answer {
        let mut request = self.request(method, path);
        if let Some(person) = who {
            request = request.bearer_auth(&person.token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        self.send(request).await
    }

    pub(super) async fn get(&self, who: &Person, path: &str) -> Answer {
        self.call(Some(who), Method::GET, path, None).await
    }

    pub(super) async fn post(&self, who: &Person, path: &str, body: Value) -> Answer {
        self.call(Some(who), Method::POST, path, Some(body)).await
    }

    /// PUT or DELETE under a condition.
    pub(super) async fn change(
        &self,
        who: &Person,
        method: Method,
        path: &str,
        etag: &str,
        body: Option<Value>,
    ) -> Answer {
        let mut request = self.request(method, path).bearer_auth(&who.token).header("if-match", etag);
        if let Some(body) = body {
            request = request.json(&body);
        }
        self.send(request).await
    }

    /// The first administrator.
    pub(super) async fn set_up(&self) -> Person {
        let body = json!({ "token": SETUP_TOKEN, "login": "admin", "name": "Admin", "password": PASSWORD });
        let answer = self.call(None, Method::POST, "/api/v1/setup", Some(body)).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        person("admin", &answer)
    }

    pub(super) async fn sign_in(&self, login: &str, password: &str) -> Person {
        let answer = self.try_login(login, password).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        person(login, &answer)
    }

    pub(super) async fn try_login(&self, login: &str, password: &str) -> Answer {
        let body = json!({ "login": login, "password": password });
        self.call(None, Method::POST, "/api/v1/login", Some(body)).await
    }

    pub(super) async fn refresh(&self, cookie: &str) -> Answer {
        let request = self.request(Method::POST, "/api/v1/session/refresh");
        self.send(request.header("cookie", format!("other=1; gs_refresh={cookie}"))).await
    }

    /// A new user who has signed in.
    pub(super) async fn user(&self, admin: &Person, role: Role, scope: RetailerScope) -> Person {
        let number = {
            let mut people = self.people.lock().unwrap();
            *people += 1;
            *people
        };
        let login = format!("{}{number}", role.as_str());
        let body =
            json!({ "login": login, "name": login, "role": role, "scope": scope, "password": PASSWORD });
        let made = self.post(admin, "/api/v1/users", body).await;
        assert_eq!(made.status, 201, "{}", made.text);
        self.sign_in(&login, PASSWORD).await
    }

    /// The key file of the cluster.
    pub(super) fn keys(&self) -> std::path::PathBuf {
        self.home.folder.path().join("keys")
    }

    /// A retailer in the store and in the made-up actors.
    pub(super) async fn retailer(&self, code: &str) -> RetailerId {
        let id = RetailerId::new();
        let now = Timestamp::now();
        let spec = RetailerSpec {
            code: code.into(),
            name: format!("Retailer {code}"),
            currency: "VND".into(),
            time_zone: "Asia/Ho_Chi_Minh".into(),
            contact: String::new(),
            notes: String::new(),
            enabled: true,
            maintenance: Vec::new(),
            most_runs: 80,
        };
        let retailer =
            Retailer { id, stamp: Stamp { rev: Version(1), created_at: now, updated_at: now }, spec };
        self.store.take(id, Epoch(1)).await.unwrap();
        let writes: Arc<[Write]> = vec![Write::Retailer(retailer.clone())].into();
        self.store.commit(id, Epoch(1), Version(1), writes).await.unwrap();
        self.router.put_retailer(retailer.view());
        id
    }
}

pub(super) fn person(login: &str, answer: &Answer) -> Person {
    let body = answer.json();
    Person {
        login: login.to_owned(),
        id: body["user"]["id"].as_str().unwrap().to_owned(),
        token: body["access_token"].as_str().unwrap().to_owned(),
        cookie: answer.cookie().unwrap_or_default(),
    }
}

/// What the nodes of one cluster share: the database and the keys.
pub(super) struct Home {
    store: TestStore,
    folder: tempfile::TempDir,
}

impl Home {
    pub(super) async fn new() -> Arc<Self> {
        Arc::new(Self { store: crate::support::store().await, folder: tempfile::tempdir().unwrap() })
    }
}

struct Alone;

impl ClusterDirectory for Alone {
    fn view(&self) -> BoxFuture<'_, Result<ClusterView, Problem>> {
        let view = ClusterView {
            at: Timestamp::now(),
            this_node: BootId::new(),
            single: true,
            lease_ms: 6_000,
            nodes: Vec::new(),
            shards: Vec::new(),
            links: Vec::new(),
            moves: Vec::new(),
        };
        Box::pin(std::future::ready(Ok(view)))
    }

    fn drain(&self, _: BootId) -> BoxFuture<'_, Result<(), Problem>> {
        Box::pin(std::future::ready(Err(ErrorCode::NotFound.into())))
    }

    fn has_lease(&self) -> bool {
        true
    }
}

struct Nobody;

impl ActorDirectory for Nobody {
    fn list(&self) -> BoxFuture<'_, ActorList> {
        Box::pin(async { ActorList { total: 0, truncated: false, actors: Vec::new() } })
    }
}

/// Calls each path's parameters by these values; what is not named is a fresh identifier.
pub(super) fn fill(path: &str, values: &HashMap<&str, String>) -> String {
    let segment = |part: &str| match part.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        Some(name) => values.get(name).cloned().unwrap_or_else(|| messages::MsgId::new().to_string()),
        None => part.to_owned(),
    };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}
