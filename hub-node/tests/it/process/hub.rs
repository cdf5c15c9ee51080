//! A hub process with a database of its own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::wait::until;

pub(super) const SETUP_TOKEN: &str = "setup-token-of-the-test";

pub(super) struct Hub {
    child: Child,
    data_dir: PathBuf,
    pub(super) url: String,
}

impl Hub {
    /// Starts a hub in `folder` on a free port and waits until it is ready.
    pub(super) async fn start(folder: &Path) -> Self {
        // For the test's own HTTP client; another test of this process may have been first.
        let _already = rustls::crypto::ring::default_provider().install_default();
        Self::launch(folder, "127.0.0.1:0").await
    }

    async fn launch(folder: &Path, listen: &str) -> Self {
        let data_dir = folder.join("hub");
        fs::create_dir_all(&data_dir).unwrap();
        let log = File::options().create(true).append(true).open(folder.join("hub.log")).unwrap();
        // Left by an earlier life: it says where that one listened.
        let _absent = fs::remove_file(data_dir.join("hub.addr"));
        let child = Command::new(env!("CARGO_BIN_EXE_hub-node"))
            .args([
                "run",
                "--stop-on-stdin-close",
                "--listen",
                listen,
                "--metrics-listen",
                "127.0.0.1:0",
                "--data-dir",
            ])
            .arg(&data_dir)
            .env("GROCERYSYNC_SETUP_TOKEN", SETUP_TOKEN)
            .env("GROCERYSYNC_LOG", "info,hub_node=debug,actors=debug")
            .env_remove("MONGODB_URI")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut hub = Self { child, data_dir, url: String::new() };
        hub.url = hub.ready().await;
        hub
    }

    async fn ready(&mut self) -> String {
        let address = self.data_dir.join("hub.addr");
        let client = reqwest::Client::new();
        let child = &mut self.child;
        let log = self.data_dir.with_file_name("hub.log");
        until("the hub to be ready", || {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("the hub has ended with {status}:\n{}", fs::read_to_string(&log).unwrap_or_default());
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

    /// The process ends at once, without a word to anybody. The kernel ends its database with it.
    pub(super) async fn kill(&mut self) {
        // Absent while the hub starts it again.
        let store = self.try_store_pid();
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let Some(store) = store else { return };
        let stat = format!("/proc/{}/stat", store.as_raw_nonzero());
        let runs = || fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z "));
        until("the database to end with the hub", || std::future::ready((!runs()).then_some(()))).await;
    }

    /// A new process on the same data folder and port.
    pub(super) async fn restart(&mut self) {
        let listen = self.url.trim_start_matches("http://").to_owned();
        let folder = self.data_dir.parent().unwrap().to_owned();
        *self = Self::launch(&folder, &listen).await;
    }

    /// Kills the database process of this hub.
    pub(super) fn kill_store(&self) {
        rustix::process::kill_process(self.store_pid(), rustix::process::Signal::KILL).unwrap();
    }

    /// The same, unless the hub is at it already.
    pub(super) fn kill_store_if_there(&self) {
        if let Some(pid) = self.try_store_pid() {
            let _already_gone = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }

    /// After a kill of its database: the hub is ready again.
    pub(super) async fn healed(&mut self) {
        self.ready().await;
    }

    fn store_pid(&self) -> rustix::process::Pid {
        self.try_store_pid().unwrap()
    }

    fn try_store_pid(&self) -> Option<rustix::process::Pid> {
        let text = fs::read_to_string(self.data_dir.join("store.pid")).ok()?;
        rustix::process::Pid::from_raw(text.split_whitespace().next()?.parse().ok()?)
    }

    /// Memory that the hub's own process holds.
    pub(super) fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.data_dir.with_file_name("hub.log")).unwrap_or_default()
    }

    /// An orderly stop, which takes the database along.
    pub(super) async fn stop(mut self) {
        drop(self.child.stdin.take());
        let child = &mut self.child;
        let status = until("the hub to stop", || {
            let ended = child.try_wait().unwrap();
            async move { ended }
        })
        .await;
        assert!(status.success(), "the hub stopped with {status}");
        assert!(!self.data_dir.join("store.pid").exists(), "the database is left behind");
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        // A failed test: the stop was not reached.
        if matches!(self.child.try_wait(), Ok(None)) {
            drop(self.child.stdin.take());
            for _ in 0..200 {
                if !matches!(self.child.try_wait(), Ok(None)) {
                    return;
                }
                std::thread::sleep(std::time::Duration::from_millis(50)); // poll: the end of the process
            }
            let _already_gone = self.child.kill();
        }
    }
}
