//! The spool's anchor: which life of the spool counts, and which number its oldest segment begins with.
//!
//! Each life has a folder of its own, named by its id. A folder that the anchor does not name is a rest.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use messages::ids::SpoolId;
use serde::{Deserialize, Serialize};

use super::segment;
use crate::disk;

const NAME: &str = "cursor.json";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cursor {
    pub(super) spool_id: SpoolId,
    /// Segments with a lower index are done with.
    pub(super) first_segment: u64,
    /// Number of the first fact of the first segment.
    pub(super) first_seq: u64,
}

/// What was found at start.
#[derive(Debug)]
pub(super) struct Anchor {
    pub(super) cursor: Cursor,
    /// There are segments, and what is known of them is a guess.
    pub(super) damaged: bool,
}

impl Cursor {
    /// The anchor of a new life.
    pub(super) fn fresh() -> Self {
        Self { spool_id: SpoolId::new(), first_segment: 0, first_seq: 1 }
    }

    /// The folder of this life.
    pub(super) fn life(&self, folder: &Path) -> PathBuf {
        folder.join(self.spool_id.to_string())
    }

    pub(super) fn save(&self, folder: &Path) -> io::Result<()> {
        disk::replace(&folder.join(NAME), &serde_json::to_vec(self)?)
    }

    /// Reads the anchor or makes one, and removes the folders of other lives.
    pub(super) fn find(folder: &Path) -> io::Result<Anchor> {
        let saved =
            disk::read_if_there(&folder.join(NAME))?.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let mut lives = lives(folder)?;
        let anchor = match (saved, lives.last()) {
            (Some(cursor), _) => Anchor { cursor, damaged: false },
            (None, Some(&spool_id)) => {
                let indexes = segment::list(&folder.join(spool_id.to_string()))?;
                let first_segment = indexes.first().copied().unwrap_or(0);
                Anchor { cursor: Self { spool_id, first_segment, first_seq: 1 }, damaged: true }
            }
            (None, None) => {
                let cursor = Self::fresh();
                disk::create_private_dir(&cursor.life(folder))?;
                cursor.save(folder)?;
                Anchor { cursor, damaged: false }
            }
        };
        disk::create_private_dir(&anchor.cursor.life(folder))?;
        lives.retain(|life| *life != anchor.cursor.spool_id);
        for life in lives {
            fs::remove_dir_all(folder.join(life.to_string()))?;
        }
        Ok(anchor)
    }
}

/// Lives that have a folder, in the order in which they began.
fn lives(folder: &Path) -> io::Result<Vec<SpoolId>> {
    let mut lives = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        lives.extend(name.to_str().and_then(|name| name.parse::<SpoolId>().ok()));
    }
    lives.sort_unstable();
    Ok(lives)
}
