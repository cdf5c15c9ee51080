//! Who this agent is: `identity.json` in the data folder, readable by the owner only.

use std::io;
use std::path::{Path, PathBuf};

use messages::{AgentId, RetailerId, Secret};
use serde::{Deserialize, Serialize};

use crate::disk;

const NAME: &str = "identity.json";

/// Given by the hub when enrolling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The hub that enrolled this agent.
    pub hub: String,
    pub retailer_id: RetailerId,
    pub agent_id: AgentId,
    pub credential: Secret,
}

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    #[error(
        "this agent is not enrolled; run `agent-node enrol --hub URL --token TOKEN` with a token from the console"
    )]
    NotEnrolled,
    #[error("{NAME} could not be read: {0}; run the agent as the user who enrolled it")]
    Unreadable(#[source] io::Error),
    #[error("{NAME} is damaged: {0}; enrol the agent again")]
    Damaged(#[source] serde_json::Error),
}

impl Identity {
    /// The file.
    #[must_use]
    pub fn path(data_dir: &Path) -> PathBuf {
        data_dir.join(NAME)
    }

    pub fn load(data_dir: &Path) -> Result<Self, IdentityError> {
        let bytes = disk::read_if_there(&Self::path(data_dir))
            .map_err(IdentityError::Unreadable)?
            .ok_or(IdentityError::NotEnrolled)?;
        serde_json::from_slice(&bytes).map_err(IdentityError::Damaged)
    }

    /// On the disk when this returns.
    pub fn save(&self, data_dir: &Path) -> io::Result<()> {
        disk::replace(&Self::path(data_dir), &serde_json::to_vec_pretty(self)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_loaded_and_what_is_wrong_is_told() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(Identity::load(folder.path()), Err(IdentityError::NotEnrolled)));
        let id = "01890a5d-ac96-774b-bcce-b302099a8057";
        let identity = Identity {
            hub: "https://hub.example".into(),
            retailer_id: id.parse().unwrap(),
            agent_id: id.parse().unwrap(),
            credential: "gsa_secret".into(),
        };
        identity.save(folder.path()).unwrap();
        assert_eq!(Identity::load(folder.path()).unwrap(), identity);
        std::fs::write(folder.path().join(NAME), "{").unwrap();
        assert!(matches!(Identity::load(folder.path()), Err(IdentityError::Damaged(_))));
    }
}
