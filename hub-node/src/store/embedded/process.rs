//! One life of the server's process, with a thread of its own as its parent.

use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, timeout, timeout_at};

use super::output::{BoundedLog, copy};
use super::{EmbeddedConfig, EmbeddedError, on_path};

/// From closing its output to the end of a process.
const LAST_BREATH: Duration = Duration::from_secs(1);

/// The process. Dropped while it runs, it is killed: what it has acknowledged is on disk.
pub(in crate::store) struct Process {
    pid: i32,
    /// Stays with this process even when its pid is used again.
    handle: OwnedFd,
    ended: watch::Receiver<Option<String>>,
    port: Option<oneshot::Receiver<u16>>,
}

impl Process {
    pub(super) async fn spawn(config: &EmbeddedConfig, port: u16) -> Result<Self, EmbeddedError> {
        let spawn = |source| EmbeddedError::Spawn { path: config.binary.clone(), source };
        let log = BoundedLog::open(&config.log())
            .map_err(|source| EmbeddedError::Directory { path: config.log(), source })?;
        let (started, start) = oneshot::channel();
        let (end, ended) = watch::channel(None);
        let (binary, arguments) = (config.binary.clone(), config.arguments(port));
        let parent = move || {
            let mut command = if let Some(setpriv) = dying_wish() {
                let mut command = Command::new(setpriv);
                command.args(["--pdeathsig", "TERM", "--"]).arg(binary);
                command
            } else {
                Command::new(binary)
            };
            command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
            live(command, log, started, &end);
        };
        std::thread::Builder::new().name("store-parent".to_owned()).spawn(parent).map_err(spawn)?;
        let gone = || std::io::Error::other("the thread that starts it has ended");
        let (handle, pid, port) = start.await.map_err(|_| spawn(gone()))?.map_err(spawn)?;
        Ok(Self { pid, handle, ended, port: Some(port) })
    }

    pub(in crate::store) const fn pid(&self) -> i32 {
        self.pid
    }

    /// How it ended, if it has.
    pub(in crate::store) fn ended(&self) -> Option<String> {
        self.ended.borrow().clone()
    }

    /// Tells how it ended, once it has.
    pub(in crate::store) fn watch_end(&self) -> watch::Receiver<Option<String>> {
        self.ended.clone()
    }

    /// The port it says it listens on.
    pub(super) async fn port(
        &mut self,
        deadline: Instant,
        config: &EmbeddedConfig,
    ) -> Result<u16, EmbeddedError> {
        let said = self.port.take().ok_or(EmbeddedError::Silent(super::START))?;
        // An answer that cannot come any more means that the output is closed: the end is near.
        if let Ok(Ok(port)) = timeout_at(deadline, said).await {
            return Ok(port);
        }
        let mut ended = self.ended.clone();
        let ended = timeout(LAST_BREATH, ended.wait_for(Option::is_some)).await;
        match ended.ok().and_then(|status| status.ok().and_then(|status| status.clone())) {
            Some(status) => Err(EmbeddedError::EndedEarly { status, log: config.log() }),
            None => Err(EmbeddedError::Silent(super::START)),
        }
    }

    pub(super) async fn stop(self, patience: Duration) {
        for signal in [Signal::TERM, Signal::KILL] {
            self.signal(signal);
            let mut ended = self.ended.clone();
            if timeout(patience, ended.wait_for(Option::is_some)).await.is_ok() {
                return;
            }
            tracing::warn!(pid = self.pid, ?signal, "the database server does not stop");
        }
    }

    /// At once, without a checkpoint.
    pub(in crate::store) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        if self.ended.borrow().is_none()
            && let Err(error) = pidfd_send_signal(&self.handle, signal)
        {
            tracing::debug!(%error, pid = self.pid, "the database server could not be signalled");
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

type Started = Result<(OwnedFd, i32, oneshot::Receiver<u16>), std::io::Error>;

/// The life of the parent thread: start, copy output, wait, tell.
fn live(
    mut command: Command,
    log: BoundedLog,
    started: oneshot::Sender<Started>,
    end: &watch::Sender<Option<String>>,
) {
    let (told, port) = oneshot::channel();
    let begun = command.spawn().and_then(|mut child| match open(&child) {
        Ok((handle, pid)) => Ok((child, handle, pid)),
        Err(error) => {
            child.kill()?;
            child.wait()?;
            Err(error)
        }
    });
    let mut child = match begun {
        Ok((child, handle, pid)) => {
            if started.send(Ok((handle, pid, port))).is_err() {
                // Nobody waits for it any more. The handle is gone with the answer, so end it here.
                return reap(child);
            }
            child
        }
        Err(error) => {
            if started.send(Err(error)).is_err() {
                tracing::debug!("nobody waits for the database server to start");
            }
            return;
        }
    };
    let log = Arc::new(Mutex::new(log));
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    std::thread::scope(|scope| {
        let log = &log;
        scope.spawn(move || stderr.map(|pipe| copy(pipe, log, |_| {})));
        scope.spawn(move || {
            stdout.map(|pipe| {
                copy(pipe, log, |port| {
                    if told.send(port).is_err() {
                        tracing::debug!("nobody waits for the port");
                    }
                });
            })
        });
        let status = child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
        end.send_replace(Some(status));
    });
}

fn open(child: &Child) -> Result<(OwnedFd, i32), std::io::Error> {
    let pid = i32::try_from(child.id()).map_err(std::io::Error::other)?;
    let known = Pid::from_raw(pid).ok_or_else(|| std::io::Error::other("the child has no pid"))?;
    Ok((pidfd_open(known, PidfdFlags::empty())?, pid))
}

fn reap(mut child: Child) {
    if let Err(error) = child.kill().and_then(|()| child.wait().map(|_| ())) {
        tracing::warn!(%error, "a database server that nobody wanted was not ended");
    }
}

/// `setpriv`, if it can ask the kernel to end the child with its parent. BusyBox has one that cannot.
fn dying_wish() -> Option<std::path::PathBuf> {
    let setpriv = on_path("setpriv")?;
    let help = Command::new(&setpriv).arg("--help").stdin(Stdio::null()).output().ok()?;
    let can = String::from_utf8_lossy(&help.stdout).contains("--pdeathsig");
    can.then_some(setpriv)
}
