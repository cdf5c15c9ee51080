//! The console in a real browser: the technician's story, from the first start to the file on the server, with a hub that
//! is killed on the way; and pages whose answers a script plays, for what cannot be waited for. The scripts press the
//! buttons; these tests play the world around them.

use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Command;

use super::csv_file;
use super::hub::{Hub, SETUP_TOKEN};
use super::sshd::Sshd;

/// Enough articles for a hub to die in the middle of them.
const BIG: usize = 300_000;

#[tokio::test]
async fn browser_the_whole_story() {
    let folder = tempfile::tempdir().unwrap();
    let mut hub = Hub::start(folder.path()).await;
    let sshd = Sshd::start(folder.path()).await;
    let source = folder.path().join("items.csv");
    let rows = csv_file::write(&source, 400);
    let big = folder.path().join("big.csv");
    csv_file::write(&big, BIG);
    let key = folder.path().join("sshd/client");
    let mut child = script("story.mjs", &hub)
        .env("STORY_SOURCE", &source)
        .env("STORY_ROWS", rows.to_string())
        .env("STORY_BIG_SOURCE", &big)
        .env("STORY_SFTP_PORT", sshd.port.to_string())
        .env("STORY_SFTP_USER", &sshd.user)
        .env("STORY_SFTP_FOLDER", &sshd.folder)
        .env("STORY_SFTP_HOST_KEY", sshd.host_key.trim())
        .env("STORY_SFTP_CLIENT_KEY", &key)
        .env("STORY_AGENT_FOLDER", folder.path().join("agent"))
        .env("STORY_PROGRAMS", Path::new(env!("CARGO_BIN_EXE_hub-node")).parent().unwrap())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut world = child.stdin.take().unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
    while let Some(line) = said.next_line().await.unwrap() {
        tracing_line(&line);
        if line == "KILL HUB" {
            hub.kill().await;
            hub.restart().await;
            world.write_all(b"DONE\n").await.unwrap();
        }
    }
    let status = child.wait().await.unwrap();
    assert!(status.success(), "the story ended with {status}\nhub:\n{}", tail(&hub.log()));
    let arrived = std::fs::read_to_string(sshd.folder.join("out/items.csv")).unwrap();
    assert_eq!(arrived.lines().count() - 1, BIG, "the run that saw its hub die has replaced the file");
    hub.stop().await;
}

#[tokio::test]
async fn browser_pages_whose_answers_are_played() {
    plays("pages.mjs").await;
}

#[tokio::test]
async fn browser_jobs_from_databases() {
    plays("sources.mjs").await;
}

#[tokio::test]
async fn browser_schedules_queue_and_platforms() {
    plays("timing.mjs").await;
}

/// An agent that the script enrols and starts, with plugins that it writes.
#[tokio::test]
async fn browser_plugins() {
    plays("plugins.mjs").await;
}

/// An agent that the script enrols, and a file of its own; see there.
#[tokio::test]
async fn browser_a_mapping_from_the_look_to_the_file() {
    plays("mapping.mjs").await;
}

/// A store edge that the script enrols by the dialog's command, and that sells; see there.
#[tokio::test]
async fn browser_the_stores_of_a_retailer() {
    plays("stores.mjs").await;
}

/// A script that needs nothing but a new hub, and what lies beside it.
async fn plays(name: &str) {
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::start(folder.path()).await;
    let mut child = script(name, &hub)
        .env("STORY_FOLDER", folder.path())
        .env("STORY_AGENT_FOLDER", folder.path().join("agent"))
        .env("STORY_EDGE_FOLDER", folder.path().join("edge"))
        .env("STORY_PROGRAMS", Path::new(env!("CARGO_BIN_EXE_hub-node")).parent().unwrap())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
    while let Some(line) = said.next_line().await.unwrap() {
        tracing_line(&line);
    }
    let status = child.wait().await.unwrap();
    assert!(status.success(), "the script ended with {status}\nhub:\n{}", tail(&hub.log()));
    hub.stop().await;
}

/// A script of the browser tests, told where its hub is.
fn script(name: &str, hub: &Hub) -> Command {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser").join(name);
    let modules = std::env::var("GROCERYSYNC_BROWSER_MODULES").unwrap_or_else(|_| {
        panic!("GROCERYSYNC_BROWSER_MODULES must name the folder with playwright-core; `cargo xtask test` sets it")
    });
    let mut command = Command::new("node");
    command
        .arg(path)
        .env("GROCERYSYNC_BROWSER_MODULES", modules)
        .env("STORY_HUB", &hub.url)
        .env("STORY_SETUP_TOKEN", SETUP_TOKEN)
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// What the script does, for whoever reads a failed test.
fn tracing_line(line: &str) {
    eprintln!("browser: {line}");
}

fn tail(text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}
