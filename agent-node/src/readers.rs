//! The lookout for readers: asks those that lie beside the agent what they are, when the agent starts and whenever another
//! program lies there, and says which kinds of sources they bring. What is wrong with one is told once, in the agent's log.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::task::AbortHandle;
use tokio::time::sleep;

use crate::connector::sql::{self, Presence};
use crate::links::Links;

/// Looks that pass before a reader that did not answer is asked again: somebody may have installed what it needs.
const AGAIN: u32 = 10;

/// Stops looking when it is dropped.
pub struct Lookout(AbortHandle);

impl Drop for Lookout {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Looks for the first time, and goes on looking.
pub async fn look_out(folder: PathBuf, every: Duration, links: Arc<Links>) -> Lookout {
    let mut last = sql::present(&folder).await;
    tell(&[], &last, &links);
    let task = tokio::spawn(async move {
        let mut stamps = stamps(&folder, &last);
        let mut looks = 0_u32;
        loop {
            sleep(every).await;
            looks = looks.wrapping_add(1);
            let others = self::stamps(&folder, &last) != stamps;
            let again = looks.is_multiple_of(AGAIN) && last.iter().any(|reader| reader.kinds.is_err());
            // That a first one came cannot be seen by the stamps of those that were there.
            if others || again || last.is_empty() {
                let now = sql::present(&folder).await;
                tell(&last, &now, &links);
                stamps = self::stamps(&folder, &now);
                last = now;
            }
        }
    });
    Lookout(task.abort_handle())
}

/// When each reader was written, and when the folder was: looking at them costs nothing.
fn stamps(folder: &Path, readers: &[Presence]) -> Vec<Option<SystemTime>> {
    let files = readers.iter().map(|reader| reader.file.as_path());
    files
        .map(|file| std::fs::metadata(file).and_then(|found| found.modified()).ok())
        .chain([std::fs::metadata(folder).and_then(|found| found.modified()).ok()])
        .collect()
}

fn tell(before: &[Presence], now: &[Presence], links: &Links) {
    for reader in now.iter().filter(|reader| !before.contains(reader)) {
        match &reader.kinds {
            Ok(kinds) => tracing::info!(reader = reader.name, kinds = kinds.join(", "), "a reader is there"),
            // Most shops need none, and have not what it needs.
            Err(fault) => tracing::info!("{fault}"),
        }
    }
    let kinds: Vec<String> =
        now.iter().filter_map(|reader| reader.kinds.as_ref().ok()).flatten().cloned().collect();
    links.has.send_if_modified(|told| {
        let changed = told.kinds != kinds;
        told.kinds.clone_from(&kinds);
        changed
    });
}
