//! The agent as a program for Windows, under Wine. `cargo xtask windows` builds it, names it and runs these tests; no other run has them
//! (`.config/nextest.toml`). Wine shares this machine's files (drive Z:) and its loopback.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use messages::connector::{
    CsvSource, DestinationConfig, FileFormat, LocalFileDestination, SingerSource, SourceConfig,
};
use messages::run::RunOutcome;
use tokio::process::Command;

use crate::hub::{Hub, TOKEN};
use crate::plugins::until;
use crate::process::{ended, ran};
use crate::support::{Shop, end};

/// Wine, and the program it is to run.
struct Wine {
    wine: PathBuf,
    agent: PathBuf,
    prefix: PathBuf,
}

impl Wine {
    fn named() -> Self {
        let named = |name| {
            let value = std::env::var_os(name).map(PathBuf::from);
            value.unwrap_or_else(|| panic!("{name} is not set; `cargo xtask windows` runs this"))
        };
        let (wine, agent) = (named("GROCERYSYNC_WINE"), named("GROCERYSYNC_WINDOWS_AGENT"));
        Self { wine, agent, prefix: named("WINEPREFIX") }
    }

    /// `agent-node …` on Windows.
    fn agent(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.wine);
        command.arg(&self.agent).args(words).env_clear();
        command.env("WINEPREFIX", &self.prefix).env("WINEDEBUG", "-all").env("HOME", &self.prefix);
        command.env("PATH", "/usr/bin:/bin").env("WINEDLLOVERRIDES", "mscoree,mshtml=");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }
}

/// A path of this machine as a program under Wine knows it.
fn windows(path: &Path) -> String {
    format!("Z:{}", path.to_str().unwrap().replace('/', "\\"))
}

fn command(shop: &Shop) -> messages::agent::RunCommand {
    let source = CsvSource { path: windows(&shop.source()), ..CsvSource::default() };
    let target = LocalFileDestination { path: windows(&shop.target()), format: FileFormat::Csv };
    let (source, destination) = (SourceConfig::Csv(source), DestinationConfig::LocalFile(target));
    messages::agent::RunCommand { source, destination, ..shop.command() }
}

#[tokio::test]
async fn wine_says_its_version_and_names_each_wrong_setting() {
    let wine = Wine::named();
    let shop = Shop::new();
    let (output, text) = ran(wine.agent(&["--version"])).await;
    assert!(output.status.success() && text.starts_with("agent-node "), "{text}");
    let data_dir = windows(&shop.data_dir());
    for (words, part) in [
        (&["--max-runs", "99"][..], "max_runs: must lie between 1 and 16, not 99"),
        (&["--hub", "hub.example"], "hub: "),
        (&["--grace-s", "301"], "grace_s: must lie between 0 and 300, not 301"),
        (&["--spool-mib", "1"], "spool_mib: "),
        (&["--transport", "pigeon"], "transport: must be auto, websocket or https, not pigeon"),
        (&["--plugins", r"Z:\nowhere"], r"plugins: Z:\nowhere is no folder"),
        (&["--log", "loud"], "log: "),
        (&["--config", r"Z:\nowhere.toml"], r"Z:\nowhere.toml could not be read"),
    ] {
        let words = [&["check", "--data-dir", &data_dir], words].concat();
        let (output, text) = ran(wine.agent(&words)).await;
        assert!(output.status.code() == Some(1) && text.contains(part), "{words:?}: {text}");
    }
    let (output, text) = ran(wine.agent(&["service", "run"])).await;
    assert!(!output.status.success() && text.contains("use `agent-node run` at a console"), "{text}");
}

#[tokio::test]
async fn wine_enrols_carries_out_a_run_and_says_goodbye() {
    let wine = Wine::named();
    let (hub, shop) = (Hub::start().await, Shop::new());
    let (url, data_dir) = (hub.url(), windows(&shop.data_dir()));
    let enrol = ["enrol", "--data-dir", &data_dir, "--hub", &url, "--token", TOKEN];
    let (output, text) = ran(wine.agent(&enrol)).await;
    assert!(output.status.success() && text.contains("enrolled as \"Till 1\" of Fresh Mart"), "{text}");
    let (output, text) = ran(wine.agent(&["check", "--data-dir", &data_dir])).await;
    assert!(output.status.success() && text.contains("credential: it is accepted"), "{text}");

    shop.write_items(2_000);
    let mut agent = wine.agent(&["run", "--data-dir", &data_dir, "--stop-on-stdin-close"]);
    let mut agent = agent.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    hub.until("hello", |seen| seen.hellos.len() == 1).await;
    let os = hub.seen().hellos[0].machine.os.clone();
    assert!(os.contains("Windows") && os.contains("build"), "{os}");
    // Twice: the second run replaces the first one's file, its journal and what it kept.
    for _ in 0..2 {
        let command = command(&shop);
        hub.run(&command);
        let (progress, outcome) = end(&hub.end_of(command.run_id).await);
        assert_eq!((outcome, progress.sent), (RunOutcome::Succeeded, 2_000));
    }
    assert_eq!(fs::read_to_string(shop.target()).unwrap().lines().count(), 2_001);
    assert_eq!(shop.out(), ["items.csv"], "no temporary file is left");
    drop(agent.stdin.take());
    assert!(ended(agent).await.success());
    // `check` has said one of another kind before.
    hub.until("the goodbye", |seen| seen.closes.last() == Some(&1001)).await;
    assert_eq!(hub.seen().violations, [""; 0]);
}

#[tokio::test]
async fn wine_installs_a_service_that_starts_stops_and_goes() {
    let wine = Wine::named();
    let (hub, shop) = (Hub::start().await, Shop::new());
    shop.enrolled(&hub);
    let data_dir = windows(&shop.data_dir());
    // Letters, digits and hyphens only, and another one each time.
    let name = format!("till-{}", messages::RunId::new());
    let (output, text) = ran(wine.agent(&["service", "status", "--name", &name])).await;
    assert!(output.status.code() == Some(4) && text.contains("not installed"), "{text}");

    let (output, text) =
        ran(wine.agent(&["service", "install", "--name", &name, "--data-dir", &data_dir])).await;
    assert!(output.status.success() && text.contains(&format!("{name} runs")), "{text}");
    hub.until("hello of the service", |seen| seen.hellos.len() == 1).await;
    let (output, text) = ran(wine.agent(&["service", "status", "--name", &name])).await;
    assert!(output.status.success() && text.contains(": running, process "), "{text}");
    let (output, text) = ran(wine.agent(&["service", "stop", "--name", &name])).await;
    assert!(output.status.success() && text.contains(": stopped; starts with the machine"), "{text}");
    hub.until("the goodbye", |seen| seen.closes == [1001]).await;
    let log = fs::read_to_string(shop.data_dir().join("log/agent.log")).unwrap();
    assert!(log.contains("the agent starts") && log.contains("the agent stops"), "{log}");

    // Wrong settings: it ends with a number of its own, and the log says more.
    fs::write(shop.data_dir().join("agent.toml"), "max_runs = 99").unwrap();
    ran(wine.agent(&["service", "start", "--name", &name])).await;
    let (output, text) = ran(wine.agent(&["service", "status", "--name", &name])).await;
    assert_eq!(output.status.code(), Some(3), "{text}");
    let log = fs::read_to_string(shop.data_dir().join("log/agent.log")).unwrap();
    assert!(log.contains("max_runs: must lie between 1 and 16, not 99"), "{log}");
    let (output, text) =
        ran(wine.agent(&["service", "install", "--name", &name, "--data-dir", &data_dir])).await;
    assert!(!output.status.success() && text.contains("the service would not start: max_runs"), "{text}");

    let (output, text) = ran(wine.agent(&["service", "uninstall", "--name", &name])).await;
    assert!(output.status.success() && text.contains("is stopped and gone"), "{text}");
    let (output, _) = ran(wine.agent(&["service", "status", "--name", &name])).await;
    assert_eq!(output.status.code(), Some(4));
    assert!(shop.data_dir().join("identity.json").exists());
}

/// Processes of this machine that have this word among their arguments.
fn with_argument(word: &str) -> usize {
    let processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    lines.filter(|line| line.split(|byte| *byte == 0).any(|found| found == word.as_bytes())).count()
}

#[tokio::test]
async fn wine_ends_a_plugin_with_its_children() {
    let wine = Wine::named();
    let (hub, shop) = (Hub::start().await, Shop::new());
    shop.enrolled(&hub);
    let plugins = shop.folder.path().join("plugins");
    fs::create_dir_all(plugins.join("tap-hung")).unwrap();
    fs::write(
        plugins.join("tap-hung/plugin.toml"),
        "kind = \"tap\"\ncommand = \"./run.cmd\"\ndiscover = false\nstream = \"items\"\nlimits = { time_s = 5, memory_mib = 0 }\n",
    )
    .unwrap();
    // A child that nobody else's process looks like.
    let marker = format!("{}", 100_000 + std::process::id());
    fs::write(plugins.join("tap-hung/run.cmd"), format!("@ping -n {marker} 127.0.0.1 >nul\r\n")).unwrap();
    let mut agent = wine.agent(&[
        "run",
        "--data-dir",
        &windows(&shop.data_dir()),
        "--plugins",
        &windows(&plugins),
        "--stop-on-stdin-close",
    ]);
    let mut agent = agent.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    hub.until("hello", |seen| seen.hellos.iter().any(|hello| !hello.machine.plugins.is_empty())).await;
    let mut command = command(&shop);
    let source = SingerSource { plugin: "tap-hung".into(), ..SingerSource::default() };
    command.source = SourceConfig::Singer(Box::new(source));
    hub.run(&command);
    until("the plugin's child", || with_argument(&marker) > 0).await;
    let (_, outcome) = end(&hub.end_of(command.run_id).await);
    let RunOutcome::Failed(failure) = outcome else { panic!("{outcome:?}") };
    assert!(failure.detail.contains("was stopped after the 5 s"), "{failure:?}");
    until("the end of the plugin's child", || with_argument(&marker) == 0).await;
    drop(agent.stdin.take());
    assert!(ended(agent).await.success());
}
