//! A node of a test: in this process, or in one of its own. The other process is this test binary again, told by
//! its environment to run [`a_node_listens_and_stops`] for longer.

use std::env;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use actors::observe::Register;
use actors::supervise::{SupervisorArgs, SupervisorHandle};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use hub_node::cluster::link::{
    AskError, Inbound, LinkConfig, LinkTerms, LinkTls, LinkView, Links, Lost, Peer, Probe, Trace, probe,
};
use messages::ids::BootId;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::certs::{Authority, HUB_NAME};

/// What a node process is told by its environment, as JSON.
const ORDERS: &str = "GROCERYSYNC_TEST_LINK_NODE";
/// The test that such a process runs.
const TEST: &str = "link::node::a_node_listens_and_stops";
/// A node process says on one line where it listens.
const LISTENS: &str = "link node listens on ";
const PATIENCE: Duration = Duration::from_secs(30);

/// Terms with which a test need not wait long; heartbeats as in production unless a test says otherwise.
pub(super) const QUICK: LinkTerms = LinkTerms {
    beat: Duration::from_millis(200),
    misses: 3,
    handshake: Duration::from_millis(1500),
    settle: Duration::from_millis(1500),
    first_wait: Duration::from_millis(50),
    longest_wait: Duration::from_millis(400),
    stranger: Duration::from_secs(1),
    renew: Duration::from_millis(100),
    window: 256,
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    Up(BootId),
    Down(BootId, Lost),
    Missed(BootId, u64),
}

/// Answers what a test needs answered, and remembers the rest.
#[derive(Default)]
pub(super) struct Echo {
    pub(super) events: Mutex<Vec<(Instant, Event)>>,
    tells: AtomicU64,
    missed: AtomicU64,
    last_tell: Mutex<String>,
    /// Answers that were given up because their time was over.
    given_up: Arc<AtomicU64>,
}

struct Unless(Arc<AtomicU64>, bool);

impl Drop for Unless {
    fn drop(&mut self) {
        if !self.1 {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
}

impl Inbound for Echo {
    fn ask(
        &self,
        from: BootId,
        body: Bytes,
        until: Instant,
        trace: Option<Trace>,
    ) -> BoxFuture<'static, Bytes> {
        let text = String::from_utf8_lossy(&body).into_owned();
        let stats = json!({
            "tells": self.tells.load(Ordering::SeqCst),
            "missed": self.missed.load(Ordering::SeqCst),
            "last_tell": *self.last_tell.lock().unwrap(),
            "given_up": self.given_up.load(Ordering::SeqCst),
            "from": from,
            "left_ms": u64::try_from(until.saturating_duration_since(Instant::now()).as_millis()).unwrap(),
            "trace": trace.map(|trace| format!("{:032x}-{:016x}", trace.id, trace.span)),
        });
        let given_up = self.given_up.clone();
        Box::pin(async move {
            let mut unless = Unless(given_up, false);
            let (word, rest) = text.split_once(' ').unwrap_or((&text, ""));
            let answer = match word {
                "echo" => Bytes::from(rest.to_owned()),
                "sleep" => {
                    let long = Duration::from_millis(rest.parse().unwrap());
                    tokio::time::sleep(long).await; // slow: an answer that takes this long
                    Bytes::from_static(b"slept")
                }
                "hang" => std::future::pending().await,
                "panic" => panic!("asked to"),
                "big" => Bytes::from(vec![b'x'; rest.parse().unwrap()]),
                "stats" => Bytes::from(stats.to_string()),
                _ => Bytes::from(vec![b'y'; 10]),
            };
            unless.1 = true;
            answer
        })
    }

    fn tell(&self, _: BootId, body: Bytes) {
        assert!(!body.starts_with(b"panic"), "told to");
        let start: Vec<u8> = body.iter().copied().take(20).collect();
        *self.last_tell.lock().unwrap() = String::from_utf8_lossy(&start).into_owned();
        self.tells.fetch_add(1, Ordering::SeqCst);
    }

    fn missed(&self, from: BootId, tells: u64) {
        self.missed.fetch_add(tells, Ordering::SeqCst);
        self.note(Event::Missed(from, tells));
    }

    fn link_up(&self, peer: BootId) {
        self.note(Event::Up(peer));
    }

    fn link_down(&self, peer: BootId, why: Lost) {
        self.note(Event::Down(peer, why));
    }
}

impl Echo {
    fn note(&self, event: Event) {
        self.events.lock().unwrap().push((Instant::now(), event));
    }
}

/// Certificates in a folder of their own.
pub(super) struct Certs {
    pub(super) folder: tempfile::TempDir,
}

impl Certs {
    pub(super) fn new() -> Self {
        let authority = Authority::new("test").unwrap();
        Self::of(&authority, &[&authority])
    }

    /// A node's certificate from one authority, accepting those of others.
    pub(super) fn of(authority: &Authority, accepted: &[&Authority]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let hub = authority.issue(HUB_NAME, 30).unwrap();
        let roots: String = accepted.iter().map(|authority| authority.certificate.as_str()).collect();
        for (name, text) in [("ca.pem", &roots), ("hub.pem", &hub.certificate), ("hub.key", &hub.key)] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        Self { folder }
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }
}

pub(super) fn tls(folder: &Path) -> LinkTls {
    let file = |name: &str| folder.join(name);
    LinkTls::from_files(&file("hub.pem"), &file("hub.key"), &file("ca.pem")).unwrap()
}

/// The node in this process.
pub(super) struct Node {
    pub(super) boot: BootId,
    pub(super) links: Links,
    pub(super) echo: Arc<Echo>,
    pub(super) register: Register,
    supervisor: SupervisorHandle,
}

impl Node {
    pub(super) async fn start(certs: &Path, boot: BootId, terms: LinkTerms) -> Self {
        Self::start_at(certs, boot, terms, "127.0.0.1:0".parse().unwrap(), "test").await
    }

    pub(super) async fn start_at(
        certs: &Path,
        boot: BootId,
        terms: LinkTerms,
        listen: SocketAddr,
        cluster: &str,
    ) -> Self {
        let register = Register::default();
        let args = SupervisorArgs { path: "hub".into(), register: register.clone(), children: Vec::new() };
        let supervisor = SupervisorHandle::root(args).await.unwrap();
        let echo = Arc::new(Echo::default());
        let config = LinkConfig {
            listen,
            address: listen.to_string(),
            cluster: cluster.into(),
            tls: tls(certs),
            terms,
        };
        let links = Links::start(config, boot, &supervisor, echo.clone()).await.unwrap();
        Self { boot, links, echo, register, supervisor }
    }

    pub(super) fn address(&self) -> String {
        self.links.local_address().to_string()
    }

    pub(super) fn peer(&self) -> Peer {
        Peer { boot: self.boot, address: self.address() }
    }

    pub(super) async fn ask(&self, to: BootId, text: &str, within: Duration) -> Result<String, AskError> {
        let answer = self.links.ask(to, Bytes::from(text.to_owned()), within, None).await?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    /// What the other node says of itself.
    pub(super) async fn stats(&self, of: BootId) -> Value {
        let answer = self.ask(of, "stats", PATIENCE).await.unwrap();
        serde_json::from_str(&answer).unwrap()
    }

    pub(super) fn view(&self, of: BootId) -> Option<LinkView> {
        self.links.views().into_iter().find(|view| view.peer == of)
    }

    pub(super) async fn until_up(&self, peer: BootId) {
        until("the link to be up", || self.links.is_up(peer).then_some(())).await;
    }

    pub(super) async fn until_down(&self, peer: BootId) {
        until("the link to be down", || (!self.links.is_up(peer)).then_some(())).await;
    }

    pub(super) fn events(&self) -> Vec<Event> {
        self.echo.events.lock().unwrap().iter().map(|(_, event)| event.clone()).collect()
    }

    pub(super) async fn stop(self) {
        self.links.stop().await;
        self.supervisor.stop("the test is over").await;
        assert_eq!(self.register.paths(), Vec::<String>::new(), "an actor is left");
    }
}

/// Asks until there is an answer.
pub(super) async fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} for {what}");
        tokio::time::sleep(Duration::from_millis(2)).await; // poll: the pace of asking
    }
}

/// A node in a process of its own.
pub(super) struct Other {
    pub(super) boot: BootId,
    pub(super) address: String,
    child: Child,
    orders: ChildStdin,
    log: PathBuf,
    _folder: tempfile::TempDir,
}

impl Other {
    pub(super) fn start(certs: &Path, boot: BootId, terms: LinkTerms) -> Self {
        Self::start_at(certs, boot, terms, "127.0.0.1:0", "test")
    }

    pub(super) fn start_at(
        certs: &Path,
        boot: BootId,
        terms: LinkTerms,
        listen: &str,
        cluster: &str,
    ) -> Self {
        let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap();
        let orders = json!({
            "boot": boot, "listen": listen, "cluster": cluster, "certs": certs,
            "beat": millis(terms.beat), "misses": terms.misses, "handshake": millis(terms.handshake),
            "settle": millis(terms.settle), "first_wait": millis(terms.first_wait),
            "longest_wait": millis(terms.longest_wait), "stranger": millis(terms.stranger), "renew": millis(terms.renew), "window": terms.window,
        });
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let mut child = Command::new(env::current_exe().unwrap())
            .args([TEST, "--exact", "--nocapture"])
            .env(ORDERS, orders.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let said = lines.find_map(|line| Some(line.ok()?.split_once(LISTENS)?.1.trim().to_owned()));
        let Some(address) = said else {
            panic!("the node did not start:\n{}", std::fs::read_to_string(&log).unwrap_or_default());
        };
        // What libtest still says must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let orders = child.stdin.take().unwrap();
        Self { boot, address, child, orders, log, _folder: folder }
    }

    pub(super) fn peer(&self) -> Peer {
        Peer { boot: self.boot, address: self.address.clone() }
    }

    /// Tells it who lives.
    pub(super) fn keep(&mut self, peers: &[Peer]) {
        let list: Vec<_> = peers.iter().map(|peer| json!([peer.boot, peer.address])).collect();
        writeln!(self.orders, "{}", Value::from(list)).unwrap();
    }

    pub(super) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Ends it without a word to anybody.
    pub(super) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    pub(super) fn rss_kib(&self) -> u64 {
        rss_kib(&self.child.id().to_string())
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// Memory of a process, `self` or a number.
pub(super) fn rss_kib(process: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Two nodes that know each other; the one in this process has the smaller boot id, and so dials, if `dials`.
pub(super) async fn pair(certs: &Certs, terms: LinkTerms, dials: bool) -> (Node, Other) {
    let (first, second) = (BootId::new(), BootId::new());
    let (mine, theirs) = if dials { (first, second) } else { (second, first) };
    let mut other = Other::start(certs.path(), theirs, terms);
    let node = Node::start(certs.path(), mine, terms).await;
    other.keep(&[node.peer()]);
    node.links.keep(vec![other.peer()]);
    node.until_up(theirs).await;
    (node, other)
}

/// A node by itself can be reached while it runs and refuses afterwards. With [`ORDERS`] in the environment it runs
/// until its standard input ends: that is how other tests get their other nodes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_listens_and_stops() {
    if let Ok(orders) = env::var(ORDERS) {
        return serve(&serde_json::from_str(&orders).unwrap()).await;
    }
    let certs = Certs::new();
    let node = Node::start(certs.path(), BootId::new(), QUICK).await;
    let address = node.address();
    assert_eq!(probe(&address, PATIENCE).await, Probe::Answers);
    node.stop().await;
    let deadline = Instant::now() + PATIENCE;
    while probe(&address, PATIENCE).await != Probe::Refused {
        assert!(Instant::now() < deadline, "it still listens");
    }
}

async fn serve(orders: &Value) {
    tracing_subscriber::fmt()
        .with_env_filter("info,hub_node=debug,ractor_cluster=error")
        .with_writer(std::io::stderr)
        .init();
    let number = |name: &str| orders[name].as_u64().unwrap();
    let millis = |name: &str| Duration::from_millis(number(name));
    let terms = LinkTerms {
        beat: millis("beat"),
        misses: u32::try_from(number("misses")).unwrap(),
        handshake: millis("handshake"),
        settle: millis("settle"),
        first_wait: millis("first_wait"),
        longest_wait: millis("longest_wait"),
        stranger: millis("stranger"),
        renew: millis("renew"),
        window: usize::try_from(number("window")).unwrap(),
    };
    let text = |name: &str| orders[name].as_str().unwrap();
    let node = Node::start_at(
        Path::new(text("certs")),
        text("boot").parse().unwrap(),
        terms,
        text("listen").parse().unwrap(),
        text("cluster"),
    )
    .await;
    let line = format!("\n{LISTENS}{}\n", node.address());
    std::io::stdout().write_all(line.as_bytes()).unwrap();
    let links = node.links.clone();
    let until_closed = tokio::task::spawn_blocking(move || {
        for line in std::io::stdin().lock().lines() {
            let list: Vec<(BootId, String)> = serde_json::from_str(&line.unwrap()).unwrap();
            links.keep(list.into_iter().map(|(boot, address)| Peer { boot, address }).collect());
        }
    });
    until_closed.await.unwrap();
    node.stop().await;
}
