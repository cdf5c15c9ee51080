//! A hub that follows a script and holds the agent to the protocol: version, credential, order, gaps, window.

mod over_https;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use messages::agent::{Fact, Frame, FromAgent, Hello, MAX_REPORTS, Report, RunCommand, ToAgent};
use messages::http::agents::{EnrolGrant, EnrolRequest};
use messages::ids::SpoolId;
use messages::inspect::Finding;
use messages::{AgentId, CommandId, PROTOCOL, Problem, RetailerId, RunId, Secret, Timestamp};
use tokio::net::TcpListener;
use tokio::sync::{broadcast, watch};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

pub(crate) const TOKEN: &str = "gse_one-time-token";

/// What the hub knows and has seen.
pub(crate) struct Seen {
    pub(crate) credentials: Vec<String>,
    pub(crate) retailer_id: RetailerId,
    pub(crate) agent_id: AgentId,
    pub(crate) token_used: bool,
    pub(crate) hellos: Vec<Hello>,
    pub(crate) heartbeats: usize,
    pub(crate) accepted: Vec<CommandId>,
    pub(crate) refused: Vec<(CommandId, messages::ErrorCode)>,
    pub(crate) findings: Vec<(CommandId, Finding)>,
    pub(crate) credential_saved: usize,
    /// Every report once, in order.
    pub(crate) reports: Vec<Report>,
    next_seq: HashMap<SpoolId, u64>,
    pub(crate) repeated: usize,
    pub(crate) violations: Vec<String>,
    pub(crate) closes: Vec<u16>,
    pub(crate) connections: usize,
    /// Repeated at each welcome until answered.
    pub(crate) outstanding: Vec<ToAgent>,
    /// Sessions opened over HTTPS.
    pub(crate) sessions: usize,
    /// Somebody in between answers upgrades with this.
    pub(crate) blocked: Option<StatusCode>,
    /// Answer upgrades with this.
    pub(crate) refuse: Option<Problem>,
    /// Keep acknowledgements back.
    pub(crate) withhold: bool,
    unacked_frames: usize,
    pub(crate) heartbeat_s: u32,
}

#[derive(Clone)]
pub(crate) struct Hub {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    changed: watch::Sender<u64>,
    push: broadcast::Sender<Push>,
    https: over_https::Session,
}

#[derive(Clone)]
enum Push {
    Frame(Box<ToAgent>),
    /// Of a hub that is newer than these types.
    Text(String),
    Cut,
}

impl Hub {
    pub(crate) async fn start() -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap()).await
    }

    pub(crate) async fn start_at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let hub = Self {
            address: listener.local_addr().unwrap(),
            seen: Arc::new(Mutex::new(Seen {
                credentials: vec!["gsa_first".to_owned()],
                retailer_id: RetailerId::new(),
                agent_id: AgentId::new(),
                token_used: false,
                hellos: Vec::new(),
                heartbeats: 0,
                accepted: Vec::new(),
                refused: Vec::new(),
                credential_saved: 0,
                findings: Vec::new(),
                reports: Vec::new(),
                next_seq: HashMap::new(),
                repeated: 0,
                violations: Vec::new(),
                closes: Vec::new(),
                connections: 0,
                sessions: 0,
                blocked: None,
                outstanding: Vec::new(),
                refuse: None,
                withhold: false,
                unacked_frames: 0,
                heartbeat_s: 10,
            })),
            changed: watch::Sender::new(0),
            push: broadcast::Sender::new(64),
            https: over_https::Session::default(),
        };
        let serving = hub.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let hub = serving.clone();
                tokio::spawn(async move {
                    let service = hyper::service::service_fn(move |request| hub.clone().answer(request));
                    let _ended = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .with_upgrades()
                        .await;
                });
            }
        });
        hub
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }

    /// Sends a frame to the connected agent.
    pub(crate) fn send(&self, frame: ToAgent) {
        let _nobody_connected = self.push.send(Push::Frame(Box::new(frame)));
    }

    /// Sends what these types have no words for.
    pub(crate) fn send_text(&self, text: String) {
        let _nobody_connected = self.push.send(Push::Text(text));
    }

    /// Sends a command, again at each connection until it is answered.
    pub(crate) fn command(&self, command: ToAgent) {
        self.seen().outstanding.push(command.clone());
        self.send(command);
    }

    pub(crate) fn run(&self, command: &RunCommand) {
        self.command(ToAgent::Run(Box::new(command.clone())));
    }

    /// Breaks every connection without a goodbye.
    pub(crate) fn cut(&self) {
        let _nobody_connected = self.push.send(Push::Cut);
    }

    /// Waits until it holds, and shows what was seen when it does not.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn(&Seen) -> bool) {
        let mut changes = self.changed.subscribe();
        let waited = tokio::time::timeout(Duration::from_secs(40), async {
            while !holds(&self.seen()) {
                changes.changed().await.unwrap();
            }
        });
        if waited.await.is_err() {
            let seen = self.seen();
            panic!(
                "never happened: {what}\nviolations {:?}\naccepted {:?} refused {:?}\nhellos {} reports {:#?}",
                seen.violations,
                seen.accepted,
                seen.refused,
                seen.hellos.len(),
                seen.reports.iter().rev().take(12).collect::<Vec<_>>()
            );
        }
    }

    /// Waits for the end of a run and gives it back.
    pub(crate) async fn end_of(&self, run_id: RunId) -> Report {
        self.until("the end of the run", |seen| seen.ends(run_id) > 0).await;
        let seen = self.seen();
        seen.of(run_id).into_iter().find(|report| matches!(report.fact, Fact::Finished { .. })).unwrap()
    }

    fn change(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.seen());
        self.changed.send_modify(|count| *count += 1);
    }

    async fn answer(self, mut request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
        let blocked = self.seen().blocked;
        Ok(match request.uri().path() {
            "/health/ready" => plain(StatusCode::OK, "{}"),
            "/api/v1/enrol" => {
                let body = request.into_body().collect().await?.to_bytes();
                self.enrol(&body)
            }
            "/ws/agent" => match blocked {
                Some(status) => plain(status, "<html>no such thing</html>"),
                None => self.upgrade(&mut request),
            },
            path if path.starts_with("/agent/v1/sessions") => self.over_https(request).await,
            _ => plain(StatusCode::NOT_FOUND, "<html>nothing here</html>"),
        })
    }

    fn enrol(&self, body: &[u8]) -> Response<Full<Bytes>> {
        let asked: EnrolRequest = serde_json::from_slice(body).unwrap();
        messages::validate::Validate::validate(&asked).unwrap();
        if asked.token.expose() != TOKEN || self.seen().token_used {
            return refusal(&Problem::from(messages::ErrorCode::EnrolmentTokenWrong));
        }
        self.change(|seen| seen.token_used = true);
        let seen = self.seen();
        let grant = EnrolGrant {
            retailer_id: seen.retailer_id,
            agent_id: seen.agent_id,
            agent_name: "Till 1".into(),
            retailer_name: "Fresh Mart".into(),
            credential: Secret::new(seen.credentials[0].clone()),
        };
        plain(StatusCode::OK, &serde_json::to_string(&grant).unwrap())
    }

    fn upgrade(&self, request: &mut Request<Incoming>) -> Response<Full<Bytes>> {
        self.change(|seen| seen.connections += 1);
        if let Some(problem) = self.seen().refuse.clone() {
            return refusal(&problem);
        }
        let shown = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let shown = shown.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default().to_owned();
        if !self.seen().credentials.contains(&shown) {
            return refusal(&Problem::from(messages::ErrorCode::NotAuthenticated));
        }
        let key = request.headers()[header::SEC_WEBSOCKET_KEY].as_bytes().to_vec();
        let upgrade = hyper::upgrade::on(request);
        let hub = self.clone();
        tokio::spawn(async move {
            let upgraded = TokioIo::new(upgrade.await.unwrap());
            let socket = WebSocketStream::from_raw_socket(upgraded, Role::Server, None).await;
            hub.hold(socket).await;
        });
        Response::builder()
            .status(StatusCode::SWITCHING_PROTOCOLS)
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, "websocket")
            .header(header::SEC_WEBSOCKET_ACCEPT, derive_accept_key(&key))
            .body(Full::default())
            .unwrap()
    }

    async fn hold(&self, mut socket: WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>) {
        let mut pushed = self.push.subscribe();
        let mut greeted = false;
        self.seen().unacked_frames = 0;
        loop {
            let answers = tokio::select! {
                message = socket.next() => match message {
                    Some(Ok(Message::Text(text))) => self.heard(&text, &mut greeted),
                    Some(Ok(Message::Close(close))) => {
                        self.change(|seen| seen.closes.push(close.map_or(0, |close| close.code.into())));
                        return;
                    }
                    Some(Ok(_)) => Vec::new(),
                    Some(Err(_)) | None => return,
                },
                push = pushed.recv() => match push.unwrap() {
                    Push::Frame(frame) if greeted => vec![*frame],
                    Push::Frame(_) => Vec::new(),
                    Push::Text(text) => {
                        socket.send(Message::Text(text.into())).await.unwrap();
                        Vec::new()
                    }
                    Push::Cut => return,
                },
            };
            for answer in answers {
                let text = serde_json::to_string(&Frame::new(answer)).unwrap();
                if socket.send(Message::Text(text.into())).await.is_err() {
                    return;
                }
            }
        }
    }

    fn heard(&self, text: &str, greeted: &mut bool) -> Vec<ToAgent> {
        let mut answers = Vec::new();
        let frame: Frame<FromAgent> = serde_json::from_str(text).unwrap();
        self.change(|seen| {
            seen.must(frame.v == PROTOCOL, "the version is ours");
            seen.must(text.len() <= messages::agent::MAX_FRAME, "a frame is bounded");
            seen.must(*greeted != matches!(frame.body, FromAgent::Hello(_)), "hello comes first and once");
            match frame.body {
                FromAgent::Hello(hello) => {
                    *greeted = true;
                    let next = seen.next_seq.get(&hello.spool_id).copied().unwrap_or(1);
                    seen.must(hello.next_seq <= next, "nothing is left out at hello");
                    seen.hellos.push(hello);
                    answers.push(ToAgent::Welcome {
                        agent_id: seen.agent_id,
                        heartbeat_s: seen.heartbeat_s,
                        server_time: Timestamp::now(),
                    });
                    answers.extend(seen.outstanding.clone());
                }
                FromAgent::Heartbeat { .. } => seen.heartbeats += 1,
                FromAgent::Accepted { command_id } => {
                    seen.accepted.push(command_id);
                    seen.settle(command_id);
                }
                FromAgent::Refused { command_id, code, .. } => {
                    seen.refused.push((command_id, code));
                    seen.settle(command_id);
                }
                FromAgent::CredentialSaved => seen.credential_saved += 1,
                FromAgent::Inspected { command_id, finding } => seen.findings.push((command_id, *finding)),
                FromAgent::Reports { spool_id, reports } => {
                    if let Some(through) = seen.take(spool_id, reports) {
                        answers.push(ToAgent::Ack { spool_id, through });
                    }
                }
            }
        });
        answers
    }
}

impl Seen {
    fn must(&mut self, holds: bool, rule: &str) {
        if !holds {
            self.violations.push(rule.to_owned());
        }
    }

    fn settle(&mut self, command_id: CommandId) {
        self.outstanding.retain(|command| match command {
            ToAgent::Run(run) => run.command_id != command_id,
            ToAgent::Cancel { command_id: own, .. } => *own != command_id,
            _ => true,
        });
    }

    /// Takes what is new; the number to acknowledge, unless acknowledgements are kept back.
    fn take(&mut self, spool_id: SpoolId, reports: Vec<Report>) -> Option<u64> {
        self.must(!reports.is_empty() && reports.len() <= MAX_REPORTS, "a frame holds 1 to 128 reports");
        for report in reports {
            let next = self.next_seq.get(&spool_id).copied().unwrap_or(1);
            if report.seq > next {
                self.must(false, &format!("no gap: {} after {}", report.seq, next - 1));
            } else if report.seq < next {
                self.repeated += 1;
                let same = self.reports.contains(&report);
                self.must(same, "a repeated report says the same as before");
            } else {
                self.next_seq.insert(spool_id, next + 1);
                self.reports.push(report);
            }
        }
        self.unacked_frames += 1;
        self.must(self.unacked_frames <= 4, "at most four frames are unacknowledged");
        if self.withhold {
            return None;
        }
        self.unacked_frames = 0;
        Some(self.next_seq.get(&spool_id).copied().unwrap_or(1) - 1)
    }

    pub(crate) fn of(&self, run_id: RunId) -> Vec<Report> {
        self.reports.iter().filter(|report| report.run_id == run_id).cloned().collect()
    }

    pub(crate) fn ends(&self, run_id: RunId) -> usize {
        self.of(run_id).iter().filter(|report| matches!(report.fact, Fact::Finished { .. })).count()
    }

    pub(crate) fn attempts(&self, run_id: RunId) -> Vec<u32> {
        let starts = self.of(run_id).into_iter().filter_map(|report| match report.fact {
            Fact::Started { attempt } => Some(attempt),
            _ => None,
        });
        starts.collect()
    }

    /// Lines of the run's log.
    pub(crate) fn log(&self, run_id: RunId) -> Vec<String> {
        let lines = self.of(run_id).into_iter().filter_map(|report| match report.fact {
            Fact::Log { text, .. } => Some(text),
            _ => None,
        });
        lines.collect()
    }

    pub(crate) fn rejects(&self, run_id: RunId) -> Vec<messages::agent::RejectedItem> {
        let rejects = self.of(run_id).into_iter().filter_map(|report| match report.fact {
            Fact::Rejected { reject } => Some(reject),
            _ => None,
        });
        rejects.collect()
    }
}

fn plain(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    Response::builder().status(status).body(Full::from(text.to_owned())).unwrap()
}

fn refusal(problem: &Problem) -> Response<Full<Bytes>> {
    Response::builder()
        .status(problem.status)
        .header(header::CONTENT_TYPE, Problem::MEDIA_TYPE)
        .body(Full::from(serde_json::to_string(problem).unwrap()))
        .unwrap()
}
