//! One program that runs beside this tool: in a process group of its own, so that Ctrl-C reaches only
//! the tool, with its output in a log, and with an open standard input whose end tells it to stop,
//! which happens by itself when the tool dies.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal};

use crate::process;

/// A program of ours with our settings alone: whatever the person's environment says about another hub
/// or agent must not leak into this one.
pub(crate) fn ours(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("GROCERYSYNC_") || name == "MONGODB_URI") {
            command.env_remove(name);
        }
    }
    command
}

/// Time to stop by itself; after it the program is told to, and after it again it is killed.
const POLITE: Duration = Duration::from_secs(15);

/// Lines of the log shown when a program ends unasked.
const TAIL_LINES: usize = 25;

#[derive(Debug)]
pub(crate) struct Service {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Service {
    /// Starts the command with its output appended to `log`.
    pub(crate) fn start(name: &str, command: &mut Command, log: &Path) -> Result<Self> {
        let file = File::options()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("cannot write {}", log.display()))?;
        command.process_group(0).stdin(Stdio::piped()).stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        Ok(Self { name: name.to_owned(), child, log: log.to_path_buf() })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Fails, with the end of the log, when the program is no longer there.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!(
                "{} ended unasked ({status}); the end of {}:\n{}",
                self.name,
                self.log.display(),
                process::tail(&self.log, TAIL_LINES)
            ),
        }
    }

    /// Asks the program to stop and waits until it has.
    pub(crate) fn stop(mut self) -> Result<()> {
        drop(self.child.stdin.take());
        if self.ended_within(POLITE)?.is_some() {
            return Ok(());
        }
        self.signal(Signal::TERM);
        if self.ended_within(POLITE)?.is_some() {
            return Ok(());
        }
        self.signal(Signal::KILL);
        self.child.wait()?;
        bail!("{} did not stop within {} s and was killed", self.name, 2 * POLITE.as_secs())
    }

    fn ended_within(&mut self, limit: Duration) -> Result<Option<ExitStatus>> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(Some(status));
            }
            if begun.elapsed() > limit {
                return Ok(None);
            }
            std::thread::sleep(super::GLANCE);
        }
    }

    /// To the whole group, so that what the program started gets it too.
    fn signal(&self, signal: Signal) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _gone_is_fine = rustix::process::kill_process_group(group, signal);
        }
    }
}

impl Drop for Service {
    /// The way out of a failed start: no politeness, but nothing left behind either.
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        if matches!(self.ended_within(Duration::from_secs(5)), Ok(None)) {
            self.signal(Signal::KILL);
            let _reaped = self.child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(script: &str) -> (Service, PathBuf) {
        let log =
            std::env::temp_dir().join(format!("xtask-service-{}-{}.log", std::process::id(), script.len()));
        let _absent = std::fs::remove_file(&log);
        (Service::start("sample", Command::new("sh").args(["-c", script]), &log).unwrap(), log)
    }

    #[test]
    fn the_end_of_its_input_stops_it() {
        let (service, log) = service("cat >/dev/null");
        let begun = Instant::now();
        service.stop().unwrap();
        assert!(begun.elapsed() < POLITE, "it should not have needed a signal");
        std::fs::remove_file(log).unwrap();
    }

    #[test]
    fn an_early_end_is_told_with_the_log() {
        let (mut service, log) = service("echo out of memory >&2; exit 7");
        let failure = loop {
            match service.check() {
                Ok(()) => std::thread::yield_now(),
                Err(failure) => break failure.to_string(),
            }
        };
        assert!(failure.contains("out of memory") && failure.contains('7'), "{failure}");
        std::fs::remove_file(log).unwrap();
    }
}
