//! A store edge's process with its folder, and customers at its tills.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use messages::edge::status::EdgeStatus;
use reqwest::Client;
use serde::de::DeserializeOwned;

use super::super::wait::{PATIENCE, until};

/// It listens on one port for all its lives.
pub(in crate::process) struct Edge {
    child: Option<Child>,
    pub(super) data_dir: PathBuf,
    log: PathBuf,
    port: u16,
    protocol: &'static str,
    /// Where it finds the hub, when not where it was enrolled.
    pub(super) hub: Option<String>,
    client: Client,
}

/// The edge's program stands beside the hub's. `cargo xtask test` builds both.
fn program() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_hub-node")).with_file_name("edge-node");
    let built = "run `cargo build -p edge-node`, or `cargo xtask test`";
    assert!(program.exists(), "{} is not built: {built}", program.display());
    program
}

/// Swaps a token for a credential; the program's exit and what it said.
pub(super) async fn enrol(data_dir: &Path, hub: &str, token: &str) -> (bool, String) {
    let mut command = tokio::process::Command::new(program());
    command.args(["enrol", "--force", "--hub", hub, "--token", token, "--data-dir"]).arg(data_dir);
    let output = command.output().await.unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

impl Edge {
    pub(in crate::process) async fn enrol(
        data_dir: &Path,
        hub: &str,
        token: &str,
        protocol: &'static str,
    ) -> Self {
        fs::create_dir_all(data_dir).unwrap();
        let (done, said) = enrol(data_dir, hub, token).await;
        assert!(done, "enrolment failed: {said}");
        assert!(said.contains("Main street"), "the edge knows its store: {said}");
        let port = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        Self {
            child: None,
            data_dir: data_dir.to_owned(),
            log: data_dir.with_extension("log"),
            port,
            protocol,
            hub: None,
            client: Client::new(),
        }
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Starts it and waits until tills can sell.
    pub(in crate::process) async fn start(&mut self) {
        self.launch();
        until("the edge to answer", || async { self.answers().await.then_some(()) }).await;
    }

    /// Starts it; a disk without room may keep it from coming up.
    pub(super) fn launch(&mut self) {
        let log = File::options().create(true).append(true).open(&self.log).unwrap();
        let mut command = Command::new(program());
        command.args(["run", "--sample-catalogue", "--log", "info", "--sync-protocol", self.protocol]);
        if let Some(hub) = &self.hub {
            command.args(["--hub", hub]);
        }
        command.args(["--listen", &format!("127.0.0.1:{}", self.port), "--data-dir"]).arg(&self.data_dir);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        self.child = Some(child);
    }

    pub(super) fn runs(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    pub(super) async fn answers(&self) -> bool {
        self.try_get::<EdgeStatus>("/v1/status").await.is_some()
    }

    pub(super) fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Told to stop, it leaves its database in one piece.
    pub(super) async fn stop(&mut self) {
        let mut child = self.child.take().unwrap();
        rustix::process::kill_process(
            rustix::process::Pid::from_child(&child),
            rustix::process::Signal::TERM,
        )
        .unwrap();
        let status = until("the edge to stop", || std::future::ready(child.try_wait().unwrap())).await;
        assert!(status.success(), "the edge stopped with {status}");
    }

    pub(super) async fn try_get<T: DeserializeOwned>(&self, path: &str) -> Option<T> {
        let request = self.client.get(format!("{}{path}", self.url()));
        let request = request.header("x-terminal-id", "test").header("x-cashier-id", "test");
        request.send().await.ok()?.error_for_status().ok()?.json().await.ok()
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> T {
        self.try_get(path).await.unwrap_or_else(|| panic!("GET {path} at the edge"))
    }

    /// A write of a till, as it is answered.
    pub(super) async fn post(&self, path: &str, key: &str, body: &serde_json::Value) -> reqwest::Response {
        let request = self.client.post(format!("{}{path}", self.url())).json(body);
        let request = request.header("x-terminal-id", "test").header("x-cashier-id", "test");
        request.header("idempotency-key", key).send().await.unwrap()
    }

    /// Customers at some tills. They go on through every death of the edge.
    pub(super) fn sell(&self, customers: u32, seed: u64) -> Customers {
        self.sell_at(4, customers, seed, 0)
    }

    pub(in crate::process) fn sell_at(
        &self,
        tills: u32,
        customers: u32,
        seed: u64,
        pause_ms: u32,
    ) -> Customers {
        let child = tokio::process::Command::new(program())
            .args(["simulate", "--terminals", &tills.to_string(), "--edge", &self.url()])
            .args(["--customers", &customers.to_string(), "--seed", &seed.to_string()])
            .args(["--pause-ms", &pause_ms.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Customers(child)
    }

    /// Everything told and settled. There is no limit as long as it goes on.
    pub(super) async fn drained(&self) -> EdgeStatus {
        let (mut settled, mut since) = (0, Instant::now());
        loop {
            if let Some(status) = self.try_get::<EdgeStatus>("/v1/status").await {
                let outbox = &status.outbox;
                if outbox.unsent == 0 && outbox.settled_seq == outbox.last_seq {
                    return status;
                }
                if outbox.settled_seq != settled {
                    (settled, since) = (outbox.settled_seq, Instant::now());
                }
            }
            assert!(since.elapsed() < PATIENCE, "the outbox stands at {settled}:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(50)).await; // poll: the pace of asking
        }
    }

    pub(super) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _already_gone = child.kill();
            let _already_gone = child.wait();
        }
    }
}

/// The program that plays them.
pub(in crate::process) struct Customers(tokio::process::Child);

impl Customers {
    /// No more come; those at the tills are served.
    pub(in crate::process) fn close_the_doors(&self) {
        let pid = self.0.id().and_then(|pid| rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()));
        if let Some(pid) = pid {
            let _already_gone = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
    }

    /// Every receipt that a till was given is the edge's, once and to the cent; otherwise what the tills say.
    pub(in crate::process) async fn all_served(self) -> Result<(), String> {
        let output = self.0.wait_with_output().await.unwrap();
        if output.status.success() {
            return Ok(());
        }
        let said = [output.stdout, output.stderr].concat();
        Err(format!("receipts and sales do not agree: {}", String::from_utf8_lossy(&said)))
    }
}
