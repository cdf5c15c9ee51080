//! Machines of a cluster's own: a network namespace for each hub node, the database, the shop and whoever makes the
//! load, on one bridge that stands in a namespace too. Nothing of it is in the machine's own network.
//!
//! Made with `ip`, cut with `nft`, slowed with `tc`, so it needs root. Where that cannot be had and
//! `GROCERYSYNC_WITHOUT_NAMESPACES=1` says that this is known, each host is an address of the loopback network, and lines
//! are not cut.

use std::fs::{self, File};
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;

use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::schedule::{NODES, Place};

pub(super) const WITHOUT: &str = "GROCERYSYNC_WITHOUT_NAMESPACES";
/// Names of ours begin so, then comes the pid of the test, so that the next test finds what a killed one left.
const PREFIX: &str = "gsf-";
const NAMESPACES: &str = "/run/netns";

/// One machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Host {
    Database,
    Load,
    Shop,
    Node(usize),
}

impl From<Place> for Host {
    fn from(place: Place) -> Self {
        match place {
            Place::Node(node) => Self::Node(node),
            Place::Database => Self::Database,
        }
    }
}

impl Host {
    fn all() -> impl Iterator<Item = Self> {
        [Self::Database, Self::Load, Self::Shop].into_iter().chain((0..NODES).map(Self::Node))
    }

    fn number(self) -> u8 {
        match self {
            Self::Database => 2,
            Self::Load => 3,
            Self::Shop => 4,
            Self::Node(node) => 11 + u8::try_from(node).unwrap(),
        }
    }
}

/// The machines. Dropped, they are gone with everything that runs on them.
pub(super) struct Hosts {
    /// Absent: loopback.
    prefix: Option<String>,
    network: [u8; 3],
}

impl Hosts {
    /// Makes the machines of one seed. `slot` tells clusters of this process apart that run at once.
    pub(super) fn make(slot: u8) -> Self {
        if std::env::var_os(WITHOUT).is_some_and(|value| value == "1") {
            return Self { prefix: None, network: [127, 77, slot] };
        }
        clear_leftovers();
        let prefix = format!("{PREFIX}{}-{slot}-", std::process::id());
        // First, so that a set-up that breaks off is cleared away.
        let hosts = Self { prefix: Some(prefix.clone()), network: [10, 77, 0] };
        if let Err(trouble) = hosts.set_up(&prefix) {
            panic!(
                "this test cuts lines between network namespaces, and they cannot be made here: {trouble}. It needs root, \
                 iproute2 and nftables (`cargo xtask setup` installs them); with {WITHOUT}=1 it runs without cuts"
            );
        }
        hosts
    }

    fn set_up(&self, prefix: &str) -> Result<(), String> {
        let switch = format!("{prefix}switch");
        let names: Vec<(Host, String)> = Host::all().map(|host| (host, self.name(host).unwrap())).collect();
        let mut script = format!("netns add {switch}\n");
        for (host, name) in &names {
            let port = host.number();
            script.push_str(&format!(
                "netns add {name}\nlink add name p{port} netns {switch} type veth peer name eth0 netns {name}\n"
            ));
        }
        fed("ip", &["-batch", "-"], &script)?;
        let mut script = String::from("link add sw type bridge\nlink set sw up\n");
        for (host, _) in &names {
            script.push_str(&format!("link set p{0} master sw\nlink set p{0} up\n", host.number()));
        }
        fed("ip", &["-n", &switch, "-batch", "-"], &script)?;
        for (host, name) in &names {
            let script =
                format!("link set lo up\naddr add {}/24 dev eth0\nlink set eth0 up\n", self.address(*host));
            fed("ip", &["-n", name, "-batch", "-"], &script)?;
            let rules = "table inet gsf {\n set lost { type ipv4_addr; }\n chain in {\n \
                         type filter hook input priority 0;\n ip saddr @lost drop\n }\n}\n";
            fed("ip", &["netns", "exec", name, "nft", "-f", "-"], rules)?;
        }
        Ok(())
    }

    fn name(&self, host: Host) -> Option<String> {
        let prefix = self.prefix.as_ref()?;
        Some(match host {
            Host::Database => format!("{prefix}database"),
            Host::Load => format!("{prefix}load"),
            Host::Shop => format!("{prefix}shop"),
            Host::Node(node) => format!("{prefix}hub-{node}"),
        })
    }

    pub(super) fn address(&self, host: Host) -> Ipv4Addr {
        let [a, b, c] = self.network;
        Ipv4Addr::new(a, b, c, host.number())
    }

    /// Whether lines can be cut.
    pub(super) fn separate(&self) -> bool {
        self.prefix.is_some()
    }

    /// Moves the calling thread, and what it starts from now on, to the machine of the load.
    pub(super) fn enter_load(&self) {
        if let Some(name) = self.name(Host::Load) {
            let namespace = File::open(Path::new(NAMESPACES).join(name)).unwrap();
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
        }
    }

    /// A command on a machine. Whatever becomes of this process, the kernel ends that one with the calling thread.
    pub(super) fn command(&self, host: Host, program: &Path) -> Command {
        let mut command = match self.name(host) {
            Some(name) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", &name, "setpriv"]);
                command
            }
            None => Command::new("setpriv"),
        };
        command.args(["--pdeathsig", "KILL", "--"]).arg(program);
        command
    }

    /// What `from` sends does not arrive at `to` any more, or does again.
    pub(super) fn lose(&self, from: Place, to: Place, lost: bool) {
        let Some(name) = self.name(to.into()) else { return };
        let (verb, address) = (if lost { "add" } else { "delete" }, self.address(from.into()).to_string());
        let words =
            ["netns", "exec", &name, "nft", verb, "element", "inet", "gsf", "lost", "{", &address, "}"];
        fed("ip", &words, "").unwrap();
    }

    /// What a node sends comes at the pace of an old telephone line, or as usual again.
    pub(super) fn slow(&self, node: usize, slow: bool) {
        let Some(name) = self.name(Host::Node(node)) else { return };
        let verb = if slow { "add" } else { "del" };
        let mut words = vec!["netns", "exec", name.as_str(), "tc", "qdisc", verb, "dev", "eth0", "root"];
        if slow {
            words.extend(["tbf", "rate", "512kbit", "burst", "16kb", "latency", "400ms"]);
        }
        fed("ip", &words, "").unwrap();
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        if let Some(prefix) = &self.prefix {
            clear(|name| name.starts_with(prefix.as_str()));
        }
    }
}

/// Ends and removes what earlier tests left that were killed.
fn clear_leftovers() {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _alone = ONE_AT_A_TIME.lock();
    clear(|name| {
        let pid = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        pid.is_some_and(|pid| pid.parse::<u32>().is_ok() && !Path::new("/proc").join(pid).exists())
    });
}

fn clear(ours: impl Fn(&str) -> bool) {
    let Ok(found) = fs::read_dir(NAMESPACES) else { return };
    for entry in found.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !ours(&name) {
            continue;
        }
        let living = fed("ip", &["netns", "pids", &name], "").unwrap_or_default();
        for pid in living.split_whitespace().filter_map(|pid| pid.parse().ok()).filter_map(Pid::from_raw) {
            let _already_gone = kill_process(pid, Signal::KILL);
        }
        if let Err(trouble) = fed("ip", &["netns", "del", &name], "") {
            eprintln!("a namespace is left behind: {trouble}");
        }
    }
}

/// Runs a program with this input to its end, and returns what it said.
fn fed(program: &str, arguments: &[&str], input: &str) -> Result<String, String> {
    let shown = format!("{program} {}", arguments.join(" "));
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("`{shown}`: {error}"))?;
    let fed = child.stdin.take().map(|mut stdin| stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().map_err(|error| format!("`{shown}`: {error}"))?;
    if !output.status.success() || fed.is_some_and(|fed| fed.is_err()) {
        return Err(format!("`{shown}`: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
