//! Making retailers with an enrolled agent each, by the public interface, as an administrator's script would.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use futures_util::{StreamExt as _, TryStreamExt as _};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::sleep;

use super::wave::Wave;

/// Retailers made at once.
const AT_ONCE: usize = 24;
/// Enrolling is for everybody, so each address has a burst of 60 of it: every so many come from another one.
const ENROLMENTS_EACH: usize = 40;
/// An access token lives ten minutes.
const NEW_TOKEN_EVERY: Duration = Duration::from_secs(480);
const ANSWER_WITHIN: Duration = Duration::from_secs(40);
/// How often something is asked for that may come on another try.
const TRIES: u32 = 5;
const BETWEEN_TRIES: Duration = Duration::from_millis(500);

/// A retailer and what its agent proves itself with.
pub(crate) struct Shop {
    pub(crate) retailer: String,
    pub(crate) credential: String,
}

/// The administrator at work.
pub(crate) struct Shops {
    hubs: Vec<String>,
    client: Client,
    tokens: watch::Receiver<String>,
    /// What had to be repeated.
    troubles: Mutex<BTreeMap<String, usize>>,
}

impl Shops {
    /// Signs in, and again and again as long as somebody wants tokens.
    pub(crate) async fn sign_in(hubs: &[String], login: &str, password: &str) -> Result<Self> {
        let client = client(None)?;
        let body = json!({"login": login, "password": password});
        let first = token(&client, &hubs[0], &body).await?;
        let (tell, tokens) = watch::channel(first);
        let (renewing, hub) = (client.clone(), hubs[0].clone());
        tokio::spawn(async move {
            while !tell.is_closed() {
                sleep(NEW_TOKEN_EVERY).await;
                // Missed once, the sockets say so: their token runs out.
                if let Ok(fresh) = token(&renewing, &hub, &body).await {
                    tell.send_replace(fresh);
                }
            }
        });
        Ok(Self { hubs: hubs.to_vec(), client, tokens, troubles: Mutex::default() })
    }

    pub(crate) fn tokens(&self) -> watch::Receiver<String> {
        self.tokens.clone()
    }

    /// Makes so many, spread over the nodes.
    pub(crate) async fn make(&self, count: usize) -> Result<(Wave, Vec<Shop>)> {
        let begun = Instant::now();
        let enrolling = (0..count.div_ceil(ENROLMENTS_EACH))
            .map(|group| client(Some(address(group)?)))
            .collect::<Result<Vec<_>>>()?;
        let made: Vec<(Shop, Duration)> = futures_util::stream::iter(0..count)
            .map(|n| {
                let enrolling = &enrolling[n / ENROLMENTS_EACH];
                async move { Ok::<_, anyhow::Error>((self.one(n, enrolling).await?, begun.elapsed())) }
            })
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        let (shops, times) = made.into_iter().unzip();
        let wave = Wave::new("made", count, times, begun.elapsed());
        let troubles =
            std::mem::take(&mut *self.troubles.lock().map_err(|_| anyhow::anyhow!("a maker panicked"))?);
        Ok((Wave { troubles, ..wave }, shops))
    }

    async fn one(&self, n: usize, enrolling: &Client) -> Result<Shop> {
        let hub = &self.hubs[n % self.hubs.len()];
        let body = json!({"code": format!("shop-{n}"), "name": format!("Retailer {n:05}"), "currency": "EUR",
                          "time_zone": "UTC"});
        let key = format!("scale-{n}");
        let retailer = text(&self.post(&self.client, hub, "/retailers", &body, &key).await?, "id")?;
        let agents = format!("/retailers/{retailer}/agents");
        let body = json!({"name": "Back office"});
        let agent = text(&self.post(&self.client, hub, &agents, &body, &key).await?, "id")?;
        let enrolment = format!("{agents}/{agent}/enrolment");
        let token = text(&self.post(&self.client, hub, &enrolment, &json!({}), &key).await?, "token")?;
        let machine = json!({"agent_version": "0.1.0", "os": "Debian GNU/Linux 13 (x86_64)", "host": "till-1",
                             "capabilities": ["source:csv", "destination:local_file", "destination:sftp"]});
        let body = json!({"token": token, "machine": machine});
        let credential = text(&self.post(enrolling, hub, "/enrol", &body, &key).await?, "credential")?;
        Ok(Shop { retailer, credential })
    }

    /// Asks until it is answered, or refused for good.
    async fn post(&self, client: &Client, hub: &str, path: &str, body: &Value, key: &str) -> Result<Value> {
        // A key is for one thing that is made.
        let key = format!("{key}-{}", path.rsplit('/').next().unwrap_or_default());
        let mut tried = 0;
        loop {
            tried += 1;
            let request = client.post(format!("{hub}/api/v1{path}")).json(body);
            let token = self.tokens.borrow().clone();
            let answer = request.bearer_auth(token).header("idempotency-key", &key).send().await;
            let (what, again) = match answer {
                Ok(answer) if answer.status().is_success() => return Ok(answer.json().await?),
                Ok(refused) => {
                    let problem: Value = refused.json().await.unwrap_or_default();
                    (format!("{} {}", problem["code"], problem["detail"]), problem["retry"] == true)
                }
                Err(failure) => (failure.without_url().to_string(), true),
            };
            if !again || tried == TRIES {
                bail!("POST {path} failed: {what}");
            }
            if let Ok(mut troubles) = self.troubles.lock() {
                *troubles.entry(what).or_default() += 1;
            }
            sleep(BETWEEN_TRIES * tried).await;
        }
    }
}

async fn token(client: &Client, hub: &str, body: &Value) -> Result<String> {
    let answer = client.post(format!("{hub}/api/v1/login")).json(body).send().await?;
    text(&answer.error_for_status()?.json().await?, "access_token")
}

fn text(value: &Value, field: &str) -> Result<String> {
    value[field].as_str().map(str::to_owned).with_context(|| format!("the hub's answer has no {field}"))
}

fn client(from: Option<IpAddr>) -> Result<Client> {
    Ok(Client::builder().no_proxy().local_address(from).timeout(ANSWER_WITHIN).build()?)
}

/// One of this machine's own addresses for each group: 127.1.0.1 and on.
fn address(group: usize) -> Result<IpAddr> {
    let group = u32::try_from(group)?;
    Ok(Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 1, 0, 1)) + group).into())
}
