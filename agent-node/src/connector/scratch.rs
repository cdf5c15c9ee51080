//! Files without a name on the agent's disk, for what is too large for memory: gone when they are closed, and when the
//! agent falls over.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

use messages::{ErrorCode, RunId};

use super::Failure;
use crate::disk;

/// An empty file that nobody else sees. Blocks.
pub(super) fn file(folder: &Path) -> Result<File, Failure> {
    open(folder).map_err(|error| failed(&error))
}

fn open(folder: &Path) -> io::Result<File> {
    disk::create_private_dir(folder)?;
    let path = folder.join(format!("source-{}.tmp", RunId::new()));
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(&path)?;
    // On both systems a file that is open may lose its name.
    fs::remove_file(&path)?;
    Ok(file)
}

/// A fault of the agent's own disk, and not of the source.
pub(super) fn failed(error: &io::Error) -> Failure {
    let code = if disk::is_full(error) { ErrorCode::DiskFull } else { ErrorCode::Internal };
    Failure::new(code, format!("what was read could not be kept on the agent's disk: {error}"))
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Seek as _, Write as _};

    use super::*;

    #[test]
    fn nothing_is_left_in_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("stage");
        let mut file = file(&inner).unwrap();
        file.write_all(b"kept").unwrap();
        file.rewind().unwrap();
        let mut read = String::new();
        file.read_to_string(&mut read).unwrap();
        assert_eq!((read.as_str(), fs::read_dir(&inner).unwrap().count()), ("kept", 0));
    }
}
