//! The agent's own process: killed in mid-run, stopped politely, started wrongly.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use messages::agent::ToAgent;
use messages::run::RunOutcome;
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};

use crate::hub::{Hub, TOKEN};
use crate::support::{Shop, end};

pub(crate) fn binary(shop: &Shop, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agent-node"));
    command.args(arguments).arg("--data-dir").arg(shop.data_dir());
    command.env_clear().kill_on_drop(true).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub(crate) fn start(shop: &Shop) -> Child {
    binary(shop, &["run"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

pub(crate) async fn ran(mut command: Command) -> (Output, String) {
    let output = tokio::time::timeout(Duration::from_secs(30), command.output()).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned();
    (output, text)
}

pub(crate) async fn ended(mut child: Child) -> std::process::ExitStatus {
    tokio::time::timeout(Duration::from_secs(20), child.wait()).await.unwrap().unwrap()
}

#[tokio::test]
async fn process_killed_in_mid_run_it_ends_the_run_once_with_the_right_counts() {
    let (hub, shop) = (Hub::start().await, Shop::new());
    shop.write_items(400_000);
    shop.enrolled(&hub);
    let command = shop.command();
    let mut agent = start(&shop);
    hub.run(&command);
    for kill in 1..=3 {
        hub.until("an attempt that has come some way", |seen| {
            let facts = seen.of(command.run_id);
            let begun = facts.iter().rposition(|r| matches!(r.fact, messages::agent::Fact::Started { .. }));
            let on_the_way =
                |at: usize| facts[at..].iter().any(|r| matches!(r.fact, messages::agent::Fact::Progress(_)));
            seen.attempts(command.run_id).len() == kill && begun.is_some_and(on_the_way)
        })
        .await;
        assert_eq!(hub.seen().ends(command.run_id), 0, "the run is too short for this test");
        agent.kill().await.unwrap();
        assert!(!shop.target().exists());
        agent = start(&shop);
    }
    let (progress, outcome) = end(&hub.end_of(command.run_id).await);
    agent.kill().await.unwrap();
    assert_eq!(outcome, RunOutcome::Succeeded);
    assert_eq!((progress.read, progress.sent, progress.rejected), (400_000, 400_000, 0));
    assert_eq!(fs::read_to_string(shop.target()).unwrap().lines().count(), 400_001);
    assert_eq!(shop.out(), ["items.csv"], "no temporary file is left");
    let seen = hub.seen();
    assert_eq!((seen.ends(command.run_id), seen.attempts(command.run_id)), (1, vec![1, 2, 3, 4]));
    assert_eq!(seen.violations, [""; 0]);
}

#[tokio::test]
async fn process_killed_at_any_moment_of_many_short_runs_it_reports_each_once() {
    let (hub, shop) = (Hub::start().await, Shop::new());
    shop.write_items(300);
    shop.enrolled(&hub);
    let commands: Vec<_> = (0..24).map(|_| shop.command()).collect();
    let mut agent = start(&shop);
    for (at, command) in commands.iter().enumerate() {
        hub.run(command);
        if at % 6 == 5 {
            // Whatever it is doing just now; four times, for a run is given up after five.
            hub.until("some progress", |seen| seen.accepted.len() > at / 2).await;
            agent.kill().await.unwrap();
            agent = start(&shop);
        }
    }
    for command in &commands {
        assert_eq!(end(&hub.end_of(command.run_id).await).1, RunOutcome::Succeeded);
    }
    agent.kill().await.unwrap();
    let seen = hub.seen();
    assert_eq!(seen.violations, [""; 0]);
    let twice: Vec<_> = commands.iter().filter(|command| seen.ends(command.run_id) != 1).collect();
    assert_eq!(twice.len(), 0);
}

#[tokio::test]
async fn process_stops_with_a_goodbye_when_told_and_when_its_input_closes() {
    let (hub, shop) = (Hub::start().await, Shop::new());
    shop.enrolled(&hub);
    let agent = start(&shop);
    hub.until("hello", |seen| seen.hellos.len() == 1).await;
    let pid = agent.id().unwrap().to_string();
    std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap();
    assert!(ended(agent).await.success());
    hub.until("the goodbye", |seen| seen.closes == [1001]).await;

    let mut agent = binary(&shop, &["run", "--stop-on-stdin-close"]).stdin(Stdio::piped()).spawn().unwrap();
    hub.until("hello", |seen| seen.hellos.len() == 2).await;
    drop(agent.stdin.take());
    assert!(ended(agent).await.success());
    hub.until("the second goodbye", |seen| seen.closes == [1001, 1001]).await;
}

#[tokio::test]
async fn process_enrol_check_and_their_wrong_uses() {
    let (hub, shop) = (Hub::start().await, Shop::new());
    let url = hub.url();
    let (output, text) = ran(binary(&shop, &["check", "--hub", &url])).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(text.contains("FAIL  identity: this agent is not enrolled"), "{text}");
    assert!(text.contains(&format!("ok    hub {url}: it is ready")), "{text}");

    let (output, text) = ran(binary(&shop, &["enrol", "--hub", &url, "--token", TOKEN])).await;
    assert!(output.status.success(), "{text}");
    assert!(text.contains("enrolled as \"Till 1\" of Fresh Mart"), "{text}");
    assert!(!text.contains("gsa_first"));
    let (output, text) = ran(binary(&shop, &["check"])).await;
    assert!(output.status.success(), "{text}");
    assert!(text.contains("credential: it is accepted"), "{text}");

    let plugins = shop.folder.path().join("plugins");
    for (name, manifest) in [("tap-a", "kind = \"tap\"\ncommand = \"sh\""), ("tap-b", "kind = \"tap\"")] {
        std::fs::create_dir_all(plugins.join(name)).unwrap();
        std::fs::write(plugins.join(name).join("plugin.toml"), manifest).unwrap();
    }
    let (output, text) = ran(binary(&shop, &["check", "--plugins", plugins.to_str().unwrap()])).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(text.contains("ok    plugins: tap-a in "), "{text}");
    assert!(text.contains("FAIL  plugins: the plugin \"tap-b\" cannot be used: plugin.toml: "), "{text}");

    hub.seen().credentials = vec!["gsa_other".into()];
    let (output, text) = ran(binary(&shop, &["check"])).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(text.contains("FAIL  credential:") && text.contains("enrol again"), "{text}");

    for (arguments, part) in [
        (&["run", "--max-runs", "many"][..], "--max-runs"),
        (&["run", "--max-runs", "99"], "max_runs: must lie between 1 and 16, not 99"),
        (&["run", "--hub", "hub.example"], "hub: "),
        (&["run", "--config", "/nowhere/agent.toml"], "/nowhere/agent.toml"),
        (&["enrol", "--token", "x"], "--hub"),
    ] {
        let (output, text) = ran(binary(&shop, arguments)).await;
        assert!(!output.status.success() && text.contains(part), "{arguments:?}: {text}");
    }
    let mut from_environment = binary(&shop, &["run"]);
    from_environment.env("GROCERYSYNC_AGENT_GRACE_S", "999");
    let (_, text) = ran(from_environment).await;
    assert!(text.contains("grace_s: must lie between 0 and 300, not 999"), "{text}");
}

#[tokio::test]
async fn process_keeps_every_secret_to_itself() {
    let (hub, shop) = (Hub::start().await, Shop::new());
    shop.write_items(20_000);
    shop.enrolled(&hub);
    let mut command = shop.command();
    let password = "hunter2-of-the-shop";
    command.credentials = Some(messages::connector::Credentials::Password { password: password.into() });
    let mut agent = binary(&shop, &["run", "--log", "trace"]).spawn().unwrap();
    let mut log = agent.stderr.take().unwrap();
    let reading = tokio::spawn(async move {
        let mut text = String::new();
        log.read_to_string(&mut text).await.map(|_| text).unwrap()
    });
    hub.run(&command);
    hub.end_of(command.run_id).await;
    hub.send(ToAgent::Credential { credential: "gsa_renewed".into() });
    hub.until("saved", |seen| seen.credential_saved == 1).await;
    agent.kill().await.unwrap();
    let text = reading.await.unwrap();
    assert!(text.contains("a run was accepted"), "{text}");
    for secret in [password, "gsa_first", "gsa_renewed"] {
        assert!(!text.contains(secret), "{secret} in the log");
    }
    let mut on_disk = Vec::new();
    walk(&shop.data_dir(), &mut on_disk);
    for (path, bytes, mode) in on_disk {
        assert_eq!(mode & 0o077, 0, "{path} can be read by others");
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(password), "{path} keeps the password of a run that is over");
    }
}

fn walk(folder: &Path, found: &mut Vec<(String, Vec<u8>, u32)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, found);
        } else {
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            found.push((path.display().to_string(), fs::read(&path).unwrap(), mode));
        }
    }
}

/// A disk of one mebibyte, if one can be had here.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(folder: &Path) -> Option<Self> {
        fs::create_dir_all(folder).unwrap();
        let done = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
            .arg(folder)
            .output();
        if done.is_ok_and(|output| output.status.success()) {
            return Some(Self(folder.to_owned()));
        }
        println!("skipped: a small disk cannot be mounted here");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _best_effort = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test]
async fn process_a_full_disk_refuses_runs_and_room_brings_the_service_back() {
    let (hub, shop) = (Hub::start().await, Shop::new());
    let Some(_disk) = SmallDisk::mount(&shop.data_dir()) else { return };
    shop.write_items(1_000);
    shop.enrolled(&hub);
    let mut agent = start(&shop);
    hub.until("hello", |seen| !seen.hellos.is_empty()).await;
    let filler = shop.data_dir().join("filler");
    let mut file = fs::File::create(&filler).unwrap();
    while std::io::Write::write_all(&mut file, &[0; 4096]).is_ok() {}
    let refused = shop.command();
    hub.run(&refused);
    hub.until("the refusal", |seen| {
        seen.refused.contains(&(refused.command_id, messages::ErrorCode::DiskFull))
    })
    .await;
    drop(file);
    fs::remove_file(&filler).unwrap();
    let command = shop.command();
    hub.run(&command);
    assert_eq!(end(&hub.end_of(command.run_id).await).1, RunOutcome::Succeeded);
    agent.kill().await.unwrap();
    assert_eq!(hub.seen().violations, [""; 0]);
}

#[tokio::test]
async fn process_a_disk_that_fills_in_mid_run_fails_the_run_and_the_end_gets_through_later() {
    let (hub, shop) = (Hub::start().await, Shop::new());
    let Some(_disk) = SmallDisk::mount(&shop.data_dir()) else { return };
    // Far more rejects than the disk can hold, and nobody takes them.
    let rows: String = (0..8_000).map(|n| format!("{n},{},x\n", "y".repeat(200))).collect();
    shop.write_source(format!("sku,name,price\n{rows}").as_bytes());
    shop.enrolled(&hub);
    hub.seen().withhold = true;
    let mut agent = start(&shop);
    let command = shop.command();
    hub.run(&command);
    hub.until("a full window", |seen| seen.reports.len() > 200).await;
    hub.until("accepted", |seen| !seen.accepted.is_empty()).await;
    hub.seen().withhold = false;
    hub.cut();
    let failure = crate::support::failure(&hub.end_of(command.run_id).await);
    agent.kill().await.unwrap();
    assert_eq!(failure.code, messages::ErrorCode::DiskFull, "{}", failure.detail);
    let seen = hub.seen();
    assert_eq!((seen.violations.as_slice(), seen.ends(command.run_id)), (&[][..], 1));
}
