//! The data folder: private, held by one edge at a time, and recognised again.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::Path;

use messages::Secret;
use serde::{Deserialize, Serialize};

/// Given by the hub when enrolling; readable by the owner only.
const IDENTITY: &str = "identity.json";

/// Holds a folder for this process until dropped; the system lets go when the process dies.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

/// A folder that only its owner can look into, with its parents.
pub fn create(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Takes the folder, or says that somebody else has it.
pub fn lock(folder: &Path) -> io::Result<Option<FolderLock>> {
    let file = private(&folder.join("lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(FolderLock { _file: file })),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// What a copy of the database does not have in common with it: the machine, and the file's own place on the disk.
#[must_use]
pub fn fingerprint(database: &Path) -> String {
    let machine = fs::read_to_string("/etc/machine-id").unwrap_or_default();
    #[cfg(unix)]
    let file = {
        use std::os::unix::fs::MetadataExt as _;
        fs::metadata(database).map_or(0, |metadata| metadata.ino())
    };
    #[cfg(not(unix))]
    let file = fs::metadata(database)
        .and_then(|metadata| metadata.created())
        .ok()
        .and_then(|created| created.duration_since(std::time::UNIX_EPOCH).ok())
        .map_or(0, |since| since.as_millis());
    format!("{}/{file}", machine.trim())
}

/// How the hub knows this edge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub hub: String,
    pub store_name: String,
    pub credential: Secret,
}

impl Identity {
    /// Nothing when the edge was never enrolled.
    pub fn load(data_dir: &Path) -> io::Result<Option<Self>> {
        match fs::read(data_dir.join(IDENTITY)) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(io::Error::other),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// On the disk when this returns: temporary file, sync, rename, sync of the folder.
    pub fn save(&self, data_dir: &Path) -> io::Result<()> {
        let temporary = data_dir.join("identity.json.tmp");
        let mut file = private(&temporary)?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        file.sync_all()?;
        fs::rename(&temporary, data_dir.join(IDENTITY))?;
        if cfg!(unix) { File::open(data_dir)?.sync_all() } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_kept_and_a_copied_file_has_another_print() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Identity::load(folder.path()).unwrap(), None);
        let identity = Identity {
            hub: "https://hub.example".into(),
            store_name: "Fresh Mart".into(),
            credential: "gse_secret".into(),
        };
        identity.save(folder.path()).unwrap();
        assert_eq!(Identity::load(folder.path()).unwrap(), Some(identity));
        let (file, copy) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&file, "x").unwrap();
        fs::copy(&file, &copy).unwrap();
        assert_eq!(fingerprint(&file), fingerprint(&file));
        assert_ne!(fingerprint(&file), fingerprint(&copy));
    }

    #[test]
    fn a_folder_has_one_holder() {
        let folder = tempfile::tempdir().unwrap();
        let first = lock(folder.path()).unwrap();
        assert!(first.is_some() && lock(folder.path()).unwrap().is_none());
        drop(first);
        assert!(lock(folder.path()).unwrap().is_some());
    }
}
