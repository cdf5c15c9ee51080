//! Secrets that come in do not come out: not in an answer, not in a log, not in what actors are told.

use std::io;
use std::sync::{Arc, Mutex, OnceLock};

use actors::ports::Unsealer as _;
use http::Method;
use hub_node::access::{Keyring, Sealer};
use messages::connector::Credentials;
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use super::rig::{PASSWORD, Person, Rig};

/// Everything that is logged while the tests of this process run.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

fn capture() -> Log {
    static LOG: OnceLock<Log> = OnceLock::new();
    LOG.get_or_init(|| {
        let log = Log::default();
        let filter = tracing_subscriber::EnvFilter::new("trace,mongodb=info");
        let subscriber =
            tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(log.clone());
        subscriber.try_init().unwrap();
        log
    })
    .clone()
}

/// A destination of each kind that is spoken to over HTTP, and their secrets. Credentials of another kind are refused.
async fn make_platforms(rig: &Rig, admin: &Person, base: &str) -> Vec<String> {
    let secrets =
        ["ck_k3y-of-the-shop", "cs_s3cret-of-the-shop", "shpat_t0ken-of-the-shop", "wh-s1gning-secret"];
    let [key, secret, access, signing] = secrets;
    for (kind, credentials) in [
        ("woocommerce", json!({ "kind": "key_pair", "key": key, "secret": secret })),
        ("shopify", json!({ "kind": "token", "token": access })),
        ("webhook", json!({ "kind": "token", "token": signing })),
    ] {
        let config = json!({ "kind": kind, "url": "https://shop.example" });
        let mut platform = json!({ "name": kind, "config": config, "credentials": credentials });
        let made = rig.post(admin, &format!("{base}/destinations"), platform.clone()).await;
        assert_eq!((made.status, &made.json()["has_credentials"]), (201, &json!(true)), "{}", made.text);
        platform["credentials"] = json!({ "kind": "password", "password": "of another kind" });
        let refused = rig.post(admin, &format!("{base}/destinations"), platform).await;
        assert_eq!((refused.status, &refused.json()["errors"][0]["field"]), (422, &json!("credentials")));
    }
    secrets.map(str::to_owned).into()
}

/// A job whose source is signed in to; its secret.
async fn make_opened_job(rig: &Rig, admin: &Person, base: &str) -> String {
    const TOKEN: &str = "t0ken-of-the-till-server";
    let id = messages::JobId::new();
    let mut job = json!({
        "name": "Items", "agent_id": id, "destination_id": id,
        "source": { "kind": "http_json", "url": "https://till.example/items", "auth": { "way": "bearer" } },
        "source_credentials": { "kind": "token", "token": TOKEN },
    });
    let made = rig.post(admin, &format!("{base}/jobs"), job.clone()).await;
    assert_eq!((made.status, &made.json()["has_source_credentials"]), (201, &json!(true)), "{}", made.text);
    job["source_credentials"] = json!({ "kind": "password", "password": "of another kind" });
    let refused = rig.post(admin, &format!("{base}/jobs"), job).await;
    assert_eq!((refused.status, &refused.json()["errors"][0]["field"]), (422, &json!("source_credentials")));
    TOKEN.to_owned()
}

#[tokio::test]
async fn secrets_go_in_and_never_come_out() {
    const SFTP_PASSWORD: &str = "sftp-p4ssw0rd-of-the-shop";
    const NEW_PASSWORD: &str = "a n3w pass phrase for lan";
    let log = capture();
    let rig = Rig::start().await;
    let admin = rig.set_up().await;
    let retailer = rig.retailer("freshmart").await;
    let base = format!("/api/v1/retailers/{retailer}");
    let destination = json!({
        "name": "Web shop",
        "config": { "kind": "local_file", "path": "/out/items.csv" },
        "credentials": { "kind": "password", "password": SFTP_PASSWORD },
    });
    let made = rig.post(&admin, &format!("{base}/destinations"), destination.clone()).await;
    assert_eq!((made.status, &made.json()["has_credentials"]), (201, &json!(true)), "{}", made.text);
    let mut platforms = make_platforms(&rig, &admin, &base).await;
    platforms.push(make_opened_job(&rig, &admin, &base).await);
    let one = made.header("location").to_owned();
    rig.change(&admin, Method::PUT, &one, "\"1\"", Some(destination)).await;
    let agent = rig.post(&admin, &format!("{base}/agents"), json!({ "name": "Till" })).await;
    let offered =
        rig.call(Some(&admin), Method::POST, &format!("{}/enrolment", agent.header("location")), None).await;
    let token = offered.json()["token"].as_str().unwrap().to_owned();
    let machine = json!({ "agent_version": "0.1.0", "os": "Linux", "host": "till", "capabilities": [] });
    let enrolled = rig
        .call(None, Method::POST, "/api/v1/enrol", Some(json!({ "token": token, "machine": machine })))
        .await;
    let credential = enrolled.json()["credential"].as_str().unwrap().to_owned();
    rig.call(Some(&admin), Method::POST, &format!("{}/rotation", agent.header("location")), None).await;
    rig.try_login("admin", "wrong-but-still-secret-password").await;
    rig.post(&admin, "/api/v1/me/password", json!({ "current": PASSWORD, "new": NEW_PASSWORD })).await;
    let refreshed = rig.refresh(&admin.cookie).await;
    let malformed = format!(r#"{{"login":"admin","password":["{SFTP_PASSWORD}"]}}"#);
    let request = rig.request(Method::POST, "/api/v1/login").header("content-type", "application/json");
    let refused = rig.send(request.body(malformed)).await;

    let mut secrets = vec![
        SFTP_PASSWORD.to_owned(),
        NEW_PASSWORD.to_owned(),
        PASSWORD.to_owned(),
        "wrong-but-still-secret-password".to_owned(),
        token,
        credential,
        admin.cookie.clone(),
        admin.token.clone(),
        super::rig::SETUP_TOKEN.to_owned(),
        "$argon2id$".to_owned(),
    ];
    secrets.extend(refreshed.cookie());
    secrets.extend(platforms);
    for secret in &secrets {
        assert!(!refused.text.contains(secret.as_str()), "a refusal quotes {secret}");
    }
    for route in hub_node::http::routes().iter().filter(|route| route.method == Method::GET) {
        let path = route.path.replace("{retailer}", &retailer.to_string());
        let path =
            path.replace("{destination}", one.rsplit('/').next().unwrap()).replace("{user}", &admin.id);
        let path = path.replace("{agent}", agent.header("location").rsplit('/').next().unwrap());
        let answer = rig.get(&admin, &path).await;
        for secret in &secrets {
            assert!(!answer.text.contains(secret.as_str()), "{path} tells {secret}");
        }
    }
    let asked = rig.router.asked().join("\n");
    for secret in &secrets {
        assert!(!asked.contains(secret.as_str()), "what actors are asked prints {secret}");
    }
    let logged = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    assert!(logged.contains("answered") && logged.contains("a login failed"), "the log is captured");
    for secret in &secrets {
        assert!(!logged.contains(secret.as_str()), "the log has {secret}");
    }
}

#[tokio::test]
async fn what_the_actors_get_opens_with_the_key_of_the_hub_alone() {
    let rig = Rig::start().await;
    let admin = rig.set_up().await;
    let retailer = rig.retailer("freshmart").await;
    let body = json!({
        "name": "Web shop",
        "config": { "kind": "local_file", "path": "/out/items.csv" },
        "credentials": { "kind": "password", "password": "of the shop" },
    });
    let made = rig.post(&admin, &format!("/api/v1/retailers/{retailer}/destinations"), body).await;
    let id = made.json()["id"].as_str().unwrap().parse().unwrap();
    let sealed = rig.router.sealed(id).unwrap();
    let ours = Sealer::new(Arc::new(Keyring::open(&rig.keys()).unwrap()));
    let Credentials::Password { password } = ours.open(retailer, id.into(), &sealed).unwrap() else {
        panic!()
    };
    assert_eq!(password.expose(), "of the shop");
    let folder = tempfile::tempdir().unwrap();
    let foreign = Sealer::new(Arc::new(Keyring::open_or_create(&folder.path().join("keys")).unwrap()));
    assert!(foreign.open(retailer, id.into(), &sealed).is_err());
}
