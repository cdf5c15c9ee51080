//! The server process: killed in the middle of work, hung, orphaned, stopped.

use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actors::domain::Write;
use actors::ports::{StoreError, TenantStore as _};
use hub_node::store::{EmbeddedConfig, StoreAddress, StoreGuard, StoreGuardArguments};
use messages::ids::SpoolId;
use messages::run::LogLevel;
use messages::version::Epoch;
use messages::{RetailerId, RunId, Version};
use ractor::Actor;
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{TestServer, TestStore, eventually, sample, server};

const PATIENCE: Duration = Duration::from_secs(30);
/// The version at which each retailer's work ends.
const COMMITS: u64 = 120;

fn signal(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

fn runs(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

/// A child that does not outlive its test, however that ends.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}

/// One retailer's owner: commits one store after the other, and remembers what was acknowledged.
async fn work(store: Arc<TestStore>, id: RetailerId, until: u64, done: Arc<AtomicU64>) -> Vec<String> {
    let mut acknowledged = Vec::new();
    store.take(id, Epoch(1)).await.unwrap();
    let retailer = sample::retailer(id, &format!("r-{}", id.as_uuid().simple()), "R");
    store.commit(id, Epoch(1), Version(1), vec![Write::Retailer(retailer)].into()).await.unwrap();
    for version in 2..until {
        let code = format!("s-{version}");
        let batch: Arc<[Write]> = vec![Write::Store(sample::shop(&code))].into();
        loop {
            match store.commit(id, Epoch(1), Version(version), batch.clone()).await {
                Ok(()) => break,
                Err(StoreError::Unavailable(_) | StoreError::Unknown(_)) => {}
                Err(error) => panic!("version {version}: {error}"),
            }
        }
        acknowledged.push(code);
        done.fetch_add(1, Ordering::Relaxed);
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn process_killed_in_the_middle_of_commits_loses_nothing_and_doubles_nothing() {
    let server = TestServer::start();
    let store = Arc::new(TestStore::open(server.clone()).await);
    let ids: Vec<_> = (0..4).map(|_| RetailerId::new()).collect();
    let done = Arc::new(AtomicU64::new(0));
    let workers: Vec<_> =
        ids.iter().map(|id| tokio::spawn(work(store.clone(), *id, COMMITS, done.clone()))).collect();
    for kill in 1..=3 {
        // Some commits between two kills.
        let before = done.load(Ordering::Relaxed);
        eventually("commits to go on", PATIENCE, || async {
            (done.load(Ordering::Relaxed) > before + 20).then_some(())
        })
        .await;
        assert!(done.load(Ordering::Relaxed) < 4 * (COMMITS - 2), "still at work");
        let pid = server.pid().await.unwrap();
        signal(pid, Signal::KILL);
        eventually("the guard to start it again", PATIENCE, || async {
            let seen = server.snapshot().await;
            (seen["restarts"] == kill && seen["pid"].is_number()).then_some(())
        })
        .await;
    }
    for (id, worker) in ids.into_iter().zip(workers) {
        let acknowledged = worker.await.unwrap();
        let image = store.take(id, Epoch(1)).await.unwrap();
        assert_eq!(image.version, Version(COMMITS - 1));
        let stored: Vec<_> = image.stores.into_iter().map(|shop| shop.spec.code).collect();
        assert_eq!(stored, acknowledged);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn process_killed_while_lines_are_appended_keeps_each_line_once() {
    let server = TestServer::start();
    let store = Arc::new(TestStore::open(server.clone()).await);
    let (id, spool, run) = (RetailerId::new(), SpoolId::new(), RunId::new());
    let writer = tokio::spawn({
        let store = store.clone();
        async move {
            for frame in 0..40_u64 {
                let lines =
                    (frame * 20..(frame + 1) * 20).map(|seq| sample::log_line(run, seq, LogLevel::Info, "x"));
                let lines: Vec<_> = lines.collect();
                while store.append_logs(id, spool, lines.clone()).await.is_err() {}
            }
        }
    });
    eventually("the first lines", PATIENCE, || async {
        (!store.latest_logs(id, run, 1).await.ok()?.is_empty()).then_some(())
    })
    .await;
    signal(server.pid().await.unwrap(), Signal::KILL);
    writer.await.unwrap();
    let seqs: Vec<_> =
        store.latest_logs(id, run, 5_000).await.unwrap().into_iter().map(|line| line.seq).collect();
    assert_eq!(seqs, (0..800).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn process_that_hangs_is_replaced() {
    let server = TestServer::start();
    let store = TestStore::open(server.clone()).await;
    let pid = server.pid().await.unwrap();
    signal(pid, Signal::STOP);
    // An answer can only be its successor's.
    match store.ping().await {
        Ok(()) => assert_ne!(server.pid().await.unwrap(), pid),
        Err(error) => assert!(matches!(error, StoreError::Unavailable(_)), "{error}"),
    }
    eventually("another process", Duration::from_secs(60), || async {
        let seen = server.snapshot().await;
        (seen["restarts"] == 1 && seen["pid"] != pid).then_some(())
    })
    .await;
    eventually("an answer", PATIENCE, || async { store.ping().await.ok() }).await;
    assert!(!runs(pid));
}

#[tokio::test]
async fn process_of_an_earlier_hub_is_stopped_first() {
    let folder = tempfile::tempdir().unwrap();
    let binary = server::binary();
    let storage = folder.path().join("store");
    std::fs::create_dir(&storage).unwrap();
    let orphan = Command::new(&binary)
        .args(["--host", "127.0.0.1", "--port", "0", "--storage-path"])
        .arg(&storage)
        .stdout(std::process::Stdio::null())
        .spawn();
    let mut orphan = Ended(orphan.unwrap());
    let pid = i32::try_from(orphan.0.id()).unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let start = stat.rsplit_once(')').unwrap().1.split_ascii_whitespace().nth(19).unwrap().to_owned();
    std::fs::write(folder.path().join("store.pid"), format!("{pid} {start}\n")).unwrap();
    eventually("the orphan to hold the storage", PATIENCE, || async {
        storage.join("WiredTiger.lock").exists().then_some(())
    })
    .await;

    let address = StoreAddress::default();
    let config = EmbeddedConfig::new(binary, folder.path());
    let arguments = StoreGuardArguments { config, address: address.clone() };
    let (guard, ended) = Actor::spawn(None, StoreGuard, arguments).await.unwrap();
    assert!(!runs(pid));
    orphan.0.wait().unwrap();
    assert!(address.port().is_some());
    let successor: i32 = std::fs::read_to_string(folder.path().join("store.pid"))
        .unwrap()
        .split_whitespace()
        .next()
        .unwrap()
        .parse()
        .unwrap();
    assert!(runs(successor));
    guard.stop(None);
    ended.await.unwrap();
    assert!(!runs(successor), "stopped with its guard");
    assert!(!folder.path().join("store.pid").exists());
}

#[tokio::test]
async fn process_that_cannot_start_says_why() {
    let folder = tempfile::tempdir().unwrap();
    for (binary, expected) in
        [("/nonexistent/server", "cannot be started"), ("/bin/false", "ended while starting")]
    {
        let config = EmbeddedConfig::new(binary.into(), folder.path());
        let arguments = StoreGuardArguments { config, address: StoreAddress::default() };
        let error = Actor::spawn(None, StoreGuard, arguments).await.err().unwrap().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
