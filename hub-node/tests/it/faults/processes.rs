//! The processes on the machines: started, ended, stopped and woken as the schedule says.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bson::doc;
use rustix::process::{Pid, Signal, kill_process};

use super::hosts::{Host, Hosts};
use super::schedule::Clock;
use crate::support::{eventually, server};

pub(super) const SETUP_TOKEN: &str = "setup-token-of-the-test";
const DATABASE: &str = "faults";
/// Debug builds on two cores that are shared.
const START: Duration = Duration::from_secs(60);
/// A drain takes some seconds; while its database is away the node gives up a little later.
const STOP: Duration = Duration::from_secs(60);

/// A process that is there, or is not.
pub(super) struct Life {
    pub(super) name: String,
    child: Option<Child>,
    log: PathBuf,
}

impl Life {
    fn new(folder: &Path, name: &str) -> Self {
        Self { name: name.to_owned(), child: None, log: folder.join(format!("{name}.log")) }
    }

    fn start(&mut self, command: &mut Command) {
        assert!(self.child.is_none(), "{} is started twice", self.name);
        let log = File::options().create(true).append(true).open(&self.log).unwrap();
        let output = log.try_clone().unwrap();
        let child = command.stdin(Stdio::null()).stdout(output).stderr(log).spawn();
        self.child = Some(child.unwrap_or_else(|error| panic!("{} cannot be started: {error}", self.name)));
    }

    pub(super) fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().unwrap();
        kill_process(Pid::from_child(child), signal).unwrap();
    }

    pub(super) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _already_gone = child.kill();
            let _already_gone = child.wait();
        }
    }

    /// Waits for its end well after it was told to stop.
    pub(super) async fn ended(&mut self) {
        let name = self.name.clone();
        let child = &mut self.child;
        let status = eventually(&format!("{name} to stop"), STOP, || {
            let ended = child.as_mut().and_then(|child| child.try_wait().unwrap());
            async move { ended }
        })
        .await;
        self.child = None;
        assert!(status.success(), "{name} stopped with {status}");
    }

    /// It runs, though nobody asked after it.
    pub(super) fn assert_alive(&mut self) {
        if let Some(status) = self.child.as_mut().and_then(|child| child.try_wait().unwrap()) {
            panic!("{} has ended by itself with {status}", self.name);
        }
    }

    pub(super) fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The embedded server's program, with the arguments that the hub gives it, at its machine's address.
pub(super) struct Database {
    pub(super) life: Life,
    folder: PathBuf,
    address: String,
}

impl Database {
    const PORT: u16 = 27_017;

    pub(super) async fn start(hosts: &Hosts, folder: &Path) -> Self {
        let mut database = Self {
            life: Life::new(folder, "database"),
            folder: folder.join("store"),
            address: hosts.address(Host::Database).to_string(),
        };
        fs::create_dir_all(&database.folder).unwrap();
        database.begin(hosts).await;
        database
    }

    pub(super) async fn begin(&mut self, hosts: &Hosts) {
        let mut command = hosts.command(Host::Database, &server::binary());
        command
            .args(["--host", &self.address, "--port", &Self::PORT.to_string(), "--storage-path"])
            .arg(&self.folder)
            .args([
                "--sync-on-commit",
                "--log-file-max",
                "16MB",
                "--log-level",
                "WARNING",
                "--cache-size",
                "64M",
            ]);
        self.life.start(&mut command);
        self.limit_transactions().await;
    }

    /// As the operations page asks for, and as the hub does with its own server.
    async fn limit_transactions(&self) {
        let client = mongodb::Client::with_uri_str(self.uri()).await.unwrap();
        let setting = doc! { "setParameter": 1, "transactionLifetimeLimitSeconds": 3 };
        client.database("admin").run_command(setting).await.unwrap();
    }

    pub(super) fn uri(&self) -> String {
        format!("mongodb://{}:{}/?directConnection=true", self.address, Self::PORT)
    }

    /// What is stored, past every hub.
    pub(super) async fn open(&self) -> mongodb::Database {
        mongodb::Client::with_uri_str(self.uri()).await.unwrap().database(DATABASE)
    }
}

/// What all hub nodes share.
pub(super) struct Common {
    pub(super) folder: PathBuf,
    certs: tempfile::TempDir,
    uri: String,
}

impl Common {
    pub(super) fn new(folder: &Path, database: &Database) -> Self {
        let keys = folder.join("keys");
        fs::write(&keys, "k1 MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n").unwrap();
        fs::set_permissions(&keys, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        Self { folder: folder.to_owned(), certs: crate::link::certificates(), uri: database.uri() }
    }
}

/// One hub node: always the same machine and address, one process after the other.
pub(super) struct Node {
    pub(super) life: Life,
    number: usize,
    pub(super) url: String,
    /// Counts its data folders: a drained node's successor has an empty one.
    folders: usize,
}

impl Node {
    pub(super) fn new(hosts: &Hosts, common: &Common, number: usize) -> Self {
        Self {
            life: Life::new(&common.folder, &format!("hub-{number}")),
            number,
            url: format!("http://{}:8080", hosts.address(Host::Node(number))),
            folders: 0,
        }
    }

    pub(super) fn start(&mut self, hosts: &Hosts, common: &Common, clock: Clock) {
        let program = Path::new(env!("CARGO_BIN_EXE_hub-node"));
        let host = Host::Node(self.number);
        let mut command = match clock {
            Clock::Right => hosts.command(host, program),
            Clock::HourAhead => wrong_clock(hosts, host, program, "+3600s"),
            Clock::HourBehind => wrong_clock(hosts, host, program, "-3600s"),
        };
        let address = hosts.address(host);
        command
            .args(["run", "--database", DATABASE])
            .args(["--listen", &format!("{address}:8080"), "--cluster-listen", &format!("{address}:7946")])
            .arg("--data-dir")
            .arg(common.folder.join(format!("data-{}-{}", self.number, self.folders)))
            .arg("--keys-file")
            .arg(common.folder.join("keys"))
            .arg("--cluster-cert")
            .arg(common.certs.path().join("hub.pem"))
            .arg("--cluster-key")
            .arg(common.certs.path().join("hub.key"))
            .arg("--cluster-ca")
            .arg(common.certs.path().join("ca.pem"))
            .env("MONGODB_URI", &common.uri)
            .env("GROCERYSYNC_SETUP_TOKEN", SETUP_TOKEN)
            .env("GROCERYSYNC_LOG", "info,hub_node=debug,actors=debug");
        self.life.start(&mut command);
    }

    /// The next start finds an empty data folder.
    pub(super) fn forget_data(&mut self) {
        self.folders += 1;
    }

    pub(super) async fn ready(&mut self, client: &reqwest::Client) {
        let asked = format!("{}/health/ready", self.url);
        let begun = Instant::now();
        while begun.elapsed() < START {
            self.life.assert_alive();
            let answer = client.get(&asked).timeout(Duration::from_secs(2)).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await; // poll: the pace of asking
        }
        panic!("{} is not ready after {START:?}", self.life.name);
    }
}

/// A program that sees another time of day; how time passes it sees as everybody does.
fn wrong_clock(hosts: &Hosts, host: Host, program: &Path, offset: &str) -> Command {
    let library = fake_time().unwrap_or_else(|| {
        panic!("a wrong clock needs libfaketime: `cargo xtask setup` installs it, or `apt-get install libfaketime`")
    });
    let mut command = hosts.command(host, Path::new("env"));
    command.arg(format!("LD_PRELOAD={}", library.display()));
    command.args([&format!("FAKETIME={offset}"), "FAKETIME_DONT_FAKE_MONOTONIC=1", "DONT_FAKE_MONOTONIC=1"]);
    command.arg(program);
    command
}

/// Debian puts it into a folder for each architecture.
fn fake_time() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?.flatten();
    folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1")).find(|file| file.is_file())
}

/// The shop's agent, which knows every node's address.
pub(super) struct Agent {
    pub(super) life: Life,
}

impl Agent {
    pub(super) async fn enrol(hosts: &Hosts, folder: &Path, hubs: &[String], token: &str) -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_hub-node")).with_file_name("agent-node");
        assert!(program.exists(), "{} is not built: run `cargo build -p agent-node`", program.display());
        let data = folder.join("agent");
        fs::create_dir_all(&data).unwrap();
        let mut enrol = hosts.command(Host::Shop, &program);
        enrol
            .args(["enrol", "--allow-plaintext", "--hub", &hubs[0], "--token", token, "--data-dir"])
            .arg(&data);
        let output = tokio::process::Command::from(enrol).output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "enrolment failed: {said}");
        let mut agent = Self { life: Life::new(folder, "agent") };
        let mut run = hosts.command(Host::Shop, &program);
        run.args(["run", "--allow-plaintext", "--data-dir"]).arg(&data);
        for hub in hubs {
            run.args(["--hub", hub]);
        }
        agent.life.start(&mut run);
        agent
    }
}
