//! One upload: keeps the line full, and goes on over a new line when it breaks.
//!
//! The last bytes are kept until the server must have confirmed them, because only so many requests are ever
//! unanswered. So an upload that broke off is resumed from the first byte that is not certain, on any server,
//! and by the same reading of the source: nothing can have changed in between (`docs/adr/0013`).

use std::collections::VecDeque;
use std::io::{self, SeekFrom};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use messages::ErrorCode;
use messages::connector::{Credentials, SftpDestination};
use russh_sftp::client::fs::File;
use russh_sftp::protocol::OpenFlags;
use tokio::io::{AsyncSeekExt as _, AsyncWriteExt as _};
use tokio::time::{sleep, timeout};

use super::faults;
use super::session::{PACKET, Session, UNCONFIRMED};
use crate::connector::file_sink::FileTarget;
use crate::connector::{Answer, Failure, Receipt};

/// A chunk on a line of 3 KB/s, after which a shop has other troubles.
const WRITE_DEADLINE: Duration = Duration::from_secs(130);
/// Waits before a new line is tried: a router that starts again is back within a minute.
const AGAIN_AFTER: [Duration; 5] = [
    Duration::from_millis(500),
    Duration::from_secs(3),
    Duration::from_secs(8),
    Duration::from_secs(16),
    Duration::from_secs(32),
];

/// An open line and the file on it; without a file once that was closed or lost.
pub(super) struct Upload {
    to: SftpDestination,
    credentials: Option<Credentials>,
    session: Session,
    temp: String,
    file: Option<File>,
    /// Chunks that the server may not have confirmed, the latest last.
    kept: VecDeque<Vec<u8>>,
    /// Bytes before those.
    confirmed: u64,
}

impl Upload {
    pub(super) const fn new(
        to: SftpDestination,
        credentials: Option<Credentials>,
        session: Session,
        temp: String,
        file: File,
    ) -> Self {
        Self { to, credentials, session, temp, file: Some(file), kept: VecDeque::new(), confirmed: 0 }
    }

    /// Sends the latest chunk, on as many lines as it takes; returns how much of it is on its way.
    async fn send(&mut self, how_much: HowMuch) -> Result<usize, Failure> {
        let Some(chunk) = self.kept.back() else { return Ok(0) };
        match write(self.file.as_mut(), chunk, how_much).await {
            Ok(sent) => Ok(sent),
            Err(error) => {
                let all = chunk.len();
                self.go_on(error).await.map(|()| all)
            }
        }
    }

    /// Resumes after a line broke; gives the failure back when that is not what happened, or when it lasts.
    async fn go_on(&mut self, mut error: io::Error) -> Result<(), Failure> {
        for wait in AGAIN_AFTER {
            if !faults::is_of_the_line(&error) {
                let full = self.session.is_full().await;
                return Err(faults::writing(&self.to, "uploading", &error, full));
            }
            tracing::warn!(host = self.to.host, %error, "the upload broke off; it goes on over a new line");
            self.file = None;
            self.session.close().await;
            sleep(wait).await;
            match self.resume().await {
                Ok(()) => return Ok(()),
                Err(Resumed::Never(failure)) => return Err(failure),
                Err(Resumed::NotYet(again)) => error = again,
            }
        }
        Err(faults::writing(&self.to, "uploading", &error, false))
    }

    /// A new line, and on it everything that may not have arrived over the old one.
    async fn resume(&mut self) -> Result<(), Resumed> {
        let opened = Session::open(&self.to, self.credentials.as_ref()).await;
        self.session = opened.map_err(|failure| {
            // Refusals are final; a server that is being started again is not.
            if failure.code == ErrorCode::DestinationUnreachable {
                Resumed::NotYet(io::Error::new(io::ErrorKind::TimedOut, failure.detail))
            } else {
                Resumed::Never(failure)
            }
        })?;
        let opened = self.session.files.open_with_flags(&self.temp, OpenFlags::WRITE).await;
        let mut file = opened.map_err(|error| Resumed::NotYet(error.into()))?;
        let there = file.metadata().await.map_err(|error| Resumed::NotYet(error.into()))?.size;
        if there.is_some_and(|there| there < self.confirmed) {
            let detail = format!(
                "{} confirmed {} bytes of the upload and has {} after the line broke; somebody else writes there",
                self.to.host,
                self.confirmed,
                there.unwrap_or(0)
            );
            return Err(Resumed::Never(Failure::new(ErrorCode::DestinationFailed, detail)));
        }
        let placed = file.seek(SeekFrom::Start(self.confirmed)).await;
        placed.map_err(Resumed::NotYet)?;
        for chunk in &self.kept {
            write(Some(&mut file), chunk, HowMuch::All).await.map_err(Resumed::NotYet)?;
        }
        self.file = Some(file);
        Ok(())
    }

    /// Lets go of what must have been confirmed; gives a buffer for reuse.
    fn let_go(&mut self) -> Vec<u8> {
        let mut kept: usize = self.kept.iter().map(Vec::len).sum();
        let mut free = Vec::new();
        while let Some(oldest) = self.kept.front() {
            kept -= oldest.len();
            if kept < UNCONFIRMED {
                break;
            }
            self.confirmed += oldest.len() as u64;
            free = self.kept.pop_front().unwrap_or_default();
        }
        free.clear();
        free
    }

    async fn commit(&mut self, rest: Vec<u8>, bytes: u64) -> Result<Receipt, Failure> {
        self.kept.push_back(rest);
        self.send(HowMuch::All).await?;
        while let Err(error) = self.close_file().await {
            self.go_on(error).await?;
        }
        let size = self.session.files.metadata(&self.temp).await;
        let size = size
            .map_err(|error| faults::requesting(&self.to, "asking for the size of the upload", &error))?
            .size;
        if size.is_some_and(|size| size != bytes) {
            let detail =
                format!("{} holds {} of {bytes} bytes of the upload", self.to.host, size.unwrap_or(0));
            return Err(Failure::new(ErrorCode::DestinationFailed, detail));
        }
        self.session.replace(&self.temp).await?;
        self.session.close().await;
        let place = format!("{}:{}", self.to.host, self.to.path);
        Ok(Receipt { bytes, place })
    }

    /// Waits for all confirmations, has the server write out what it caches, and closes.
    async fn close_file(&mut self) -> io::Result<()> {
        let Some(mut file) = self.file.take() else { return Ok(()) };
        file.flush().await?;
        file.sync_all().await.map_err(io::Error::from)?;
        file.close().await
    }
}

/// Why an upload was not resumed.
enum Resumed {
    Never(Failure),
    NotYet(io::Error),
}

impl FileTarget for Upload {
    fn append(&mut self, chunk: Vec<u8>) -> Answer<'_, Vec<u8>> {
        async move {
            let mut next = self.let_go();
            self.kept.push_back(chunk);
            let sent = self.send(HowMuch::WholePackets).await?;
            if let Some(chunk) = self.kept.back_mut() {
                next.extend_from_slice(&chunk[sent..]);
                chunk.truncate(sent);
            }
            Ok(next)
        }
        .boxed()
    }

    fn complete(&mut self, rest: Vec<u8>, bytes: u64) -> Answer<'_, Receipt> {
        self.commit(rest, bytes).boxed()
    }

    fn discard(&mut self) -> BoxFuture<'_, ()> {
        async move {
            self.file = None;
            // On a dead line the file stays under its temporary name, until the next upload takes it away.
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

#[derive(Clone, Copy, PartialEq, Eq)]
enum HowMuch {
    All,
    /// All but a rest, which begins the next chunk: a small packet costs as much as a large one.
    WholePackets,
}

/// Puts bytes on their way; returns how many.
async fn write(file: Option<&mut File>, chunk: &[u8], how_much: HowMuch) -> io::Result<usize> {
    let file = file.ok_or_else(|| io::Error::other("the upload was closed already"))?;
    let least = if how_much == HowMuch::All { 1 } else { PACKET as usize };
    let mut sent = 0;
    let all = async {
        while chunk.len() - sent >= least {
            sent += file.write(&chunk[sent..]).await?;
        }
        Ok::<_, io::Error>(())
    };
    timeout(WRITE_DEADLINE, all).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
    Ok(sent)
}
