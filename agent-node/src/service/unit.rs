//! The agent as a unit of systemd: what it may do and see, and how it is kept running.
//! Pure: a plan in, the text of the unit out.
//!
//! A unit is closed as far as plugins and points of sale allow. Left open on purpose: `MemoryDenyWriteExecute` (Java,
//! Node and .NET compile at run time), `SystemCallArchitectures` (old drivers are 32-bit programs; the filter holds for
//! those as well), `ProcSubset` (programs read how many processors there are), `PrivateNetwork`, and reading of the
//! whole disk, where the users' rights decide.

use std::fmt::Write as _;
use std::path::Path;

use super::plan::{Plan, TITLE};

/// Begins each unit of ours; one without it is somebody else's and left alone.
pub const MARK: &str = "# Written by `agent-node service install`.";

/// Between a fall and the next start: long enough to be no load, short enough that nobody in the shop notices.
const RESTART_S: u32 = 10;
/// The default grace of five seconds, and what ending takes beyond it. An agent with a longer grace asks for more.
const STOP_S: u32 = 60;
/// Without a sign of life for so long the agent is started anew. A disk may take a minute for one piece of work, but that
/// does not keep the thread that gives the sign.
const WATCHDOG_S: u32 = 120;

const KEPT_RUNNING: &str = "\
Restart=on-failure
KillMode=mixed
# A plugin that takes too much memory is killed alone; the agent tells the run about it.
OOMPolicy=continue
";

const LIMITS: &str = "\
# The till comes first: what remains of the processor and the disk, and half of the memory at most.
Nice=5
CPUWeight=20
IOWeight=20
MemoryMax=50%
# Sixteen runs with a source and a target, and their plugins' threads.
TasksMax=512
LimitNOFILE=4096
LimitCORE=0
";

const CLOSED: &str = "\
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
# Exports of a point of sale often lie in somebody's home: they can be read where that user allows it.
ProtectHome=read-only
PrivateTmp=yes
PrivateDevices=yes
ProtectProc=invisible
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
LockPersonality=yes
RemoveIPC=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
";

/// The text of the unit. The plan has been checked.
#[must_use]
pub fn unit(plan: &Plan, user: &str) -> String {
    let data_dir = plain(&plan.data_dir);
    let mut words = vec![quoted(&plan.program.to_string_lossy()), "run".to_owned()];
    words.extend(
        plan.place().iter().map(|word| if word.starts_with("--") { word.clone() } else { quoted(word) }),
    );
    let mut unit = format!(
        "{MARK}
# Change it with `systemctl edit {name}`: what stands there outlives the next install.

[Unit]
Description={TITLE}
Wants=network-online.target
After=network-online.target
# Nothing can run before it is enrolled; then: `systemctl start {name}`.
ConditionPathExists={data_dir}/identity.json
# A shop has nobody who would start it again: it is tried for ever.
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStart={command}
User={user}
WorkingDirectory={data_dir}
",
        name = plan.name,
        command = words.join(" "),
    );
    unit.push_str(&written(plan));
    let _infallible = write!(
        unit,
        "RestartSec={RESTART_S}\nTimeoutStopSec={STOP_S}\nWatchdogSec={WATCHDOG_S}\n{KEPT_RUNNING}\n{LIMITS}\n{CLOSED}
[Install]
WantedBy=multi-user.target
"
    );
    unit
}

/// What it may write: its own folder, which systemd makes and hands to the user where it can, and what was named.
fn written(plan: &Plan) -> String {
    let mut lines = match state_directory(&plan.data_dir) {
        Some(name) => format!("StateDirectory={name}\nStateDirectoryMode=0700\n"),
        None => format!("ReadWritePaths={}\n", quoted(&plan.data_dir.to_string_lossy())),
    };
    for path in &plan.writes {
        // The hyphen: a folder that is gone must not keep the agent from its other jobs.
        let _infallible = writeln!(lines, "ReadWritePaths={}", quoted(&format!("-{}", path.display())));
    }
    lines
}

/// The name of a folder right below /var/lib.
fn state_directory(data_dir: &Path) -> Option<&str> {
    let name = data_dir.strip_prefix("/var/lib").ok()?.to_str()?;
    let simple = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (!name.is_empty() && !name.starts_with('.') && name.chars().all(simple)).then_some(name)
}

/// A path in a line of its own. Only the percent sign means something to systemd there.
fn plain(path: &Path) -> String {
    path.to_string_lossy().replace('%', "%%")
}

/// A word among others. Quotes, dollars and backslashes are not in it: the plan was checked.
fn quoted(word: &str) -> String {
    format!("\"{}\"", word.replace('%', "%%"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(data_dir: &str) -> Plan {
        Plan {
            name: "grocerysync-agent".into(),
            program: "/opt/grocery sync/agent-node".into(),
            data_dir: data_dir.into(),
            config: Some("/etc/50%/agent.toml".into()),
            writes: vec!["/srv/pos out".into()],
        }
    }

    #[test]
    fn words_are_quoted_and_percent_signs_are_only_that() {
        let text = unit(&plan("/srv/a b"), "grocerysync");
        for line in [
            "ExecStart=\"/opt/grocery sync/agent-node\" run --data-dir \"/srv/a b\" --config \"/etc/50%%/agent.toml\"",
            "WorkingDirectory=/srv/a b",
            "ConditionPathExists=/srv/a b/identity.json",
            "ReadWritePaths=\"/srv/a b\"",
            "ReadWritePaths=\"-/srv/pos out\"",
            "User=grocerysync",
            "Type=notify",
            "WatchdogSec=120",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
        }
        assert!(text.starts_with(MARK));
    }

    #[test]
    fn systemd_keeps_a_folder_where_state_belongs() {
        for (path, name) in [
            ("/var/lib/grocerysync-agent", Some("grocerysync-agent")),
            ("/var/lib/a/b", None),
            ("/var/lib", None),
            ("/var/lib/a b", None),
            ("/var/lib/.hidden", None),
            ("/srv/agent", None),
        ] {
            assert_eq!(state_directory(Path::new(path)), name, "{path}");
        }
        let text = unit(&plan("/var/lib/till"), "shop");
        assert!(text.contains("StateDirectory=till\nStateDirectoryMode=0700\n"));
    }

    #[test]
    fn nothing_is_said_twice() {
        let text = unit(&plan("/srv/agent"), "shop");
        let mut keys: Vec<_> = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.split_once('=').map(|(key, _)| key))
            .filter(|key| *key != "ReadWritePaths")
            .collect();
        let all = keys.len();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), all);
    }
}
