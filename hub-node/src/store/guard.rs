//! [`StoreGuard`]: keeps the embedded server running.
//!
//! Place in the tree: first child of the hub's supervisor, only when there is no MONGODB_URI. Its `pre_start` starts the
//! server and fails when that fails. After that a server that ends is started again at once, one that does not
//! answer is killed first; the port stays, so the driver comes back by itself. Limits: one start under way; waits grow
//! between starts.

use std::time::{Duration, Instant};

use actors::backoff::Backoff;
use actors::failpoint;
use actors::observe::Observable;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use serde_json::{Value, json};

use super::embedded::{EmbeddedConfig, EmbeddedError, Server, StoreAddress, ping};

/// A server that hangs is noticed after [`STRIKES`] of these.
const CHECK: Duration = Duration::from_secs(2);
/// A machine that swaps may miss a ping or two; the third is waited for too, which makes it 12 s in all.
const STRIKES: u32 = 3;
/// A server that ran this long has not failed while starting: the waits begin anew.
const SETTLED: Duration = Duration::from_secs(30);
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

pub struct StoreGuardArguments {
    pub config: EmbeddedConfig,
    /// Outlives the guard: a new life starts the server where it was.
    pub address: StoreAddress,
}

pub struct State {
    config: EmbeddedConfig,
    address: StoreAddress,
    server: Option<Server>,
    /// Of the server's lives; news of an earlier one is old.
    life: u64,
    since: Instant,
    restarts: u64,
    missed: u32,
    checking: bool,
    last_error: Option<String>,
    waits: Backoff,
}

pub enum StoreGuardMsg {
    /// The process of this life has ended.
    Ended {
        life: u64,
        status: String,
    },
    /// Time to start again.
    Restart,
    Started(Box<Result<Server, EmbeddedError>>),
    Check,
    Checked {
        life: u64,
        answer: Result<(), String>,
    },
    Observe(RpcReplyPort<Value>),
}

impl ractor::Message for StoreGuardMsg {}

impl Observable for StoreGuardMsg {
    fn observe(reply: RpcReplyPort<Value>) -> Self {
        Self::Observe(reply)
    }
}

/// See the module.
pub struct StoreGuard;

impl Actor for StoreGuard {
    type Msg = StoreGuardMsg;
    type State = State;
    type Arguments = StoreGuardArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        arguments: StoreGuardArguments,
    ) -> Result<State, ActorProcessingErr> {
        let StoreGuardArguments { config, address } = arguments;
        let server = Server::start(&config, &address).await?;
        let mut state = State {
            config,
            address,
            server: None,
            life: 0,
            since: Instant::now(),
            restarts: 0,
            missed: 0,
            checking: false,
            last_error: None,
            waits: Backoff::new(FIRST_WAIT, LONGEST_WAIT, 0.2),
        };
        state.adopt(&myself, server);
        myself.send_interval(CHECK, || StoreGuardMsg::Check);
        Ok(state)
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: StoreGuardMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            StoreGuardMsg::Ended { life, status } if life == state.life => state.ended(&myself, &status),
            StoreGuardMsg::Checked { life, answer } if life == state.life => state.checked(answer),
            StoreGuardMsg::Ended { .. } | StoreGuardMsg::Checked { .. } => {}
            StoreGuardMsg::Restart => state.restart(&myself),
            StoreGuardMsg::Started(outcome) => state.started(&myself, *outcome),
            StoreGuardMsg::Check => state.check(&myself),
            StoreGuardMsg::Observe(reply) => {
                if reply.send(state.snapshot()).is_err() {
                    tracing::trace!("whoever asked for the snapshot is gone");
                }
            }
        }
        Ok(())
    }

    async fn post_stop(&self, _: ActorRef<Self::Msg>, state: &mut State) -> Result<(), ActorProcessingErr> {
        if let Some(server) = state.server.take() {
            server.stop(&state.config).await;
        }
        Ok(())
    }
}

impl State {
    fn adopt(&mut self, myself: &ActorRef<StoreGuardMsg>, server: Server) {
        self.life += 1;
        self.since = Instant::now();
        self.missed = 0;
        self.checking = false;
        tracing::info!(pid = server.process.pid(), port = self.address.port(), "embedded database is up");
        let (mut end, guard, life) = (server.process.watch_end(), myself.clone(), self.life);
        self.server = Some(server);
        tokio::spawn(async move {
            let status = end.wait_for(Option::is_some).await.ok().and_then(|status| status.clone());
            let status = status.unwrap_or_else(|| "its parent thread ended".to_owned());
            if guard.cast(StoreGuardMsg::Ended { life, status }).is_err() {
                tracing::trace!("the guard ended before its server");
            }
        });
    }

    fn ended(&mut self, myself: &ActorRef<StoreGuardMsg>, status: &str) {
        tracing::error!(status, "the embedded database has ended");
        if self.since.elapsed() > SETTLED {
            self.waits.reset();
        }
        self.server = None;
        self.try_again(myself, format!("it ended: {status}"));
    }

    fn try_again(&mut self, myself: &ActorRef<StoreGuardMsg>, reason: String) {
        self.last_error = Some(reason);
        myself.send_after(self.waits.next_wait(), || StoreGuardMsg::Restart);
    }

    fn restart(&mut self, myself: &ActorRef<StoreGuardMsg>) {
        if self.server.is_some() {
            return;
        }
        let (config, address, guard) = (self.config.clone(), self.address.clone(), myself.clone());
        tokio::spawn(async move {
            let outcome = Server::start(&config, &address).await;
            // When the guard has stopped meanwhile, the server is killed by being dropped with the message.
            if guard.cast(StoreGuardMsg::Started(Box::new(outcome))).is_err() {
                tracing::debug!("the guard ended while its server was starting");
            }
        });
    }

    fn started(&mut self, myself: &ActorRef<StoreGuardMsg>, outcome: Result<Server, EmbeddedError>) {
        match outcome {
            Ok(server) => {
                self.restarts += 1;
                self.adopt(myself, server);
            }
            Err(error) => {
                tracing::error!(%error, "the embedded database does not start");
                self.try_again(myself, error.to_string());
            }
        }
    }

    fn check(&mut self, myself: &ActorRef<StoreGuardMsg>) {
        failpoint::pass("store_guard.check");
        let Some(server) = &self.server else { return };
        if std::mem::replace(&mut self.checking, true) {
            return;
        }
        let (client, guard, life) = (server.client.clone(), myself.clone(), self.life);
        tokio::spawn(async move {
            let answer = ping(&client).await;
            if guard.cast(StoreGuardMsg::Checked { life, answer }).is_err() {
                tracing::trace!("the guard ended during a check");
            }
        });
    }

    fn checked(&mut self, answer: Result<(), String>) {
        self.checking = false;
        match (answer, &self.server) {
            (Ok(()), _) => self.missed = 0,
            (Err(reason), Some(server)) => {
                self.missed += 1;
                self.last_error = Some(reason);
                if self.missed >= STRIKES {
                    tracing::error!(missed = self.missed, "the embedded database hangs and is killed");
                    server.process.kill();
                }
            }
            (Err(_), None) => {}
        }
    }

    fn snapshot(&self) -> Value {
        json!({
            "pid": self.server.as_ref().map(|server| server.process.pid()),
            "port": self.address.port(),
            "restarts": self.restarts,
            "uptime_s": self.server.as_ref().map(|_| self.since.elapsed().as_secs()),
            "missed_checks": self.missed,
            "last_error": self.last_error,
        })
    }
}
