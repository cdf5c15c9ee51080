//! A log of the agent's own, for where nobody keeps its standard error: a file that begins anew when it is full, and a few
//! of those before it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The folder below the data folder.
pub const FOLDER: &str = "log";
const NAME: &str = "agent.log";
/// Of one file: opens in any editor, and holds weeks of an agent at work.
const MOST_BYTES: u64 = 5 * 1024 * 1024;
/// Files before the present one.
const KEPT: u32 = 3;

/// See the module.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    file: Option<File>,
    bytes: u64,
    most: u64,
}

impl LogFile {
    /// The log below a data folder; what is there is written on.
    pub fn open(data_dir: &Path) -> io::Result<Self> {
        Self::with_limit(&data_dir.join(FOLDER), MOST_BYTES)
    }

    fn with_limit(folder: &Path, most: u64) -> io::Result<Self> {
        crate::disk::create_private_dir(folder)?;
        let mut log = Self { path: folder.join(NAME), file: None, bytes: 0, most };
        log.reopen()?;
        Ok(log)
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn reopen(&mut self) -> io::Result<&mut File> {
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&self.path)?;
        self.bytes = file.metadata()?.len();
        Ok(self.file.insert(file))
    }

    /// The file of so many files ago.
    fn older(&self, age: u32) -> PathBuf {
        self.path.with_file_name(format!("{NAME}.{age}"))
    }

    fn begin_anew(&mut self) -> io::Result<()> {
        // Windows does not rename a file that somebody has open.
        self.file = None;
        for age in (1..KEPT).rev() {
            // A gap in the row is no harm.
            let _gap = fs::rename(self.older(age), self.older(age + 1));
        }
        if fs::rename(&self.path, self.older(1)).is_err() {
            // Somebody holds it open. Losing these lines is better than filling the till's disk.
            File::create(&self.path)?;
        }
        self.reopen().map(|_| ())
    }
}

impl Write for LogFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let length = u64::try_from(line.len()).unwrap_or(u64::MAX);
        if self.bytes > 0 && self.bytes.saturating_add(length) > self.most {
            self.begin_anew()?;
        }
        let file = match self.file.as_mut() {
            Some(file) => file,
            None => self.reopen()?,
        };
        file.write_all(line)?;
        self.bytes += length;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), Write::flush)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_log_begins_anew_and_keeps_a_few() {
        let folder = tempfile::tempdir().unwrap();
        let line = |n: u32| format!("line {n:03}\n");
        let mut log = LogFile::with_limit(folder.path(), 20).unwrap();
        for n in 0..11 {
            log.write_all(line(n).as_bytes()).unwrap();
        }
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(read(NAME), line(10));
        assert_eq!(read("agent.log.1"), line(8) + &line(9));
        assert_eq!(read("agent.log.3"), line(4) + &line(5));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4, "older ones are gone");
        drop(log);
        let mut log = LogFile::with_limit(folder.path(), 20).unwrap();
        log.write_all(line(11).as_bytes()).unwrap();
        assert_eq!(read(NAME), line(10) + &line(11), "another start writes on");
        log.write_all("x".repeat(50).as_bytes()).unwrap();
        assert_eq!(read(NAME).len(), 50, "a line is never cut");
    }

    #[test]
    fn a_log_that_cannot_be_put_aside_is_emptied() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("agent.log.1/in the way")).unwrap();
        let mut log = LogFile::with_limit(folder.path(), 8).unwrap();
        for text in ["first\n", "second\n"] {
            log.write_all(text.as_bytes()).unwrap();
        }
        assert_eq!(fs::read_to_string(log.path()).unwrap(), "second\n");
    }
}
