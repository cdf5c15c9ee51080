//! Whose journal and spool lie in the data folder.
//!
//! Runs, report numbers and the highest epoch are those of one agent at the hub. A machine that is enrolled as another
//! agent must not bring them along: its new owner's commands would look like those of a former one, and be refused.

use std::io;
use std::path::Path;

use messages::AgentId;

use crate::disk;

/// Names the agent that the folders beside it belong to.
const MARK: &str = "belongs-to";
/// What belongs to one agent.
const FOLDERS: [&str; 4] = ["journal", "spool", "delivered", "taps"];

/// Clears what another agent has left, and marks what comes as this agent's. To be called with the folder locked.
pub fn settle(data_dir: &Path, agent: AgentId) -> io::Result<()> {
    let mark = data_dir.join(MARK);
    let owner = disk::read_if_there(&mark)?.map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned());
    if owner.as_deref() == Some(agent.to_string().as_str()) {
        return Ok(());
    }
    // A folder without a mark was made by an agent that knew no marks yet, and is this one's.
    if let Some(former) = owner {
        tracing::warn!(%former, "this machine is another agent now: the former one's runs and reports are dropped");
        for folder in FOLDERS {
            match std::fs::remove_dir_all(data_dir.join(folder)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        disk::sync_dir(data_dir)?;
    }
    disk::replace(&mark, agent.to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn another_agents_work_is_dropped_and_ones_own_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let epoch = folder.path().join("journal/epoch");
        let write = || {
            fs::create_dir_all(epoch.parent().unwrap()).unwrap();
            fs::write(&epoch, "7").unwrap();
        };
        write();
        let first = AgentId::new();
        settle(folder.path(), first).unwrap();
        assert!(epoch.exists(), "what was there before marks is kept");
        settle(folder.path(), first).unwrap();
        assert!(epoch.exists());
        let second = AgentId::new();
        settle(folder.path(), second).unwrap();
        assert!(!epoch.exists(), "the former agent's epoch would refuse the new one's commands");
        write();
        settle(folder.path(), second).unwrap();
        assert!(epoch.exists());
    }
}
