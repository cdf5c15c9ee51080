//! Where the taps of jobs stood when their last good run ended: one small file a job. Everything here blocks.

use std::io;
use std::path::{Path, PathBuf};

use messages::connector::SingerSource;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use crate::disk;

/// Of a state; a tap that says more is not to be kept.
pub(super) const MOST_STATE: usize = 1024 * 1024;

/// What is kept for a job.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    /// Digest of what was read: a state means nothing for another database or another stream.
    of: String,
    state: Box<RawValue>,
}

/// The file of one job, for what it reads now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StateFile {
    path: PathBuf,
    of: String,
}

impl StateFile {
    pub(super) fn new(path: PathBuf, source: &SingerSource) -> Self {
        let SingerSource { plugin, settings, stream, replication_key, .. } = source;
        let what = serde_json::json!([plugin, settings, stream, replication_key]);
        let digest = Sha256::digest(what.to_string().as_bytes());
        Self { path, of: digest.iter().map(|byte| format!("{byte:02x}")).collect() }
    }

    /// Nothing where there is none, or where it is of something else.
    pub(super) fn load(&self) -> io::Result<Option<String>> {
        let Some(bytes) = disk::read_if_there(&self.path)? else { return Ok(None) };
        let kept: Option<Kept> = serde_json::from_slice(&bytes).ok();
        Ok(kept.filter(|kept| kept.of == self.of).map(|kept| kept.state.get().to_owned()))
    }

    pub(super) fn save(&self, state: &str) -> io::Result<()> {
        let state = RawValue::from_string(state.to_owned())?;
        let bytes = serde_json::to_vec(&Kept { of: self.of.clone(), state })?;
        disk::create_private_dir(self.path.parent().unwrap_or(Path::new(".")))?;
        disk::replace(&self.path, &bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_of_what_was_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("states/job.json");
        let source = SingerSource { plugin: "tap-x".into(), ..SingerSource::default() };
        let file = StateFile::new(path.clone(), &source);
        assert_eq!(file.load().unwrap(), None);
        file.save(r#"{"at": 1.10}"#).unwrap();
        assert_eq!(file.load().unwrap().as_deref(), Some(r#"{"at": 1.10}"#));
        let mut other = source.clone();
        other.settings.insert("host".into(), "b".into());
        assert_eq!(StateFile::new(path.clone(), &other).load().unwrap(), None, "another database");
        let columns = SingerSource { incremental: true, ..source };
        assert!(StateFile::new(path.clone(), &columns).load().unwrap().is_some());
        std::fs::write(&path, "half a fi").unwrap();
        assert_eq!(file.load().unwrap(), None, "everything is read again");
    }
}
