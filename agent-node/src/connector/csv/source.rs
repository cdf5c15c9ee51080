//! The CSV connector: finds the files, waits until they stand still, reads them on a thread of its own, hands over
//! batches.
//!
//! A file that is still being written is not read: its size and time must stand still before, and be the
//! same after, the reading.

use std::fs::File;
use std::io::{self, Read};
use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _};
use messages::ErrorCode;
use messages::connector::{CsvSource, TextEncoding};
use tokio::sync::mpsc;

use super::header::Header;
use super::reading::Reader;
use super::records::Records;
use super::text::{self, TextReader};
use crate::connector::files::{self, Archive, Found};
use crate::connector::{Afterwards, Answer, Failure, FoundColumn, PosConnector, Reading};

/// Batches under way between the reading thread and the run.
const BATCHES_AHEAD: usize = 3;

/// See the module.
pub struct CsvConnector {
    config: CsvSource,
}

/// A file that is open and whose header has been read.
pub(super) struct Opened {
    pub(super) records: Records<TextReader<File>>,
    pub(super) header: Header,
    pub(super) file: Found,
}

impl CsvConnector {
    #[must_use]
    pub const fn new(config: CsvSource) -> Self {
        Self { config }
    }

    /// The files to be read, the newest first, once they stand still.
    async fn found(&self) -> Result<Vec<Found>, Failure> {
        let found = on_thread(&self.config, |config| files::find(&config.path, config.pick)).await?;
        files::settle(&found, Duration::from_secs(self.config.settled_s.into())).await?;
        Ok(found)
    }

    /// The first of them, opened.
    async fn opened(&self) -> Result<Opened, Failure> {
        let file = self.found().await?.into_iter().next();
        let file =
            file.ok_or_else(|| Failure::new(ErrorCode::SourceMissing, "there is no file to be read"))?;
        on_thread(&self.config, move |config| open(config, file)).await
    }
}

async fn on_thread<T, F>(config: &CsvSource, work: F) -> Result<T, Failure>
where
    T: Send + 'static,
    F: FnOnce(&CsvSource) -> Result<T, Failure> + Send + 'static,
{
    let config = config.clone();
    let done = tokio::task::spawn_blocking(move || work(&config)).await;
    done.unwrap_or_else(|error| Err(Failure::new(ErrorCode::Internal, format!("reading broke off: {error}"))))
}

impl PosConnector for CsvConnector {
    fn check(&self) -> Answer<'_, String> {
        async move {
            let Opened { header, file, .. } = self.opened().await?;
            let (path, size, columns) = (file.path.display(), file.stamp.size, header.names.len());
            Ok(format!("{path} has {size} bytes and {columns} columns"))
        }
        .boxed()
    }

    fn discover(&self) -> Answer<'_, Vec<FoundColumn>> {
        async move {
            let header = self.opened().await?.header;
            let names = header.names.iter().enumerate();
            Ok(names
                .map(|(at, name)| FoundColumn { header: name.clone(), field: header.field(at) })
                .collect())
        }
        .boxed()
    }

    fn open(&self) -> Answer<'_, Reading> {
        async move {
            let found = self.found().await?;
            let bytes_total = found.iter().map(|file| file.stamp.size).sum();
            let archive = !self.config.archive.is_empty();
            let afterwards = archive.then(|| {
                let folder = self.config.archive.clone().into();
                Box::new(Archive { files: found.clone(), folder }) as Box<dyn Afterwards>
            });
            // Opened one after the other; what is wrong with the first is told before anything is begun.
            let (first, config) = on_thread(&self.config, {
                let file = found.first().cloned();
                move |config| Ok((file.map(|file| open(config, file)).transpose()?, config.clone()))
            })
            .await?;
            let (hand_over, batches) = mpsc::channel(BATCHES_AHEAD);
            tokio::task::spawn_blocking(move || {
                let several = found.len() > 1;
                let rest = found.into_iter().skip(1).map(|file| open(&config, file));
                let files = first.map(Ok).into_iter().chain(rest);
                let failed = Reader::new(&config, several)
                    .run(files, |batch| hand_over.blocking_send(Ok(batch)).is_ok());
                if let Err(failure) = failed {
                    // Nobody listens when the run is over, and then nobody misses it.
                    let _ignored = hand_over.blocking_send(Err(failure));
                }
            });
            let batches = futures_util::stream::unfold(batches, |mut batches| async move {
                batches.recv().await.map(|batch| (batch, batches))
            });
            Ok(Reading { bytes_total, batches: batches.boxed(), afterwards })
        }
        .boxed()
    }
}

fn open(config: &CsvSource, found: Found) -> Result<Opened, Failure> {
    let malformed =
        |what: String| Failure::new(ErrorCode::SourceMalformed, format!("{}: {what}", found.path.display()));
    let delimiter = config
        .delimiter_byte()
        .ok_or_else(|| malformed("the delimiter must be one ASCII character".to_owned()))?;
    let mut file = File::open(&found.path).map_err(|error| files::unreadable(&found.path, &error))?;
    let mut start = [0; 3];
    let length = io::Read::by_ref(&mut file)
        .take(3)
        .read(&mut start)
        .and_then(|length| io::Seek::rewind(&mut file).map(|()| length))
        .map_err(|error| files::unreadable(&found.path, &error))?;
    if let Some(marked) = text::contradicting_mark(&start[..length], config.encoding) {
        let (set, marked) = (text::name(config.encoding), text::name(marked));
        return Err(malformed(format!("the encoding is set to {set}, but the file is marked as {marked}")));
    }
    let mut records = Records::new(TextReader::new(file, config.encoding), delimiter);
    let Some(row) = records.advance().map_err(|error| files::unreadable(&found.path, &error))? else {
        return Err(malformed(
            "the file is empty; a first line with the names of the columns is expected".to_owned(),
        ));
    };
    if let Some(broken) = row.broken {
        return Err(malformed(format!("the first line cannot be read: {broken}")));
    }
    let mut names = Vec::with_capacity(row.columns);
    for at in 0..row.columns {
        let name = std::str::from_utf8(records.field(at)).map_err(|_| {
            malformed(format!(
                "the first line is not {}; set the encoding of the file",
                text::name(TextEncoding::Utf8)
            ))
        })?;
        names.push(name.trim().to_owned());
    }
    let header = Header::find(names, &config.columns).map_err(malformed)?;
    Ok(Opened { records, header, file: found })
}
