//! Clients at work while things go wrong: each writes down what it was told, and asks again, in a way that cannot be
//! carried out twice, while it was told nothing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::door::{Answer, Door, Request};
use super::draw::Draw;
use super::ledger::{Deed, Ledger, Outcome};
use super::shop::Shops;

/// Two for each node: one may be stuck there.
const CLIENTS: usize = 6;
/// Runs of one test: more only take time to drain, and a retailer has at most 200 open ones.
const RUNS: usize = 40;
/// After the last fault every request has to come to an end within this time.
const PATIENCE: Duration = Duration::from_secs(20);

/// The clients, at work.
pub(super) struct Load {
    shared: Arc<Shared>,
    clients: JoinSet<()>,
}

struct Shared {
    door: Arc<Door>,
    shops: Shops,
    ledger: Arc<Ledger>,
    over: AtomicBool,
    deadline: Mutex<Option<Instant>>,
}

struct Client {
    shared: Arc<Shared>,
    number: usize,
    draw: Draw,
    made: usize,
    stores: Vec<Own>,
}

/// A store that only one client writes, as it was acknowledged last.
#[derive(Clone)]
struct Own {
    retailer: String,
    id: String,
    code: String,
    rev: i64,
    name: String,
}

impl Load {
    pub(super) fn start(seed: u64, door: Arc<Door>, shops: Shops, ledger: Arc<Ledger>) -> Self {
        let shared = Arc::new(Shared {
            door,
            shops,
            ledger,
            over: AtomicBool::new(false),
            deadline: Mutex::new(None),
        });
        let mut clients = JoinSet::new();
        for number in 0..CLIENTS {
            clients.spawn(Client::new(&shared, seed, number).work());
        }
        clients.spawn(Client::new(&shared, seed, CLIENTS).run_jobs());
        Self { shared, clients }
    }

    /// Nothing new is begun; what is under way has to come to an end.
    pub(super) async fn finish(mut self) {
        *self.shared.deadline.lock().unwrap() = Some(Instant::now() + PATIENCE);
        self.shared.over.store(true, Ordering::Relaxed);
        while let Some(client) = self.clients.join_next().await {
            client.unwrap();
        }
    }
}

/// The name of a store that counts.
pub(super) fn count_of(name: &str) -> Option<u64> {
    name.split(' ').next()?.parse().ok()
}

pub(super) fn store(code: &str, name: &str) -> Value {
    json!({"code": code, "name": name, "time_zone": "Europe/Berlin"})
}

fn text(body: &Value, field: &str) -> String {
    body[field].as_str().unwrap_or_default().to_owned()
}

fn rev(body: &Value) -> i64 {
    body["rev"].as_i64().unwrap_or(-1)
}

impl Client {
    fn new(shared: &Arc<Shared>, seed: u64, number: usize) -> Self {
        let draw = Draw::new(seed.wrapping_mul(1_000).wrapping_add(number as u64));
        Self { shared: Arc::clone(shared), number, draw, made: 0, stores: Vec::new() }
    }

    fn over(&self) -> bool {
        self.shared.over.load(Ordering::Relaxed)
    }

    /// A name or key that nobody else uses.
    fn fresh(&mut self) -> String {
        self.made += 1;
        format!("c{}-{}", self.number, self.made)
    }

    async fn ask(&self, method: Method, path: String, body: Option<Value>, header: (&str, String)) -> Answer {
        let request = Request { method, path, body, header: Some(header) };
        self.shared.door.ask(self.number, request, || *self.shared.deadline.lock().unwrap()).await
    }

    fn note(&self, retailer: &str, deed: Deed, outcome: Outcome) {
        self.shared.ledger.note(retailer, deed, outcome);
    }

    async fn work(mut self) {
        while !self.over() {
            let retailer = self.draw.below(self.shared.shops.retailers.len());
            let retailer = self.shared.shops.retailers[retailer].clone();
            match self.draw.below(10) {
                0..=3 => self.make(&retailer).await,
                4..=6 => self.count(&retailer).await,
                _ => self.rename().await,
            }
            let pause = self.draw.between(5, 40);
            tokio::time::sleep(Duration::from_millis(pause)).await; // slow: two cores also have hubs to run
        }
    }

    async fn make(&mut self, retailer: &str) {
        let code = self.fresh();
        let path = format!("/retailers/{retailer}/stores");
        let answer =
            self.ask(Method::POST, path, Some(store(&code, &code)), ("idempotency-key", code.clone())).await;
        let outcome = match answer {
            Answer::Done(made) => {
                let (id, rev) = (text(&made, "id"), rev(&made));
                let (retailer, name) = (retailer.to_owned(), code.clone());
                self.stores.push(Own { retailer, id: id.clone(), code: code.clone(), rev, name });
                Outcome::Done { id, rev }
            }
            Answer::Refused { code: refusal, body, doubtful } => {
                if doubtful && refusal == "name_taken" {
                    let complaint = format!("a repeated request met what it had made itself: {code} {body}");
                    self.shared.ledger.complain(complaint);
                }
                Outcome::Refused(refusal)
            }
            Answer::Unknown(trouble) => Outcome::Unknown(trouble),
        };
        self.note(retailer, Deed::Make { code }, outcome);
    }

    async fn rename(&mut self) {
        if self.stores.is_empty() {
            return;
        }
        let at = self.draw.below(self.stores.len());
        let name = self.fresh();
        let own = self.stores[at].clone();
        let path = format!("/retailers/{}/stores/{}", own.retailer, own.id);
        let header = ("if-match", format!("\"{}\"", own.rev));
        let outcome = match self.ask(Method::PUT, path, Some(store(&own.code, &name)), header).await {
            Answer::Done(body) => Outcome::Done { id: own.id.clone(), rev: rev(&body) },
            // An earlier try went through.
            Answer::Refused { body, doubtful: true, .. } if text(&body["current"], "name") == name => {
                Outcome::Done { id: own.id.clone(), rev: rev(&body["current"]) }
            }
            Answer::Refused { code, body, .. } => {
                let (id, last, rev) = (&own.id, &own.name, own.rev);
                self.shared.ledger.complain(format!(
                    "nobody else writes the store {id}, last \"{last}\" at {rev}, and its change met {code}: {body}"
                ));
                Outcome::Refused(code)
            }
            Answer::Unknown(trouble) => Outcome::Unknown(trouble),
        };
        let now = if let Outcome::Done { rev, .. } = outcome { Some(rev) } else { None };
        self.note(&own.retailer, Deed::Rename { store: own.id.clone(), name: name.clone() }, outcome);
        let Some(rev) = now else {
            // What it is now is not known any more.
            self.stores.swap_remove(at);
            return;
        };
        self.stores[at] = Own { rev, name, ..own };
        self.read_back(at).await;
    }

    /// What was acknowledged is what any node shows from then on.
    async fn read_back(&mut self, at: usize) {
        let node = self.draw.below(self.shared.door.nodes());
        let Own { retailer, id, rev: known, name, .. } = &self.stores[at];
        if let Some(body) =
            self.shared.door.try_get(node, &format!("/retailers/{retailer}/stores/{id}")).await
            && (rev(&body), text(&body, "name")) != (*known, name.clone())
        {
            let complaint =
                format!("hub-{node} shows the store {id} not as \"{name}\" at {known}, but {body}");
            self.shared.ledger.complain(complaint);
        }
    }

    /// Reads the number and writes the next one, on condition that nobody else has.
    async fn count(&mut self, retailer: &str) {
        let common = self.shared.shops.common[retailer].clone();
        let path = format!("/retailers/{retailer}/stores/{common}");
        let node = self.draw.below(self.shared.door.nodes());
        let Some(body) = self.shared.door.try_get(node, &path).await else { return };
        let Some(count) = count_of(&text(&body, "name")) else {
            return self.shared.ledger.complain(format!("the common store has no number: {body}"));
        };
        let name = format!("{} by {}", count + 1, self.fresh());
        let header = ("if-match", format!("\"{}\"", rev(&body)));
        let outcome = match self.ask(Method::PUT, path, Some(store("common", &name)), header).await {
            Answer::Done(body) => Outcome::Done { id: common, rev: rev(&body) },
            Answer::Refused { body, doubtful: true, .. } if text(&body["current"], "name") == name => {
                Outcome::Done { id: common, rev: rev(&body["current"]) }
            }
            // It may have gone through and been followed by another's.
            Answer::Refused { code, doubtful: true, .. } => Outcome::Unknown(code),
            Answer::Refused { code, .. } => Outcome::Refused(code),
            Answer::Unknown(trouble) => Outcome::Unknown(trouble),
        };
        self.note(retailer, Deed::Count, outcome);
    }

    /// Starts runs of the agent's job, and cancels some.
    async fn run_jobs(mut self) {
        let (retailer, job) = (self.shared.shops.with_agent.clone(), self.shared.shops.job.clone());
        for _ in 0..RUNS {
            if self.over() {
                return;
            }
            let key = self.fresh();
            let path = format!("/retailers/{retailer}/jobs/{job}/runs");
            let outcome = match self.ask(Method::POST, path, None, ("idempotency-key", key)).await {
                Answer::Done(run) => Outcome::Done { id: text(&run, "id"), rev: rev(&run) },
                Answer::Refused { code, .. } => Outcome::Refused(code),
                Answer::Unknown(trouble) => Outcome::Unknown(trouble),
            };
            let id = if let Outcome::Done { id, .. } = &outcome { Some(id.clone()) } else { None };
            self.note(&retailer, Deed::Run, outcome);
            if let Some(run) = id
                && self.draw.below(4) == 0
            {
                self.cancel(&retailer, run).await;
            }
            let pause = self.draw.between(100, 400);
            tokio::time::sleep(Duration::from_millis(pause)).await; // slow: the agent works at two runs at a time
        }
    }

    async fn cancel(&mut self, retailer: &str, run: String) {
        let path = format!("/retailers/{retailer}/runs/{run}/cancel");
        let key = self.fresh();
        let outcome = match self.ask(Method::POST, path, None, ("idempotency-key", key)).await {
            Answer::Done(body) => Outcome::Done { id: run.clone(), rev: rev(&body) },
            // A run that is over cannot be cancelled: the agent was quicker, or an earlier try did it.
            Answer::Refused { code, .. } => Outcome::Refused(code),
            Answer::Unknown(trouble) => Outcome::Unknown(trouble),
        };
        self.note(retailer, Deed::Cancel { run }, outcome);
    }
}
