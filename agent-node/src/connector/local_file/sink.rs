//! The local file connector: a temporary file beside the final one, synced, then renamed over it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use messages::ErrorCode;
use messages::connector::LocalFileDestination;
use tokio::task::JoinHandle;

use crate::connector::file_sink::{FileSink, FileTarget};
use crate::connector::{Answer, DestinationConnector, Failure, ForRun, ItemSink, Receipt, leftovers};
use crate::disk;

pub struct LocalFileConnector {
    config: LocalFileDestination,
}

impl LocalFileConnector {
    #[must_use]
    pub const fn new(config: LocalFileDestination) -> Self {
        Self { config }
    }
}

impl DestinationConnector for LocalFileConnector {
    fn check(&self) -> Answer<'_, String> {
        async move {
            let path = PathBuf::from(&self.config.path);
            let probe = temp_name(&path, "check");
            let shown = path.display().to_string();
            let done = disk::off_thread(move || {
                if path.is_dir() {
                    return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder"));
                }
                create(&probe).map(drop)?;
                fs::remove_file(&probe)
            });
            done.await.map_err(|error| failure(&self.config.path, &error))?;
            Ok(format!("{shown} can be written"))
        }
        .boxed()
    }

    fn open<'a>(&'a self, run: &'a ForRun) -> Answer<'a, Box<dyn ItemSink>> {
        async move {
            let path = PathBuf::from(&self.config.path);
            // Of the same name in each attempt, so that the rest of an earlier one is overwritten.
            let temp = temp_name(&path, &run.run_id.to_string());
            let opened = {
                let (temp, path, run) = (temp.clone(), path.clone(), run.clone());
                disk::off_thread(move || {
                    let file = create(&temp)?;
                    clear(&path, &run);
                    Ok(file)
                })
            };
            let file = opened.await.map_err(|error| failure(&self.config.path, &error))?;
            let target = LocalFile { shown: self.config.path.clone(), path, temp, at: At::Rest(file) };
            Ok(Box::new(FileSink::new(target, self.config.format)) as Box<dyn ItemSink>)
        }
        .boxed()
    }
}

/// Where the open file is.
enum At {
    Rest(File),
    /// Being written to on another thread, while the next lines are formed here.
    Work(JoinHandle<io::Result<(File, Vec<u8>)>>),
    /// Lost with a write that failed.
    Gone,
}

struct LocalFile {
    shown: String,
    path: PathBuf,
    temp: PathBuf,
    at: At,
}

impl LocalFile {
    /// Waits until the file is at rest; gives the buffer of the write that was under way.
    async fn rest(&mut self) -> io::Result<(File, Vec<u8>)> {
        match &mut self.at {
            // Polled in its place: should this be dropped while waiting, the write can still be waited for.
            At::Work(write) => {
                let done = write.await.map_err(io::Error::other);
                self.at = At::Gone;
                done?
            }
            At::Rest(_) | At::Gone => match std::mem::replace(&mut self.at, At::Gone) {
                At::Rest(file) => Ok((file, Vec::new())),
                _ => Err(io::Error::other("an earlier write did not come back")),
            },
        }
    }

    async fn commit(&mut self, rest: Vec<u8>, bytes: u64) -> io::Result<Receipt> {
        let (mut file, _) = self.rest().await?;
        let (temp, path) = (self.temp.clone(), self.path.clone());
        disk::off_thread(move || {
            file.write_all(&rest)?;
            file.sync_all()?;
            fs::rename(&temp, &path)?;
            disk::sync_parent(&path)
        })
        .await?;
        Ok(Receipt { bytes, place: self.shown.clone() })
    }
}

impl FileTarget for LocalFile {
    fn append(&mut self, chunk: Vec<u8>) -> Answer<'_, Vec<u8>> {
        async move {
            let (mut file, mut free) = self.rest().await.map_err(|error| failure(&self.shown, &error))?;
            self.at = At::Work(tokio::task::spawn_blocking(move || {
                file.write_all(&chunk)?;
                Ok((file, chunk))
            }));
            free.clear();
            Ok(free)
        }
        .boxed()
    }

    fn complete(&mut self, rest: Vec<u8>, bytes: u64) -> Answer<'_, Receipt> {
        async move {
            let done = self.commit(rest, bytes).await;
            done.map_err(|error| failure(&self.shown, &error))
        }
        .boxed()
    }

    fn discard(&mut self) -> BoxFuture<'_, ()> {
        async move {
            // A file that is still open cannot be removed everywhere.
            drop(self.rest().await);
            let temp = self.temp.clone();
            if let Err(error) = disk::off_thread(move || disk::remove_if_there(&temp)).await {
                tracing::warn!(path = %self.temp.display(), %error, "a temporary file could not be removed");
            }
        }
        .boxed()
    }
}

/// Takes away what runs left behind that nobody will finish. Not worth a failure.
fn clear(path: &Path, run: &ForRun) {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (Some(name), Ok(found)) = (path.file_name().and_then(OsStr::to_str), fs::read_dir(folder)) else {
        return;
    };
    let now = SystemTime::now();
    for file in found.flatten() {
        let changed = file.metadata().and_then(|metadata| metadata.modified()).ok();
        let left_over =
            file.file_name().to_str().is_some_and(|found| run.is_left_over(found, name, changed, now));
        if left_over && let Err(error) = disk::remove_if_there(&file.path()) {
            tracing::warn!(path = %file.path().display(), %error, "a temporary file could not be removed");
        }
    }
}

fn create(temp: &Path) -> io::Result<File> {
    if let Some(folder) = temp.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    // A new file in any case: a write of an earlier attempt may still be under way into the old one.
    disk::remove_if_there(temp)?;
    File::create(temp)
}

/// In the same folder, for a rename works within one file system only.
fn temp_name(path: &Path, tag: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(leftovers::temp_name(&name, tag))
}

fn failure(path: &str, error: &io::Error) -> Failure {
    if disk::is_full(error) {
        return Failure::new(ErrorCode::DestinationFull, format!("there is no room for {path}: {error}"));
    }
    let hint = if error.kind() == io::ErrorKind::PermissionDenied {
        "; the agent's user needs the right to write into its folder"
    } else {
        ""
    };
    Failure::new(ErrorCode::DestinationFailed, format!("{path} could not be written: {error}{hint}"))
}
