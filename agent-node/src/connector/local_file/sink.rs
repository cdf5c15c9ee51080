//! The local file connector: a temporary file beside the final one, synced, then renamed over it.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use messages::connector::LocalFileDestination;
use messages::item::Item;
use messages::{ErrorCode, RunId};

use crate::connector::file_format::ItemWriter;
use crate::connector::{Answer, DestinationConnector, Failure, ItemSink, Receipt};
use crate::disk;

/// Written at once: large enough that the disk is asked seldom.
const CHUNK: usize = 256 * 1024;

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

    fn open(&self, run_id: RunId) -> Answer<'_, Box<dyn ItemSink>> {
        async move {
            let path = PathBuf::from(&self.config.path);
            // Of the same name in each attempt, so that the rest of an earlier one is overwritten.
            let temp = temp_name(&path, &run_id.to_string());
            let opened = {
                let temp = temp.clone();
                disk::off_thread(move || create(&temp)).await
            };
            let file = opened.map_err(|error| failure(&self.config.path, &error))?;
            let writer = ItemWriter::new(self.config.format);
            let sink = LocalFileSink {
                shown: self.config.path.clone(),
                path,
                temp,
                file: Some(file),
                writer,
                bytes: 0,
            };
            Ok(Box::new(sink) as Box<dyn ItemSink>)
        }
        .boxed()
    }
}

struct LocalFileSink {
    shown: String,
    path: PathBuf,
    temp: PathBuf,
    /// Away while a chunk is being written.
    file: Option<File>,
    writer: ItemWriter,
    bytes: u64,
}

impl LocalFileSink {
    async fn flush(&mut self) -> Result<(), Failure> {
        let (chunk, file) = (self.writer.take(), self.file.take());
        let length = chunk.len() as u64;
        let written = disk::off_thread(move || {
            let mut file = file.ok_or_else(|| io::Error::other("an earlier write did not come back"))?;
            file.write_all(&chunk)?;
            Ok(file)
        });
        self.file = Some(written.await.map_err(|error| failure(&self.shown, &error))?);
        self.bytes += length;
        Ok(())
    }

    async fn commit(&mut self) -> Result<Receipt, Failure> {
        self.flush().await?;
        let (file, temp, path) = (self.file.take(), self.temp.clone(), self.path.clone());
        let done = disk::off_thread(move || {
            file.ok_or_else(|| io::Error::other("an earlier write did not come back"))?.sync_all()?;
            fs::rename(&temp, &path)?;
            disk::sync_parent(&path)
        });
        done.await.map_err(|error| failure(&self.shown, &error))?;
        Ok(Receipt { bytes: self.bytes, place: self.shown.clone() })
    }
}

impl ItemSink for LocalFileSink {
    fn write<'a>(&'a mut self, items: &'a [Item]) -> Answer<'a, u64> {
        async move {
            for item in items {
                let pushed = self.writer.push(item);
                pushed.map_err(|error| {
                    Failure::new(ErrorCode::Internal, format!("an item could not be written: {error}"))
                })?;
                if self.writer.len() >= CHUNK {
                    self.flush().await?;
                }
            }
            Ok(self.bytes + self.writer.len() as u64)
        }
        .boxed()
    }

    fn finish(&mut self) -> Answer<'_, Receipt> {
        self.commit().boxed()
    }

    fn abort(&mut self) -> BoxFuture<'_, ()> {
        async move {
            self.file = None;
            let temp = self.temp.clone();
            if let Err(error) = disk::off_thread(move || disk::remove_if_there(&temp)).await {
                tracing::warn!(path = %self.temp.display(), %error, "a temporary file could not be removed");
            }
        }
        .boxed()
    }
}

fn create(temp: &Path) -> io::Result<File> {
    if let Some(folder) = temp.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    File::create(temp)
}

/// In the same folder, for a rename works within one file system only; hidden, for folders are watched.
fn temp_name(path: &Path, tag: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{tag}.part"))
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
