//! Several hub processes on one database, with certificates of one authority and the same keys.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use hub_node::cluster::shard_of;
use messages::RetailerId;
use messages::http::cluster::{ClusterView, LinkState, NodeState};
use messages::ids::BootId;
use rustix::process::{Pid, Signal, kill_process};

use super::super::api::Api;
use super::super::hub::SETUP_TOKEN;
use super::super::wait::until;
use crate::link;
use crate::support::{TestServer, server};

/// One process.
pub(in crate::process) struct Node {
    child: Child,
    pub(in crate::process) name: String,
    folder: PathBuf,
    pub(in crate::process) url: String,
}

/// The processes, and what they share.
pub(in crate::process) struct Cluster {
    pub(in crate::process) nodes: Vec<Node>,
    pub(in crate::process) folder: tempfile::TempDir,
    database: String,
    server: Arc<TestServer>,
    certs: tempfile::TempDir,
    started: usize,
    /// Of the nodes that are started from now on.
    pub(in crate::process) program: PathBuf,
}

impl Cluster {
    pub(in crate::process) async fn start(count: usize) -> Self {
        Self::of(env!("CARGO_BIN_EXE_hub-node").into(), count).await
    }

    /// All nodes are this program.
    pub(in crate::process) async fn of(program: PathBuf, count: usize) -> Self {
        let _already = rustls::crypto::ring::default_provider().install_default();
        let database = format!("test_{}", messages::RunId::new().as_uuid().simple());
        let mut cluster = Self {
            nodes: Vec::new(),
            folder: tempfile::tempdir().unwrap(),
            database,
            server: server::shared(),
            certs: link::certificates(),
            started: 0,
            program,
        };
        for _ in 0..count {
            cluster.add().await;
        }
        cluster
    }

    /// Starts another node and waits until it is ready. The first one makes the keys for all.
    pub(in crate::process) async fn add(&mut self) -> usize {
        self.started += 1;
        let name = format!("hub-{}", self.started);
        let folder = self.folder.path().join(&name);
        fs::create_dir_all(&folder).unwrap();
        let keys = self.folder.path().join("keys");
        if !keys.exists() {
            fs::write(&keys, "k1 MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n").unwrap();
            fs::set_permissions(&keys, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        }
        let log = File::options().create(true).append(true).open(folder.join("hub.log")).unwrap();
        let child = Command::new(&self.program)
            .args(["run", "--stop-on-stdin-close", "--listen", "127.0.0.1:0"])
            .args(["--cluster-listen", "127.0.0.1:0", "--database", &self.database])
            .arg("--data-dir")
            .arg(folder.join("data"))
            .arg("--keys-file")
            .arg(&keys)
            .arg("--cluster-cert")
            .arg(self.certs.path().join("hub.pem"))
            .arg("--cluster-key")
            .arg(self.certs.path().join("hub.key"))
            .arg("--cluster-ca")
            .arg(self.certs.path().join("ca.pem"))
            .env("MONGODB_URI", self.server.uri())
            .env("GROCERYSYNC_SETUP_TOKEN", SETUP_TOKEN)
            .env("GROCERYSYNC_LOG", "info,hub_node=debug,actors=debug")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut node = Node { child, name, folder, url: String::new() };
        node.url = node.ready().await;
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// The cluster as a node sees it.
    pub(in crate::process) async fn view(api: &Api) -> Option<ClusterView> {
        api.try_get::<ClusterView>("/admin/cluster").await
    }

    /// Waits until so many nodes serve even shares, all linked, and nothing moves.
    pub(in crate::process) async fn until_even(api: &Api, count: usize) -> ClusterView {
        until("even shares among linked nodes", || async {
            let view = Self::view(api).await?;
            let serving: Vec<_> = view.nodes.iter().filter(|node| node.state == NodeState::Serving).collect();
            let share = |boot: BootId| view.shards.iter().filter(|shard| shard.owner == Some(boot)).count();
            let even =
                serving.iter().all(|node| (256 / count..=256usize.div_ceil(count)).contains(&share(node.id)));
            let up = view.links.iter().filter(|link| link.state == LinkState::Up).count();
            (serving.len() == count && even && up >= count * (count - 1)).then_some(view)
        })
        .await
    }

    /// Which of the nodes owns a retailer.
    pub(in crate::process) fn owner(&self, view: &ClusterView, retailer: &str) -> usize {
        let retailer: RetailerId = retailer.parse().unwrap();
        let owner = view.shards[usize::from(shard_of(retailer).number())].owner.unwrap();
        let address = &view.nodes.iter().find(|node| node.id == owner).unwrap().address;
        self.nodes.iter().position(|node| node.url == *address).unwrap()
    }

    /// The logs of all nodes, for what must not be in them.
    pub(in crate::process) fn logs(&self) -> String {
        let logs = (1..=self.started).map(|n| self.folder.path().join(format!("hub-{n}/hub.log")));
        logs.map(|path| fs::read_to_string(path).unwrap_or_default()).collect()
    }

    pub(in crate::process) async fn stop(mut self) {
        for node in self.nodes.drain(..) {
            node.stop().await;
        }
    }
}

impl Node {
    async fn ready(&mut self) -> String {
        let address = self.folder.join("data/hub.addr");
        let (child, log, name) = (&mut self.child, self.folder.join("hub.log"), &self.name);
        let client = reqwest::Client::new();
        until("a node to be ready", || {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("{name} has ended with {status}:\n{}", fs::read_to_string(&log).unwrap_or_default());
            }
            let url = fs::read_to_string(&address).ok();
            let client = client.clone();
            async move {
                let url = url?;
                let answer = client.get(format!("{url}/health/ready")).send().await.ok()?;
                answer.status().is_success().then_some(url)
            }
        })
        .await
    }

    pub(in crate::process) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// The process ends at once.
    pub(in crate::process) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for the process to end well after it was told to.
    pub(in crate::process) async fn ended(&mut self) {
        let child = &mut self.child;
        let status = until("a node to stop", || {
            let ended = child.try_wait().unwrap();
            async move { ended }
        })
        .await;
        assert!(status.success(), "{} stopped with {status}", self.name);
    }

    pub(in crate::process) async fn stop(mut self) {
        self.signal(Signal::TERM);
        self.ended().await;
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _already_gone = self.child.kill();
            let _already_gone = self.child.wait();
        }
    }
}

/// Short enough to be seen as "at once" by whoever watches a shop.
pub(in crate::process) const SOON: Duration = Duration::from_secs(15);
