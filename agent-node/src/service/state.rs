//! How a service stands, whichever system keeps it, and what a person is told of that.
//! Pure: answers of the system in, words out.

/// What the system says of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// There is none of this name.
    Missing,
    Known {
        running: Running,
        /// It is started with the machine.
        at_boot: bool,
        pid: Option<u32>,
        /// In the system's own words, where it has more to say.
        detail: String,
    },
}

/// Is it at work?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Running {
    Yes,
    Starting,
    Stopping,
    No,
    /// It fell, or could not be started.
    Failed,
}

impl State {
    /// The first lines of what people read.
    #[must_use]
    pub fn shown(&self, name: &str) -> String {
        let Self::Known { running, at_boot, pid, detail } = self else {
            return format!("{name}: not installed; `agent-node service install` does that");
        };
        let running = match running {
            Running::Yes => "running",
            Running::Starting => "starting",
            Running::Stopping => "stopping",
            Running::No => "stopped",
            Running::Failed => "failed",
        };
        let pid = pid.map_or_else(String::new, |pid| format!(", process {pid}"));
        let boot = if *at_boot { "starts with the machine" } else { "does not start with the machine" };
        let detail = if detail.is_empty() { String::new() } else { format!(" ({detail})") };
        format!("{name}: {running}{detail}{pid}; {boot}")
    }

    /// As those who ask systemd are used to: 0 at work, 3 not at work, 4 not there.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Known { running: Running::Yes, .. } => 0,
            Self::Known { .. } => 3,
            Self::Missing => 4,
        }
    }
}

/// The properties of a unit that [`of_properties`] reads.
pub const PROPERTIES: &str =
    "LoadState,ActiveState,SubState,UnitFileState,MainPID,NRestarts,StatusText,Result";

/// Reads what `systemctl show` prints.
#[must_use]
pub fn of_properties(text: &str) -> State {
    let value = |key: &str| {
        let found = text.lines().filter_map(|line| line.split_once('=')).find(|(name, _)| *name == key);
        found.map_or("", |(_, value)| value.trim())
    };
    if matches!(value("LoadState"), "not-found" | "") {
        return State::Missing;
    }
    let (active, sub) = (value("ActiveState"), value("SubState"));
    let running = match active {
        "active" => Running::Yes,
        // Between a fall and the next start.
        "activating" if sub == "auto-restart" => Running::Failed,
        "activating" | "reloading" => Running::Starting,
        "deactivating" => Running::Stopping,
        "failed" => Running::Failed,
        _ => Running::No,
    };
    let mut detail = Vec::new();
    if running == Running::Yes && !value("StatusText").is_empty() {
        detail.push(value("StatusText").to_owned());
    }
    if running == Running::Failed {
        detail.push(format!("{sub}, {}", value("Result")));
    }
    if let Some(restarts) = value("NRestarts").parse::<u32>().ok().filter(|restarts| *restarts > 0) {
        detail.push(format!("started again {restarts} times"));
    }
    State::Known {
        running,
        at_boot: value("UnitFileState") == "enabled",
        pid: value("MainPID").parse().ok().filter(|pid| *pid > 0),
        detail: detail.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systemd_says_is_understood() {
        let cases = [
            (
                "LoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\nMainPID=712\nNRestarts=0\nStatusText=at work\nResult=success",
                "x: running (at work), process 712; starts with the machine",
                0,
            ),
            (
                "LoadState=loaded\nActiveState=activating\nSubState=auto-restart\nUnitFileState=enabled\nMainPID=0\nNRestarts=4\nStatusText=\nResult=exit-code",
                "x: failed (auto-restart, exit-code, started again 4 times); starts with the machine",
                3,
            ),
            (
                "LoadState=loaded\nActiveState=inactive\nSubState=dead\nUnitFileState=disabled\nMainPID=0",
                "x: stopped; does not start with the machine",
                3,
            ),
            (
                "LoadState=not-found\nActiveState=inactive",
                "x: not installed; `agent-node service install` does that",
                4,
            ),
            ("", "x: not installed; `agent-node service install` does that", 4),
        ];
        for (text, shown, code) in cases {
            let state = of_properties(text);
            assert_eq!((state.shown("x").as_str(), state.exit_code()), (shown, code));
        }
        for (active, running) in [
            ("deactivating", Running::Stopping),
            ("activating", Running::Starting),
            ("failed", Running::Failed),
        ] {
            let state = of_properties(&format!("LoadState=loaded\nActiveState={active}"));
            assert!(matches!(state, State::Known { running: found, .. } if found == running), "{active}");
        }
    }
}
