//! The hub's data directory: locked by one process, and known to the database under a name of its own.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use messages::ids::BootId;

/// The data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    #[error("another hub uses the data directory {0}; stop it, or name another directory")]
    InUse(PathBuf),
    #[error("the data directory {path} cannot be used: {source}; check that it exists and is yours to write")]
    Unusable { path: PathBuf, source: io::Error },
}

/// A data directory that this process holds locked, until the last clone is dropped or the process ends, however it
/// ends: the kernel takes the lock away from the dead.
#[derive(Debug, Clone)]
pub struct DataDir {
    path: PathBuf,
    name: String,
    /// Held, never read.
    _lock: Arc<File>,
}

impl DataDir {
    /// Makes the directory if need be and locks it.
    pub fn lock(path: &Path) -> Result<Self, DataDirError> {
        let unusable = |source| DataDirError::Unusable { path: path.to_owned(), source };
        // It holds secrets: nobody else looks inside.
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(unusable)?;
        let path = path.canonicalize().map_err(unusable)?;
        let unusable = |source| DataDirError::Unusable { path: path.clone(), source };
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path.join("hub.lock"))
            .map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(DataDirError::InUse(path)),
            Err(TryLockError::Error(source)) => return Err(unusable(source)),
        }
        let name = name_of(&mut lock).map_err(unusable)?;
        Ok(Self { path, name, _lock: Arc::new(lock) })
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The directory's name in the database: two processes that give the same one have held the same lock, so the
    /// earlier of them is dead.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// A random name written into the lock file, with the file's own place on its disk: a copied directory (a cloned
/// machine, a restored backup) has another place, and does not pass for its original.
fn name_of(lock: &mut File) -> io::Result<String> {
    let mut text = String::new();
    lock.read_to_string(&mut text)?;
    let id = match text.trim().parse::<BootId>() {
        Ok(id) => id,
        Err(_) => {
            let id = BootId::new();
            lock.set_len(0)?;
            lock.rewind()?;
            writeln!(lock, "{id}")?;
            lock.sync_all()?;
            id
        }
    };
    let meta = lock.metadata()?;
    Ok(format!("{id}@{:x}:{:x}", meta.dev(), meta.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holder_at_a_time_and_the_same_name_for_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data");
        let first = DataDir::lock(&path).unwrap();
        assert!(matches!(DataDir::lock(&path), Err(DataDirError::InUse(_))));
        let name = first.name().to_owned();
        drop(first);
        assert_eq!(DataDir::lock(&path).unwrap().name(), name);
    }

    #[test]
    fn a_copy_has_another_name() {
        let folder = tempfile::tempdir().unwrap();
        let (original, copy) = (folder.path().join("a"), folder.path().join("b"));
        let first = DataDir::lock(&original).unwrap();
        std::fs::create_dir(&copy).unwrap();
        std::fs::copy(original.join("hub.lock"), copy.join("hub.lock")).unwrap();
        assert_ne!(DataDir::lock(&copy).unwrap().name(), first.name());
    }
}
