//! The SFTP destination against a real OpenSSH server.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use agent_node::connector::conformance::{self, Outside};
use agent_node::connector::sftp::SftpConnector;
use agent_node::connector::{DestinationConnector as _, Failure, ForRun};
use messages::ErrorCode;
use messages::agent::RunCommand;
use messages::connector::{Credentials, DestinationConfig, SftpDestination};
use messages::run::RunOutcome;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::hub::Hub;
use crate::sshd::{PASSWORD, Sshd};
use crate::support::{Running, Shop, end, failure, names};

struct Uploads(PathBuf);

impl Outside for Uploads {
    fn finished(&self) -> Option<Vec<u8>> {
        fs::read(self.0.join("items.csv")).ok()
    }

    fn leftovers(&self) -> Vec<String> {
        if !self.0.exists() {
            return Vec::new();
        }
        names(&self.0).into_iter().filter(|name| name != "items.csv").collect()
    }
}

async fn check(to: SftpDestination, credentials: Option<Credentials>) -> Result<String, Failure> {
    SftpConnector::new(to, credentials).check().await
}

#[tokio::test]
async fn process_it_conforms_with_a_key() {
    let sshd = Sshd::start().await;
    let connector = SftpConnector::new(sshd.destination(), sshd.key("client", None));
    let breaches = conformance::destination(&connector, &Uploads(sshd.upload().join("new/shop"))).await;
    assert_eq!(breaches, [""; 0]);
}

#[tokio::test]
async fn process_logins_by_key() {
    let sshd = Sshd::start().await;
    check(sshd.destination(), sshd.key("locked", Some("open sesame"))).await.unwrap();
    for (credentials, part) in [
        (sshd.key("stranger", None), "public key installed"),
        (sshd.key("locked", Some("wrong")), "passphrase"),
        (Some(Credentials::Password { password: "wrong".into() }), "password is wrong"),
        (None, "no password or key is stored"),
    ] {
        let failure = check(sshd.destination(), credentials).await.unwrap_err();
        assert_eq!(failure.code, ErrorCode::DestinationRefused);
        assert!(failure.detail.contains(part), "{}", failure.detail);
    }
}

#[tokio::test]
async fn process_login_by_password() {
    let Some(sshd) = Sshd::start_with_password().await else { return };
    let password = |text: &str| Some(Credentials::Password { password: text.into() });
    let connector = SftpConnector::new(sshd.destination(), password(PASSWORD));
    let breaches = conformance::destination(&connector, &Uploads(sshd.upload().join("new/shop"))).await;
    assert_eq!(breaches, [""; 0]);
    let failure = check(sshd.destination(), password("wrong")).await.unwrap_err();
    assert_eq!(failure.code, ErrorCode::DestinationRefused);
    // A folder that is somebody else's.
    let to = SftpDestination { path: "/root/items.csv".into(), ..sshd.destination() };
    let (connector, run) =
        (SftpConnector::new(to, password(PASSWORD)), ForRun::alone(messages::RunId::new()));
    let failure = connector.open(&run).await.err().unwrap();
    assert_eq!(failure.code, ErrorCode::DestinationFailed);
    assert!(failure.detail.to_lowercase().contains("permission denied"), "{}", failure.detail);
}

#[tokio::test]
async fn process_the_host_key_is_the_pinned_one_or_nothing_is_sent() {
    let sshd = Sshd::start().await;
    for kind in ["ed25519", "ecdsa", "rsa"] {
        let to = SftpDestination { host_key: sshd.host_key(kind), ..sshd.destination() };
        check(to, sshd.key("client", None)).await.unwrap_or_else(|failure| panic!("{kind}: {failure}"));
    }
    let other = fs::read_to_string(sshd.folder.path().join("stranger.pub")).unwrap();
    let to = SftpDestination { host_key: other.clone(), ..sshd.destination() };
    let failure = check(to, sshd.key("client", None)).await.unwrap_err();
    assert_eq!(failure.code, ErrorCode::HostKeyMismatch);
    let body = other.split_whitespace().nth(1).unwrap();
    assert!(failure.detail.contains(body), "it says what was expected: {}", failure.detail);
}

#[tokio::test]
async fn process_nobody_there_is_told() {
    let sshd = Sshd::start().await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for (host, port) in [("127.0.0.1", closed), ("no-such-host.invalid", 22)] {
        let to = SftpDestination { host: host.into(), port, ..sshd.destination() };
        let failure = check(to, sshd.key("client", None)).await.unwrap_err();
        assert_eq!(failure.code, ErrorCode::DestinationUnreachable, "{}", failure.detail);
    }
}

fn upload(shop: &Shop, sshd: &Sshd, to: SftpDestination) -> RunCommand {
    let credentials = sshd.key("client", None);
    RunCommand { destination: DestinationConfig::Sftp(to), credentials, ..shop.command() }
}

#[tokio::test]
async fn process_a_run_replaces_the_file_on_the_server() {
    let (hub, shop, sshd) = (Hub::start().await, Shop::new(), Sshd::start().await);
    shop.write_items(20_000);
    shop.enrolled(&hub);
    let agent = Running::start(shop.config());
    let target = sshd.upload().join("new/shop/items.csv");
    fs::create_dir_all(target.parent().unwrap()).unwrap();
    fs::write(&target, "old").unwrap();
    let command = upload(&shop, &sshd, sshd.destination());
    hub.run(&command);
    let (progress, outcome) = end(&hub.end_of(command.run_id).await);
    agent.stop().await.unwrap();
    assert_eq!((outcome, progress.sent), (RunOutcome::Succeeded, 20_000));
    let text = fs::read_to_string(&target).unwrap();
    assert_eq!((text.lines().count(), text.len() as u64), (20_001, progress.bytes_sent));
    assert_eq!(names(target.parent().unwrap()), ["items.csv"]);
}

#[tokio::test]
async fn process_an_upload_goes_on_over_a_new_line_where_the_old_one_broke() {
    let (hub, shop, sshd) = (Hub::start().await, Shop::new(), Sshd::start().await);
    shop.write_items(200_000);
    shop.enrolled(&hub);
    let agent = Running::start(shop.config());
    let target = sshd.upload().join("items.csv");
    let path = target.to_str().unwrap().to_owned();
    let line = Line::to(sshd.port, 2, 1_500_000).await;
    let command = upload(&shop, &sshd, SftpDestination { port: line.port, path, ..sshd.destination() });
    hub.run(&command);
    let (progress, outcome) = end(&hub.end_of(command.run_id).await);
    agent.stop().await.unwrap();
    assert_eq!((outcome, progress.sent), (RunOutcome::Succeeded, 200_000));
    assert_eq!(line.used(), 3, "two lines broke, the third one held");
    let text = fs::read_to_string(&target).unwrap();
    let mut numbers = text.lines().skip(1).map(|line| line.split(',').next().unwrap().to_owned());
    let source = fs::read_to_string(shop.source()).unwrap();
    let mut expected = source.lines().skip(1).map(|line| line.split(',').next().unwrap().to_owned());
    assert!(numbers.by_ref().eq(expected.by_ref()), "no row is missing, none is there twice");
    assert_eq!(names(target.parent().unwrap()), ["items.csv"]);
}

#[tokio::test]
async fn process_a_line_that_is_cut_for_good_leaves_the_old_file_and_the_next_run_clears_up() {
    let (hub, shop, sshd) = (Hub::start().await, Shop::new(), Sshd::start().await);
    shop.write_items(200_000);
    shop.enrolled(&hub);
    let agent = Running::start(shop.config());
    let target = sshd.upload().join("items.csv");
    fs::write(&target, "old").unwrap();
    let line = Line::to(sshd.port, usize::MAX, 1_500_000).await;
    let path = target.to_str().unwrap().to_owned();
    let to = SftpDestination { port: line.port, path, ..sshd.destination() };
    let command = RunCommand { timeout_s: 4, ..upload(&shop, &sshd, to.clone()) };
    line.refuse_after(1);
    hub.run(&command);
    let report = hub.end_of(command.run_id).await;
    let (progress, outcome) = end(&report);
    assert_eq!((progress.sent, outcome), (0, RunOutcome::TimedOut));
    assert_eq!(fs::read_to_string(&target).unwrap(), "old");
    assert_eq!(names(&sshd.upload()).len(), 2, "nobody could take the rest away");
    let next = upload(&shop, &sshd, SftpDestination { port: sshd.port, ..to });
    hub.run(&next);
    assert_eq!(end(&hub.end_of(next.run_id).await).1, RunOutcome::Succeeded);
    agent.stop().await.unwrap();
    assert_eq!(fs::read_to_string(&target).unwrap().lines().count(), 200_001);
    assert_eq!(names(&sshd.upload()), ["items.csv"]);
}

/// A line to the server whose first connections each break after some bytes.
struct Line {
    port: u16,
    used: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Line {
    async fn to(server: u16, breaking: usize, after: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (used, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(usize::MAX)));
        let (count, limit) = (Arc::clone(&used), Arc::clone(&most));
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let number = count.fetch_add(1, Ordering::SeqCst);
                if number >= limit.load(Ordering::SeqCst) {
                    continue;
                }
                let after = if number < breaking { after } else { usize::MAX };
                tokio::spawn(carry(client, server, after));
            }
        });
        Self { port, used, most }
    }

    /// Further connections are closed at once.
    fn refuse_after(&self, connections: usize) {
        self.most.store(connections, Ordering::SeqCst);
    }

    fn used(&self) -> usize {
        self.used.load(Ordering::SeqCst)
    }
}

async fn carry(client: TcpStream, server: u16, after: usize) {
    let server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let back = tokio::spawn(async move {
        let _cut = tokio::io::copy(&mut from_server, &mut to_client).await;
    });
    let (mut sent, mut chunk) = (0, vec![0; 16 * 1024]);
    while sent < after {
        let length = from_client.read(&mut chunk).await.unwrap_or(0);
        if length == 0 || to_server.write_all(&chunk[..length]).await.is_err() {
            break;
        }
        sent += length;
    }
    back.abort();
}

#[tokio::test]
async fn process_a_full_disk_on_the_server_is_told_as_such() {
    let sshd = Sshd::start().await;
    let disk = sshd.folder.path().join("small");
    fs::create_dir(&disk).unwrap();
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
        .arg(&disk)
        .output()
        .is_ok_and(|output| output.status.success());
    if !mounted {
        println!("skipped: a small disk cannot be mounted here");
        return;
    }
    let _unmount = Unmount(disk.clone());
    let (hub, shop) = (Hub::start().await, Shop::new());
    shop.write_items(100_000);
    shop.enrolled(&hub);
    let agent = Running::start(shop.config());
    let to =
        SftpDestination { path: disk.join("items.csv").to_str().unwrap().to_owned(), ..sshd.destination() };
    let command = upload(&shop, &sshd, to);
    hub.run(&command);
    let failure = failure(&hub.end_of(command.run_id).await);
    // The same as a local file.
    let mut local = shop.command();
    local.destination = DestinationConfig::LocalFile(messages::connector::LocalFileDestination {
        path: disk.join("local.csv").to_str().unwrap().to_owned(),
        format: messages::connector::FileFormat::Csv,
    });
    hub.run(&local);
    let at_home = crate::support::failure(&hub.end_of(local.run_id).await);
    agent.stop().await.unwrap();
    assert_eq!(failure.code, ErrorCode::DestinationFull, "{}", failure.detail);
    assert_eq!(at_home.code, ErrorCode::DestinationFull, "{}", at_home.detail);
    assert_eq!(names(&disk), [""; 0], "nothing is left on the full disk");
}

#[tokio::test]
async fn process_a_server_that_takes_no_more_without_saying_why_has_no_room() {
    // No file larger than 100 blocks of 512 bytes; the server then says "failure" and no more, as at a quota.
    let sshd = Sshd::start_with_limit(100).await;
    let (hub, shop) = (Hub::start().await, Shop::new());
    shop.write_items(50_000);
    shop.enrolled(&hub);
    let agent = Running::start(shop.config());
    let command = upload(&shop, &sshd, sshd.destination());
    hub.run(&command);
    let failure = failure(&hub.end_of(command.run_id).await);
    agent.stop().await.unwrap();
    assert_eq!(failure.code, ErrorCode::DestinationFull, "{}", failure.detail);
    assert!(failure.detail.contains("quota"), "{}", failure.detail);
    assert_eq!(names(&sshd.upload().join("new/shop")), [""; 0], "nothing is left there");
}

struct Unmount(PathBuf);

impl Drop for Unmount {
    fn drop(&mut self) {
        let _best_effort = std::process::Command::new("umount").arg(&self.0).status();
    }
}
