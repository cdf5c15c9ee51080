//! The one-time token with which the first administrator is made.
//!
//! It comes from the operator (`GROCERYSYNC_SETUP_TOKEN`) or is drawn at start; it is in the hub's log and in
//! `DATA_DIR/setup-token`, and works only while there is no user. Which of two racing setups wins is decided by the
//! store, not here.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use messages::{ErrorCode, Problem, Secret};

use super::agent_token::{hash_of, same};

const FILE: &str = "setup-token";

/// The token while it is wanted.
#[derive(Default)]
pub(crate) struct Setup {
    open: Mutex<Option<Open>>,
}

struct Open {
    token: Secret,
    file: PathBuf,
}

impl Setup {
    /// Opens setup: draws a token unless one is given, writes it down and says so in the log.
    ///
    /// # Errors
    /// When the token cannot be written where the operator will look for it.
    pub(crate) fn offer(&self, given: Option<Secret>, data_dir: &Path) -> io::Result<()> {
        let drawn = given.is_none();
        let token = given.filter(|token| !token.is_empty()).unwrap_or_else(draw);
        let file = data_dir.join(FILE);
        write_private(&file, token.expose())?;
        if drawn {
            tracing::warn!(
                setup_token = token.expose(),
                file = %file.display(),
                "there is no user yet: open the console and make the first administrator with this one-time token"
            );
        } else {
            tracing::warn!(file = %file.display(), "there is no user yet: open the console and use the setup token you configured");
        }
        *self.lock() = Some(Open { token, file });
        Ok(())
    }

    #[must_use]
    pub(crate) fn is_open(&self) -> bool {
        self.lock().is_some()
    }

    /// Is this the token? Refused likewise when setup is over.
    pub(crate) fn check(&self, presented: &Secret) -> Result<(), Problem> {
        match &*self.lock() {
            None => Err(ErrorCode::SetupDone.into()),
            Some(open) if same(&hash_of(open.token.expose()), &hash_of(presented.expose())) => Ok(()),
            Some(_) => Err(Problem::new(
                ErrorCode::SetupTokenWrong,
                "the setup token is wrong; it is in the hub's log and in the file setup-token of its data folder",
            )),
        }
    }

    /// The first administrator is there: the token is void and its file goes.
    pub(crate) fn close(&self) {
        let Some(open) = self.lock().take() else { return };
        if let Err(failure) = fs::remove_file(&open.file)
            && failure.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%failure, file = %open.file.display(), "the used setup token could not be removed; it is void");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes what an earlier start has left, when setup is not wanted.
pub(crate) fn forget(data_dir: &Path) {
    if let Err(failure) = fs::remove_file(data_dir.join(FILE))
        && failure.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(%failure, "an old setup token could not be removed; it is void");
    }
}

fn draw() -> Secret {
    Secret::new(URL_SAFE_NO_PAD.encode(rand::random::<[u8; 24]>()))
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(failure) if failure.kind() != io::ErrorKind::NotFound => return Err(failure),
        _ => {}
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_drawn_token_is_in_a_private_file_until_it_is_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let setup = Setup::default();
        assert!(!setup.is_open());
        assert_eq!(setup.check(&Secret::default()).unwrap_err().code, ErrorCode::SetupDone);
        setup.offer(None, folder.path()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let token = fs::read_to_string(&path).unwrap();
        assert!(token.trim().len() >= 32);
        assert_eq!(setup.check(&Secret::default()).unwrap_err().code, ErrorCode::SetupTokenWrong);
        assert_eq!(setup.check(&Secret::new(token.trim())), Ok(()));
        setup.close();
        assert!(!path.exists() && !setup.is_open());
        assert_eq!(setup.check(&Secret::new(token.trim())).unwrap_err().code, ErrorCode::SetupDone);
    }

    #[test]
    fn a_given_token_replaces_what_an_earlier_start_left() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), "old and readable by all").unwrap();
        let setup = Setup::default();
        setup.offer(Some(Secret::new("chosen-by-the-operator")), folder.path()).unwrap();
        assert_eq!(setup.check(&Secret::new("chosen-by-the-operator")), Ok(()));
        assert_eq!(fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode() & 0o777, 0o600);
        forget(folder.path());
        assert!(!folder.path().join(FILE).exists());
    }
}
