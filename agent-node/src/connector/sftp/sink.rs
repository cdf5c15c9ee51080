//! The SFTP connector: uploads beside the final name, compares the size, renames.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use messages::connector::{Credentials, SftpDestination};
use messages::item::Item;
use messages::{ErrorCode, RunId};
use russh_sftp::client::fs::File;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;

use super::faults;
use super::session::Session;
use crate::connector::file_format::ItemWriter;
use crate::connector::{Answer, DestinationConnector, Failure, ItemSink, Receipt};

/// Smaller buffers are split into uneven packets; measured, this size is the fastest.
const CHUNK: usize = 256 * 1024;
/// A chunk on a line of 3 KB/s, after which a shop has other troubles.
const WRITE_DEADLINE: Duration = Duration::from_secs(130);

pub struct SftpConnector {
    config: SftpDestination,
    credentials: Option<Credentials>,
}

impl SftpConnector {
    #[must_use]
    pub const fn new(config: SftpDestination, credentials: Option<Credentials>) -> Self {
        Self { config, credentials }
    }
}

impl DestinationConnector for SftpConnector {
    fn check(&self) -> Answer<'_, String> {
        async move {
            let session = Session::open(&self.config, self.credentials.as_ref()).await?;
            session.close().await;
            Ok(format!("{} accepts the login of \"{}\"", self.config.host, self.config.user))
        }
        .boxed()
    }

    fn open(&self, run_id: RunId) -> Answer<'_, Box<dyn ItemSink>> {
        async move {
            let session = Session::open(&self.config, self.credentials.as_ref()).await?;
            session.make_folders().await?;
            // Of the same name in each attempt, so that the rest of an earlier one is overwritten.
            let temp = faults::temp_name(&self.config.path, &run_id.to_string());
            let what = format!("making the file {temp}");
            let file = match session.files.create(&temp).await {
                Ok(file) => file,
                Err(error) => return Err(told(&self.config, &session, &what, &error.into()).await),
            };
            let writer = ItemWriter::new(self.config.format);
            let to = self.config.clone();
            Ok(Box::new(SftpSink { to, session, temp, file: Some(file), writer, bytes: 0 })
                as Box<dyn ItemSink>)
        }
        .boxed()
    }
}

struct SftpSink {
    to: SftpDestination,
    session: Session,
    temp: String,
    /// Gone when it has been closed.
    file: Option<File>,
    writer: ItemWriter,
    bytes: u64,
}

impl SftpSink {
    async fn flush(&mut self) -> Result<(), Failure> {
        let chunk = self.writer.take();
        let Some(file) = self.file.as_mut() else {
            return Err(Failure::new(ErrorCode::Internal, "the upload was closed already"));
        };
        let done = timeout(WRITE_DEADLINE, file.write_all(&chunk)).await;
        let done = done.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
        if let Err(error) = done {
            return Err(told(&self.to, &self.session, "uploading", &error).await);
        }
        self.bytes += chunk.len() as u64;
        Ok(())
    }

    async fn commit(&mut self) -> Result<Receipt, Failure> {
        self.flush().await?;
        let Some(mut file) = self.file.take() else {
            return Err(Failure::new(ErrorCode::Internal, "the upload was closed already"));
        };
        let closed = async {
            file.flush().await?;
            file.sync_all().await.map_err(std::io::Error::from)?;
            file.close().await
        };
        if let Err(error) = closed.await {
            return Err(told(&self.to, &self.session, "completing the upload", &error).await);
        }
        let size = self.session.files.metadata(&self.temp).await;
        let size = size
            .map_err(|error| faults::requesting(&self.to, "asking for the size of the upload", &error))?
            .size;
        if size.is_some_and(|size| size != self.bytes) {
            let detail =
                format!("{} holds {} of {} bytes of the upload", self.to.host, size.unwrap_or(0), self.bytes);
            return Err(Failure::new(ErrorCode::DestinationFailed, detail));
        }
        self.session.replace(&self.temp).await?;
        self.session.close().await;
        let place = format!("{}:{}", self.to.host, self.to.path);
        Ok(Receipt { bytes: self.bytes, place })
    }
}

impl ItemSink for SftpSink {
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
            // On a dead line the file stays under its temporary name, until the next attempt overwrites it.
            let removed = timeout(Duration::from_secs(5), self.session.files.remove_file(&self.temp)).await;
            if !matches!(removed, Ok(Ok(()))) {
                tracing::warn!(
                    host = self.to.host,
                    path = self.temp,
                    "a temporary file could not be removed"
                );
            }
            self.session.close().await;
        }
        .boxed()
    }
}

/// The failure of a write, with the server asked whether it is full.
async fn told(to: &SftpDestination, session: &Session, what: &str, error: &std::io::Error) -> Failure {
    if session.is_full().await {
        return Failure::new(ErrorCode::DestinationFull, format!("the disk of {} is full", to.host));
    }
    let detail = format!("{}: {what} broke off: {error}", to.host);
    Failure::new(ErrorCode::DestinationFailed, detail)
}
