//! What the server writes: into a log file that cannot grow without bound, and its port out of the first lines.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Two files of this size are kept: at the level of warnings that is months.
const LIMIT: u64 = 4 * 1024 * 1024;
/// The port is in the first line; a server that says this much before it is not the one we know.
const HEAD: usize = 4 * 1024;

/// A log file with one predecessor.
#[derive(Debug)]
pub(super) struct BoundedLog {
    path: PathBuf,
    file: File,
    size: u64,
}

impl BoundedLog {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let size = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file, size })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.size + bytes.len() as u64 > LIMIT {
            std::fs::rename(&self.path, self.path.with_extension("log.1"))?;
            *self = Self::open(&self.path)?;
        }
        self.file.write_all(bytes)?;
        self.size += bytes.len() as u64;
        Ok(())
    }
}

/// Copies a pipe into the log until it ends. `on_port` is told the port when the server says it.
pub(super) fn copy(mut pipe: impl Read, log: &Arc<Mutex<BoundedLog>>, on_port: impl FnOnce(u16)) {
    let mut on_port = Some(on_port);
    let mut head = Vec::new();
    let mut chunk = vec![0; 8 * 1024];
    loop {
        let bytes = match pipe.read(&mut chunk) {
            Ok(0) => return,
            Ok(length) => chunk.get(..length).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return,
        };
        // A full disk must not stop the server, which would block on a full pipe: what cannot be kept is dropped.
        if let Err(error) = log.lock().unwrap_or_else(PoisonError::into_inner).write(bytes) {
            tracing::debug!(%error, "the embedded server's log cannot be written");
        }
        if on_port.is_some() && head.len() < HEAD {
            head.extend_from_slice(bytes);
            if let Some(port) = port_in(&String::from_utf8_lossy(&head))
                && let Some(tell) = on_port.take()
            {
                tell(port);
            }
        }
    }
}

/// The port out of `… listening on 127.0.0.1:27017`, once the line is complete.
fn port_in(text: &str) -> Option<u16> {
    let (_, rest) = text.split_once("listening on 127.0.0.1:")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit())?;
    rest.get(..digits)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_read_from_a_whole_line_only() {
        for (text, port) in [
            ("secantusd-rs listening on 127.0.0.1:39119\n", Some(39_119)),
            ("warning\nsecantusd-rs listening on 127.0.0.1:80\nmore", Some(80)),
            ("secantusd-rs listening on 127.0.0.1:391", None),
            ("listening on 127.0.0.1:70000\n", None),
            ("", None),
        ] {
            assert_eq!(port_in(text), port, "{text:?}");
        }
    }

    #[test]
    fn the_log_keeps_two_files_of_limited_size() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.log");
        let log = Arc::new(Mutex::new(BoundedLog::open(&path).unwrap()));
        let much = vec![b'x'; 9 * 1024 * 1024];
        copy(much.as_slice(), &log, |_| panic!("there is no port in it"));
        let size = |path: &Path| std::fs::metadata(path).unwrap().len();
        assert!(size(&path) <= LIMIT && size(&path.with_extension("log.1")) <= LIMIT);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
