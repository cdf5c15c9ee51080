//! The lookout for plugins: looks at their folder when the agent starts and now and then, and says when something has
//! changed. What is wrong with one is told once, in the agent's log.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::sleep;

use crate::connector::singer::{self, Discovery};
use crate::disk;
use crate::links::Links;

/// A technician who puts a plugin there waits no longer than this to see it at the hub; the look itself costs a few
/// reads of small files.
pub const EVERY: Duration = Duration::from_secs(30);

/// Stops looking when it is dropped.
pub struct Lookout(AbortHandle);

impl Drop for Lookout {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Looks for the first time, and goes on looking.
pub async fn look_out(folder: PathBuf, every: Duration, links: Arc<Links>) -> Lookout {
    let mut last = look(&folder).await;
    tell(&Discovery::default(), &last, &links);
    let task = tokio::spawn(async move {
        loop {
            sleep(every).await;
            let now = look(&folder).await;
            if now != last {
                tell(&last, &now, &links);
                last = now;
            }
        }
    });
    Lookout(task.abort_handle())
}

async fn look(folder: &std::path::Path) -> Discovery {
    let folder = folder.to_owned();
    let looked = disk::off_thread(move || Ok(singer::discover(&folder))).await;
    looked.unwrap_or_else(|error| Discovery { faults: vec![error.to_string()], ..Discovery::default() })
}

fn tell(before: &Discovery, now: &Discovery, links: &Links) {
    for fault in now.faults.iter().filter(|fault| !before.faults.contains(fault)) {
        tracing::warn!("{fault}");
    }
    if now.plugins != before.plugins {
        let names: Vec<_> = now.plugins.iter().map(|plugin| plugin.name.as_str()).collect();
        tracing::info!(plugins = names.join(", "), "these plugins are there");
    }
    links.has.send_if_modified(|told| {
        let changed = told.plugins != now.plugins;
        told.plugins.clone_from(&now.plugins);
        changed
    });
}
