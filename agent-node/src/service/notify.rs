//! systemd's side of the bargain: a datagram to the socket it names says that the agent is up, that it stops, and that
//! it is alive. Written out here because it is a few lines and the usual crate brings the rest of systemd along.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::{MissedTickBehavior, interval};

use super::keeper::{Keeper, Standing};

/// Names the manager's socket.
const SOCKET: &str = "NOTIFY_SOCKET";
/// Microseconds within which the manager wants to hear of us, and whom it means by "us".
const WATCHDOG_USEC: &str = "WATCHDOG_USEC";
const WATCHDOG_PID: &str = "WATCHDOG_PID";
/// For a manager that does not empty its socket: it hears nothing then, and the agent goes on.
const PATIENCE: Duration = Duration::from_millis(500);

/// The manager's socket.
pub struct Notifier {
    socket: UnixDatagram,
    manager: SocketAddr,
}

/// Says that the agent is alive until it is dropped.
pub struct Watchdog(AbortHandle);

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Notifier {
    /// What the environment names. A manager that cannot be told is told of in the log.
    #[must_use]
    pub fn from_environment() -> Option<Self> {
        let name = std::env::var_os(SOCKET).filter(|name| !name.is_empty())?;
        match Self::to(&name) {
            Ok(notifier) => Some(notifier),
            Err(error) => {
                tracing::warn!(%error, "the service manager cannot be told how the agent stands");
                None
            }
        }
    }

    fn to(name: &OsString) -> io::Result<Self> {
        let manager = address(name.as_bytes())?;
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { socket, manager })
    }

    fn send(&self, words: &str) {
        if let Err(error) = self.socket.send_to_addr(words.as_bytes(), &self.manager) {
            tracing::debug!(%error, "the service manager was not told \"{words}\"");
        }
    }

    /// Says that the agent is alive, if somebody wants to hear it: as long as the thread that everything runs on goes
    /// on, and not longer.
    #[must_use]
    pub fn watch(self: &std::sync::Arc<Self>) -> Option<Watchdog> {
        let told = |name| std::env::var(name).ok();
        let every =
            watched(told(WATCHDOG_USEC).as_deref(), told(WATCHDOG_PID).as_deref(), std::process::id())?;
        let notifier = std::sync::Arc::clone(self);
        let task = tokio::spawn(async move {
            let mut beat = interval(every);
            beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                beat.tick().await;
                notifier.send("WATCHDOG=1");
            }
        });
        Some(Watchdog(task.abort_handle()))
    }
}

impl Keeper for Notifier {
    fn tell(&self, standing: Standing) {
        self.send(&words(standing));
    }
}

/// A path, or a name without a file that begins with an at sign.
fn address(name: &[u8]) -> io::Result<SocketAddr> {
    match name {
        [b'/', ..] => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(name)),
        #[cfg(target_os = "linux")]
        [b'@', rest @ ..] => <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(rest),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{SOCKET} is neither a path nor the name of a socket"),
        )),
    }
}

fn words(standing: Standing) -> String {
    match standing {
        Standing::Ready => "READY=1\nSTATUS=at work".to_owned(),
        Standing::Stopping { within } => {
            let within = within.as_micros();
            format!("STOPPING=1\nSTATUS=runs at work come to an end\nEXTEND_TIMEOUT_USEC={within}")
        }
    }
}

/// How often the manager is told, if it wants to be: twice in the time it allows.
fn watched(usec: Option<&str>, pid: Option<&str>, own: u32) -> Option<Duration> {
    if pid.is_some_and(|pid| pid.trim() != own.to_string()) {
        return None;
    }
    let usec: u64 = usec?.trim().parse().ok()?;
    (usec >= 2).then(|| Duration::from_micros(usec / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_by_path_and_by_name() {
        assert_eq!(address(b"/run/notify").unwrap().as_pathname().unwrap().to_str(), Some("/run/notify"));
        #[cfg(target_os = "linux")]
        {
            use std::os::linux::net::SocketAddrExt as _;
            assert_eq!(address(b"@notify").unwrap().as_abstract_name(), Some(&b"notify"[..]));
        }
        for wrong in ["notify", "vsock:2:1", ""] {
            assert!(address(wrong.as_bytes()).unwrap_err().to_string().contains(SOCKET), "{wrong}");
        }
    }

    #[test]
    fn the_watchdog_is_fed_twice_in_its_time_and_only_our_own() {
        let half = |micros| Some(Duration::from_micros(micros));
        assert_eq!(watched(Some("120000000"), None, 7), half(60_000_000));
        assert_eq!(watched(Some("3000000"), Some("7"), 7), half(1_500_000));
        assert_eq!(watched(Some("3000000"), Some("8"), 7), None);
        for nothing in [None, Some(""), Some("0"), Some("1"), Some("-5"), Some("soon")] {
            assert_eq!(watched(nothing, None, 7), None, "{nothing:?}");
        }
    }

    #[test]
    fn a_stop_asks_for_as_long_as_it_takes() {
        let text = words(Standing::stopping(Duration::from_secs(300)));
        assert!(
            text.starts_with("STOPPING=1\n") && text.ends_with("\nEXTEND_TIMEOUT_USEC=345000000"),
            "{text}"
        );
    }
}
