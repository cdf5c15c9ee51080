//! The place where another program works: a folder of its own with its settings, readable by the agent's user only and
//! gone when the program is. It is the plugin's home as well, so that nothing of it lies about afterwards.
//! Everything here blocks.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use messages::{ErrorCode, RunId};

use crate::connector::Failure;
use crate::disk;

const PREFIX: &str = "plugin-";

/// See the module.
#[derive(Debug)]
pub(in crate::connector) struct Place(PathBuf);

impl Place {
    pub(in crate::connector) fn new(scratch: &Path) -> Result<Self, Failure> {
        let path = scratch.join(format!("{PREFIX}{}", RunId::new()));
        // A relative path would mean another place to a program that begins in a folder of its own.
        let path = std::path::absolute(path).map_err(|error| failed(&error))?;
        disk::create_private_dir(&path).map_err(|error| failed(&error))?;
        Ok(Self(path))
    }

    pub(in crate::connector) fn path(&self) -> &Path {
        &self.0
    }

    /// A file in it, with this content.
    pub(in crate::connector) fn put(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, Failure> {
        let path = self.0.join(name);
        let written = disk::create_private(&path).and_then(|mut file| io::Write::write_all(&mut file, bytes));
        written.map(|()| path).map_err(|error| failed(&error))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(place = %self.0.display(), %error, "the place of a program could not be removed");
        }
    }
}

/// Takes away what an agent that was killed has left. To be called while no plugin is at work.
pub fn sweep(scratch: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(scratch) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(PREFIX) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

fn failed(error: &io::Error) -> Failure {
    let code = if disk::is_full(error) { ErrorCode::DiskFull } else { ErrorCode::Internal };
    Failure::new(code, format!("a program's place on the agent's disk could not be made: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_private_and_go_with_the_plugin() {
        let scratch = tempfile::tempdir().unwrap();
        let place = Place::new(scratch.path()).unwrap();
        let file = place.put("config.json", b"{}").unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
            assert_eq!(fs::metadata(place.path()).unwrap().permissions().mode() & 0o777, 0o700);
        }
        drop(place);
        assert!(!file.exists());
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_a_killed_agent_left_is_swept() {
        let scratch = tempfile::tempdir().unwrap();
        sweep(&scratch.path().join("none")).unwrap();
        std::mem::forget(Place::new(scratch.path()).unwrap());
        fs::write(scratch.path().join("other"), "").unwrap();
        sweep(scratch.path()).unwrap();
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1);
    }
}
