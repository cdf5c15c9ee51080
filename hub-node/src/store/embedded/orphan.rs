//! The pid file, and the server of an earlier hub that it may point to.

use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::time::{Instant, sleep};

use super::EmbeddedError;

const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A process, told apart from a later one of the same pid by its start time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    pid: i32,
    start: u64,
}

/// Notes which process is ours.
pub(super) fn record(pid_file: &Path, pid: i32) -> io::Result<()> {
    let start = start_time(pid).unwrap_or(0);
    std::fs::write(pid_file, format!("{pid} {start}\n"))
}

pub(super) fn forget(pid_file: &Path) {
    if let Err(error) = std::fs::remove_file(pid_file) {
        tracing::debug!(%error, "the pid file of the embedded server was not removed");
    }
}

/// Ends the server that the pid file names, if it still runs on this storage.
pub(super) async fn stop(pid_file: &Path, storage: &Path, patience: Duration) -> Result<(), EmbeddedError> {
    let Some(orphan) = std::fs::read_to_string(pid_file).ok().as_deref().and_then(parse) else {
        return Ok(());
    };
    if !is_running(orphan) || !uses(orphan.pid, storage) {
        return Ok(());
    }
    tracing::warn!(pid = orphan.pid, "stopping the database server of an earlier hub");
    for signal in [Signal::TERM, Signal::KILL] {
        send(orphan, signal);
        let deadline = Instant::now() + patience;
        while is_running(orphan) && Instant::now() < deadline {
            sleep(LOOK_AGAIN).await;
        }
        if !is_running(orphan) {
            return Ok(());
        }
    }
    Err(EmbeddedError::Orphan(orphan.pid))
}

fn parse(text: &str) -> Option<Identity> {
    let (pid, start) = text.trim().split_once(' ')?;
    Some(Identity { pid: pid.parse().ok()?, start: start.parse().ok()? })
}

fn is_running(process: Identity) -> bool {
    start_time(process.pid) == Some(process.start)
}

fn send(process: Identity, signal: Signal) {
    let Some(pid) = Pid::from_raw(process.pid) else { return };
    // The descriptor stays with the process; the check after opening it makes sure that it is the right one.
    if let Ok(handle) = pidfd_open(pid, PidfdFlags::empty())
        && is_running(process)
        && let Err(error) = pidfd_send_signal(&handle, signal)
    {
        tracing::debug!(%error, "the earlier database server could not be signalled");
    }
}

/// Is the storage among the arguments of this process?
fn uses(pid: i32, storage: &Path) -> bool {
    let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    arguments.split(|byte| *byte == 0).any(|argument| argument == storage.as_os_str().as_bytes())
}

/// When a process began, in ticks since boot; `None` when there is none, or only its remains.
fn start_time(pid: i32) -> Option<u64> {
    start_in(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// Field 22 of the line. The name in field 2 may hold anything, so counting begins behind its bracket.
fn start_in(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?;
    // A zombie holds no files any more; only its parent can make it vanish.
    if matches!(state, "Z" | "X") { None } else { fields.nth(18)?.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_time_is_found_whatever_the_name() {
        let tail = "1 1 0 -1 4194304 1 0 0 0 1 1 0 0 20 0 1 0 987654 1000 10";
        assert_eq!(start_in(&format!("42 (a) b (c)) S 1 {tail}")), Some(987_654));
        assert_eq!(start_in(&format!("42 (x) Z 1 {tail}")), None);
        assert_eq!(start_in("nonsense"), None);
    }

    #[test]
    fn a_process_is_known_by_pid_and_start() {
        let me = i32::try_from(std::process::id()).unwrap();
        let start = start_time(me).unwrap();
        assert!(is_running(Identity { pid: me, start }));
        assert!(!is_running(Identity { pid: me, start: start + 1 }));
        assert_eq!(parse(&format!("{me} {start}\n")), Some(Identity { pid: me, start }));
        assert_eq!(parse("12"), None);
    }

    #[tokio::test]
    async fn a_process_of_another_storage_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("store.pid");
        record(&file, i32::try_from(std::process::id()).unwrap()).unwrap();
        // This very process would end here otherwise.
        stop(&file, &folder.path().join("store"), Duration::from_millis(10)).await.unwrap();
    }
}
