//! The agent as a service: what it tells systemd, and what `agent-node service` does to a system, played by scripts.

use std::ffi::OsString;
use std::fs;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::hub::Hub;
use crate::process::{binary, ended, ran};
use crate::support::Shop;

/// Plays the manager's side of the socket.
struct Manager(UnixDatagram);

impl Manager {
    /// What the agent says next; each wait has its end.
    async fn hears(&self) -> String {
        let socket = self.0.try_clone().unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let heard = tokio::task::spawn_blocking(move || {
            let mut bytes = [0; 4096];
            socket.recv(&mut bytes).map(|length| String::from_utf8_lossy(&bytes[..length]).into_owned())
        });
        heard.await.unwrap().unwrap()
    }

    async fn hears_but_not_a_sign_of_life(&self) -> String {
        loop {
            let heard = self.hears().await;
            if heard != "WATCHDOG=1" {
                return heard;
            }
        }
    }
}

fn under(shop: &Shop, socket: &str, more: &[(&str, &str)]) -> tokio::process::Child {
    let mut command = binary(shop, &["run"]);
    command.env("NOTIFY_SOCKET", socket).envs(more.iter().copied());
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn terminate(agent: &tokio::process::Child) {
    let pid = agent.id().unwrap().to_string();
    std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap();
}

#[tokio::test]
async fn process_tells_its_manager_that_it_is_up_alive_and_about_to_stop() {
    let (hub, shop) = (Hub::start().await, Shop::new());
    shop.enrolled(&hub);
    let path = shop.folder.path().join("notify");
    let manager = Manager(UnixDatagram::bind(&path).unwrap());
    let agent = under(&shop, path.to_str().unwrap(), &[("WATCHDOG_USEC", "400000")]);
    assert_eq!(manager.hears_but_not_a_sign_of_life().await, "READY=1\nSTATUS=at work");
    for _ in 0..3 {
        assert_eq!(manager.hears().await, "WATCHDOG=1");
    }
    terminate(&agent);
    let stopping = manager.hears_but_not_a_sign_of_life().await;
    assert!(stopping.starts_with("STOPPING=1\n"), "{stopping}");
    assert!(stopping.ends_with("\nEXTEND_TIMEOUT_USEC=50000000"), "{stopping}");
    assert!(ended(agent).await.success());
}

#[tokio::test]
async fn process_is_up_without_a_hub_and_feeds_nobody_elses_watchdog() {
    let shop = Shop::new();
    shop.enrolled(&Hub::start().await);
    let name = format!("grocerysync-{}", messages::RunId::new());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let manager = Manager(UnixDatagram::bind_addr(&address).unwrap());
    let more =
        [("WATCHDOG_USEC", "200000"), ("WATCHDOG_PID", "1"), ("GROCERYSYNC_AGENT_HUB", "http://127.0.0.1:9")];
    let agent = under(&shop, &format!("@{name}"), &more);
    assert_eq!(manager.hears().await, "READY=1\nSTATUS=at work");
    terminate(&agent);
    assert!(manager.hears().await.starts_with("STOPPING=1\n"));
    assert!(ended(agent).await.success());
}

#[tokio::test]
async fn process_with_a_manager_that_is_gone_works_on() {
    let (hub, shop) = (Hub::start().await, Shop::new());
    shop.enrolled(&hub);
    for (count, socket) in [(1, "/nowhere/notify"), (2, "vsock:2:1")] {
        let agent = under(&shop, socket, &[]);
        hub.until("hello", |seen| seen.hellos.len() == count).await;
        terminate(&agent);
        assert!(ended(agent).await.success());
    }
}

#[tokio::test]
async fn process_shows_a_unit_that_systemd_understands() {
    let shop = Shop::new();
    let odd = shop.folder.path().join("50% odd");
    fs::create_dir(&odd).unwrap();
    let (output, unit) =
        ran(binary(&shop, &["service", "install", "--print", "--writes", odd.to_str().unwrap()])).await;
    assert!(output.status.success(), "{unit}");
    assert!(unit.contains(&format!("ConditionPathExists={}/identity.json", shop.data_dir().display())));
    assert!(!shop.data_dir().exists(), "showing changes nothing");
    let file = shop.folder.path().join("grocerysync-agent.service");
    // The user need not be there for the unit to be sound.
    fs::write(&file, unit.replace("User=grocerysync", "User=root")).unwrap();
    let mut verify = Command::new("systemd-analyze");
    verify.args(["verify", "--man=no"]).arg(&file).stdin(Stdio::null());
    let (output, text) = ran(verify).await;
    // What it ignores it only complains of.
    assert!(output.status.success() && text.trim().is_empty(), "{text}");
    let mut security = Command::new("systemd-analyze");
    security.args(["security", "--offline=true", "--threshold=30"]).arg(&file).stdin(Stdio::null());
    let (output, text) = ran(security).await;
    let exposure = text.lines().last().unwrap_or_default();
    assert!(output.status.success(), "the unit has become more open: {exposure}");
}

/// A system of scripts that write down how they are called.
struct System {
    shop: Shop,
    journal: PathBuf,
}

impl System {
    fn new() -> Self {
        let shop = Shop::new();
        let programs = shop.folder.path().join("bin");
        let journal = shop.folder.path().join("calls");
        fs::create_dir(&programs).unwrap();
        fs::create_dir(shop.folder.path().join("units")).unwrap();
        let known = shop.folder.path().join("known");
        for (name, body) in [
            ("systemctl", "case \"$1\" in show) printf 'LoadState=loaded\\nActiveState=active\\nSubState=running\\nUnitFileState=enabled\\nMainPID=42\\nStatusText=at work\\n';; esac".to_owned()),
            ("useradd", format!(": > {}", known.display())),
            ("id", format!("[ -e {} ] || exit 1; [ \"$1\" = -u ] && echo 4711 || echo 4712", known.display())),
        ] {
            let path = programs.join(name);
            let log = format!("echo {name} \"$@\" >> {}", journal.display());
            fs::write(&path, format!("#!/bin/sh\n[ {name} = id ] || {log}\n{body}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        Self { shop, journal }
    }

    fn units(&self) -> PathBuf {
        self.shop.folder.path().join("units")
    }

    /// `agent-node service …` on this system.
    async fn service(&self, words: &[&str]) -> (Option<i32>, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_agent-node"));
        let path: OsString = self.shop.folder.path().join("bin").into();
        command.arg("service").args(words).arg("--unit-dir").arg(self.units());
        if words[0] == "install" {
            command.arg("--data-dir").arg(self.shop.data_dir());
        }
        command.env_clear().env("PATH", path).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let (output, text) = ran(command).await;
        (output.status.code(), text)
    }

    fn calls(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.journal).unwrap_or_default();
        let _begin_anew = fs::remove_file(&self.journal);
        text.lines().map(str::to_owned).collect()
    }
}

#[tokio::test]
async fn process_installs_starts_and_removes_the_service() {
    let system = System::new();
    let shop = &system.shop;
    let (code, text) = system.service(&["install"]).await;
    if fs::metadata(shop.folder.path()).unwrap().uid() != 0 {
        assert!(code == Some(1) && text.contains("run it as its administrator"), "{text}");
        return;
    }
    assert!(code == Some(0) && text.contains("made the user grocerysync"), "{text}");
    assert!(
        text.contains("agent-node enrol --data-dir"),
        "an agent that is not enrolled is told what is next: {text}"
    );
    let useradd = format!(
        "useradd --system --user-group --no-create-home --shell /usr/sbin/nologin --home-dir {} grocerysync",
        shop.data_dir().display()
    );
    let before = [
        "systemctl --version",
        useradd.as_str(),
        "systemctl daemon-reload",
        "systemctl enable grocerysync-agent",
    ];
    assert_eq!(system.calls(), before, "it is not started before it is enrolled");

    let hub = Hub::start().await;
    shop.enrolled(&hub);
    fs::set_permissions(shop.data_dir(), fs::Permissions::from_mode(0o700)).unwrap();
    let (code, text) = system.service(&["install", "--user", "grocerysync"]).await;
    assert_eq!(code, Some(0), "{text}");
    let calls = system.calls();
    assert_eq!(calls.last().unwrap(), "systemctl restart grocerysync-agent", "{calls:?}");
    for path in [shop.data_dir(), shop.data_dir().join("identity.json")] {
        let metadata = fs::metadata(&path).unwrap();
        assert_eq!(
            (metadata.uid(), metadata.gid(), metadata.mode() & 0o077),
            (4711, 4712, 0),
            "{}",
            path.display()
        );
    }
    let unit = fs::read_to_string(system.units().join("grocerysync-agent.service")).unwrap();
    assert!(unit.contains(&format!("--data-dir \"{}\"", shop.data_dir().display())), "{unit}");

    let (code, text) = system.service(&["status"]).await;
    assert_eq!(
        (code, text.as_str()),
        (Some(0), "grocerysync-agent: running (at work), process 42; starts with the machine\n")
    );
    assert_eq!(system.service(&["stop"]).await.0, Some(0));
    assert_eq!(system.service(&["start"]).await.0, Some(0));
    system.calls();
    let (code, text) = system.service(&["uninstall"]).await;
    assert!(code == Some(0) && text.contains("its data folder and its user were left"), "{text}");
    assert_eq!(system.calls(), ["systemctl disable --now grocerysync-agent", "systemctl daemon-reload"]);
    assert_eq!(fs::read_dir(system.units()).unwrap().count(), 0);
    assert!(shop.data_dir().join("identity.json").exists());
}

#[tokio::test]
async fn process_refuses_to_install_what_would_not_work_or_is_not_its_own() {
    let system = System::new();
    let nowhere = system.shop.folder.path().join("nowhere");
    for (words, part) in [
        (&["install", "--name", "a b"][..], "cannot be the name of a service"),
        (&["install", "--user", "Root User"], "cannot be the name of a user"),
        (&["install", "--config", "/nowhere.toml"], "/nowhere.toml could not be read"),
        (&["install", "--writes", nowhere.to_str().unwrap()], "is no folder; make it first"),
        (&["status", "--name=--all"], "cannot be the name of a service"),
    ] {
        let (code, text) = system.service(words).await;
        assert!(code != Some(0) && text.contains(part), "{words:?}: {text}");
    }
    assert_eq!(system.calls(), [""; 0]);
    if fs::metadata(system.shop.folder.path()).unwrap().uid() != 0 {
        return;
    }
    fs::create_dir_all(system.shop.data_dir()).unwrap();
    fs::write(system.shop.data_dir().join("photo.jpg"), "").unwrap();
    let (_, text) = system.service(&["install"]).await;
    assert!(text.contains("neither empty nor an agent's folder"), "{text}");
    fs::write(system.units().join("grocerysync-agent.service"), "[Unit]\n").unwrap();
    for what in ["install", "uninstall"] {
        let (code, text) = system.service(&[what]).await;
        assert!(code == Some(1) && text.contains("was not written by this program"), "{text}");
    }
    let (_, text) = system.service(&["uninstall", "--name", "other"]).await;
    assert!(text.contains("there is no ") && text.contains("as a package"), "{text}");
    fs::remove_file(system.shop.folder.path().join("bin/systemctl")).unwrap();
    let (code, text) = system.service(&["status"]).await;
    assert!(
        code == Some(1) && text.contains("systemctl was not found; where systemd does not run"),
        "{text}"
    );
}
