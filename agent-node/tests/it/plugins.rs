//! Plugins: scripts that behave as Singer wants, scripts that do not, and taps and targets as they are to be had.

mod agent;
mod real;
mod taps;
mod targets;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use agent_node::connector::Means;
use agent_node::connector::singer::{SingerTap, SingerTarget};
use messages::connector::{SingerDestination, SingerSource};
use tempfile::TempDir;

/// A folder of plugins, and a place for the agent beside it.
pub(crate) struct Stage {
    folder: TempDir,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["plugins", "scratch", "taps"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A plugin that is this script; `manifest` is what its manifest says besides the kind.
    pub(crate) fn script(&self, name: &str, kind: &str, script: &str, manifest: &str) -> PathBuf {
        let folder = self.path("plugins").join(name);
        fs::create_dir_all(&folder).unwrap();
        let program = folder.join("run");
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(
            folder.join("plugin.toml"),
            format!("kind = \"{kind}\"\ncommand = \"./run\"\n{manifest}\n"),
        )
        .unwrap();
        folder
    }

    pub(crate) fn tap(&self, name: &str, script: &str, manifest: &str) -> PathBuf {
        self.script(name, "tap", script, manifest)
    }

    pub(crate) fn means(&self) -> Means {
        Means {
            scratch: self.path("scratch"),
            taps: self.path("taps"),
            plugins: Some(self.path("plugins")),
            ..Means::default()
        }
    }

    pub(crate) fn source(&self, config: SingerSource) -> SingerTap {
        SingerTap::new(config, None, self.means())
    }

    pub(crate) fn named(&self, plugin: &str) -> SingerTap {
        self.source(SingerSource { plugin: plugin.into(), ..SingerSource::default() })
    }

    pub(crate) fn target(&self, plugin: &str) -> SingerTarget {
        let config = SingerDestination { plugin: plugin.into(), ..SingerDestination::default() };
        SingerTarget::new(config, None, self.means())
    }

    /// Nothing of a plugin is left: no settings, no files.
    pub(crate) async fn is_clean(&self) {
        until("the plugin's place is gone", || fs::read_dir(self.path("scratch")).unwrap().count() == 0)
            .await;
    }
}

pub(crate) async fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..600 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await; // poll: nobody tells of the end of a process
    }
    panic!("not so in time: {what}");
}

/// The process whose number is in this file has ended.
pub(crate) async fn gone(file: &Path) {
    let id = fs::read_to_string(file).unwrap();
    let status = format!("/proc/{}/stat", id.trim());
    // Whoever has ended and was not asked for by its parent is a zombie, and no process any more.
    let ended = || fs::read_to_string(&status).map_or(true, |stat| stat.contains(") Z"));
    until("the process has ended", ended).await;
}
