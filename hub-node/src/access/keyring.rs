//! The hub's master keys: a file outside the database, from which every other key is derived.
//!
//! Each line is `<id> <base64 of 32 bytes>`. The first key is active; the others still open what they closed, which
//! is how keys are rotated: put a new line on top, let everything be sealed again, then remove the old line.
//! All nodes of a cluster have the same file.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hkdf::Hkdf;
use hkdf::hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::{Zeroize as _, Zeroizing};

/// A rotation needs two; more than this is a mistake.
const MAX_KEYS: usize = 16;
const MAX_ID: usize = 32;
const MAX_FILE: u64 = 16 * 1024;

/// The keys are not usable, so the hub cannot start.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    #[error("the key file {path} cannot be read: {source}; check the path and its permissions")]
    Read { path: PathBuf, source: io::Error },
    #[error("the key file {path} cannot be made: {source}; check that the folder is writable")]
    Create { path: PathBuf, source: io::Error },
    #[error("the key file is wrong in line {line}: {reason}")]
    Line { line: usize, reason: &'static str },
    #[error("the key file has no key; expected a line of the form \"<id> <base64 of 32 bytes>\"")]
    Empty,
}

/// Master keys, the first of which is active.
pub struct Keyring {
    keys: Vec<Key>,
}

/// One master key, as the keys derived from it.
pub struct Key {
    id: String,
    sealing: Zeroizing<[u8; 32]>,
    access: Zeroizing<[u8; 32]>,
    refresh: Zeroizing<[u8; 32]>,
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| key.id.as_str())).finish()
    }
}

impl Keyring {
    /// Reads `path`, after making it with one new key if there is no such file.
    pub fn open_or_create(path: &Path) -> Result<Self, KeyringError> {
        match Self::open(path) {
            Err(KeyringError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                create(path).map_err(|source| KeyringError::Create { path: path.to_owned(), source })?;
                tracing::info!(path = %path.display(), "made a new master key; keep a copy of this file apart from the database's backups");
                Self::open(path)
            }
            other => other,
        }
    }

    /// Reads `path`, which must exist: the operator gave it.
    pub fn open(path: &Path) -> Result<Self, KeyringError> {
        let wrong = |source| KeyringError::Read { path: path.to_owned(), source };
        let about = fs::metadata(path).map_err(wrong)?;
        if about.len() > MAX_FILE {
            return Err(wrong(io::Error::new(io::ErrorKind::InvalidData, "it is too large for a key file")));
        }
        if about.permissions().mode() & 0o007 != 0 {
            tracing::warn!(path = %path.display(), "everybody on this machine can read the key file; make it mode 0600");
        }
        let text = Zeroizing::new(fs::read_to_string(path).map_err(wrong)?);
        Self::parse(&text)
    }

    /// The keys in the text of a key file. Empty lines and lines with `#` are skipped.
    pub fn parse(text: &str) -> Result<Self, KeyringError> {
        let mut keys: Vec<Key> = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |reason| KeyringError::Line { line: at + 1, reason };
            let (id, encoded) =
                line.split_once(char::is_whitespace).ok_or(wrong("an id and a key are expected"))?;
            let shape =
                id.len() <= MAX_ID && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
            if !shape {
                return Err(wrong("the id may have 32 letters, digits and - _ . only"));
            }
            if keys.iter().any(|key| key.id == id) {
                return Err(wrong("this id is used twice"));
            }
            if keys.len() == MAX_KEYS {
                return Err(wrong("there are more than 16 keys"));
            }
            let bytes =
                Zeroizing::new(STANDARD.decode(encoded.trim()).map_err(|_| wrong("the key is not base64"))?);
            let secret: &[u8; 32] =
                bytes.as_slice().try_into().map_err(|_| wrong("the key must have 32 bytes"))?;
            keys.push(Key::derive(id, secret).ok_or(wrong("the key cannot be used"))?);
        }
        if keys.is_empty() { Err(KeyringError::Empty) } else { Ok(Self { keys }) }
    }

    /// The key under which new things are closed.
    #[must_use]
    pub fn active(&self) -> &Key {
        // `parse` is the only maker and refuses an empty file.
        &self.keys[0]
    }

    #[must_use]
    pub fn find(&self, id: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.id == id)
    }

    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.keys.iter()
    }
}

impl Key {
    fn derive(id: &str, secret: &[u8; 32]) -> Option<Self> {
        let hkdf = Hkdf::<Sha256>::new(Some(b"grocerysync.v1"), secret);
        let sub_key = |purpose: &[u8]| {
            let mut key = Zeroizing::new([0; 32]);
            hkdf.expand(purpose, key.as_mut()).ok().map(|()| key)
        };
        Some(Self {
            id: id.to_owned(),
            sealing: sub_key(b"seal:credentials")?,
            access: sub_key(b"sign:access-token")?,
            refresh: sub_key(b"mac:refresh-token")?,
        })
    }

    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Shows to whoever has the same key that this one has it, and tells nobody else anything.
    #[must_use]
    pub fn proof(&self) -> [u8; 32] {
        self.refresh_mac(b"proof-of-key", self.id.as_bytes())
    }

    pub(super) fn sealing(&self) -> &[u8; 32] {
        &self.sealing
    }

    pub(super) fn access(&self) -> &[u8; 32] {
        &self.access
    }

    /// HMAC-SHA256 under the key of refresh tokens.
    pub(super) fn refresh_mac(&self, purpose: &[u8], text: &[u8]) -> [u8; 32] {
        // Any length of key will do for HMAC, so the second branch is never taken.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.refresh.as_slice()) else { return [0; 32] };
        mac.update(purpose);
        mac.update(text);
        mac.finalize().into_bytes().into()
    }
}

/// Makes the file whole or not at all: two hubs that start together end with one and the same key.
fn create(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let unfinished = folder.join(format!(".keys-{}", messages::MsgId::new()));
    let written = write_key(&unfinished).and_then(|()| match fs::hard_link(&unfinished, path) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    });
    fs::remove_file(&unfinished)?;
    written?;
    fs::File::open(folder)?.sync_all()
}

fn write_key(path: &Path) -> io::Result<()> {
    let mut secret: [u8; 32] = rand::random();
    let line = Zeroizing::new(format!("k1 {}\n", STANDARD.encode(secret)));
    secret.zeroize();
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(line.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn line(id: &str, fill: u8) -> String {
        format!("{id} {}\n", STANDARD.encode([fill; 32]))
    }

    #[test]
    fn the_first_start_makes_a_private_file_and_the_second_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/keys");
        let first = Keyring::open_or_create(&path).unwrap();
        let again = Keyring::open_or_create(&path).unwrap();
        assert_eq!(first.active().sealing(), again.active().sealing());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing unfinished is left");
    }

    #[test]
    fn the_first_key_is_active_and_the_others_are_found() {
        let ring =
            Keyring::parse(&format!("# rotated in May\n{}\n{}", line("new", 2), line("old", 1))).unwrap();
        assert_eq!(ring.active().id(), "new");
        assert!(ring.find("old").is_some() && ring.find("other").is_none());
        assert_eq!(format!("{ring:?}"), r#"["new", "old"]"#, "printing shows ids only");
    }

    #[test]
    fn keys_of_different_purposes_and_masters_differ() {
        let ring = Keyring::parse(&(line("a", 1) + &line("b", 2))).unwrap();
        let [a, b] = [&ring.keys[0], &ring.keys[1]];
        assert_ne!(a.sealing(), a.access());
        assert_ne!(a.sealing(), b.sealing());
        assert_ne!(a.refresh_mac(b"x", b"y"), b.refresh_mac(b"x", b"y"));
        assert_ne!(a.refresh_mac(b"x", b"y"), a.refresh_mac(b"z", b"y"));
    }

    #[test]
    fn each_fault_names_its_line() {
        for (text, expected) in [
            ("", "no key"),
            ("k1", "line 1: an id and a key"),
            ("k1 !!!", "not base64"),
            ("\n\nk1 AAAA", "line 3: the key must have 32 bytes"),
            (&(line("k", 1) + &line("k", 2)), "line 2: this id is used twice"),
            (&line("näme", 1), "the id may have"),
        ] {
            let error = Keyring::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error:?} for {text:?}");
        }
    }

    #[test]
    fn a_named_file_that_is_missing_is_an_error() {
        let error = Keyring::open(Path::new("/nowhere/keys")).unwrap_err().to_string();
        assert!(error.contains("/nowhere/keys"), "{error}");
    }
}
